"""The vectorised form of `RSPT/TrackState-v0`: one perception for many worlds."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from gymnasium.utils import EzPickle
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.actions import checked_choices
from envs.arrays import Array
from envs.spaces import ActionKind, action_space
from envs.vector import TrackVectorEnv
from rspt.perceiver import Ablation, Perceiver, perception_settings, settings_for
from rspt.perception.pipeline import LocalizerName
from rspt.state_view import state_picture


class TrackStateVectorEnv(VectorEnv[dict[str, Array], Array, Array], EzPickle):
    """W worlds of `RSPT/TrackState-v0`; `gymnasium.make_vec("RSPT/TrackState-v0", num_envs=W)` makes it.

    World i equals a single environment that is reset with seed + i. With `num_workers` the worlds step in several
    processes, while perception runs in this one, on threads.

    Args:
        num_envs: W.
        num_workers: as in `TrackVectorEnv`.
        autoreset_mode: likewise; `final_obs` holds states.
        render_mode: `rgb_array` or None.
        action: as in the single environment.
        localizer: likewise.
        predictor: likewise.
        ablation: likewise; `true_map` and `true_future` need all worlds in this process.
        arguments: as `RSPT/Track-v0` takes them.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 10}  # type: ignore[misc]

    def __init__(
        self,
        num_envs: int = 1,
        *,
        num_workers: int = 0,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        action: ActionKind = "continuous",
        localizer: LocalizerName = "mask",
        predictor: str = "learned",
        ablation: Ablation = "none",
        **arguments: Any,
    ) -> None:
        own = {name: value for name, value in locals().items() if name not in ("self", "arguments", "__class__")}
        EzPickle.__init__(self, **own, **arguments)
        perception = perception_settings(localizer=localizer, predictor=predictor, ablation=ablation)
        self._worlds = TrackVectorEnv(
            num_envs,
            num_workers=num_workers,
            autoreset_mode=autoreset_mode,
            render_mode=render_mode,
            **settings_for(perception, arguments, "num_workers", "autoreset_mode", "render_mode", "action"),
        )
        self.metadata = {**self.metadata, "autoreset_mode": AutoresetMode(autoreset_mode)}  # type: ignore[misc]
        self.render_mode, self.num_envs, self.settings = render_mode, num_envs, self._worlds.settings
        try:
            self._perceiver = Perceiver(self._worlds.batch, perception)
            self.single_action_space = action_space(action)
        except BaseException:
            self._worlds.close()
            raise
        self.single_observation_space = self._perceiver.state_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._discrete = action == "discrete7"

    @property
    def perceiver(self) -> Perceiver:
        """Perception of all worlds."""
        return self._perceiver

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Array], dict[str, Any]]:
        """Begin new episodes, see `TrackVectorEnv.reset`."""
        _, info = self._worlds.reset(seed=seed, options=options)
        mask = (options or {}).get("reset_mask")
        self._perceiver.begin(None if mask is None else np.flatnonzero(mask))
        return self._observation(), info

    def step(self, actions: Any) -> tuple[dict[str, Array], Array, Array, Array, dict[str, Any]]:
        """Move every world by 0.1 s."""
        chosen = checked_choices(actions, num_worlds=self.num_envs, player="tracker") if self._discrete else actions
        _, reward, terminated, truncated, info = self._worlds.step(chosen)
        self._perceiver.follow(chosen)
        if "final_obs" in info:
            for world in np.flatnonzero(info["_final_obs"]).tolist():
                info["final_obs"][world] = {
                    name: array[world].copy() for name, array in self._perceiver.final_state.items()
                }
        return self._observation(), reward, terminated, truncated, info

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """One picture (H, W, 3) for each world, as `TrackStateEnv.render` makes it."""
        pictures = self._worlds.render()
        if pictures is None:
            return None
        return tuple(state_picture(picture, self._perceiver, world) for world, picture in enumerate(pictures))

    def close_extras(self, **_: Any) -> None:
        """Free clients, memory, threads and processes."""
        for part in ("_perceiver", "_worlds"):
            if hasattr(self, part):  # Gymnasium closes an environment too whose constructor has failed
                getattr(self, part).close()

    def _observation(self) -> dict[str, Array]:
        return {name: array.copy() for name, array in self._perceiver.state.items()}
