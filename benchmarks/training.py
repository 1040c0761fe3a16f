"""Where the time of a training goes, in steps of the worlds per second.

python benchmarks/training.py                        # teacher stage and duel, one and two threads of torch
python benchmarks/training.py --record states.npz    # keep the states of a rollout
python benchmarks/training.py --synthetic states.npz --device cuda --batch-size 16384   # the learner alone, on those

The last needs neither PyBullet nor the worlds.
"""

import argparse
import resource
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from agents.networks import Actor
from agents.policy import sizes_of
from agents.seat import Seat


class Clock:
    """Seconds spent in methods that it is told to watch, without those that are watched inside.

    It watches the thread that made it; to wait there for an update in another one is a part of "the rest".
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._stack: list[str] = []
        self._since = 0.0
        self._thread = threading.get_ident()

    def watch(self, owner: Any, method: str, name: str) -> None:
        inner: Callable[..., Any] = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self._thread:
                return inner(*args, **kwargs)
            self._switch(push=name)
            try:
                return inner(*args, **kwargs)
            finally:
                self._switch(push=None)

        setattr(owner, method, timed)

    def _switch(self, *, push: str | None) -> None:
        now = time.perf_counter()
        if self._stack:
            self.seconds[self._stack[-1]] += now - self._since
        self._since = now
        if push is None:
            self._stack.pop()
        else:
            self._stack.append(push)


def measure(stage_name: str, threads: int, rounds: int, config: str) -> None:
    from envs.batch import WorldBatch
    from envs.senses import Senses
    from rspt.config import load_config
    from rspt.perceiver import Perceiver
    from rspt.training.lesson import Lesson
    from rspt.training.settings import TrackerSettings
    from rspt.training.stages import make_stage, new_tracker
    from rspt.training.teacher import TeacherStage

    torch.set_num_threads(threads)
    settings = load_config(TrackerSettings, config)
    stage: Any = make_stage(stage_name, settings, {"tracker": new_tracker(settings)}, device="cpu")  # type: ignore[arg-type]
    stage.begin()
    stage.round()  # compiles, and fills the buffers
    clock = Clock()
    watched = (
        (WorldBatch, "step", "physics and episodes"),
        (Senses, "sense", "sensors"),
        (Senses, "visible_share", "sensors"),
        (Perceiver, "follow", "perception"),
        (Lesson, "show", "teacher"),
        (Seat, "choose", "inference"),
        (Seat, "learn", "update"),
        (TeacherStage, "_learn", "update"),
    )
    plain = [(owner, method, getattr(owner, method)) for owner, method, _ in watched]
    for owner, method, name in watched:
        clock.watch(owner, method, name)
    start, before = time.perf_counter(), stage.driven
    clock.watch(stage, "round", "the rest")
    for _ in range(rounds):
        stage.round()
    took, driven = time.perf_counter() - start, stage.driven - before
    stage.close()
    for owner, method, inner in plain:
        setattr(owner, method, inner)
    parts = ", ".join(
        f"{name} {seconds / took:.0%}" for name, seconds in sorted(clock.seconds.items(), key=lambda part: -part[1])
    )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{stage_name:8} {threads} torch thread(s): {driven / took:6.0f} steps/s; {parts}; peak memory {memory:.1f} GiB"
    )


def record(path: Path, steps: int, config: str) -> None:
    """Keep the states of a rollout of the duel's tracker: uint8 maps, float32 vectors."""
    from rspt.config import load_config
    from rspt.training.settings import TrackerSettings
    from rspt.training.worlds import TrainingWorlds

    worlds = TrainingWorlds(load_config(TrackerSettings, config).worlds, seed=0)
    worlds.reset()
    rng, maps, vectors = np.random.default_rng(0), [], []
    for _ in range(steps):
        worlds.step(rng.uniform(-1.0, 1.0, (worlds.num_worlds, 2)))
        maps.append((255.0 * worlds.state["map"]).astype(np.uint8))
        vectors.append(worlds.state["vector"].copy())
    worlds.close()
    np.savez_compressed(path, map=np.stack(maps), vector=np.stack(vectors))
    print(f"{path}: {steps} steps of {worlds.num_worlds} worlds")


def learn_alone(path: Path, device: str, batch_size: int, worlds: int, rounds: int, epochs: int) -> None:
    """Inference and update on recorded states, repeated for as many worlds as asked for."""
    with np.load(path, allow_pickle=False) as arrays:
        maps, vectors = arrays["map"], arrays["vector"]
    steps, recorded = maps.shape[:2]
    rows = np.arange(worlds) % recorded
    space = spaces.Dict(
        {
            "map": spaces.Box(0.0, 1.0, maps.shape[2:], np.float32),
            "vector": spaces.Box(-1.0, 1.0, vectors.shape[2:], np.float32),
        }
    )
    actor = Actor(sizes_of(space)[0])
    options = {"device": device, "batch_size": min(batch_size, steps * worlds), "n_epochs": epochs}
    seat = Seat(space, worlds, steps, seed=0, actor=actor, fitted=False, spread=0.2, **options)
    rng = np.random.default_rng(0)
    spent = {"inference": 0.0, "update": 0.0}
    for number in range(rounds + 1):
        seat.begin_rollout()
        for step in range(steps):
            state = {"map": maps[step, rows].astype(np.float32) / 255.0, "vector": vectors[step, rows]}
            start = time.perf_counter()
            chosen = seat.choose(state)
            spent["inference"] += time.perf_counter() - start
            rewards = rng.standard_normal(worlds)
            seat.remember(state, chosen, rewards, rewards, rng.random(worlds) < 0.01)
        start = time.perf_counter()
        seat.learn(state)
        if device != "cpu":
            torch.cuda.synchronize()
        spent["update"] += time.perf_counter() - start
        if number == 0:  # the first only standardises
            spent = dict.fromkeys(spent, 0.0)
    driven, total = rounds * steps * worlds, sum(spent.values())
    parts = ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in spent.items())
    print(
        f"learner alone, {device}, {torch.get_num_threads()} torch thread(s), {worlds} worlds, batches of"
        f" {options['batch_size']}, {epochs} epochs: {driven / total:.0f} steps/s; {parts}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="rspt", help="recipe of the stages")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--stages", nargs="+", default=["teacher", "duel"])
    parser.add_argument("--record", type=Path)
    parser.add_argument("--synthetic", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    if options.record is not None:
        record(options.record, 64, options.config)
    elif options.synthetic is not None:
        for threads in options.threads if options.device == "cpu" else options.threads[:1]:
            torch.set_num_threads(threads)
            learn_alone(
                options.synthetic, options.device, options.batch_size, options.worlds, options.rounds, options.epochs
            )
    else:
        for stage in options.stages:
            for threads in options.threads:
                measure(stage, threads, options.rounds, options.config)


if __name__ == "__main__":
    main()
