"""How a mover keeps clear of walls and of other movers: probes of the grid, free headings, safe speeds (kernels)."""

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.layouts.free_space import CELL_M

WALL_M = 0.29
"""Clearance in metres that a mover's centre keeps; its radius is 0.25 m."""
STOP_M = 0.6
"""Distance in metres between two movers' centres at which one stops; contact is at 0.5 m."""
PASS_M = 0.68
"""Distance in metres at which one passes another."""
BRAKE_MPS2 = 3.5
SPEED_STEP_MPS2 = 4.0
_WATCH_M = 3.0
_WATCH_S = 1.5
_WARN_S = 1.0
_PROBE_M = 0.8
_ROLLING_RAD = 0.5
_TURNS = np.array([0.35, 0.7, 1.05, 1.4])
_COMPASS = 12


@kernel
def wrap(angle: float) -> float:
    """The angle in radians brought into [-π, π)."""
    return float((angle + np.pi) % (2.0 * np.pi) - np.pi)


@kernel
def clearance_at(grid: NDArray[np.uint8], x: float, y: float) -> float:
    """Clearance in metres at a point in metres from the grid's corner, interpolated; 0 outside."""
    rows, columns = grid.shape
    across, up = x / CELL_M - 0.5, y / CELL_M - 0.5
    column, row = int(np.floor(across)), int(np.floor(up))
    if row < 0 or column < 0 or row + 1 >= rows or column + 1 >= columns:
        return 0.0
    u, v = across - column, up - row
    lower = (1.0 - u) * grid[row, column] + u * grid[row, column + 1]
    upper = (1.0 - u) * grid[row + 1, column] + u * grid[row + 1, column + 1]
    return float(0.01 * ((1.0 - v) * lower + v * upper))


@kernel
def reach(grid: NDArray[np.uint8], x: float, y: float, heading: float, far_m: float, keep_m: float) -> float:
    """How far, in metres up to `far_m`, a straight line keeps the clearance, or at least what it has at its start."""
    step_x, step_y = CELL_M * np.cos(heading), CELL_M * np.sin(heading)
    before = clearance_at(grid, x, y)
    pieces = int(np.ceil(far_m / CELL_M - 1e-9))
    for i in range(1, pieces + 1):
        here = clearance_at(grid, x + i * step_x, y + i * step_y)
        if here < keep_m and here < before:
            return (i - 1) * CELL_M
        before = min(here, keep_m)
    return far_m


@kernel
def closest_approach(
    me: int,
    heading: float,
    speed: float,
    turn_max: float,
    poses: NDArray[np.float64],
    velocities: NDArray[np.float64],
    within_s: float,
) -> float:
    """How much closer than PASS_M (metres, 0 if not) anybody comes when all go straight on, beyond being close now.

    The mover itself first turns to the heading, on the spot where it has to turn far.
    """
    worst = 0.0
    turning_s = max(abs(wrap(heading - poses[me, 2])) - _ROLLING_RAD, 0.0) / turn_max
    for other in range(len(poses)):
        if other == me:
            continue
        x, y = poses[other, 0] - poses[me, 0], poses[other, 1] - poses[me, 1]
        now = np.sqrt(x * x + y * y)
        if now > _WATCH_M:
            continue
        speed_x = velocities[other, 0] * np.cos(poses[other, 2])
        speed_y = velocities[other, 0] * np.sin(poses[other, 2])
        then = _least_distance(x, y, speed_x, speed_y, turning_s)
        x, y = x + turning_s * speed_x, y + turning_s * speed_y
        speed_x, speed_y = speed_x - speed * np.cos(heading), speed_y - speed * np.sin(heading)
        then = min(then, _least_distance(x, y, speed_x, speed_y, within_s))
        worst = max(worst, min(PASS_M, now - 0.01) - then)
    return worst


@kernel
def _least_distance(x: float, y: float, speed_x: float, speed_y: float, within_s: float) -> float:
    """The least distance from the origin of a point that moves straight on for some seconds."""
    square = speed_x * speed_x + speed_y * speed_y
    after = 0.0
    if square > 1e-9:
        after = min(max(-(x * speed_x + y * speed_y) / square, 0.0), within_s)
    return float(np.sqrt((x + after * speed_x) ** 2 + (y + after * speed_y) ** 2))


@kernel
def anybody_near(me: int, poses: NDArray[np.float64]) -> bool:
    """Whether another mover is near enough to be watched."""
    for other in range(len(poses)):
        if other != me and abs(poses[other, 0] - poses[me, 0]) + abs(poses[other, 1] - poses[me, 1]) < 1.5 * _WATCH_M:
            return True
    return False


