"""Where episodes get their layouts from: families by name, files by path, or layouts made by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.errors import LayoutError
from envs.layouts import FAMILIES, check_density, check_family, make_layout
from envs.layouts.files import is_layout_path, load_layout
from envs.layouts.free_space import FreeSpace, free_space
from envs.layouts.layout import Layout
from envs.layouts.text_map import read_text_map

_GENERATED_TRIES = 8


class Place(NamedTuple):
    """A layout, its free space, and where an episode starts if its file says so.

    Attributes:
        layout: the clutter.
        space: where bodies fit.
        start: (2, 3) poses of tracker and target, x, y in metres and yaw in radians, or None.
    """

    layout: Layout
    space: FreeSpace
    start: NDArray[np.float64] | None = None


class PlaceSource:
    """Draws the place of an episode; files are read once, when the source is made.

    Args:
        layouts: family names, map files or layouts.
        size_m: side length of generated layouts, or the range to draw it from; the family's range if None.
        cell_m: metres per cell of files without a scale.
        density: factor of the number of things that stand in generated layouts.

    Raises:
        LayoutError: for an unknown name, a file that cannot be played, or one that cannot have the density.
    """

    def __init__(
        self,
        layouts: Sequence[str | Path | Layout],
        *,
        size_m: float | tuple[float, float] | None,
        cell_m: float | None,
        density: float = 1.0,
    ) -> None:
        self._size_m, self._density = size_m, density
        self._entries: list[str | Place] = []
        for item in layouts:
            if isinstance(item, str) and (item in FAMILIES or not is_layout_path(item)):
                check_family(item)
                self._entries.append(item)
                check_density(item, density)
            else:
                check_density(item.name if isinstance(item, Layout) else str(item), density)
                self._entries.append(_fixed(item, cell_m))

    def draw(self, rng: np.random.Generator) -> Place:
        """The place of one episode; a generated layout that turns out unplayable is drawn again, a few times.

        Raises:
            LayoutError: if no try gave a playable layout.
        """
        entry = self._entries[int(rng.integers(len(self._entries)))]
        if isinstance(entry, Place):
            return entry
        for _ in range(_GENERATED_TRIES):
            size_m = float(rng.uniform(*self._size_m)) if isinstance(self._size_m, tuple) else self._size_m
            layout = make_layout(entry, rng, size_m=size_m, density=self._density)
            try:
                return Place(layout, free_space(layout))
            except LayoutError as error:
                problem = error
        raise problem


def _fixed(item: str | Path | Layout, cell_m: float | None) -> Place:
    """The place of a layout or a file; a text map may hold the starts of both players."""
    if isinstance(item, Layout):
        return Place(item, free_space(item))
    if Path(item).suffix.lower() != ".txt":
        layout = load_layout(item, cell_m=cell_m)
        return Place(layout, free_space(layout))
    load_layout(item, cell_m=cell_m)  # refuses a cell size, which a text map has of its own
    drawn = read_text_map(Path(item))
    space, start = free_space(drawn.layout), None
    if drawn.tracker_start is not None and drawn.target_start is not None:
        start = np.stack([drawn.tracker_start, [*drawn.target_start, drawn.tracker_start[2]]])
        for row, name in zip(start, ("tracker", "target"), strict=True):
            if not space.region[tuple(space.cell_of(row[:2]))]:
                raise LayoutError(
                    f"{item}: the {name}'s start ({row[0]:.2f}, {row[1]:.2f}) m is not in the free region"
                )
    return Place(drawn.layout, space, start)
