"""How finely the physics has to step: finer the faster a body comes to what it may touch."""

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.layouts.free_space import BODY_RADIUS_M, CELL_M
from envs.physics import CONTROL_DT_S, SUBSTEP_MOTION_M, SUBSTEPS_MAX, SUBSTEPS_MIN

OUT_OF_REACH = 0
_SPACING_M = 0.05
_GAP_M = 0.02  # the solver looks so far ahead
# no point of the way is farther from a sample than half their spacing
_REACH_M = BODY_RADIUS_M + _GAP_M + 0.5 * _SPACING_M


@kernel
def needed_substeps(
    worlds: NDArray[np.int64],
    clearance_cm: NDArray[np.uint8],
    shape: NDArray[np.int64],
    origin: NDArray[np.float64],
    poses: NDArray[np.float64],
    twists: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Physics steps (n,) for the control step of each given world; OUT_OF_REACH where no body can touch anything.

    Args:
        worlds: (n,) indices.
        clearance_cm: (W, N) clearance of each cell in centimetres, rounded down, row by row.
        shape: (W, 2) rows and columns of each world's grid.
        origin: (W, 2) x and y in metres of its lower left corner.
        poses: (W, M, 3) x, y in metres and yaw in radians.
        twists: (W, M, 3) velocity x, y in m/s and turn rate in rad/s, in the world.
    """
    needed = np.zeros(len(worlds), dtype=np.int64)
    for k in range(len(worlds)):
        world = worlds[k]
        near, speed = False, 0.0
        for i in range(poses.shape[1]):
            x, y = poses[world, i, 0], poses[world, i, 1]
            dx, dy = twists[world, i, 0], twists[world, i, 1]
            if _meets_clutter(clearance_cm[world], shape[world], x - origin[world, 0], y - origin[world, 1], dx, dy):
                near, speed = True, max(speed, np.hypot(dx, dy))
            for j in range(i):
                rx, ry = poses[world, j, 0] - x, poses[world, j, 1] - y
                vx, vy = twists[world, j, 0] - dx, twists[world, j, 1] - dy
                if _meet(rx, ry, vx, vy):
                    near, speed = True, max(speed, np.hypot(vx, vy))
        if near:
            steps = np.ceil(speed * CONTROL_DT_S / SUBSTEP_MOTION_M)
            needed[k] = int(min(max(steps, SUBSTEPS_MIN), SUBSTEPS_MAX))
    return needed


@kernel
def _meets_clutter(
    clearance_cm: NDArray[np.uint8], shape: NDArray[np.int64], x: float, y: float, dx: float, dy: float
) -> bool:
    """Whether a body at x, y in metres from the grid's corner may touch clutter while it moves with dx, dy in m/s."""
    rows, columns = shape
    samples = int(np.ceil(np.hypot(dx, dy) * CONTROL_DT_S / _SPACING_M)) + 1
    if not 0 < samples < 1000:  # also if a speed is not finite
        return True
    for sample in range(samples):
        time = CONTROL_DT_S * sample / max(samples - 1, 1)
        column, row = (x + dx * time) / CELL_M, (y + dy * time) / CELL_M
        if not (0.0 <= row < rows and 0.0 <= column < columns):
            return True
        # a cell's clearance is that of its centre
        off = CELL_M * np.hypot(column - np.floor(column) - 0.5, row - np.floor(row) - 0.5)
        if 0.01 * clearance_cm[int(row) * columns + int(column)] - off < _REACH_M:
            return True
    return False


@kernel
def _meet(rx: float, ry: float, vx: float, vy: float) -> bool:
    """Whether two bodies at an offset in metres that move with a relative velocity in m/s may touch in this step."""
    speed2 = vx * vx + vy * vy
    time = 0.0
    if speed2 > 0.0:
        time = min(max(-(rx * vx + ry * vy) / speed2, 0.0), CONTROL_DT_S)
    return not np.hypot(rx + vx * time, ry + vy * time) >= 2.0 * BODY_RADIUS_M + _GAP_M  # also if not finite
