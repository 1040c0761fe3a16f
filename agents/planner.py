"""The model-based tracker: plans on the reconstructed map to where the target should be. It is told no truth."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from agents.agent import DISTANCE_M, Observation, Percept, Reader, View, actions_of, body_of
from agents.drive import DT_S, STEPS
from agents.grids import way_ahead
from agents.oracle import KEEP_M, LOOK_AHEAD_M, Search, has_direct_way
from agents.rollouts import best_command
from agents.scene import Scene

_FINER = 3
"""Each cell of the state's map becomes so many by so many: on coarser ones no planner gets through doors."""
_OCCUPIED = 0.3
"""A cell is an obstacle from this certainty on."""
_INSET_M = 0.1
"""What a cell holds begins so far within it: cells are seldom full, and taken for full they close passages."""
_CLEARANCE_MAX_M = 1.0
_GIVEN_UP_S = 4.0
"""Unseen for longer, in seconds, a target is searched for by turning round where it should be."""
_ARRIVED_M = 1.0
_SEARCH_RADPS = 1.2
_NEAR_M = 0.45
"""No obstacle is believed nearer to the target than this, in metres."""


class EgoSpace(NamedTuple):
    """The reconstructed surroundings as a planner reads them; x is forward, y is left, row is y, column is x."""

    origin: NDArray[np.float64]
    clearance: NDArray[np.float32]
    opaque: NDArray[np.uint8]


class Planner:
    """Plans as the oracle does, on what it has seen: the fused map, the track and the prediction.

    While the target is hidden it drives to where the prediction puts it now; arrived there without seeing it, or after
    four seconds, it turns round on the spot.

    Args:
        read: reads the observation.
        search: finds a path in an `EgoSpace`.
        distance_m: the distance to keep in metres.
    """

    privileged = False

    def __init__(self, read: Reader, search: Search, *, distance_m: float = DISTANCE_M) -> None:
        self._read, self._search, self._distance_m = read, search, distance_m
        self._side = np.ones(0)

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Forget on which side the targets of the worlds (B,) were seen."""
        if len(self._side) != len(which):
            self._side = np.ones(len(which))
        self._side[which] = 1.0

    def act(self, observation: Observation, view: View | None = None) -> NDArray[np.float64]:
        """Actions (B, 2).

        Raises:
            ValueError: if the number of worlds is not that of the last `reset`.
        """
        percept = self._read(observation)
        if len(percept.target) != len(self._side):
            raise ValueError(f"the observation holds {len(percept.target)} worlds, reset was told of {len(self._side)}")
        commands = np.empty((len(percept.target), 2))
        for world in range(len(commands)):
            commands[world] = self._command(world, percept)
        return actions_of(commands, percept.limits)

    def _command(self, world: int, percept: Percept) -> tuple[float, float]:
        path = believed_path(percept, world)
        target = path[0]
        if np.isfinite(target[1]) and target[1] != 0.0:
            self._side[world] = np.sign(target[1])
        lost = not percept.seen[world] and (
            not np.isfinite(target).all() or percept.age_s[world] > _GIVEN_UP_S or np.hypot(*target) < _ARRIVED_M
        )
        if lost:
            return 0.0, _SEARCH_RADPS * float(self._side[world])
        space = ego_space(percept, world, target)
        cell_m = percept.cell_m / _FINER
        here = np.zeros(2)
        is_direct = has_direct_way(space, cell_m, here, target, self._distance_m)
        route = target[None]
        if not is_direct:
            found = np.ascontiguousarray(self._search(space, here, target))
            ahead = way_ahead(found, space.clearance, space.origin, cell_m, 0.0, 0.0, KEEP_M, LOOK_AHEAD_M)
            route = ahead if len(ahead) else route
        room_behind_m = float(percept.room_behind_m[world])
        grid = (space.clearance, space.opaque, space.origin, cell_m)
        scene = Scene(*grid, path[None], route, is_direct, room_behind_m)
        body = body_of(percept.limits[world])
        command: tuple[float, float] = best_command(scene, body, np.zeros(3), percept.velocity[world], self._distance_m)
        return command


def believed_path(percept: Percept, world: int) -> NDArray[np.float64]:
    """Where the target should be from now on, step by step (STEPS + 1, 2), in the ego frame; NaN if never seen."""
    times, places = percept.times_s, percept.predicted[world]
    if percept.seen[world]:
        times, places = np.append(0.0, times), np.concatenate([percept.target[world][None], places])
    elif len(times) > 1:  # the prediction knows the walls that the filter coasts through
        slope = (places[1] - places[0]) / (times[1] - times[0])
        times, places = np.append(0.0, times), np.concatenate([places[:1] - times[0] * slope, places])
    ahead_s = DT_S * np.arange(STEPS + 1)
    return np.stack([np.interp(ahead_s, times, places[:, axis]) for axis in range(2)], axis=1)


def ego_space(percept: Percept, world: int, target: NDArray[np.float64]) -> EgoSpace:
    """The map around a robot, as fine as the planner needs it; what is not known to be occupied is taken for free."""
    occupied = percept.occupied[world][::-1, ::-1].T > _OCCUPIED
    occupied = np.repeat(np.repeat(occupied, _FINER, axis=0), _FINER, axis=1)
    cell_m = percept.cell_m / _FINER
    origin = np.array([-percept.behind_m, -0.5 * len(occupied) * cell_m])
    rows = origin[1] + (np.arange(len(occupied)) + 0.5) * cell_m
    columns = origin[0] + (np.arange(len(occupied)) + 0.5) * cell_m
    # neither the robot nor its target stands in an obstacle
    for x, y, radius in ((0.0, 0.0, 0.25), (target[0], target[1], _NEAR_M)):
        occupied &= (rows[:, None] - y) ** 2 + (columns[None] - x) ** 2 > radius**2
    clearance = np.full(occupied.shape, _CLEARANCE_MAX_M, dtype=np.float32)
    if occupied.any():
        clear_m = distance_transform_edt(~occupied) * cell_m - 0.5 * cell_m + _INSET_M * ~occupied
        clearance[:] = np.clip(clear_m, 0.0, _CLEARANCE_MAX_M)
    return EgoSpace(origin, clearance, occupied.astype(np.uint8))
