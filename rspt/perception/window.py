"""The window around the robot that egocentric grids show."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class EgoWindow:
    """A square of G x G cells that moves and turns with the robot: row 0 is far ahead, column 0 far left.

    Attributes:
        cells: G.
        cell_m: edge of a cell in metres.
        behind_m: metres that the window shows behind the robot; the rest is ahead of it.

    Raises:
        ValueError: naming the argument, its value and what is allowed.
    """

    cells: int = 32
    cell_m: float = 0.3
    behind_m: float = 2.4

    def __post_init__(self) -> None:
        if not (isinstance(self.cells, int) and 8 <= self.cells <= 256):
            raise ValueError(f"cells must be a whole number from 8 to 256, not {self.cells!r}")
        if not 0.02 <= self.cell_m <= 2.0:
            raise ValueError(f"cell_m must lie within 0.02 to 2 metres, not {self.cell_m!r}")
        if not 0.0 <= self.behind_m <= self.size_m:
            raise ValueError(f"behind_m must lie within 0 to the window's size {self.size_m} m, not {self.behind_m!r}")

    @property
    def size_m(self) -> float:
        """Length of an edge in metres."""
        return self.cells * self.cell_m

    def centers(self) -> NDArray[np.float64]:
        """Centres (G, G, 2) of the cells: x forward and y left of the robot in metres."""
        ahead = (self.cells - 0.5 - np.arange(self.cells)) * self.cell_m - self.behind_m
        left = (0.5 * self.cells - 0.5 - np.arange(self.cells)) * self.cell_m
        return np.stack(np.broadcast_arrays(ahead[:, None], left[None, :]), axis=-1)
