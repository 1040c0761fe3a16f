"""`RSPT/Track-v0`: one tracker, a scripted target, the Gymnasium interface."""

from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.utils import EzPickle
from numpy.typing import NDArray

from envs.actions import checked_action
from envs.batch import PrivilegedView, WorldBatch
from envs.one_world import Observation, OneWorld
from envs.seeds import checked_seed
from envs.spaces import ActionKind, action_space, tracker_observation_space
from envs.view import RENDER_MODES, usable_render_modes
from envs.world_settings import WorldSettings, world_settings


class TrackEnv(gymnasium.Env[Observation, Any], EzPickle):
    """Keep a moving target in view at 2.5 m distance, through clutter.

    A copy or an unpickled environment is a new one with the same arguments; it needs a reset.

    Args:
        render_mode: `rgb_array`, `human` (PyBullet's window) or None.
        action: `continuous`, a Box of forward speed and turn rate in [-1, 1], or `discrete7`.
        arguments: fields of `envs.world_settings.WorldSettings`, and `resolution=(width, height)`.

    Raises:
        ValueError: for arguments that are unknown or out of range, or a target that no script moves.
        LayoutError: for a layout that cannot be played.
        RenderError: for a renderer that does not work here.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": list(RENDER_MODES), "render_fps": 10}  # type: ignore[misc]

    def __init__(self, *, render_mode: str | None = None, action: ActionKind = "continuous", **arguments: Any) -> None:
        EzPickle.__init__(self, render_mode=render_mode, action=action, **arguments)
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_modes": usable_render_modes()}  # type: ignore[misc]
        self.settings = one_seat(world_settings("render_mode", "action", **arguments))
        self.observation_space = tracker_observation_space(self.settings)  # type: ignore[assignment]
        self.action_space = action_space(action)
        self._discrete = action == "discrete7"
        self._world = OneWorld(self.settings, render_mode=render_mode)

    @property
    def batch(self) -> WorldBatch:
        """The batch that holds the world."""
        return self._world.batch

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: of this episode and, as a counter, of those that follow.
            options: `layout_seed` repeats the layout of the episode that reported it.
        """
        if seed is not None:
            super().reset(seed=checked_seed(seed))
        self._world.reset(seed=seed, options=options)
        return self._world.observation(), self._world.info()

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Move for 0.1 s.

        Raises:
            ValueError: for an action that is not in the action space.
            gymnasium.error.ResetNeeded: before the first reset and after the end of an episode.
        """
        out = self._world.step(checked_action(action, discrete=self._discrete, player="tracker"))
        reward, terminated, truncated = float(out.reward[0]), bool(out.terminated[0]), bool(out.truncated[0])
        return self._world.observation(), reward, terminated, truncated, self._world.info()

    def render(self) -> NDArray[np.uint8] | None:
        """The robot's view beside the scene from above, (H, W, 3); None where the window shows it or no mode is set."""
        return self._world.render()

    def privileged_view(self) -> PrivilegedView:
        """The truth, for teachers and debugging."""
        return self._world.privileged_view()

    def close(self) -> None:
        """Free the physics client; a second call does nothing."""
        self._world.close()


def one_seat(settings: WorldSettings) -> WorldSettings:
    """The settings, if every target moves by itself.

    Raises:
        ValueError: if a second player should act for a target.
    """
    if any(policy is None for policy in settings.target_policy):
        raise ValueError(
            "target_policy='external' needs a second player, and this environment has one seat:"
            " use envs.duel_v0.parallel_env(...) (PettingZoo), or drive envs.batch.WorldBatch"
        )
    return settings
