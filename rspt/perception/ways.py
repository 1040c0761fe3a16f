"""How far a robot can go in each direction before something that is known blocks its way."""

import numpy as np
from numpy.typing import NDArray

from rspt.perception.jit import kernel

WAYS = 24
"""Directions, counter-clockwise from ahead."""
WAY_M = 2.5
"""Farther than this, in metres, nobody looks."""
_STEP_M = 0.05
_BEGIN_M = 0.15
"""The robot stands on what is nearer."""
_OCCUPIED = 0.2
"""Log-odds from which on a cell blocks the way."""
DIRECTIONS = np.stack(
    [np.cos(2.0 * np.pi * np.arange(WAYS) / WAYS), np.sin(2.0 * np.pi * np.arange(WAYS) / WAYS)], axis=1
)
"""(WAYS, 2) forward and left."""


@kernel
def measure_ways(
    worlds: NDArray[np.int64],
    poses: NDArray[np.float64],
    values: NDArray[np.float32],
    corners: NDArray[np.int64],
    cell_m: float,
    out: NDArray[np.float64],
) -> None:
    """Write the ways (B, WAYS) in metres of the given worlds; see `LocalMap.ways`."""
    cells = values.shape[1]
    mask = cells - 1
    step = _STEP_M / cell_m
    for world in worlds:
        corner = corners[world]
        flat = values[world].reshape(-1)
        cos, sin = np.cos(poses[world, 2]), np.sin(poses[world, 2])
        x, y = poses[world, 0] / cell_m - corner[0], poses[world, 1] / cell_m - corner[1]
        for way in range(WAYS):
            along_x = step * (cos * DIRECTIONS[way, 0] - sin * DIRECTIONS[way, 1])
            along_y = step * (sin * DIRECTIONS[way, 0] + cos * DIRECTIONS[way, 1])
            free_m = WAY_M
            for k in range(int(_BEGIN_M / _STEP_M), int(WAY_M / _STEP_M)):
                column, row = x + k * along_x, y + k * along_y
                if not (0.0 <= column < cells and 0.0 <= row < cells):
                    break
                place = ((corner[1] + int(row)) & mask) * cells + ((corner[0] + int(column)) & mask)
                if flat[place] > _OCCUPIED:
                    free_m = k * _STEP_M
                    break
            out[world, way] = free_m
