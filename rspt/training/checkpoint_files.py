"""What a checkpoint is on disk: its files, its manifest, and how both are read and doubted."""

import hashlib
import json
import math
import platform
import re
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

import rspt
from rspt.training import agent_weights
from rspt.training.agent_weights import (
    AgentWeights,
    CheckpointError,
    agent_bytes,
    check_version,
    checked_tensor,
    read_agent,
    read_bytes,
    read_json,
    to_json,
)

MANIFEST, TRAINER, CONFIG = "manifest.json", "trainer.pt", "config.json"
FORMAT, VERSION = "rspt-checkpoint", 1
MANIFEST_BYTES_MAX = 10**6
FOLDER = re.compile(r"checkpoint-(\d{9,18})", re.ASCII)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
SET_ASIDE = ".replaced-"


class Checkpoint(NamedTuple):
    """What a checkpoint holds.

    Attributes:
        path: its folder.
        step: environment steps until then.
        exact: whether a training that goes on from it is the one that was never interrupted.
        score: how good the tracker was in validation; None if that was not measured.
        weights: of each agent, by the names of the files.
        trainer: everything else that the training needs to go on.
        config: the settings of the training.
    """

    path: Path
    step: int
    exact: bool
    score: float | None
    weights: dict[str, AgentWeights]
    trainer: dict[str, Any]
    config: dict[str, Any]


class File(NamedTuple):
    """What the manifest says of a file."""

    size: int
    sha256: str


class Manifest(NamedTuple):
    """What a checkpoint says of itself."""

    step: int
    exact: bool
    score: float | None
    files: dict[str, File]


def contents_of(
    path: Path, weights: Mapping[str, AgentWeights], trainer: dict[str, Any], config: dict[str, Any]
) -> dict[str, bytes]:
    """The contents of all files but the manifest."""
    if not weights:
        raise CheckpointError(f"{path}: there are no weights to keep, at least those of one agent are needed")
    files = {}
    for name, agent in weights.items():
        if not NAME.fullmatch(name):
            raise CheckpointError(f"{path}: the weights' name {name!r} is not made of letters, digits, - and _ alone")
        file = f"{name}.safetensors"
        files[file] = agent_bytes(path / file, agent)
    buffer = BytesIO()
    torch.save(_plain(trainer, path / TRAINER, "trainer"), buffer)
    files[TRAINER] = buffer.getvalue()
    files[CONFIG] = to_json(config, path / CONFIG, indent=2).encode()
    total = sum(map(len, files.values()))
    if total > agent_weights.BYTES_MAX:
        raise CheckpointError(
            f"{path}: the checkpoint would have {total} bytes, at most {agent_weights.BYTES_MAX} are allowed"
        )
    return files


def manifest_of(path: Path, step: int, files: dict[str, bytes], *, exact: bool, score: float | None) -> bytes:
    """The manifest of these files, with their digests and its own."""
    if score is not None and not math.isfinite(score):
        raise CheckpointError(f"{path}: the score is {score}, a finite number or None is allowed")
    told: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "step": int(step),
        "exact": bool(exact),
        "score": None if score is None else float(score),
        "files": {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in files.items()
        },
        "versions": {
            "rspt": rspt.__version__,
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "threads": torch.get_num_threads(),
    }
    told["sha256"] = _digest(told)
    return (json.dumps(told, indent=2) + "\n").encode()


def _digest(told: dict[str, Any]) -> str:
    """Digest of a manifest without its own entry for it: a flipped bit must not change the step or the score."""
    rest = {key: value for key, value in told.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _plain(value: Any, path: Path, place: str) -> Any:
    """A copy made of what can be read again without running code."""
    if isinstance(value, Tensor):
        tensor = checked_tensor(value, path, place)
        # a part of a larger tensor would be written with all of it
        whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        return tensor if whole else tensor.clone(memory_format=torch.contiguous_format)
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float, str, bytes):
        return value
    if isinstance(value, dict):
        for key in value:
            if type(key) not in (str, int):
                raise CheckpointError(f"{path}: {place} has the key {key!r}, allowed are text and whole numbers")
        return {key: _plain(entry, path, f"{place}.{key}") for key, entry in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_plain(entry, path, f"{place}[{index}]") for index, entry in enumerate(value))
    raise CheckpointError(
        f"{path}: {place} is a {type(value).__name__}, allowed are tensors, numbers, texts, None, and dicts, lists and"
        " tuples of them"
    )


def read_checkpoint(path: Path) -> Checkpoint:
    """Everything in a checkpoint, once it is known to be what was written."""
    place = standing(path)
    manifest = read_manifest(path)
    check_sizes(path, manifest.files)
    contents = {name: _read_listed(place / name, file) for name, file in manifest.files.items()}
    weights = {
        name.removesuffix(".safetensors"): read_agent(place / name, contents.pop(name))
        for name in manifest.files
        if name.endswith(".safetensors")
    }
    trainer = _read_trainer(place / TRAINER, contents[TRAINER])
    config = read_json(place / CONFIG, contents[CONFIG])
    return Checkpoint(path, manifest.step, manifest.exact, manifest.score, weights, trainer, config)


