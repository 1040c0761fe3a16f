"""A planner that knows the map and where everything is: the upper mark for every learned tracker, and its teacher."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.agent import DISTANCE_M, Observation, Share, Space, View, actions_of, at_once, body_of
from agents.drive import Body, driven, predicted
from agents.grids import is_drivable, sees, way_ahead
from agents.regrets import Regrets
from agents.rollouts import SPEEDS, TURNS, judged_commands
from agents.scene import Comfort, Scene

KEEP_M = 0.33
"""Clearance in metres that a straight way needs for the planner to trust it."""
_REPLAN_M = 0.5
REGRET_MAX = 30.0
"""Regrets are not told beyond this: a touch costs 20 and more."""
LOOK_AHEAD_M = 4.0

Search = Callable[[Any, NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""From a space, a start (2,) and a goal (2,) to waypoints (K, 2) in metres; (0, 2) where there is no way."""


class Manner(NamedTuple):
    """How the planner drives.

    Attributes:
        comfort: how dear it is to pass obstacles closely.
        hidden_cost: of each step out of sight; 1 is a step of losing all of r1.
        turn_kept: share of its turn rate that a mover is expected to keep from one step to the next.
        meets_hidden: whether it heads for where a hidden target will be, and not for where it is: who circles an
            obstacle is to be met, not to be run after.
    """

    comfort: Comfort = Comfort()
    hidden_cost: float = 1.5
    turn_kept: float = 1.0
    meets_hidden: bool = True


TEACHES = Manner(Comfort(room_m=0.40), hidden_cost=3.0, turn_kept=0.7, meets_hidden=False)
"""For those who imitate it: they are less exact, and cannot know how a hidden target goes on."""


@dataclass
class _Plan:
    """A route to where the target was when it was planned."""

    route: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    goal: NDArray[np.float64] = field(default_factory=lambda: np.full(2, np.inf))


