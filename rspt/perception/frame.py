"""One checked frame of B robots, as every part of perception reads it."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NO_TROUBLE, DEPTH_INVALID, DEPTH_BEYOND_RANGE, POSE_JUMPED, STAMP_JUMPED = range(5)
"""What may be wrong with a frame: the first two make its depth unusable, the others cut it off from what was before."""


class Frame(NamedTuple):
    """What the cameras and the odometry of B worlds say at one time.

    Attributes:
        stamp_s: (B,) time in seconds.
        depth: (B, H, W) metres along the optical axis; 0 is invalid, from the camera's range limit on nothing is near.
        pose: (B, 3) odometry: x, y in metres and yaw in radians of the base frame.
        velocity: (B, 2) forward in m/s, turn in rad/s.
        target_mask: (B, H, W) not 0 where a detector sees the target (or something that looks like it), or None.
        target_box_xyxy: (B, 4) left, upper, right, lower edge in pixels of the target's image, NaN where there is none,
            or None.
        rgb: (B, H, W, 3), or None.
        trouble: (B,) NO_TROUBLE or what is wrong; None is as good as no trouble anywhere.
    """

    stamp_s: NDArray[np.float64]
    depth: NDArray[np.float32]
    pose: NDArray[np.float64]
    velocity: NDArray[np.float64]
    target_mask: NDArray[np.uint8] | None = None
    target_box_xyxy: NDArray[np.float64] | None = None
    rgb: NDArray[np.uint8] | None = None
    trouble: NDArray[np.uint8] | None = None


class Expectation(NamedTuple):
    """Where the target should be, from what was seen before.

    Attributes:
        position_ego: (B, 2) x forward, y left in metres; NaN where nothing is known and anything may be the target.
        gate_m: (B,) metres from there within which something that looks like the target is taken for it.
    """

    position_ego: NDArray[np.float64]
    gate_m: NDArray[np.float64]


def to_odometry(positions_ego: NDArray[Any], pose: NDArray[Any]) -> NDArray[np.float64]:
    """Positions (B, ..., 2) in the frames of poses (B, 3) as positions in the frame that the poses are given in."""
    yaw = pose[:, 2].reshape(-1, *[1] * (positions_ego.ndim - 2))
    cos, sin, x, y = np.cos(yaw), np.sin(yaw), positions_ego[..., 0], positions_ego[..., 1]
    shift = pose[:, :2].reshape(len(pose), *[1] * (positions_ego.ndim - 2), 2)
    turned: NDArray[np.float64] = np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1) + shift
    return turned


def to_ego(positions: NDArray[Any], pose: NDArray[Any]) -> NDArray[np.float64]:
    """The inverse of `to_odometry`."""
    yaw = pose[:, 2].reshape(-1, *[1] * (positions.ndim - 2))
    offset = positions - pose[:, :2].reshape(len(pose), *[1] * (positions.ndim - 2), 2)
    cos, sin, x, y = np.cos(yaw), np.sin(yaw), offset[..., 0], offset[..., 1]
    turned: NDArray[np.float64] = np.stack([cos * x + sin * y, cos * y - sin * x], axis=-1)
    return turned
