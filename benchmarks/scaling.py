"""How the cost of a step grows with obstacles, map size and worlds, and what a reset and a world cost.

    python benchmarks/scaling.py [--json FILE] [--seconds S]

Each sweep is measured in turn, several rounds, and the median of the rounds is printed beside its ratio to the first
row: on a shared machine only ratios within one run mean anything.
"""

import argparse
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from throughput import follow

from envs.batch import WorldBatch
from envs.layouts import FAMILIES, SPLITS
from envs.layouts.layout import Layout, Prisms
from envs.world_settings import world_settings

ROUNDS = 5
WORLDS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    parser.add_argument("--seconds", type=float, default=1.0, help="per row and round")
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    obstacles = {
        f"obstacles_{count}": (lambda count=count: batch(scattered(count, 140.0))) for count in (10, 100, 500, 2000)
    }
    # 2,000 of them stand as densely here as in the family `mixed`
    figures |= sweep("obstacles on 140 m x 140 m", obstacles, arguments.seconds)
    # the same density of obstacles, so that only the size differs
    sizes = {
        f"size_{size}m": (lambda size=size: batch(scattered(round(0.1 * size**2), float(size))))
        for size in (20, 40, 60, 100)
    }
    figures |= sweep("map size, 0.1 obstacles per m2", sizes, arguments.seconds)
    worlds = {f"worlds_{count}": (lambda count=count: batch("blocks", worlds=count)) for count in (1, 4, 16, 64, 256)}
    figures |= sweep("worlds, blocks", worlds, arguments.seconds)
    figures |= resets()
    figures |= memory()
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def scattered(count: int, size_m: float) -> Layout:
    """Boxes and pillars at random, none within 1.4 m of another where that fits; the rest closer."""
    rng = np.random.default_rng(count)
    places: list[np.ndarray] = []
    gap_m = min(2.0, 0.75 * size_m / np.sqrt(count))
    for _ in range(200 * count):
        place = rng.uniform(1.0, size_m - 1.0, 2)
        if not places or np.hypot(*(np.array(places) - place).T).min() > gap_m:
            places.append(place)
        if len(places) == count:
            break
    middles = np.array(places)
    half = len(middles) // 2
    return Layout(
        "scattered",
        (0.0, 0.0, size_m, size_m),
        Prisms.concatenate(
            [
                Prisms.boxes(middles[:half], (0.25, 0.2), yaw=rng.uniform(0, 3, half), z=(0.0, 2.0), color=3),
                Prisms.cylinders(middles[half:], 0.2, z=(0.0, 2.0), color=5),
            ]
        ),
    )


def watch(info: dict[str, np.ndarray]) -> np.ndarray:
    """Actions (W, 2) that turn after the target on the spot: no row pays for contacts that another does not have."""
    turn = np.clip(1.5 * info["bearing_rad"], -1.0, 1.0)
    return np.stack([np.zeros_like(turn), turn], axis=-1)


def batch(layout: Layout | str, *, worlds: int = WORLDS) -> WorldBatch:
    """Worlds of one layout, after their first steps; their episodes do not end, for a reset has a table of its own."""
    made = WorldBatch(world_settings(layout=layout, lost_after_steps=100_000, episode_steps=1_000_000), worlds)
    made.reset(list(range(worlds)))
    for _ in range(5):
        made.step(follow(made.out.info))
    return made


def sweep(title: str, rows: dict[str, Callable[[], WorldBatch]], seconds: float) -> dict[str, float]:
    """Microseconds per world and step of each row, measured in turn."""
    batches = {name: make() for name, make in rows.items()}
    rates: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(ROUNDS):
        for name, made in batches.items():
            count, start = 0, time.perf_counter()
            while time.perf_counter() - start < seconds:
                made.step(watch(made.out.info))
                count += made.num_worlds
            rates[name].append((time.perf_counter() - start) / count * 1e6)
    figures = {name: statistics.median(values) for name, values in rates.items()}
    print(f"\n{title}: microseconds per world and step")
    first = next(iter(figures.values()))
    for name, value in figures.items():
        print(f"  {name:20} {value:8.1f}   x {value / first:.2f}")
        batches[name].close()
    return {f"us_{name}": round(value, 2) for name, value in figures.items()}


def resets() -> dict[str, float]:
    """Milliseconds of a reset of one world, by family."""
    figures: dict[str, float] = {}
    print("\nreset of one world: milliseconds (median, worst of 40)")
    families = [family for split in SPLITS.values() for family in split]
    assert set(families) == set(FAMILIES)
    for family in families:
        made = WorldBatch(world_settings(layout=family), 1)
        made.reset([0])
        times = []
        for _ in range(40):
            start = time.perf_counter()
            made.reset()
            times.append((time.perf_counter() - start) * 1e3)
        made.close()
        figures[f"ms_reset_{family}"] = round(statistics.median(times), 2)
        print(f"  {family:20} {statistics.median(times):8.2f} {max(times):8.2f}")
    return figures


def memory() -> dict[str, float]:
    """Mebibytes that a further world takes after it has played, each renderer in a fresh process."""
    figures: dict[str, float] = {}
    print("\nmemory of a further world: MiB")
    for renderer in ("raycast", "bullet"):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            figures[f"mib_per_world_{renderer}"] = pool.apply(memory_per_world, (renderer,))
        print(f"  {renderer:20} {figures[f'mib_per_world_{renderer}']:8.1f}")
    return figures


def memory_per_world(renderer: str) -> float:
    """How much the resident set grows by 32 worlds, for each of them."""
    process = psutil.Process()

    def play(worlds: int) -> WorldBatch:
        made = WorldBatch(world_settings(layout="mixed", renderer=renderer), worlds)
        for _ in range(3):
            made.reset(list(range(worlds)))
            for _ in range(20):
                made.step(follow(made.out.info))
        return made

    first = play(2)
    before = process.memory_info().rss
    others = play(32)
    grown = process.memory_info().rss - before
    first.close()
    others.close()
    return round(grown / 2**20 / 32, 1)


if __name__ == "__main__":
    main()
