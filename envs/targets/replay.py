"""The `replay` policy: walks a recorded track, as it is or moved to where it fits into a layout."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict
from scipy.ndimage import gaussian_filter1d

from envs.errors import LayoutError, TrackError
from envs.jit import kernel
from envs.layouts.free_space import CELL_M, FreeSpace
from envs.settings import Settings
from envs.targets.state import REPLAY
from envs.targets.tracks import ReplayTrack, TrackFormat

_OUTLINE_S = 0.1
_SMOOTHING_S = 0.3
_SPEED_SHARE = 0.9  # of the top speed, so that a mover that has fallen behind catches up
_TRIES = 4096
_START_M = 0.5


class ReplayPolicy(Settings):
    """Walks a track to its end, then back, and so on; in slower time where the track is faster than the body."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: Literal["replay"] = "replay"
    """The policy's name."""
    track: ReplayTrack
    """The positions over time."""
    placement: Literal["world", "fit"] = "fit"
    """`world`: the coordinates are the layout's; `fit`: turned and moved so that all of it lies in the free space."""

    def write(self, mover: Any, *, dt_s: float) -> None:
        """Copy the settings into a mover's record."""
        mover["kind"] = REPLAY

    def placed(
        self, space: FreeSpace, rng: np.random.Generator, *, start: NDArray[np.float64] | None = None
    ) -> "ReplayPolicy":
        """The policy with the track in the layout's coordinates.

        Args:
            space: the layout's free space.
            rng: generator of the placement `fit`.
            start: (2,) a point in metres that a track of the placement `fit` shall pass; anywhere if None.

        Raises:
            TrackError: with the placement `world`, if a point lies outside the free space.
            LayoutError: with the placement `fit`, if no place was found within a bounded number of tries.
        """
        outline = smoothed(self.track, dt_s=_OUTLINE_S)
        if self.placement == "world":
            outside = _first_outside(space.region, space.origin, outline)
            if outside >= 0:
                x, y = outline[outside]
                raise TrackError(
                    f"replayed track: the point ({x:.2f}, {y:.2f}) m at {outside * _OUTLINE_S:.1f} s lies outside the"
                    f" free space of the layout; the placement 'fit' looks for a place where the track fits"
                )
            return self
        middle = outline.mean(axis=0)
        numbers = rng.random((_TRIES, 3))
        anywhere = space.position_of(space.cells[(numbers[:, 0] * len(space.cells)).astype(np.int64)])
        anchors = anywhere if start is None else np.tile(start, (_TRIES, 1))
        chosen = _first_fit(space.region, space.origin, outline - middle, anchors, numbers)
        if chosen < 0:
            extent = np.ptp(outline, axis=0)
            raise LayoutError(
                f"replayed track: {extent[0]:.1f} x {extent[1]:.1f} m fit nowhere into {space.area_m2:.0f} m2 of free"
                f" space within {_TRIES} tries"
            )
        moved = _moved(self.track.positions - middle, outline - middle, anchors[chosen], numbers[chosen])
        return ReplayPolicy(track=ReplayTrack(moved, self.track.dt_s), placement="world")

    def start_pose(self) -> NDArray[np.float64]:
        """Where a placed track begins (3,): x, y in metres and the yaw of its first half metre in radians."""
        outline = smoothed(self.track, dt_s=_OUTLINE_S)
        away = np.hypot(*(outline - outline[0]).T)
        far = int(np.argmax(away >= min(0.5, away.max())))
        along = outline[far] - outline[0]
        return np.array([*outline[0], np.arctan2(along[1], along[0])])

    def drivable(
        self,
        space: FreeSpace,
        rng: np.random.Generator,
        *,
        start: NDArray[np.float64],
        speed_max_mps: float,
        dt_s: float,
    ) -> NDArray[np.float64]:
        """Points (N, 2) in metres, one for each control step, for a mover that stands at `start` (2,) on the track.

        Raises:
            TrackError: if the track does not pass where the mover stands, or leaves the free space.
            LayoutError: if it fits nowhere.
        """
        track = self.placed(space, rng, start=start).track
        points = smoothed(track, dt_s=dt_s, speed_max_mps=_SPEED_SHARE * speed_max_mps)
        distance = np.hypot(*(points - start).T)
        if distance.min() > _START_M:
            x, y = points[np.argmin(distance)]
            raise TrackError(
                f"replayed track: comes no nearer than ({x:.2f}, {y:.2f}) m to its mover, which stands at"
                f" ({start[0]:.2f}, {start[1]:.2f}); place it with `placed` and start the mover at `start_pose`"
            )
        return points


