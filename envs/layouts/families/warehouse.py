"""Warehouse: rows of solid and open racks with aisles between them, and pallets in a staging area."""

import numpy as np
from numpy.typing import NDArray

from envs.layouts.families import objects
from envs.layouts.families.placing import EMBED_M, GAP_M, enclosed, inner, scatter, spots, turned
from envs.layouts.layout import WALL_HEIGHT_M, Layout, Prisms

_END_M = 1.8


def make(size: float, rng: np.random.Generator) -> Layout:
    """A square of the given side in metres."""
    low, _, high, _ = inner(size)
    length = high - low
    staging = length * rng.uniform(0.18, 0.32) if length > 10 else 0.0
    position, depth = _rows(low, high, rng)
    blocks = _blocks(low + _END_M, high - max(staging, _END_M), rng)
    solid_share = rng.uniform(0.2, 0.6)
    parts = [_racks(position, depth, blocks, solid_share, rng), _bridges(position, depth, blocks, rng)]
    if staging:
        parts.append(_pallets((high - staging + GAP_M, low + GAP_M, high - GAP_M, high - GAP_M), rng))
    return enclosed("warehouse", size, [turned(Prisms.concatenate(parts), size, int(rng.integers(4)))])


def _rows(low: float, high: float, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre lines and half depths of the rows: single ones with their backs to both walls, double ones between."""
    single = rng.uniform(0.45, 0.6)
    double = 2 * single
    at_walls = rng.random(2) < 0.6
    least = rng.uniform(1.8, 3.0)
    count = max(int((high - low - 2 * single * at_walls.sum() - least) / (2 * double + least)), 1)
    aisle = (high - low - 2 * single * at_walls.sum() - 2 * double * count) / (count + 1)
    if aisle < GAP_M + 0.1:
        at_walls[:] = False
        aisle = (high - low - 2 * double * count) / (count + 1)
    first = low + 2 * single * at_walls[0] + aisle + double
    middle = first + np.arange(count) * (2 * double + aisle)
    edge = np.array([low + single - EMBED_M, high - single + EMBED_M])[at_walls]
    return np.concatenate([middle, edge]), np.concatenate([np.full(count, double), np.full(len(edge), single)])


def _blocks(start: float, end: float, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Borders of the bays along the rows, in one block or in several with cross aisles between."""
    cross = rng.uniform(2.0, 2.6)
    count = max(int((end - start) / rng.uniform(9.0, 14.0)), 1)
    length = (end - start - (count - 1) * cross) / count
    bays = max(round(length / rng.uniform(2.2, 2.9)), 1)
    return [start + i * (length + cross) + np.linspace(0.0, length, bays + 1) for i in range(count)]


def _racks(
    position: NDArray[np.float64],
    depth: NDArray[np.float64],
    blocks: list[NDArray[np.float64]],
    solid_share: float,
    rng: np.random.Generator,
) -> Prisms:
    """A rack in every bay: solid ones, and open shelves one looks through."""
    center_x = np.concatenate([(b[1:] + b[:-1]) / 2 for b in blocks])
    half_x = np.concatenate([np.diff(b) / 2 for b in blocks])
    center = np.stack(np.meshgrid(center_x, position), axis=-1).reshape(-1, 2)
    half = np.stack([np.tile(half_x, len(position)), np.repeat(depth, len(half_x))], axis=1)
    places = spots(center, half)
    solid = rng.random(places.number) < solid_share
    z, color = objects.heights(rng, places.number, 1.9, 2.4), objects.colors(rng, places.number)
    steel = np.full(places.number, rng.integers(1, 12), dtype=np.uint8)
    racks = objects.boxes(places.pick(solid), z[solid], color[solid])
    return Prisms.concatenate([racks, objects.open_racks(places.pick(~solid), rng, steel[~solid])])


def _bridges(
    position: NDArray[np.float64],
    depth: NDArray[np.float64],
    blocks: list[NDArray[np.float64]],
    rng: np.random.Generator,
) -> Prisms:
    """Beams over some aisles, from rack to rack, above every body."""
    order = np.argsort(position)
    low, high = (position + depth)[order][:-1], (position - depth)[order][1:]
    x = np.array([block[int(rng.integers(1, len(block)))] - 0.15 for block in blocks])
    column, aisle = np.nonzero(rng.random((len(x), len(low))) < 0.3)
    center = np.stack([x[column], (low + high)[aisle] / 2], axis=1)
    half = np.stack([np.full(len(aisle), 0.1), (high - low)[aisle] / 2], axis=1)
    return objects.boxes(spots(center, half), (2.15, WALL_HEIGHT_M - 0.1), 2)


def _pallets(area: tuple[float, float, float, float], rng: np.random.Generator) -> Prisms:
    """Pallets with low loads, and some stacked higher than the target."""
    limit = max(int((area[3] - area[1]) * rng.uniform(0.2, 0.5)), 1)
    count = 6 * limit
    half = np.array([0.6, 0.4]) * rng.uniform(0.95, 1.35, (count, 1))
    yaw = rng.integers(0, 2, count) * (np.pi / 2) + rng.normal(0.0, 0.06, count)
    places, _ = scatter(rng, half, yaw, area, limit=limit)
    z = objects.heights(rng, places.number, 0.3, 0.7)
    z[:, 1] = np.where(rng.random(places.number) < 0.25, rng.uniform(1.8, 2.1, places.number), z[:, 1])
    return objects.boxes(places, z, objects.colors(rng, places.number))