def standing(path: Path) -> Path:
    """Where the files are: in the folder, or set aside if a crash came just when another was to take its name."""
    aside = aside_of(path)
    return aside if not path.exists() and aside.is_dir() else path


def agent_in(path: Path, name: str) -> AgentWeights:
    """The weights of this name in a checkpoint; nothing else of it is read."""
    files = read_manifest(path).files
    file = f"{name}.safetensors"
    if file not in files:
        there = ", ".join(sorted(other.removesuffix(".safetensors") for other in files if other.endswith("tensors")))
        raise CheckpointError(f"{path}: holds no weights named {name!r}; allowed are {there}")
    place = standing(path) / file
    return read_agent(place, _read_listed(place, files[file]))


def read_manifest(path: Path) -> Manifest:
    """What a checkpoint says of itself, checked."""
    place = standing(path)
    if not place.exists():
        raise CheckpointError(f"{path}: there is no such checkpoint")
    if not place.is_dir():
        raise CheckpointError(f"{path}: is no folder, as a checkpoint is, and no .safetensors file")
    file = place / MANIFEST
    if not file.exists():
        raise CheckpointError(f"{path}: is no whole checkpoint, {MANIFEST} is missing")
    told = read_json(file, read_bytes(file, MANIFEST_BYTES_MAX))
    check_version(file, told.get("format"), told.get("version"), FORMAT, VERSION)
    if told.get("sha256") != _digest(told):
        raise CheckpointError(f"{file}: is damaged, its digest is another one")
    step, exact, score = told.get("step"), told.get("exact"), told.get("score")
    named = FOLDER.fullmatch(path.name)
    if type(step) is not int or step < 0 or (named and int(named[1]) != step):
        raise CheckpointError(f"{file}: step = {step!r}, the whole number in the folder's name is expected")
    if type(exact) is not bool:
        raise CheckpointError(f"{file}: exact = {exact!r}, true or false is expected")
    if score is not None and (type(score) is not float or not math.isfinite(score)):
        raise CheckpointError(f"{file}: score = {score!r}, a finite number or null is expected")
    return Manifest(step, exact, score, _listed(file, told.get("files")))


def _listed(file: Path, told: Any) -> dict[str, File]:
    files: dict[str, File] = {}
    for name, entry in told.items() if isinstance(told, dict) else ():
        # nothing outside the folder is read, whatever the manifest says
        known = name in (TRAINER, CONFIG) or (
            name.endswith(".safetensors") and NAME.fullmatch(name.removesuffix(".safetensors"))
        )
        if not known:
            raise CheckpointError(f"{file}: lists the file {name!r}; allowed are *.safetensors, {TRAINER}, {CONFIG}")
        size, sha256 = (entry.get("bytes"), entry.get("sha256")) if isinstance(entry, dict) else (None, None)
        if type(size) is not int or type(sha256) is not str:
            raise CheckpointError(f"{file}: tells no bytes and sha256 of the file {name!r}")
        files[name] = File(size, sha256)
    missing = {TRAINER, CONFIG} - set(files)
    if missing or len(files) < 3:
        raise CheckpointError(f"{file}: does not list {', '.join(sorted(missing)) or 'any weights'}")
    total = sum(entry.size for entry in files.values())
    if total > agent_weights.BYTES_MAX:
        raise CheckpointError(f"{file}: lists {total} bytes, at most {agent_weights.BYTES_MAX} are allowed")
    return files


def check_sizes(path: Path, files: dict[str, File]) -> None:
    """Whether all files are there, as long as they should be."""
    place = standing(path)
    for name, expected in files.items():
        _check_size(place / name, expected)


def _check_size(path: Path, expected: File) -> None:
    if not path.is_file():
        raise CheckpointError(f"{path}: is missing")
    size = path.stat().st_size
    if size != expected.size:
        raise CheckpointError(f"{path}: has {size} bytes, {expected.size} are expected by the manifest")


def _read_listed(path: Path, expected: File) -> bytes:
    """The bytes of a file, once they are known to be those that were written; they are not read a second time."""
    _check_size(path, expected)
    content = read_bytes(path, agent_weights.BYTES_MAX)
    if hashlib.sha256(content).hexdigest() != expected.sha256:
        raise CheckpointError(f"{path}: is damaged, its SHA-256 is not the one in the manifest")
    return content


def _read_trainer(path: Path, content: bytes) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise CheckpointError(f"{path}: is no file of torch.save ({error})") from None
    if size > agent_weights.BYTES_MAX:
        raise CheckpointError(f"{path}: unpacks to {size} bytes, at most {agent_weights.BYTES_MAX} are allowed")
    try:
        trainer = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # of pickle or torch, whichever meets the trouble first
        reason = str(error).split("\n", 1)[0]
        raise CheckpointError(
            f"{path}: holds more than tensors and plain containers, or is damaged ({reason})"
        ) from None
    if not isinstance(trainer, dict):
        raise CheckpointError(f"{path}: holds a {type(trainer).__name__}, a dict is expected")
    return trainer


def aside_of(path: Path) -> Path:
    """Where a checkpoint is for the moment in which another takes its name."""
    whole = path.absolute()  # "." has no name of its own
    return whole.with_name(f"{SET_ASIDE}{whole.name}")
