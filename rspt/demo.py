"""`rspt demo`: the pretrained tracker at work, a small training, and both measured beside the others on a page."""

import csv
import sys
from argparse import Namespace
from contextlib import closing
from pathlib import Path

from pydantic import Field
from rich.console import Console
from tqdm import tqdm

from envs.layouts import FAMILIES
from envs.settings import Settings
from rspt.agent import load_agent
from rspt.config import find_config, load_config
from rspt.evaluate import evaluate
from rspt.evaluation.plan import Plan, plan_of
from rspt.evaluation.report import FILMS_MAX, REPORT
from rspt.evaluation.results import ABOUT
from rspt.match import Match, filmed
from rspt.places import Place, named_places
from rspt.signals import StopRequest
from rspt.training.run_folder import METRICS
from rspt.training.settings import TrackerSettings
from rspt.training.training import CURVES, train

TRAINING, EVALUATION = "training", "evaluation"
"""What lies in the folder of a demo."""
OWN = "own"
"""Label of the tracker that the demo has trained."""
_FIRST = "pretrained"
_SCORE = "validation/success"


class DemoSettings(Settings):
    """What the demo plays."""

    layouts: tuple[str, ...] = Field(min_length=1)
    """Families or map files; a file may lie beside the recipe. The first video is made in the first one."""
    agents: tuple[str, ...] = Field(min_length=1)
    """Trackers that are evaluated beside the one that the demo trains."""
    episodes: int = Field(ge=1, le=400)
    """Of each tracker in each layout."""
    first_steps: int = Field(ge=1, le=500)
    """Length of the first video in steps of 0.1 s."""
    first_seed: int = Field(ge=0, lt=2**31)
    """Seed of the first video."""
    films: int = Field(ge=0, le=FILMS_MAX)
    """Episodes that are filmed for the page."""
    training: str | None
    """The recipe of the training; null for none."""


def main(options: Namespace) -> int:
    """Play what the recipe asks for; 0, or 130 after Ctrl-C: the same command goes on from there."""
    settings = load_config(DemoSettings, options.config)
    recipe = find_config(options.config)
    names = options.layout or [_beside(name, recipe) for name in settings.layouts]
    (place,) = named_places(names[:1])
    training = None if settings.training is None else load_config(TrackerSettings, settings.training)
    own = [] if training is None else [f"{OWN}={options.out / TRAINING}"]
    for agent in settings.agents:
        load_agent(agent)  # a mistake is told now
    plan, _ = plan_of(agents=[*own, *settings.agents], episodes=settings.episodes, layouts=names)
    folder = options.out / (EVALUATION if options.layout is None else f"{EVALUATION}-{_joined(plan)}")
    options.out.mkdir(parents=True, exist_ok=True)
    console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
    with StopRequest() as stop:
        _film(place, settings, options.out / f"first_{place.label}.mp4", stop, console)
        if training is not None and not stop:
            _train(training, options.out / TRAINING, stop, console)
        if not stop:
            where = ", ".join(ground.label for ground in plan.grounds)
            console.print(f"\n{plan.episodes} episodes of each of {len(plan.entries)} trackers in {where}:")
            resume = (folder / ABOUT).exists()
            baseline = _FIRST if _FIRST in settings.agents else None
            evaluate(
                plan,
                folder,
                resume=resume,
                baseline=baseline,
                films=settings.films,
                brief=True,
                stop=stop,
                console=console,
            )
    if stop:
        console.print(f"Stopped; what was made is in {options.out}, and the same command goes on.")
    else:
        console.print(f"The page to look at: {folder / REPORT}")
    return stop.exit_code


def _beside(name: str, recipe: Path) -> str:
    """The name of a family, or a path; that of a file beside the recipe if there is one."""
    beside = recipe.parent / name
    return str(beside) if name not in FAMILIES and beside.exists() else name


def _joined(plan: Plan) -> str:
    """A name for the folder of an evaluation in layouts of one's own."""
    return "-".join(ground.label for ground in plan.grounds)[:80]


def _film(place: Place, settings: DemoSettings, path: Path, stop: StopRequest, console: Console) -> None:
    if path.exists():
        console.print(f"A first video is there: {path}")
        return
    with (
        tqdm(total=settings.first_steps, unit="step", disable=None, leave=False, desc="first video") as bar,
        closing(Match(load_agent(_FIRST), "goal", place.source)) as match,
    ):
        filmed(match, path, settings.first_seed, steps=settings.first_steps, stop=stop, tick=bar.update)
    console.print(f"The pretrained tracker in {place.label}, a first video: {path}")


def _train(settings: TrackerSettings, folder: Path, stop: StopRequest, console: Console) -> None:
    full = load_config(TrackerSettings, "rspt").total_steps
    console.print(
        f"\nA tracker of your own, {settings.total_steps:,} steps of learning from a planner and in a duel"
        f" (`rspt train --config rspt` takes {full:,}). Validation: on other"
        " layouts; success: the share of targets kept to the end, safe: and nothing touched; return: how well distance"
        " and direction are kept, at most 500."
    )
    if not train(settings, folder, resume=(folder / METRICS).exists(), stop=stop, console=console):
        return
    with (folder / METRICS).open() as file:
        scores = [float(row[_SCORE]) for row in csv.DictReader(file) if row.get(_SCORE)]
    if scores:
        console.print(
            f"It kept {scores[0]:.0%} of its targets when it was first looked at, {max(scores):.0%} at best and"
            f" {scores[-1]:.0%} at the end; the last one that was about as good as the best of its stage is used."
            f" Curves: {folder / CURVES}"
        )
