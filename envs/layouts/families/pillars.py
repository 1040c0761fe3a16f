"""Pillars: round and square columns, scattered or in the bays of a hall."""

import numpy as np
from numpy.typing import NDArray

from envs.layouts.families import objects
from envs.layouts.families.placing import GAP_M, Spots, enclosed, inner, scatter
from envs.layouts.layout import WALL_HEIGHT_M, Layout, Prisms

_SPARSEST = 1e-3
"""Of the densities of rows: fewer pillars than one there are not."""


def make(size: float, rng: np.random.Generator, density: float = 1.0) -> Layout:
    """A square of the given side in metres with scattered pillars, or in two of five cases with rows of them.

    Their number is multiplied by the density, as far as passages between them stay wide enough.
    """
    places = _rows(size, rng, density) if rng.random() < 0.4 else _scattered(size, rng, density)
    square = rng.random(places.number) < rng.uniform(0.0, 0.5)
    return enclosed("pillars", size, [columns(places, square, rng)])


def columns(places: Spots, square: NDArray[np.bool_], rng: np.random.Generator) -> Prisms:
    """Columns 1.8-2.5 m high, square where the mask says so and round elsewhere."""
    count = places.number
    z, color = objects.heights(rng, count, 1.8, WALL_HEIGHT_M), objects.colors(rng, count)
    z[:, 1] = np.where(rng.random(count) < 0.5, WALL_HEIGHT_M, z[:, 1])
    center, radius = places.center[~square], places.half[~square, 0]
    round_ones = Prisms.cylinders(center, radius, z=z[~square], color=color[~square])
    return Prisms.concatenate([objects.boxes(places.pick(square), z[square], color[square]), round_ones])


def _scattered(size: float, rng: np.random.Generator, density: float) -> Spots:
    limit = max(int(density * rng.uniform(0.03, 0.11) * size**2), 4)
    thick = rng.uniform(0.35, 0.65)
    half = np.repeat(rng.uniform(0.15, thick, (3 * limit, 1)), 2, axis=1)
    yaw = rng.uniform(-np.pi, np.pi, len(half))
    return scatter(rng, half, yaw, inner(size, GAP_M), limit=limit)[0]


def _rows(size: float, rng: np.random.Generator, density: float) -> Spots:
    """A grid of bays whose pillars stand a little out of line, some of them missing."""
    low, _, high, _ = inner(size, GAP_M)
    radius, play = rng.uniform(0.15, 0.45), rng.uniform(0.0, 0.25)
    edge = radius + play
    lines = []
    for _ in range(2):
        bay = rng.uniform(2 * edge + GAP_M, 2 * edge + GAP_M + 2.2)
        bay = max(bay / max(density, _SPARSEST) ** 0.5, 2 * edge + GAP_M)
        count = int((high - low - 2 * edge) / bay) + 1
        lines.append((low + high) / 2 + (np.arange(count) - (count - 1) / 2) * bay)
    center = np.stack(np.meshgrid(*lines), axis=-1).reshape(-1, 2)
    center = center[rng.random(len(center)) < rng.uniform(0.65, 1.0)]
    center = center + rng.uniform(-play, play, center.shape)
    return Spots(center, np.full(center.shape, radius), np.zeros(len(center)))
