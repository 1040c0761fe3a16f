"""What the map says around a target: how far it can go in each direction, as the learned predictor reads it."""

import numpy as np
from numpy.typing import NDArray

from rspt.perception.jit import kernel

RAYS = 32
RAY_WIDTH = 3
"""Numbers of a ray: the way to the first obstacle, the way to the first cell that is not known to be free, both as a
share of the reach, and the share of unknown cells on the way to the obstacle."""
REACH_M = 6.0
_STEP_M = 0.15
_NEAR_M = 0.6
"""The target stands on cells that nobody sees: unknown cells nearer than this do not end the free way."""
_KNOWN = 0.2
"""Log-odds from which on a cell counts as occupied, or as free where they are negative."""
_ANGLES = 2.0 * np.pi * np.arange(RAYS) / RAYS
_DIRECTIONS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


@kernel
def look_around(
    values: NDArray[np.float32],
    corner: NDArray[np.int64],
    cell_m: float,
    x: float,
    y: float,
    cos: float,
    sin: float,
    rays: NDArray[np.float32],
) -> None:
    """Write what 32 rays from a place meet, counter-clockwise from a heading.

    Args:
        values: (N, N) log-odds of one world's map, N a power of two.
        corner: (2,) of the map's window.
        cell_m: edge of a cell in metres.
        x: of the place in the odometry frame in metres.
        y: likewise.
        cos: of the heading.
        sin: of the heading.
        rays: (RAYS, RAY_WIDTH) written.
    """
    cells = len(values)
    mask = cells - 1
    start_x, start_y = x / cell_m - corner[0], y / cell_m - corner[1]
    steps = int(REACH_M / _STEP_M + 0.5)
    near = int(_NEAR_M / _STEP_M + 0.5)
    step = _STEP_M / cell_m
    for ray in range(RAYS):
        along_x = step * (cos * _DIRECTIONS[ray, 0] - sin * _DIRECTIONS[ray, 1])
        along_y = step * (sin * _DIRECTIONS[ray, 0] + cos * _DIRECTIONS[ray, 1])
        blocked, unfree, unknown = steps, steps, 0
        for k in range(steps):
            column, row = start_x + (k + 0.5) * along_x, start_y + (k + 0.5) * along_y
            value = np.float32(0.0)
            if 0.0 <= column < cells and 0.0 <= row < cells:
                value = values[(corner[1] + int(row)) & mask, (corner[0] + int(column)) & mask]
            if value > _KNOWN:
                blocked = k
                break
            if value > -_KNOWN:
                unknown += 1
                if unfree == steps and k >= near:
                    unfree = k
        rays[ray, 0] = blocked / steps
        rays[ray, 1] = min(unfree, blocked) / steps
        rays[ray, 2] = unknown / max(blocked, 1)
