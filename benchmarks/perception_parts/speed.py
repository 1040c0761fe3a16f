"""Time that perception takes: 64 worlds at 64x48 on all cores, and one large frame of a robot."""

import statistics
import time
from collections.abc import Callable

import numpy as np

from envs.threads import Threads, available_cores
from envs.vector import TrackVectorEnv
from rspt.perception import CameraModel, Perception

WORLDS = 64
STEPS = 60
ROUNDS = 7
ROBOT_SIZE = (640, 480)


def measure() -> dict[str, float]:
    """Microseconds per world and step, milliseconds per frame of a robot."""
    small, large = record(WORLDS, (64, 48)), record(1, ROBOT_SIZE)
    threads = Threads()
    rows: dict[str, Callable[[], float]] = {
        "us_per_world_step": runner(small, WORLDS, (64, 48), "kalman", threads),
        "us_per_world_step_learned": runner(small, WORLDS, (64, 48), "learned", threads),
        "us_per_world_step_one_core": runner(small, WORLDS, (64, 48), "kalman", None),
        "us_per_world_step_learned_one_core": runner(small, WORLDS, (64, 48), "learned", None),
        "us_per_frame_640x480": runner(large, 1, ROBOT_SIZE, "learned", None),
    }
    times: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(ROUNDS):
        for name, run in rows.items():
            times[name].append(run())
    threads.close()
    print(f"\nPerception on {available_cores()} cores, median of {ROUNDS} rounds (least), microseconds")
    for name, values in times.items():
        print(f"  {name:40} {statistics.median(values):10.1f} ({min(values):.1f})")
    figures = {name: statistics.median(values) for name, values in times.items()}
    figures["ms_per_frame_640x480"] = figures.pop("us_per_frame_640x480") / 1000.0
    return figures


def record(worlds: int, size: tuple[int, int]) -> list[dict[str, np.ndarray]]:
    """Frames of worlds whose trackers follow their targets."""
    environment = TrackVectorEnv(worlds, layout="mixed", resolution=size)
    observation, info = environment.reset(seed=0)
    frames = []
    for _ in range(STEPS):
        frames.append(observation)
        forward = 0.8 * (info["distance_m"] - 2.5)
        actions = np.clip(np.stack([forward, 1.5 * info["bearing_rad"]], axis=-1), -1.0, 1.0).astype(np.float32)
        observation, *_, info = environment.step(actions)
    environment.close()
    return frames


def runner(
    frames: list[dict[str, np.ndarray]], worlds: int, size: tuple[int, int], predictor: str, threads: Threads | None
) -> Callable[[], float]:
    """A function that perceives all frames and returns the microseconds per world and frame."""
    camera = CameraModel.level(width=size[0], height=size[1])
    share = None if threads is None else threads.share
    perception = Perception(camera, num_worlds=worlds, predictor=predictor, share=share)

    def run() -> float:
        perception.reset()
        start = time.perf_counter()
        for number, frame in enumerate(frames):
            perception.update(
                stamp_s=0.1 * number,
                depth=frame["depth"],
                target_mask=frame["target_mask"],
                pose=frame["pose"],
                velocity=frame["velocity"],
            )
        return 1e6 * (time.perf_counter() - start) / (len(frames) * worlds)

    run()
    return run
