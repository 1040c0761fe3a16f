"""Where the target will be: positions ahead with spread, as a few weighted modes, and predictors that learn nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rspt.errors import UsageError
from rspt.perception.jit import kernel
from rspt.perception.reconstruction import LocalMap
from rspt.perception.track import Track, coast

STEPS = 24
STEP_S = 0.2
_BASE_S = 0.4
"""Seconds over which `constant_velocity` measures: at 0.4 s a step it takes the last displacement, as is usual on
recorded pedestrians; at 10 Hz the noise of two neighbouring sightings would be all that it sees."""
_ROUNDING_S = 1e-6


class PredictorError(UsageError):
    """A predictor that cannot be used; the message names the file or the name, what was found and what is expected."""


class Prediction(NamedTuple):
    """The target's future for B worlds as M modes of K steps, in the ego frame of the present pose.

    Attributes:
        positions_ego: (B, M, K, 2) x forward and y left in metres; NaN where nothing is known.
        spread_m: (B, M, K) standard deviation along each axis in metres; NaN where nothing is known.
        weights: (B, M) probabilities of the modes, which add up to 1; 0 where nothing is known.
    """

    positions_ego: NDArray[np.float64]
    spread_m: NDArray[np.float64]
    weights: NDArray[np.float64]

    @classmethod
    def empty(cls, num_worlds: int, modes: int, steps: int) -> "Prediction":
        """A prediction that knows nothing."""
        return cls(
            np.full((num_worlds, modes, steps, 2), np.nan),
            np.full((num_worlds, modes, steps), np.nan),
            np.zeros((num_worlds, modes)),
        )

    def best(self) -> NDArray[np.float64]:
        """The point estimate (B, K, 2) in metres: the mean of the modes, NaN where nothing is known."""
        mean: NDArray[np.float64] = (self.weights[:, :, None, None] * self.positions_ego).sum(axis=1)
        return mean


class Predictor(Protocol):
    """Predicts from where the target was seen and from the map around it."""

    @property
    def times_s(self) -> NDArray[np.float64]:
        """(K,) seconds ahead of each step."""

    @property
    def num_modes(self) -> int:
        """M."""

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Forget the targets of the given worlds (n,)."""

    def predict(
        self,
        worlds: NDArray[np.int64],
        track: Track,
        local_map: LocalMap,
        pose: NDArray[np.float64],
        out: Prediction,
    ) -> None:
        """Write the prediction of the given worlds (n,), seen from the poses (B, 3); disjoint ones may run at once."""


def default_times_s() -> NDArray[np.float64]:
    """Seconds ahead (K,): every 0.2 s up to 4.8 s."""
    return STEP_S * np.arange(1, STEPS + 1, dtype=np.float64)


class _Straight:
    """Predicts a straight line, which needs no map.

    Args:
        times_s: (K,) positive, increasing seconds ahead; every 0.2 s up to 4.8 s if None.
    """

    num_modes = 1

    def __init__(self, times_s: NDArray[np.float64] | None = None) -> None:
        self.times_s = default_times_s() if times_s is None else np.array(times_s, dtype=np.float64)
        if self.times_s.ndim != 1 or not (np.diff(self.times_s, prepend=0.0) > 0.0).all():
            raise ValueError(f"times_s must be positive, increasing seconds (K,), not {self.times_s.tolist()}")

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Nothing is remembered."""


class ConstantPosition(_Straight):
    """The target stays where it was seen last; the spread grows with the speed that a target may have."""

    def predict(
        self, worlds: NDArray[np.int64], track: Track, local_map: LocalMap, pose: NDArray[np.float64], out: Prediction
    ) -> None:
        """Write the prediction of the given worlds."""
        _stay(
            worlds, self.times_s, pose, track.position, track.velocity, track.age_s,
            track.settings.measurement_std_m, track.settings.speed_std_mps, *out,
        )  # fmt: skip


class ConstantVelocity(_Straight):
    """The target goes on from its last sighting as it went from another one at least 0.4 s before."""

    def predict(
        self, worlds: NDArray[np.int64], track: Track, local_map: LocalMap, pose: NDArray[np.float64], out: Prediction
    ) -> None:
        """Write the prediction of the given worlds."""
        settings = track.settings
        _go_on(
            worlds, self.times_s, pose, track.stamps, track.seen, track.positions, track.head, track.age_s,
            settings.measurement_std_m, settings.speed_std_mps, settings.process_noise, *out,
        )  # fmt: skip


class Kalman(_Straight):
    """The track's filter coasts on, with its covariance and its process noise."""

    def predict(
        self, worlds: NDArray[np.int64], track: Track, local_map: LocalMap, pose: NDArray[np.float64], out: Prediction
    ) -> None:
        """Write the prediction of the given worlds."""
        _coast_on(
            worlds, self.times_s, pose, track.position, track.velocity, track.covariance,
            track.settings.process_noise, *out,
        )  # fmt: skip


_STRAIGHT: dict[str, Callable[[], Predictor]] = {
    "constant_position": ConstantPosition,
    "constant_velocity": ConstantVelocity,
    "kalman": Kalman,
}
PREDICTORS = (*_STRAIGHT, "learned")
"""The names that `make_predictor` knows."""


