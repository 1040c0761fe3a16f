"""Made-up walkers in the open: nearly straight, at walking pace, as people are recorded who meet nobody's walls."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from rspt.perception.inputs import SLOTS, in_frames, inputs_of
from rspt.perception.localization import Localization
from rspt.perception.prediction import STEP_S
from rspt.perception.reconstruction import LocalMap, MapSettings
from rspt.perception.track import Track
from rspt.predictor.samples import WALKER, Samples

_DT_S = 0.1
_SPEED_MPS = (0.0, 2.0)
_STANDING_SHARE, _STANDING_MPS = 0.15, 0.1
_CHANGING_SHARE = 0.15
"""So many walkers stop, start or change their pace for good, at some time, within some seconds."""
_CHANGE_S = (0.4, 2.0)
_SMOOTHINGS = (1, 3, 7, 15)
"""Steps over which velocities are averaged twice: data sets lay curves through positions that are seconds apart."""
_TURN_RADPS = (0.01, 1.0)
"""Range of the standard deviation of a walker's turn rate."""
_PACE_SHARE = (0.02, 0.5)
"""Range of the standard deviation of a walker's speed as a share of its mean."""
_STROLLING_SHARE, _STROLL_MPS = 0.25, (0.02, 0.4)
"""So many stroll instead: beside their mean velocity they move to and fro by so much, whichever way they face."""
_DECIDING_SHARE, _DECIDED_MPS, _DECISIONS_PER_S = 0.6, (0.02, 0.4), (0.1, 1.5)
"""So many keep their velocity until they decide for another one that differs by so much, so often."""
_TURN_MEMORY_S, _PACE_MEMORY_S = (0.2, 1.5), (0.5, 15.0)
"""Ranges of the seconds for which a turn goes on, and for which a change of pace lasts: people turn to go elsewhere and
then go straight, but somebody who has become slower stays so."""
_NOISE_M = (0.0003, 0.02)
"""Range of the standard deviation of a sighting. With noisier ones among them the predictor takes real changes of pace
for noise; noisy sightings it knows from the recorded worlds."""
_PERIODS = (1, 2, 4)
"""Steps between two sightings: 10, 5 or 2.5 Hz."""
_SEEN_S = 2.8
_HIDDEN_SHARE, _HIDDEN_STEPS = 0.15, 20
_ROBOT_M = (1.5, 6.0)
_AT_ONCE = 4096


def walkers(count: int, steps: int, rng: np.random.Generator) -> Samples:
    """One moment of each of `count` walkers, with futures of `steps` steps of 0.2 s."""
    parts = [_some(min(_AT_ONCE, count - first), steps, rng) for first in range(0, count, _AT_ONCE)]
    return Samples.joined(parts)


def _some(count: int, steps: int, rng: np.random.Generator) -> Samples:
    seen_steps = round(_SEEN_S / _DT_S)
    hidden = np.where(rng.random(count) < _HIDDEN_SHARE, rng.integers(1, _HIDDEN_STEPS + 1, count), 0)
    ahead = round(STEP_S / _DT_S)
    paths = _paths(count, seen_steps + _HIDDEN_STEPS + ahead * steps + 1, rng)  # (T, n, 2)
    noise = _drawn(_NOISE_M, count, rng)
    period = rng.choice(_PERIODS, count)
    now = seen_steps + hidden
    track, rows = Track(count), np.arange(count)
    pose = _robots(paths[seen_steps], rng)
    for step in range(now.max() + 1):
        due = (seen_steps - step) % period == 0
        active = rows[(step <= now) & (due | (step > seen_steps))]
        stamps, found = np.full(count, step * _DT_S), np.full(count, step <= seen_steps)
        sighting = paths[step] + noise[:, None] * rng.normal(size=(count, 2))
        track.advance(active, stamps)
        track.observe(active, stamps, np.zeros((count, 3)), _localization(sighting, found))
    empty = LocalMap(1, MapSettings(cells=32))
    inputs = inputs_of(rows, track, empty, np.zeros(count, dtype=np.int64), pose)
    after = now + ahead * np.arange(1, steps + 1)[:, None]  # (K, n)
    before = seen_steps - ahead * np.arange(SLOTS)  # (SLOTS,)
    past = np.where((before >= 0)[:, None, None], paths[np.maximum(before, 0)], np.nan)
    return Samples(
        inputs.numbers,
        inputs.rays.astype(np.float16),
        in_frames(paths[after, rows].transpose(1, 0, 2), inputs.frames).astype(np.float32),
        in_frames(past.transpose(1, 0, 2), inputs.frames).astype(np.float32),
        np.full(count, WALKER, dtype=np.uint8),
        rows,
    )


