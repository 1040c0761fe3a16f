"""Where the time of a step goes: microseconds per world and step of each part, in one process and one thread.

python benchmarks/step_parts.py [--layout NAME] [--worlds W] [--noise PRESET] [--engine always]
"""

import argparse
import time
from collections import defaultdict
from typing import Any

from throughput import follow

from envs.batch import WorldBatch
from envs.world_settings import world_settings

STEPS = 600
PARTS = (
    ("targets choose", "_movers", "act"),
    ("bodies move", "_motion", "advance"),
    ("  of it in PyBullet", "_motion", "_step"),
    ("visibility", "_senses", "visible_share"),
    ("camera and noise", "_senses", "sense"),
    ("episodes begin", "", "_begin"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layout", default="mixed")
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--noise", default="none")
    parser.add_argument("--engine", default="within_reach", choices=("within_reach", "always"))
    arguments = parser.parse_args()
    settings = world_settings(layout=arguments.layout, noise=arguments.noise, engine=arguments.engine)
    batch = WorldBatch(settings, arguments.worlds, threads=1)
    batch.reset(list(range(arguments.worlds)))
    spent: dict[str, float] = defaultdict(float)
    calls: dict[str, int] = defaultdict(int)
    for label, owner, name in PARTS:
        clock(getattr(batch, owner) if owner else batch, name, label, spent, calls)
    for _ in range(100):
        batch.step(follow(batch.out.info))
    spent.clear()
    calls.clear()
    ends, start = 0, time.perf_counter()
    for _ in range(STEPS):
        ends += int(batch.step(follow(batch.out.info)).done.sum())
    total = time.perf_counter() - start
    batch.close()
    scale = 1e6 / STEPS / arguments.worlds
    for label, _, _ in PARTS:
        print(f"{label:22} {spent[label] * scale:7.1f}")
    asked = calls["  of it in PyBullet"] / STEPS / arguments.worlds
    print(f"PyBullet is asked in {asked:.1%} of the steps")
    length = STEPS * arguments.worlds / max(ends, 1)
    print(f"{'everything':22} {total * scale:7.1f}   (an episode lasts {length:.0f} steps)")


def clock(owner: Any, name: str, label: str, spent: dict[str, float], calls: dict[str, int]) -> None:
    """Let a method take down how long it runs."""
    method = getattr(owner, name)

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return method(*args, **kwargs)
        finally:
            spent[label] += time.perf_counter() - start
            calls[label] += 1

    setattr(owner, name, timed)


if __name__ == "__main__":
    main()
