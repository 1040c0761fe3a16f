"""Recorded tracks: positions over time from an array or from the files of public pedestrian data sets."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.errors import TrackError
from envs.reading import read_text

TrackFormat = Literal["auto", "eth_ucy", "eth_obsmat", "citr"]
SIZE_LIMIT_BYTES = 64 * 2**20
POINT_LIMIT = 100_000
_COORDINATE_LIMIT_M = 1e5
_ANNOTATION_S = 0.4
_CITR_HZ = 29.97
_CITR_COLUMNS = ("id", "frame", "x_est", "y_est")
_LISTED_IDS = 10


@dataclass(frozen=True)
class ReplayTrack:
    """Where somebody was, at regular times.

    Attributes:
        positions: (T, 2) x and y in metres.
        dt_s: seconds between two of them.
    """

    positions: NDArray[np.float64]
    dt_s: float

    @classmethod
    def from_array(cls, positions: ArrayLike, *, dt_s: float, source: str = "array") -> "ReplayTrack":
        """Check positions (T, 2) in metres, `dt_s` seconds apart; `source` names them in errors.

        Raises:
            TrackError: if the shape is another, a number is not finite or absurd, or there are too few or many points.
        """
        try:
            points = np.array(positions, dtype=np.float64)
        except (TypeError, ValueError) as problem:
            raise TrackError(f"{source}: positions are not numbers of shape (T, 2) ({problem})") from None
        if points.ndim != 2 or points.shape[1] != 2:
            raise TrackError(f"{source}: positions have shape {points.shape}, (T, 2) is needed")
        if not 2 <= len(points) <= POINT_LIMIT:
            raise TrackError(f"{source}: the track has {len(points)} points, 2 to {POINT_LIMIT} are allowed")
        if not (np.isfinite(dt_s) and 0.01 <= dt_s <= 10.0):
            raise TrackError(f"{source}: dt_s is {dt_s}, 0.01 to 10 s are allowed")
        wrong = np.argwhere(~(np.abs(points) <= _COORDINATE_LIMIT_M))
        if len(wrong):
            row, column = wrong[0]
            raise TrackError(
                f"{source}: point {row}, {'xy'[column]} is {points[row, column]}, a finite number of metres up to"
                f" {_COORDINATE_LIMIT_M:.0f} is needed"
            )
        return cls(points, float(dt_s))

    @classmethod
    def from_file(
        cls, path: str | Path, track_id: int | None = None, *, file_format: TrackFormat = "auto"
    ) -> "ReplayTrack":
        """Read one track of a file; the one with the most points if no id is given.

        Formats: `eth_ucy` (frame, id, x, y; one annotation every 0.4 s), `eth_obsmat` (frame, id, x, z, y and three
        velocities) and `citr` (CSV with a header, 29.97 Hz). Missing frames are interpolated.

        Raises:
            TrackError: naming the file and, where there is one, the line, the field, its value and what is allowed.
        """
        path = Path(path)
        read = _read(path, file_format)
        track = read.rows[read.rows[:, 0] == _chosen_id(path, read.rows[:, 0], track_id)]
        return cls._resampled(path, track, frame_s=read.frame_s, step_s=read.step_s)

    @classmethod
    def all_from_file(
        cls, path: str | Path, *, least_s: float, file_format: TrackFormat = "auto"
    ) -> "list[ReplayTrack]":
        """Read all tracks of a file that last so many seconds at least, in the order of their ids; see `from_file`.

        Raises:
            TrackError: likewise; or if no track lasts so long.
        """
        path = Path(path)
        read = _read(path, file_format)
        found = []
        for number in np.unique(read.rows[:, 0]):
            track = read.rows[read.rows[:, 0] == number]
            if np.ptp(track[:, 1]) * read.frame_s >= least_s:
                found.append(cls._resampled(path, track, frame_s=read.frame_s, step_s=read.step_s))
        if not found:
            raise TrackError(f"{path}: no track lasts {least_s:g} s")
        return found

    @classmethod
    def _resampled(cls, path: Path, track: NDArray[np.float64], *, frame_s: float, step_s: float) -> "ReplayTrack":
        name = f"{path}: track {int(track[0, 0])}"
        track = track[np.argsort(track[:, 1], kind="stable")]
        frames = track[:, 1]
        if (np.diff(frames) <= 0).any():
            twice = frames[:-1][np.diff(frames) <= 0][0]
            raise TrackError(f"{name}: frame {twice:.0f} is there twice")
        if len(track) < 2:
            raise TrackError(f"{name}: has 1 point, at least 2 are needed")
        times = (frames - frames[0]) * frame_s
        if times[-1] / step_s > POINT_LIMIT:
            raise TrackError(f"{name}: lasts {times[-1]:.0f} s, at most {POINT_LIMIT * step_s:.0f} s are allowed")
        regular = np.arange(int(times[-1] / step_s + 1e-6) + 1) * step_s
        points = np.stack([np.interp(regular, times, track[:, column]) for column in (2, 3)], axis=1)
        return cls.from_array(points, dt_s=step_s, source=name)


class _Read(NamedTuple):
    """A file's rows (n, 4) of id, frame, x and y, and the seconds of a frame and of a step of its tracks."""

    rows: NDArray[np.float64]
    frame_s: float
    step_s: float


