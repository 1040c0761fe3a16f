"""Layouts to play, with labels for tables and file names."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from envs.layouts import FAMILIES, make_layout
from envs.layouts.files import is_layout_path, load_layout


class Place(NamedTuple):
    """A layout to play: its label, and the family or file, which may say more than its layout: where episodes start."""

    label: str
    source: str


def named_places(names: Sequence[str]) -> list[Place]:
    """The layouts with labels of their own; files are read now, so that a broken one is told before anything plays.

    Raises:
        LayoutError: for an unknown family or a file that cannot be played.
    """
    places: list[Place] = []
    for name in names:
        stem = name
        if name not in FAMILIES:
            layout = load_layout(name) if is_layout_path(name) else make_layout(name, np.random.default_rng(0))
            stem = layout.name
        if stem == "map":  # every ROS map may be called so: its folder says more
            stem = Path(name).resolve().parent.name
        label = re.sub(r"[^\w.-]+", "_", stem) or "layout"
        taken = sum(place.label == label or place.label.startswith(f"{label}-") for place in places)
        places.append(Place(f"{label}-{taken + 1}" if taken else label, name))
    return places
