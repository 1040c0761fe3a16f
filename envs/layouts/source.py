"""Where episodes get their layouts from: families by name, files by path, or layouts made by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from envs.errors import LayoutError
from envs.layouts import FAMILIES, make_layout
from envs.layouts.files import is_layout_path, load_layout
from envs.layouts.free_space import FreeSpace, free_space
from envs.layouts.layout import Layout

_GENERATED_TRIES = 8


class Place(NamedTuple):
    """A layout and its free space."""

    layout: Layout
    space: FreeSpace


class PlaceSource:
    """Draws the place of an episode; files are read once, when the source is made.

    Args:
        layouts: family names, map files or layouts.
        size_m: side length of generated layouts, drawn from the family's range if None.
        cell_m: metres per cell of files without a scale.

    Raises:
        LayoutError: for an unknown name, or a file that cannot be played.
    """

    def __init__(self, layouts: Sequence[str | Path | Layout], *, size_m: float | None, cell_m: float | None) -> None:
        self._size_m = size_m
        self._entries: list[str | Place] = []
        for item in layouts:
            if isinstance(item, str) and (item in FAMILIES or not is_layout_path(item)):
                if item not in FAMILIES:
                    make_layout(item, np.random.default_rng(0))  # raises, naming the nearest family
                self._entries.append(item)
            else:
                layout = item if isinstance(item, Layout) else load_layout(item, cell_m=cell_m)
                self._entries.append(Place(layout, free_space(layout)))

    def draw(self, rng: np.random.Generator) -> Place:
        """The place of one episode; a generated layout that turns out unplayable is drawn again, a few times.

        Raises:
            LayoutError: if no try gave a playable layout.
        """
        entry = self._entries[int(rng.integers(len(self._entries)))]
        if isinstance(entry, Place):
            return entry
        for _ in range(_GENERATED_TRIES):
            layout = make_layout(entry, rng, size_m=self._size_m)
            try:
                return Place(layout, free_space(layout))
            except LayoutError as error:
                problem = error
        raise problem
