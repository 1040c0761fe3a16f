"""The robot's view in colours, at any size, whatever its own camera delivers."""

import numpy as np
from numpy.typing import NDArray

from envs.batch import WorldBatch
from envs.sensors.camera import camera_row
from envs.sensors.raycast import RaycastCamera
from envs.sensors.scene import Scene

Picture = NDArray[np.uint8]
_DARK = 24


class RobotView:
    """Pictures of what the trackers of a batch look at.

    Args:
        batch: the worlds.
        height: of the pictures in pixels.
        width: likewise.
    """

    def __init__(self, batch: WorldBatch, height: int, width: int) -> None:
        self._batch = batch
        settings = batch.settings.camera
        scale = min(width / settings.width, height / settings.height)
        # the camera's proportion is kept; what is left over stays dark
        self._shape, self._size = (height, width), (round(settings.height * scale), round(settings.width * scale))
        self._scene, self._cameras = Scene(1), np.zeros((1, 7))
        self._camera = RaycastCamera(1, batch.settings.num_movers, self._scene, self._cameras, *self._size)
        self._images = (np.zeros((1, *self._size), np.float32), np.zeros((1, *self._size), np.uint8))
        self._rgb = np.zeros((1, *self._size, 3), np.uint8)

    def picture(self, world: int) -> Picture:
        """The picture (height, width, 3) of one world."""
        episode, (height, width) = self._batch.episodes[world], self._size
        self._scene.set_world(0, episode.place.layout)
        self._cameras[0] = camera_row(episode.camera.model_copy(update={"width": width, "height": height}))
        self._camera.movers.looks[0] = episode.looks
        poses = self._batch.out.status.poses[world : world + 1]
        self._camera.render(np.array([0]), poses, *self._images, self._rgb)
        canvas = np.full((*self._shape, 3), _DARK, dtype=np.uint8)
        top, left = (self._shape[0] - height) // 2, (self._shape[1] - width) // 2
        canvas[top : top + height, left : left + width] = self._rgb[0]
        return canvas
