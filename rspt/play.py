"""`rspt play`: watch one tracker follow one target, in a window or as a video."""

import sys
import time
from argparse import Namespace
from contextlib import closing
from pathlib import Path

from rich.console import Console
from tqdm import tqdm

from rspt.agent import LoadedAgent, load_agent
from rspt.errors import UsageError
from rspt.match import Match, Outcome, filmed
from rspt.places import named_places
from rspt.signals import StopRequest
from rspt.target import named_target

_STEPS = 500
_STEP_S = 0.1


def main(options: Namespace) -> int:
    """Play what the command line asks for; 0, or 130 after Ctrl-C with the video of what was played."""
    tracker = load_agent(options.agent)
    target = named_target(options.target_policy)
    (place,) = named_places([options.layout])
    out = options.out
    if out is None and not _has_display():
        out = Path(f"{place.label}_{_stem(options.agent)}.mp4")
    if out is not None and out.suffix != ".mp4":
        raise UsageError(f"--out {out}: the name of a video ends in .mp4")
    arguments = {"target_speed_ratio": options.speed_ratio, "noise": options.noise}
    with StopRequest() as stop:
        mode = "human" if out is None else "rgb_array"
        try:
            match = Match(tracker, target, place.source, render_mode=mode, **arguments)
        except ValueError as error:  # of the speed ratio or the noise
            raise UsageError(str(error)) from None
        with closing(match), closing(tqdm(total=_STEPS, unit="step", disable=None, leave=False)) as bar:
            if out is None:
                outcome = _live(match, options.seed, stop)
            else:
                outcome = filmed(match, out, options.seed, steps=_STEPS, stop=stop, tick=bar.update)
    _tell(tracker, outcome, out)
    return stop.exit_code


def _live(match: Match, seed: int, stop: StopRequest) -> Outcome:
    """In PyBullet's window, as fast as life."""
    start, played = time.monotonic(), 0

    def wait() -> None:
        nonlocal played
        played += 1
        time.sleep(max(0.0, start + played * _STEP_S - time.monotonic()))

    return match.play(seed, steps=_STEPS, stop=stop, tick=wait)


def _tell(tracker: LoadedAgent, outcome: Outcome, out: Path | None) -> None:
    kept = {True: "the target was kept", False: "the target was lost", None: "stopped"}[outcome.success]
    console = Console(file=sys.stdout, soft_wrap=True)
    console.print(
        f"{tracker.name}: {kept}; {outcome.length} steps, return {outcome.total_reward:.0f}, visible"
        f" {outcome.visible_share:.0%}, {outcome.contacts} steps with contact"
        + ("" if out is None else f"; video: {out}"),
        highlight=False,
    )


def _stem(agent: str) -> str:
    return Path(agent).stem if Path(agent).exists() else agent


def _has_display() -> bool:
    import os

    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