class _Row(NamedTuple):
    track: int
    frame: float
    x: float
    y: float


def _read(path: Path, file_format: TrackFormat) -> _Read:
    lines = read_text(path, limit_bytes=SIZE_LIMIT_BYTES, error=TrackError).split("\n")
    chosen = _format_of(path, lines) if file_format == "auto" else file_format
    rows = list(_citr_rows(path, lines) if chosen == "citr" else _eth_rows(path, lines, chosen))
    if not rows:
        raise TrackError(f"{path}: holds no track")
    numbers = np.array([(row.track, row.frame, row.x, row.y) for row in rows])
    frame_s = 1.0 / _CITR_HZ if chosen == "citr" else _ANNOTATION_S / _frame_step(numbers[:, 1])
    return _Read(numbers, frame_s, frame_s if chosen == "citr" else _ANNOTATION_S)


def _format_of(path: Path, lines: list[str]) -> TrackFormat:
    first = next((line for line in lines if line.strip()), "")
    if "," in first:
        return "citr"
    fields = len(first.split())
    if fields == 4:
        return "eth_ucy"
    if fields == 8:
        return "eth_obsmat"
    raise TrackError(
        f"{path}: no known format: 4 fields (frame id x y), 8 fields (frame id x z y vx vz vy) or a CSV header with"
        f" {', '.join(_CITR_COLUMNS)} are known, the first line has {fields} fields"
    )


def _number(path: Path, line: int, field: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) <= 1e9:
        raise TrackError(f"{path}: line {line}, {field} is {text[:40]!r}, a finite number up to 1e9 is needed")
    return value


def _row(path: Path, line: int, track: str, frame: str, x: str, y: str) -> _Row:
    number = _number(path, line, "id", track)
    if number != int(number):
        raise TrackError(f"{path}: line {line}, id is {track[:40]!r}, a whole number is needed")
    names = (("frame", frame), ("x", x), ("y", y))
    return _Row(int(number), *(_number(path, line, name, text) for name, text in names))


def _eth_rows(path: Path, lines: list[str], chosen: TrackFormat) -> Iterator[_Row]:
    count, y_column = (4, 3) if chosen == "eth_ucy" else (8, 4)
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != count:
            raise TrackError(f"{path}: line {number} has {len(fields)} fields, {count} are needed")
        yield _row(path, number, fields[1], fields[0], fields[2], fields[y_column])


def _citr_rows(path: Path, lines: list[str]) -> Iterator[_Row]:
    header = [name.strip() for name in lines[0].split(",")]
    missing = [name for name in _CITR_COLUMNS if name not in header]
    if missing:
        raise TrackError(f"{path}: line 1, the column {missing[0]!r} is missing; found {', '.join(header)[:200]}")
    columns = [header.index(name) for name in _CITR_COLUMNS]
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split(",")]
        if len(fields) != len(header):
            raise TrackError(f"{path}: line {number} has {len(fields)} fields, {len(header)} are needed")
        yield _row(path, number, *(fields[column] for column in columns))


def _frame_step(frames: NDArray[np.float64]) -> float:
    """Frames between two annotations: the least distance of two frames of the file."""
    steps = np.diff(np.unique(frames))
    return float(steps.min()) if len(steps) else 1.0


def _chosen_id(path: Path, ids: NDArray[np.float64], track_id: int | None) -> float:
    known, counts = np.unique(ids, return_counts=True)
    if track_id is None:
        return float(known[np.argmax(counts)])
    if track_id not in known:
        some = ", ".join(str(int(number)) for number in known[:_LISTED_IDS])
        more = f" and {len(known) - _LISTED_IDS} more" if len(known) > _LISTED_IDS else ""
        raise TrackError(f"{path}: there is no track {track_id}; known are {some}{more}")
    return float(track_id)
