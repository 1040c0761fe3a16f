"""Corridors: a network of passages between massive walls, with junctions, loops, dead ends and pillared halls."""

import numpy as np
from numpy.typing import NDArray

from envs.layouts.families import objects
from envs.layouts.families.grid import open_edges, walls
from envs.layouts.families.pillars import columns
from envs.layouts.families.placing import enclosed, inner, scatter, spots
from envs.layouts.layout import WALL_HEIGHT_M, Layout, Prisms


def make(size: float, rng: np.random.Generator) -> Layout:
    """A square of the given side in metres; corridors are 1.7-2.6 m wide and 3-7 m apart."""
    spacing = rng.uniform(4.2, 6.5)
    x, y = _lines(size, rng, spacing), _lines(size, rng, spacing)
    crossings = ((len(x) - 2) // 2, (len(y) - 2) // 2)
    along, across = open_edges(*crossings, rng.uniform(0.2, 0.6), rng)
    solid = np.ones((len(x) - 1, len(y) - 1), dtype=bool)
    solid[1::2, 1::2] = False
    solid[2:-1:2, 1::2] = ~along
    solid[1::2, 2:-1:2] = ~across
    halls = _open_halls(solid, rng)
    parts = [walls(_without_slivers(solid, x, y), x, y), _lintels(solid, x, y, rng)]
    parts += [_pillars((x[i], y[j], x[i + 1], y[j + 1]), rng) for i, j in halls]
    return enclosed("corridors", size, parts)


def _lines(size: float, rng: np.random.Generator, spacing: float) -> NDArray[np.float64]:
    """Grid lines in metres: block, corridor, block, ..., block; the outer blocks may have no thickness."""
    low, _, high, _ = inner(size)
    count = max(round((high - low) / spacing), 2)
    corridor = rng.uniform(1.7, 2.6 if count > 2 else 2.0, count)
    weight = rng.uniform(0.6, 1.4, count + 1)
    weight[[0, -1]] *= rng.random(2) < (0.5 if count > 2 else 0.0)
    weight[[0, -1]] *= 0.6
    block = weight / weight.sum() * (high - low - corridor.sum())
    lengths = np.zeros(2 * count + 1)
    lengths[::2], lengths[1::2] = block, corridor
    lines = low + np.concatenate([[0.0], np.cumsum(lengths)])
    lines[-1] = high
    return lines


def _open_halls(solid: NDArray[np.bool_], rng: np.random.Generator) -> list[tuple[int, int]]:
    """Clear some blocks and the corridors around them where there are three corridors each way; returns their cells."""
    halls: list[tuple[int, int]] = []
    if min(solid.shape) < 7:
        return halls
    for i in range(2, solid.shape[0] - 1, 2):
        for j in range(2, solid.shape[1] - 1, 2):
            if rng.random() < 0.15:
                solid[i - 1 : i + 2, j - 1 : j + 2] = False
                halls.append((i, j))
    return halls


def _without_slivers(solid: NDArray[np.bool_], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The solid cells that have an extent."""
    kept: NDArray[np.bool_] = solid & (np.diff(x) > 1e-6)[:, None] & (np.diff(y) > 1e-6)[None]
    return kept


def _pillars(area: tuple[float, float, float, float], rng: np.random.Generator) -> Prisms:
    """Pillars in the middle of a hall, 0.1 m or more inside the block that was cleared for it."""
    half = np.repeat(rng.uniform(0.2, 0.4, (6, 1)), 2, axis=1)
    x_min, y_min, x_max, y_max = area
    places = scatter(rng, half, np.zeros(6), (x_min, y_min, x_max, y_max), limit=4)[0]
    return columns(places, rng.random(places.number) < 0.5, rng)


def _lintels(
    solid: NDArray[np.bool_], x: NDArray[np.float64], y: NDArray[np.float64], rng: np.random.Generator
) -> Prisms:
    """Beams across some stretches of corridor between two blocks, above every body."""
    chosen = ~solid & (rng.random(solid.shape) < 0.15)
    chosen[::2, ::2] = chosen[1::2, 1::2] = False
    i, j = np.nonzero(chosen)
    center = np.stack([(x[i] + x[i + 1]) / 2, (y[j] + y[j + 1]) / 2], axis=1)
    thin = np.full(len(i), 0.1)
    upright = i % 2 == 1
    half_x = np.where(upright, np.diff(x)[i] / 2, thin)
    half_y = np.where(upright, thin, np.diff(y)[j] / 2)
    return objects.boxes(spots(center, np.stack([half_x, half_y], axis=1)), (2.15, WALL_HEIGHT_M))
