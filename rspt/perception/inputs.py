"""What the learned predictor sees: the target's past and its surroundings, in the target's own frame.

The frame lies where the target was seen last, as the filter has it, and looks where it was going; so a prediction does
not depend on where in the world a thing happens, nor on which way it is turned.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rspt.perception.jit import kernel
from rspt.perception.reconstruction import LocalMap
from rspt.perception.surroundings import RAY_WIDTH, RAYS, look_around
from rspt.perception.track import Track

SLOTS, SLOT_S = 16, 0.2
"""The past is told in so many slots of so many seconds, back from the last sighting."""
AGE_MAX_S = 6.0
"""A target that is unseen for longer is treated like one that is unseen for so long."""
(VELOCITY, AGE, NOW, ROOT_AGE, ROBOT, HEADING, DISTANCE) = (48, 50, 51, 52, 53, 55, 57)
"""Columns of the numbers after the 16 slots of x, y and whether it was seen: velocity along and across the heading in
m/s, seconds since the last sighting, whether that is now, the root of these seconds, the robot's place (over 4 m), the
cosine and sine of its heading, its distance (over 4 m)."""
WIDTH = 58
_SPAN_M = 4.0
_PLACE_MAX = 2.0  # of _SPAN_M: a robot further away is put there
_STANDING_MPS = 0.15
"""The direction of a slower velocity is noise."""
_MOVED_M = 0.2
FRAME_WIDTH = 4


class Inputs(NamedTuple):
    """Inputs of n targets.

    Attributes:
        numbers: (n, WIDTH).
        rays: (n, RAYS, RAY_WIDTH).
        frames: (n, 4) x, y in metres and cosine, sine of the heading of the target's frame in the odometry frame.
    """

    numbers: NDArray[np.float32]
    rays: NDArray[np.float32]
    frames: NDArray[np.float64]


class Past(NamedTuple):
    """The arrays of a `Track` that the inputs are made of."""

    position: NDArray[np.float64]
    velocity: NDArray[np.float64]
    age_s: NDArray[np.float64]
    stamps: NDArray[np.float64]
    seen: NDArray[np.bool_]
    positions: NDArray[np.float64]
    head: NDArray[np.int64]

    @classmethod
    def of(cls, track: Track) -> "Past":
        """The arrays of a track, by reference."""
        return cls(*(getattr(track, name) for name in cls._fields))


def inputs_of(
    rows: NDArray[np.int64],
    track: Track,
    local_map: LocalMap,
    map_of_row: NDArray[np.int64],
    pose: NDArray[np.float64],
) -> Inputs:
    """The inputs of the tracks (n,) of `rows`, each of which has been seen, in the maps `map_of_row` (B,).

    Args:
        rows: (n,) indices into the track.
        track: of B targets.
        local_map: maps, of which several targets may share one.
        map_of_row: (B,) index of each target's map.
        pose: (B, 3) of the robot of each target.
    """
    inputs = Inputs(
        np.zeros((len(rows), WIDTH), dtype=np.float32),
        np.zeros((len(rows), RAYS, RAY_WIDTH), dtype=np.float32),
        np.zeros((len(rows), FRAME_WIDTH)),
    )
    _gather(
        rows, map_of_row, Past.of(track), pose, local_map.values, local_map.corner, local_map.cell_m, *inputs
    )  # fmt: skip
    return inputs


def in_frames(positions: NDArray[np.float64], frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions (n, T, 2) of the odometry frame as the frames (n, 4) of `Inputs` see them."""
    offset = positions - frames[:, None, :2]
    cos, sin = frames[:, None, 2], frames[:, None, 3]
    turned = [cos * offset[..., 0] + sin * offset[..., 1], cos * offset[..., 1] - sin * offset[..., 0]]
    return np.stack(turned, axis=-1)


@kernel
def _gather(
    rows: NDArray[np.int64],
    map_of_row: NDArray[np.int64],
    past: Past,
    pose: NDArray[np.float64],
    values: NDArray[np.float32],
    corner: NDArray[np.int64],
    cell_m: float,
    numbers: NDArray[np.float32],
    rays: NDArray[np.float32],
    frames: NDArray[np.float64],
) -> None:
    for i in range(len(rows)):
        row = rows[i]
        place = map_of_row[row]
        perceive(row, past, pose[row], values[place], corner[place], cell_m, numbers[i], rays[i], frames[i])


