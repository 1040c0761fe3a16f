"""Trackers that are not learned: a proportional follower, and a planner that knows the truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.grids import is_drivable, sees, way_ahead
from agents.rollouts import DT_S, Body, Scene, best_command, predicted

DISTANCE_M = 2.5
"""The distance in metres that a tracker keeps."""
_KEEP_M = 0.33
"""Clearance in metres that a straight way needs for the planner to trust it."""
_REPLAN_M = 0.5
_LOOK_AHEAD_M = 4.0

Search = Callable[[Any, NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""From a space, a start (2,) and a goal (2,) to waypoints (K, 2) in world metres; (0, 2) where there is no way."""


class Pid:
    """A proportional follower: faces the target, keeps its distance, and looks for a target that it lost.

    It knows no map. When the target is missing it turns to where it was seen last, then keeps turning the same way.

    Args:
        body: the limits by which an action is scaled.
        distance_m: the distance to keep in metres.
    """

    distance_gain = 1.5
    turn_gain = 3.0
    search_radps = 1.0

    def __init__(self, *, body: Body | None = None, distance_m: float = DISTANCE_M) -> None:
        self._body = body or Body()
        self._distance_m = distance_m
        self._bearing = np.zeros(0)
        self._side = np.ones(0)

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Forget where the target of the worlds (B,) was seen."""
        if len(self._bearing) != len(which):
            self._bearing, self._side = np.zeros(len(which)), np.ones(len(which))
        self._bearing[which], self._side[which] = 0.0, 1.0

    def act(self, target_ego: NDArray[np.float64], velocity: NDArray[np.float64]) -> NDArray[np.float64]:
        """Actions (B, 2) from the target's position (B, 2), NaN where it is missing, and the own velocity (B, 2).

        Raises:
            ValueError: if the number of worlds is not that of the last `reset`.
        """
        if target_ego.shape != (len(self._bearing), 2) or velocity.shape != target_ego.shape:
            raise ValueError(
                f"target_ego and velocity must both be ({len(self._bearing)}, 2) as in reset,"
                f" not {target_ego.shape} and {velocity.shape}"
            )
        seen = np.isfinite(target_ego).all(axis=1)
        distance = np.hypot(target_ego[:, 0], target_ego[:, 1])
        bearing = np.where(seen, np.arctan2(target_ego[:, 1], target_ego[:, 0]), self._remembered(velocity))
        self._bearing = bearing
        self._side = np.where(seen & (bearing != 0.0), np.sign(bearing), self._side)

        speed = self.distance_gain * (np.where(seen, distance, self._distance_m) - self._distance_m)
        speed = np.where(speed > 0.0, speed * np.maximum(np.cos(bearing), 0.0), speed)
        turn = self.turn_gain * bearing
        turn = np.where(seen | (np.abs(turn) > self.search_radps), turn, self.search_radps * self._side)
        return actions_of(np.stack([speed, turn], axis=1), self._body)

    def _remembered(self, velocity: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where the target was seen last, as the own turning has moved it since; 0 once it was faced."""
        turned = self._bearing - velocity[:, 1] * DT_S
        remembered: NDArray[np.float64] = np.where(np.sign(turned) == np.sign(self._bearing), turned, 0.0)
        return remembered


class Space(Protocol):
    """A map as the planner reads it; row is y, column is x."""

    @property
    def origin(self) -> NDArray[np.float64]:
        """(2,) x and y in metres of the lower left corner of cell (0, 0)."""

    @property
    def clearance(self) -> NDArray[np.float32]:
        """(H, W) metres from a cell's centre to the nearest obstacle."""

    @property
    def opaque(self) -> NDArray[np.uint8]:
        """(H, W) 1 where the sight is blocked."""


class View(Protocol):
    """The truth about B worlds; the movers are the tracker, the target, then distractors."""

    @property
    def free_spaces(self) -> Sequence[Space]:
        """B maps."""

    @property
    def poses(self) -> NDArray[np.float64]:
        """(B, M, 3) x, y in metres and yaw in radians."""

    @property
    def velocities(self) -> NDArray[np.float64]:
        """(B, M, 2) forward speed in m/s and turn rate in rad/s."""


