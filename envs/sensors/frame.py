"""What the sensors of the tracker deliver each step."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class SensorFrame(NamedTuple):
    """One step of B worlds.

    Attributes:
        depth: (B, H, W) metres along the optical axis; 0 is invalid, the camera's range limit is nothing within range.
        target_mask: (B, H, W) 1 on the target.
        pose: (B, 3) odometry: x, y in metres and yaw in radians, zero at reset.
        velocity: (B, 2) forward in m/s, turn in rad/s.
        rgb: (B, H, W, 3), or None where it was not asked for.
    """

    depth: NDArray[np.float32]
    target_mask: NDArray[np.uint8]
    pose: NDArray[np.float32]
    velocity: NDArray[np.float32]
    rgb: NDArray[np.uint8] | None = None