@kernel
def perceive(
    row: int,
    past: Past,
    pose: NDArray[np.float64],
    values: NDArray[np.float32],
    corner: NDArray[np.int64],
    cell_m: float,
    numbers: NDArray[np.float32],
    rays: NDArray[np.float32],
    frame: NDArray[np.float64],
) -> None:
    """Write the inputs of one target that has been seen.

    Args:
        row: index into the track.
        past: arrays of the track.
        pose: (3,) of the robot.
        values: (N, N) of the map.
        corner: (2,) of the map.
        cell_m: edge of a cell in metres.
        numbers: (WIDTH,) written.
        rays: (RAYS, RAY_WIDTH) written.
        frame: (4,) written.
    """
    age = past.age_s[row]
    vx, vy = past.velocity[row, 0], past.velocity[row, 1]
    x, y = past.position[row, 0] - age * vx, past.position[row, 1] - age * vy
    entries = _recall(row, past)
    cos, sin = _heading(row, past, entries, x, y, vx, vy, pose)
    frame[0], frame[1], frame[2], frame[3] = x, y, cos, sin
    for slot in range(SLOTS):
        numbers[3 * slot : 3 * slot + 3] = 0.0
        if entries[slot] >= 0:
            dx, dy = past.positions[row, entries[slot], 0] - x, past.positions[row, entries[slot], 1] - y
            numbers[3 * slot], numbers[3 * slot + 1] = cos * dx + sin * dy, cos * dy - sin * dx
            numbers[3 * slot + 2] = 1.0
    numbers[VELOCITY], numbers[VELOCITY + 1] = cos * vx + sin * vy, cos * vy - sin * vx
    capped = min(age, AGE_MAX_S)
    numbers[AGE], numbers[NOW], numbers[ROOT_AGE] = capped, 1.0 if age <= 0.0 else 0.0, np.sqrt(capped)
    dx, dy = (pose[0] - x) / _SPAN_M, (pose[1] - y) / _SPAN_M
    distance = np.sqrt(dx * dx + dy * dy)
    shrink = min(1.0, _PLACE_MAX / max(distance, 1e-9))
    numbers[ROBOT], numbers[ROBOT + 1] = shrink * (cos * dx + sin * dy), shrink * (cos * dy - sin * dx)
    yaw_cos, yaw_sin = np.cos(pose[2]), np.sin(pose[2])
    numbers[HEADING], numbers[HEADING + 1] = cos * yaw_cos + sin * yaw_sin, cos * yaw_sin - sin * yaw_cos
    numbers[DISTANCE] = shrink * distance
    look_around(values, corner, cell_m, x, y, cos, sin, rays)


@kernel
def _recall(row: int, past: Past) -> NDArray[np.int64]:
    """For each slot the entry of the ring that is nearest to its time before the last sighting; -1 for none."""
    length = past.stamps.shape[1]
    entries, nearest_s = np.full(SLOTS, -1, dtype=np.int64), np.full(SLOTS, np.inf)
    last_s = np.nan
    for back in range(length):
        at = (past.head[row] - back) % length
        stamp_s = past.stamps[row, at]
        if np.isnan(stamp_s):
            break
        if not past.seen[row, at]:
            continue
        if np.isnan(last_s):
            last_s = stamp_s
        slot = int((last_s - stamp_s) / SLOT_S + 0.5)
        if slot >= SLOTS:
            break
        off_s = abs(last_s - stamp_s - slot * SLOT_S)
        if off_s < nearest_s[slot]:
            nearest_s[slot], entries[slot] = off_s, at
    return entries


@kernel
def _heading(
    row: int,
    past: Past,
    entries: NDArray[np.int64],
    x: float,
    y: float,
    vx: float,
    vy: float,
    pose: NDArray[np.float64],
) -> tuple[float, float]:
    """Cosine and sine of where the target goes; of where it came to, or away from the robot, where it stands."""
    speed = np.sqrt(vx * vx + vy * vy)
    if speed > _STANDING_MPS:
        return vx / speed, vy / speed
    for slot in range(SLOTS - 1, 0, -1):
        if entries[slot] < 0:
            continue
        dx, dy = x - past.positions[row, entries[slot], 0], y - past.positions[row, entries[slot], 1]
        moved = np.sqrt(dx * dx + dy * dy)
        if moved > _MOVED_M:
            return dx / moved, dy / moved
        break
    dx, dy = x - pose[0], y - pose[1]
    away = np.sqrt(dx * dx + dy * dy)
    if away > 1e-6:
        return dx / away, dy / away
    return 1.0, 0.0
