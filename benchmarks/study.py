"""The study of rivals and ablations: trains every row with one budget, plays them all, and says what differs.

    python benchmarks/study.py train --out runs/study --jobs 2    # hours; goes on where it stopped
    python benchmarks/study.py evaluate --out runs/study    # docs/results/study/, a file for each training
    python benchmarks/study.py table                        # of these files: docs/results/study.csv, and the page

Each row has as many steps of the worlds as the full system, all of its stages together. `--rows` and `--seeds` pick
some of them, for instance one seed for each machine. `table` shows what is there. Rows that differ from the full system
after the teacher stage alone begin with its tracker.
"""

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from results_page import PAGE, replaced
from rich.console import Console
from trainings import Training, run_trainings

from rspt.actors import load_player
from rspt.evaluate import evaluate
from rspt.evaluation.plan import plan_of
from rspt.evaluation.results import Results, read_results
from rspt.evaluation.statistics import Interval, difference_over_seeds, holm, mean_over_seeds
from rspt.evaluation.table import markdown_table
from rspt.signals import StopRequest
from rspt.training.stages import TRACKER_STAGES

TEACHER, CLONE, ESCAPE, DUEL = 250_000, 50_000, 100_000, 350_000
FULL = {"teacher": TEACHER, "clone": CLONE, "escape": ESCAPE, "duel": DUEL}
BUDGET = sum(FULL.values())
BASE = "full"
SEEDS = (0, 1, 2)
MEASURES = ("success", "success_safe", "episode_return", "reacquired")
CSV = PAGE.parent / "results" / "study.csv"
EPISODES = CSV.with_suffix("")
"""Folder of a file for each training, with its episodes."""
TRAININGS = "trainings.csv"
"""What each training took, in that folder."""
_EPISODE = (
    "condition", "ground", "seed", "success", "success_safe", "episode_return", "hidden_spells", "reacquisitions",
)  # fmt: skip
_TRAINING = ("row", "seed", "steps", "cpu_hours", "ms_per_action", "tracker_sha256")


class Variant(NamedTuple):
    """One row of the study.

    Attributes:
        config: the recipe.
        told: what it is, for the table.
        seeds: of its trainings.
        lengths: steps of its stages.
        taught: whether it begins with the tracker of the full system's teacher stage.
    """

    config: str
    told: str
    seeds: tuple[int, ...] = (0,)
    lengths: dict[str, int] = FULL
    taught: bool = False


ROWS = {
    BASE: Variant("rspt", "the full system", SEEDS),
    "no_map": Variant("no_map", "no surroundings", SEEDS),
    "no_prediction": Variant("no_prediction", "no predicted path, no belief", SEEDS),
    "no_duel": Variant("no_duel", "PPO against scripts instead of the duel", SEEDS, {"duel": BUDGET - TEACHER}, True),
    "e2e_teacher": Variant("e2e_teacher", "pixels, recurrent, teacher and duel", SEEDS),
    "e2e_duel": Variant("e2e_duel", "pixels, recurrent, duel alone", SEEDS, {"clone": CLONE, "duel": BUDGET - CLONE}),
    "state_gru": Variant("state_gru", "a memory instead of the map"),
    "single_frame": Variant("single_frame", "map not fused over time"),
    "no_belief": Variant("no_belief", "no belief about an unseen target"),
    "kalman": Variant("kalman", "Kalman filter predicts"),
    "true_map": Variant("true_map", "true surroundings"),
    "true_future": Variant("true_future", "true path"),
    "no_hindsight": Variant("no_hindsight", "the teacher guesses how the target goes on"),
    "no_teacher": Variant(
        "no_teacher", "the duel from nothing", lengths={"clone": CLONE, "duel": BUDGET - CLONE}
    ),
    "zero_sum": Variant(
        "zero_sum", "plain zero-sum duel", lengths={"clone": CLONE, "duel": BUDGET - TEACHER - CLONE}, taught=True
    ),
}  # fmt: skip
"""By their names."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "evaluate", "table"))
    parser.add_argument("--out", type=Path, default=Path("runs/study"))
    parser.add_argument("--rows", nargs="*", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--seeds", type=int, nargs="*", choices=SEEDS, default=list(SEEDS))
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time; two use two cores better than one")
    parser.add_argument("--episodes", type=int, default=50, help="of each family under each condition")
    options = parser.parse_args()
    if options.what == "train":
        train(options.out, options.rows, options.seeds, options.jobs)
    elif options.what == "evaluate":
        play(options.out, options.rows, options.seeds, options.episodes)
    else:
        rows = summarized(EPISODES, options.rows)
        write_csv(rows)
        table = table_of(rows)
        print(table)
        PAGE.write_text(replaced(PAGE.read_text(), "study", table))


def train(out: Path, names: Sequence[str], seeds: Sequence[int], jobs: int) -> None:
    """Train what is not trained yet, the first seeds of all rows before the second ones; so many at a time."""
    wanted = [(name, seed) for seed in seeds for name in names if seed in ROWS[name].seeds]
    missing = [(name, seed) for name, seed in wanted if not finished(out, name, seed).exists()]
    for name, seed in missing:
        if ROWS[name].taught and (BASE, seed) not in missing and not taught_by(out, seed).exists():
            raise SystemExit(f"{name}, seed {seed}: begins with {taught_by(out, seed)}; train the row {BASE}, too")
    with StopRequest() as stop:
        done = run_trainings([training_of(out, name, seed) for name, seed in missing], jobs, stop)
    if not done:
        raise SystemExit(stop.exit_code or 1)


def training_of(out: Path, name: str, seed: int) -> Training:
    """Of a row with a seed."""
    row = ROWS[name]
    options = ["--config", row.config, "--seed", str(seed), "--predictor", "null"]
    if row.taught:
        options += ["--teacher", "null", "--start-from", str(taught_by(out, seed))]
    for stage, steps in row.lengths.items():
        options += [f"--{stage}.total_steps", str(steps)]
    return Training(folder_of(out, name, seed), options, lambda: not row.taught or taught_by(out, seed).exists())


def folder_of(out: Path, name: str, seed: int) -> Path:
    """Of a training."""
    return out / f"{name}-{seed}"


def taught_by(out: Path, seed: int) -> Path:
    """The tracker that the full system's teacher stage has left."""
    return folder_of(out, BASE, seed) / "tracker-after-teacher.safetensors"


