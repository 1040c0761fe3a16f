"""The truth in the place of what perception finds out: for ablations that ask what better perception would bring."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from envs.batch import PrivilegedView
from envs.layouts.free_space import CELL_M
from rspt.perception.frame import to_ego
from rspt.perception.jit import kernel
from rspt.perception.prediction import Prediction
from rspt.perception.reconstruction import LocalMap
from rspt.perception.track import Track
from rspt.perception.ways import DIRECTIONS, WAY_M, WAYS
from rspt.perception.window import EgoWindow

STEP_S = 0.2
STEPS = 12
_SPREAD_M = 0.15
"""Half a cell of the state's map: the truth is painted as sharply as the map can show it."""

View = Callable[[], PrivilegedView]


class TrueMap(LocalMap):
    """A local map whose crops show the layout as it is, all around; it fuses frames like any other for predictors.

    Args:
        num_worlds: B.
        view: the truth at the time of the frame.
    """

    def __init__(self, num_worlds: int, view: View) -> None:
        super().__init__(num_worlds)
        self._view = view

    def crop(
        self,
        worlds: NDArray[np.int64],
        poses: NDArray[np.float64],
        window: EgoWindow,
        out: NDArray[np.float32],
    ) -> None:
        """Write occupied and free (B, 2, G, G) around the true poses; the believed poses (B, 3) are not looked at."""
        view, centers = self._view(), window.centers()
        for world in worlds.tolist():
            space = view.free_spaces[world]
            _crop(space.clearance, space.origin, view.poses[world, 0], centers, 0.5 * window.cell_m, out[world])

    def ways(self, worlds: NDArray[np.int64], poses: NDArray[np.float64], out: NDArray[np.float64]) -> None:
        """Write the true ways (B, WAYS) around the true poses."""
        view = self._view()
        for world in worlds.tolist():
            space = view.free_spaces[world]
            _measure(space.clearance, space.origin, view.poses[world, 0], out[world])


class TrueFuture:
    """A predictor that knows where the target is going, see `envs.foresight`.

    Args:
        num_worlds: B.
        view: the truth at the time of the frame.
        foreseen: from a number of control steps of 0.1 s to positions (B, S, 2) in the world.
    """

    num_modes = 1

    def __init__(self, view: View, foreseen: Callable[[int], NDArray[np.float64]]) -> None:
        self.times_s = STEP_S * np.arange(1, STEPS + 1)
        self._view, self._foreseen = view, foreseen
        self._future = np.zeros((0, STEPS, 2))

    def look_ahead(self) -> None:
        """Run the scripts ahead from where everybody is; to be called once before each frame."""
        self._future = self._foreseen(2 * STEPS)[:, 1::2]

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Nothing to forget."""

    def predict(
        self,
        worlds: NDArray[np.int64],
        track: Track,
        local_map: LocalMap,
        pose: NDArray[np.float64],
        out: Prediction,
    ) -> None:
        """Write the future of the given worlds, seen from the true poses."""
        poses = self._view().poses[:, 0]
        out.positions_ego[worlds, 0] = to_ego(self._future[worlds], poses[worlds])
        out.spread_m[worlds] = _SPREAD_M
        out.weights[worlds] = 1.0


@kernel
def _measure(
    clearance: NDArray[np.float32], origin: NDArray[np.float64], pose: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """The way in each direction, by steps as long as the clearance there."""
    rows, columns = clearance.shape
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    for way in range(WAYS):
        along_x = cos * DIRECTIONS[way, 0] - sin * DIRECTIONS[way, 1]
        along_y = sin * DIRECTIONS[way, 0] + cos * DIRECTIONS[way, 1]
        free_m = 0.0
        while free_m < WAY_M:
            column = int(np.floor((pose[0] + free_m * along_x - origin[0]) / CELL_M))
            row = int(np.floor((pose[1] + free_m * along_y - origin[1]) / CELL_M))
            if not (0 <= row < rows and 0 <= column < columns) or clearance[row, column] <= 0.0:
                break
            free_m += max(float(clearance[row, column]), 0.5 * CELL_M)
        out[way] = min(free_m, WAY_M)


@kernel
def _crop(
    clearance: NDArray[np.float32],
    origin: NDArray[np.float64],
    pose: NDArray[np.float64],
    centers: NDArray[np.float64],
    reach_m: float,
    out: NDArray[np.float32],
) -> None:
    """Occupied where an obstacle reaches into the circle inscribed in a cell, free elsewhere."""
    rows, columns = clearance.shape
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    for i in range(centers.shape[0]):
        for j in range(centers.shape[1]):
            ahead, left = centers[i, j]
            column = int(np.floor((pose[0] + cos * ahead - sin * left - origin[0]) / CELL_M))
            row = int(np.floor((pose[1] + sin * ahead + cos * left - origin[1]) / CELL_M))
            open_ = 0 <= row < rows and 0 <= column < columns and clearance[row, column] >= reach_m
            out[0, i, j], out[1, i, j] = (0.0, 1.0) if open_ else (1.0, 0.0)
