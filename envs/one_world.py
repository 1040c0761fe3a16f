"""A batch of one world, as the environments for one and for two players have it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.arrays import Array, StepArrays
from envs.batch import PrivilegedView, WorldBatch
from envs.seeds import checked_seed, layout_seed_of
from envs.view import View, checked_render_mode
from envs.world_settings import WorldSettings

Observation = dict[str, Array]


class OneWorld:
    """One world without the batch axis.

    Args:
        settings: of the world.
        render_mode: `rgb_array`, `human` (PyBullet's window) or None.

    Attributes:
        render_mode: likewise.
    """

    def __init__(self, settings: WorldSettings, *, render_mode: str | None) -> None:
        self.render_mode = checked_render_mode(render_mode)
        self._batch = WorldBatch(settings, 1, autoreset="disabled", gui=render_mode == "human")
        self._view: View | None = None

    @property
    def batch(self) -> WorldBatch:
        """The batch that holds the world."""
        return self._batch

    def reset(self, *, seed: Any, options: dict[str, Any] | None) -> None:
        """Begin an episode: the one of the seed, or the next one of the last seed if it is None."""
        seeds = [None if seed is None else checked_seed(seed)]
        self._batch.reset(seeds, layout_seed=layout_seed_of(options))
        if self._view is not None:
            self._view.begin()

    def step(self, tracker_action: NDArray[Any], target_action: NDArray[Any] | None = None) -> StepArrays:
        """Move for one control step with actions (2,)."""
        target = None if target_action is None else target_action[None]
        out = self._batch.step(tracker_action[None], target)
        if self._view is not None:
            self._view.follow()
        return out

    def observation(self) -> Observation:
        """The tracker's observation; copies."""
        return {name: array[0].copy() for name, array in self._batch.out.observation.items()}

    def info(self) -> dict[str, Any]:
        """Flat scalars."""
        return {name: array[0].item() for name, array in self._batch.out.info.items()}

    def privileged_view(self) -> PrivilegedView:
        """The truth, with the axis of the one world."""
        return self._batch.privileged_view()

    def render(self) -> NDArray[np.uint8] | None:
        """The robot's view beside the scene from above, (H, W, 3); None where the window shows it or no mode is set."""
        if self.render_mode != "rgb_array":
            return None
        if self._view is None:
            self._view = View(self._batch)
        return self._view.picture(0)

    def close(self) -> None:
        """Free the physics client; a second call does nothing."""
        self._batch.close()
