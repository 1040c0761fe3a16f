"""One checked frame of B robots, as every part of perception reads it."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

NO_TROUBLE, DEPTH_INVALID, DEPTH_BEYOND_RANGE, POSE_JUMPED, STAMP_JUMPED = range(5)
"""What may be wrong with a frame: the first two make its depth unusable, the others cut it off from what was before."""
_UPRIGHT_MIN = 0.5
"""Least cosine of the tilt of a robot whose pose can be told by x, y and yaw."""


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


def planar_pose(matrix: ArrayLike) -> NDArray[np.float64]:
    """The pose (..., 3) on the floor, x, y in metres and yaw in radians, of base frames given as matrices (..., 4, 4).

    Raises:
        ValueError: for matrices that are no rigid transforms, or that tilt the robot by more than 60 degrees.
    """
    matrices = real_numbers("matrix", matrix)
    if matrices.shape[-2:] != (4, 4) or not np.isfinite(matrices).all():
        raise ValueError(f"matrix must be (..., 4, 4) finite numbers, not shape {matrices.shape}")
    rotation = matrices[..., :3, :3]
    product = rotation @ np.swapaxes(rotation, -1, -2)
    if not (np.allclose(product, np.eye(3), atol=1e-3) and (np.linalg.det(rotation) > 0).all()):
        raise ValueError("matrix must be a rigid transform: its upper left 3 x 3 block is no rotation")
    if not np.allclose(matrices[..., 3, :], [0.0, 0.0, 0.0, 1.0]):
        raise ValueError("the last row of matrix must be 0 0 0 1")
    upright = rotation[..., 2, 2].min()
    if upright < _UPRIGHT_MIN:
        tilt = np.rad2deg(np.arccos(np.clip(upright, -1.0, 1.0)))
        raise ValueError(
            f"matrix tilts the robot by {tilt:.0f} degrees, at most 60 are allowed: is it the pose of the camera? The"
            " base frame has x forward, y left, z up"
        )
    yaw = np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return np.concatenate([matrices[..., :2, 3], yaw[..., None]], axis=-1)


def real_numbers(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """An argument as an array of floats.

    Raises:
        ValueError: naming the argument, if it holds something else than real numbers.
    """
    given = np.asarray(value)
    if given.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be real numbers, not {str(value)[:60]!r} ({type(value).__name__})")
    return given.astype(np.float64, copy=False)
