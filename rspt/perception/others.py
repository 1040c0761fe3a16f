"""Which of the bodies in view is the target: by where it is expected, and by what was seen beside it before."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rspt.perception.bodies import Bodies, agreement
from rspt.perception.jit import kernel
from rspt.perception.optics import Optics, distance, to_base

_REMEMBERED = 12
_FORGET_S = 2.0
"""Another body that was not seen for so long, in seconds, is forgotten."""
_COAST_S = 1.0
"""Another body that is not seen is believed to move on for so long, in seconds."""
_KNOWN_AFTER = 3
"""A body that was seen so often beside the target is known not to be the target."""
_GATE_M, _GATE_MPS = 0.5, 1.0
"""How far from its prediction another body may be, in metres, and how fast this grows while it is not seen."""
_POSITION_GAIN, _VELOCITY_GAIN, _SPACING_S = 0.6, 0.3, 0.1
"""Of the filter that follows another body, for frames so far apart, in seconds, and more."""
_FASTEST_MPS = 3.0
_SMALL_M2 = 0.2
"""Of a body of which less than this area is seen, in square metres, the place is uncertain ..."""
_SMALL_COSTS_M = 0.3
"""... by up to so many metres."""
_OTHER_COSTS_M = 0.25
"""A body is taken for another one only if it is nearer to that by so many metres than to the expected target."""
_OTHER_AREA_M2, _OTHER_PIXELS = 0.1, 12
"""What is smaller is not remembered as a body."""
_APART = 1.6
"""Two bodies are at least so many radii apart."""
_FILLED, _AGREEING = 0.35, 0.25
"""What is marked beside a body, by a frayed mask, is no body: it fills less of its box, and less of its columns."""
_BOX_OVERLAP = 0.1
"""A given box means a body only if they have this share of their union in common."""


class Others(NamedTuple):
    """Bodies of B worlds that were seen beside the target, so that none of them is taken for it when it is hidden.

    Attributes:
        position: (B, K, 2) in the odometry frame, metres.
        velocity: (B, K, 2) m/s.
        stamp_s: (B, K) when it was seen last; NaN where there is none.
        sightings: (B, K)
    """

    position: NDArray[np.float64]
    velocity: NDArray[np.float64]
    stamp_s: NDArray[np.float64]
    sightings: NDArray[np.int64]

    @classmethod
    def empty(cls, num_worlds: int) -> "Others":
        """None in any world."""
        shape = (num_worlds, _REMEMBERED)
        return cls(np.zeros((*shape, 2)), np.zeros((*shape, 2)), np.full(shape, np.nan), np.zeros(shape, np.int64))

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Forget those of the given worlds (n,)."""
        self.stamp_s[worlds] = np.nan


@kernel
def is_box(box: NDArray[np.float64]) -> bool:
    """Whether the numbers (4,) of a box are all finite."""
    return bool(np.isfinite(box[0] + box[1] + box[2] + box[3]))


@kernel
def boxed(bodies: Bodies, count: int, box: NDArray[np.float64]) -> int:
    """The body whose pixels fill a box (4,) best, or -1."""
    best, most = -1, _BOX_OVERLAP
    for body in range(count):
        left, upper, right, lower = bodies.box[body]
        width = min(right, box[2]) - max(left, box[0])
        height = min(lower, box[3]) - max(upper, box[1])
        common = max(width, 0.0) * max(height, 0.0)
        union = (right - left) * (lower - upper) + (box[2] - box[0]) * (box[3] - box[1]) - common
        if common > most * union:
            best, most = body, common / union
    return best


@kernel
def is_compact(bodies: Bodies, body: int) -> bool:
    """Whether a body is more than the frayed edge of another."""
    width, height = bodies.box[body, 2] - bodies.box[body, 0], bodies.box[body, 3] - bodies.box[body, 1]
    return bool(bodies.pixels[body] >= _FILLED * width * height and agreement(bodies, body) >= _AGREEING)


