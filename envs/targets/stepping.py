"""One control step of all scripted movers of all worlds in one kernel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.layouts.free_space import CELL_M
from envs.paths import sees
from envs.targets.avoidance import anybody_near, escape, free_turn, safe_speed, wrap
from envs.targets.following import along_path, along_track, wandering
from envs.targets.state import BLOCKED, EVADE, EXTERNAL, NEW_GOAL, NO_EVENT, REPLAY, REROUTE, WANDER, keep_speed

ARRIVED_M = 0.4
_PROGRESS_M = 0.05
_STANDING_MPS = 0.1
_TURN_GAIN = 3.5
_TURN_IN_PLACE_RAD = 1.0
_SLOW_MPS2 = 2.0
_CALM = 0.75
_TIRED_STEPS = 30
_DISCOVERED_M = 2.0
_REPLAN_STEPS = 5


@kernel
def step_movers(
    state: NDArray[Any],
    paths: NDArray[np.float64],
    clearance: NDArray[np.uint8],
    opaque: NDArray[np.uint8],
    shapes: NDArray[np.int64],
    origins: NDArray[np.float64],
    poses: NDArray[np.float64],
    velocities: NDArray[np.float64],
    active: NDArray[np.bool_],
    dt_s: float,
    actions: NDArray[np.float64],
    deadlocked_steps: NDArray[np.int64],
) -> None:
    """Write the actions (W, M - 1, 2) of the scripted movers of the active worlds, count deadlocks and raise events."""
    for world in range(len(state)):
        if not active[world]:
            continue
        rows, columns = shapes[world, 0], shapes[world, 1]
        grid = clearance[world, : rows * columns].reshape(rows, columns)
        hiding = opaque[world, : rows * columns].reshape(rows, columns)
        for index in range(state.shape[1]):
            mover = state[world, index]
            if mover.kind == EXTERNAL:
                continue
            path, corner, me = paths[world, index], origins[world], index + 1
            forward, turn, deadlocked = _step(
                mover, path, grid, hiding, corner, me, poses[world], velocities[world], dt_s
            )
            actions[world, index, 0] = min(max(forward / mover.speed_max, 0.0), 1.0)
            actions[world, index, 1] = min(max(turn / mover.turn_max, -1.0), 1.0)
            if deadlocked:
                deadlocked_steps[world, index] += 1


@kernel
def _step(
    mover: Any,
    path: NDArray[np.float64],
    grid: NDArray[np.uint8],
    hiding: NDArray[np.uint8],
    corner: NDArray[np.float64],
    me: int,
    poses: NDArray[np.float64],
    velocities: NDArray[np.float64],
    dt_s: float,
) -> tuple[float, float, bool]:
    """Forward speed in m/s and turn rate in rad/s of one mover, and whether another mover keeps it from moving."""
    x, y, yaw = poses[me, 0] - corner[0], poses[me, 1] - corner[1], poses[me, 2]
    speed = velocities[me, 0]
    mover.age += 1
    left = np.inf
    if mover.kind == REPLAY:
        heading, wanted = along_track(mover, path, x, y, yaw, dt_s)
        wanted = min(wanted, mover.speed_max)
    elif mover.kind == WANDER:
        keep_speed(mover)
        heading, room = wandering(mover, grid, x, y, yaw)
        wanted = room * mover.fraction * mover.speed_max
    else:
        if mover.kind == EVADE:
            _watch(mover, path, hiding, corner, me, poses, x, y)
        else:
            keep_speed(mover)
        heading, wanted, left = _follow(mover, path, grid, x, y, yaw, speed)
    heading, wanted, blocked = _around_others(mover, grid, corner, me, heading, wanted, poses, velocities)
    error = wrap(heading - yaw)
    turn = min(max(_TURN_GAIN * error, -mover.turn_max), mover.turn_max)
    bend = max(1.0 - abs(error) / _TURN_IN_PLACE_RAD, 0.0)
    aimed = wanted * (1.0 - (1.0 - bend) ** 2)
    forward, somebody = safe_speed(grid, corner, me, turn, aimed, poses, velocities, dt_s)
    blocked = (blocked and wanted > 0.0) or (somebody and forward < 0.5 * aimed)
    _note_progress(mover, left, wanted, blocked, dt_s)
    return forward, turn, blocked and abs(speed) < _STANDING_MPS


@kernel
def _follow(
    mover: Any, path: NDArray[np.float64], grid: NDArray[np.uint8], x: float, y: float, yaw: float, speed: float
) -> tuple[float, float, float]:
    """Heading, wanted speed and the length left of a mover on a path; it asks for a new one at its end."""
    settled = mover.age >= _REPLAN_STEPS
    if mover.count < 2:
        if settled:
            mover.event = NEW_GOAL
        return yaw, 0.0, 0.0
    heading, left, is_free = along_path(mover, path, grid, x, y, speed)
    if not is_free and settled:
        mover.event = REROUTE
    if mover.kind != EVADE and left < ARRIVED_M and settled:
        mover.event = NEW_GOAL
    wanted = mover.fraction * mover.speed_max
    return heading, min(wanted, np.sqrt(2.0 * _SLOW_MPS2 * left)) if left > 0.1 else 0.0, left


@kernel
def _watch(
    mover: Any,
    path: NDArray[np.float64],
    hiding: NDArray[np.uint8],
    corner: NDArray[np.float64],
    me: int,
    poses: NDArray[np.float64],
    x: float,
    y: float,
) -> None:
    """Run at full speed while the tracker can see the evader, and ask for a new hiding place when the old one fails."""
    tracker_x, tracker_y = poses[0, 0] - corner[0], poses[0, 1] - corner[1]
    seen = _sees_point(hiding, tracker_x, tracker_y, x, y)
    mover.fraction = 1.0 if seen else _CALM
    if mover.count < 2 or mover.age < mover.replan or (mover.age - mover.replan) % 3 != 0:
        return
    goal_x, goal_y = path[mover.count - 1, 0], path[mover.count - 1, 1]
    arrived = (goal_x - x) ** 2 + (goal_y - y) ** 2 < ARRIVED_M**2
    near = (tracker_x - x) ** 2 + (tracker_y - y) ** 2 < _DISCOVERED_M**2
    if arrived:
        if seen or near or mover.age > _TIRED_STEPS:
            mover.event = NEW_GOAL
    elif _sees_point(hiding, tracker_x, tracker_y, goal_x, goal_y):
        mover.event = NEW_GOAL


@kernel
def _sees_point(hiding: NDArray[np.uint8], x: float, y: float, to_x: float, to_y: float) -> bool:
    """Whether there is a line of sight between two points in metres from the grid's corner."""
    rows, columns = hiding.shape
    row, column = min(max(int(y / CELL_M), 0), rows - 1), min(max(int(x / CELL_M), 0), columns - 1)
    to_row, to_column = min(max(int(to_y / CELL_M), 0), rows - 1), min(max(int(to_x / CELL_M), 0), columns - 1)
    return bool(sees(hiding, row, column, to_row, to_column))


