"""The sensors of the trackers of many worlds: camera, noise, odometry, and what the camera could see in truth."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from envs.arrays import StepArrays
from envs.episode import Episode
from envs.physics import Physics
from envs.sensors.bullet import BulletCamera
from envs.sensors.camera import camera_row, camera_rows
from envs.sensors.noise import SensorNoise
from envs.sensors.odometry import Odometry
from envs.sensors.raycast import RaycastCamera
from envs.sensors.scene import Scene
from envs.sensors.visibility import Visibility
from envs.status import Status
from envs.threads import Threads
from envs.world_settings import WorldSettings


class Senses:
    """Sensors of W worlds.

    Args:
        settings: of the worlds.
        physics: the engine of each world, which `bullet` cameras look into.
        threads: at most so many share out the worlds of compiled kernels; one per core if None.

    Attributes:
        scene: static geometry of the worlds.
    """

    def __init__(self, settings: WorldSettings, physics: Sequence[Physics], *, threads: int | None) -> None:
        num_worlds, num_movers, camera = len(physics), settings.num_movers, settings.camera
        self._settings = settings
        self.scene = Scene(num_worlds)
        self._cameras = camera_rows(camera, num_worlds)
        self._raycast = RaycastCamera(
            num_worlds, num_movers, self.scene, self._cameras, camera.height, camera.width, mask=settings.mask
        )
        self._movers = self._raycast.movers
        self._bullet: BulletCamera | None = None
        if settings.renderer != "raycast":
            self._bullet = BulletCamera(
                physics,
                self._movers,
                self._cameras,
                camera.height,
                camera.width,
                mask=settings.mask,
                hardware=settings.renderer == "egl",
            )
        self._visibility = Visibility(self.scene, self._cameras, self._movers, camera.height, camera.width)
        self._noise = SensorNoise(settings.noise, num_worlds, self._cameras)
        self._odometry = Odometry(num_worlds, settings.noise)
        self._threads = Threads(threads)

    def begin(self, world: int, episode: Episode) -> None:
        """Look into a new episode."""
        self.scene.set_world(world, episode.place.layout)
        self._cameras[world] = camera_row(episode.camera)
        self._movers.looks[world] = episode.looks
        self._noise.begin(world, episode.noise_key)
        self._odometry.begin(world, episode.noise_key)

    def move(self, which: NDArray[np.int64], before: NDArray[np.float64], status: Status) -> None:
        """Let the odometry of the given worlds follow the motion from poses (W, M, 3) before to the present ones."""
        self._odometry.update(which, before[:, 0], status.poses[:, 0])

    def sense(self, which: NDArray[np.int64], out: StepArrays) -> None:
        """Write the observation of the given worlds."""
        if not len(which):
            return
        observation, poses = out.observation, out.status.poses
        images = (observation["depth"], observation["target_mask"], observation.get("rgb"))

        def look(worlds: NDArray[np.int64]) -> None:
            if self._bullet is None:
                self._raycast.render(worlds, poses, *images)
            self._noise.disturb(worlds, out.info["step"], *images[:2])

        if self._bullet is not None:  # the engine is called from one thread alone
            self._bullet.render(which, poses, *images)
        self._threads.share(look, which)
        observation["pose"][which] = self._odometry.poses[which]
        observation["velocity"][which] = out.status.velocities[which, 0]

    def visible_share(self, which: NDArray[np.int64], poses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share (n,) of the target's sample points that the cameras of the given worlds could see."""
        return self._visibility.shares(which, poses)

    def close(self) -> None:
        """End the threads."""
        self._threads.close()
