"""Maze: narrow ways between thin walls, braided so that there are loops, with hedges one can look over."""

import numpy as np
from numpy.typing import NDArray

from envs.layouts.families import objects
from envs.layouts.families.grid import open_edges, rectangles, walls
from envs.layouts.families.placing import WALL_M, enclosed
from envs.layouts.layout import Layout

_NARROWEST_M = 1.6
_HEDGE_COLOR = 4


def make(size: float, rng: np.random.Generator) -> Layout:
    """A square of the given side in metres; the ways are 1.6-2.5 m wide and dead ends are rare."""
    pitch = rng.uniform(_NARROWEST_M + WALL_M + 0.05, 2.45)
    count = max(int((size - WALL_M) / pitch), 2)
    along, across = open_edges(count, count, rng.uniform(0.02, 0.12), rng)
    _braid(along, across, rng, rng.uniform(0.6, 1.0))
    solid = np.zeros((2 * count + 1, 2 * count + 1), dtype=bool)
    solid[2:-1:2, 1::2] = ~along
    solid[1::2, 2:-1:2] = ~across
    hedge = solid & (rng.random(solid.shape) < rng.uniform(0.0, 0.15))
    solid &= ~hedge
    _fill_posts(solid)
    lines = _lines(size, count)
    low = rectangles(hedge, lines, lines)
    parts = [walls(solid, lines, lines), objects.boxes(low, (0.0, rng.uniform(0.5, 0.7)), _HEDGE_COLOR)]
    return enclosed("maze", size, parts)


def _braid(along: NDArray[np.bool_], across: NDArray[np.bool_], rng: np.random.Generator, chance: float) -> None:
    """Open another side of a dead end, with a probability."""
    columns, rows = len(across), along.shape[1]
    for column, row in np.stack(np.nonzero(_ways(along, across) == 1), axis=1).tolist():
        sides = [(along, column - 1, row), (along, column, row), (across, column, row - 1), (across, column, row)]
        inside = [column > 0, column < columns - 1, row > 0, row < rows - 1]
        closed = [side for side, is_inside in zip(sides, inside, strict=True) if is_inside and not side[0][side[1:]]]
        if len(closed) == sum(inside) - 1 and closed and rng.random() < chance:
            table, i, j = closed[int(rng.integers(len(closed)))]
            table[i, j] = True


def _ways(along: NDArray[np.bool_], across: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number (columns, rows) of open sides of each cell."""
    ways = np.zeros((len(across), along.shape[1]), dtype=np.int64)
    ways[:-1] += along
    ways[1:] += along
    ways[:, :-1] += across
    ways[:, 1:] += across
    return ways


def _fill_posts(solid: NDArray[np.bool_]) -> None:
    """Posts stand where at least one wall ends."""
    posts = solid[2:-1:2, 2:-1:2]
    posts |= solid[1:-2:2, 2:-1:2] | solid[3::2, 2:-1:2] | solid[2:-1:2, 1:-2:2] | solid[2:-1:2, 3::2]


def _lines(size: float, count: int) -> NDArray[np.float64]:
    """Grid lines in metres: wall, way, wall, ..., way, wall."""
    pitch = (size - WALL_M) / count
    start = np.arange(count + 1) * pitch
    return np.stack([start, start + WALL_M], axis=1).reshape(-1)
