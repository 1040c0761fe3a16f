"""What trackers do while the target is out of sight: do they drive on, or stand and wait?

    python benchmarks/out_of_sight.py runs/tables/validation

For each condition and agent of an evaluation: steps out of sight, how many of the times that the target got out of
sight it was seen again, the tracker's mean speed in these steps, and the share of them in which it stands.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from envs.physics import CONTROL_DT_S
from rspt.evaluation.results import Line, read_results, tracks_of
from rspt.evaluation.table import markdown_table
from rspt.evaluation.tape import UNIT_M, VISIBLE, Track

STANDS_MPS = 0.1
"""Slower than this a tracker stands."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="that `rspt evaluate` has left")
    parser.add_argument("--layouts", nargs="*", help="these alone")
    options = parser.parse_args()
    print(table(options.folder, options.layouts))


def table(folder: Path, layouts: Sequence[str] | None = None) -> str:
    """A row for each condition and agent."""
    results = read_results(folder)
    groups: dict[tuple[str, str], list[tuple[Line, Track]]] = {}
    for line, track in zip(results.lines, tracks_of(results), strict=True):
        if not layouts or line["ground"] in layouts:
            groups.setdefault((line["condition"], line["agent"]), []).append((line, track))
    rows = []
    for (condition, agent), episodes in groups.items():
        speeds = hidden_speeds([track for _, track in episodes])
        spells, found = (sum(line[name] for line, _ in episodes) for name in ("hidden_spells", "reacquisitions"))
        told = ["", "", ""]
        if len(speeds):
            told = [f"{found / max(spells, 1):.2f}", f"{speeds.mean():.2f}", f"{(speeds < STANDS_MPS).mean():.2f}"]
        rows.append([condition, agent, str(len(episodes)), str(len(speeds)), *told])
    heads = ("condition", "agent", "n", "steps out of sight", "seen again", "speed (m/s)", "stands")
    return markdown_table(heads, rows)


def hidden_speeds(tracks: Sequence[Track]) -> NDArray[np.float64]:
    """The tracker's speed in m/s in each step at whose beginning the target is not visible (n,)."""
    speeds = []
    for track in tracks:
        places = UNIT_M * track.poses[:, 0, :2].astype(np.float64)
        hidden = (track.events[:-1] & VISIBLE) == 0
        speeds.append(np.hypot(*np.diff(places, axis=0).T)[hidden] / CONTROL_DT_S)
    return np.concatenate(speeds) if speeds else np.zeros(0)


if __name__ == "__main__":
    main()