def finished(out: Path, name: str, seed: int) -> Path:
    """The tracker as the last stage of a training left it: it is there when the training is done."""
    last = [stage for stage in ROWS[name].lengths if stage in TRACKER_STAGES][-1]
    return folder_of(out, name, seed) / f"tracker-after-{last}.safetensors"


def play(out: Path, names: Sequence[str], seeds: Sequence[int], episodes: int) -> None:
    """Evaluate each training that is done, and keep its episodes."""
    with StopRequest() as stop:
        for name in names:
            for seed in seeds:
                folder = folder_of(out, name, seed)
                if seed not in ROWS[name].seeds or not finished(out, name, seed).exists():
                    continue
                plan, _ = plan_of("study", [f"{name}-{seed}={folder}"], episodes=episodes)
                played = out / "evaluations" / f"{name}-{seed}"
                evaluate(
                    plan,
                    played,
                    films=0,
                    brief=True,
                    resume=played.exists(),
                    stop=stop,
                    console=Console(soft_wrap=True),
                )
                if stop:
                    return
                record = load_player(finished(out, name, seed), "tracker").record
                keep(EPISODES, name, seed, read_results(played), record)


def keep(into: Path, name: str, seed: int, results: Results, record: Mapping[str, str]) -> None:
    """Write the episodes of a training, in the order of the layouts, and its line of `trainings.csv`."""
    into.mkdir(parents=True, exist_ok=True)
    order = list(dict.fromkeys(line["condition"] for line in results.lines))
    lines = sorted(results.lines, key=lambda line: (order.index(line["condition"]), line["ground"], line["seed"]))
    _write(episodes_of(into, name, seed), _EPISODE, lines)
    (took,) = results.about["run"]["milliseconds_per_action"].values()
    line = {
        "row": name,
        "seed": seed,
        "steps": sum(json.loads(record["stages"]).values()),
        "cpu_hours": float(record["cpu_hours"]),
        "ms_per_action": took,
        "tracker_sha256": next(iter(results.about["agents"].values()))["sha256"],
    }
    others = [old for old in _read_csv(into / TRAININGS) if (old["row"], int(old["seed"])) != (name, seed)]
    known = [*others, line]
    known.sort(key=lambda line: (list(ROWS).index(line["row"]), int(line["seed"])))
    _write(into / TRAININGS, _TRAINING, known)


def episodes_of(folder: Path, name: str, seed: int) -> Path:
    """The file with the episodes of a training."""
    return folder / f"{name}-{seed}.csv"


