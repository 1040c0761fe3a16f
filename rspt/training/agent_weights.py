"""The weights of one agent as a file: safetensors with its role and architecture in the metadata."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, cast, get_args

import torch
from torch import Tensor

from rspt.errors import UsageError
from rspt.training.whole_files import replace_whole, sync_folder

AGENT_FORMAT, AGENT_VERSION = "rspt-agent", 1
BYTES_MAX = 2 * 10**9
"""Bytes that a checkpoint, or a file of weights, may have."""

Role = Literal["tracker", "target"]
_ROLES: tuple[str, ...] = get_args(Role)
_OWN_METADATA = ("format", "version", "role", "architecture")


class CheckpointError(UsageError):
    """A checkpoint that cannot be used or written; the message names the file, what is wrong and what is allowed."""


class AgentWeights(NamedTuple):
    """The weights of an agent's networks.

    Attributes:
        role: which player they are for.
        architecture: what is needed to build the networks again, as JSON has it.
        tensors: by their names in the networks.
        about: where they come from, in words of one's own.
    """

    role: Role
    architecture: dict[str, Any]
    tensors: dict[str, Tensor]
    about: Mapping[str, str] = MappingProxyType({})


def save_agent_weights(path: Path, weights: AgentWeights) -> None:
    """Write one file that `load_agent_weights` reads; it appears only when it is whole.

    Args:
        path: where to; ends in .safetensors.
        weights: what to write.

    Raises:
        CheckpointError: if a number is not finite, or the file cannot be written.
    """
    if path.suffix != ".safetensors":
        raise CheckpointError(f"{path}: a file of weights must have a name that ends in .safetensors")
    content = agent_bytes(path, weights)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_whole(path, content)
        sync_folder(path.parent)
    except OSError as error:
        raise CheckpointError(f"{path}: the weights cannot be written ({error.strerror or error})") from None


def agent_bytes(path: Path, weights: AgentWeights) -> bytes:
    """The file of an agent's weights."""
    from safetensors import SafetensorError
    from safetensors.torch import save

    if weights.role not in _ROLES:
        raise CheckpointError(f"{path}: the role is {weights.role!r}, allowed are {' and '.join(_ROLES)}")
    clash = sorted(set(weights.about) & set(_OWN_METADATA))
    if clash:
        raise CheckpointError(f"{path}: the metadata {clash[0]!r} are its own, choose another name")
    told = {
        **weights.about,
        "format": AGENT_FORMAT,
        "version": str(AGENT_VERSION),
        "role": weights.role,
        "architecture": to_json(weights.architecture, path),
    }
    kept = {}
    for name, tensor in weights.tensors.items():
        # copies, since tensors that share their memory are refused
        kept[name] = checked_tensor(tensor, path, name).clone(memory_format=torch.contiguous_format)
    try:
        content: bytes = save(kept, metadata=told)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: what it should hold cannot be written as safetensors ({error})") from None
    if len(content) > BYTES_MAX:
        raise CheckpointError(f"{path}: would have {len(content)} bytes, at most {BYTES_MAX} are allowed")
    return content


def read_agent(path: Path, content: bytes) -> AgentWeights:
    """The weights in the bytes of a file, all of them finite."""
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
    check_version(path, told.get("format"), number, AGENT_FORMAT, AGENT_VERSION)
    role = told.get("role")
    if role not in _ROLES:
        raise CheckpointError(f"{path}: role = {role!r}, allowed are {' and '.join(_ROLES)}")
    for name, tensor in tensors.items():
        if not is_finite(tensor):
            raise CheckpointError(f"{path}: the tensor {name!r} holds numbers that are not finite")
    architecture = read_json(path, told.get("architecture", "").encode())
    about = {name: value for name, value in told.items() if name not in _OWN_METADATA}
    return AgentWeights(cast("Role", role), architecture, tensors, about)


def checked_tensor(tensor: Tensor, path: Path, place: str) -> Tensor:
    """The tensor on the CPU, if all of its numbers are finite."""
    if tensor.layout is not torch.strided:
        raise CheckpointError(f"{path}: {place} is a tensor with the layout {tensor.layout}, a dense one is needed")
    tensor = tensor.detach().cpu()
    if not is_finite(tensor):
        raise CheckpointError(
            f"{path}: {place} holds numbers that are not finite; nothing was written, and what was written before it"
            " is as it was"
        )
    return tensor


def is_finite(tensor: Tensor) -> bool:
    """Whether all numbers are."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    if tensor.element_size() == 1:  # torch asks no such question of floats of 8 bits
        tensor = tensor.float()
    return bool(torch.isfinite(tensor).all())


def to_json(value: dict[str, Any], path: Path, *, indent: int | None = None) -> str:
    """JSON without what JSON has no words for."""
    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: what it should hold cannot be written as JSON ({error})") from None


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a file, if they are not too many."""
    try:
        if not path.is_file():
            raise CheckpointError(f"{path}: there is no such file")
        size = path.stat().st_size
        if size > limit:
            raise CheckpointError(f"{path}: has {size} bytes, at most {limit} are allowed")
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None


def read_json(path: Path, content: bytes) -> dict[str, Any]:
    """An object from the bytes of a file."""
    try:
        value = json.loads(content.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: is no whole JSON ({error})") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: holds a {type(value).__name__}, an object is expected")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not allowed")


def check_version(file: Path, found: Any, version: Any, expected: str, newest: int) -> None:
    """Refuse another format, and versions that are yet to come."""
    if found != expected:
        raise CheckpointError(f"{file}: format = {found!r}, {expected!r} is expected")
    if type(version) is not int or version < 1:
        raise CheckpointError(f"{file}: version = {version!r}, a whole number from 1 to {newest} is expected")
    if version > newest:
        raise CheckpointError(
            f"{file}: has the version {version}, this rspt reads up to {newest}; a newer one is needed"
        )