def _paths(count: int, length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Positions (T, n, 2) every 0.1 s of walkers whose pace and turn rate wander about their means."""
    standing = rng.random(count) < _STANDING_SHARE
    speed = np.where(standing, _STANDING_MPS * rng.random(count), rng.uniform(*_SPEED_MPS, count))
    turn = _wandering(_drawn(_TURN_RADPS, count, rng), _drawn(_TURN_MEMORY_S, count, rng), length, rng)
    pace = _wandering(speed * _drawn(_PACE_SHARE, count, rng), _drawn(_PACE_MEMORY_S, count, rng), length, rng)
    heading = rng.uniform(-np.pi, np.pi, count) + _DT_S * np.cumsum(turn, axis=0)
    paces = np.maximum(_changing(speed, length, rng) + pace, 0.0)
    velocity = paces[..., None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    straight = speed[:, None] * np.stack([np.cos(heading[0]), np.sin(heading[0])], axis=-1)
    stroll, memory_s = _drawn(_STROLL_MPS, count, rng), _drawn(_PACE_MEMORY_S, count, rng)
    wavering = np.stack([_wandering(stroll, memory_s, length, rng) for _ in range(2)], axis=-1)
    decided = rng.random((length, count)) < _DT_S * _drawn(_DECISIONS_PER_S, count, rng)
    by_mps = (_drawn(_DECIDED_MPS, count, rng) * decided)[..., None] * rng.normal(size=(length, count, 2))
    manner = rng.random(count)[:, None]
    velocity = np.where(manner < _STROLLING_SHARE, straight + wavering, velocity)
    velocity = np.where(manner > 1.0 - _DECIDING_SHARE, straight + np.cumsum(by_mps, axis=0), velocity)
    smoothing = rng.integers(0, len(_SMOOTHINGS), count)
    for kind, steps in enumerate(_SMOOTHINGS):
        chosen = smoothing == kind
        velocity[:, chosen] = uniform_filter1d(uniform_filter1d(velocity[:, chosen], steps, axis=0), steps, axis=0)
    positions: NDArray[np.float64] = _DT_S * np.cumsum(velocity, axis=0)
    return positions


def _changing(speed: NDArray[np.float64], length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Paces (T, n) that are `speed` (n,) at first; some go over to another one."""
    count = len(speed)
    other = np.where(rng.random(count) < 0.5, 0.0, rng.uniform(*_SPEED_MPS, count))
    other = np.where(rng.random(count) < _CHANGING_SHARE, other, speed)
    middle, width = rng.uniform(0.0, length, count), rng.uniform(*_CHANGE_S, count) / _DT_S
    share = np.clip((np.arange(length)[:, None] - middle) / width + 0.5, 0.0, 1.0)
    paces: NDArray[np.float64] = (1.0 - share) * speed + share * other
    return paces


def _drawn(limits: tuple[float, float], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Numbers (n,) whose logarithms are evenly spread."""
    low, high = limits
    drawn: NDArray[np.float64] = low * (high / low) ** rng.random(count)
    return drawn


def _wandering(
    deviation: NDArray[np.float64], memory_s: NDArray[np.float64], length: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Ornstein-Uhlenbeck processes (T, n) of given standard deviations and memories."""
    kept = np.exp(-_DT_S / memory_s)
    values = np.empty((length, len(deviation)))
    values[0] = deviation * rng.normal(size=len(deviation))
    for step in range(1, length):
        values[step] = kept * values[step - 1] + deviation * np.sqrt(1.0 - kept**2) * rng.normal(size=len(deviation))
    return values


def _robots(at: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Poses (n, 3) of robots somewhere around positions (n, 2)."""
    bearing, distance = rng.uniform(-np.pi, np.pi, len(at)), rng.uniform(*_ROBOT_M, len(at))
    place = at + distance[:, None] * np.stack([np.cos(bearing), np.sin(bearing)], axis=1)
    return np.concatenate([place, rng.uniform(-np.pi, np.pi, (len(at), 1))], axis=1)


def _localization(positions: NDArray[np.float64], found: NDArray[np.bool_]) -> Localization:
    given = Localization.empty(len(positions))
    given.position_ego[:], given.found[:], given.confidence[:] = positions, found, found
    return given
