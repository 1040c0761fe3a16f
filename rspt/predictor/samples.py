"""What the predictor learns from: inputs beside the future that came, and the files that hold them."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rspt.errors import UsageError

NATURAL, BLACKOUT, SPARSE, WALKER = range(4)
"""Where a sample comes from: seen as the robot saw the target; with stretches taken out; with frames taken out here and
there; a made-up walker in the open."""


class Samples(NamedTuple):
    """Inputs and futures of n moments, in the frames of their targets.

    Attributes:
        numbers: (n, WIDTH) float32, see `rspt.perception.inputs`.
        rays: (n, RAYS, RAY_WIDTH) float16.
        future: (n, K, 2) float32, metres along and across the target's heading.
        past: (n, SLOTS, 2) float32, likewise: where the targets truly were at the times of the slots of the inputs,
            seen or not; NaN before an episode began.
        kind: (n,) uint8, where each comes from.
        episode: (n,) int64, the same for moments of one episode.
    """

    numbers: NDArray[np.float32]
    rays: NDArray[np.float16]
    future: NDArray[np.float32]
    past: NDArray[np.float32]
    kind: NDArray[np.uint8]
    episode: NDArray[np.int64]

    def chosen(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Samples":
        """Some of the samples."""
        arrays: list[Any] = [array[rows] for array in self]
        return Samples(*arrays)

    @classmethod
    def joined(cls, parts: "list[Samples]") -> "Samples":
        """Samples one after the other; episodes of different parts stay different ones."""
        shifted, first = [], 0
        for part in parts:
            shifted.append(part._replace(episode=part.episode + first))
            first += int(part.episode.max(initial=-1)) + 1
        return cls(*(np.concatenate(arrays) for arrays in zip(*shifted, strict=True)))

    def save(self, path: Path, digest: str) -> None:
        """Write a file that appears only when it is whole."""
        unfinished = path.with_name(f".unfinished-{path.name}")
        with unfinished.open("wb") as file:
            np.savez(file, digest=np.array(digest), **self._asdict())
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path, digest: str) -> "Samples | None":
        """Read a file again; None if it holds what other settings recorded.

        Raises:
            UsageError: if it is no such file.
        """
        try:
            with np.load(path) as file:
                if str(file["digest"]) != digest:
                    return None
                return cls(*(file[name] for name in cls._fields))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise UsageError(f"{path}: holds no recorded tracks ({error}); remove it to record them anew") from None
        except Exception as error:  # zipfile's own errors derive from Exception alone
            raise UsageError(f"{path}: is no whole file of recorded tracks ({error}); remove it") from None
