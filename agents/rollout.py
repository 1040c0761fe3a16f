"""The rollout of one player of a duel."""

from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.buffers import DictRolloutBuffer
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor


class DuelSamples(NamedTuple):
    """A batch of a rollout, with the fields of stable-baselines3's and the opponent's rewards (n,)."""

    observations: dict[str, Tensor]
    actions: Tensor
    old_values: Tensor
    old_log_prob: Tensor
    advantages: Tensor
    returns: Tensor
    opponent_rewards: Tensor


class DuelRollout(DictRolloutBuffer):
    """stable-baselines3's rollout of Dict observations that remembers the opponent's rewards too."""

    opponent_rewards: NDArray[np.float32]

    def reset(self) -> None:
        """Empty the rollout."""
        self.opponent_rewards = np.zeros((self.buffer_size, self.n_envs), dtype=np.float32)
        super().reset()

    def note(self, opponent_rewards: NDArray[Any]) -> None:
        """Keep the opponent's rewards (W,) of the step that was added last."""
        self.opponent_rewards[self.pos - 1] = opponent_rewards

    def get(self, batch_size: int | None = None) -> Generator[DuelSamples, None, None]:  # type: ignore[override]
        """Batches in a random order."""
        if not self.generator_ready:
            self.opponent_rewards = self.swap_and_flatten(self.opponent_rewards)
        yield from super().get(batch_size)  # type: ignore[misc]

    def _get_samples(self, batch_inds: NDArray[np.int64], env: VecNormalize | None = None) -> DuelSamples:  # type: ignore[override]
        samples = super()._get_samples(batch_inds, env)
        return DuelSamples(*samples, opponent_rewards=self.to_torch(self.opponent_rewards[batch_inds].flatten()))
