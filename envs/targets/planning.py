"""What all planning movers share: where one stands, random places around it, and routes to them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.layouts.free_space import CELL_M, FreeSpace
from envs.paths import PathWorkspace, find_path, nearest_free_cell, shorten

MAX_EXPANDED = 8_000
"""Cells that a search for a route may expand: the cost is bounded whatever the size of the map."""
MAX_WAYPOINTS = 64
_GREED = 1.3
_KEEP_M = 0.45
_SNAP_CELLS = 15
_AVOID_M = 0.85
_AVOID_WITHIN_M = 4.0
_CORNER = np.zeros(2)


class Situation(NamedTuple):
    """Where a mover that plans is, and who is around.

    Attributes:
        space: the layout's free space.
        workspace: scratch memory of the path search.
        poses: (M, 3) of all movers, x, y in metres and yaw in radians.
        me: the row of the mover that plans.
    """

    space: FreeSpace
    workspace: PathWorkspace
    poses: NDArray[np.float64]
    me: int

    def start_cell(self) -> NDArray[np.int64]:
        """The region's cell nearest to the mover, (-1, -1) if there is none near."""
        return nearest_free_cell(self.space.region, self.space.cell_of(self.poses[self.me, :2]), _SNAP_CELLS)

    def discs_of_others(self) -> NDArray[np.float64]:
        """Discs (K, 3) row, column, radius in cells around the movers nearby, for a route that avoids them."""
        others = np.delete(self.poses[:, :2], self.me, axis=0)
        near = np.hypot(*(others - self.poses[self.me, :2]).T) < _AVOID_WITHIN_M
        rows_columns = (others[near] - self.space.origin)[:, ::-1] / CELL_M - 0.5
        return np.column_stack([rows_columns, np.full(len(rows_columns), _AVOID_M / CELL_M)])


def route(
    situation: Situation,
    start: NDArray[np.int64],
    goal: NDArray[np.int64],
    *,
    avoid: NDArray[np.float64],
    max_expanded: int = MAX_EXPANDED,
) -> NDArray[np.float64]:
    """Waypoints (K, 2) in metres from the grid's corner; (0, 2) if no path was found within the budget."""
    space = situation.space
    cells = find_path(
        space.clearance,
        space.region,
        start,
        goal,
        situation.workspace,
        max_expanded=max_expanded,
        greed=_GREED,
        avoid=avoid,
    )
    return shorten(cells, space.clearance, _CORNER, CELL_M, _KEEP_M)[:MAX_WAYPOINTS]


@kernel
def cells_around(
    region: NDArray[np.uint8],
    row: int,
    column: int,
    near_m: float,
    far_m: float,
    numbers: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Random cells (K, 2) of a region at a distance from a cell; the later ones may be nearer, for small rooms.

    Args:
        region: (H, W) nonzero where a mover may be.
        row: of the middle.
        column: of the middle.
        near_m: least straight distance in metres.
        far_m: greatest one.
        numbers: (N, 2) in [0, 1), one pair for each try.
    """
    count = len(numbers)
    cells = np.empty((count, 2), dtype=np.int64)
    found = 0
    for i in range(count):
        shrink = 1.0 - i / count
        distance = (near_m + (far_m - near_m) * numbers[i, 0]) * shrink / CELL_M
        direction = 2.0 * np.pi * numbers[i, 1]
        to_row = row + int(np.floor(distance * np.sin(direction) + 0.5))
        to_column = column + int(np.floor(distance * np.cos(direction) + 0.5))
        if to_row < 0 or to_row >= region.shape[0] or to_column < 0 or to_column >= region.shape[1]:
            continue
        if region[to_row, to_column] != 0:
            cells[found, 0], cells[found, 1] = to_row, to_column
            found += 1
    return cells[:found]
