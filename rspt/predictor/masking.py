"""Histories with gaps: what of a target's sightings is kept from the predictor, so that it learns to bridge them."""

import numpy as np
from numpy.typing import NDArray

_BLACKOUT_EVERY_STEPS = 40.0
_BLACKOUT_STEPS = (1, 40)
_EVERY = (1, 2, 4)
_KEPT_SHARES = (0.25, 0.5, 0.8, 1.0)
_FIRST_STEPS = 3


def blackouts(steps: int, worlds: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which frames (T, W) are kept when stretches of up to four seconds are taken out."""
    kept = np.ones((steps, worlds), dtype=np.bool_)
    for world in range(worlds):
        at = _FIRST_STEPS
        while at < steps:
            at += 1 + int(rng.exponential(_BLACKOUT_EVERY_STEPS))
            length = int(rng.integers(*_BLACKOUT_STEPS))
            kept[at : at + length, world] = False
            at += length
    return kept


def sparse(steps: int, worlds: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which frames (T, W) are kept when each may be missed, or the detector runs at 10, 5 or 2.5 Hz."""
    every, phase = rng.choice(_EVERY, worlds), rng.integers(0, max(_EVERY), worlds)
    kept: NDArray[np.bool_] = (np.arange(steps)[:, None] + phase) % every == 0
    return kept & (rng.random((steps, worlds)) < rng.choice(_KEPT_SHARES, worlds))
