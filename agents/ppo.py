"""PPO with what a duel needs beside: listening to a tutor, and foretelling the opponent's reward."""

from collections.abc import Callable

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.utils import explained_variance
from torch import Tensor, nn
from torch.nn import functional

from agents.networks import Actor
from agents.policy import PlayerPolicy
from agents.rollout import DuelRollout

Tutor = Callable[[Actor], tuple[Tensor, dict[str, float]]]


class DuelPPO(PPO):
    """stable-baselines3's PPO whose update knows two more terms; with both weights 0 it is the same, bit for bit.

    Attributes:
        tutor: says what is wrong with an actor, a loss and its parts by name; or None.
        tutor_weight: of that loss.
        auxiliary_weight: of the mean squared error of the foretold reward of the opponent.
        update_metrics: what the last update told.
        actor_frozen: whether only the critic learns, for it to catch up with an actor that was trained elsewhere.
        sequence_steps: of a world that are learnt from together, for an actor that has a memory.
    """

    policy: PlayerPolicy
    rollout_buffer: DuelRollout
    tutor: Tutor | None = None
    tutor_weight: float = 0.0
    auxiliary_weight: float = 0.0
    actor_frozen: bool = False
    sequence_steps: int = 1
    update_metrics: dict[str, float]

    def train(self) -> None:
        """Update the policy with the rollout, as PPO.train does."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        clip_range: float = self.clip_range(self._current_progress_remaining)  # type: ignore[operator]
        told: dict[str, list[float]] = {}
        actor_rests = self.actor_frozen
        for _ in range(self.n_epochs):
            for data in self.rollout_buffer.get(self.batch_size, self.sequence_steps):
                values, log_prob, entropy, foretold = self.policy.evaluate(
                    data.observations, data.actions, self.sequence_steps
                )
                advantages = data.advantages
                if self.normalize_advantage and len(advantages) > 1:
                    advantages = _standardized(advantages, data.counted)
                ratio = torch.exp(log_prob - data.old_log_prob)
                clipped = torch.clamp(ratio, 1 - clip_range, 1 + clip_range)
                gain = torch.min(advantages * ratio, advantages * clipped)
                policy_loss = -_mean(gain, data.counted)
                value_loss = functional.mse_loss(data.returns, values.flatten())
                entropy_loss = -torch.mean(-log_prob) if entropy is None else -torch.mean(entropy)
                with torch.no_grad():
                    log_ratio = log_prob - data.old_log_prob
                    approx_kl = torch.mean((torch.exp(log_ratio) - 1) - log_ratio)
                    clip_fraction = torch.mean((torch.abs(ratio - 1) > clip_range).float())
                losses = {"value_loss": value_loss, "approx_kl": approx_kl, "clip_fraction": clip_fraction}
                terms: dict[str, float] = {}
                # where stable-baselines3 would end the update, the critic learns on: it has further to go
                actor_rests |= self.target_kl is not None and float(approx_kl) > 1.5 * self.target_kl
                if actor_rests:
                    loss = self.vf_coef * value_loss
                else:
                    loss = policy_loss + self.ent_coef * entropy_loss + self.vf_coef * value_loss
                    losses |= {"policy_loss": policy_loss, "entropy_loss": entropy_loss}
                    if self.tutor is not None and self.tutor_weight > 0.0:
                        wrong, parts = self.tutor(self.policy.actor)
                        loss = loss + self.tutor_weight * wrong
                        terms = parts
                    if self.auxiliary_weight > 0.0:
                        losses["auxiliary_loss"] = functional.mse_loss(foretold, data.opponent_rewards)
                        loss = loss + self.auxiliary_weight * losses["auxiliary_loss"]
                for name, value in ({name: value.item() for name, value in losses.items()} | terms).items():
                    told.setdefault(name, []).append(value)
                self.policy.optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
                self.policy.optimizer.step()
            self._n_updates += 1
        self.update_metrics = {name: float(np.mean(values)) for name, values in told.items()}
        buffer = self.rollout_buffer
        self.update_metrics["explained_variance"] = float(
            explained_variance(buffer.values.flatten(), buffer.returns.flatten())
        )
        self.update_metrics["action_spread"] = torch.exp(self.policy.actor.log_spread).mean().item()


def _mean(values: Tensor, counted: Tensor | None) -> Tensor:
    """Of those of (n,) values that count, or 0 if none does."""
    if counted is None:
        return values.mean()
    return values[counted].mean() if counted.any() else 0.0 * values.sum()


def _standardized(values: Tensor, counted: Tensor | None) -> Tensor:
    """(n,) values brought to mean 0 and deviation 1 among those that count; all say how if fewer than two do."""
    among = values if counted is None or counted.sum() < 2 else values[counted]
    return (values - among.mean()) / (among.std() + 1e-8)
