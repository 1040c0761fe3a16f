"""`rspt layouts`: a picture of layouts from above."""

from argparse import Namespace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.layouts import FAMILIES
from envs.layouts.gallery import collect_layouts, draw_gallery
from rspt.errors import UsageError

_SUFFIXES = (".png", ".jpg", ".jpeg")
_TILE_PIXELS = 340


def main(options: Namespace) -> int:
    """Draw what the command line asks for and print the path of the picture."""
    if options.out.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"--out {str(options.out)!r}: the picture's suffix must be one of {', '.join(_SUFFIXES)}")
    names = options.layout or list(FAMILIES)
    layouts = collect_layouts(names, seeds=range(options.seeds), size_m=options.size, cell_m=options.cell)
    # one row for each family when nothing but families is shown
    columns = options.seeds if options.seeds > 1 and all(name in FAMILIES for name in names) else None
    save_picture(options.out, draw_gallery(layouts, columns=columns, pixels=_TILE_PIXELS))
    print(options.out)  # noqa: T201
    return 0


def save_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write an RGB picture (H, W, 3) in the format of the path's suffix."""
    smallest = [cv2.IMWRITE_PNG_COMPRESSION, 9]
    _, encoded = cv2.imencode(path.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), smallest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded.tobytes())