def summarized(folder: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each condition and each variant whose episodes a folder holds."""
    played = {name: _played(folder, name) for name in names}
    conditions = dict.fromkeys(condition for values in played.values() for condition in values)
    rows = []
    for condition in conditions:
        for name, values in played.items():
            if condition not in values:
                continue
            told = {"condition": condition, "row": name, "seeds": len(values[condition]["success"])}
            told["n"] = int(values[condition]["success"].size)
            for measure in MEASURES:
                told |= _interval(measure, _mean(values[condition][measure]))
            rows.append(told | _cost(folder, name))
        _compare(rows, played, condition)
    return rows


def _played(folder: Path, name: str) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Values (S, n) of each measure under each condition, on the same layouts for all seeds."""
    found: dict[str, dict[str, list[list[float]]]] = {}
    layouts: dict[str, list[tuple[str, str]]] = {}
    for seed in ROWS[name].seeds:
        path = episodes_of(folder, name, seed)
        lines = _read_csv(path)
        for condition in dict.fromkeys(line["condition"] for line in lines):
            some = [line for line in lines if line["condition"] == condition]
            here = [(line["ground"], line["seed"]) for line in some]
            if layouts.setdefault(condition, here) != here:
                raise SystemExit(f"{path}: {len(here)} episodes of {condition}, others than those of other seeds")
            measures = found.setdefault(condition, {})
            for measure in MEASURES:
                measures.setdefault(measure, []).append([_measured(line, measure) for line in some])
    return {
        condition: {measure: np.array(values) for measure, values in measures.items()}
        for condition, measures in found.items()
    }


def _measured(line: Mapping[str, str], measure: str) -> float:
    if measure == "reacquired":
        spells = float(line["hidden_spells"])
        return float(line["reacquisitions"]) / spells if spells else np.nan
    return float(line[measure])


def _mean(values: NDArray[np.float64]) -> Interval:
    """Over those episodes in which there is something to measure, in all seeds."""
    known = np.isfinite(values).all(axis=0)
    return mean_over_seeds(values[:, known]) if known.any() else Interval(np.nan, np.nan, np.nan)


def _compare(rows: list[dict[str, Any]], played: dict[str, Any], condition: str) -> None:
    """Add each row minus the full system, corrected for all rows of the condition and the measure."""
    here = [row for row in rows if row["condition"] == condition and row["row"] != BASE]
    base = played.get(BASE, {}).get(condition)
    if base is None:
        return
    for measure in ("success", "success_safe", "episode_return"):
        for row in here:
            if row["n"] // row["seeds"] != base["success"].shape[1]:
                raise SystemExit(f"{row['row']}, {condition}: other episodes than {BASE}; evaluate both with as many")
        found = [difference_over_seeds(played[row["row"]][condition][measure], base[measure]) for row in here]
        for row, (interval, _), p in zip(here, found, holm([p for _, p in found]), strict=True):
            row |= _interval(f"{measure}_minus_{BASE}", interval) | {f"{measure}_p_holm": p}


def _interval(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _cost(folder: Path, name: str) -> dict[str, float]:
    """Steps of the worlds, CPU hours and milliseconds per action, means over the seeds."""
    here = [line for line in _read_csv(folder / TRAININGS) if line["row"] == name]
    return {key: float(np.mean([float(line[key]) for line in here])) for key in ("steps", "cpu_hours", "ms_per_action")}


def write_csv(rows: Sequence[dict[str, Any]]) -> None:
    """docs/results/study.csv."""
    _write(CSV, list(dict.fromkeys(name for row in rows for name in row)), rows)


def _write(path: Path, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """A table of these columns; shares and counts as they are, other numbers to six places."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows({key: _told(value) for key, value in row.items()} for row in rows)


def _told(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return f"{value:.6g}" if isinstance(value, float) else value


def _read_csv(path: Path) -> list[dict[str, str]]:
    """The lines of a table; none if it is not there."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table_of(rows: Sequence[dict[str, Any]]) -> str:
    """The table of docs/results.md."""
    heads = (
        "condition", "row", "what", "seeds", "n", "SR", "untouched", "AR", f"SR minus {BASE}", "p", "steps",
        "CPU h", "ms",
    )  # fmt: skip
    cells = []
    for row in rows:
        shares = [str(_read(row, measure)) for measure in ("success", "success_safe")]
        total = _read(row, "episode_return")
        differs = p = ""
        if f"success_minus_{BASE}" in row:
            found = _read(row, f"success_minus_{BASE}")
            differs, p = f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]", f"{row['success_p_holm']:.3f}"
        cells.append(
            [
                row["condition"], row["row"], ROWS[row["row"]].told, str(row["seeds"]), str(row["n"]), *shares,
                f"{total.value:.0f} [{total.low:.0f}, {total.high:.0f}]", differs, p,
                f"{row['steps']:,.0f}", f"{row['cpu_hours']:.2f}", f"{row['ms_per_action']:.1f}",
            ]
        )  # fmt: skip
    return markdown_table(heads, cells)


def _read(row: dict[str, Any], name: str) -> Interval:
    return Interval(row[name], row[f"{name}_low"], row[f"{name}_high"])


if __name__ == "__main__":
    main()
