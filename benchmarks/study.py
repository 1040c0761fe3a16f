"""The study of rivals and ablations: trains every row with one budget, plays them all, and says what differs.

    python benchmarks/study.py train --out runs/study --jobs 2    # hours; goes on where it stopped
    python benchmarks/study.py evaluate --out runs/study    # docs/results/study/, a file for each training
    python benchmarks/study.py clock --out runs/study    # milliseconds per action of all trackers, in one run
    python benchmarks/study.py table                        # of these files: docs/results/study.csv, and the page

Each row has as many steps of the worlds as the full system, all of its stages together; `long`, the full system as its
recipe has it, is there to compare with. `--rows` and `--seeds` pick some of them, for instance one seed for each
machine. `table` shows what is there. Rows that differ from the full system after the teacher stage alone begin with its
tracker.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from results_page import PAGE, replaced
from rich.console import Console
from study_parts.kept import cost_of, is_kept, keep, played_of, tell_milliseconds, write_table
from study_parts.rows import BASE, ROWS, SEEDS
from trainings import Training, run_trainings

from rspt.actors import digest, load_player
from rspt.config import load_config
from rspt.evaluate import evaluate
from rspt.evaluation.plan import Entry, plan_of
from rspt.evaluation.results import read_results
from rspt.evaluation.running import milliseconds_per_action
from rspt.evaluation.statistics import Interval, difference_over_seeds, holm, mean_over_seeds, ratio_over_seeds
from rspt.evaluation.table import markdown_table
from rspt.signals import StopRequest
from rspt.training.settings import TrackerSettings
from rspt.training.stages import TRACKER_STAGES

CSV = PAGE.parent / "results" / "study.csv"
EPISODES = CSV.with_suffix("")
"""Folder of a file for each training, with its episodes."""
COMPARED = ("success", "success_safe", "episode_return")
"""Measures whose differences from the full system are told."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "evaluate", "clock", "table"))
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
    elif options.what == "clock":
        clock(options.out, options.rows, options.seeds)
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
    recipe = load_config(TrackerSettings, row.config)
    for stage, steps in row.lengths.items():
        options += [f"--{stage}.total_steps", str(steps)]
        if stage in TRACKER_STAGES and getattr(recipe, stage).lesson is not None:
            options += [f"--{stage}.lesson.hindsight", row.hindsight]
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


def trained(out: Path, names: Sequence[str], seeds: Sequence[int]) -> list[tuple[str, int]]:
    """Row and seed of each training that is done."""
    return [
        (name, seed)
        for name in names
        for seed in seeds
        if seed in ROWS[name].seeds and finished(out, name, seed).exists()
    ]


def play(out: Path, names: Sequence[str], seeds: Sequence[int], episodes: int) -> None:
    """Evaluate each training that is done and not kept yet, and keep its episodes."""
    with StopRequest() as stop:
        for name, seed in trained(out, names, seeds):
            folder = folder_of(out, name, seed)
            tracker = digest(load_player(folder, "tracker").actor)
            if is_kept(EPISODES, name, seed, tracker_sha256=tracker, episodes=episodes):
                continue
            plan, _ = plan_of("study", [f"{name}-{seed}={folder}"], episodes=episodes)
            played = out / "evaluations" / f"{name}-{seed}"
            resume = played.exists()
            evaluate(plan, played, films=0, brief=True, resume=resume, stop=stop, console=Console(soft_wrap=True))
            if stop:
                return
            # the run keeps its best tracker, which was played; the last one tells what the whole training took
            record = load_player(finished(out, name, seed), "tracker").record
            keep(EPISODES, name, seed, read_results(played), record)


def clock(out: Path, names: Sequence[str], seeds: Sequence[int]) -> None:
    """Measure anew how long each tracker that is kept takes from a frame to the action.

    The machine may have been busier with one than with another when they were played.
    """
    for name, seed in trained(out, names, seeds):
        took = milliseconds_per_action(Entry(name, str(folder_of(out, name, seed))))
        print(f"{name}, seed {seed}: {took:.2f} ms", flush=True)
        tell_milliseconds(EPISODES, name, seed, took)


def summarized(folder: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each condition and each variant whose episodes a folder holds."""
    played = {name: played_of(folder, name) for name in names}
    conditions = dict.fromkeys(condition for values in played.values() for condition in values)
    rows = []
    for condition in conditions:
        for name, values in played.items():
            if condition not in values:
                continue
            told = {"condition": condition, "row": name, "seeds": len(values[condition]["success"])}
            told["n"] = int(values[condition]["success"].size)
            for measure in COMPARED:
                told |= _interval(measure, mean_over_seeds(values[condition][measure]))
            found, lost = values[condition]["reacquisitions"], values[condition]["hidden_spells"]
            told |= _interval("reacquired", ratio_over_seeds(found, lost))
            rows.append(told | cost_of(folder, name))
        _compare(rows, played, condition)
    return rows


def _compare(rows: list[dict[str, Any]], played: dict[str, Any], condition: str) -> None:
    """Add each row minus the full system, corrected for all rows of the condition and the measure."""
    here = [row for row in rows if row["condition"] == condition and row["row"] != BASE]
    base = played.get(BASE, {}).get(condition)
    if base is None:
        return
    for measure in COMPARED:
        for row in here:
            if row["n"] // row["seeds"] != base["success"].shape[1]:
                raise SystemExit(f"{row['row']}, {condition}: other episodes than {BASE}; evaluate both with as many")
        found = [difference_over_seeds(played[row["row"]][condition][measure], base[measure]) for row in here]
        for row, (interval, _), p in zip(here, found, holm([p for _, p in found]), strict=True):
            row |= _interval(f"{measure}_minus_{BASE}", interval) | {f"{measure}_p_holm": p}


def _interval(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def write_csv(rows: Sequence[dict[str, Any]]) -> None:
    """docs/results/study.csv."""
    write_table(CSV, list(dict.fromkeys(name for row in rows for name in row)), rows)


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
