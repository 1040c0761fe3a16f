"""Real pedestrian tracks from public data sets, cut into windows of 8 observed and 12 future steps of 0.4 s."""

import csv
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STEP_S = 0.4
OBSERVED, FUTURE = 8, 12
_CITR_HZ = 29.97
_LENGTH = OBSERVED + FUTURE


class Windows(NamedTuple):
    """Windows of one recorded scene.

    Attributes:
        scene: name of its folder.
        positions: (n, 20, 2) metres, 0.4 s apart.
        track: (n,) number of the person, windows of whom overlap.
    """

    scene: str
    positions: NDArray[np.float64]
    track: NDArray[np.int64]


def read_windows(folder: Path) -> list[Windows]:
    """All windows of the scenes in a folder, one folder each; nothing where there is no such folder.

    `eth_seq_hotel` is left out: it holds the same persons as `ethucy_biwi_hotel`.
    """
    if not folder.is_dir():
        return []
    scenes = []
    for scene in sorted(path for path in folder.iterdir() if path.is_dir() and path.name != "eth_seq_hotel"):
        tracks = [track for file in sorted(scene.iterdir()) for track in _tracks(file)]
        cut = [(track[start : start + _LENGTH], number) for number, track in enumerate(tracks)
               for start in range(len(track) - _LENGTH + 1)]  # fmt: skip
        if cut:
            positions = np.stack([window for window, _ in cut])
            scenes.append(Windows(scene.name, positions, np.array([number for _, number in cut])))
    return scenes


def _tracks(file: Path) -> list[NDArray[np.float64]]:
    """Tracks (T, 2) of a file, 0.4 s a step; a gap of the annotation cuts a track in two."""
    if file.suffix == ".txt":
        rows = np.loadtxt(file)
        ids, frames, points = rows[:, 1], rows[:, 0], rows[:, 2:4]
        step = float(np.diff(np.unique(frames)).min())
        return [part for track in _by_id(ids, frames, points) for part in _unbroken(*track, step)]
    if file.suffix == ".csv":
        with file.open() as lines:
            table = [row for row in csv.DictReader(lines) if row["label"] == "ped"]
        values = np.array([[float(row[name]) for name in ("id", "frame", "x_est", "y_est")] for row in table])
        return [_resampled(*track) for track in _by_id(values[:, 0], values[:, 1], values[:, 2:])]
    return []


def _by_id(
    ids: NDArray[np.float64], frames: NDArray[np.float64], points: NDArray[np.float64]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    tracks: dict[float, list[int]] = defaultdict(list)
    for row in np.argsort(frames, kind="stable"):
        tracks[ids[row]].append(row)
    return [(frames[rows], points[rows]) for rows in tracks.values()]


def _unbroken(frames: NDArray[np.float64], points: NDArray[np.float64], step: float) -> list[NDArray[np.float64]]:
    return np.split(points, np.flatnonzero(np.diff(frames) > 1.5 * step) + 1)


def _resampled(frames: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    times_s = (frames - frames[0]) / _CITR_HZ
    regular = STEP_S * np.arange(int(times_s[-1] / STEP_S) + 1)
    return np.stack([np.interp(regular, times_s, points[:, axis]) for axis in range(2)], axis=1)
