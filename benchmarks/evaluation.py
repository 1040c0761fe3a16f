"""How long an evaluation takes, and how much of it is not the stepping of the worlds.

    python benchmarks/evaluation.py [--agent NAME] [--episodes N] [--workers N]

The default suite with one agent, then its page with 30 films; and, before and after, bare worlds of the same kind in
which a tracker stands still. On a shared machine only the ratio means anything.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from rspt.evaluate import evaluate
from rspt.evaluation.plan import plan_of
from rspt.evaluation.report import REPORT, write_report
from rspt.evaluation.results import read_results
from rspt.evaluation.summary import summarize
from rspt.signals import StopRequest
from rspt.track_state_vector import TrackStateVectorEnv


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agent", default="pretrained")
    parser.add_argument("--episodes", type=int, default=100, help="of each of the four families")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    plan, _ = plan_of(agents=[arguments.agent], episodes=arguments.episodes)
    quiet, before = Console(quiet=True), bare_rate()
    with tempfile.TemporaryDirectory() as folder, StopRequest() as stop:
        out = Path(folder) / "results"
        start = time.perf_counter()
        evaluate(plan, out, films=0, workers=arguments.workers, stop=stop, console=quiet)
        played_s = time.perf_counter() - start
        results = read_results(out)
        start = time.perf_counter()
        write_report(results, summarize(results), out / REPORT, films=30, workers=arguments.workers)
        report_s = time.perf_counter() - start
        size_mb = (out / REPORT).stat().st_size / 1e6
    bare = 0.5 * (before + bare_rate())
    steps = sum(line["length"] for line in results.lines)
    print(
        f"{len(results.lines)} episodes, {arguments.workers} workers: {played_s:.0f} s, {steps / played_s:,.0f} steps/s"
    )
    print(f"page with 30 films: {report_s:.0f} s, {size_mb:.1f} MB")
    print(f"bare worlds in one process: {bare:,.0f} steps/s; an evaluation makes {steps / played_s / bare:.2f} of that")


def bare_rate(seconds: float = 5.0, worlds: int = 50) -> float:
    """Steps/s of the worlds and their states in one process, no tracker."""
    env = TrackStateVectorEnv(worlds, layout=["corridors", "maze", "warehouse", "parking"], predictor="learned")
    env.reset(seed=0)
    action = np.zeros((worlds, 2), dtype=np.float32)
    env.step(action)
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        env.step(action)
        steps += worlds
    rate = steps / (time.perf_counter() - start)
    env.close()
    return rate


if __name__ == "__main__":
    main()
