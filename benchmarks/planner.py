"""How long the privileged planner takes for one world, with kernels that count references to arrays and without.

python benchmarks/planner.py   # compiles both, half a minute each

Each is a process of its own; they judge the same moments, in turns, and must come to the same numbers.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

WORLDS, STEPS, TURNS = 32, 40, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", choices=("counted", "uncounted"), help="measure these alone, in this process")
    options = parser.parse_args()
    if options.kernels:
        print(json.dumps(measured(options.kernels)))
        return
    took: dict[str, list[float]] = {"counted": [], "uncounted": []}
    numbers = set()
    with tempfile.TemporaryDirectory() as caches:
        for _ in range(TURNS):
            for kernels, times in took.items():
                command = [sys.executable, __file__, "--kernels", kernels]
                environment = {**os.environ, "NUMBA_CACHE_DIR": f"{caches}/{kernels}"}
                done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
                milliseconds, number = json.loads(done.stdout.splitlines()[-1])
                times.append(milliseconds)
                numbers.add(number)
    assert len(numbers) == 1, "the two do not agree"
    for kernels, times in took.items():
        print(
            f"{kernels:10} {np.median(times):.3f} ms of a core for one world, from {min(times):.3f} to {max(times):.3f}"
        )
    ratios = np.array(took["counted"]) / np.array(took["uncounted"])
    print(f"ratio {np.median(ratios):.2f}, from {ratios.min():.2f} to {ratios.max():.2f}, the same numbers")


def measured(kernels: str) -> tuple[float, float]:
    """Milliseconds of a core for one world, and a sum of what came out."""
    from agents import jit

    if kernels == "counted":
        jit.uncounted_kernel = jit.kernel  # before anything is compiled
    from envs.batch import WorldBatch
    from envs.world_settings import world_settings
    from rspt.build import make_oracle

    batch = WorldBatch(world_settings(layout=["blocks", "mixed", "rooms"], target_policy="evade"), WORLDS)
    batch.reset(list(range(WORLDS)))
    oracle = make_oracle()
    oracle.reset(np.ones(WORLDS, dtype=np.bool_))
    views = []
    for _ in range(STEPS):
        views.append(batch.privileged_view())
        batch.step(oracle.act({}, views[-1]))
    took, total = [], 0.0
    for view in views:
        begun = time.thread_time()
        actions, regrets = oracle.judge(view)
        took.append(time.thread_time() - begun)
        total += float(actions.sum() + regrets.table.sum())
    batch.close()
    return 1e3 * float(np.median(took)) / WORLDS, total


if __name__ == "__main__":
    main()
