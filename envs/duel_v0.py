"""The two-player world for PettingZoo: `from envs import duel_v0; duel_v0.parallel_env(layout="blocks")`."""

from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from gymnasium.utils import EzPickle
from numpy.typing import NDArray
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils import parallel_to_aec, wrappers

from envs.actions import checked_action
from envs.batch import PrivilegedView, WorldBatch
from envs.one_world import Observation, OneWorld
from envs.spaces import ActionKind, action_space, target_observation_space, tracker_observation_space
from envs.target_view import target_observations
from envs.view import RENDER_MODES, usable_render_modes
from envs.world_settings import world_settings

AGENTS = ("tracker", "target")
Observations = dict[str, Observation]
PerAgent = dict[str, Any]


class DuelEnv(ParallelEnv, EzPickle):  # type: ignore[misc]
    """A tracker and a target that act at the same time, with spaces and rewards of their own.

    The tracker sees what `RSPT/Track-v0` shows; the target sees the true map around it, the tracker and its last
    action (`envs.target_view`). The tracker's reward is r1, the target's r2 of AD-VAT (`envs.rewards`).

    Args:
        render_mode: `rgb_array`, `human` (PyBullet's window) or None.
        action: of both players: `continuous` or `discrete7`.
        max_cycles: short for `episode_steps`.
        arguments: fields of `envs.world_settings.WorldSettings`; `target_policy` other than `external` seats a script
            on the target, whose actions are then ignored.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "rspt_duel_v0",
        "render_modes": list(RENDER_MODES),
        "render_fps": 10,
        "is_parallelizable": True,
    }

    def __init__(
        self,
        *,
        render_mode: str | None = None,
        action: ActionKind = "continuous",
        max_cycles: int | None = None,
        **arguments: Any,
    ) -> None:
        EzPickle.__init__(self, render_mode=render_mode, action=action, max_cycles=max_cycles, **arguments)
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_modes": usable_render_modes()}  # type: ignore[misc]
        if max_cycles is not None:
            arguments["episode_steps"] = max_cycles
        self.settings = world_settings(
            "render_mode", "action", "max_cycles", **{"target_policy": "external", **arguments}
        )
        self.possible_agents = list(AGENTS)
        self.agents: list[str] = []
        self._spaces = {
            "tracker": (tracker_observation_space(self.settings), action_space(action)),
            "target": (target_observation_space(), action_space(action)),
        }
        self._discrete = action == "discrete7"
        self._world = OneWorld(self.settings, render_mode=render_mode)
        self._last_action = np.zeros(2)

    @property
    def batch(self) -> WorldBatch:
        """The batch that holds the world."""
        return self._world.batch

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The observation space of a player, the same object at each call."""
        return self._spaces[agent][0]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The action space of a player, the same object at each call."""
        return self._spaces[agent][1]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, dict[str, Any]]]:
        """Begin an episode; `options={"layout_seed": ...}` repeats a layout."""
        self._world.reset(seed=seed, options=options)
        self.agents = list(AGENTS)
        self._last_action[:] = 0.0
        return self._observations(), self._infos()

    def step(self, actions: PerAgent) -> tuple[Observations, PerAgent, PerAgent, PerAgent, PerAgent]:
        """Move both players for 0.1 s.

        Args:
            actions: one for each player that is still playing.

        Raises:
            ValueError: for missing or unknown players and for actions outside their space.
            gymnasium.error.ResetNeeded: before the first reset and after the end of an episode.
        """
        if set(actions) != set(AGENTS):
            raise ValueError(f"step() needs one action for each of {list(AGENTS)}, got {sorted(actions)}")
        chosen = {agent: checked_action(actions[agent], discrete=self._discrete, player=agent) for agent in AGENTS}
        out = self._world.step(chosen["tracker"], chosen["target"])
        self._last_action = np.asarray(chosen["tracker"], dtype=np.float64)
        observations, infos = self._observations(), self._infos()
        if out.done[0]:
            self.agents = []
        return (
            observations,
            {"tracker": float(out.reward[0]), "target": float(out.target_reward[0])},
            dict.fromkeys(AGENTS, bool(out.terminated[0])),
            dict.fromkeys(AGENTS, bool(out.truncated[0])),
            infos,
        )

    def render(self) -> NDArray[np.uint8] | None:
        """The robot's view beside the scene from above, (H, W, 3); None where the window shows it or no mode is set."""
        return self._world.render()

    def privileged_view(self) -> PrivilegedView:
        """The truth, for teachers and debugging."""
        return self._world.privileged_view()

    def close(self) -> None:
        """Free the physics client; a second call does nothing."""
        self._world.close()

    def _observations(self) -> Observations:
        target = target_observations(self._world.privileged_view(), self._last_action[None])
        return {"tracker": self._world.observation(), "target": {name: array[0] for name, array in target.items()}}

    def _infos(self) -> dict[str, dict[str, Any]]:
        return {agent: self._world.info() for agent in AGENTS}


def parallel_env(**arguments: Any) -> DuelEnv:
    """The environment in which both players act at the same time; arguments of `DuelEnv`."""
    return DuelEnv(**arguments)


def raw_env(**arguments: Any) -> AECEnv:
    """The environment in which the players take turns, as PettingZoo's AEC interface asks for."""
    return parallel_to_aec(DuelEnv(**arguments))


def env(**arguments: Any) -> AECEnv:
    """`raw_env` with PettingZoo's checks of the order of calls."""
    return wrappers.OrderEnforcingWrapper(raw_env(**arguments))
