"""A picture of many layouts, seen from above."""

from collections.abc import Sequence

import cv2
import numpy as np

from envs.drawing import Color, Picture, TopDown
from envs.errors import LayoutError
from envs.layouts import FAMILIES, make_layout
from envs.layouts.files import is_layout_path, load_layout
from envs.layouts.free_space import FreeSpace, free_space
from envs.layouts.layout import Layout, Prisms

_PAPER: Color = (255, 255, 255)
_INK: Color = (40, 42, 48)
_GRAY: Color = (112, 116, 124)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_MARGIN = 14
_TITLE = 44
_LEGEND = 42
_SAMPLE = 28
_SLOT = 158
_LEGEND_ENTRIES: tuple[tuple[str, tuple[float, float] | None, bool], ...] = (
    ("start and drive", None, True),
    ("not reached", None, False),
    ("low, < 0.8 m", (0.0, 0.5), True),
    ("tall", (0.0, 2.0), True),
    ("hangs low", (0.7, 0.8), True),
    ("hangs overhead", (2.1, 2.4), True),
)


def collect_layouts(
    texts: Sequence[str], *, seeds: Sequence[int], size_m: float | None = None, cell_m: float | None = None
) -> list[Layout]:
    """Layouts by families' names, one for each seed, and by files' paths.

    Raises:
        LayoutError: if a text is neither a family nor a file that holds a layout.
    """
    layouts = []
    for text in texts:
        if text not in FAMILIES and is_layout_path(text):
            layouts.append(load_layout(text, cell_m=cell_m))
        else:
            layouts += [make_layout(text, np.random.default_rng(seed), size_m=size_m) for seed in seeds]
    return layouts


def draw_gallery(layouts: Sequence[Layout], *, columns: int | None = None, pixels: int = 420) -> Picture:
    """One tile for each layout, with a title, and a legend below.

    The light ground is the region where bodies start and drive.

    Args:
        layouts: at least one.
        columns: tiles in a row; as many as make the picture about square when None.
        pixels: side of a tile's drawing.

    Returns:
        The picture (H, W, 3), RGB.

    Raises:
        ValueError: if there is no layout, or a number is not positive.
    """
    if not layouts or pixels < 1 or (columns is not None and columns < 1):
        raise ValueError(f"a gallery needs layouts and positive sizes, got {len(layouts)}, {columns=}, {pixels=}")
    columns = min(columns or int(np.ceil(np.sqrt(len(layouts)))), len(layouts))
    rows = -(-len(layouts) // columns)
    wide, high = pixels + _MARGIN, pixels + _TITLE + _MARGIN
    width = max(columns * wide, len(_LEGEND_ENTRIES) * _SLOT) + _MARGIN
    gallery = np.full((rows * high + _MARGIN + _LEGEND, width, 3), _PAPER, dtype=np.uint8)
    for index, layout in enumerate(layouts):
        row, column = divmod(index, columns)
        top, left = _MARGIN + row * high, _MARGIN + column * wide
        gallery[top : top + high - _MARGIN, left : left + pixels] = _tile(layout, pixels)
    _draw_legend(gallery)
    return gallery


def _tile(layout: Layout, pixels: int) -> Picture:
    """The layout under two lines of text; one that cannot be played is replaced by the reason."""
    tile = np.full((_TITLE + pixels, pixels, 3), _PAPER, dtype=np.uint8)
    x_min, y_min, x_max, y_max = layout.bounds
    facts = f"{x_max - x_min:.1f} x {y_max - y_min:.1f} m  {len(layout.prisms)} prisms"
    try:
        space = free_space(layout)
    except LayoutError as error:
        _write_block(tile, str(error), _TITLE + 30)
        facts = f"{facts}  not playable"
    else:
        picture = TopDown(layout, pixels=pixels, space=space).background
        tile[_TITLE : _TITLE + picture.shape[0], : picture.shape[1]] = picture
        facts = f"{facts}  {space.area_m2:.0f} m2 drivable"
    _write(tile, layout.name, 0, 17, 0.6, _INK)
    _write(tile, facts, 0, 37, 0.4, _GRAY)
    code_width = cv2.getTextSize(layout.hash, _FONT, 0.4, 1)[0][0]
    _write(tile, layout.hash, pixels - code_width, 17, 0.4, _GRAY)
    return tile


def _write(picture: Picture, text: str, left: int, baseline: int, scale: float, color: Color) -> None:
    cv2.putText(picture, text, (left, baseline), _FONT, scale, color, 1, cv2.LINE_AA)


def _write_block(picture: Picture, text: str, baseline: int) -> None:
    """Text in lines of the picture's width."""
    letters = max(picture.shape[1] // 8, 1)
    for line, start in enumerate(range(0, len(text), letters)):
        _write(picture, text[start : start + letters], 4, baseline + 18 * line, 0.42, _INK)


def _draw_legend(gallery: Picture) -> None:
    """What the drawing means: each class of height as a small layout of one prism, and both kinds of ground."""
    top = gallery.shape[0] - _LEGEND
    for index, (text, z, is_free) in enumerate(_LEGEND_ENTRIES):
        left = _MARGIN + index * _SLOT
        gallery[top : top + _SAMPLE, left : left + _SAMPLE] = _sample(z, is_free)
        _write(gallery, text, left + _SAMPLE + 8, top + 19, 0.42, _INK)


def _sample(z: tuple[float, float] | None, is_free: bool) -> Picture:
    prisms = Prisms.empty() if z is None else Prisms.boxes([[1.0, 1.0]], (0.6, 0.6), z=z, color=6)
    layout = Layout(name="sample", bounds=(0.0, 0.0, 2.0, 2.0), prisms=prisms)
    cells = np.full((20, 20), is_free, dtype=np.uint8)
    ground = FreeSpace(np.zeros(2), cells.astype(np.float32), 0 * cells, cells, np.argwhere(cells).astype(np.int32))
    return TopDown(layout, pixels=_SAMPLE, space=ground).background
