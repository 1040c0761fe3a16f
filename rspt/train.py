"""`rspt train`: what is trained is for the recipe to say, by its key `kind`."""

import shlex
import sys
from argparse import Namespace

from pydantic import ValidationError
from rich.console import Console

from rspt.config import ConfigError, find_config, load_config, read_config
from rspt.errors import UsageError
from rspt.signals import StopRequest

KINDS = ("predictor", "tracker")
"""What can be trained."""


def main(options: Namespace) -> int:
    """Train what the recipe asks for; 0, or 130 after Ctrl-C with a checkpoint to go on from."""
    path = find_config(options.config)
    kind = read_config(options.config).get("kind")
    if kind not in KINDS:
        raise ConfigError(f"{path}: kind = {kind!r}: what is trained must be one of {', '.join(KINDS)}")
    return _train_predictor(options) if kind == "predictor" else _train_tracker(options)


def _train_tracker(options: Namespace) -> int:
    from rspt.training.failure import NotFiniteError
    from rspt.training.settings import TrackerSettings
    from rspt.training.stages import TRACKER_STAGES
    from rspt.training.training import TARGET_WEIGHTS, WEIGHTS, train  # loads torch

    settings = load_config(TrackerSettings, options.config, options.overrides)
    if options.total_steps is not None:
        try:
            settings = settings.with_total_steps(options.total_steps)
        except ValidationError as error:
            raise UsageError(
                f"--total-steps {options.total_steps}: {error.errors()[0]['msg'].removeprefix('Value error, ')}"
            ) from None
    _check_device(options.device)
    console = Console(file=sys.stdout, soft_wrap=True)
    with StopRequest() as stop:
        try:
            finished = train(
                settings, options.out, resume=options.resume, stop=stop, console=console, device=options.device
            )
        except NotFiniteError as error:
            sys.stderr.write(f"rspt: error: {error}\n")
            return 1
    if not finished:
        return _stopped(console, stop)
    learned = TARGET_WEIGHTS if settings.stages.keys().isdisjoint(TRACKER_STAGES) else WEIGHTS
    console.print(f"The weights are in {options.out / learned}.", highlight=False)
    return 0


def _check_device(name: str) -> None:
    import torch

    if name != "cpu" and not (name == "cuda" and torch.cuda.is_available()):
        allowed = "cpu or cuda" if torch.cuda.is_available() else "cpu (torch finds no CUDA here)"
        raise UsageError(f"--device {name}: allowed here: {allowed}")


def _train_predictor(options: Namespace) -> int:
    from rspt.predictor.settings import PredictorSettings
    from rspt.predictor.training import WEIGHTS, train  # loads torch

    settings = load_config(PredictorSettings, options.config, options.overrides)
    if options.total_steps is not None:
        raise UsageError("--total-steps: the predictor learns for epochs, say --epochs N")
    console = Console(file=sys.stdout, soft_wrap=True)
    with StopRequest() as stop:
        finished = train(settings, options.out, resume=options.resume, stop=stop, console=console)
    if not finished:
        return _stopped(console, stop)
    console.print(f"The weights are in {options.out / WEIGHTS}: use them as predictor={str(options.out / WEIGHTS)!r}.")
    return 0


def _stopped(console: Console, stop: StopRequest) -> int:
    """Say how to go on."""
    given = [argument for argument in sys.argv[1:] if argument != "--resume"]
    console.print(f"Stopped; `rspt {shlex.join(given)} --resume` goes on.", highlight=False)
    return stop.exit_code
