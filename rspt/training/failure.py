"""What is kept when a training comes upon a number that is not finite."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch

from rspt.training.checkpoint_files import Checkpoint
from rspt.training.stage import Actors, Stage


class NotFiniteError(Exception):
    """A number of the training is not finite.

    Args:
        wrong: names of metrics and parameters.
        dumped: the folder with what is needed to look into it.
        checkpoint: the newest, from which the training runs into it again.
    """

    def __init__(self, wrong: list[str], dumped: Path, checkpoint: Checkpoint | None) -> None:
        again = "from the beginning" if checkpoint is None else f"with --resume, from {checkpoint.path}"
        super().__init__(
            f"the training came upon a number that is not finite in {', '.join(wrong[:3])}; no checkpoint was written"
            f" of it. What was computed is in {dumped}; the same training runs into it again {again}"
        )


def not_finite(metrics: Mapping[str, float], actors: Actors) -> list[str]:
    """Names of the metrics and parameters that are not finite."""
    wrong = [name for name, value in metrics.items() if not math.isfinite(value)]
    for role, actor in actors.items():
        tensors = actor.state_dict()
        wrong += [f"{role}/{name}" for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    return wrong


def dump(folder: Path, step: int, wrong: list[str], stage: Stage, checkpoint: Checkpoint | None) -> Path:
    """Keep what is wrong, and the state of the stage as it is, in a new folder."""
    path = folder / f"failure-{step:09}"
    path.mkdir(exist_ok=True)
    told = {
        "step": step,
        "not_finite": wrong,
        "runs_into_it_again_from": None if checkpoint is None else str(checkpoint.path),
        "torch_threads": torch.get_num_threads(),
    }
    (path / "failure.json").write_text(json.dumps(told, indent=2) + "\n")
    torch.save(stage.state(), path / "stage.pt")
    return path