@kernel
def tell_apart(
    bodies: Bodies,
    count: int,
    optics: Optics,
    expected: tuple[float, float],
    gate_m: float,
    eligible: NDArray[np.bool_],
    given: int,
    world: int,
    stamp_s: float,
    pose: NDArray[np.float64],
    radius_m: float,
    others: Others,
) -> int:
    """The body that is the target, or -1; the others are remembered.

    The target and the bodies known from before are matched with those in view, the nearest pairs first. Where nothing
    is expected, the target is the largest of the rest, rather one in the middle.

    Args:
        bodies: in view.
        count: how many.
        optics: of the camera.
        expected: forward and left of the camera where the target should be; NaN if nowhere in particular.
        gate_m: farther from there it is not taken for the target.
        eligible: (MAX_BODIES,) which may be the target.
        given: the target, where it is known already; else -1.
        world: row of the memory.
        stamp_s: now.
        pose: (3,) odometry.
        radius_m: of the bodies.
        others: the memory.
    """
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    for body in range(count):
        x, y = to_base(optics, bodies.center[body, 0], bodies.center[body, 1])
        bodies.place[body, 0], bodies.place[body, 1] = pose[0] + cos * x - sin * y, pose[1] + sin * x + cos * y
        bodies.taken[body] = not is_compact(bodies, body)
    target = given
    if given >= 0:
        bodies.taken[given] = True
        _forget_near(world, bodies.place[given], _APART * radius_m, others)
    while True:
        least, nearest, which = np.inf, -1, -1
        for body in range(count):
            if bodies.taken[body]:
                continue
            if target < 0 and eligible[body]:
                off = distance(bodies.center[body, 0] - expected[0], bodies.center[body, 1] - expected[1])
                cost = off + _SMALL_COSTS_M * max(1.0 - bodies.area_m2[body] / _SMALL_M2, 0.0)
                if off <= gate_m and cost < least:  # NaN compares false
                    least, nearest, which = cost, body, -1
            for k in range(_REMEMBERED):
                unseen_s = stamp_s - others.stamp_s[world, k]
                if not 0.0 < unseen_s <= _FORGET_S:  # NaN where there is none, 0 once it is matched
                    continue
                if target < 0 and others.sightings[world, k] < _KNOWN_AFTER:
                    continue
                on = min(unseen_s, _COAST_S)
                off = distance(
                    bodies.place[body, 0] - others.position[world, k, 0] - on * others.velocity[world, k, 0],
                    bodies.place[body, 1] - others.position[world, k, 1] - on * others.velocity[world, k, 1],
                )
                cost = off + _OTHER_COSTS_M
                if off <= _GATE_M + _GATE_MPS * unseen_s and cost < least:
                    least, nearest, which = cost, body, k
        if nearest < 0:
            break
        bodies.taken[nearest] = True
        if which < 0:
            target = nearest
        else:
            _follow(world, which, bodies.place[nearest], stamp_s, others)
    if target < 0 and np.isnan(expected[0]):
        target = _foremost(bodies, count, eligible)
    if target >= 0:
        bodies.taken[target] = True
        for body in range(count):
            away = distance(
                bodies.center[body, 0] - bodies.center[target, 0], bodies.center[body, 1] - bodies.center[target, 1]
            )
            is_body = bodies.area_m2[body] >= _OTHER_AREA_M2 and bodies.pixels[body] >= _OTHER_PIXELS
            if not bodies.taken[body] and is_body and away >= _APART * radius_m:
                _remember(world, bodies.place[body], stamp_s, others)
    return target


@kernel
def _foremost(bodies: Bodies, count: int, eligible: NDArray[np.bool_]) -> int:
    best, most = -1, 0.0
    for body in range(count):
        forward, left = bodies.center[body]
        score = bodies.pixels[body] * forward * forward / (forward * forward + 4.0 * left * left)
        if eligible[body] and not bodies.taken[body] and score > most:
            best, most = body, score
    return best


@kernel
def _follow(world: int, k: int, place: NDArray[np.float64], stamp_s: float, others: Others) -> None:
    """An alpha-beta filter of another body."""
    unseen_s = stamp_s - others.stamp_s[world, k]
    on = min(unseen_s, _COAST_S)
    speed = 0.0
    for axis in range(2):
        predicted = others.position[world, k, axis] + on * others.velocity[world, k, axis]
        off = place[axis] - predicted
        others.position[world, k, axis] = predicted + _POSITION_GAIN * off
        others.velocity[world, k, axis] += _VELOCITY_GAIN * off / max(unseen_s, _SPACING_S)
        speed += others.velocity[world, k, axis] ** 2
    if speed > _FASTEST_MPS**2:
        others.velocity[world, k] *= _FASTEST_MPS / np.sqrt(speed)
    others.stamp_s[world, k] = stamp_s
    others.sightings[world, k] += 1


@kernel
def _remember(world: int, place: NDArray[np.float64], stamp_s: float, others: Others) -> None:
    """A new body, in the place of the one that was not seen for longest."""
    oldest, at = np.inf, 0
    for k in range(_REMEMBERED):
        stamp = others.stamp_s[world, k]
        if np.isnan(stamp) or stamp > stamp_s:
            at = k
            break
        if stamp < oldest:
            oldest, at = stamp, k
    others.position[world, at] = place
    others.velocity[world, at] = 0.0
    others.stamp_s[world, at] = stamp_s
    others.sightings[world, at] = 1


@kernel
def _forget_near(world: int, place: NDArray[np.float64], reach_m: float, others: Others) -> None:
    """What was said to be the target is none of the others."""
    for k in range(_REMEMBERED):
        away = distance(place[0] - others.position[world, k, 0], place[1] - others.position[world, k, 1])
        if away < reach_m:
            others.stamp_s[world, k] = np.nan
