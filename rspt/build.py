"""Composition: the trackers of the program, made of `envs`, `agents` and perception."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.agent import Agent, Share
from agents.baselines import make_baseline
from agents.oracle import Manner, Oracle
from envs.layouts.free_space import BODY_RADIUS_M, CELL_M, MARGIN_M, FreeSpace
from envs.paths import PathWorkspace, find_path, nearest_free_cell, shorten
from rspt.percept import percept_of

_MAX_EXPANDED = 200_000
_NEAREST_CELLS = 20
_KEEP_M = 0.45
"""Clearance in metres that is enough to cut a corner of a path."""


def make_agent(name: str, *, share: Share | None = None) -> Agent:
    """A tracker by its name.

    Args:
        name: of the tracker.
        share: runs the work on parts of the worlds; one after another in this thread if None.

    Raises:
        ValueError: for an unknown name.
    """
    return make_baseline(name, read=percept_of, search=path_search(), share=share)


def make_oracle(*, share: Share | None = None, manner: Manner | None = None) -> Oracle:
    """The privileged planner, which can also say how much worse other actions are."""
    return Oracle(path_search(), share=share, manner=manner)


def path_search() -> Callable[[Any, NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]:
    """The path search of the worlds in the form that planners take: positions in, waypoints (K, 2) out.

    The space is a `FreeSpace`, or has its `origin` and `clearance` in cells of the same size.
    """
    workspace = PathWorkspace.sized(1, max_expanded=1)

    def search(space: Any, start: NDArray[np.float64], goal: NDArray[np.float64]) -> NDArray[np.float64]:
        nonlocal workspace
        region = space.region if isinstance(space, FreeSpace) else _region(space.clearance)
        if len(workspace.cost) < region.size:
            workspace = PathWorkspace.sized(region.size, max_expanded=_MAX_EXPANDED)
        ends = [nearest_free_cell(region, _cell_of(space, end), _NEAREST_CELLS) for end in (start, goal)]
        cells = find_path(space.clearance, region, ends[0], ends[1], workspace, max_expanded=_MAX_EXPANDED, greed=1.2)
        if not len(cells):
            return np.zeros((0, 2))
        middle = shorten(cells, space.clearance, space.origin, CELL_M, _KEEP_M)
        return np.concatenate([start[None], middle, goal[None]])

    return search


def _region(clearance: NDArray[np.float32]) -> NDArray[np.uint8]:
    region: NDArray[np.uint8] = (clearance >= BODY_RADIUS_M + MARGIN_M).astype(np.uint8)
    return region


def _cell_of(space: Any, position: NDArray[np.float64]) -> NDArray[np.int64]:
    """Row and column of a position, clipped to the grid."""
    cell = np.floor((position - space.origin) / CELL_M).astype(np.int64)[::-1]
    clipped: NDArray[np.int64] = np.clip(cell, 0, np.array(space.clearance.shape) - 1)
    return clipped