@dataclass
class _Plan:
    """A route to where the target was when it was planned."""

    route: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    goal: NDArray[np.float64] = field(default_factory=lambda: np.full(2, np.inf))


class Oracle:
    """A planner that knows the map and where everything is: the upper mark for every learned tracker.

    Each step it predicts the movers for 1.6 s, tries some sixty commands in a model of the drive, and takes the one
    with the best tracking that touches nothing. Where it cannot drive straight to the target it heads along a path,
    which is searched anew only when the target has left the end of the old one.

    Args:
        search: finds a path in a space.
        body: the robot's limits and camera.
        cell_m: edge of the spaces' cells in metres.
        distance_m: the distance to keep in metres.
    """

    def __init__(
        self, search: Search, *, body: Body | None = None, cell_m: float = 0.1, distance_m: float = DISTANCE_M
    ) -> None:
        self._search = search
        self._body = body or Body()
        self._cell_m = cell_m
        self._distance_m = distance_m
        self._plans: list[_Plan] = []

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Forget the plans of the worlds (B,) whose episode starts."""
        if len(self._plans) != len(which):
            self._plans = [_Plan() for _ in which]
        for world in np.flatnonzero(which):
            self._plans[world] = _Plan()

    def act(self, view: View) -> NDArray[np.float64]:
        """Actions (B, 2).

        Raises:
            ValueError: if the number of worlds is not that of the last `reset`.
        """
        if len(view.poses) != len(self._plans) or len(view.free_spaces) != len(self._plans):
            raise ValueError(f"the view holds {len(view.poses)} worlds, reset was told of {len(self._plans)}")
        commands = np.empty((len(view.poses), 2))
        for world, space in enumerate(view.free_spaces):
            poses, velocities = view.poses[world], view.velocities[world]
            scene = self._scene(self._plans[world], space, poses, velocities)
            commands[world] = best_command(scene, self._body, poses[0], velocities[0], self._distance_m)
        return actions_of(commands, self._body)

    def _scene(self, plan: _Plan, space: Space, poses: NDArray[np.float64], velocities: NDArray[np.float64]) -> Scene:
        x, y = poses[0, :2]
        target = poses[1, :2]
        grid = (space.clearance, space.origin, self._cell_m)
        gap = float(np.hypot(*(target - poses[0, :2])))
        stop = target + (poses[0, :2] - target) * min(self._distance_m / max(gap, 1e-6), 1.0)
        is_direct = bool(
            is_drivable(*grid, x, y, stop[0], stop[1], _KEEP_M)
            and sees(space.opaque, space.origin, self._cell_m, x, y, target[0], target[1])
        )
        route = target[None] if is_direct else self._route(plan, space, poses[0, :2], target)
        movers = predicted(poses[1:], velocities[1:], *grid, self._body.radius_m)
        return Scene(space.clearance, space.opaque, space.origin, self._cell_m, movers, route, is_direct)

    def _route(
        self, plan: _Plan, space: Space, tracker: NDArray[np.float64], target: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Points (K, 2) to drive to one after the other."""
        grid = (space.clearance, space.origin, self._cell_m, tracker[0], tracker[1], _KEEP_M, _LOOK_AHEAD_M)
        if np.hypot(*(plan.goal - target)) <= _REPLAN_M and len(plan.route):
            ahead: NDArray[np.float64] = way_ahead(plan.route, *grid)
            if len(ahead):
                return ahead
        plan.route, plan.goal = np.ascontiguousarray(self._search(space, tracker, target)), target.copy()
        ahead = way_ahead(plan.route, *grid)
        return ahead if len(ahead) else target[None]


def actions_of(commands: NDArray[np.float64], body: Body) -> NDArray[np.float64]:
    """Actions (B, 2) in [-1, 1] that ask for speeds in m/s and turn rates in rad/s (B, 2)."""
    forward = np.where(commands[:, 0] >= 0.0, body.speed_max_mps, max(body.reverse_max_mps, 1e-9))
    scaled = commands / np.stack([forward, np.full(len(commands), body.turn_max_radps)], axis=1)
    actions: NDArray[np.float64] = np.clip(scaled, -1.0, 1.0)
    return actions
