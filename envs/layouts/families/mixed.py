"""Mixed: blocks, pillars, low obstacles that hide nothing, tables, gates to pass under, walls that end in the open."""

import numpy as np
from numpy.typing import NDArray

from envs.layouts.families import objects
from envs.layouts.families.blocks import block_halves, block_heights
from envs.layouts.families.pillars import columns
from envs.layouts.families.placing import GAP_M, at_outer_wall, enclosed, inner, scatter
from envs.layouts.layout import WALL_HEIGHT_M, Layout

_BLOCK, _PILLAR, _LOW, _TABLE, _PORTAL, _WALL = range(6)
_THICKEST_M = 0.12
"""Half of the greatest thickness of walls."""


def make(size: float, rng: np.random.Generator, density: float = 1.0) -> Layout:
    """A square of the given side in metres; how much there is of what differs from draw to draw, all times a factor."""
    limit = max(int(density * rng.uniform(0.03, 0.065) * size**2), 5)
    kind = _kinds(rng, 4 * limit)
    half = _halves(rng, kind, rng.uniform(0.8, 1.15))
    fins = at_outer_wall(rng, _fin_halves(rng, 4 * (limit // 4)), size, limit=limit // 4, corners=False)
    yaw = rng.uniform(-np.pi, np.pi, len(kind))
    places, which = scatter(rng, half, yaw, inner(size, GAP_M), limit=limit, taken=fins)
    kept = kind[which]
    block, pillar, low, table, portal, wall = (places.pick(kept == k) for k in range(6))
    bent = wall.half[:, 1] > _THICKEST_M
    full = np.array([0.0, WALL_HEIGHT_M])
    thickness, color = rng.uniform(0.1, 2 * _THICKEST_M, wall.number), objects.colors(rng, wall.number)
    parts = [
        objects.boxes(block, block_heights(rng, block.number), objects.colors(rng, block.number)),
        columns(pillar, rng.random(pillar.number) < 0.3, rng),
        objects.boxes(low, objects.heights(rng, low.number, 0.3, 0.7), objects.colors(rng, low.number)),
        objects.tables(table, rng, objects.colors(rng, table.number)),
        objects.portals(portal, objects.colors(rng, portal.number)),
        objects.boxes(wall.pick(~bent), full, color[~bent]),
        objects.angles(wall.pick(bent), thickness[bent], full, color[bent]),
        objects.boxes(fins, full, objects.colors(rng, fins.number)),
    ]
    return enclosed("mixed", size, parts)


def _kinds(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Kinds (count,) of the candidates; every kind but gates has its turn among the first ones, so that none lacks."""
    share = rng.dirichlet(np.array([5.0, 5.0, 5.0, 4.0, 1.0, 8.0]))
    kind = rng.choice(6, count, p=share)
    kind[:8] = [_LOW, _TABLE, _LOW, _TABLE, _PILLAR, _BLOCK, _PILLAR, _BLOCK]
    return kind


def _halves(rng: np.random.Generator, kind: NDArray[np.int64], scale: float) -> NDArray[np.float64]:
    count = len(kind)
    radius = np.repeat(rng.uniform(0.15, 0.5, (count, 1)), 2, axis=1)
    low = rng.uniform(0.25, [1.3, 0.7], (count, 2)) * scale
    table = rng.uniform([0.6, 0.35], [1.0, 0.5], (count, 2))
    portal = np.stack([rng.uniform(1.0, 1.4, count), np.full(count, 0.1)], axis=1)
    straight = np.stack([rng.uniform(0.8, 2.6, count), rng.uniform(0.05, _THICKEST_M, count)], axis=1)
    wall = np.where(rng.random((count, 1)) < 0.5, straight, rng.uniform(0.6, 1.9, (count, 2)))
    kinds = [block_halves(rng, count, scale), radius, low, table, portal, wall]
    half: NDArray[np.float64] = np.choose(kind[:, None], kinds)
    return half


def _fin_halves(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Half lengths (count, 2) in metres of walls that stand out from the outer wall, up to 4 m."""
    return np.stack([rng.uniform(0.05, _THICKEST_M, count), rng.uniform(0.5, 2.0, count)], axis=1)
