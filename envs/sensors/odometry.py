"""Odometry: the pose that a tracker believes in, zero at the start of an episode."""

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.sensors.images import check_array, check_worlds
from envs.sensors.noise import NoiseSettings
from envs.sensors.random_bits import GOLDEN, hash_bits, normal

_STREAM = 0x0D0
_WALK_LENGTH_M, _WALK_ANGLE_RAD = 1.0, 1.0
"""After so much motion the random walk is as wide as the scale error."""


class Odometry:
    """Integrates the motion of W trackers' bodies.

    With a drift d, forward motion and turning are scaled by factors 1 + d n drawn per episode, n normal, and walk away
    at random by d per square root of a metre or a radian.

    Attributes:
        poses: (W, 3) x, y in metres and yaw in radians since the episode's start.
    """

    def __init__(self, num_worlds: int, noise: NoiseSettings) -> None:
        self.poses: NDArray[np.float64] = np.zeros((num_worlds, 3))
        self._drift = np.full(num_worlds, noise.odometry_drift)
        self._keys = np.zeros(num_worlds, dtype=np.uint64)
        self._steps = np.zeros(num_worlds, dtype=np.int64)

    def begin(self, world: int, key: int) -> None:
        """Start an episode at the zero pose; the key seeds its drift."""
        self.poses[world] = 0.0
        self._steps[world] = 0
        self._keys[world] = key

    def update(self, worlds: NDArray[np.int64], before: NDArray[np.float64], after: NDArray[np.float64]) -> None:
        """Add the motion of the given worlds' bodies between two true poses (W, 3)."""
        check_worlds(worlds, len(self.poses))
        before, after = np.ascontiguousarray(before), np.ascontiguousarray(after)
        check_array("before", before, self.poses.shape, np.float64)
        check_array("after", after, self.poses.shape, np.float64)
        _integrate(worlds, before, after, self.poses, self._drift, self._keys, self._steps)


@kernel
def _integrate(
    worlds: NDArray[np.int64],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    poses: NDArray[np.float64],
    drift: NDArray[np.float64],
    keys: NDArray[np.uint64],
    steps: NDArray[np.int64],
) -> None:
    for world in worlds:
        cos, sin = np.cos(before[world, 2]), np.sin(before[world, 2])
        x, y = after[world, 0] - before[world, 0], after[world, 1] - before[world, 1]
        forward, left = cos * x + sin * y, cos * y - sin * x
        turn = _wrapped(after[world, 2] - before[world, 2])
        if drift[world] > 0.0:
            seed = hash_bits(keys[world] ^ np.uint64(_STREAM))
            bits = hash_bits(seed + np.uint64(steps[world] + 1) * GOLDEN)
            distance = np.sqrt(forward * forward + left * left)
            scale = 1.0 + drift[world] * normal(seed)
            walk = drift[world] * np.sqrt(_WALK_LENGTH_M * distance) * normal(bits)
            if distance > 0.0:
                scale += walk / distance
            forward, left = forward * scale, left * scale
            walk_turn = drift[world] * np.sqrt(_WALK_ANGLE_RAD * abs(turn)) * normal(hash_bits(bits))
            turn = turn * (1.0 + drift[world] * normal(hash_bits(seed))) + walk_turn
            steps[world] += 1
        cos, sin = np.cos(poses[world, 2]), np.sin(poses[world, 2])
        poses[world, 0] += cos * forward - sin * left
        poses[world, 1] += sin * forward + cos * left
        poses[world, 2] = _wrapped(poses[world, 2] + turn)


@kernel
def _wrapped(angle: float) -> float:
    """The same angle within -pi..pi, untouched if it lies there already."""
    if -np.pi <= angle <= np.pi:
        return angle
    return float(angle - 2.0 * np.pi * np.floor(angle / (2.0 * np.pi) + 0.5))
