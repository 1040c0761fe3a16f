"""Questions to a map: clearance at a point, straight ways, lines of sight, and where to head for along a route."""

import numpy as np
from numpy.typing import NDArray

from agents.jit import kernel, uncounted_kernel

_STEP_M = 0.05
"""Spacing in metres at which a straight way is read."""
_CARROT_STEP_M = 0.2


@uncounted_kernel
def clearance_at(
    clearance: NDArray[np.float32], origin: NDArray[np.float64], cell_m: float, x: float, y: float
) -> float:
    """Metres to the nearest obstacle, interpolated between the centres of four cells; 0 outside the grid."""
    rows, columns = clearance.shape
    row, column = (y - origin[1]) / cell_m - 0.5, (x - origin[0]) / cell_m - 0.5
    if row < -0.5 or column < -0.5 or row > rows - 0.5 or column > columns - 0.5:
        return 0.0
    row, column = min(max(row, 0.0), rows - 1.0), min(max(column, 0.0), columns - 1.0)
    i, j = min(int(row), max(rows - 2, 0)), min(int(column), max(columns - 2, 0))
    k, m = min(i + 1, rows - 1), min(j + 1, columns - 1)
    u, v = row - i, column - j
    lower = clearance[i, j] * (1.0 - v) + clearance[i, m] * v
    upper = clearance[k, j] * (1.0 - v) + clearance[k, m] * v
    return float(lower * (1.0 - u) + upper * u)


@uncounted_kernel
def is_drivable(
    clearance: NDArray[np.float32],
    origin: NDArray[np.float64],
    cell_m: float,
    x: float,
    y: float,
    to_x: float,
    to_y: float,
    keep_m: float,
) -> bool:
    """Whether the straight way keeps `keep_m` of clearance, or as much as there is at its beginning."""
    length = np.hypot(to_x - x, to_y - y)
    enough = min(keep_m, clearance_at(clearance, origin, cell_m, x, y))
    pieces = int(length / _STEP_M) + 1
    for i in range(1, pieces + 1):
        share = i / pieces
        if clearance_at(clearance, origin, cell_m, x + share * (to_x - x), y + share * (to_y - y)) < enough:
            return False
    return True


@uncounted_kernel
def sees(
    opaque: NDArray[np.uint8], origin: NDArray[np.float64], cell_m: float, x: float, y: float, to_x: float, to_y: float
) -> bool:
    """Whether no opaque cell is crossed by the straight line between two points; visits every cell once."""
    rows, columns = opaque.shape
    column, row = int(np.floor((x - origin[0]) / cell_m)), int(np.floor((y - origin[1]) / cell_m))
    to_column, to_row = int(np.floor((to_x - origin[0]) / cell_m)), int(np.floor((to_y - origin[1]) / cell_m))
    dx, dy = to_x - x, to_y - y
    column_step, row_step = (1 if dx > 0 else -1), (1 if dy > 0 else -1)
    # the share of the line at which the next column and the next row begin
    edge_x = origin[0] + (column + (1 if dx > 0 else 0)) * cell_m
    edge_y = origin[1] + (row + (1 if dy > 0 else 0)) * cell_m
    at_column = (edge_x - x) / dx if dx != 0.0 else np.inf
    at_row = (edge_y - y) / dy if dy != 0.0 else np.inf
    per_column = cell_m / abs(dx) if dx != 0.0 else np.inf
    per_row = cell_m / abs(dy) if dy != 0.0 else np.inf
    for _ in range(abs(to_column - column) + abs(to_row - row) + 1):
        if 0 <= row < rows and 0 <= column < columns and opaque[row, column] != 0:
            return False
        if at_column < at_row:
            column, at_column = column + column_step, at_column + per_column
        else:
            row, at_row = row + row_step, at_row + per_row
    return True


@kernel
def way_ahead(
    route: NDArray[np.float64],
    clearance: NDArray[np.float32],
    origin: NDArray[np.float64],
    cell_m: float,
    x: float,
    y: float,
    keep_m: float,
    reach_m: float,
) -> NDArray[np.float64]:
    """What is left of a route (K, 2): its farthest point that can be driven to straight, then the points behind it.

    Returns:
        Points (N, 2); none where no point of the route can be driven to.
    """
    carrot_x, carrot_y, piece_of_carrot = 0.0, 0.0, -1
    for i in range(len(route) - 1):
        dx, dy = route[i + 1, 0] - route[i, 0], route[i + 1, 1] - route[i, 1]
        pieces = int(np.hypot(dx, dy) / _CARROT_STEP_M) + 1
        for piece in range(1, pieces + 1):
            at_x, at_y = route[i, 0] + piece / pieces * dx, route[i, 1] + piece / pieces * dy
            if np.hypot(at_x - x, at_y - y) <= reach_m and is_drivable(
                clearance, origin, cell_m, x, y, at_x, at_y, keep_m
            ):
                carrot_x, carrot_y, piece_of_carrot = at_x, at_y, i
    if piece_of_carrot < 0:
        return np.zeros((0, 2))
    ahead = np.empty((len(route) - piece_of_carrot, 2))
    ahead[0, 0], ahead[0, 1] = carrot_x, carrot_y
    ahead[1:] = route[piece_of_carrot + 1 :]
    return ahead
