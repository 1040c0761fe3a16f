"""Best responses: how often a target gets away from a tracker that it has learned to escape, this very one.

    python benchmarks/best_responses.py teacher=runs/teacher duel=runs/rspt --out runs/best_responses

Each tracker is answered by targets of the recipe `best_response`, with several seeds at one speed ratio and with the
first of them at others. Then it plays them, and the script `evade` at the same ratios, on the frozen episodes of
suites: the training families with other seeds, and the unseen ones. The strongest opponent is the one that it keeps
the fewest targets of, in all these episodes together. A response that does not beat `evade` is a failed attack, which
says nothing of the tracker: it beats it if the 95 % interval of the difference in SR, on the same episodes, lies
below 0.

The planner that knows the truth is answered, too, if `oracle=oracle` is among the trackers: what even it does not
keep, nobody who has to look for the target can be asked to. `--once` names trackers that are answered by the first seed
at the first ratio alone.

What is finished is not done again, what was interrupted goes on. `docs/results/best_responses.csv` gets all rows,
`docs/results/best_responses_curves.csv` the escape rate against the steps, `docs/images/best_responses.png` shows both.
`--recipe`, as the last option, hands everything behind it to the recipe, such as `--escape.total_steps 500_000`.
"""

import argparse
import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from best_response_parts.curves import Response, curve_of, curve_table
from best_response_parts.picture import draw
from best_response_parts.rows import EVADE, Row, condition_name, row_table, rows_of, verdicts
from rich.console import Console
from trainings import Training, run_trainings

from agents.baselines import BASELINES
from rspt.agent import load_agent
from rspt.config import load_config
from rspt.errors import UsageError
from rspt.evaluate import evaluate
from rspt.evaluation.plan import Entry, entries_of, plan_of
from rspt.evaluation.results import ABOUT, Line, read_results
from rspt.evaluation.suite import Condition
from rspt.signals import StopRequest
from rspt.training.run_folder import CONFIG
from rspt.training.settings import TrackerSettings

