"""Blocks: boxes and L-shapes at any angle, most of them taller than the target."""

import numpy as np
from numpy.typing import NDArray

from envs.layouts.families import objects
from envs.layouts.families.placing import GAP_M, at_outer_wall, enclosed, inner, scatter
from envs.layouts.layout import WALL_HEIGHT_M, Layout


def make(size: float, rng: np.random.Generator, density: float = 1.0) -> Layout:
    """A square of the given side in metres with blocks of its own scale and number, times a factor."""
    scale, crowd = rng.uniform(0.75, 1.25), rng.uniform(0.03, 0.065)
    limit = max(int(density * crowd * size**2), 3)
    hugging = at_outer_wall(rng, block_halves(rng, 3 * (limit // 6), scale), size, limit=limit // 6)
    half = block_halves(rng, 5 * limit, scale)
    yaw = _yaws(rng, len(half))
    free, _ = scatter(rng, half, yaw, inner(size, GAP_M), limit=limit, taken=hugging)
    angled = (rng.random(free.number) < 0.4) & (free.half.min(axis=1) > 0.5)
    z, color = block_heights(rng, free.number), objects.colors(rng, free.number)
    thickness = rng.uniform(0.4, 0.7, free.number)
    hugging_z, hugging_color = block_heights(rng, hugging.number), objects.colors(rng, hugging.number)
    parts = [
        objects.boxes(free.pick(~angled), z[~angled], color[~angled]),
        objects.angles(free.pick(angled), thickness[angled], z[angled], color[angled]),
        objects.boxes(hugging, hugging_z, hugging_color),
    ]
    return enclosed("blocks", size, parts)


def block_halves(rng: np.random.Generator, count: int, scale: float) -> NDArray[np.float64]:
    """Half lengths (count, 2) in metres: stout blocks and a few long ones, never longer than 4 m."""
    half = rng.uniform(0.25, 0.85, (count, 2)) * scale
    half[:, 0] *= np.where(rng.random(count) < 0.3, rng.uniform(1.4, 2.4, count), 1.0)
    return np.minimum(half, 2.0)


def block_heights(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Lower and upper ends (count, 2) in metres: five of six are taller than the target."""
    z = objects.heights(rng, count, 1.8, WALL_HEIGHT_M)
    z[:, 1] = np.where(rng.random(count) < 1 / 6, rng.uniform(0.9, 1.6, count), z[:, 1])
    return z


def _yaws(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Any angle, or in a third of the layouts one common angle with a little play."""
    yaw = rng.uniform(-np.pi, np.pi, count)
    if rng.random() < 1 / 3:
        return rng.uniform(0, np.pi) + rng.integers(0, 2, count) * (np.pi / 2) + yaw * 0.03
    return yaw
