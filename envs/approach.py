"""How finely the physics has to step: finer the faster a body comes to what it may touch."""

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.layouts.free_space import BODY_RADIUS_M, CELL_M
from envs.layouts.layout import BODY_CLEARANCE_M
from envs.physics import CONTROL_DT_S, SUBSTEP_MOTION_M, SUBSTEPS_MAX, SUBSTEPS_MIN
from envs.sensors.scene import COS, HALF_X, HALF_Y, SIN, Z_LOW, SceneArrays, X, Y

OUT_OF_REACH = 0
_SPACING_M, _FINE_M = 0.05, 0.02
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
    scene: SceneArrays,
) -> NDArray[np.int64]:
    """Physics steps (n,) for the control step of each given world; OUT_OF_REACH where no body can touch anything.

    Args:
        worlds: (n,) indices.
        clearance_cm: (W, N) clearance of each cell in centimetres, rounded down, row by row.
        shape: (W, 2) rows and columns of each world's grid.
        origin: (W, 2) x and y in metres of its lower left corner.
        poses: (W, M, 3) x, y in metres and yaw in radians.
        twists: (W, M, 3) velocity x, y in m/s and turn rate in rad/s, in the world.
        scene: the prisms of every world, asked where the grid of clearances leaves it open.
    """
    needed = np.zeros(len(worlds), dtype=np.int64)
    for k in range(len(worlds)):
        world = worlds[k]
        near, speed = False, 0.0
        for i in range(poses.shape[1]):
            x, y = poses[world, i, 0], poses[world, i, 1]
            dx, dy = twists[world, i, 0], twists[world, i, 1]
            corner_x, corner_y = origin[world, 0], origin[world, 1]
            if _nears_clutter(clearance_cm[world], shape[world], x - corner_x, y - corner_y, dx, dy) and _meets_prism(
                scene, world, x, y, dx, dy
            ):
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
def _nears_clutter(
    clearance_cm: NDArray[np.uint8], shape: NDArray[np.int64], x: float, y: float, dx: float, dy: float
) -> bool:
    """Whether a body at x, y in metres from the grid's corner may touch clutter while it moves with dx, dy in m/s.

    Quick and cautious, for the clearance is known at the centres of cells alone.
    """
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
def _meets_prism(scene: SceneArrays, world: int, x: float, y: float, dx: float, dy: float) -> bool:
    """The same exactly, for a body at x, y in metres in the world."""
    x_min, y_min, cell_m = scene.frames[world, 0], scene.frames[world, 1], scene.frames[world, 2]
    columns, rows, first_record, first_start, first_item = scene.places[world]
    ways = max(int(np.ceil(np.hypot(dx, dy) * CONTROL_DT_S / _FINE_M)), 1)
    reach = BODY_RADIUS_M + _GAP_M + 0.5 * _FINE_M
    to_x, to_y = x + dx * CONTROL_DT_S, y + dy * CONTROL_DT_S
    column_from, column_to = int((min(x, to_x) - reach - x_min) / cell_m), int((max(x, to_x) + reach - x_min) / cell_m)
    row_from, row_to = int((min(y, to_y) - reach - y_min) / cell_m), int((max(y, to_y) + reach - y_min) / cell_m)
    if not (x_min <= x < x_min + columns * cell_m and y_min <= y < y_min + rows * cell_m and ways < 1000):
        return True
    for row in range(max(row_from, 0), min(row_to, rows - 1) + 1):
        for column in range(max(column_from, 0), min(column_to, columns - 1) + 1):
            # a ring of empty cells lies around the grid
            cell = first_start + (row + 1) * (columns + 2) + column + 1
            for k in range(scene.starts[cell], scene.starts[cell + 1]):
                record = scene.records[first_record + scene.items[first_item + k]]
                if record[Z_LOW] >= BODY_CLEARANCE_M:
                    continue
                for way in range(ways + 1):
                    share = CONTROL_DT_S * way / ways
                    if _distance(record, x + dx * share, y + dy * share) < reach:
                        return True
    return False


@kernel
def _distance(record: NDArray[np.float64], x: float, y: float) -> float:
    """From a point to a prism on the ground in metres, 0 inside."""
    offset_x, offset_y = x - record[X], y - record[Y]
    if record[HALF_Y] < 0.0:  # a cylinder
        return float(max(np.hypot(offset_x, offset_y) - record[HALF_X], 0.0))
    along = max(abs(record[COS] * offset_x + record[SIN] * offset_y) - record[HALF_X], 0.0)
    across = max(abs(record[COS] * offset_y - record[SIN] * offset_x) - record[HALF_Y], 0.0)
    return float(np.hypot(along, across))


@kernel
def _meet(rx: float, ry: float, vx: float, vy: float) -> bool:
    """Whether two bodies at an offset in metres that move with a relative velocity in m/s may touch in this step."""
    speed2 = vx * vx + vy * vy
    time = 0.0
    if speed2 > 0.0:
        time = min(max(-(rx * vx + ry * vy) / speed2, 0.0), CONTROL_DT_S)
    return not np.hypot(rx + vx * time, ry + vy * time) >= 2.0 * BODY_RADIUS_M + _GAP_M  # also if not finite