RECIPE = "best_response"
DOCS = Path(__file__).parents[1] / "docs"
TARGET = "target-after-escape.safetensors"
"""A response, in the folder of its training; it is there when that has come to its end."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "trackers", nargs="+", metavar="LABEL=PATH", help="whom to escape, as `rspt evaluate` takes them"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/best_responses"), help="folder of trainings and results")
    parser.add_argument("--ratio", type=float, default=0.85, help="speed ratio of all seeds (default: 0.85)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the responses (default: 0 1 2)")
    parser.add_argument("--other-ratios", type=float, nargs="*", default=[0.7, 1.0], help="of the first seed alone")
    parser.add_argument("--once", nargs="*", default=[], metavar="LABEL", help="trackers to answer once")
    parser.add_argument("--suites", nargs="+", default=["seen", "unseen"], help="whose layouts are played")
    parser.add_argument("--episodes", type=int, default=100, help="of each family and opponent (default: 100)")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time; two use two cores better than one")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that play")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where results/ and images/ lie")
    parser.add_argument("--recipe", nargs=argparse.REMAINDER, default=[], help="values of the recipe, the last option")
    arguments = parser.parse_args()
    console = Console(soft_wrap=True, highlight=False)
    trackers = entries_of(arguments.trackers)
    labels = [tracker.label for tracker in trackers]
    for label in arguments.once:
        if label not in labels:
            raise UsageError(f"--once {label}: no such tracker; there are {', '.join(labels)}")
    responses = [
        Response(tracker, ratio, seed, arguments.out / tracker.label / f"ratio-{ratio:g}-seed-{seed}")
        for tracker in trackers
        for ratio, seed in pairs(arguments, once=tracker.label in arguments.once)
    ]
    rows: list[Row] = []
    trainings = [training_of(response, arguments.recipe) for response in responses]
    with StopRequest() as stop:
        if not run_trainings([training for training in trainings if training is not None], arguments.jobs, stop):
            console.print("Not all responses are trained; the same command goes on.")
            return stop.exit_code or 1
        for tracker in trackers:
            own = [response for response in responses if response.tracker == tracker]
            lines: dict[str, list[Line]] = {}
            for suite in arguments.suites:
                folder = arguments.out / tracker.label / f"evaluation-{suite}"
                lines[suite] = played(tracker, own, suite, folder, arguments, stop, console)
                if stop:
                    console.print("Stopped; the same command goes on.")
                    return stop.exit_code
            rows += rows_of(tracker.label, lines)
    curves = [curve_of(response) for response in responses]
    for name in ("results", "images"):
        (arguments.docs / name).mkdir(parents=True, exist_ok=True)
    write(arguments.docs / "results" / "best_responses.csv", row_table(rows))
    write(arguments.docs / "results" / "best_responses_curves.csv", curve_table(curves))
    draw(rows, curves, arguments.docs / "images" / "best_responses.png")
    for told in verdicts(rows):
        console.print(told)
    return 0


def pairs(arguments: argparse.Namespace, *, once: bool) -> list[tuple[float, int]]:
    """Speed ratio and seed of each response to a tracker."""
    ratio, seeds = arguments.ratio, arguments.seeds
    if once:
        return [(ratio, seeds[0])]
    return [(ratio, seed) for seed in seeds] + [(other, seeds[0]) for other in arguments.other_ratios if other != ratio]


def training_of(response: Response, recipe: Sequence[str]) -> Training | None:
    """What is to be done for a response; None if that is done."""
    overrides, folder = [*overrides_of(response), *recipe], response.folder
    settings = load_config(TrackerSettings, RECIPE, overrides)  # mistakes are told before anything is trained
    if not (folder / TARGET).is_file():
        return Training(folder, ["--config", RECIPE, *overrides])
    if load_config(TrackerSettings, str(folder / CONFIG)) != settings:
        raise UsageError(f"{folder}: was trained with other settings; choose another --out")
    return None


def overrides_of(response: Response) -> list[str]:
    """What the recipe is told for one response; the tracker's state is made as it is used to."""
    source, ratio = response.tracker.source, f"{response.ratio:g}"
    overrides = ["--seed", str(response.seed), "--worlds.speed_ratio", ratio, ratio]
    if source in BASELINES:
        return [*overrides, "--escape.trackers", source]
    agent = load_agent(source)
    overrides += ["--start_from", source]
    return [
        *overrides,
        "--worlds.perception.predictor",
        agent.predictor,
        "--worlds.perception.ablation",
        agent.ablation,
    ]


def played(
    tracker: Entry,
    responses: Sequence[Response],
    suite_name: str,
    folder: Path,
    arguments: argparse.Namespace,
    stop: StopRequest,
    console: Console,
) -> list[Line]:
    """The episodes of a tracker with its responses and the script, on the layouts of a suite."""
    conditions = {
        condition_name(ratio, EVADE): Condition(target=EVADE, speed_ratio=ratio)
        for ratio in dict.fromkeys(response.ratio for response in responses)
    }
    conditions |= {
        condition_name(response.ratio, f"response-{response.seed}"): Condition(
            target=str(response.folder / TARGET), speed_ratio=response.ratio
        )
        for response in responses
    }
    plan, _ = plan_of(suite_name, [f"{tracker.label}={tracker.source}"], episodes=arguments.episodes)
    version = f"{plan.suite.version}.best-responses"
    plan = plan._replace(suite=plan.suite.model_copy(update={"version": version, "conditions": conditions}))
    resume = (folder / ABOUT).exists()
    evaluate(plan, folder, resume=resume, films=0, workers=arguments.workers, brief=True, stop=stop, console=console)
    return read_results(folder).lines


def write(path: Path, table: Sequence[Sequence[Any]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UsageError as error:
        sys.exit(f"error: {error}")
