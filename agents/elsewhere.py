"""An environment that is none, for learners whose worlds somebody else steps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv


class Elsewhere(VecEnv):
    """Stands where stable-baselines3 wants an environment; the worlds are stepped elsewhere.

    Args:
        space: of the states.
        worlds: how many there are.
    """

    def __init__(self, space: spaces.Dict, worlds: int) -> None:
        super().__init__(worlds, space, spaces.Box(-1.0, 1.0, (2,), np.float32))

    def reset(self) -> Any:
        """Not to be called."""
        raise NotImplementedError("the worlds are stepped elsewhere")

    def step_async(self, actions: NDArray[Any]) -> None:
        """Not to be called."""
        raise NotImplementedError("the worlds are stepped elsewhere")

    def step_wait(self) -> Any:
        """Not to be called."""
        raise NotImplementedError("the worlds are stepped elsewhere")

    def close(self) -> None:
        """There is nothing to free."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """None for each world: stable-baselines3 asks for the render mode."""
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Nothing is kept."""

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """There are no methods."""
        raise NotImplementedError("the worlds are stepped elsewhere")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No world is wrapped."""
        return [False] * self.num_envs

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Nothing is drawn here."""
        return [None] * self.num_envs
