"""What can go wrong in the physics, and how it is noticed."""

import numpy as np
from numpy.typing import NDArray

FAULTS = ("none", "not finite", "too fast", "outside the arena")
"""Names by fault code."""
_NOT_FINITE, _TOO_FAST, _OUTSIDE = 1, 2, 3
_SPEED_LIMIT_MPS = 10.0
_OUTSIDE_M = 0.5


def fault_codes(
    poses: NDArray[np.float64], velocities: NDArray[np.float64], bounds: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The fault (n,) of each world.

    Args:
        poses: (n, M, 3) x, y in metres and yaw in radians.
        velocities: (n, M, 2) forward m/s, turn rad/s.
        bounds: (n, 4) x_min, y_min, x_max, y_max of the arena in metres.
    """
    position, limits = poses[..., :2], bounds[:, None]
    with np.errstate(invalid="ignore"):
        inside = (position > limits[..., :2] - _OUTSIDE_M) & (position < limits[..., 2:] + _OUTSIDE_M)
        fast = (np.abs(velocities[..., 0]) > _SPEED_LIMIT_MPS).any(axis=1)
    codes = np.zeros(len(poses), dtype=np.int64)
    codes[~inside.all(axis=(1, 2))] = _OUTSIDE
    codes[fast] = _TOO_FAST
    codes[~np.isfinite(poses).all(axis=(1, 2))] = _NOT_FINITE
    return codes
