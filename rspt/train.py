"""`rspt train`: what is trained is for the recipe to say, by its key `kind`."""

import sys
from argparse import Namespace

from rich.console import Console

from envs.yaml_file import load_yaml
from rspt.config import ConfigError, find_config, load_config
from rspt.signals import StopRequest

KINDS = ("predictor", "tracker")
"""What can be trained."""


def main(options: Namespace) -> int:
    """Train what the recipe asks for; 0, or 130 after Ctrl-C with a checkpoint to go on from."""
    path = find_config(options.config)
    values = load_yaml(path, error=ConfigError)
    kind = values.get("kind") if isinstance(values, dict) else None
    if kind not in KINDS:
        raise ConfigError(f"{path}: kind = {kind!r}: what is trained must be one of {', '.join(KINDS)}")
    return _train_predictor(options) if kind == "predictor" else _train_tracker(options)


def _train_tracker(options: Namespace) -> int:
    from rspt.training.settings import TrackerSettings
    from rspt.training.training import WEIGHTS, train  # loads torch

    settings = load_config(TrackerSettings, options.config)
    console = Console(file=sys.stdout, soft_wrap=True)
    with StopRequest() as stop:
        finished = train(settings, options.out, resume=options.resume, stop=stop, console=console)
    if not finished:
        console.print(f"Stopped; `rspt train --config {options.config} --out {options.out} --resume` goes on.")
        return stop.exit_code
    console.print(f"The weights are in {options.out / WEIGHTS}.")
    return 0


def _train_predictor(options: Namespace) -> int:
    from rspt.predictor.settings import PredictorSettings
    from rspt.predictor.training import WEIGHTS, train  # loads torch

    settings = load_config(PredictorSettings, options.config)
    console = Console(file=sys.stdout, soft_wrap=True)
    with StopRequest() as stop:
        finished = train(settings, options.out, resume=options.resume, stop=stop, console=console)
    if not finished:
        console.print(f"Stopped; `rspt train --config {options.config} --out {options.out} --resume` goes on.")
        return stop.exit_code
    console.print(f"The weights are in {options.out / WEIGHTS}: use them as predictor={str(options.out / WEIGHTS)!r}.")
    return 0
