"""The vectorised form of `RSPT/Track-v0`: many worlds per process, and several processes if asked for."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from gymnasium.utils import EzPickle
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.actions import checked_choices
from envs.arrays import Array
from envs.batch import WorldBatch
from envs.seeds import checked_seed, layout_seed_of
from envs.spaces import ActionKind, action_space, tracker_observation_space
from envs.track import one_seat
from envs.view import View, checked_render_mode
from envs.workers import ShardedBatch
from envs.world_settings import world_settings


class TrackVectorEnv(VectorEnv[dict[str, Array], Array, Array], EzPickle):
    """W worlds of `RSPT/Track-v0`; `gymnasium.make_vec("RSPT/Track-v0", num_envs=W)` makes it.

    World i equals a single environment that is reset with seed + i, whatever W and the number of workers are.

    Args:
        num_envs: W.
        num_workers: processes that share the worlds, this one among them; 0 steps all in this process and shares the
            compiled kernels out to threads.
        autoreset_mode: `NextStep`, Gymnasium's default, `SameStep` with `final_obs` and `final_info`, or `Disabled`
            (reset finished worlds with `options={"reset_mask": ...}`).
        render_mode: `rgb_array` or None.
        action: as in the single environment.
        max_episode_steps: short for `episode_steps`.
        arguments: fields of `envs.world_settings.WorldSettings`, and `resolution=(width, height)`.
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
        max_episode_steps: int | None = None,
        **arguments: Any,
    ) -> None:
        own = {name: value for name, value in locals().items() if name not in ("self", "arguments", "__class__")}
        EzPickle.__init__(self, **own, **arguments)
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, got {num_envs}")
        if not 0 <= num_workers <= num_envs:
            raise ValueError(f"num_workers must be 0 to the number of worlds {num_envs}, got {num_workers}")
        if max_episode_steps is not None:
            arguments["episode_steps"] = max_episode_steps
        mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": mode}  # type: ignore[misc]
        self.render_mode = checked_render_mode(render_mode, ["rgb_array"])
        self.num_envs = num_envs
        self.settings = one_seat(
            world_settings("num_workers", "autoreset_mode", "render_mode", "action", "max_episode_steps", **arguments)
        )
        self.single_observation_space = tracker_observation_space(self.settings)
        self.single_action_space = action_space(action)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._discrete = action == "discrete7"
        kind = _AUTORESET[mode]
        self._batch: WorldBatch | ShardedBatch
        if num_workers:
            self._batch = ShardedBatch(self.settings, num_envs, num_workers=num_workers, autoreset=kind)  # type: ignore[arg-type]
        else:
            self._batch = WorldBatch(self.settings, num_envs, autoreset=kind)  # type: ignore[arg-type]
        self._view: View | None = None

    @property
    def batch(self) -> WorldBatch | ShardedBatch:
        """The worlds."""
        return self._batch

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Array], dict[str, Any]]:
        """Begin new episodes: world i with seed + i, or with its entry of a list of seeds.

        Args:
            seed: a number, a list of numbers, or None to go on with each world's next episode.
            options: `layout_seed` for the layout of all worlds; `reset_mask` (W,) for the worlds to reset.
        """
        options = dict(options or {})
        mask = options.pop("reset_mask", None)
        if mask is not None and (np.shape(mask) != (self.num_envs,) or np.asarray(mask).dtype != np.bool_):
            raise ValueError(f"options['reset_mask'] must be {self.num_envs} booleans, got {mask!r}")
        self._batch.reset(self._seeds(seed), layout_seed=layout_seed_of(options), which=mask)
        if self._view is not None:
            self._view.begin()
        return self._observation(), self._info(self._batch.out.info)

    def step(self, actions: Any) -> tuple[dict[str, Array], Array, Array, Array, dict[str, Any]]:
        """Move every world by 0.1 s."""
        chosen = checked_choices(actions, num_worlds=self.num_envs, player="tracker") if self._discrete else actions
        out = self._batch.step(chosen)
        if self._view is not None:
            self._view.follow()
        info = self._info(out.info)
        if out.final_observation and out.done.any():
            info |= self._final(out.done.copy())
        return self._observation(), out.reward.copy(), out.terminated.copy(), out.truncated.copy(), info

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """One picture (H, W, 3) for each world, as `TrackEnv.render` makes it."""
        if self.render_mode is None:
            return None
        if isinstance(self._batch, ShardedBatch):
            return tuple(self._batch.pictures())
        if self._view is None:
            self._view = View(self._batch)
        return tuple(self._view.picture(world) for world in range(self.num_envs))

    def close_extras(self, **_: Any) -> None:
        """Free clients, memory and processes."""
        if hasattr(self, "_batch"):  # Gymnasium closes an environment too whose constructor has failed
            self._batch.close()

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, (int, np.integer)):
            first = checked_seed(seed)
            return [checked_seed(first + world) for world in range(self.num_envs)]
        seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed has {len(seeds)} entries for {self.num_envs} worlds")
        return [None if value is None else checked_seed(value) for value in seeds]

    def _observation(self) -> dict[str, Array]:
        return {name: array.copy() for name, array in self._batch.out.observation.items()}

    def _info(self, arrays: dict[str, Array]) -> dict[str, Any]:
        present = np.ones(self.num_envs, dtype=np.bool_)
        info: dict[str, Any] = {}
        for name, array in arrays.items():
            info[name], info[f"_{name}"] = array.copy(), present
        return info

    def _final(self, done: NDArray[np.bool_]) -> dict[str, Any]:
        """The ends of finished episodes, in the form of Gymnasium's own vector environments."""
        out = self._batch.out
        observations = np.full(self.num_envs, None, dtype=object)
        for world in np.flatnonzero(done).tolist():
            observations[world] = {name: array[world].copy() for name, array in out.final_observation.items()}
        final = self._info(out.final_info)
        final |= {name: done for name in final if name.startswith("_")}
        return {"final_obs": observations, "_final_obs": done, "final_info": final, "_final_info": done}


_AUTORESET = {
    AutoresetMode.NEXT_STEP: "next_step",
    AutoresetMode.SAME_STEP: "same_step",
    AutoresetMode.DISABLED: "disabled",
}
