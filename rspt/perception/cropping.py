"""The kernel that turns a grid along the odometry axes into one that moves and turns with the robot."""

import numpy as np
from numpy.typing import NDArray

from rspt.perception.jit import kernel


@kernel
def crop_windows(
    worlds: NDArray[np.int64],
    poses: NDArray[np.float64],
    values: NDArray[np.float32],
    corners: NDArray[np.int64],
    cell_m: float,
    window_cells: int,
    window_cell_m: float,
    behind_m: float,
    out: NDArray[np.float32],
) -> None:
    """Write the windows (B, 2, G, G) of the given worlds; see `LocalMap.crop`."""
    # points on a lattice this fine fall into every cell, however the window is turned
    per_cell = max(int(np.ceil(np.sqrt(2.0) * window_cell_m / cell_m - 1e-9)), 1)
    spacing, size_m = window_cell_m / per_cell, window_cells * window_cell_m
    places = np.empty(per_cell * window_cells, dtype=np.int32)
    most = np.empty(per_cell * window_cells, dtype=np.float32)
    for world in worlds:
        corner, pose = corners[world], poses[world]
        flat = values[world].reshape(-1)
        cos, sin = np.cos(pose[2]), np.sin(pose[2])
        ahead, left = size_m - behind_m - 0.5 * spacing, 0.5 * (size_m - spacing)
        # in cells from the corner: the first point, and the way from one to the next in a row
        first = (
            (pose[0] + cos * ahead - sin * left) / cell_m - corner[0],
            (pose[1] + sin * ahead + cos * left) / cell_m - corner[1],
        )
        along = (spacing / cell_m * sin, -spacing / cell_m * cos)
        last = per_cell * window_cells - 1
        within = True
        for k in range(4):
            end = _moved(first, along, k % 2 * last, k // 2 * last)
            within = within and _holds(end[0], end[1], values.shape[1])
        for row in range(window_cells):
            if within:
                _greatest(flat, corner, values.shape[1], first, along, row * per_cell, per_cell, places, most)
            else:
                _greatest_or_unknown(values[world], corner, first, along, row * per_cell, per_cell, most)
            _show(most, per_cell, out, world, row)


@kernel
def _moved(first: tuple[float, float], along: tuple[float, float], point: float, line: float) -> tuple[float, float]:
    """A point of the lattice: so many points along a line, so many lines down."""
    return first[0] + point * along[0] + line * along[1], first[1] + point * along[1] - line * along[0]


@kernel
def _holds(x: float, y: float, cells: int) -> bool:
    """Whether a grid holds a point, in cells from its corner, a hair's breadth from the upper edges left out."""
    return 0.0 <= x < cells - 1e-3 and 0.0 <= y < cells - 1e-3


@kernel
def _greatest(
    flat: NDArray[np.float32],
    corner: NDArray[np.int64],
    cells: int,
    first: tuple[float, float],
    along: tuple[float, float],
    line: int,
    per_cell: int,
    places: NDArray[np.int32],
    most: NDArray[np.float32],
) -> None:
    """Write the greatest log-odds that each column of points meets in some lines; all points lie in the grid."""
    mask, pitch = np.int32(cells - 1), np.int32(cells)
    shift_x, shift_y = np.int32(corner[0] & (cells - 1)), np.int32(corner[1] & (cells - 1))
    step_x, step_y = np.float32(along[0]), np.float32(along[1])
    for k in range(len(most)):
        most[k] = -np.inf
    for more in range(per_cell):
        start = _moved(first, along, 0.0, line + more)
        x, y = np.float32(start[0]), np.float32(start[1])
        for k in range(len(places)):
            column, row = x + np.float32(np.int32(k)) * step_x, y + np.float32(np.int32(k)) * step_y
            places[k] = ((np.int32(row) + shift_y) & mask) * pitch + ((np.int32(column) + shift_x) & mask)
        for k in range(len(places)):
            most[k] = max(most[k], flat[np.uint32(places[k])])


@kernel
def _greatest_or_unknown(
    grid: NDArray[np.float32],
    corner: NDArray[np.int64],
    first: tuple[float, float],
    along: tuple[float, float],
    line: int,
    per_cell: int,
    most: NDArray[np.float32],
) -> None:
    """The same for lines that leave the grid."""
    mask = len(grid) - 1
    most[:] = -np.inf
    for more in range(per_cell):
        for k in range(len(most)):
            x, y = _moved(first, along, k, line + more)
            value = np.float32(0.0)
            if _holds(x, y, len(grid)):
                value = grid[(int(y) + corner[1]) & mask, (int(x) + corner[0]) & mask]
            most[k] = max(most[k], value)


@kernel
def _show(most: NDArray[np.float32], per_cell: int, out: NDArray[np.float32], world: int, row: int) -> None:
    """Write a row of the window from the greatest log-odds of its columns of points."""
    zero = np.float32(0.0)
    for cell in range(out.shape[3]):
        value = most[cell * per_cell]
        for k in range(1, per_cell):
            value = max(value, most[cell * per_cell + k])
        most[cell] = value
    for cell in range(out.shape[3]):
        most[cell] = _certainty(most[cell])
    for cell in range(out.shape[3]):
        out[world, 0, row, cell] = max(most[cell], zero)
        out[world, 1, row, cell] = max(-most[cell], zero)


@kernel
def _certainty(log_odds: np.float32) -> np.float32:
    """2 p - 1, which is the hyperbolic tangent of half the log-odds, to 1e-3 by its continued fraction."""
    half = min(max(np.float32(0.5) * log_odds, np.float32(-3.6)), np.float32(3.6))
    square = half * half
    value = half * (np.float32(945.0) + square * (np.float32(105.0) + square))
    value /= np.float32(945.0) + square * (np.float32(420.0) + np.float32(15.0) * square)
    return min(max(value, np.float32(-1.0)), np.float32(1.0))
