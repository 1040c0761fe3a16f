"""The `evade` policy: a scripted adversary that runs to places which the tracker does not see."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from envs.jit import kernel
from envs.layouts.free_space import CELL_M
from envs.paths import sees
from envs.settings import Settings
from envs.targets.pace import MetresRange
from envs.targets.planning import Situation, cells_around, route
from envs.targets.state import EVADE

_ROUTES = 3
_MAX_EXPANDED = 2_500  # a way that takes more is no quick one
_DETOUR = 1.5
_NOWHERE = np.zeros((0, 2))
_HIDDEN_BONUS = 6.0
_DEEP_BONUS = 3.0  # also hidden from where the evader is now, and so from a tracker that follows it there
_NEAR_TRACKER_M = 2.5


class EvadePolicy(Settings):
    """Looks for cover again and again; runs while it is seen."""

    name: Literal["evade"] = "evade"
    """The policy's name."""
    distance_m: MetresRange = (2.0, 9.0)
    """Range of the straight distance to a hiding place in metres."""
    candidates: int = Field(32, ge=4, le=256)
    """Random places looked at for each plan."""
    replan_s: float = Field(1.0, ge=0.1, le=60.0)
    """Seconds after which a hiding place that the tracker sees by now is given up."""
    patience_s: float = Field(1.0, ge=0.2, le=60.0)
    """Seconds without progress after which another place is chosen."""

    def write(self, mover: Any, *, dt_s: float) -> None:
        """Copy the settings into a mover's record."""
        mover["kind"] = EVADE
        mover["patience"] = round(self.patience_s / dt_s)
        mover["replan"] = round(self.replan_s / dt_s)


def plan_hideout(policy: EvadePolicy, situation: Situation, rng: np.random.Generator) -> NDArray[np.float64]:
    """Waypoints (K, 2) in metres from the grid's corner to the best hiding place found; (0, 2) if none was reached.

    Args:
        policy: the settings.
        situation: where the evader and the tracker (row 0) are.
        rng: the world's generator.
    """
    numbers = rng.random((policy.candidates, 2))
    start, space = situation.start_cell(), situation.space
    if start[0] < 0:
        return _NOWHERE
    near_m, far_m = policy.distance_m
    cells = cells_around(space.region, start[0], start[1], near_m, far_m, numbers)
    merit = hideout_merit(space.opaque, cells, start, space.cell_of(situation.poses[0, :2]))
    avoid = situation.discs_of_others()
    first = _NOWHERE
    for i in np.argsort(-merit, kind="stable")[:_ROUTES]:
        waypoints = route(situation, start, cells[i], avoid=avoid, max_expanded=_MAX_EXPANDED)
        if len(waypoints) < 2:
            continue
        length = np.hypot(*np.diff(waypoints, axis=0).T).sum()
        if length <= _DETOUR * np.hypot(*(waypoints[-1] - waypoints[0])) + 0.5:
            return waypoints
        first = first if len(first) else waypoints
    return first


@kernel
def hideout_merit(
    opaque: NDArray[np.uint8], cells: NDArray[np.int64], me: NDArray[np.int64], tracker: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How good each cell (K, 2) is to hide: unseen, quick to reach, far from the tracker and not behind it."""
    merit = np.empty(len(cells))
    for i in range(len(cells)):
        row, column = cells[i, 0], cells[i, 1]
        my_way = CELL_M * np.hypot(row - me[0], column - me[1])
        its_way = CELL_M * np.hypot(row - tracker[0], column - tracker[1])
        merit[i] = 0.4 * its_way - 0.7 * my_way
        if not sees(opaque, tracker[0], tracker[1], row, column):
            merit[i] += _HIDDEN_BONUS
            if not sees(opaque, me[0], me[1], row, column):
                merit[i] += _DEEP_BONUS
        merit[i] -= 4.0 * max(_NEAR_TRACKER_M - _passing_m(me, row, column, tracker), 0.0)
    return merit


@kernel
def _passing_m(me: NDArray[np.int64], row: int, column: int, tracker: NDArray[np.int64]) -> float:
    """How near, in metres, the straight way from `me` to a cell passes the tracker, beyond being near already."""
    along_row, along_column = float(row - me[0]), float(column - me[1])
    off_row, off_column = float(tracker[0] - me[0]), float(tracker[1] - me[1])
    square = max(along_row**2 + along_column**2, 1.0)
    share = min(max((off_row * along_row + off_column * along_column) / square, 0.0), 1.0)
    if share <= 0.0:
        return np.inf
    return float(CELL_M * np.hypot(off_row - share * along_row, off_column - share * along_column))
