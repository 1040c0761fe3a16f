"""`RSPT/TrackState-v0`: the tracking world whose observation is the structure-aware state."""

from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.utils import EzPickle
from numpy.typing import NDArray

from envs.actions import checked_action
from envs.arrays import Array
from envs.batch import PrivilegedView
from envs.spaces import ActionKind, action_space
from envs.track import TrackEnv
from envs.view import RENDER_MODES, usable_render_modes
from rspt.perceiver import Ablation, Perceiver, perception_settings, settings_for
from rspt.perception.pipeline import LocalizerName
from rspt.state_view import state_picture

Observation = dict[str, Array]


class TrackStateEnv(gymnasium.Env[Observation, Any], EzPickle):
    """Keep a moving target in view at 2.5 m distance, seeing the structure-aware state of `rspt.perception.state`.

    Args:
        render_mode: `rgb_array`, `human` (PyBullet's window) or None.
        action: `continuous`, a Box of forward speed and turn rate in [-1, 1], or `discrete7`.
        localizer: `mask`, `box` or `video`.
        predictor: `learned`, `kalman`, `constant_velocity`, `constant_position`, or a file of weights.
        ablation: `none`, `no_map`, `single_frame`, `true_map`, `no_prediction`, `no_belief`,
            `true_future` or `frames`.
        arguments: as `RSPT/Track-v0` takes them.

    Raises:
        ValueError: for arguments that are unknown, out of range or do not fit each other.
        PredictorError: for a file of weights that cannot be used.
        LayoutError: for a layout that cannot be played.
        RenderError: for a renderer that does not work here.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": list(RENDER_MODES), "render_fps": 10}  # type: ignore[misc]

    def __init__(
        self,
        *,
        render_mode: str | None = None,
        action: ActionKind = "continuous",
        localizer: LocalizerName = "mask",
        predictor: str = "learned",
        ablation: Ablation = "none",
        **arguments: Any,
    ) -> None:
        own = {"localizer": localizer, "predictor": predictor, "ablation": ablation}
        EzPickle.__init__(self, render_mode=render_mode, action=action, **own, **arguments)
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_modes": usable_render_modes()}  # type: ignore[misc]
        perception = perception_settings(**own)
        self.action_space = action_space(action)
        self._discrete = action == "discrete7"
        self._world = TrackEnv(render_mode=render_mode, **settings_for(perception, arguments, "render_mode", "action"))
        self.settings = self._world.settings
        try:
            self._perceiver = Perceiver(self._world.batch, perception, threads=1)
        except BaseException:
            self._world.close()
            raise
        self.observation_space = self._perceiver.state_space  # type: ignore[assignment]

    @property
    def perceiver(self) -> Perceiver:
        """Perception with its map, track and prediction."""
        return self._perceiver

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode, see `TrackEnv.reset`."""
        if seed is not None:
            super().reset(seed=int(seed))
        _, info = self._world.reset(seed=seed, options=options)
        self._perceiver.begin()
        return self._observation(), info

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Move for 0.1 s.

        Raises:
            ValueError: for an action that is not in the action space.
            gymnasium.error.ResetNeeded: before the first reset and after the end of an episode.
        """
        chosen = checked_action(action, discrete=self._discrete, player="tracker")
        _, reward, terminated, truncated, info = self._world.step(chosen)
        self._perceiver.follow(chosen[None])
        return self._observation(), reward, terminated, truncated, info

    def render(self) -> NDArray[np.uint8] | None:
        """The robot's view, the egocentric map with past and predicted paths, and the scene from above, (H, W, 3)."""
        picture = self._world.render()
        return None if picture is None else state_picture(picture, self._perceiver, 0)

    def privileged_view(self) -> PrivilegedView:
        """The truth, for teachers and debugging."""
        return self._world.privileged_view()

    def close(self) -> None:
        """Free the physics client; a second call does nothing."""
        self._perceiver.close()
        self._world.close()

    def _observation(self) -> Observation:
        return {name: array[0].copy() for name, array in self._perceiver.state.items()}
