"""The weights of the learned predictor and the file that they come in (safetensors, so that no code is loaded)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rspt.perception.inputs import WIDTH
from rspt.perception.prediction import STEP_S, PredictorError
from rspt.perception.surroundings import RAY_WIDTH, RAYS

FORMAT, VERSION = "rspt-predictor", "1"
_SIZE_MAX = 4096
_BYTES_MAX = 256 * 2**20


class Sizes(NamedTuple):
    """How large the network is.

    Attributes:
        encoder: width of what the past becomes.
        heads: questions that are put to the rays.
        token: width of what a ray becomes.
        hidden: width of the two layers that join both.
        modes: M.
        steps: K.
    """

    encoder: int = 96
    heads: int = 4
    token: int = 32
    hidden: int = 128
    modes: int = 3
    steps: int = 24

    @property
    def outputs(self) -> int:
        """For each mode and step x, y and the logarithm of the spread; then the logits of the modes."""
        return self.modes * (3 * self.steps + 1)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each tensor, (inputs, outputs) for matrices, in the order of `Weights`."""
        questions = self.heads * self.token
        return {
            "encoder.weight": (WIDTH, self.encoder),
            "encoder.bias": (self.encoder,),
            "token.weight": (RAY_WIDTH, self.token),
            "token.bias": (RAYS, self.token),
            "query.weight": (self.encoder, questions),
            "query.bias": (questions,),
            "first.weight": (self.encoder + questions, self.hidden),
            "first.bias": (self.hidden,),
            "second.weight": (self.hidden, self.hidden),
            "second.bias": (self.hidden,),
            "head.weight": (self.hidden, self.outputs),
            "head.bias": (self.outputs,),
            "skip.weight": (WIDTH, self.outputs),
        }


class Weights(NamedTuple):
    """The tensors as the kernels take them; shapes as `Sizes.shapes` says."""

    encoder: NDArray[np.float32]
    encoder_bias: NDArray[np.float32]
    token: NDArray[np.float32]
    token_bias: NDArray[np.float32]
    query: NDArray[np.float32]
    query_bias: NDArray[np.float32]
    first: NDArray[np.float32]
    first_bias: NDArray[np.float32]
    second: NDArray[np.float32]
    second_bias: NDArray[np.float32]
    head: NDArray[np.float32]
    head_bias: NDArray[np.float32]
    skip: NDArray[np.float32]


def save_weights(
    path: Path, tensors: dict[str, NDArray[np.float32]], sizes: Sizes, *, about: dict[str, str] | None = None
) -> None:
    """Write a file that `load_weights` reads; it appears only when it is whole.

    Args:
        path: where to.
        tensors: by the names of `Sizes.shapes`.
        sizes: of the network.
        about: further metadata: where the weights come from.
    """
    from safetensors.numpy import save

    told = {"format": FORMAT, "version": VERSION, "step_s": str(STEP_S), **(about or {})}
    told |= {name: str(value) for name, value in sizes._asdict().items()}
    unfinished = path.with_name(f".{path.name}.unfinished")
    contiguous = {name: np.ascontiguousarray(tensor, dtype=np.float32) for name, tensor in tensors.items()}
    unfinished.write_bytes(save(contiguous, metadata=told))  # its own writer makes files that others cannot read
    unfinished.replace(path)


def load_weights(path: Path | str) -> tuple[Weights, Sizes, dict[str, str]]:
    """Weights, sizes and metadata of a file.

    Raises:
        PredictorError: naming the file, and the tensor or entry, what was found and what is expected.
    """
    path = Path(path)
    if not path.is_file():
        raise PredictorError(f"{path}: no such file of predictor weights")
    if path.stat().st_size > _BYTES_MAX:
        raise PredictorError(f"{path}: has {path.stat().st_size} bytes, predictor weights have at most {_BYTES_MAX}")
    tensors, told = _read(path)
    sizes = _sizes_of(path, told)
    shapes = sizes.shapes()
    for name, shape in shapes.items():
        if name not in tensors:
            raise PredictorError(f"{path}: the tensor {name!r} of shape {shape} is missing")
        found = tensors[name]
        if found.shape != shape or found.dtype != np.float32:
            raise PredictorError(f"{path}: tensor {name!r} is {found.dtype} {found.shape}, float32 {shape} is expected")
        if not np.isfinite(found).all():
            raise PredictorError(f"{path}: tensor {name!r} holds numbers that are not finite")
    unknown = sorted(set(tensors) - set(shapes))
    if unknown:
        raise PredictorError(f"{path}: the tensor {unknown[0]!r} is unknown; expected are {', '.join(shapes)}")
    return Weights(*(np.ascontiguousarray(tensors[name]) for name in shapes)), sizes, told


def _read(path: Path) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            told: dict[str, str] = file.metadata() or {}
            return {name: file.get_tensor(name) for name in file.keys()}, told  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise PredictorError(f"{path}: is no whole safetensors file ({error})") from None


def _sizes_of(path: Path, told: dict[str, str]) -> Sizes:
    for name, expected in (("format", FORMAT), ("version", VERSION), ("step_s", str(STEP_S))):
        if told.get(name) != expected:
            found = repr(told[name]) if name in told else "nothing"
            raise PredictorError(f"{path}: the metadata say {found} for {name!r}, {expected!r} is expected")
    values = []
    for name in Sizes._fields:
        text = told.get(name, "")
        value = int(text) if text.isdecimal() and len(text) < 8 else 0
        if not 1 <= value <= _SIZE_MAX:
            raise PredictorError(
                f"{path}: the metadata say {text!r} for {name!r}, a whole number from 1 to {_SIZE_MAX} is expected"
            )
        values.append(value)
    return Sizes(*values)
