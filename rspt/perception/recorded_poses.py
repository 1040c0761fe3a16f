"""The poses of a recording: of the robot's base from its odometry, or of the camera as the TUM benchmark has them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rspt.perception.camera import CameraModel
from rspt.perception.frame import planar_pose
from rspt.perception.recording_files import RecordingError, read_numbers

_NORM_TOLERANCE = 0.01


class RecordedPoses(NamedTuple):
    """Poses as a file holds them.

    Attributes:
        path: the file.
        stamps_s: (N,).
        values: (N, 3) x, y, yaw of the robot's base, or (N, 7) position and quaternion x, y, z, w of the camera.
        lines: N numbers of lines.
    """

    path: Path
    stamps_s: NDArray[np.float64]
    values: NDArray[np.float64]
    lines: list[int]

    def of_base(self, which: NDArray[np.int64], camera: CameraModel) -> NDArray[np.float64]:
        """Poses (n, 3) of the robot's base; those of the camera that are not asked for may be any."""
        values = self.values[which]
        if values.shape[1] == 3:
            return values
        norms = np.linalg.norm(values[:, 3:], axis=1)
        bad = int(np.argmax(np.abs(norms - 1.0)))
        if abs(norms[bad] - 1.0) > _NORM_TOLERANCE:
            line = self.lines[which[bad]]
            raise RecordingError(
                f"{self.path}, line {line}: the quaternion has the length {norms[bad]:.6g}, 1 is needed"
            )
        world_from_camera = np.zeros((len(values), 4, 4))
        world_from_camera[:, :3, :3] = _rotations(values[:, 3:] / norms[:, None])
        world_from_camera[:, :3, 3], world_from_camera[:, 3, 3] = values[:, :3], 1.0
        world_from_base = world_from_camera @ np.linalg.inv(camera.base_from_camera)
        try:
            return planar_pose(world_from_base)
        except ValueError as problem:
            line = self.lines[which[int(np.argmin(world_from_base[:, 2, 2]))]]
            raise RecordingError(f"{self.path}, line {line}: with the mounting of camera.yaml, {problem}") from None


def read_poses(folder: Path) -> RecordedPoses:
    """The poses of a recording: those of the robot's odometry, or else those of the camera.

    Raises:
        RecordingError: naming the file, the line, the value and what is allowed.
    """
    path = folder / "poses.txt"
    if path.exists():
        return RecordedPoses(path, *read_numbers(path, ("stamp", "x", "y", "yaw")))
    path = folder / "groundtruth.txt"
    if path.exists():
        return RecordedPoses(path, *read_numbers(path, ("stamp", "tx", "ty", "tz", "qx", "qy", "qz", "qw")))
    raise RecordingError(f"{folder}: holds neither poses.txt (stamp x y yaw) nor groundtruth.txt (of the camera)")


def _rotations(quaternions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrices (N, 3, 3) of unit quaternions (N, 4) x, y, z, w."""
    x, y, z, w = quaternions.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)