class Oracle:
    """The privileged planner.

    Each step it predicts the movers for 1.6 s, tries some sixty commands in a model of the drive, and takes the one
    with the best tracking that touches nothing. Where it cannot drive straight to the target it heads along a path
    to it, or to where a hidden target will be; the path is searched anew only when its end has moved. Actions that
    are still under way are reckoned with.

    Args:
        search: finds a path in a space.
        cell_m: edge of the spaces' cells in metres.
        distance_m: the distance to keep in metres.
        share: runs the work on parts of the worlds; one after another in this thread if None.
        manner: how it drives.
    """

    privileged = True

    def __init__(
        self,
        search: Search,
        *,
        cell_m: float = 0.1,
        distance_m: float = DISTANCE_M,
        share: Share | None = None,
        manner: Manner | None = None,
    ) -> None:
        self._search = search
        self._share = share or at_once
        self._cell_m = cell_m
        self._distance_m = distance_m
        self._manner = manner or Manner()
        self._plans: list[_Plan] = []

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Forget the plans of the worlds (B,) whose episode starts."""
        if len(self._plans) != len(which):
            self._plans = [_Plan() for _ in which]
        for world in np.flatnonzero(which):
            self._plans[world] = _Plan()

    def act(self, observation: Observation, view: View | None = None) -> NDArray[np.float64]:
        """Actions (B, 2) from the truth alone.

        Raises:
            ValueError: without a view, or if the number of worlds is not that of the last `reset`.
        """
        return self.judge(view, regret_max=0.0)[0]

    def judge(
        self,
        view: View | None,
        *,
        regret_max: float = REGRET_MAX,
        room_behind_m: NDArray[np.float64] | None = None,
        among: NDArray[np.bool_] | None = None,
        paths: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], Regrets]:
        """Actions (n, 2) from the truth alone, and how much worse others are, up to `regret_max`.

        Args:
            view: the truth.
            regret_max: likewise.
            room_behind_m: (n,) how far back the robots can have seen that nothing stands there: a planner that teaches
                does not back off farther, for those who learn from it do not know what it knows.
            among: (B,) the n worlds that are asked about; all if None.
            paths: (B, M, STEPS + 1, 2) where the target and the distractors will be from the time on when the next
                action takes effect, in metres; expected by how they move in worlds where it is NaN, in all if None.

        Raises:
            ValueError: without a view, or if the number of worlds is not that of the last `reset`.
        """
        if view is None:
            raise ValueError(
                "the oracle acts on the truth: act(observation, view) needs the environment's privileged_view()"
            )
        if len(view.poses) != len(self._plans) or len(view.free_spaces) != len(self._plans):
            raise ValueError(f"the view holds {len(view.poses)} worlds, reset was told of {len(self._plans)}")
        asked = np.arange(len(view.poses)) if among is None else np.flatnonzero(among)
        commands, edges = np.empty((len(asked), 2)), np.empty((len(asked), 2, 2))
        tables = np.empty((len(asked), SPEEDS, TURNS), dtype=np.float32)
        problems = [self._problem(world, view, None if paths is None else paths[world]) for world in asked.tolist()]

        def solve(rows: NDArray[np.int64]) -> None:
            for row in rows.tolist():
                scene, body, after = problems[row]
                if room_behind_m is not None:
                    scene = scene._replace(room_behind_m=float(room_behind_m[row]))
                judged = judged_commands(scene, body, after[:3], after[3:], self._distance_m, regret_max)
                commands[row], edges[row], tables[row] = judged[:2], np.reshape(judged[2:6], (2, 2)), judged[6]

        self._share(solve, np.arange(len(asked)))
        limits = view.limits[asked]
        backward = np.full(len(asked), Body().reverse_max_mps)
        units = np.stack([limits[:, 0], backward, limits[:, 1]], axis=1)
        return actions_of(commands, limits), Regrets(tables, edges[:, :, 0], edges[:, :, 1], units)

    def _problem(
        self, world: int, view: View, paths: NDArray[np.float64] | None
    ) -> tuple[Scene, Body, NDArray[np.float64]]:
        """The scene, the body, and pose and velocity (5,) from which the next action will be carried out."""
        body, space = body_of(view.limits[world]), view.free_spaces[world]
        poses, velocities, late = view.poses[world], view.velocities[world], view.under_way[world]
        after = driven(poses[0], velocities[0], late, body)
        grid = (space.clearance, space.origin, self._cell_m)
        movers = paths
        if movers is None or np.isnan(movers).any():
            movers = predicted(poses[1:], velocities[1:], *grid, body.radius_m, len(late), self._manner.turn_kept)
        return self._scene(self._plans[world], space, after[:2], movers), body, after

    def _scene(self, plan: _Plan, space: Space, tracker: NDArray[np.float64], movers: NDArray[np.float64]) -> Scene:
        target = movers[0, 0]
        is_direct = has_direct_way(space, self._cell_m, tracker, target, self._distance_m)
        route = target[None] if is_direct else self._route(plan, space, tracker, self._goal(space, tracker, movers[0]))
        grid = (space.clearance, space.opaque, space.origin, self._cell_m)
        return Scene(
            *grid, movers, route, is_direct, comfort=self._manner.comfort, hidden_cost=self._manner.hidden_cost
        )

    def _goal(self, space: Space, tracker: NDArray[np.float64], path: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where on the target's predicted path (STEPS + 1, 2) to go."""
        ahead = self._manner.meets_hidden and not sees(space.opaque, space.origin, self._cell_m, *tracker, *path[0])
        goal: NDArray[np.float64] = path[-1 if ahead else 0]
        return goal

    def _route(
        self, plan: _Plan, space: Space, tracker: NDArray[np.float64], target: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Points (K, 2) to drive to one after the other."""
        grid = (space.clearance, space.origin, self._cell_m, tracker[0], tracker[1], KEEP_M, LOOK_AHEAD_M)
        if np.hypot(*(plan.goal - target)) <= _REPLAN_M and len(plan.route):
            ahead: NDArray[np.float64] = way_ahead(plan.route, *grid)
            if len(ahead):
                return ahead
        plan.route, plan.goal = np.ascontiguousarray(self._search(space, tracker, target)), target.copy()
        ahead = way_ahead(plan.route, *grid)
        return ahead if len(ahead) else target[None]


def has_direct_way(
    space: Space, cell_m: float, tracker: NDArray[np.float64], target: NDArray[np.float64], distance_m: float
) -> bool:
    """Whether the target is in sight and nothing stands on the straight way to the distance to keep."""
    grid = (space.clearance, space.origin, cell_m)
    gap = float(np.hypot(*(target - tracker)))
    stop = target + (tracker - target) * min(distance_m / max(gap, 1e-6), 1.0)
    return bool(
        is_drivable(*grid, tracker[0], tracker[1], stop[0], stop[1], KEEP_M)
        and sees(space.opaque, space.origin, cell_m, tracker[0], tracker[1], target[0], target[1])
    )
