"""The rollout of one player of a duel."""

from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.buffers import DictRolloutBuffer
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor


class DuelSamples(NamedTuple):
    """A batch of a rollout: the fields of stable-baselines3's, and more.

    Attributes:
        opponent_rewards: (n,)
        counted: (n,) whether the actions are to be learnt from; None if all are.
    """

    observations: dict[str, Tensor]
    actions: Tensor
    old_values: Tensor
    old_log_prob: Tensor
    advantages: Tensor
    returns: Tensor
    opponent_rewards: Tensor
    counted: Tensor | None


class DuelRollout(DictRolloutBuffer):
    """stable-baselines3's rollout of Dict observations that remembers the opponent's rewards too.

    Attributes:
        counted: (steps, W) whether an action is to be learnt from; None if all are. Values are learnt of all states.
        rng: draws the order of the batches; as in stable-baselines3, numpy's global one if not set.
    """

    rng: "np.random.Generator | np.random.RandomState" = np.random.mtrand._rand
    opponent_rewards: NDArray[np.float32]
    counted: NDArray[np.bool_] | None

    def reset(self) -> None:
        """Empty the rollout."""
        self.opponent_rewards = np.zeros((self.buffer_size, self.n_envs), dtype=np.float32)
        self.counted = None
        super().reset()

    def note(self, opponent_rewards: NDArray[Any], counted: NDArray[np.bool_] | None = None) -> None:
        """Keep the opponent's rewards (W,) of the step added last, and which actions (W,) are to be learnt from."""
        self.opponent_rewards[self.pos - 1] = opponent_rewards
        if counted is not None:
            if self.counted is None:
                self.counted = np.ones((self.buffer_size, self.n_envs), dtype=np.bool_)
            self.counted[self.pos - 1] = counted

    def to_torch(self, array: NDArray[Any], copy: bool = True) -> Tensor:
        """The tensor of an array that nothing else holds: there is no need for stable-baselines3's second copy."""
        return torch.from_numpy(array).to(self.device)

    def states(self, batch_size: int | None) -> Iterator[dict[str, Tensor]]:
        """All states, world after world, in batches."""
        self._flatten()
        total = self.buffer_size * self.n_envs
        size = batch_size or total
        for first in range(0, total, size):
            yield {name: self.to_torch(array[first : first + size]) for name, array in self.observations.items()}

    def get(self, batch_size: int | None = None, length: int = 1) -> Generator[DuelSamples, None, None]:  # type: ignore[override]
        """Batches in a random order, which `rng` draws.

        Args:
            batch_size: samples of a batch; all if None.
            length: steps of a world that stay together; divides both the steps of the rollout and the size of a batch.
        """
        if self.buffer_size % length or (batch_size or 0) % length:
            raise ValueError(
                f"length {length} must divide the {self.buffer_size} steps of the rollout and the batch of {batch_size}"
            )
        self._flatten()
        firsts = length * self.rng.permutation(self.buffer_size * self.n_envs // length)
        order = (firsts[:, None] + np.arange(length)).ravel()
        size = batch_size or len(order)
        for first in range(0, len(order), size):
            yield self._get_samples(order[first : first + size])

    def _flatten(self) -> None:
        """Bring everything into one row, world after world, as stable-baselines3 does at the first batch."""
        if self.generator_ready:
            return
        for name, array in self.observations.items():
            self.observations[name] = self.swap_and_flatten(array)
        for name in ("actions", "values", "log_probs", "advantages", "returns", "opponent_rewards"):
            setattr(self, name, self.swap_and_flatten(getattr(self, name)))
        if self.counted is not None:
            self.counted = self.swap_and_flatten(self.counted)
        self.generator_ready = True

    def _get_samples(self, batch_inds: NDArray[np.int64], env: VecNormalize | None = None) -> DuelSamples:  # type: ignore[override]
        samples = super()._get_samples(batch_inds, env)
        return DuelSamples(
            *samples,
            opponent_rewards=self.to_torch(self.opponent_rewards[batch_inds].flatten()),
            counted=None if self.counted is None else self.to_torch(self.counted[batch_inds].flatten()),
        )
