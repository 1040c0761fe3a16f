"""Parking: rows of cars nose to nose at low kerbs, driving lanes, columns and barriers."""

import numpy as np
from numpy.typing import NDArray

from envs.layouts.families import objects
from envs.layouts.families.placing import enclosed, inner, spots, turned
from envs.layouts.layout import WALL_HEIGHT_M, Layout, Prisms

_ROW_M = 4.8
_STALL_M = (3.5, 3.9)
_LANE_M = (2.6, 7.5)
_END_M = 1.7


def make(size: float, rng: np.random.Generator) -> Layout:
    """A square of the given side in metres; stalls are wide enough to drive between two parked cars."""
    low, _, high, _ = inner(size)
    stall = rng.uniform(*_STALL_M)
    count = max(int((high - low - 2 * _END_M) / stall), 1)
    x = (low + high) / 2 + (np.arange(count, dtype=np.float64) - (count - 1) / 2) * stall
    occupied = rng.uniform(0.6, 0.95)
    parts = []
    for kerb, sides in _rows(low, high, rng):
        full = {side: rng.random(count) < occupied for side in sides}
        for side in sides:
            parts += [_cars(x[full[side]], kerb, side, rng), _barriers(x[~full[side]], kerb, side, rng)]
        if len(sides) == 2:
            parts += _middle(x, kerb, stall, full[-1] | full[1], rng)
        else:
            parts.append(_kerb((low + high) / 2, kerb + 0.15 * sides[0], (high - low) / 2, 0.25, rng))
    prisms = Prisms.concatenate([*parts, _signs(size, rng)])
    return enclosed("parking", size, [turned(prisms, size, int(rng.integers(4)))])


def _rows(low: float, high: float, rng: np.random.Generator) -> list[tuple[float, tuple[int, ...]]]:
    """Kerb lines in metres and the sides on which cars stand: +1 above, -1 below, both for a double row."""
    options = []
    for double in range(int((high - low) / (2 * _ROW_M)) + 1):
        for bottom, top in ((1, 0), (1, 1), (0, 0)):
            lane = (high - low - _ROW_M * (2 * double + bottom + top)) / (double + 1)
            if _LANE_M[0] <= lane <= _LANE_M[1] and double + bottom + top:
                options.append((double, bottom, top, lane))
    weight = np.array([(2 * double + bottom + top) ** 3 for double, bottom, top, _ in options])
    double, bottom, top, lane = options[int(rng.choice(len(options), p=weight / weight.sum()))]
    first = low + _ROW_M * bottom + lane + _ROW_M
    rows: list[tuple[float, tuple[int, ...]]] = [(first + i * (2 * _ROW_M + lane), (-1, 1)) for i in range(double)]
    if bottom:
        rows.append((low, (1,)))
    if top:
        rows.append((high, (-1,)))
    return rows


def _cars(x: NDArray[np.float64], kerb: float, side: int, rng: np.random.Generator) -> Prisms:
    """Cars at a kerb line, noses or tails first, not quite straight."""
    half = rng.uniform([2.0, 0.82], [2.2, 0.9], (len(x), 2))
    center = np.stack([x + rng.uniform(-0.08, 0.08, len(x)), kerb + side * (half[:, 0] + 0.25)], axis=1)
    yaw = np.pi / 2 * rng.choice([-1.0, 1.0], len(x)) + rng.uniform(-0.02, 0.02, len(x))
    return objects.cars(spots(center, half, yaw), rng)


def _barriers(x: NDArray[np.float64], kerb: float, side: int, rng: np.random.Generator) -> Prisms:
    """Low barriers that close some of the empty stalls."""
    x = x[rng.random(len(x)) < 0.35]
    center = np.stack([x, np.full(len(x), kerb + side * 2.8)], axis=1)
    return objects.boxes(spots(center, (0.6, 0.07)), objects.heights(rng, len(x), 0.4, 0.7), 1)


def _kerb(x: float, y: float, half_length: float, half_depth: float, rng: np.random.Generator) -> Prisms:
    return objects.boxes(spots([[x, y]], (half_length, half_depth)), (0.0, rng.uniform(0.15, 0.3)), 10)


def _middle(
    x: NDArray[np.float64], kerb: float, stall: float, full: NDArray[np.bool_], rng: np.random.Generator
) -> list[Prisms]:
    """The kerb of a double row, with ways through where stalls are empty on both sides, and columns."""
    way = ~full & (rng.random(len(x)) < 0.6)
    y = np.full(len(x), kerb)
    kerbs = spots(np.stack([x, y], axis=1)[~way], (stall / 2, 0.35))
    column = spots(np.stack([x, y], axis=1)[~full & (rng.random(len(x)) < 0.7)], (0.2, 0.2))
    return [
        objects.boxes(kerbs, (0.0, rng.uniform(0.15, 0.3)), 10),
        objects.boxes(column, (0.0, WALL_HEIGHT_M), objects.colors(rng, column.number)),
    ]


def _signs(size: float, rng: np.random.Generator) -> Prisms:
    """Signs that hang above every body."""
    count = int(rng.integers(1, max(int(size / 6), 2) + 1))
    center = rng.uniform(1.0, size - 1.0, (count, 2))
    return objects.boxes(spots(center, (0.6, 0.04)), (2.1, 2.4), objects.colors(rng, count))
