"""Mixed: blocks, pillars, low obstacles that hide nothing, tables, and gates to pass under."""

import numpy as np
from numpy.typing import NDArray

from envs.layouts.families import objects
from envs.layouts.families.blocks import block_halves, block_heights
from envs.layouts.families.pillars import columns
from envs.layouts.families.placing import GAP_M, enclosed, inner, scatter
from envs.layouts.layout import Layout

_BLOCK, _PILLAR, _LOW, _TABLE, _PORTAL = range(5)


def make(size: float, rng: np.random.Generator) -> Layout:
    """A square of the given side in metres; how much there is of what differs from draw to draw."""
    limit = max(int(rng.uniform(0.03, 0.065) * size**2), 5)
    kind = _kinds(rng, 4 * limit)
    half = _halves(rng, kind, rng.uniform(0.8, 1.15))
    places, which = scatter(rng, half, rng.uniform(-np.pi, np.pi, len(kind)), inner(size, GAP_M), limit=limit)
    kept = kind[which]
    block, pillar, low, table, portal = (places.pick(kept == k) for k in range(5))
    parts = [
        objects.boxes(block, block_heights(rng, block.number), objects.colors(rng, block.number)),
        columns(pillar, rng.random(pillar.number) < 0.3, rng),
        objects.boxes(low, objects.heights(rng, low.number, 0.3, 0.7), objects.colors(rng, low.number)),
        objects.tables(table, rng, objects.colors(rng, table.number)),
        objects.portals(portal, objects.colors(rng, portal.number)),
    ]
    return enclosed("mixed", size, parts)


def _kinds(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Kinds (count,) of the candidates; every kind but gates has its turn among the first ones, so that none lacks."""
    share = rng.dirichlet(np.array([5.0, 5.0, 5.0, 4.0, 1.0]))
    kind = rng.choice(5, count, p=share)
    kind[:8] = [_LOW, _TABLE, _LOW, _TABLE, _PILLAR, _BLOCK, _PILLAR, _BLOCK]
    return kind


def _halves(rng: np.random.Generator, kind: NDArray[np.int64], scale: float) -> NDArray[np.float64]:
    count = len(kind)
    radius = np.repeat(rng.uniform(0.15, 0.5, (count, 1)), 2, axis=1)
    low = rng.uniform(0.25, [1.3, 0.7], (count, 2)) * scale
    table = rng.uniform([0.6, 0.35], [1.0, 0.5], (count, 2))
    portal = np.stack([rng.uniform(1.0, 1.4, count), np.full(count, 0.1)], axis=1)
    half: NDArray[np.float64] = np.choose(kind[:, None], [block_halves(rng, count, scale), radius, low, table, portal])
    return half
