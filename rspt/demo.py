"""`rspt demo`: trackers follow a target through clutter, as videos and as a table."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from envs.settings import Settings
from rspt.agent import load_agent
from rspt.config import load_config
from rspt.match import Match, filmed
from rspt.places import Place, named_places
from rspt.signals import StopRequest

_COLUMNS = ("layout", "tracker", "return AR", "length EL", "success", "visible", "contacts", "video")


class DemoSettings(Settings):
    """What the demo plays."""

    layouts: tuple[str, ...] = Field(min_length=1)
    """Families or map files."""
    agents: tuple[Literal["pretrained", "random", "pid", "pid_kalman", "planner", "oracle"], ...] = Field(min_length=1)
    """Trackers, each of which plays every layout."""
    target_policy: Literal["goal", "evade", "wander"] = "goal"
    """Who acts for the target."""
    steps: int = Field(ge=1, le=500)
    """Length of an episode in steps of 0.1 s; the full one has 500."""
    first_steps: int = Field(ge=1, le=500)
    """Length of the short video that comes first, in steps."""
    seed: int = Field(ge=0, lt=2**31)
    """Seed of every episode: all trackers meet the same layout and the same target."""


class Result(NamedTuple):
    """One episode.

    Attributes:
        layout: its name.
        tracker: its name.
        total_reward: sum of r1.
        length: steps played.
        success: whether the target was kept to the end; None if the episode was cut short.
        visible_share: mean over the steps.
        contacts: steps in which the tracker touched anything.
        video: the file.
    """

    layout: str
    tracker: str
    total_reward: float
    length: int
    success: bool | None
    visible_share: float
    contacts: int
    video: Path

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        success = {True: "yes", False: "no", None: "cut"}[self.success]
        numbers = (f"{self.total_reward:.1f}", str(self.length), success, f"{self.visible_share:.2f}")
        return (self.layout, self.tracker, *numbers, str(self.contacts), str(self.video))


def main(options: Namespace) -> int:
    """Play what the command line asks for; 0, or 130 after Ctrl-C with everything kept that was played."""
    settings = load_config(DemoSettings, options.config)
    places = named_places(options.layout or settings.layouts)
    options.out.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    with StopRequest() as stop:
        _play_all(settings, places, options.out, stop, results)
    if results:
        show(results)
    return stop.exit_code


def _play_all(
    settings: DemoSettings, places: Sequence[Place], out: Path, stop: StopRequest, results: list[Result]
) -> None:
    total = settings.first_steps + len(places) * len(settings.agents) * settings.steps
    bar = tqdm(total=total, unit="step", disable=None, leave=False)
    with closing(bar):
        for number, place in enumerate(places):
            for agent in settings.agents:
                if stop:
                    return
                bar.set_description(f"{place.label} {agent}")
                with closing(Match(load_agent(agent), settings.target_policy, place.source)) as match:
                    if number == 0 and agent == settings.agents[0]:
                        path = out / f"first_{place.label}_{agent}.mp4"
                        filmed(match, path, settings.seed, steps=settings.first_steps, stop=stop, tick=bar.update)
                        bar.write(f"first video: {path}")
                    path = out / f"{place.label}_{agent}.mp4"
                    outcome = filmed(match, path, settings.seed, steps=settings.steps, stop=stop, tick=bar.update)
                results.append(Result(place.label, agent, *outcome, video=path))
                if bar.disable:
                    print(_line(results[-1]), file=sys.stderr, flush=True)  # noqa: T201


def _line(result: Result) -> str:
    return "  ".join(f"{name} {cell}" for name, cell in zip(_COLUMNS, result.cells(), strict=True))


def show(results: Sequence[Result]) -> None:
    """Print the results: a table on a terminal, and aligned plain lines elsewhere."""
    if not sys.stdout.isatty():
        rows = [_COLUMNS, *(result.cells() for result in results)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())  # noqa: T201
        return
    table = Table(
        title="One episode each, the same target for every tracker", caption=f"videos in {results[0].video.parent}"
    )
    for index, name in enumerate(_COLUMNS):
        table.add_column(name, justify="right" if 2 <= index <= 6 else "left", overflow="fold")
    for result in results:
        table.add_row(*result.cells()[:-1], result.video.name)
    Console().print(table)
