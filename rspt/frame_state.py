"""The last frame itself in the place of the structure-aware state: for rivals that learn from pixels to actions."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rspt.perception.camera import CameraModel
from rspt.perception.state import OFFSETS, VECTOR_ENTRIES, VECTOR_WIDTH, State

FRAME_CHANNELS = ("depth", "target_mask")
"""Channels of its map: depth, 1 at the camera's greatest range and 0 where it is invalid; the mask of the target."""
_SCALE = {entry.name: entry.scale for entry in VECTOR_ENTRIES}


class FrameState:
    """Passes on what the sensors deliver, with the interface of `rspt.perception.pipeline.Perception`.

    Nothing is localised, reconstructed, predicted or remembered.

    Args:
        num_worlds: B.
        size: rows H and columns W of the images.
        range_m: greatest range of the camera in metres.

    Attributes:
        state: `map` (B, 2, H, W), the images, and `vector` (B, D) of the layout of `rspt.perception.state`, in which
            all is 0 but what odometry and the robot's own body tell; overwritten by the next frame.
    """

    def __init__(self, num_worlds: int, size: tuple[int, int], range_m: float) -> None:
        self._range_m = range_m
        self._body = np.zeros((num_worlds, 4), dtype=np.float32)
        self.state: State = {
            "map": np.zeros((num_worlds, len(FRAME_CHANNELS), *size), dtype=np.float32),
            "vector": np.zeros((num_worlds, VECTOR_WIDTH), dtype=np.float32),
        }

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Begin new episodes in the worlds (n,)."""
        for array in self.state.values():
            array[worlds] = 0.0

    def mount(self, world: int, camera: CameraModel, *, speed_max_mps: float, turn_max_radps: float) -> None:
        """Say what the robot of a world can do and see."""
        names = ("speed_max", "turn_max", "hfov", "camera_height")
        values = (speed_max_mps, turn_max_radps, camera.hfov_rad, camera.height_m)
        self._body[world] = [value / _SCALE[name] for name, value in zip(names, values, strict=True)]

    def update(
        self,
        *,
        depth: NDArray[np.float32],
        velocity: NDArray[Any],
        target_mask: NDArray[Any] | None,
        last_action: ArrayLike,
        worlds: NDArray[np.int64],
        **unused: object,
    ) -> State:
        """Take in one frame of each of the worlds (n,).

        Args:
            depth: (B, H, W) in metres.
            velocity: (B, 2) forward in m/s, turn in rad/s.
            target_mask: (B, H, W)
            last_action: (B, 2)
            worlds: (n,)
            unused: what `Perception` takes beside.
        """
        assert target_mask is not None
        maps, vectors = self.state["map"], self.state["vector"]
        near = np.nan_to_num(depth[worlds], nan=0.0, posinf=self._range_m, neginf=0.0)
        maps[worlds, 0] = np.clip(near / self._range_m, 0.0, 1.0)
        maps[worlds, 1] = target_mask[worlds] != 0
        self._write(worlds, "velocity", velocity[worlds] / _SCALE["velocity"])
        self._write(worlds, "last_action", np.asarray(last_action)[worlds])
        first = OFFSETS["speed_max"]  # the four entries of the body follow one another
        vectors[worlds, first : first + 4] = np.clip(self._body[worlds], 0.0, 1.0)
        vectors[worlds, OFFSETS["frame_usable"]] = 1.0
        return self.state

    def _write(self, worlds: NDArray[np.int64], name: str, values: NDArray[Any]) -> None:
        first = OFFSETS[name]
        self.state["vector"][worlds, first : first + values.shape[1]] = np.clip(values, -1.0, 1.0)