@kernel
def free_turn(
    grid: NDArray[np.uint8],
    corner: NDArray[np.float64],
    me: int,
    heading: float,
    speed: float,
    turn_max: float,
    side: float,
    poses: NDArray[np.float64],
    velocities: NDArray[np.float64],
) -> float:
    """The smallest turn (radians) from a heading on which nobody comes too close, NaN if there is none."""
    if closest_approach(me, heading, speed, turn_max, poses, velocities, _WATCH_S) <= 0.0:
        return 0.0
    x, y = poses[me, 0] - corner[0], poses[me, 1] - corner[1]
    for turn in _TURNS:
        for sign in (side, -side):
            direction = heading + sign * turn
            if closest_approach(me, direction, speed, turn_max, poses, velocities, _WATCH_S) > 0.0:
                continue
            if reach(grid, x, y, direction, _PROBE_M, WALL_M) >= _PROBE_M:
                return float(sign * turn)
    return np.nan


@kernel
def escape(
    grid: NDArray[np.uint8],
    corner: NDArray[np.float64],
    me: int,
    speed: float,
    turn_max: float,
    poses: NDArray[np.float64],
    velocities: NDArray[np.float64],
) -> float:
    """Where to go (heading in radians) when somebody is about to drive into a standing mover; NaN if nobody is."""
    yaw = poses[me, 2]
    if closest_approach(me, yaw, 0.0, turn_max, poses, velocities, _WARN_S) < PASS_M - STOP_M:
        return np.nan
    best, least = np.nan, np.inf
    x, y = poses[me, 0] - corner[0], poses[me, 1] - corner[1]
    for i in range(_COMPASS):
        turn = wrap(i * (2.0 * np.pi / _COMPASS))
        if reach(grid, x, y, yaw + turn, _PROBE_M, WALL_M) < 0.5:
            continue
        cost = 2.0 * closest_approach(me, yaw + turn, speed, turn_max, poses, velocities, _WATCH_S) + 0.05 * abs(turn)
        if cost < least:
            best, least = yaw + turn, cost
    return float(best)


@kernel
def safe_speed(
    grid: NDArray[np.uint8],
    corner: NDArray[np.float64],
    me: int,
    turn_rate: float,
    wanted: float,
    poses: NDArray[np.float64],
    velocities: NDArray[np.float64],
    dt_s: float,
) -> tuple[float, bool]:
    """The greatest of five shares of a speed after which a full brake still ends clear of everything.

    Returns:
        The speed in m/s, and whether another mover is why it is not the wanted one.
    """
    somebody = False
    near = anybody_near(me, poses)
    for fifth in range(4):
        speed = wanted * (1.0 - 0.25 * fifth)
        obstacle = _in_the_way(grid, corner, me, turn_rate, speed, near, poses, velocities, dt_s)
        if obstacle == 0:
            return speed, somebody
        somebody = somebody or obstacle == 2
    return 0.0, somebody


@kernel
def _in_the_way(
    grid: NDArray[np.uint8],
    corner: NDArray[np.float64],
    me: int,
    turn_rate: float,
    wanted: float,
    near: bool,
    poses: NDArray[np.float64],
    velocities: NDArray[np.float64],
    dt_s: float,
) -> int:
    """What one step at a speed and a brake after it run into: 0 nothing, 1 a wall, 2 a mover."""
    x, y = poses[me, 0], poses[me, 1]
    now = velocities[me, 0]
    change = SPEED_STEP_MPS2 * dt_s
    speed = min(max(wanted, now - change), now + change)
    brake_m = speed * abs(speed) / (2.0 * BRAKE_MPS2)
    heading = poses[me, 2] + 0.5 * turn_rate * dt_s
    after = poses[me, 2] + turn_rate * dt_s
    end_x, end_y = x + speed * dt_s * np.cos(heading), y + speed * dt_s * np.sin(heading)
    pieces = 1 + int(np.ceil(brake_m / CELL_M))
    before = clearance_at(grid, x - corner[0], y - corner[1])
    for i in range(pieces):
        along = brake_m * i / max(pieces - 1, 1)
        to_x, to_y = end_x + along * np.cos(after), end_y + along * np.sin(after)
        here = clearance_at(grid, to_x - corner[0], to_y - corner[1])
        if here < WALL_M and here < before:
            return 1
        before = min(here, WALL_M)
        if near and _hits(me, x, y, to_x, to_y, dt_s + along / max(speed, 0.1), poses, velocities):
            return 2
    return 0


@kernel
def _hits(
    me: int,
    x: float,
    y: float,
    to_x: float,
    to_y: float,
    after_s: float,
    poses: NDArray[np.float64],
    velocities: NDArray[np.float64],
) -> bool:
    """Whether a move brings two movers closer than STOP_M and closer than standing still would."""
    for other in range(len(poses)):
        if other == me:
            continue
        at_x, at_y = poses[other, 0], poses[other, 1]
        then_x = at_x + after_s * velocities[other, 0] * np.cos(poses[other, 2])
        then_y = at_y + after_s * velocities[other, 0] * np.sin(poses[other, 2])
        # where it is now counts as well: it may stop at once
        for other_x, other_y in ((at_x, at_y), (then_x, then_y)):
            moved = (to_x - other_x) ** 2 + (to_y - other_y) ** 2
            if moved < STOP_M**2 and moved < (x - other_x) ** 2 + (y - other_y) ** 2:
                return True
    return False
