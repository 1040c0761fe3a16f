"""What a planner knows around one robot at one moment."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Comfort(NamedTuple):
    """How dear it is to pass obstacles closely.

    Attributes:
        room_m: room in metres beside the body that costs nothing.
        slope: cost of each metre less.
    """

    room_m: float = 0.35
    slope: float = 3.0


class Scene(NamedTuple):
    """The truth around one robot, and where it heads for.

    Attributes:
        clearance: (H, W) metres to the nearest obstacle.
        opaque: (H, W) 1 where the sight is blocked.
        origin: (2,) x and y in metres of the grids' lower left corner.
        cell_m: edge of a cell in metres.
        movers: (M, STEPS + 1, 2) predicted positions of the target (first) and of the distractors.
        route: (K, 2) points to drive to one after the other; not used if the way is direct.
        is_direct: whether the target is in sight and the way to it is straight.
        room_behind_m: so far straight back nothing stands in the way; farther nobody has looked.
        comfort: how dear it is to pass obstacles closely.
        hidden_cost: of each step in which the target is out of sight; 1 is a step of losing all of r1.
    """

    clearance: NDArray[np.float32]
    opaque: NDArray[np.uint8]
    origin: NDArray[np.float64]
    cell_m: float
    movers: NDArray[np.float64]
    route: NDArray[np.float64]
    is_direct: bool
    room_behind_m: float = np.inf
    comfort: Comfort = Comfort()
    hidden_cost: float = 3.0
