"""MovingAI grid maps (`.map`) as layouts."""

import math
from pathlib import Path

import numpy as np

from envs.errors import LayoutError
from envs.layouts.grid_map import FREE, TREE, WALL, WATER, layout_of_grid
from envs.layouts.layout import Layout
from envs.reading import read_text

SIDE_LIMIT_CELLS = 1000
CELL_M = 1.0
CELL_LIMITS_M = (0.1, 10.0)

_KINDS = {".": FREE, "G": FREE, "S": FREE, "@": WALL, "O": WALL, "T": TREE, "W": WATER}


def read_movingai(path: str | Path, *, cell_m: float = CELL_M) -> Layout:
    """The layout of a MovingAI map; the format has no scale of its own.

    `@` and `O` become walls, `T` trees as high as walls, `W` water that is seen over but not crossed; `.`, `G` and `S`
    are free.

    Args:
        path: the file.
        cell_m: side of a cell in metres.

    Raises:
        LayoutError: naming the file, the line and what is allowed.
    """
    path = Path(path)
    if not CELL_LIMITS_M[0] <= cell_m <= CELL_LIMITS_M[1]:
        lowest, highest = CELL_LIMITS_M
        raise LayoutError(f"{path}: cell_m is {cell_m}, a number from {lowest:g} to {highest:g} m is allowed")
    text = read_text(path, limit_bytes=2 * (SIDE_LIMIT_CELLS + 2) ** 2, error=LayoutError)
    lines = text.rstrip("\n").split("\n")
    width, height, first = _header(path, lines)
    rows = lines[first:]
    while len(rows) > height and not rows[-1].strip():
        rows.pop()
    if len(rows) != height:
        raise LayoutError(f"{path}: {len(rows)} rows after 'map', the header says height {height}")
    cells = np.zeros((height, width), dtype=np.uint8)
    for index, row in enumerate(rows):
        cells[index] = _cells_of(path, first + index + 1, row, width)
    return layout_of_grid(cells[::-1], cell_m=cell_m, name=path.stem, source=str(path), reach_m=math.inf)


def _header(path: Path, lines: list[str]) -> tuple[int, int, int]:
    """Width, height, and the index of the first line after the header."""
    found: dict[str, str] = {}
    for index, line in enumerate(lines[:4]):
        words = line.split()
        if words == ["map"]:
            break
        if len(words) != 2 or words[0] not in ("type", "height", "width") or words[0] in found:
            allowed = "'type octile', 'height H' and 'width W', once each, and then 'map'"
            raise LayoutError(f"{path}: line {index + 1}: {line!r:.60}, allowed are {allowed}")
        found[words[0]] = words[1]
    else:
        raise LayoutError(f"{path}: no line 'map' among the first four")
    if found.get("type", "octile") != "octile":
        raise LayoutError(f"{path}: type is {found['type']!r:.60}, allowed is octile")
    width, height = (_side(path, name, found.get(name)) for name in ("width", "height"))
    return width, height, index + 1


def _side(path: Path, name: str, value: str | None) -> int:
    if value is None:
        raise LayoutError(f"{path}: the header has no {name}")
    number = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0
    if not 0 < number <= SIDE_LIMIT_CELLS:
        raise LayoutError(f"{path}: {name} is {value!r:.60}, a whole number from 1 to {SIDE_LIMIT_CELLS} is allowed")
    return number


def _cells_of(path: Path, number: int, row: str, width: int) -> list[int]:
    if len(row) != width:
        raise LayoutError(f"{path}: line {number} has {len(row)} characters, the header says width {width}")
    for column, character in enumerate(row):
        if character not in _KINDS:
            allowed = " ".join(_KINDS)
            raise LayoutError(
                f"{path}: line {number}, column {column + 1}: character {character!r}, allowed are {allowed}"
            )
    return [_KINDS[character] for character in row]
