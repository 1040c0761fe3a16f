"""Composition: the players of the program, made of `envs`, `agents` and perception."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agents.baselines import Oracle, Pid, View
from envs.layouts.free_space import CELL_M, FreeSpace
from envs.paths import PathWorkspace, find_path, nearest_free_cell, shorten
from rspt.perception.state import State, entry_of

_MAX_EXPANDED = 200_000
_NEAREST_CELLS = 20
_KEEP_M = 0.45
"""Clearance in metres that is enough to cut a corner of a path."""


class Player(Protocol):
    """A tracker for B worlds: it sees the structure-aware state, and the truth if it is a privileged one."""

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Begin new episodes in the worlds (B,)."""

    def act(self, state: State, view: View) -> NDArray[np.float64]:
        """Actions (B, 2) in [-1, 1] from the states and the truth."""


class PidPlayer:
    """The proportional follower on the target that the state shows as seen; it does not look at the truth."""

    def __init__(self) -> None:
        self._pid = Pid()

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Begin new episodes in the worlds (B,)."""
        self._pid.reset(which)

    def act(self, state: State, view: View) -> NDArray[np.float64]:
        """Actions (B, 2) from the state alone."""
        vector = state["vector"]
        seen = entry_of(vector, "target_seen") > 0.5
        return self._pid.act(np.where(seen, entry_of(vector, "target_position"), np.nan), entry_of(vector, "velocity"))


class OraclePlayer:
    """The privileged planner; it does not look at the state."""

    def __init__(self) -> None:
        self._oracle = Oracle(path_search(), cell_m=CELL_M)

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Begin new episodes in the worlds (B,)."""
        self._oracle.reset(which)

    def act(self, state: State, view: View) -> NDArray[np.float64]:
        """Actions (B, 2) from the truth alone."""
        return self._oracle.act(view)


PLAYERS: dict[str, Callable[[], Player]] = {"pid": PidPlayer, "oracle": OraclePlayer}
"""The trackers by the names that configs and commands use."""


def path_search() -> Callable[[FreeSpace, NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]:
    """The path search of the worlds in the form that the baselines take: positions in, waypoints (K, 2) out."""
    workspace = PathWorkspace.sized(1, max_expanded=1)

    def search(space: FreeSpace, start: NDArray[np.float64], goal: NDArray[np.float64]) -> NDArray[np.float64]:
        nonlocal workspace
        if len(workspace.cost) < space.region.size:
            workspace = PathWorkspace.sized(space.region.size, max_expanded=_MAX_EXPANDED)
        ends = [nearest_free_cell(space.region, space.cell_of(end), _NEAREST_CELLS) for end in (start, goal)]
        cells = find_path(
            space.clearance, space.region, ends[0], ends[1], workspace, max_expanded=_MAX_EXPANDED, greed=1.2
        )
        if not len(cells):
            return np.zeros((0, 2))
        middle = shorten(cells, space.clearance, space.origin, CELL_M, _KEEP_M)
        return np.concatenate([start[None], middle, goal[None]])

    return search
