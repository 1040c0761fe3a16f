"""Layouts: where worlds take place. `make_layout` draws one of the families."""

import difflib
import math
from collections.abc import Callable

import numpy as np

from envs.errors import LayoutError
from envs.layouts.families import blocks, corridors, maze, mixed, office, parking, pillars, rooms, warehouse
from envs.layouts.layout import Layout

FAMILIES: dict[str, Callable[[float, np.random.Generator], Layout]] = {
    "blocks": blocks.make,
    "pillars": pillars.make,
    "mixed": mixed.make,
    "rooms": rooms.make,
    "office": office.make,
    "corridors": corridors.make,
    "maze": maze.make,
    "warehouse": warehouse.make,
    "parking": parking.make,
}
"""The generators by name; each makes a square of a side in metres from a random generator."""
CLUTTERED: dict[str, Callable[[float, np.random.Generator, float], Layout]] = {
    "blocks": blocks.make,
    "pillars": pillars.make,
    "mixed": mixed.make,
}
"""The families whose clutter may be denser or sparser; they take a factor of the number of things that stand there."""
DENSITY_MAX = 4.0
"""Beyond it there is hardly more: passages stay as wide as everywhere."""
SPLITS: dict[str, tuple[str, ...]] = {
    "training": ("blocks", "pillars", "mixed"),
    "validation": ("rooms", "office"),
    "test": ("corridors", "maze", "warehouse", "parking"),
}
"""Families by use: no family of one split is ever trained on or tuned for in another."""
SIZE_RANGE_M: dict[str, tuple[float, float]] = dict.fromkeys(FAMILIES, (18.0, 30.0))
"""From which range of side lengths in metres a layout is drawn when none is asked for."""
SIZE_LIMITS_M = (8.0, 200.0)


def check_family(name: str) -> None:
    """Refuse a name that no family has.

    Raises:
        LayoutError: naming the nearest family, and all.
    """
    if name not in FAMILIES:
        near = difflib.get_close_matches(str(name), FAMILIES, n=1, cutoff=0.5)
        hint = f", did you mean {near[0]!r}?" if near else ";"
        raise LayoutError(
            f"unknown layout family {name!r}{hint} Allowed: {', '.join(FAMILIES)}, or a map file (.yaml, .map, .txt)"
        )


def make_layout(name: str, rng: np.random.Generator, *, size_m: float | None = None, density: float = 1.0) -> Layout:
    """Draw a layout of a family; its side in metres comes from the family's range unless it is given.

    Raises:
        LayoutError: if there is no such family, the size is not a number within SIZE_LIMITS_M, or the family has no
            such density.
    """
    check_family(name)
    if size_m is None:
        size_m = float(rng.uniform(*SIZE_RANGE_M[name]))
    low, high = SIZE_LIMITS_M
    if not (math.isfinite(size_m) and low <= size_m <= high):
        raise LayoutError(f"size_m of layout {name!r} is {size_m}, allowed are {low} to {high} metres")
    check_density(name, density)
    return FAMILIES[name](float(size_m), rng) if density == 1.0 else CLUTTERED[name](float(size_m), rng, density)


def check_density(name: str, density: float) -> None:
    """Refuse a density that layouts of a name cannot have; all have 1.

    Raises:
        LayoutError: naming the layout, the density and what is allowed.
    """
    if not 0.0 <= density <= DENSITY_MAX:
        raise LayoutError(f"density of layout {name!r} is {density}, allowed are 0 to {DENSITY_MAX:g}")
    if density != 1.0 and name not in CLUTTERED:
        raise LayoutError(f"density of layout {name!r} is {density:g}, only {', '.join(CLUTTERED)} have another than 1")
