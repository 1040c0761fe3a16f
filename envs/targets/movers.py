"""Scripted targets and distractors of many worlds: one kernel call per step, Python only where a plan is needed."""

import copy
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from envs.layouts.free_space import FreeSpace
from envs.paths import PathWorkspace
from envs.targets.evade import EvadePolicy, plan_hideout
from envs.targets.goal import GoalPolicy, plan_goal
from envs.targets.planning import MAX_EXPANDED, MAX_WAYPOINTS, Situation, route
from envs.targets.policy import Policy
from envs.targets.replay import ReplayPolicy
from envs.targets.state import BLOCKED, MOVER, NO_EVENT, REROUTE, GridPool, widened
from envs.targets.stepping import step_movers


class ScriptedMovers:
    """The movers 1, 2, ... of `num_worlds` worlds with `num_movers` movers each; mover 0 is the tracker.

    What a world's movers do depends on that world alone: on its layout, poses and generator.

    Attributes:
        grids: clearance and opacity of every world.
        deadlocked_steps: (W, M - 1) steps since the reset in which another mover kept this one from moving.
    """

    def __init__(self, num_worlds: int, num_movers: int, *, dt_s: float = 0.1) -> None:
        shape = (num_worlds, num_movers - 1)
        self.deadlocked_steps = np.zeros(shape, dtype=np.int64)
        self._dt_s = dt_s
        self._state = np.zeros(shape, dtype=MOVER)
        self._paths = np.zeros((*shape, MAX_WAYPOINTS, 2))
        self.grids = GridPool(num_worlds)
        self._policies: list[list[Policy | None]] = [[None] * (num_movers - 1) for _ in range(num_worlds)]
        self._spaces: list[FreeSpace | None] = [None] * num_worlds
        self._generators: list[np.random.Generator | None] = [None] * num_worlds
        self._workspace = PathWorkspace.sized(1, max_expanded=1)

    def reset(
        self,
        world: int,
        *,
        policies: Sequence[Policy | None],
        free_space: FreeSpace,
        poses: NDArray[np.float64],
        speed_max_mps: NDArray[np.float64],
        turn_max_radps: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> None:
        """Begin an episode in one world.

        Args:
            world: its row.
            policies: (M - 1) of the movers 1, 2, ...; None for one that somebody else acts for.
            free_space: of the world's layout.
            poses: (M, 3) where the movers start, x, y in metres and yaw in radians.
            speed_max_mps: (M,) top speed of each mover.
            turn_max_radps: (M,) greatest turn rate of each mover.
            rng: the world's generator; kept and drawn from whenever one of its movers plans.

        Raises:
            ValueError: if the number of policies or of poses does not fit.
            TrackError: if a replayed track leaves the free space or does not pass its mover.
            LayoutError: if a track fits nowhere.
        """
        count = self._state.shape[1]
        if len(policies) != count or np.shape(poses) != (count + 1, 3):
            raise ValueError(
                f"{count} policies and poses of shape {(count + 1, 3)} are needed,"
                f" got {len(policies)} and {np.shape(poses)}"
            )
        self._spaces[world], self._generators[world] = free_space, rng
        self._policies[world] = list(policies)
        self.grids.put(world, free_space.clearance, free_space.opaque, free_space.origin)
        if free_space.region.size > len(self._workspace.cost):
            self._workspace = PathWorkspace.sized(free_space.region.size, max_expanded=MAX_EXPANDED)
        self._state[world] = np.zeros((), dtype=MOVER)
        self.deadlocked_steps[world] = 0
        for index, policy in enumerate(policies):
            if policy is not None:
                self._start(world, index, policy, poses, speed_max_mps[index + 1], turn_max_radps[index + 1])

    def fork(self) -> "ScriptedMovers":
        """Movers that go on from here on their own: they share what an episode fixes and copy what a step changes."""
        other = copy.copy(self)
        other.deadlocked_steps, other._state, other._paths = (
            array.copy() for array in (self.deadlocked_steps, self._state, self._paths)
        )
        other._generators = copy.deepcopy(self._generators)
        return other

    def act(
        self, poses: NDArray[np.float64], velocities: NDArray[np.float64], active: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """The actions (W, M - 1, 2) in [-1, 1] of the scripted movers; 0 for the others and in inactive worlds.

        Args:
            poses: (W, M, 3) x, y in metres and yaw in radians.
            velocities: (W, M, 2) measured forward speed in m/s and turn rate in rad/s.
            active: (W,) the worlds to act in.
        """
        for world, index in np.argwhere((self._state["event"] != NO_EVENT) & active[:, None]):
            self._plan(int(world), int(index), poses[world])
        actions = np.zeros((*self._state.shape, 2))
        grids = self.grids
        step_movers(
            self._state,
            self._paths,
            grids.clearance,
            grids.opaque,
            grids.shape,
            grids.origin,
            np.ascontiguousarray(poses, dtype=np.float64),
            np.ascontiguousarray(velocities, dtype=np.float64),
            active,
            self._dt_s,
            actions,
            self.deadlocked_steps,
        )
        return actions

    def _start(
        self, world: int, index: int, policy: Policy, poses: NDArray[np.float64], speed_max: float, turn_max: float
    ) -> None:
        rng, space = self._generators[world], self._spaces[world]
        assert rng is not None
        assert space is not None
        mover = self._state[world, index]
        mover["random"] = rng.integers(2**64, dtype=np.uint64)
        mover["speed_max"], mover["turn_max"] = speed_max, turn_max
        mover["side"] = 1.0 if rng.random() < 0.5 else -1.0
        policy.write(mover, dt_s=self._dt_s)
        if isinstance(policy, ReplayPolicy):
            points = policy.drivable(space, rng, start=poses[index + 1, :2], speed_max_mps=speed_max, dt_s=self._dt_s)
            self._set_path(world, index, points - space.origin)
            mover["clock"] = np.argmin(np.hypot(*(points - poses[index + 1, :2]).T))
        else:
            self._plan(world, index, poses)

    def _plan(self, world: int, index: int, poses: NDArray[np.float64]) -> None:
        """Answer the event of one mover."""
        policy, rng, space = self._policies[world][index], self._generators[world], self._spaces[world]
        assert rng is not None
        assert space is not None
        mover = self._state[world, index]
        event, mover["event"] = int(mover["event"]), NO_EVENT
        situation = Situation(space, self._workspace, poses, index + 1)
        if isinstance(policy, GoalPolicy):
            if event == REROUTE and mover["count"] > 1:
                self._reroute(world, index, situation)
                return
            self._set_path(world, index, plan_goal(policy, situation, rng, away_from_others=event == BLOCKED))
        elif isinstance(policy, EvadePolicy):
            self._set_path(world, index, plan_hideout(policy, situation, rng))

    def _reroute(self, world: int, index: int, situation: Situation) -> None:
        """Look for a way around the others to the same goal; keep the old path if there is none."""
        mover = self._state[world, index]
        mover["age"] = 0
        goal = self._paths[world, index, mover["count"] - 1] + situation.space.origin
        waypoints = route(
            situation, situation.start_cell(), situation.space.cell_of(goal), avoid=situation.discs_of_others()
        )
        if len(waypoints) > 1:
            stalled = int(mover["stalled"])
            self._set_path(world, index, waypoints)
            mover["stalled"] = stalled
            mover["least"] = np.hypot(*np.diff(waypoints, axis=0).T).sum()

    def _set_path(self, world: int, index: int, points: NDArray[np.float64]) -> None:
        """Give a mover points (K, 2) in metres from the grid's corner to go along; with none it keeps its path."""
        mover = self._state[world, index]
        mover["age"], mover["stalled"] = 0, 0
        if not len(points):
            return
        self._paths = widened(self._paths, len(points), axis=2)
        self._paths[world, index, : len(points)] = points
        mover["count"], mover["segment"], mover["least"] = len(points), 0, np.inf
        mover["clock"], mover["sense"] = 0.0, 1.0
