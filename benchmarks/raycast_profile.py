"""Where the time of the sensors goes: microseconds per frame on one core, for families and for crowded maps.

Run it as `python benchmarks/raycast_profile.py`; the least of many repetitions counts.
"""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from envs.layouts import make_layout
from envs.layouts.free_space import free_space
from envs.layouts.layout import Layout, Prisms
from envs.sensors.camera import CameraSettings, camera_rows
from envs.sensors.noise import SensorNoise, noise_of
from envs.sensors.raycast import RaycastCamera
from envs.sensors.scene import Scene
from envs.sensors.visibility import Visibility

WORLDS = 64
REPETITIONS = 40


def crowded(count: int, size_m: float, rng: np.random.Generator) -> Layout:
    """Boxes anywhere, half of them low."""
    half = size_m / 2
    z = np.stack([np.zeros(count), np.where(rng.random(count) < 0.5, 0.6, 2.5)], axis=1)
    boxes = Prisms.boxes(
        rng.uniform(-half, half, (count, 2)), rng.uniform(0.15, 0.5, (count, 2)), yaw=rng.uniform(0, 3, count), z=z
    )
    return Layout("crowded", (-half, -half, half, half), boxes)


def start(layout: Layout, rng: np.random.Generator) -> NDArray[np.float64]:
    """The tracker in a free place and the target before it."""
    space = free_space(layout)
    x, y = space.position_of(space.cells[rng.integers(len(space.cells))])
    yaw, distance = rng.uniform(-np.pi, np.pi), rng.uniform(1.5, 4.0)
    return np.array([[x, y, yaw], [x + distance * np.cos(yaw), y + distance * np.sin(yaw), 0.0]])


def cost_us(work: Callable[[], object]) -> float:
    """Microseconds per world."""
    work()
    times = []
    for _ in range(REPETITIONS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times) / WORLDS * 1e6


def profile(name: str, layouts: list[Layout]) -> None:
    """Print one line."""
    rng, worlds = np.random.default_rng(1), np.arange(WORLDS)
    scene = Scene(WORLDS)
    for world in range(WORLDS):
        scene.set_world(world, layouts[world % len(layouts)])
    poses = np.array([start(layouts[world % len(layouts)], rng) for world in range(WORLDS)])
    cells = [f"{name:>22} {np.mean([len(layout.prisms) for layout in layouts]):6.0f}"]
    for width, height, wants_rgb in ((64, 48, False), (160, 120, False), (160, 120, True)):
        cameras = camera_rows(CameraSettings(width=width, height=height), WORLDS)
        camera = RaycastCamera(WORLDS, 2, scene, cameras, height, width)
        depth, mask = (np.zeros((WORLDS, height, width), kind) for kind in (np.float32, np.uint8))
        rgb = np.zeros((WORLDS, height, width, 3), np.uint8) if wants_rgb else None
        cells.append(f"{cost_us(lambda: camera.render(worlds, poses, depth, mask, rgb)):9.1f}")  # noqa: B023
        if width == 64:
            visibility = Visibility(scene, cameras, camera.movers, height, width)
            noise = SensorNoise(noise_of("realistic"), WORLDS, cameras)
            noisy = depth.copy(), mask.copy()
            cells.append(f"{cost_us(lambda: visibility.shares(worlds, poses)):9.1f}")  # noqa: B023
            cells.append(f"{cost_us(lambda: noise.disturb(worlds, worlds, *noisy)):9.1f}")  # noqa: B023
    print(" ".join(cells))


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    print("                 scene prisms     64x48   visible     noise   160x120  with rgb   (µs per frame)")
    for family in ("blocks", "pillars", "mixed", "rooms", "office", "maze", "warehouse"):
        profile(family, [make_layout(family, rng) for _ in range(16)])
    for size_m in (50.0, 100.0):
        for count in (10, 100, 500, 2000):
            profile(f"{count} on {size_m:.0f} m", [crowded(count, size_m, rng)])


if __name__ == "__main__":
    main()
