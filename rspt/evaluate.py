"""`rspt evaluate`: how well trackers do on the frozen episodes of a suite."""

import hashlib
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from tqdm import tqdm

from agents.one_thread import one_thread
from envs.jit import announced_compilation
from rspt.agent import load_agent
from rspt.errors import UsageError
from rspt.evaluation.plan import Entry, Piece, Plan, plan_of
from rspt.evaluation.report import FILMS_MAX, REPORT, write_report
from rspt.evaluation.results import (
    ROWS,
    SUMMARY,
    TABLES,
    Contestant,
    Line,
    ResultsFolder,
    about_of,
    read_results,
)
from rspt.evaluation.running import Played, milliseconds_per_action, play_pieces
from rspt.evaluation.suite import Suite, frozen_hashes, frozen_name
from rspt.evaluation.summary import as_json, check_baseline, summarize
from rspt.evaluation.table import csv_of, markdown_of, table_of
from rspt.evaluation.tally import Episode
from rspt.perception.learned import shipped_weights
from rspt.signals import StopRequest
from rspt.target import is_recorded, named_target
from rspt.training.whole_files import replace_whole

_OTHER_LAYOUT = (
    "the layout of {ground} with the seed {seed} is {found}, and {wanted} in {version}: this version of rspt draws"
    " other layouts, and its results would be of other episodes"
)


def main(options: Namespace) -> int:
    """Evaluate what the command line asks for; 0, or 130 after Ctrl-C with everything kept that was played."""
    plan, skipped = plan_of(
        options.suite,
        options.agents,
        episodes=options.episodes,
        layouts=options.layouts,
        buildings=options.buildings,
        targets=options.targets,
        localizer=options.localizer,
        trust_pickle=options.trust_pickle,
    )
    out = options.out or Path("results") / plan.suite.version
    console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
    with StopRequest() as stop:
        evaluate(
            plan,
            out,
            skipped=skipped,
            resume=options.resume,
            baseline=options.baseline,
            films=options.films,
            workers=options.workers,
            stop=stop,
            console=console,
        )
    if stop:
        given = [argument for argument in sys.argv[1:] if argument != "--resume"]
        console.print(f"Stopped; `rspt {shlex.join(given)} --resume` goes on.")
    else:
        console.print(f"The results are in {out}; the page to look at is {out / REPORT}.")
    return stop.exit_code


@one_thread()
def evaluate(
    plan: Plan,
    out: Path,
    *,
    skipped: Sequence[str] = (),
    resume: bool = False,
    baseline: str | None = None,
    films: int = FILMS_MAX,
    workers: int | None = None,
    brief: bool = False,
    stop: StopRequest,
    console: Console,
) -> None:
    """Play a plan into a folder, and write its summary, its tables and its page; the page once all is played.

    Args:
        plan: what is played.
        out: the folder.
        skipped: maps that cannot be played, each with its reason.
        resume: whether the folder may hold a part of it already.
        baseline: label of the tracker that the others are compared with; the first one if None.
        films: so many episodes at most are filmed for the page.
        workers: processes; one for each core if None.
        brief: whether the table that is printed has all layouts together alone.
        stop: what was played before a stop is requested is kept.
        console: to tell of it.

    Raises:
        UsageError: if the folder holds something else, or this version draws other layouts than the frozen ones.
        OSError: if something cannot be written; what was played before is kept.
    """
    check_baseline(baseline, [entry.label for entry in plan.entries])
    workers = workers or os.cpu_count() or 1
    contestants = {entry.label: _contestant(entry, plan) for entry in plan.entries}
    about = about_of(plan, contestants, _target_hashes(plan.suite), skipped)
    for reason in skipped:
        console.print(f"skipped: {reason}")
    with ResultsFolder(out, plan, about, resume=resume) as folder:
        for told in folder.told:
            console.print(told)
        _play(plan, folder, contestants, workers, stop, console)
        if not stop:
            folder.tell(
                milliseconds_per_action={
                    entry.label: milliseconds_per_action(entry, trust_pickle=plan.trust_pickle)
                    for entry in plan.entries
                }
            )
    results = read_results(out)
    if not results.lines:
        return
    summary = summarize(results, baseline=baseline)
    replace_whole(out / SUMMARY, as_json(summary, results).encode())
    replace_whole(out / TABLES, markdown_of(summary, results).encode())
    replace_whole(out / ROWS, csv_of(summary).encode())
    console.print(table_of(summary, results, brief=brief))
    if not stop:
        films = min(films, len(results.lines))
        console.print(f"Making the page{f', with {films} films' if films else ''} ...")
        write_report(results, summary, out / REPORT, films=films, workers=workers, trust_pickle=plan.trust_pickle)


