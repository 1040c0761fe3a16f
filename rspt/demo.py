"""`rspt demo`: scripted trackers follow a target through clutter, as videos and as a table."""

import re
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, NamedTuple

import gymnasium
import numpy as np
from pydantic import Field
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from envs.jit import announced_compilation
from envs.layouts import FAMILIES, make_layout
from envs.layouts.files import is_layout_path, load_layout
from envs.layouts.layout import Layout
from envs.settings import Settings
from rspt.build import make_agent
from rspt.config import load_config
from rspt.signals import StopRequest
from rspt.video import VideoWriter

_COLUMNS = ("layout", "tracker", "return AR", "length EL", "success", "visible", "contacts", "video")


class DemoSettings(Settings):
    """What the demo plays."""

    layouts: tuple[str, ...] = Field(min_length=1)
    """Families or map files."""
    agents: tuple[Literal["random", "pid", "pid_kalman", "planner", "oracle"], ...] = Field(min_length=1)
    """Trackers, each of which plays every layout."""
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


class Place(NamedTuple):
    """A layout to play: its label, and what the environment takes for it."""

    label: str
    source: str | Layout


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


def named_places(names: Sequence[str]) -> list[Place]:
    """The layouts with labels of their own; files are read now, so that a broken one is told before anything plays.

    Raises:
        LayoutError: for an unknown family or a file that cannot be played.
    """
    places: list[Place] = []
    for name in names:
        source: str | Layout = name
        if name not in FAMILIES:
            source = load_layout(name) if is_layout_path(name) else make_layout(name, np.random.default_rng(0))
        stem = source.name if isinstance(source, Layout) else name
        if stem == "map":  # every ROS map may be called so: its folder says more
            stem = Path(name).resolve().parent.name
        label = re.sub(r"[^\w.-]+", "_", stem) or "layout"
        taken = sum(place.label == label or place.label.startswith(f"{label}-") for place in places)
        places.append(Place(f"{label}-{taken + 1}" if taken else label, source))
    return places


def _play_all(
    settings: DemoSettings, places: Sequence[Place], out: Path, stop: StopRequest, results: list[Result]
) -> None:
    total = settings.first_steps + len(places) * len(settings.agents) * settings.steps
    bar = tqdm(total=total, unit="step", disable=None, leave=False)
    with closing(bar):
        first = settings.agents[0]
        for number, place in enumerate(places):
            env = gymnasium.make("RSPT/TrackState-v0", layout=place.source, render_mode="rgb_array")
            with closing(env):
                if number == 0:
                    path = out / f"first_{place.label}_{first}.mp4"
                    _play(env, first, place.label, settings.first_steps, settings.seed, path, stop, bar.update)
                    bar.write(f"first video: {path}")
                for agent in settings.agents:
                    if stop:
                        return
                    bar.set_description(f"{place.label} {agent}")
                    path = out / f"{place.label}_{agent}.mp4"
                    result = _play(env, agent, place.label, settings.steps, settings.seed, path, stop, bar.update)
                    results.append(result)
                    if bar.disable:
                        print(_line(result), file=sys.stderr, flush=True)  # noqa: T201


def _play(
    env: "gymnasium.Env[Any, Any]",
    agent: str,
    label: str,
    steps: int,
    seed: int,
    path: Path,
    stop: StopRequest,
    tick: Callable[[], Any],
) -> Result:
    """One episode with its video; it ends early, and its video is kept, when a stop is requested."""
    player = make_agent(agent)
    core: Any = env.unwrapped
    observation, _ = env.reset(seed=seed)
    player.reset(np.ones(1, dtype=np.bool_))

    def chosen() -> Any:
        batched = {name: np.asarray(value)[None] for name, value in observation.items()}
        return player.act(batched, core.privileged_view())[0].astype(np.float32)

    total_reward, visible, contacts, length, lost, over = 0.0, 0.0, 0, 0, False, False
    with announced_compilation():
        action = chosen()
    with VideoWriter(path, fps=2 * env.metadata["render_fps"]) as video:
        video.add(_picture(env))
        while length < steps and not (lost or over or stop):
            observation, reward, lost, over, info = env.step(action)
            video.add(_picture(env))
            action = chosen()
            total_reward += float(reward)
            visible += float(info["visible_share"])
            contacts += bool(info["contact"] or info["contact_target"] or info["contact_distractor"])
            length += 1
            tick()
    success = None if stop and not (lost or over) else not lost
    return Result(label, agent, total_reward, length, success, visible / max(length, 1), contacts, path)


def _picture(env: "gymnasium.Env[Any, Any]") -> Any:
    picture = env.render()
    if not isinstance(picture, np.ndarray):
        raise TypeError(f"render() gave a {type(picture).__name__}, not a picture")
    return picture


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
