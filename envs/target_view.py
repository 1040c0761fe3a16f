"""What the target sees: the true map around it, and the tracker."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from envs.batch import PrivilegedView
from envs.jit import kernel
from envs.layouts.free_space import CELL_M

MAP_CELLS = 32
MAP_CELL_M = 0.3


class TargetField(NamedTuple):
    """One entry of the target's observation: its shape, type and bounds."""

    shape: tuple[int, ...]
    dtype: DTypeLike
    low: float
    high: float


TARGET_FIELDS = {
    # 1 where an obstacle blocks the way, heading-up: row 0 is ahead, column 0 is left; the target is in the middle
    "map": TargetField((MAP_CELLS, MAP_CELLS), np.uint8, 0, 1),
    # the tracker seen from the target: x, y in metres, cos and sin of its heading, its speed in m/s and turn in rad/s
    "tracker": TargetField((6,), np.float32, -1000.0, 1000.0),
    # the target's own speed in m/s and turn rate in rad/s
    "velocity": TargetField((2,), np.float32, -40.0, 40.0),
    # the tracker's last action; a trainer may put the same-step action here, as AD-VAT does
    "tracker_action": TargetField((2,), np.float32, -1.0, 1.0),
}


def target_observations(view: PrivilegedView, tracker_actions: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The target's observations (W, ...) by key.

    Args:
        view: the truth.
        tracker_actions: (W, 2) in [-1, 1].
    """
    num_worlds = len(view.poses)
    tracker, target = view.poses[:, 0], view.poses[:, 1]
    offset = tracker[:, :2] - target[:, :2]
    cos, sin = np.cos(target[:, 2]), np.sin(target[:, 2])
    turned = tracker[:, 2] - target[:, 2]
    seen = [
        cos * offset[:, 0] + sin * offset[:, 1],
        cos * offset[:, 1] - sin * offset[:, 0],
        np.cos(turned),
        np.sin(turned),
        *view.velocities[:, 0].T,
    ]
    maps = np.empty((num_worlds, MAP_CELLS, MAP_CELLS), dtype=np.uint8)
    for world, space in enumerate(view.free_spaces):
        _crop(space.clearance, space.origin, target[world], maps[world])
    return {
        "map": maps,
        "tracker": np.clip(np.stack(seen, axis=1), -1000.0, 1000.0).astype(np.float32),
        "velocity": np.clip(view.velocities[:, 1], -40.0, 40.0).astype(np.float32),
        "tracker_action": np.asarray(tracker_actions, dtype=np.float32).copy(),
    }


@kernel
def _crop(
    clearance: NDArray[np.float32], origin: NDArray[np.float64], pose: NDArray[np.float64], out: NDArray[np.uint8]
) -> None:
    rows, columns = clearance.shape
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    for i in range(MAP_CELLS):
        ahead = (MAP_CELLS / 2 - 0.5 - i) * MAP_CELL_M
        for j in range(MAP_CELLS):
            left = (MAP_CELLS / 2 - 0.5 - j) * MAP_CELL_M
            column = int(np.floor((pose[0] + cos * ahead - sin * left - origin[0]) / CELL_M))
            row = int(np.floor((pose[1] + sin * ahead + cos * left - origin[1]) / CELL_M))
            inside = 0 <= row < rows and 0 <= column < columns
            # a map cell is blocked if an obstacle reaches into the circle inscribed in it
            out[i, j] = 0 if inside and clearance[row, column] >= 0.5 * MAP_CELL_M else 1
