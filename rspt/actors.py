"""Networks of trained players, from their files."""

import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from agents.networks import Actor, Sizes
from rspt.errors import UsageError
from rspt.perception.state import MAP_CHANNELS, VECTOR_WIDTH
from rspt.perception.window import EgoWindow
from rspt.target import LEARNED
from rspt.training.agent_weights import Role
from rspt.training.checkpoints import load_agent_weights


class Shipped(NamedTuple):
    """A player that comes with the package.

    Attributes:
        role: which player it is.
        file: its name in the folder of weights.
    """

    role: Role
    file: str


SHIPPED = {
    "pretrained": Shipped("tracker", "tracker.safetensors"),
    **{name: Shipped("target", file) for name, file in LEARNED.items()},
}
"""By their names."""

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
        names = [name for name, shipped in SHIPPED.items() if shipped.role == role]
        raise UsageError(
            f"{path}: no such file or folder; a {role} is {' or '.join(map(repr, names))}, or the path of a run such as"
            " one that `rspt train --config rspt --out runs/rspt` makes, of a checkpoint, or of a .safetensors file"
        )
    weights = load_agent_weights(path, role=role)
    try:
        actor = Actor(Sizes.of(weights.architecture))
        actor.load_state_dict(weights.tensors)
    except (TypeError, KeyError, RuntimeError) as error:
        raise UsageError(f"{path}: holds no {role} of this version ({error})") from None
    if role == "tracker":
        _check_sight(path, actor.sizes, weights.about.get("ablation", "none"))
    return Player(actor, weights.about)


def _check_sight(path: Path, sizes: Sizes, ablation: str) -> None:
    """Refuse a tracker that was trained on a state of another layout."""
    cells = EgoWindow().cells
    wanted = (len(MAP_CHANNELS), cells, cells)
    maps = sizes.map_shape if ablation != "frames" else wanted  # images have any size
    if (maps, sizes.numbers) != (wanted, VECTOR_WIDTH):
        raise UsageError(
            f"{path}: the tracker sees maps {maps} and vectors ({sizes.numbers},), this version of rspt makes {wanted}"
            f" and ({VECTOR_WIDTH},): train it anew"
        )


def path_of(name_or_path: str | Path, role: Role) -> Path:
    """The file or folder; a run's folder stands for the file of the player in it."""
    shipped = SHIPPED.get(str(name_or_path))
    if shipped is not None and shipped.role == role:
        return Path(str(resources.files("rspt") / "weights" / shipped.file))
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
