"""The first start: compiles the kernels in two processes at once, where none is in the cache yet."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from envs.layouts.free_space import free_space
from envs.layouts.layout import Layout, Prisms
from envs.sensors import raycast
from envs.sensors.camera import CameraSettings, camera_rows
from envs.sensors.noise import noise_of
from envs.sensors.odometry import Odometry
from envs.sensors.raycast import RaycastCamera
from envs.sensors.scene import Scene
from envs.sensors.visibility import Visibility
from envs.spawn import StartSettings, draw_start
from envs.targets.movers import ScriptedMovers
from envs.targets.policy import policy_of

_ROOM = Layout("room", (0.0, 0.0, 8.0, 8.0), Prisms.boxes([[4.0, 6.0]], (0.5, 0.5), z=(0.0, 2.0)))
_CHILD_TIMEOUT_S = 120.0


def warm_up() -> None:
    """Compile what every world needs; does nothing where the cache holds it already.

    The kernels of the movers are compiled by a second process meanwhile, through whose cache they come here. If that
    process fails, nothing is lost but time: they are compiled when they are first called.
    """
    if _is_cached():
        return
    try:
        child = subprocess.Popen(
            [sys.executable, "-c", "from envs.warmup import use_movers; use_movers()"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[1],
        )
    except OSError:
        return
    try:
        use_sensors()
        child.wait(_CHILD_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        child.kill()
        child.wait()


def use_sensors() -> None:
    """Look around once in a small room."""
    camera = CameraSettings(width=8, height=8)
    scene, cameras = Scene(1), camera_rows(camera, 1)
    scene.set_world(0, _ROOM)
    which, poses = np.array([0]), np.array([[[1.0, 1.0, 0.0], [3.0, 1.0, 0.0]]])
    eye = RaycastCamera(1, 2, scene, cameras, camera.height, camera.width)
    depth, mask = np.zeros((1, 8, 8), np.float32), np.zeros((1, 8, 8), np.uint8)
    eye.render(which, poses, depth, mask)
    Visibility(scene, cameras, eye.movers, camera.height, camera.width).shares(which, poses)
    Odometry(1, noise_of("none")).update(which, poses[:, 0], poses[:, 0])


def use_movers() -> None:
    """Let a target walk for a step in a small room."""
    space, rng = free_space(_ROOM), np.random.default_rng(0)
    poses = draw_start(space, StartSettings(), num_distractors=0, rng=rng, name=_ROOM.name)
    movers = ScriptedMovers(1, 2)
    movers.reset(
        0,
        policies=[policy_of("goal")],
        free_space=space,
        poses=poses,
        speed_max_mps=np.array([2.0, 1.4]),
        turn_max_radps=np.array([2.0, 2.5]),
        rng=rng,
    )
    movers.act(poses[None], np.zeros((1, 2, 2)), np.array([True]))


def _is_cached() -> bool:
    """Whether the largest kernel was ever compiled into the cache; a stale one is compiled anew like any other."""
    folder = Path(raycast._render.stats.cache_path)  # type: ignore[attr-defined]
    return any(folder.glob("raycast._render-*.nbi"))
