"""Solid cells of an uneven grid as few boxes, and the open edges of a network with loops."""

import numpy as np
from numpy.typing import NDArray

from envs.layouts.families import objects
from envs.layouts.families.placing import Spots, spots
from envs.layouts.layout import WALL_HEIGHT_M, Prisms


def rectangles(solid: NDArray[np.bool_], x: NDArray[np.float64], y: NDArray[np.float64]) -> Spots:
    """Cover the solid cells (columns, rows) between grid lines x (columns + 1,) and y (rows + 1,) in metres.

    Walls thinner than they are long stay whole: runs along x first, then runs along y of what is left.
    """
    left = solid.copy()
    boxes: list[tuple[int, int, int, int]] = []
    for axis in (0, 1):
        cells = left if axis == 0 else left.T
        for line in range(cells.shape[1]):
            for start, end in _runs(cells[:, line]):
                if axis == 1 or end - start > 1:
                    boxes.append((start, end, line, line + 1) if axis == 0 else (line, line + 1, start, end))
                    cells[start:end, line] = False
    if not boxes:
        return spots(np.zeros((0, 2)), (1.0, 1.0))
    a, b, c, d = np.array(boxes).T
    low, high = np.stack([x[a], y[c]], axis=1), np.stack([x[b], y[d]], axis=1)
    return spots((low + high) / 2, (high - low) / 2)


def _runs(cells: NDArray[np.bool_]) -> list[tuple[int, int]]:
    change = np.flatnonzero(np.diff(np.concatenate([[False], cells, [False]]).astype(np.int8)))
    return list(zip(change[::2].tolist(), change[1::2].tolist(), strict=True))


def walls(solid: NDArray[np.bool_], x: NDArray[np.float64], y: NDArray[np.float64]) -> Prisms:
    """The solid cells as walls."""
    return objects.boxes(rectangles(solid, x, y), (0.0, WALL_HEIGHT_M))


def open_edges(
    columns: int, rows: int, loops: float, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which neighbours of a grid of crossings are joined: a random spanning tree, and others with a probability.

    Returns:
        (columns - 1, rows) to the next column and (columns, rows - 1) to the next row.
    """
    along, across = np.zeros((columns - 1, rows), dtype=bool), np.zeros((columns, rows - 1), dtype=bool)
    parent = list(range(columns * rows))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    edges = rng.permutation(along.size + across.size)
    extra = rng.random(len(edges)) < loops
    for edge, more in zip(edges.tolist(), extra.tolist(), strict=True):
        table, index = (along, edge) if edge < along.size else (across, edge - along.size)
        column, row = divmod(index, table.shape[1])
        first = root(column * rows + row)
        second = root((column + 1) * rows + row if table is along else column * rows + row + 1)
        parent[first] = second
        table[column, row] = first != second or more
    return along, across
