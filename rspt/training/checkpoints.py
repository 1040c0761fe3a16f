"""Checkpoints of a training: they appear only when they are whole, and nothing is taken from one that is not.

A checkpoint is a folder `checkpoint-000123456`, named by the environment steps, with the weights of each agent as
safetensors, the rest of the training in trainer.pt, the settings in config.json, and what is in it in manifest.json.
"""

import contextlib
import hashlib
import json
import math
import os
import platform
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args

import numpy as np
import torch
from torch import Tensor

import rspt
from rspt.errors import UsageError

MANIFEST, TRAINER, CONFIG = "manifest.json", "trainer.pt", "config.json"
FORMAT, VERSION = "rspt-checkpoint", 1
AGENT_FORMAT, AGENT_VERSION = "rspt-agent", 1
BYTES_MAX = 10**9
"""Bytes that a checkpoint, or a file of weights, may have."""
MANIFEST_BYTES_MAX = 10**6

Role = Literal["tracker", "target"]
_ROLES: tuple[str, ...] = get_args(Role)
_OWN_METADATA = ("format", "version", "role", "architecture")
_FOLDER = re.compile(r"checkpoint-(\d{9,18})", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_UNFINISHED, _SET_ASIDE = ".unfinished-", ".replaced-"


class CheckpointError(UsageError):
    """A checkpoint that cannot be used or written; the message names the file, what is wrong and what is allowed."""


class AgentWeights(NamedTuple):
    """The weights of an agent's networks.

    Attributes:
        role: which player they are for.
        architecture: what is needed to build the networks again, as JSON has it.
        tensors: by their names in the networks.
    """

    role: Role
    architecture: dict[str, Any]
    tensors: dict[str, Tensor]


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


class _File(NamedTuple):
    """What the manifest says of a file."""

    size: int
    sha256: str


class _Manifest(NamedTuple):
    """What a checkpoint says of itself."""

    step: int
    exact: bool
    score: float | None
    files: dict[str, _File]


class Checkpoints:
    """The checkpoints of one run.

    Kept are the last ones, the one with the greatest score, and always the newest valid one. Those that cannot be read
    are left where they are: they may be of a newer version.

    Attributes:
        folder: where they lie.
        problems: what was wrong with those that the last `newest` or `best` had to skip, and what could not be removed.
    """

    def __init__(self, folder: Path, *, keep_last: int = 3) -> None:
        if keep_last < 1:
            raise ValueError(f"keep_last = {keep_last}: at least 1 must be kept")
        self.folder = folder
        self.problems: list[str] = []
        self._keep_last = keep_last

    def save(
        self,
        step: int,
        weights: Mapping[str, AgentWeights],
        trainer: dict[str, Any],
        config: dict[str, Any],
        *,
        exact: bool,
        score: float | None = None,
    ) -> Path:
        """Write a checkpoint, in place of one of the same step; then remove those that need not be kept.

        Args:
            step: environment steps until now.
            weights: of each agent, by the names that the files get.
            trainer: tensors and numbers, texts, None, dicts, lists and tuples of them.
            config: the settings of the training, as JSON has them.
            exact: whether a training that goes on from it is the one that was never interrupted.
            score: how good the tracker was in validation, if that was measured.

        Raises:
            CheckpointError: if something cannot be kept (a number that is not finite, a kind of object that trainer.pt
                does not take), or the disk does not take it; the checkpoints before are as they were.
        """
        path = self.folder / f"checkpoint-{step:09}"
        if not 0 <= step < 10**18:
            raise CheckpointError(f"{path}: the step is {step}, allowed are whole numbers from 0 to 10^18")
        files = _files(path, weights, trainer, config)
        files[MANIFEST] = _manifest(path, step, files, exact=exact, score=score)
        unfinished = self.folder / f"{_UNFINISHED}{step:09}-{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._clean_up()
            unfinished.mkdir()
            for name, content in files.items():
                _write(unfinished / name, content)
            _sync_folder(unfinished)
            self._put(unfinished, path)
        except OSError as error:
            raise CheckpointError(
                f"{path}: the checkpoint cannot be written ({error.strerror or error});"
                " the checkpoints before it are as they were"
            ) from None
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)  # there only if something went wrong
        self._prune(step)
        return path

    def newest(self) -> Checkpoint | None:
        """The valid checkpoint of the latest step; None if there is none."""
        self.problems = []
        return self._first_valid(sorted(self._folders().items(), reverse=True))

    def best(self) -> Checkpoint | None:
        """The valid checkpoint with the greatest score, the later of equals; None if none has a score."""
        self.problems = []
        scored = []
        for step, path in self._folders().items():
            try:
                score = _read_manifest(path).score
            except CheckpointError as error:
                self.problems.append(str(error))
                continue
            if score is not None:
                scored.append((score, step, path))
        return self._first_valid([(step, path) for _, step, path in sorted(scored, reverse=True)])

    def _first_valid(self, folders: list[tuple[int, Path]]) -> Checkpoint | None:
        for _, path in folders:
            try:
                return _load(path)
            except CheckpointError as error:
                self.problems.append(str(error))
        return None

    def _folders(self) -> dict[int, Path]:
        return dict(_steps_in(self.folder))

    def _put(self, unfinished: Path, path: Path) -> None:
        """Give the finished folder its name; a checkpoint of this name stays readable beside it until that is done."""
        aside = _aside(path)
        if path.exists():
            path.rename(aside)
        try:
            unfinished.rename(path)
        except OSError:
            if aside.exists():
                aside.rename(path)
            raise
        _sync_folder(self.folder)
        _sync_folder(self.folder.parent)
        self._remove(aside)

    def _clean_up(self) -> None:
        """Finish what a crash has left: half a checkpoint goes, one that was set aside comes back if it was needed."""
        for path in list(self.folder.iterdir()):
            if path.name.startswith(_UNFINISHED):
                self._remove(path)
            elif path.name.startswith(_SET_ASIDE):
                replaced_by = self.folder / path.name.removeprefix(_SET_ASIDE)
                if replaced_by.exists():
                    self._remove(path)
                else:
                    path.rename(replaced_by)

    def _prune(self, saved: int) -> None:
        """Remove what need not be kept, going by the manifests and sizes: to read everything would take too long."""
        known: dict[int, _Manifest] = {}
        folders = self._folders()
        for step, path in folders.items():
            with contextlib.suppress(CheckpointError):
                manifest = _read_manifest(path)
                _check_sizes(path, manifest.files)
                known[step] = manifest
        kept = {saved, *sorted(known)[-self._keep_last :]}
        scores = [(manifest.score, step) for step, manifest in known.items() if manifest.score is not None]
        if scores:
            kept.add(max(scores)[1])
        for step in set(known) - kept:
            # renamed first: half a checkpoint after a crash would be told as a damaged one
            doomed = self.folder / f"{_UNFINISHED}{step:09}-removed"
            try:
                folders[step].rename(doomed)
            except OSError as error:
                self.problems.append(f"{folders[step]}: cannot be removed ({error.strerror or error})")
                continue
            self._remove(doomed)

    def _remove(self, path: Path) -> None:
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            self.problems.append(f"{path}: cannot be removed ({error.strerror or error})")


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, after its sizes and digests have been compared with its manifest.

    Raises:
        CheckpointError: naming the file, what is wrong, and the checkpoint before if there is one.
    """
    try:
        return _load(path)
    except CheckpointError as error:
        raise CheckpointError(f"{error}{_advice(path)}") from None


def load_agent_weights(path: Path, *, role: str, name: str | None = None) -> AgentWeights:
    """The weights of one agent; the rest of the training is not read.

    Args:
        path: a checkpoint, or one file of weights.
        role: who they must be for, tracker or target.
        name: which weights of the checkpoint; those named as the role if it is None. A file has only one.

    Raises:
        CheckpointError: if there are none, they are damaged, or they are for another role.
    """
    if path.suffix == ".safetensors" and not path.is_dir():
        weights = _read_agent(path, _read(path, BYTES_MAX))
    else:
        try:
            weights = _agent_in(path, name or role)
        except CheckpointError as error:
            raise CheckpointError(f"{error}{_advice(path)}") from None
    if weights.role != role:
        raise CheckpointError(f"{path}: these are weights of a {weights.role}, those of a {role} are needed")
    return weights


def save_agent_weights(path: Path, weights: AgentWeights, *, about: Mapping[str, str] = {}) -> None:
    """Write one file that `load_agent_weights` reads; it appears only when it is whole.

    Args:
        path: where to; ends in .safetensors.
        weights: what to write.
        about: further metadata: where the weights come from.

    Raises:
        CheckpointError: if a number is not finite, or the file cannot be written.
    """
    if path.suffix != ".safetensors":
        raise CheckpointError(f"{path}: a file of weights must have a name that ends in .safetensors")
    content = _agent_bytes(path, weights, about)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(unfinished, content)
        unfinished.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise CheckpointError(f"{path}: the weights cannot be written ({error.strerror or error})") from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _aside(path: Path) -> Path:
    """Where a checkpoint is for the moment in which another takes its name."""
    return path.with_name(f"{_SET_ASIDE}{path.name}")


def _steps_in(folder: Path) -> Iterator[tuple[int, Path]]:
    """Steps and folders of the checkpoints that are there, valid or not."""
    if not folder.is_dir():
        return
    for name in {path.name.removeprefix(_SET_ASIDE) for path in folder.iterdir()}:
        match = _FOLDER.fullmatch(name)
        if match:
            yield int(match[1]), folder / name


def _advice(path: Path) -> str:
    """What to use in place of a checkpoint that cannot be used."""
    match = _FOLDER.fullmatch(path.name)
    if match is None:
        inside = sorted(_steps_in(path)) or sorted(_steps_in(path / "checkpoints"))
        return f"; it holds checkpoints, name one of them, such as {inside[-1][1]}" if inside else ""
    for step, before in sorted(_steps_in(path.parent), reverse=True):
        if step < int(match[1]):
            with contextlib.suppress(CheckpointError):
                _check_sizes(before, _read_manifest(before).files)
                return f"; use the checkpoint before: {before}"
    return ""


# ---- writing


def _files(
    path: Path, weights: Mapping[str, AgentWeights], trainer: dict[str, Any], config: dict[str, Any]
) -> dict[str, bytes]:
    """The contents of all files but the manifest."""
    if not weights:
        raise CheckpointError(f"{path}: there are no weights to keep, at least those of one agent are needed")
    files = {}
    for name, agent in weights.items():
        if not _NAME.fullmatch(name):
            raise CheckpointError(f"{path}: the weights' name {name!r} is not made of letters, digits, - and _ alone")
        file = f"{name}.safetensors"
        files[file] = _agent_bytes(path / file, agent, {})
    buffer = BytesIO()
    torch.save(_plain(trainer, path / TRAINER, "trainer"), buffer)
    files[TRAINER] = buffer.getvalue()
    files[CONFIG] = _json(config, path / CONFIG, indent=2).encode()
    total = sum(map(len, files.values()))
    if total > BYTES_MAX:
        raise CheckpointError(f"{path}: the checkpoint would have {total} bytes, at most {BYTES_MAX} are allowed")
    return files


def _manifest(path: Path, step: int, files: dict[str, bytes], *, exact: bool, score: float | None) -> bytes:
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


def _json(value: dict[str, Any], path: Path, *, indent: int | None = None) -> str:
    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: what it should hold cannot be written as JSON ({error})") from None


def _agent_bytes(path: Path, weights: AgentWeights, about: Mapping[str, str]) -> bytes:
    from safetensors import SafetensorError
    from safetensors.torch import save

    if weights.role not in _ROLES:
        raise CheckpointError(f"{path}: the role is {weights.role!r}, allowed are {' and '.join(_ROLES)}")
    clash = sorted(set(about) & set(_OWN_METADATA))
    if clash:
        raise CheckpointError(f"{path}: the metadata {clash[0]!r} are its own, choose another name")
    told = {
        **about,
        "format": AGENT_FORMAT,
        "version": str(AGENT_VERSION),
        "role": weights.role,
        "architecture": _json(weights.architecture, path),
    }
    kept = {}
    for name, tensor in weights.tensors.items():
        # copies, since tensors that share their memory are refused
        kept[name] = _kept(tensor, path, name).clone(memory_format=torch.contiguous_format)
    try:
        content: bytes = save(kept, metadata=told)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: what it should hold cannot be written as safetensors ({error})") from None
    if len(content) > BYTES_MAX:
        raise CheckpointError(f"{path}: would have {len(content)} bytes, at most {BYTES_MAX} are allowed")
    return content


def _plain(value: Any, path: Path, place: str) -> Any:
    """A copy made of what can be read again without running code."""
    if isinstance(value, Tensor):
        tensor = _kept(value, path, place)
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


def _kept(tensor: Tensor, path: Path, place: str) -> Tensor:
    """The tensor on the CPU, if all of its numbers are finite."""
    if tensor.layout is not torch.strided:
        raise CheckpointError(f"{path}: {place} is a tensor with the layout {tensor.layout}, a dense one is needed")
    tensor = tensor.detach().cpu()
    if not _finite(tensor):
        raise CheckpointError(
            f"{path}: {place} holds numbers that are not finite; nothing was written, and what was written before it"
            " is as it was"
        )
    return tensor


def _finite(tensor: Tensor) -> bool:
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    if tensor.element_size() == 1:  # torch asks no such question of floats of 8 bits
        tensor = tensor.float()
    return bool(torch.isfinite(tensor).all())


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """Have the disk keep the names in a folder."""
    if os.name == "nt":  # which opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---- reading


def _load(path: Path) -> Checkpoint:
    place = _standing(path)
    manifest = _read_manifest(path)
    _check_sizes(path, manifest.files)
    contents = {name: _read_listed(place / name, file) for name, file in manifest.files.items()}
    weights = {
        name.removesuffix(".safetensors"): _read_agent(place / name, contents.pop(name))
        for name in manifest.files
        if name.endswith(".safetensors")
    }
    trainer = _read_trainer(place / TRAINER, contents[TRAINER])
    config = _read_json(place / CONFIG, contents[CONFIG])
    return Checkpoint(path, manifest.step, manifest.exact, manifest.score, weights, trainer, config)


def _standing(path: Path) -> Path:
    """Where the files are: in the folder, or set aside if a crash came just when another was to take its name."""
    aside = _aside(path)
    return aside if not path.exists() and aside.is_dir() else path


def _agent_in(path: Path, name: str) -> AgentWeights:
    files = _read_manifest(path).files
    file = f"{name}.safetensors"
    if file not in files:
        there = ", ".join(sorted(other.removesuffix(".safetensors") for other in files if other.endswith("tensors")))
        raise CheckpointError(f"{path}: holds no weights named {name!r}; allowed are {there}")
    place = _standing(path) / file
    return _read_agent(place, _read_listed(place, files[file]))


def _read_manifest(path: Path) -> _Manifest:
    place = _standing(path)
    if not place.exists():
        raise CheckpointError(f"{path}: there is no such checkpoint")
    if not place.is_dir():
        raise CheckpointError(f"{path}: is no folder, a checkpoint is one")
    file = place / MANIFEST
    if not file.exists():
        raise CheckpointError(f"{path}: is no whole checkpoint, {MANIFEST} is missing")
    told = _read_json(file, _read(file, MANIFEST_BYTES_MAX))
    _check_version(file, told.get("format"), told.get("version"), FORMAT, VERSION)
    if told.get("sha256") != _digest(told):
        raise CheckpointError(f"{file}: is damaged, its digest is another one")
    step, exact, score = told.get("step"), told.get("exact"), told.get("score")
    named = _FOLDER.fullmatch(path.name)
    if type(step) is not int or step < 0 or (named and int(named[1]) != step):
        raise CheckpointError(f"{file}: step = {step!r}, the whole number in the folder's name is expected")
    if type(exact) is not bool:
        raise CheckpointError(f"{file}: exact = {exact!r}, true or false is expected")
    if score is not None and (type(score) is not float or not math.isfinite(score)):
        raise CheckpointError(f"{file}: score = {score!r}, a finite number or null is expected")
    return _Manifest(step, exact, score, _listed(file, told.get("files")))


def _check_version(file: Path, found: Any, version: Any, expected: str, newest: int) -> None:
    if found != expected:
        raise CheckpointError(f"{file}: format = {found!r}, {expected!r} is expected")
    if type(version) is not int or version < 1:
        raise CheckpointError(f"{file}: version = {version!r}, a whole number from 1 to {newest} is expected")
    if version > newest:
        raise CheckpointError(
            f"{file}: has the version {version}, this rspt reads up to {newest}; a newer one is needed"
        )


def _listed(file: Path, told: Any) -> dict[str, _File]:
    files: dict[str, _File] = {}
    for name, entry in told.items() if isinstance(told, dict) else ():
        # nothing outside the folder is read, whatever the manifest says
        known = name in (TRAINER, CONFIG) or (
            name.endswith(".safetensors") and _NAME.fullmatch(name.removesuffix(".safetensors"))
        )
        if not known:
            raise CheckpointError(f"{file}: lists the file {name!r}; allowed are *.safetensors, {TRAINER}, {CONFIG}")
        size, sha256 = (entry.get("bytes"), entry.get("sha256")) if isinstance(entry, dict) else (None, None)
        if type(size) is not int or type(sha256) is not str:
            raise CheckpointError(f"{file}: tells no bytes and sha256 of the file {name!r}")
        files[name] = _File(size, sha256)
    missing = {TRAINER, CONFIG} - set(files)
    if missing or len(files) < 3:
        raise CheckpointError(f"{file}: does not list {', '.join(sorted(missing)) or 'any weights'}")
    total = sum(entry.size for entry in files.values())
    if total > BYTES_MAX:
        raise CheckpointError(f"{file}: lists {total} bytes, at most {BYTES_MAX} are allowed")
    return files


def _check_sizes(path: Path, files: dict[str, _File]) -> None:
    place = _standing(path)
    for name, expected in files.items():
        _check_size(place / name, expected)


def _check_size(path: Path, expected: _File) -> None:
    if not path.is_file():
        raise CheckpointError(f"{path}: is missing")
    size = path.stat().st_size
    if size != expected.size:
        raise CheckpointError(f"{path}: has {size} bytes, {expected.size} are expected by the manifest")


def _read_listed(path: Path, expected: _File) -> bytes:
    """The bytes of a file, once they are known to be those that were written; they are not read a second time."""
    _check_size(path, expected)
    content = _read(path, BYTES_MAX)
    if hashlib.sha256(content).hexdigest() != expected.sha256:
        raise CheckpointError(f"{path}: is damaged, its SHA-256 is not the one in the manifest")
    return content


def _read(path: Path, limit: int) -> bytes:
    try:
        if not path.is_file():
            raise CheckpointError(f"{path}: there is no such file")
        size = path.stat().st_size
        if size > limit:
            raise CheckpointError(f"{path}: has {size} bytes, at most {limit} are allowed")
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None


def _read_json(path: Path, content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: is no whole JSON ({error})") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: holds a {type(value).__name__}, an object is expected")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not allowed")


def _read_agent(path: Path, content: bytes) -> AgentWeights:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        # copies, since the tensors would lie in the bytes, which must not be written to
        tensors: dict[str, Tensor] = {name: tensor.clone() for name, tensor in load(content).items()}
        told = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]).get("__metadata__") or {}
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError, RecursionError) as error:
        raise CheckpointError(f"{path}: is no whole safetensors file ({error})") from None
    version = told.get("version", "")
    number = int(version) if version.isdecimal() and len(version) < 8 else version
    _check_version(path, told.get("format"), number, AGENT_FORMAT, AGENT_VERSION)
    role = told.get("role")
    if role not in _ROLES:
        raise CheckpointError(f"{path}: role = {role!r}, allowed are {' and '.join(_ROLES)}")
    for name, tensor in tensors.items():
        if not _finite(tensor):
            raise CheckpointError(f"{path}: the tensor {name!r} holds numbers that are not finite")
    architecture = _read_json(path, told.get("architecture", "").encode())
    return AgentWeights(cast("Role", role), architecture, tensors)


def _read_trainer(path: Path, content: bytes) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise CheckpointError(f"{path}: is no file of torch.save ({error})") from None
    if size > BYTES_MAX:
        raise CheckpointError(f"{path}: unpacks to {size} bytes, at most {BYTES_MAX} are allowed")
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
