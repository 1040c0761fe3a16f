"""The box around the target's image, as if nothing stood before it: what a user draws to say who is to be followed."""

import numpy as np
from numpy.typing import NDArray

from envs.layouts.free_space import BODY_RADIUS_M
from envs.sensors.camera import CX, CY, FX, FY, HEIGHT_M, RANGE_MAX_M, RANGE_MIN_M
from envs.sensors.images import DEFAULT_HEIGHT_M

_SIDEWAYS_RAD = 0.5 * np.pi - 1e-6


def target_boxes(
    poses: NDArray[np.float64],
    cameras: NDArray[np.float64],
    height: int,
    width: int,
    *,
    target_height_m: float | NDArray[np.float64] = DEFAULT_HEIGHT_M,
) -> NDArray[np.float64]:
    """Boxes (W, 4) around the targets: left, upper, right, lower edge in pixels, clipped to the image.

    Args:
        poses: (W, M, 3) x, y in metres and yaw in radians of tracker, target and distractors.
        cameras: (W, 7) rows of `camera_row`.
        height: rows of the image.
        width: columns of the image.
        target_height_m: of the targets, one for all or (W,).

    Returns:
        NaN where nothing of the target lies in the field of view and in range.
    """
    tracker, target = poses[:, 0], poses[:, 1]
    offset = target[:, :2] - tracker[:, :2]
    cos, sin = np.cos(tracker[:, 2]), np.sin(tracker[:, 2])
    forward = cos * offset[:, 0] + sin * offset[:, 1]
    right = sin * offset[:, 0] - cos * offset[:, 1]
    distance = np.hypot(forward, right)
    nearest, farthest = forward - BODY_RADIUS_M, forward + BODY_RADIUS_M
    bearing, half_angle = np.arctan2(right, forward), np.arcsin(BODY_RADIUS_M / np.maximum(distance, BODY_RADIUS_M))
    left, right_edge = (
        cameras[:, CX] + cameras[:, FX] * np.tan(np.clip(bearing + side * half_angle, -_SIDEWAYS_RAD, _SIDEWAYS_RAD))
        for side in (-1.0, 1.0)
    )
    # the nearest point of the upper rim is the highest one in the image, unless it is seen from above
    front, back = np.maximum(nearest, cameras[:, RANGE_MIN_M]), np.maximum(farthest, cameras[:, RANGE_MIN_M])
    over = cameras[:, HEIGHT_M] - target_height_m
    upper = cameras[:, CY] + cameras[:, FY] * np.minimum(over / front, over / back)
    lower = cameras[:, CY] + cameras[:, FY] * cameras[:, HEIGHT_M] / front
    boxes = np.stack(
        [
            np.clip(left, 0.0, width),
            np.clip(upper, 0.0, height),
            np.clip(right_edge, 0.0, width),
            np.clip(lower, 0.0, height),
        ],
        axis=1,
    )
    in_range = (farthest > cameras[:, RANGE_MIN_M]) & (nearest < cameras[:, RANGE_MAX_M])
    # beside the camera the tangents lie behind it: nothing of the body is ahead then
    ahead = bearing - half_angle < _SIDEWAYS_RAD
    ahead &= bearing + half_angle > -_SIDEWAYS_RAD
    is_seen = in_range & ahead & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    boxes[~is_seen] = np.nan
    return boxes
