"""The two-player world in which the tracker sees the state: `from rspt import duel_state_v0`, for PettingZoo."""

from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from gymnasium.utils import EzPickle
from numpy.typing import NDArray
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils import parallel_to_aec, wrappers

from envs.actions import checked_action
from envs.batch import PrivilegedView
from envs.duel_v0 import DuelEnv, Observations, PerAgent
from envs.spaces import ActionKind
from rspt.perceiver import Ablation, Perceiver, perception_settings, settings_for
from rspt.perception.pipeline import LocalizerName
from rspt.state_view import state_picture

_DUEL_OWN = ("render_mode", "max_cycles")
"""Arguments of `DuelEnv` that are none of the worlds'."""


class DuelStateEnv(ParallelEnv, EzPickle):  # type: ignore[misc]
    """`envs.duel_v0` with the structure-aware state for the tracker; the target sees what it sees there.

    Args:
        action: of both players: `continuous` or `discrete7`.
        localizer: as in `RSPT/TrackState-v0`.
        predictor: likewise.
        ablation: likewise.
        arguments: as `envs.duel_v0.parallel_env` takes them.
    """

    metadata: ClassVar[dict[str, Any]] = {**DuelEnv.metadata, "name": "rspt_duel_state_v0"}

    def __init__(
        self,
        *,
        action: ActionKind = "continuous",
        localizer: LocalizerName = "mask",
        predictor: str = "learned",
        ablation: Ablation = "none",
        **arguments: Any,
    ) -> None:
        own = {"localizer": localizer, "predictor": predictor, "ablation": ablation}
        EzPickle.__init__(self, action=action, **own, **arguments)
        perception = perception_settings(**own)
        self._duel = DuelEnv(action=action, **settings_for(perception, arguments, "action", *_DUEL_OWN))
        self.metadata = {**self._duel.metadata, "name": "rspt_duel_state_v0"}  # type: ignore[misc]
        self.render_mode, self.settings = self._duel.render_mode, self._duel.settings
        try:
            self._perceiver = Perceiver(self._duel.batch, perception, threads=1)
        except BaseException:
            self._duel.close()
            raise
        self.possible_agents = list(self._duel.possible_agents)
        self._state_space = self._perceiver.state_space
        self._discrete = action == "discrete7"

    @property
    def agents(self) -> list[str]:
        """The players that are still playing."""
        return self._duel.agents

    @agents.setter
    def agents(self, value: list[str]) -> None:
        self._duel.agents = value

    @property
    def perceiver(self) -> Perceiver:
        """Perception with its map, track and prediction."""
        return self._perceiver

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The observation space of a player, the same object at each call."""
        return self._state_space if agent == "tracker" else self._duel.observation_space(agent)

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The action space of a player, the same object at each call."""
        return self._duel.action_space(agent)

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, dict[str, Any]]]:
        """Begin an episode; `options={"layout_seed": ...}` repeats a layout."""
        observations, infos = self._duel.reset(seed=seed, options=options)
        self._perceiver.begin()
        return self._with_state(observations), infos

    def step(self, actions: PerAgent) -> tuple[Observations, PerAgent, PerAgent, PerAgent, PerAgent]:
        """Move both players for 0.1 s."""
        observations, rewards, terminations, truncations, infos = self._duel.step(actions)
        chosen = checked_action(actions["tracker"], discrete=self._discrete, player="tracker")
        self._perceiver.follow(chosen[None])
        return self._with_state(observations), rewards, terminations, truncations, infos

    def render(self) -> NDArray[np.uint8] | None:
        """The robot's view, the egocentric map with past and predicted paths, and the scene from above, (H, W, 3)."""
        picture = self._duel.render()
        return None if picture is None else state_picture(picture, self._perceiver, 0)

    def privileged_view(self) -> PrivilegedView:
        """The truth, for teachers and debugging."""
        return self._duel.privileged_view()

    def close(self) -> None:
        """Free the physics client; a second call does nothing."""
        self._perceiver.close()
        self._duel.close()

    def _with_state(self, observations: Observations) -> Observations:
        state = {name: array[0].copy() for name, array in self._perceiver.state.items()}
        return {**observations, "tracker": state}


def parallel_env(**arguments: Any) -> DuelStateEnv:
    """The environment in which both players act at the same time; arguments of `DuelStateEnv`."""
    return DuelStateEnv(**arguments)


def raw_env(**arguments: Any) -> AECEnv:
    """The environment in which the players take turns, as PettingZoo's AEC interface asks for."""
    return parallel_to_aec(DuelStateEnv(**arguments))


def env(**arguments: Any) -> AECEnv:
    """`raw_env` with PettingZoo's checks of the order of calls."""
    return wrappers.OrderEnforcingWrapper(raw_env(**arguments))
