"""Shortest comfortable paths on a grid, and lines of sight: plain arrays in, plain arrays out."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.heap import pop, push
from envs.jit import kernel

COMFORT_M = 0.6
"""Below this clearance, in metres, a path gets dearer, so that it keeps to the middle of doors."""
PENALTY = 4.0
"""How many times dearer a cell without any clearance is, on top of its length."""

_ROW_STEP = np.array([0, 1, 0, -1, 1, 1, -1, -1])
_COLUMN_STEP = np.array([1, 0, -1, 0, 1, -1, -1, 1])
_NO_DISCS = np.zeros((0, 3))
_SQRT2 = float(np.sqrt(2.0))


class PathWorkspace(NamedTuple):
    """Scratch arrays of the search, used again without being cleared: a cell counts only with the present stamp.

    Attributes:
        cost: (N,) cost from the start.
        stamp: (N,) twice the search's number for an open cell, one more for a closed one.
        parent: (N,) the cell before this one.
        heap_key: (S,) estimated total cost of the open entries, a binary heap.
        heap_cell: (S,) the cells of these entries.
        counters: (2,) number of the last search, and the cells that it expanded.
    """

    cost: NDArray[np.float64]
    stamp: NDArray[np.int32]
    parent: NDArray[np.int32]
    heap_key: NDArray[np.float64]
    heap_cell: NDArray[np.int32]
    counters: NDArray[np.int64]

    @classmethod
    def sized(cls, cells: int, *, max_expanded: int) -> "PathWorkspace":
        """A workspace for grids of up to `cells` cells and searches of up to `max_expanded` expansions."""
        entries = 8 * min(max_expanded, cells) + 1
        return cls(
            cost=np.empty(cells),
            stamp=np.zeros(cells, dtype=np.int32),
            parent=np.empty(cells, dtype=np.int32),
            heap_key=np.empty(entries),
            heap_cell=np.empty(entries, dtype=np.int32),
            counters=np.zeros(2, dtype=np.int64),
        )


def find_path(
    clearance: NDArray[np.float32],
    region: NDArray[np.uint8],
    start_cell: NDArray[Any],
    goal_cell: NDArray[Any],
    workspace: PathWorkspace,
    *,
    max_expanded: int = 50_000,
    greed: float = 1.0,
    avoid: NDArray[np.float64] = _NO_DISCS,
) -> NDArray[np.int32]:
    """Search the cheapest 8-connected path (A*) that cuts no corner.

    A step costs its length in cells times the mean `travel_weight` of its two cells.

    Args:
        clearance: (H, W) metres to the nearest obstacle.
        region: (H, W) nonzero where a path may run.
        start_cell: (2,) row and column.
        goal_cell: (2,) row and column.
        workspace: scratch memory, at least H * W cells large.
        max_expanded: how many cells may be expanded before the search gives up.
        greed: factor on the estimate of the remaining cost; 1 gives the cheapest path, more gives a path that costs at
            most that factor more after fewer expansions.
        avoid: (K, 3) discs row, column, radius in cells that a path may leave but not enter.

    Returns:
        Cells (N, 2) from start to goal, both included; (0, 2) if there is no path, the search gave up, or an end lies
        outside the region.

    Raises:
        ValueError: if the grids differ in shape or the workspace is too small.
    """
    if clearance.shape != region.shape:
        raise ValueError(f"clearance {clearance.shape} and region {region.shape} must have the same shape")
    if region.size > len(workspace.cost):
        raise ValueError(f"the workspace holds {len(workspace.cost)} cells, but the grid has {region.size}")
    row_from, column_from, row_to, column_to = (int(i) for i in (*start_cell, *goal_cell))
    ends = row_from, column_from, row_to, column_to
    return _search(clearance, region, ends, workspace, max_expanded, float(greed), avoid)


@kernel
def travel_weight(clearance_m: float) -> float:
    """Cost per length of a cell: 1 in the open, rising with the square of what is missing to COMFORT_M."""
    missing = max(COMFORT_M - clearance_m, 0.0) / COMFORT_M
    return 1.0 + PENALTY * missing * missing


@kernel
def _octile(rows: int, columns: int) -> float:
    return max(abs(rows), abs(columns)) + (_SQRT2 - 1.0) * min(abs(rows), abs(columns))


@kernel
def _enters(avoid: NDArray[np.float64], row: int, column: int, to_row: int, to_column: int) -> bool:
    """Whether a step ends inside a disc without leading away from its centre."""
    for i in range(len(avoid)):
        after = (to_row - avoid[i, 0]) ** 2 + (to_column - avoid[i, 1]) ** 2
        before = (row - avoid[i, 0]) ** 2 + (column - avoid[i, 1]) ** 2
        if after < avoid[i, 2] ** 2 and after <= before:
            return True
    return False


@kernel
def _next_stamp(workspace: PathWorkspace) -> int:
    if workspace.counters[0] >= 2**30 - 2:
        workspace.stamp[:] = 0
        workspace.counters[0] = 0
    workspace.counters[0] += 1
    return int(2 * workspace.counters[0])


@kernel
def _search(
    clearance: NDArray[np.float32],
    region: NDArray[np.uint8],
    ends: tuple[int, int, int, int],
    workspace: PathWorkspace,
    max_expanded: int,
    greed: float,
    avoid: NDArray[np.float64],
) -> NDArray[np.int32]:
    rows, columns = region.shape
    row_from, column_from, row_to, column_to = ends
    cost, stamp, parent, keys, cells, counters = workspace
    is_open = _next_stamp(workspace)
    counters[1] = 0
    nowhere = np.zeros((0, 2), dtype=np.int32)
    for row, column in ((row_from, column_from), (row_to, column_to)):
        if row < 0 or row >= rows or column < 0 or column >= columns or region[row, column] == 0:
            return nowhere
    start, goal = row_from * columns + column_from, row_to * columns + column_to
    cost[start], stamp[start], parent[start] = 0.0, is_open, start
    push(keys, cells, 0, 0.0, start)
    size = 1
    while size > 0:
        cell = pop(keys, cells, size)
        size -= 1
        if stamp[cell] == is_open + 1:
            continue
        stamp[cell] = is_open + 1
        if cell == goal:
            return _backtrack(parent, start, goal, columns)
        if counters[1] >= max_expanded or size + 8 > len(keys):
            return nowhere
        counters[1] += 1
        row, column = cell // columns, cell % columns
        weight = travel_weight(clearance[row, column])
        for step in range(8):
            to_row, to_column = row + _ROW_STEP[step], column + _COLUMN_STEP[step]
            if to_row < 0 or to_row >= rows or to_column < 0 or to_column >= columns or region[to_row, to_column] == 0:
                continue
            after = to_row * columns + to_column
            if stamp[after] == is_open + 1:
                continue
            if step >= 4 and (region[to_row, column] == 0 or region[row, to_column] == 0):
                continue
            if len(avoid) > 0 and _enters(avoid, row, column, to_row, to_column):
                continue
            length = 1.0 if step < 4 else _SQRT2
            total = cost[cell] + length * 0.5 * (weight + travel_weight(clearance[to_row, to_column]))
            if stamp[after] == is_open and cost[after] <= total:
                continue
            cost[after], stamp[after], parent[after] = total, is_open, cell
            push(keys, cells, size, total + greed * _octile(row_to - to_row, column_to - to_column), after)
            size += 1
    return nowhere


@kernel
def _backtrack(parent: NDArray[np.int32], start: int, goal: int, columns: int) -> NDArray[np.int32]:
    count, cell = 1, goal
    while cell != start:
        cell = parent[cell]
        count += 1
    path = np.empty((count, 2), dtype=np.int32)
    cell = goal
    for i in range(count - 1, -1, -1):
        path[i, 0], path[i, 1] = cell // columns, cell % columns
        cell = parent[cell]
    return path


@kernel
def _least_clearance(clearance: NDArray[np.float32], row: int, column: int, to_row: int, to_column: int) -> float:
    """The least clearance on the straight line between two cells, read every half cell."""
    pieces = max(2 * max(abs(to_row - row), abs(to_column - column)), 1)
    least = np.inf
    for i in range(pieces + 1):
        at_row = int(np.floor(row + (to_row - row) * i / pieces + 0.5))
        at_column = int(np.floor(column + (to_column - column) * i / pieces + 0.5))
        least = min(least, float(clearance[at_row, at_column]))
    return least


@kernel
def shorten(
    cells: NDArray[np.int32],
    clearance: NDArray[np.float32],
    origin: NDArray[np.float64],
    cell_m: float,
    keep_m: float,
) -> NDArray[np.float64]:
    """Pull a path of cells tight into few straight pieces.

    A straight piece may replace cells if it keeps `keep_m` of clearance, or at least as much as those cells do.

    Args:
        cells: (N, 2) row and column, from `find_path`.
        clearance: (H, W) metres to the nearest obstacle.
        origin: (2,) x and y in metres of the lower left corner of cell (0, 0).
        cell_m: edge of a cell in metres.
        keep_m: clearance in metres that is always enough.

    Returns:
        Waypoints (K, 2) x, y in metres; the first and the last are the centres of the path's ends.
    """
    count = len(cells)
    kept = np.empty((count, 2))
    size, anchor = 0, 0
    while anchor < count:
        kept[size, 0] = origin[0] + (cells[anchor, 1] + 0.5) * cell_m
        kept[size, 1] = origin[1] + (cells[anchor, 0] + 0.5) * cell_m
        size += 1
        enough = min(keep_m, float(clearance[cells[anchor, 0], cells[anchor, 1]]))
        best = anchor + 1
        for i in range(anchor + 1, count):
            enough = min(enough, float(clearance[cells[i, 0], cells[i, 1]]))
            line = _least_clearance(clearance, cells[anchor, 0], cells[anchor, 1], cells[i, 0], cells[i, 1])
            if line < enough:
                break
            best = i
        anchor = best
    result: NDArray[np.float64] = kept[:size].copy()
    return result


@kernel
def nearest_free_cell(region: NDArray[np.uint8], cell: NDArray[Any], max_radius: int) -> NDArray[np.int64]:
    """Row and column of the region's cell nearest to a cell, or (-1, -1) if none lies within `max_radius` cells."""
    rows, columns = region.shape
    nearest = np.full(2, -1, dtype=np.int64)
    least = max_radius * max_radius + 1
    for ring in range(max_radius + 1):
        if ring * ring >= least:
            break
        for i in range(-ring, ring + 1):
            # inner rows of a ring hold only its two ends
            step = 1 if abs(i) == ring else 2 * ring
            for j in range(-ring, ring + 1, step):
                row, column = cell[0] + i, cell[1] + j
                if row < 0 or row >= rows or column < 0 or column >= columns or region[row, column] == 0:
                    continue
                if i * i + j * j < least:
                    least = i * i + j * j
                    nearest[0], nearest[1] = row, column
    return nearest


@kernel
def sees(opaque: NDArray[np.uint8], row: int, column: int, to_row: int, to_column: int) -> bool:
    """Whether the straight line between the centres of two cells crosses no opaque cell; the ends do not count.

    It visits every cell that the line crosses, the same ones in both directions.
    """
    rows, columns = abs(to_row - row), abs(to_column - column)
    row_step, column_step = (1 if to_row > row else -1), (1 if to_column > column else -1)
    i = j = 0
    while i < rows or j < columns:
        ahead = (1 + 2 * j) * rows - (1 + 2 * i) * columns
        if ahead == 0:  # through a corner: closed if both cells beside it are
            if opaque[row + row_step, column] != 0 and opaque[row, column + column_step] != 0:
                return False
            row, column, i, j = row + row_step, column + column_step, i + 1, j + 1
        elif ahead < 0:
            column, j = column + column_step, j + 1
        else:
            row, i = row + row_step, i + 1
        if opaque[row, column] != 0 and (i < rows or j < columns):
            return False
    return True
