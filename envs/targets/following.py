"""Where a mover wants to go now: along its path, along a recorded track, or wherever there is room (kernels)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.targets.avoidance import WALL_M, clearance_at, reach, wrap
from envs.targets.state import uniform

_WINDOW_M = 2.0
_AHEAD_POINTS = 4
_HOLD_M = 0.25
_WANDER_TURNS = np.array([0.0, 0.4, -0.4, 0.8, -0.8, 1.4, -1.4, 2.2, -2.2])
_WANDER_FAR_M = 1.6
_WANDER_KEEP_M = 0.4


@kernel
def _project(path: NDArray[np.float64], segment: int, x: float, y: float) -> tuple[float, float]:
    """Share of a segment at which a point's foot lies, and the square of its distance."""
    from_x, from_y = path[segment, 0], path[segment, 1]
    along_x, along_y = path[segment + 1, 0] - from_x, path[segment + 1, 1] - from_y
    square = along_x * along_x + along_y * along_y
    share = 0.0
    if square > 1e-12:
        share = min(max(((x - from_x) * along_x + (y - from_y) * along_y) / square, 0.0), 1.0)
    return share, (from_x + share * along_x - x) ** 2 + (from_y + share * along_y - y) ** 2


@kernel
def _length(path: NDArray[np.float64], segment: int) -> float:
    return float(np.hypot(path[segment + 1, 0] - path[segment, 0], path[segment + 1, 1] - path[segment, 1]))


@kernel
def along_path(
    mover: Any, path: NDArray[np.float64], grid: NDArray[np.uint8], x: float, y: float, speed: float
) -> tuple[float, float, bool]:
    """The heading (radians) to a point ahead on the path, the length left in metres, and whether the way there is free.

    The mover's `segment` moves on to the nearest piece within the next metres of the path.

    Args:
        mover: record, with at least two path points.
        path: (L, 2) waypoints in metres from the grid's corner.
        grid: (H, W) clearance in centimetres.
        x: of the mover in metres from the grid's corner.
        y: the same across.
        speed: m/s; the faster, the farther it looks ahead.
    """
    best, share, least, seen = mover.segment, 0.0, np.inf, 0.0
    for segment in range(mover.segment, mover.count - 1):
        at, square = _project(path, segment, x, y)
        if square < least:
            best, share, least = segment, at, square
        seen += _length(path, segment)
        if seen > _WINDOW_M:
            break
    mover.segment = best
    left = (1.0 - share) * _length(path, best)
    for segment in range(best + 1, mover.count - 1):
        left += _length(path, segment)
    ahead = min(max(0.35 + 0.35 * abs(speed), 0.4), 0.9)
    heading = 0.0
    for _ in range(3):
        to_x, to_y = _point_ahead(path, mover.count, best, share, ahead)
        distance = np.hypot(to_x - x, to_y - y)
        heading = np.arctan2(to_y - y, to_x - x)
        if distance < 0.1 or reach(grid, x, y, heading, distance, WALL_M - 0.02) >= distance - 0.1:
            return heading, left, True
        ahead *= 0.5
    return heading, left, False


@kernel
def _point_ahead(
    path: NDArray[np.float64], count: int, segment: int, share: float, ahead: float
) -> tuple[float, float]:
    while segment < count - 1:
        length = _length(path, segment)
        if length * (1.0 - share) >= ahead and length > 0.0:
            share += ahead / length
            x = path[segment, 0] + share * (path[segment + 1, 0] - path[segment, 0])
            return x, path[segment, 1] + share * (path[segment + 1, 1] - path[segment, 1])
        ahead -= length * (1.0 - share)
        segment, share = segment + 1, 0.0
    return path[count - 1, 0], path[count - 1, 1]


@kernel
def along_track(
    mover: Any, path: NDArray[np.float64], x: float, y: float, yaw: float, dt_s: float
) -> tuple[float, float]:
    """Heading in radians and speed in m/s that bring a mover to where the track is a few steps later.

    The track's clock slows down while the mover is behind, and turns round at both ends.
    """
    last = float(mover.count - 1)
    due = min(max(mover.clock + mover.sense * _AHEAD_POINTS, 0.0), last)
    to_x, to_y = _point_at(path, due, x, y)
    distance = np.hypot(to_x, to_y)
    lag = np.hypot(*_point_at(path, mover.clock, x, y))
    mover.clock += mover.sense * min(max(2.0 - 2.0 * lag / _HOLD_M, 0.0), 1.0)
    if mover.clock >= last:
        mover.clock, mover.sense = last, -1.0
    elif mover.clock <= 0.0:
        mover.clock, mover.sense = 0.0, 1.0
    if distance < 0.03:
        return yaw, 0.0
    return float(np.arctan2(to_y, to_x)), float(distance / (_AHEAD_POINTS * dt_s))


@kernel
def _point_at(path: NDArray[np.float64], clock: float, x: float, y: float) -> tuple[float, float]:
    """The track's point at a time, relative to a position."""
    before = int(clock)
    after = before if clock == before else before + 1
    share = clock - before
    to_x = path[before, 0] + share * (path[after, 0] - path[before, 0]) - x
    return to_x, path[before, 1] + share * (path[after, 1] - path[before, 1]) - y


@kernel
def wandering(mover: Any, grid: NDArray[np.uint8], x: float, y: float, yaw: float) -> tuple[float, float]:
    """The heading of a smooth random walk that turns from walls, and the share of the speed that the room allows."""
    mover.drift = 0.9 * mover.drift + 0.25 * (uniform(mover) - 0.5)
    keep_m = min(_WANDER_KEEP_M, clearance_at(grid, x, y))
    ahead = reach(grid, x, y, yaw + mover.drift, _WANDER_FAR_M, keep_m)
    if ahead >= _WANDER_FAR_M:
        mover.side = 1.0 if mover.drift > 0.0 else -1.0
        return yaw + mover.drift, 1.0
    best, room, most = 0.0, 0.0, -np.inf
    for turn in _WANDER_TURNS:
        free = reach(grid, x, y, yaw + turn, _WANDER_FAR_M, keep_m)
        # the side once chosen is kept, or it would swing to and fro in front of a wall
        merit = free - 0.25 * abs(turn) + (0.3 if turn * mover.side > 0.0 else 0.0)
        if merit > most:
            best, room, most = turn, free, merit
    if room < 0.3:
        return yaw + 2.5 * mover.side, 0.0
    mover.side = 1.0 if best > 0.0 else (-1.0 if best < 0.0 else mover.side)
    return float(wrap(yaw + best)), min(max(ahead - 0.2, 0.1), 1.0)
