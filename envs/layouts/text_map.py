"""Rooms drawn by hand as text: a header, a blank line, and one character per cell."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.errors import LayoutError
from envs.layouts.grid_map import PRISM_LIMIT, boxes_of
from envs.layouts.layout import WALL_HEIGHT_M, Layout, Prisms
from envs.layouts.rectangles import rectangles_of
from envs.reading import read_text

SIDE_LIMIT_CELLS = 1000
LOW_HEIGHT_M = 0.5
TABLE_TOP_M = (0.70, 0.76)
TABLE_LEG_HALF_M = 0.03
FACINGS = {">": 0.0, "^": math.pi / 2, "<": math.pi, "v": -math.pi / 2}
CHARACTERS = ".# olt" + "T" + "".join(FACINGS)

_NUMBERS = {"cell": (0.1, 10.0), "wall_height": (0.1, 10.0)}
_LOW_COLOR, _TABLE_COLOR, _PILLAR_COLOR = 2, 9, 10


class TextMap(NamedTuple):
    """What a text map draws.

    Attributes:
        layout: the layout.
        tracker_start: (3,) x, y in metres and yaw in radians, or None if no `>`, `<`, `^` or `v` is drawn.
        target_start: (2,) x, y in metres, or None if no `T` is drawn.
    """

    layout: Layout
    tracker_start: NDArray[np.float64] | None
    target_start: NDArray[np.float64] | None


def layout_from_text(text: str, *, name: str = "text") -> Layout:
    """The layout that a text draws; `docs/layouts.md` describes the format.

    Raises:
        LayoutError: naming the line, the column, the character and those allowed.
    """
    return _parsed(text, name=name, source=name).layout


def read_text_map(path_or_text: str | Path) -> TextMap:
    """Layout and starts of a text map; a string with a line break is the map itself, anything else a file's path.

    Raises:
        LayoutError: naming the file, the line, the column, the character and those allowed.
    """
    if isinstance(path_or_text, str) and "\n" in path_or_text:
        return _parsed(path_or_text, name="text", source="text")
    path = Path(path_or_text)
    text = read_text(path, limit_bytes=2 * (SIDE_LIMIT_CELLS + 2) ** 2, error=LayoutError)
    return _parsed(text, name=path.stem, source=str(path))


def _parsed(text: str, *, name: str, source: str) -> TextMap:
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if "" not in lines:
        raise LayoutError(f"{source}: no blank line between the header (`cell: 0.5`) and the rows of the map")
    blank = lines.index("")
    header = _header(source, lines[:blank])
    grid = _grid(source, lines[blank + 1 :], first_line=blank + 2)
    cell_m = float(header["cell"])
    prisms = _prisms_of(source, grid, cell_m, float(header.get("wall_height", WALL_HEIGHT_M)))
    bounds = (0.0, 0.0, grid.shape[1] * cell_m, grid.shape[0] * cell_m)
    layout = Layout(str(header.get("name", name)), bounds, prisms, source)
    robot = _start(source, grid, tuple(FACINGS), cell_m)
    target = _start(source, grid, ("T",), cell_m)
    return TextMap(
        layout,
        tracker_start=None if robot is None else np.append(robot[0], FACINGS[robot[1]]),
        target_start=None if target is None else target[0],
    )


def _header(source: str, lines: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, line in enumerate(lines, start=1):
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or key not in (*_NUMBERS, "name") or key in found or not value:
            allowed = "`cell: metres`, `name: text` and `wall_height: metres`, once each"
            raise LayoutError(f"{source}: line {number}: {line!r:.60} in the header, allowed are {allowed}")
        found[key] = value if key == "name" else _number(source, number, key, value)
    if "cell" not in found:
        raise LayoutError(f"{source}: the header has no `cell: metres`")
    return found


def _number(source: str, line: int, key: str, value: str) -> float:
    lowest, highest = _NUMBERS[key]
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not lowest <= number <= highest:
        allowed = f"a number from {lowest:g} to {highest:g} m is allowed"
        raise LayoutError(f"{source}: line {line}: {key} is {value!r:.60}, {allowed}")
    return number


def _grid(source: str, rows: list[str], *, first_line: int) -> NDArray[np.str_]:
    """The characters (H, W) with row 0 the lowest one."""
    if not rows or not rows[0]:
        raise LayoutError(f"{source}: no rows of a map after the header")
    width = len(rows[0])
    if max(len(rows), width) > SIDE_LIMIT_CELLS:
        limit = f"at most {SIDE_LIMIT_CELLS} each are allowed"
        raise LayoutError(f"{source}: {len(rows)} rows of {width} characters, {limit}")
    for number, row in enumerate(rows, start=first_line):
        if len(row) != width:
            reason = f"has {len(row)} characters, the first row has {width}"
            raise LayoutError(f"{source}: line {number} {reason}")
        for column, character in enumerate(row, start=1):
            if character not in CHARACTERS:
                allowed = " ".join(CHARACTERS.replace(" ", "")) + " and blank"
                where = f"line {number}, column {column}"
                raise LayoutError(f"{source}: {where}: character {character!r}, allowed are {allowed}")
    return np.array([list(row) for row in rows])[::-1]


def _prisms_of(source: str, grid: NDArray[np.str_], cell_m: float, wall_height_m: float) -> Prisms:
    pillars = np.argwhere(grid == "o")
    centers = (pillars[:, ::-1] + 0.5) * cell_m
    prisms = Prisms.concatenate(
        [
            boxes_of(rectangles_of(grid == "#"), cell_m, z=(0.0, wall_height_m), color=0),
            Prisms.cylinders(centers, cell_m / 2, z=(0.0, wall_height_m), color=_PILLAR_COLOR),
            boxes_of(rectangles_of(grid == "l"), cell_m, z=(0.0, LOW_HEIGHT_M), color=_LOW_COLOR),
            _tables(source, grid == "t", cell_m),
        ]
    )
    if len(prisms) > PRISM_LIMIT:
        raise LayoutError(f"{source}: the map would need {len(prisms)} prisms, at most {PRISM_LIMIT} are allowed")
    return prisms


def _tables(source: str, mask: NDArray[np.bool_], cell_m: float) -> Prisms:
    """A slab over each connected rectangle of cells, and a leg in each of its corners."""
    stats = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)[2]
    left, bottom, width, height, area = stats[1:].T
    ragged = np.flatnonzero(area != width * height)
    if len(ragged):
        line_up, column = int(bottom[ragged[0]]), int(left[ragged[0]])
        corner = f"column {column + 1}, row {line_up + 1} from below"
        raise LayoutError(f"{source}: the table at {corner} is no rectangle of t's")
    half = np.stack([width, height], axis=1) * (cell_m / 2)
    center = np.stack([left, bottom], axis=1) * cell_m + half
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    legs = center[:, None] + (half - TABLE_LEG_HALF_M)[:, None] * corners
    leg_half = (TABLE_LEG_HALF_M, TABLE_LEG_HALF_M)
    slabs = Prisms.boxes(center, half, z=TABLE_TOP_M, color=_TABLE_COLOR)
    return Prisms.concatenate([slabs, Prisms.boxes(legs, leg_half, z=(0.0, TABLE_TOP_M[0]), color=_TABLE_COLOR)])


def _start(
    source: str, grid: NDArray[np.str_], characters: tuple[str, ...], cell_m: float
) -> tuple[NDArray[np.float64], str] | None:
    """Centre (2,) in metres of the one cell with one of the characters, and that character."""
    found = np.argwhere(np.isin(grid, characters))
    if len(found) > 1:
        raise LayoutError(f"{source}: {len(found)} starts of {' '.join(characters)}, at most one is allowed")
    if not len(found):
        return None
    row, column = (int(index) for index in found[0])
    return np.array([column + 0.5, row + 0.5]) * cell_m, str(grid[row, column])