@kernel
def _around_others(
    mover: Any,
    grid: NDArray[np.uint8],
    corner: NDArray[np.float64],
    me: int,
    heading: float,
    wanted: float,
    poses: NDArray[np.float64],
    velocities: NDArray[np.float64],
) -> tuple[float, float, bool]:
    """The heading and speed that pass the others or give way to them, and whether there is no way past."""
    if not anybody_near(me, poses):
        return heading, wanted, False
    blocked = False
    if wanted > 0.0:
        turn = free_turn(grid, corner, me, heading, wanted, mover.turn_max, mover.side, poses, velocities)
        if turn == turn:  # not NaN
            if turn != 0.0:
                mover.side = 1.0 if turn > 0.0 else -1.0
            return heading + turn, wanted, False
        blocked = True
    away = escape(grid, corner, me, mover.speed_max, mover.turn_max, poses, velocities)
    if away == away:
        return away, 0.8 * mover.speed_max, blocked
    return heading, wanted, blocked


@kernel
def _note_progress(mover: Any, left: float, wanted: float, blocked: bool, dt_s: float) -> None:
    """Count the steps without progress on the path; ask for a detour first, for another goal later."""
    if left == np.inf:
        return
    if left < mover.least - _PROGRESS_M or (wanted == 0.0 and not blocked):
        mover.least = min(mover.least, left)
        mover.stalled = 0
        return
    mover.stalled += 1
    if mover.event != NO_EVENT:
        return
    if mover.stalled >= mover.patience:
        mover.event = BLOCKED
    elif blocked and mover.stalled == mover.patience // 2:
        mover.event = REROUTE