def _contestant(entry: Entry, plan: Plan) -> Contestant:
    agent = load_agent(entry.source, trust_pickle=plan.trust_pickle)
    if agent.ablation == "frames":  # told before anything is played
        for name, condition in plan.suite.conditions.items():
            if condition.localizer != "mask":
                raise UsageError(
                    f"--agents {entry.source}: is shown the target's mask, and cannot be played with the localizer"
                    f" {condition.localizer!r} of the condition {name!r}"
                )
    record = None if agent.record is None else dict(agent.record)
    file = shipped_weights() if agent.predictor == "learned" else Path(agent.predictor)
    predictor_sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return Contestant(entry.source, agent.sha256, agent.privileged, record, predictor_sha256)


def _target_hashes(suite: Suite) -> dict[str, str]:
    targets = [named_target(condition.target) for condition in suite.conditions.values()]
    return {target.name: target.sha256 for target in targets if not isinstance(target, str)}


def _play(
    plan: Plan,
    folder: ResultsFolder,
    contestants: dict[str, Contestant],
    workers: int,
    stop: StopRequest,
    console: Console,
) -> None:
    pieces = list(plan.pieces())
    left = [piece for piece in pieces if piece.name not in folder.done]
    frozen, failing = frozen_hashes(), set[str]()
    total, done = (sum(len(piece.seeds) for piece in some) for some in (pieces, left))
    bar = tqdm(total=total, initial=total - done, unit="episode", disable=None, file=sys.stderr)
    with bar, announced_compilation():
        for piece, played in play_pieces(left, workers=workers, stop=stop):
            _check_frozen(piece, played, frozen, plan.suite)
            lines = [line_of(piece, episode, plan.suite, contestants) for episode in played.episodes]
            folder.keep(piece, lines, played.tracks)
            bar.update(len(lines))
            if bar.disable:
                console.print(_told(piece, lines))
            wrong = next((line for line in lines if line["error"]), None)
            if wrong is not None and piece.entry.label not in failing:
                failing.add(piece.entry.label)
                bar.write(
                    f"{piece.entry.label}, {piece.ground.label}, seed {wrong['seed']}: {wrong['error']}", sys.stderr
                )


def _check_frozen(piece: Piece, played: Played, frozen: dict[tuple[str, int], str], suite: Suite) -> None:
    if is_recorded(piece.condition.target):  # where its track does not fit, an episode has another layout
        return
    for episode in played.episodes:
        wanted = frozen.get((frozen_name(piece.ground.source, piece.condition.density), episode.seed))
        if wanted is not None and not episode.layout_hash.startswith(wanted):
            raise UsageError(
                _OTHER_LAYOUT.format(
                    ground=piece.ground.label,
                    seed=episode.seed,
                    found=episode.layout_hash,
                    wanted=wanted,
                    version=suite.version,
                )
            )


def line_of(piece: Piece, episode: Episode, suite: Suite, contestants: dict[str, Contestant]) -> Line:
    """The line of an episode in episodes.jsonl."""
    contestant, condition = contestants[piece.entry.label], piece.condition
    record = contestant.record or {}
    return {
        "suite_version": suite.version,
        "agent": piece.entry.label,
        "agent_sha256": contestant.sha256,
        "train_seed": int(record["seed"]) if "seed" in record else None,
        "ground": piece.ground.label,
        "building": piece.ground.building,
        "kind": piece.ground.kind,
        "condition": piece.condition_name,
        "target_policy": condition.target,
        "target_speed_ratio": condition.speed_ratio,
        "noise": condition.noise,
        "distractors": condition.distractors,
        "mask": condition.mask,
        "localizer": condition.localizer,
        "renderer": condition.renderer,
        **condition.changes,
        **episode._asdict(),
    }


def _told(piece: Piece, lines: Sequence[Line]) -> str:
    kept = sum(bool(line["success"]) for line in lines)
    return f"{piece.entry.label}, {piece.ground.label}, {piece.condition_name}: kept {kept} of {len(lines)} targets"
