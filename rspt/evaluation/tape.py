"""Where everybody was in each step of some episodes, small enough to keep of every episode."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.batch import WorldBatch
from rspt.errors import UsageError
from rspt.perceiver import Perceiver

UNIT_M, UNIT_RAD = 0.01, np.pi / 30_000
"""What a step of the whole numbers of a track stands for."""
VISIBLE, CONTACT, CONTACT_TARGET = 1, 2, 4
"""Bits of the events of a step."""


class Track(NamedTuple):
    """One episode.

    Attributes:
        poses: (T + 1, M, 3) int16, x, y in UNIT_M and yaw in UNIT_RAD, from the beginning on; the movers are the
            tracker, the target, then distractors.
        events: (T + 1,) uint8, the bits above.
    """

    poses: NDArray[np.int16]
    events: NDArray[np.uint8]


class Tape:
    """Records the episodes of a batch of worlds."""

    def __init__(self) -> None:
        self._poses: list[NDArray[np.int16]] = []
        self._events: list[NDArray[np.uint8]] = []
        self._lengths = np.zeros(0, dtype=np.int64)

    def begin(self, batch: WorldBatch, perceiver: Perceiver) -> None:
        """Record the beginning of new episodes."""
        self._poses, self._events = [], []
        self._lengths = np.zeros(batch.num_worlds, dtype=np.int64)
        self._add(batch)

    def follow(self, batch: WorldBatch, perceiver: Perceiver, playing: NDArray[np.bool_]) -> None:
        """Record a step of the worlds (W,) that were playing before it."""
        self._lengths += playing
        self._add(batch)

    def tracks(self) -> list[Track]:
        """One for each world."""
        poses, events = np.stack(self._poses), np.stack(self._events)
        return [
            Track(poses[: length + 1, world], events[: length + 1, world]) for world, length in enumerate(self._lengths)
        ]

    def _add(self, batch: WorldBatch) -> None:
        status = batch.out.status
        turned = np.remainder(status.poses[..., 2] + np.pi, 2 * np.pi) - np.pi
        poses = np.concatenate([status.poses[..., :2] / UNIT_M, turned[..., None] / UNIT_RAD], axis=-1)
        touching = status.contact | status.contact_target | status.contact_distractor
        self._poses.append(np.clip(np.nan_to_num(np.rint(poses)), -32_768, 32_767).astype(np.int16))
        self._events.append(
            (status.visible * VISIBLE + touching * CONTACT + status.contact_target * CONTACT_TARGET).astype(np.uint8)
        )


def save_tracks(path: Path, tracks: dict[int, Track]) -> None:
    """Write tracks by seed into one .npz."""
    arrays = {f"{name}_{seed}": array for seed, track in tracks.items() for name, array in track._asdict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_tracks(path: Path) -> dict[int, Track]:
    """Read what `save_tracks` wrote.

    Raises:
        UsageError: if it is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            seeds = [int(name.removeprefix("poses_")) for name in arrays.files if name.startswith("poses_")]
            return {seed: Track(arrays[f"poses_{seed}"], arrays[f"events_{seed}"]) for seed in seeds}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise UsageError(f"{path}: holds no tracks ({error})") from None
