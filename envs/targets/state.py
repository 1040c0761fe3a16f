"""What a scripted mover remembers between steps, as one record per mover that Numba kernels read and write."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.targets.avoidance import clearance_at

EXTERNAL, GOAL, WANDER, EVADE, REPLAY = range(5)
NO_EVENT, NEW_GOAL, REROUTE, BLOCKED = range(4)
"""Why a mover wants a plan: it has none or is there; somebody is in the way; somebody has been in the way for long."""

MOVER = np.dtype(
    [
        ("kind", np.int64),
        ("event", np.int64),
        ("random", np.uint64),  # counter of the mover's own random stream
        ("speed_max", np.float64),  # m/s
        ("turn_max", np.float64),  # rad/s
        ("fraction_low", np.float64),  # range of the share of the top speed
        ("fraction_high", np.float64),
        ("period_low", np.float64),  # range of the steps at one speed
        ("period_high", np.float64),
        ("pause_share", np.float64),
        ("pause_low", np.float64),  # range of the steps of a pause
        ("pause_high", np.float64),
        ("fraction", np.float64),  # present share of the top speed
        ("speed_steps", np.int64),  # steps until the next one is drawn
        ("patience", np.int64),  # steps without progress after which the goal is given up
        ("count", np.int64),  # points of the path
        ("segment", np.int64),  # piece of the path that the mover is on
        ("least", np.float64),  # least remaining length of the path so far, metres
        ("stalled", np.int64),  # steps since then
        ("age", np.int64),  # steps since the plan was made
        ("replan", np.int64),  # steps after which an evader may plan again
        ("side", np.float64),  # -1 right, 1 left: the side on which it passes somebody or turns from a wall
        ("drift", np.float64),  # rad, wandering direction relative to the heading
        ("clock", np.float64),  # point of the replayed track that is due now
        ("sense", np.float64),  # 1 along the replayed track, -1 back
    ],
    align=True,
)

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11))
_UNIT = 2.0**-53


@kernel
def uniform(mover: Any) -> float:
    """The next number in [0, 1) of the mover's own stream (SplitMix64, Steele et al. 2014)."""
    mover.random = mover.random + _STEP
    bits = mover.random
    bits = (bits ^ (bits >> _SHIFTS[0])) * _MIX_1
    bits = (bits ^ (bits >> _SHIFTS[1])) * _MIX_2
    bits = bits ^ (bits >> _SHIFTS[2])
    return float(bits >> _SHIFTS[3]) * _UNIT


@kernel
def keep_speed(mover: Any) -> None:
    """Count down to the next change of speed and draw it when it is due."""
    mover.speed_steps -= 1
    if mover.speed_steps > 0:
        return
    if mover.fraction > 0.0 and uniform(mover) < mover.pause_share:
        mover.fraction = 0.0
        steps = mover.pause_low + (mover.pause_high - mover.pause_low) * uniform(mover)
    else:
        mover.fraction = mover.fraction_low + (mover.fraction_high - mover.fraction_low) * uniform(mover)
        steps = mover.period_low + (mover.period_high - mover.period_low) * uniform(mover)
    mover.speed_steps = int(steps + 0.5)


class GridPool:
    """The grids of all worlds in one array each, so that one kernel call serves worlds of different sizes.

    Attributes:
        clearance: (W, N) clearance in centimetres, rounded down.
        opaque: (W, N) 1 where a cell blocks the sight.
        shape: (W, 2) rows and columns of each world's grid.
        origin: (W, 2) x and y in metres of its lower left corner.
    """

    def __init__(self, num_worlds: int) -> None:
        self.clearance = np.zeros((num_worlds, 0), dtype=np.uint8)
        self.opaque = np.zeros((num_worlds, 0), dtype=np.uint8)
        self.shape = np.zeros((num_worlds, 2), dtype=np.int64)
        self.origin = np.zeros((num_worlds, 2))

    def put(
        self, world: int, clearance: NDArray[np.float32], opaque: NDArray[np.uint8], origin: NDArray[np.float64]
    ) -> None:
        """Replace the grids of one world."""
        size = clearance.size
        self.clearance = widened(self.clearance, size)
        self.opaque = widened(self.opaque, size)
        centimetres = np.clip(clearance * np.float32(100.0), 0, 255).astype(np.uint8)
        self.clearance[world, :size] = centimetres.ravel()
        self.opaque[world, :size] = opaque.ravel()
        self.shape[world] = clearance.shape
        self.origin[world] = origin

    def clearance_of(self, which: NDArray[np.int64], places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Metres (n,) from places (n, 2) in the given worlds to the nearest obstacle, or as far as the grids tell."""
        found = np.empty(len(which))
        _clearances(which, places, self.clearance, self.shape, self.origin, found)
        return found


@kernel
def _clearances(
    which: NDArray[np.int64],
    places: NDArray[np.float64],
    clearance: NDArray[np.uint8],
    shapes: NDArray[np.int64],
    origins: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    for row in range(len(which)):
        world = which[row]
        rows, columns = shapes[world, 0], shapes[world, 1]
        grid = clearance[world, : rows * columns].reshape(rows, columns)
        x, y = places[row, 0] - origins[world, 0], places[row, 1] - origins[world, 1]
        out[row] = clearance_at(grid, x, y)


def widened(array: NDArray[Any], size: int, *, axis: int = 1) -> NDArray[Any]:
    """The array itself, or a copy padded with zeros if its axis is shorter than `size`."""
    missing = size - array.shape[axis]
    if missing <= 0:
        return array
    shape = list(array.shape)
    shape[axis] = size
    larger = np.zeros(shape, dtype=array.dtype)
    larger[tuple(slice(n) for n in array.shape)] = array
    return larger
