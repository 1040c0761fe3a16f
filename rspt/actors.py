"""Networks of trained players, from their files."""

import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from agents.networks import Actor, Sizes
from rspt.errors import UsageError
from rspt.training.agent_weights import Role
from rspt.training.checkpoints import load_agent_weights

SHIPPED: dict[str, Role] = {"pretrained": "tracker", "learned": "target"}
"""The names of the players that come with the package."""


_FOLDERS_UP = 4
"""A checkpoint's file lies so many levels, counted with itself, below its run's folder."""


class Player(NamedTuple):
    """A trained player.

    Attributes:
        actor: its network.
        record: where it comes from, see `rspt.training.about`.
    """

    actor: Actor
    record: Mapping[str, str]


def load_player(name_or_path: str | Path, role: Role) -> Player:
    """A trained player: by its name if it comes with the package, or from a run, checkpoint or file.

    Raises:
        UsageError: if there is none, it plays another role, or it cannot be used.
    """
    path = path_of(name_or_path, role)
    if not path.exists():
        shipped = next(name for name, whose in SHIPPED.items() if whose == role)
        raise UsageError(
            f"{path}: no such file or folder; a {role} is {shipped!r}, or the path of a run such as one that"
            " `rspt train --config rspt --out runs/rspt` makes, of a checkpoint, or of a .safetensors file"
        )
    weights = load_agent_weights(path, role=role)
    try:
        actor = Actor(Sizes.of(weights.architecture))
        actor.load_state_dict(weights.tensors)
    except (TypeError, KeyError, RuntimeError) as error:
        raise UsageError(f"{path}: holds no {role} of this version ({error})") from None
    return Player(actor, weights.about)


def path_of(name_or_path: str | Path, role: Role) -> Path:
    """The file or folder; a run's folder stands for the file of the player in it."""
    if SHIPPED.get(str(name_or_path)) == role:
        return Path(str(resources.files("rspt") / "weights" / f"{role}.safetensors"))
    path = Path(name_or_path)
    inside = path / f"{role}.safetensors"
    return inside if inside.is_file() and not (path / "manifest.json").exists() else path


def predictor_beside(path: Path) -> Path | None:
    """The predictor that a run has trained for its tracker, given the run, a checkpoint in it or a file; if it has."""
    around = [path.absolute(), *path.absolute().parents][:_FOLDERS_UP]
    files = [folder / "predictor" / "predictor.safetensors" for folder in around]
    return next((file for file in files if file.is_file()), None)


def digest(actor: Actor) -> str:
    """SHA-256 of what a network's numbers are, whatever file they came from."""
    numbers = hashlib.sha256()
    for name, tensor in sorted(actor.state_dict().items()):
        numbers.update(f"{name}{tuple(tensor.shape)}".encode())
        numbers.update(tensor.cpu().contiguous().numpy().tobytes())
    return numbers.hexdigest()
