"""Steps per second of the environments on this machine, and of ViZDoom beside them if it is installed.

    python benchmarks/throughput.py [--json FILE] [--seconds S] [--worlds W]

All rows are measured in turn in one process, several rounds, and the median of the rounds counts: on a shared machine
only ratios within one run mean anything.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import gymnasium
import numpy as np

import envs  # noqa: F401
from envs.vector import TrackVectorEnv
from rspt.track_state_vector import TrackStateVectorEnv

ROUNDS = 3
LAYOUT = "mixed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    parser.add_argument("--seconds", type=float, default=2.0, help="per row and round")
    parser.add_argument("--worlds", type=int, default=128, help="worlds of the batched rows")
    arguments = parser.parse_args()
    figures = measure(arguments.seconds, arguments.worlds)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def measure(seconds: float, worlds: int) -> dict[str, float | str | int | None]:
    """Steps/s by row; `vizdoom_160x120` is None where ViZDoom is not installed."""
    workers = min(2, os.cpu_count() or 1)
    rows: dict[str, Callable[[], Stepper]] = {
        "raycast_64x48": lambda: Batched(worlds, renderer="raycast"),
        "bullet_64x48": lambda: Batched(8, renderer="bullet"),
        "raycast_160x120": lambda: Batched(worlds, renderer="raycast", resolution=(160, 120)),
        "bullet_160x120": lambda: Batched(8, renderer="bullet", resolution=(160, 120)),
        "raycast_rgb_160x120": lambda: Batched(worlds, renderer="raycast", resolution=(160, 120), rgb=True),
        "single_64x48": Single,
        "workers_1_64x48": lambda: Batched(worlds, num_workers=1),
        "workers_2_64x48": lambda: Batched(worlds, num_workers=workers),
        "workers_2_bullet_64x48": lambda: Batched(8, num_workers=workers, renderer="bullet"),
        "workers_2_160x120": lambda: Batched(worlds, num_workers=workers, resolution=(160, 120)),
        "workers_2_bullet_160x120": lambda: Batched(8, num_workers=workers, renderer="bullet", resolution=(160, 120)),
        "state_kalman_64x48": lambda: Batched(worlds, state=True, predictor="kalman"),
        "state_learned_64x48": lambda: Batched(worlds, state=True, predictor="learned"),
        "state_kalman_workers_2_64x48": lambda: Batched(worlds, state=True, predictor="kalman", num_workers=workers),
        "vizdoom_160x120": Doom,
    }
    figures: dict[str, float | str | int | None] = {
        "machine": f"{platform.machine()} {_processor()}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "worlds": worlds,
    }
    for name, make in rows.items():
        try:
            stepper = make()
        except ImportError:
            figures[name] = None
            print(f"{name:28} not installed")
            continue
        rates = [stepper.rate(seconds) for _ in range(ROUNDS)]
        stepper.close()
        figures[name] = round(statistics.median(rates), 1)
        print(f"{name:28} {figures[name]:>10,.0f} steps/s   ({min(rates):,.0f} to {max(rates):,.0f})", flush=True)
    _print_ratios(figures)
    return figures


class Stepper(ABC):
    """Something that makes steps."""

    steps_per_call = 1

    @abstractmethod
    def call(self) -> None:
        """Make them once."""

    @abstractmethod
    def close(self) -> None:
        """Free what it holds."""

    def rate(self, seconds: float) -> float:
        """Steps per second."""
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            self.call()
            count += self.steps_per_call
        return count / (time.perf_counter() - start)


def follow(info: dict[str, np.ndarray]) -> np.ndarray:
    """Actions (W, 2) that keep the true target ahead at 2.5 m: episodes as long as a decent tracker's."""
    forward = 0.8 * (info["distance_m"] - 2.5)
    return np.clip(np.stack([forward, 1.5 * info["bearing_rad"]], axis=-1), -1.0, 1.0).astype(np.float32)


class Batched(Stepper):
    """The vectorised environment, of sensors or of the state, with a tracker that follows."""

    def __init__(self, worlds: int, *, state: bool = False, **arguments: object) -> None:
        kind = TrackStateVectorEnv if state else TrackVectorEnv
        self.environment = kind(worlds, layout=LAYOUT, **arguments)  # type: ignore[arg-type]
        self.steps_per_call = worlds
        _, self.info = self.environment.reset(seed=0)
        for _ in range(10):
            self.call()

    def call(self) -> None:
        *_, self.info = self.environment.step(follow(self.info))

    def close(self) -> None:
        self.environment.close()


class Single(Stepper):
    """One environment through `gymnasium.make`."""

    def __init__(self) -> None:
        self.environment = gymnasium.make("RSPT/Track-v0", layout=LAYOUT)
        _, self.info = self.environment.reset(seed=0)
        self.call()

    def call(self) -> None:
        *_, terminated, truncated, self.info = self.environment.step(follow(self.info))
        if terminated or truncated:
            _, self.info = self.environment.reset()

    def close(self) -> None:
        self.environment.close()


class Doom(Stepper):
    """ViZDoom with colours, depth and labels at 160x120, one frame an action, in this process."""

    def __init__(self) -> None:
        import vizdoom

        game = vizdoom.DoomGame()
        game.load_config(str(Path(vizdoom.scenarios_path) / "deadly_corridor.cfg"))
        game.set_screen_resolution(vizdoom.ScreenResolution.RES_160X120)
        game.set_screen_format(vizdoom.ScreenFormat.RGB24)
        game.set_depth_buffer_enabled(True)
        game.set_labels_buffer_enabled(True)
        game.set_window_visible(False)
        game.set_mode(vizdoom.Mode.PLAYER)
        game.init()
        self.game, self.rng = game, np.random.default_rng(0)
        self.buttons = game.get_available_buttons_size()
        for _ in range(10):
            self.call()

    def call(self) -> None:
        if self.game.is_episode_finished():
            self.game.new_episode()
        state = self.game.get_state()
        assert state.screen_buffer is not None
        assert state.depth_buffer is not None
        assert state.labels_buffer is not None
        self.game.make_action(self.rng.integers(0, 2, self.buttons).tolist(), 1)

    def close(self) -> None:
        self.game.close()


def _print_ratios(figures: dict[str, float | str | int | None]) -> None:
    print()
    for name, over, under in (
        ("raycast : bullet, 64x48, one process", "raycast_64x48", "bullet_64x48"),
        ("raycast : bullet, 160x120, one process", "raycast_160x120", "bullet_160x120"),
        ("raycast : bullet, 64x48, two workers", "workers_2_64x48", "workers_2_bullet_64x48"),
        ("raycast : bullet, 160x120, two workers", "workers_2_160x120", "workers_2_bullet_160x120"),
        ("with perception (Kalman) : sensors alone", "state_kalman_64x48", "raycast_64x48"),
        ("with perception (learned) : sensors alone", "state_learned_64x48", "raycast_64x48"),
        ("raycast with rgb : ViZDoom, 160x120, one process", "raycast_rgb_160x120", "vizdoom_160x120"),
    ):
        a, b = figures[over], figures[under]
        ratio = f"{a / b:.1f}" if isinstance(a, float) and isinstance(b, float) else "-"
        print(f"{name:50} {ratio:>6}")


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
