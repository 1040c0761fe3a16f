"""`rspt layouts`: a picture of layouts from above."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.layouts import FAMILIES, make_layout
from envs.layouts.files import is_layout_path, load_layout
from envs.layouts.gallery import draw_gallery
from envs.layouts.layout import Layout
from rspt.errors import UsageError

_SUFFIXES = (".png", ".jpg", ".jpeg")


def main(options: Namespace) -> int:
    """Draw what the command line asks for and print the path of the picture."""
    if options.out.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"--out {str(options.out)!r}: the picture's suffix must be one of {', '.join(_SUFFIXES)}")
    names = options.layout or list(FAMILIES)
    layouts = collected(names, seeds=options.seeds, size_m=options.size, cell_m=options.cell)
    # one row for each family when nothing but families is shown
    columns = options.seeds if options.seeds > 1 and all(name in FAMILIES for name in names) else None
    save_picture(options.out, draw_gallery(layouts, columns=columns))
    print(options.out)  # noqa: T201
    return 0


def collected(names: Sequence[str], *, seeds: int, size_m: float | None, cell_m: float | None) -> list[Layout]:
    """Layouts by family, one for each seed, and by file.

    Raises:
        LayoutError: for an unknown family, or a file that holds no layout.
    """
    layouts = []
    for name in names:
        if name not in FAMILIES and is_layout_path(name):
            layouts.append(load_layout(name, cell_m=cell_m))
        else:
            layouts += [make_layout(name, np.random.default_rng(seed), size_m=size_m) for seed in range(seeds)]
    return layouts


def save_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write an RGB picture (H, W, 3) in the format of the path's suffix."""
    _, encoded = cv2.imencode(path.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded.tobytes())
