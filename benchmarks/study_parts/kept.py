"""What is kept of each training of the study: its episodes, and what it took."""

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from study_parts.rows import ROWS

from rspt.evaluation.results import Results

MEASURES = ("success", "success_safe", "episode_return", "hidden_spells", "reacquisitions")
TRAININGS = "trainings.csv"
"""What each training took, beside the files of their episodes."""
_EPISODE = ("condition", "ground", "seed", *MEASURES)
_TRAINING = ("row", "seed", "steps", "cpu_hours", "ms_per_action", "tracker_sha256")


def keep(into: Path, name: str, seed: int, results: Results, record: Mapping[str, str]) -> None:
    """Write the episodes of a training, in the order of the layouts, and its line of `trainings.csv`."""
    into.mkdir(parents=True, exist_ok=True)
    order = list(dict.fromkeys(line["condition"] for line in results.lines))
    lines = sorted(results.lines, key=lambda line: (order.index(line["condition"]), line["ground"], line["seed"]))
    write_table(episodes_of(into, name, seed), _EPISODE, lines)
    (took,) = results.about["run"]["milliseconds_per_action"].values()
    line = {
        "row": name,
        "seed": seed,
        "steps": sum(json.loads(record["stages"]).values()),
        "cpu_hours": float(record["cpu_hours"]),
        "ms_per_action": took,
        "tracker_sha256": next(iter(results.about["agents"].values()))["sha256"],
    }
    others = [old for old in read_table(into / TRAININGS) if (old["row"], int(old["seed"])) != (name, seed)]
    known = [*others, line]
    known.sort(key=lambda line: (list(ROWS).index(line["row"]), int(line["seed"])))
    write_table(into / TRAININGS, _TRAINING, known)


def tell_milliseconds(folder: Path, name: str, seed: int, took: float | None) -> None:
    """Put another measurement of a training that is kept in place of the one before."""
    known = [
        {**line, "ms_per_action": took} if (line["row"], int(line["seed"])) == (name, seed) else line
        for line in read_table(folder / TRAININGS)
    ]
    write_table(folder / TRAININGS, _TRAINING, known)


def is_kept(folder: Path, name: str, seed: int, *, tracker_sha256: str, episodes: int) -> bool:
    """Whether so many episodes of each family under each condition of this very tracker are kept already."""
    took = [line for line in read_table(folder / TRAININGS) if (line["row"], int(line["seed"])) == (name, seed)]
    lines = read_table(episodes_of(folder, name, seed))
    counts = Counter((line["condition"], line["ground"]) for line in lines)
    return [line["tracker_sha256"] for line in took] == [tracker_sha256] and {*counts.values()} == {episodes}


def episodes_of(folder: Path, name: str, seed: int) -> Path:
    """The file with the episodes of a training."""
    return folder / f"{name}-{seed}.csv"


def played_of(folder: Path, name: str) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Values (S, n) of each measure under each condition, on the same layouts for all seeds."""
    found: dict[str, dict[str, list[list[float]]]] = {}
    layouts: dict[str, list[tuple[str, str]]] = {}
    for seed in ROWS[name].seeds:
        path = episodes_of(folder, name, seed)
        lines = read_table(path)
        for condition in dict.fromkeys(line["condition"] for line in lines):
            some = [line for line in lines if line["condition"] == condition]
            here = [(line["ground"], line["seed"]) for line in some]
            if layouts.setdefault(condition, here) != here:
                raise SystemExit(f"{path}: {len(here)} episodes of {condition}, others than those of other seeds")
            measures = found.setdefault(condition, {})
            for measure in MEASURES:
                measures.setdefault(measure, []).append([float(line[measure]) for line in some])
    return {
        condition: {measure: np.array(values) for measure, values in measures.items()}
        for condition, measures in found.items()
    }


def cost_of(folder: Path, name: str) -> dict[str, float]:
    """Steps of the worlds, CPU hours and milliseconds per action, means over the seeds."""
    here = [line for line in read_table(folder / TRAININGS) if line["row"] == name]
    return {key: float(np.mean([float(line[key]) for line in here])) for key in ("steps", "cpu_hours", "ms_per_action")}


def write_table(path: Path, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """A table of these columns; shares and counts as they are, other numbers to six places."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows({key: _told(value) for key, value in row.items()} for row in rows)


def _told(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return f"{value:.6g}" if isinstance(value, float) else value


def read_table(path: Path) -> list[dict[str, str]]:
    """The lines of a table; none if it is not there."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