class ReplaySettings(Settings):
    """A track of a file, as a config or a command line names it."""

    name: Literal["replay"] = "replay"
    """The policy's name."""
    file: Path
    """The file that holds the track."""
    track_id: int | None = None
    """Which of its tracks; the one with the most points if none is given."""
    format: TrackFormat = "auto"
    """The file's format."""
    placement: Literal["world", "fit"] = "fit"
    """As in `ReplayPolicy`."""

    def load(self) -> ReplayPolicy:
        """Read the file.

        Raises:
            TrackError: see `ReplayTrack.from_file`.
        """
        track = ReplayTrack.from_file(self.file, self.track_id, file_format=self.format)
        return ReplayPolicy(track=track, placement=self.placement)


def smoothed(track: ReplayTrack, *, dt_s: float, speed_max_mps: float = np.inf) -> NDArray[np.float64]:
    """A track's points (N, 2) every `dt_s` seconds, without jitter and nowhere faster than the top speed.

    A track that is faster is walked in slower time as a whole.
    """
    times = np.arange(len(track.positions)) * track.dt_s
    count = int(np.ceil(times[-1] / dt_s)) + 1
    points = _interpolated(track.positions, np.arange(count, dtype=np.float64) * (dt_s / track.dt_s))
    points[:] = gaussian_filter1d(points, _SMOOTHING_S / dt_s, axis=0, mode="nearest")
    fastest = float(np.hypot(*np.diff(points, axis=0).T).max()) / dt_s
    slower = fastest / speed_max_mps
    if slower <= 1.0:
        return points
    return _interpolated(points, np.arange(int(np.ceil((count - 1) * slower)) + 1, dtype=np.float64) / slower)


def _interpolated(points: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    index = np.arange(len(points))
    result: NDArray[np.float64] = np.stack([np.interp(at, index, points[:, column]) for column in (0, 1)], axis=1)
    return result


@kernel
def _first_outside(region: NDArray[np.uint8], origin: NDArray[np.float64], points: NDArray[np.float64]) -> int:
    rows, columns = region.shape
    for i in range(len(points)):
        column = int(np.floor((points[i, 0] - origin[0]) / CELL_M))
        row = int(np.floor((points[i, 1] - origin[1]) / CELL_M))
        if row < 0 or row >= rows or column < 0 or column >= columns or region[row, column] == 0:
            return i
    return -1


@kernel
def _moved(
    points: NDArray[np.float64], outline: NDArray[np.float64], anchor: NDArray[np.float64], numbers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Points (N, 2) turned, and moved so that some point of the outline comes to lie on the anchor."""
    cos, sin = np.cos(2.0 * np.pi * numbers[1]), np.sin(2.0 * np.pi * numbers[1])
    pivot = outline[int(numbers[2] * len(outline))]
    result = np.empty_like(points)
    for i in range(len(points)):
        x, y = points[i, 0] - pivot[0], points[i, 1] - pivot[1]
        result[i, 0] = anchor[0] + cos * x - sin * y
        result[i, 1] = anchor[1] + sin * x + cos * y
    return result


@kernel
def _first_fit(
    region: NDArray[np.uint8],
    origin: NDArray[np.float64],
    outline: NDArray[np.float64],
    anchors: NDArray[np.float64],
    numbers: NDArray[np.float64],
) -> int:
    for i in range(len(anchors)):
        # the narrower test comes first: most tries fail at one end
        for part in (outline[:1], outline[-1:], outline):
            if _first_outside(region, origin, _moved(part, outline, anchors[i], numbers[i])) >= 0:
                break
        else:
            return i
    return -1
