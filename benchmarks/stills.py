"""How targets were lost: stills of the last seconds of lost episodes, the robot's view beside its map.

    python benchmarks/stills.py runs/tables/real --agent pretrained --out lost.png
    python benchmarks/stills.py runs/tables/real --episodes bwi_gdc_3:5000006 willow_full_005:5000010 --out lost.png

A row for each episode, played again from the folder that `rspt evaluate` has left. `--before` says how many seconds
before the end each still is from; an episode is lost when the target has been out of sight for five of them.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from envs.physics import CONTROL_DT_S
from rspt.errors import UsageError
from rspt.evaluation.films import filmed
from rspt.evaluation.results import Line, Results, read_results
from rspt.evaluation.scenes import EVERY_STEPS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="that `rspt evaluate` has left")
    parser.add_argument("--agent", default="pretrained", help="its label (default: pretrained)")
    parser.add_argument("--episodes", nargs="+", metavar="LAYOUT:SEED", help="these alone (default: all lost ones)")
    parser.add_argument("--condition", help="this one alone")
    parser.add_argument("--before", type=float, nargs="+", default=[7.0, 5.0, 3.0, 0.0], help="seconds (7 5 3 0)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, required=True, help="PNG")
    options = parser.parse_args()
    results = read_results(options.folder)
    lines = chosen(results, options.agent, options.condition, options.episodes)
    rows = []
    for line, film in filmed(results, lines, workers=options.workers):
        told = f"{line['condition']} {line['ground']}:{line['seed']}"
        if film is None:
            raise UsageError(f"{options.folder}: {told} goes otherwise than it was written down; another machine?")
        print(f"{told}: {CONTROL_DT_S * line['length']:.1f} s, {line['contacts']} steps of contact")
        rows.append(np.concatenate(stills(film, options.before), axis=1))
    cv2.imwrite(str(options.out), cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR))
    return 0


def chosen(results: Results, agent: str, condition: str | None, episodes: Sequence[str] | None) -> list[Line]:
    """The episodes to show, in the order in which they are named, or were played.

    Raises:
        UsageError: if there are none, or not one that is named.
    """
    own = [line for line in results.lines if line["agent"] == agent and condition in (None, line["condition"])]
    if episodes is None:
        found = [line for line in own if not line["success"]]
        if not found:
            raise UsageError(f"{agent} has lost no episode there")
        return found
    by_name = {f"{line['ground']}:{line['seed']}": line for line in reversed(own)}
    for name in episodes:
        if name not in by_name:
            raise UsageError(f"--episodes {name}: {agent} has not played it there; {next(iter(by_name), None)} it has")
    return [by_name[name] for name in episodes]


def stills(film: bytes, before: Sequence[float]) -> list[NDArray[np.uint8]]:
    """Pictures (H, W, 3) of a film, so many seconds of the episode before its end, or its first one."""
    with av.open(io.BytesIO(film)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    per_second = 1.0 / (CONTROL_DT_S * EVERY_STEPS)
    return [frames[max(0, len(frames) - 1 - round(per_second * seconds))] for seconds in before]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UsageError as error:
        sys.exit(f"error: {error}")