def make_predictor(name: str, num_worlds: int) -> Predictor:
    """A predictor by its name, or the learned one from a file of weights (`.safetensors`).

    Args:
        name: one of PREDICTORS, or a path.
        num_worlds: B.

    Raises:
        PredictorError: if there is none of that name, or the file cannot be used.
    """
    if name in _STRAIGHT:
        return _STRAIGHT[name]()
    if name != "learned" and not name.endswith(".safetensors"):
        wrong = "is no file of weights" if Path(name).exists() else "is unknown"
        raise PredictorError(
            f"predictor {name!r} {wrong}; allowed: {', '.join(PREDICTORS)}, or a path to a .safetensors"
        )
    from rspt.perception.learned import LearnedPredictor, shipped_weights  # which needs this module

    return LearnedPredictor.from_file(shipped_weights() if name == "learned" else name)


Seat = tuple[float, float, float, float]


@kernel
def seat_of(pose: NDArray[np.float64]) -> Seat:
    """Place, cosine and sine of a pose (3,)."""
    return pose[0], pose[1], np.cos(pose[2]), np.sin(pose[2])


@kernel
def write_ego(world: int, mode: int, step: int, x: float, y: float, seat: Seat, positions: NDArray[np.float64]) -> None:
    """Write a position of the odometry frame as it is seen from a seat."""
    x, y = x - seat[0], y - seat[1]
    positions[world, mode, step, 0], positions[world, mode, step, 1] = (
        seat[2] * x + seat[3] * y,
        seat[2] * y - seat[3] * x,
    )


@kernel
def write_nothing(
    world: int, positions: NDArray[np.float64], spread: NDArray[np.float64], weights: NDArray[np.float64]
) -> None:
    """Write that nothing is known."""
    positions[world], spread[world], weights[world] = np.nan, np.nan, 0.0


@kernel
def _stay(
    worlds: NDArray[np.int64],
    times_s: NDArray[np.float64],
    pose: NDArray[np.float64],
    position: NDArray[np.float64],
    velocity: NDArray[np.float64],
    age_s: NDArray[np.float64],
    measurement_std: float,
    speed_std: float,
    positions: NDArray[np.float64],
    spread: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> None:
    for world in worlds:
        if np.isnan(position[world, 0]):
            write_nothing(world, positions, spread, weights)
            continue
        x = position[world, 0] - age_s[world] * velocity[world, 0]
        y = position[world, 1] - age_s[world] * velocity[world, 1]
        weights[world, 0], seat = 1.0, seat_of(pose[world])
        for step in range(len(times_s)):
            write_ego(world, 0, step, x, y, seat, positions)
            walked = speed_std * (age_s[world] + times_s[step])
            spread[world, 0, step] = np.sqrt(measurement_std**2 + walked * walked)


@kernel
def _go_on(
    worlds: NDArray[np.int64],
    times_s: NDArray[np.float64],
    pose: NDArray[np.float64],
    stamps: NDArray[np.float64],
    seen: NDArray[np.bool_],
    sightings: NDArray[np.float64],
    head: NDArray[np.int64],
    age_s: NDArray[np.float64],
    measurement_std: float,
    speed_std: float,
    process_noise: float,
    positions: NDArray[np.float64],
    spread: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> None:
    for world in worlds:
        last, before = _two_sightings(stamps[world], seen[world], head[world])
        if last < 0:
            write_nothing(world, positions, spread, weights)
            continue
        velocity_x, velocity_y, velocity_std = 0.0, 0.0, speed_std
        if before >= 0:
            took_s = stamps[world, last] - stamps[world, before]
            velocity_x = (sightings[world, last, 0] - sightings[world, before, 0]) / took_s
            velocity_y = (sightings[world, last, 1] - sightings[world, before, 1]) / took_s
            velocity_std = np.sqrt(2.0) * measurement_std / took_s
        weights[world, 0], seat = 1.0, seat_of(pose[world])
        for step in range(len(times_s)):
            ahead = age_s[world] + times_s[step]
            x, y = sightings[world, last, 0] + ahead * velocity_x, sightings[world, last, 1] + ahead * velocity_y
            write_ego(world, 0, step, x, y, seat, positions)
            variance = measurement_std**2 + (velocity_std * ahead) ** 2 + process_noise * ahead**3 / 3.0
            spread[world, 0, step] = np.sqrt(variance)


@kernel
def _two_sightings(stamps: NDArray[np.float64], seen: NDArray[np.bool_], head: int) -> tuple[int, int]:
    """Places in the ring of the last sighting and of the last one before it by _BASE_S, or the oldest; -1 for none."""
    last, before = -1, -1
    for back in range(len(stamps)):
        at = (head - back) % len(stamps)
        if np.isnan(stamps[at]):
            break
        if not seen[at]:
            continue
        if last < 0:
            last = at
            continue
        before = at
        if stamps[last] - stamps[at] >= _BASE_S - _ROUNDING_S:
            break
    return last, before


@kernel
def _coast_on(
    worlds: NDArray[np.int64],
    times_s: NDArray[np.float64],
    pose: NDArray[np.float64],
    position: NDArray[np.float64],
    velocity: NDArray[np.float64],
    covariance: NDArray[np.float64],
    process_noise: float,
    positions: NDArray[np.float64],
    spread: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> None:
    for world in worlds:
        if np.isnan(position[world, 0]):
            write_nothing(world, positions, spread, weights)
            continue
        weights[world, 0], seat = 1.0, seat_of(pose[world])
        for step in range(len(times_s)):
            ahead = times_s[step]
            x, y = position[world, 0] + ahead * velocity[world, 0], position[world, 1] + ahead * velocity[world, 1]
            write_ego(world, 0, step, x, y, seat, positions)
            spread[world, 0, step] = np.sqrt(coast(covariance[world], ahead, process_noise)[0])
