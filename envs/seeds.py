"""Seeds are counters: which generator belongs to which episode and purpose."""

import difflib
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from gymnasium.error import Error as GymnasiumError

LAYOUT, START, BODY, MOVERS, NOISE = range(5)
"""The purposes; each has a stream of its own, so that a draw more in one leaves the others as they were."""


class EpisodeSeed(NamedTuple):
    """The seed of an episode and that of its layout, both below 2**63."""

    episode: int
    layout: int

    def generator(self, purpose: int) -> np.random.Generator:
        """The generator of one purpose in this episode."""
        seed = self.layout if purpose == LAYOUT else self.episode
        return np.random.default_rng(np.random.SeedSequence([seed, purpose]))


def episode_seed(
    base: int, number: int, *, layout_seed: int | None = None, layout_count: int | None = None
) -> EpisodeSeed:
    """The seed of the world's episode of the given number since it was seeded with `base`.

    Episode 0 has the base itself, so that `reset(seed=info["episode_seed"])` repeats any episode.

    Args:
        base: what the world was seeded with.
        number: of the episode.
        layout_seed: of its layout, in any case.
        layout_count: its layout is else one of so many, whose seeds count from 0; one of its own if None.
    """
    drawn = int(np.random.SeedSequence([base, number]).generate_state(1, np.uint64)[0]) >> 1
    seed = drawn if number else base
    if layout_seed is None:
        layout_seed = seed if layout_count is None else seed % layout_count
    return EpisodeSeed(seed, layout_seed)


def fresh_seed() -> int:
    """A seed from the operating system's entropy."""
    return secrets.randbits(62)


def checked_seed(seed: Any, *, name: str = "seed") -> int:
    """A seed as Gymnasium takes it: an integer that is not negative.

    Raises:
        gymnasium.error.Error: if it is something else; 2**63 and above do not fit the info arrays.
    """
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)) or not 0 <= int(seed) < 2**63:
        raise GymnasiumError(f"{name} must be an integer from 0 to 2**63 - 1, got {seed!r}")
    return int(seed)


def layout_seed_of(options: Mapping[str, Any] | None) -> int | None:
    """The layout's seed out of the options of a reset; options meant for others (wrappers, checkers) are let pass.

    Raises:
        ValueError: if an option looks like a misspelt `layout_seed`.
    """
    for name in difflib.get_close_matches("layout_seed", [str(name) for name in options or {}]):
        if name != "layout_seed":
            raise ValueError(f"unknown reset option {name!r}, did you mean 'layout_seed'?")
    value = (options or {}).get("layout_seed")
    return None if value is None else checked_seed(value, name="options['layout_seed']")
