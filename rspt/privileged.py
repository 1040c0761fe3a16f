"""The truth as a vector, for critics and teachers in training; it is no part of any observation of the tracker."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.agent import Share, at_once
from envs.batch import PrivilegedView
from envs.layouts.free_space import CELL_M, CLEARANCE_LIMIT_M
from rspt.perception.jit import kernel
from rspt.perception.state import Entry

_RAYS = 16
_RAY_M = 8.0
_HIDDEN_STEPS = 50

PRIVILEGED_ENTRIES = (
    Entry("target_position", 2, -1, 1, 8.0, "m", "the target: forward and left of the robot"),
    Entry("target_bearing", 2, -1, 1, 1.0, "1", "cosine and sine of its bearing"),
    Entry("target_heading", 2, -1, 1, 1.0, "1", "cosine and sine of its heading, seen from the robot's"),
    Entry("target_velocity", 2, -1, 1, 2.0, "m/s and rad/s", "its forward speed and turn rate"),
    Entry("velocity", 2, -1, 1, 2.0, "m/s and rad/s", "the robot's forward speed and turn rate"),
    Entry("visible_share", 1, 0, 1, 1.0, "1", "share of the target's sample points that the camera could see"),
    Entry("hidden_steps", 1, 0, 1, _HIDDEN_STEPS, "steps", "consecutive steps without sight of the target"),
    Entry("tracker_clearance", 1, 0, 1, CLEARANCE_LIMIT_M, "m", "from the robot's axis to the nearest obstacle"),
    Entry("target_clearance", 1, 0, 1, CLEARANCE_LIMIT_M, "m", "from the target's axis to the nearest obstacle"),
    Entry("tracker_rays", _RAYS, 0, 1, _RAY_M, "m", "free way from the robot, counter-clockwise from its heading"),
    Entry("target_rays", _RAYS, 0, 1, _RAY_M, "m", "free way from the target, counter-clockwise from its heading"),
)
"""Entries of the privileged vector, in their order."""
PRIVILEGED_WIDTH = sum(entry.width for entry in PRIVILEGED_ENTRIES)
_SCALES = np.array([value for entry in PRIVILEGED_ENTRIES for value in [entry.scale] * entry.width])
_LOW = np.array([value for entry in PRIVILEGED_ENTRIES for value in [entry.low] * entry.width])


def privileged_vectors(
    view: PrivilegedView, info: dict[str, NDArray[Any]], *, share: Share = at_once
) -> NDArray[np.float32]:
    """Vectors (W, P) in [-1, 1].

    Args:
        view: the truth.
        info: of the same step: `visible_share` and `hidden_steps` (W,).
        share: runs the work on parts of the worlds; one after another in this thread if not given.
    """
    tracker, target = view.poses[:, 0], view.poses[:, 1]
    offset = target[:, :2] - tracker[:, :2]
    cos, sin = np.cos(tracker[:, 2]), np.sin(tracker[:, 2])
    ego = np.stack([cos * offset[:, 0] + sin * offset[:, 1], cos * offset[:, 1] - sin * offset[:, 0]], axis=1)
    turned = target[:, 2] - tracker[:, 2]
    around = np.zeros((2, len(view.poses), 1 + _RAYS))

    def feel(worlds: NDArray[np.int64]) -> None:
        for world in worlds.tolist():
            space = view.free_spaces[world]
            for mover in range(2):
                _feel(space.clearance, space.origin, view.poses[world, mover], around[mover, world])

    share(feel, np.arange(len(view.poses)))
    values = np.concatenate(
        [
            ego,
            ego / np.maximum(np.hypot(ego[:, 0], ego[:, 1]), 1e-6)[:, None],
            np.stack([np.cos(turned), np.sin(turned)], axis=1),
            view.velocities[:, 1],
            view.velocities[:, 0],
            np.asarray(info["visible_share"], dtype=np.float64)[:, None],
            np.asarray(info["hidden_steps"], dtype=np.float64)[:, None],
            around[0, :, :1],
            around[1, :, :1],
            around[0, :, 1:],
            around[1, :, 1:],
        ],
        axis=1,
    )
    vectors: NDArray[np.float32] = np.clip(values / _SCALES, _LOW, 1.0).astype(np.float32)
    return vectors


@kernel
def _feel(
    clearance: NDArray[np.float32], origin: NDArray[np.float64], pose: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """The clearance at a pose, then the free way along each ray in metres, by steps as long as the clearance there."""
    out[0] = _clearance_at(clearance, origin, pose[0], pose[1])
    for ray in range(_RAYS):
        angle = pose[2] + ray * 2.0 * np.pi / _RAYS
        cos, sin, way_m = np.cos(angle), np.sin(angle), 0.0
        while way_m < _RAY_M:
            room_m = _clearance_at(clearance, origin, pose[0] + way_m * cos, pose[1] + way_m * sin)
            if room_m <= 0.0:
                break
            way_m += max(room_m, 0.5 * CELL_M)
        out[1 + ray] = min(way_m, _RAY_M)


@kernel
def _clearance_at(clearance: NDArray[np.float32], origin: NDArray[np.float64], x: float, y: float) -> float:
    row, column = int(np.floor((y - origin[1]) / CELL_M)), int(np.floor((x - origin[0]) / CELL_M))
    if 0 <= row < clearance.shape[0] and 0 <= column < clearance.shape[1]:
        return float(clearance[row, column])
    return 0.0
