"""A player's policy as stable-baselines3 wants it, around the networks of `agents.networks`."""

from typing import Any, NamedTuple

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import DiagGaussianDistribution, Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from agents.networks import Actor, Critic, Sizes

AUXILIARY_WEIGHT_START = 0.01


class PlayerPolicy(ActorCriticPolicy):
    """An actor that sees `map` and `vector`, and a critic that sees the numbers of `privileged` too, if there are any.

    Args:
        observation_space: Dict of `map` (C, H, W), `vector` (D,) and, for the critic alone, `privileged` (P,); of
            `memory` (M,), too, if the actor has one.
        action_space: Box (2,).
        lr_schedule: of the optimizer.
        use_sde: False, stable-baselines3 hands it in.
        filters: of the convolutions.
        hidden: width of the joining layers.
        critic_shapes: whether the critic's error also shapes the convolutions, which are the actor's: helps an actor
            that has learnt nothing yet.
        optimizer_class: as in stable-baselines3.
        optimizer_kwargs: likewise.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Box,
        lr_schedule: Schedule,
        *,
        use_sde: bool = False,
        filters: tuple[int, int, int] = Sizes._field_defaults["filters"],
        hidden: int = Sizes._field_defaults["hidden"],
        critic_shapes: bool = False,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.Adam,
        optimizer_kwargs: dict[str, Any] | None = None,
    ) -> None:
        if use_sde:
            raise ValueError("use_sde must be False: the spread of the actions does not depend on the state")
        self._critic_shapes = critic_shapes
        self._sizes, self._privileged = sizes_of(observation_space, filters=filters, hidden=hidden)
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            net_arch=[],
            normalize_images=False,
            features_extractor_class=_Unused,  # type: ignore[arg-type]
            optimizer_class=optimizer_class,
            optimizer_kwargs=optimizer_kwargs,
        )

    def _build(self, lr_schedule: Schedule) -> None:
        sizes = self._sizes
        self.actor = Actor(sizes)
        self.critic = Critic(sizes, sizes.numbers + self._privileged)
        # foretells the opponent's reward, by which the actor's features learn what matters to it (AD-VAT)
        self.auxiliary = nn.Linear(sizes.features, 1)
        nn.init.orthogonal_(self.auxiliary.weight, AUXILIARY_WEIGHT_START)
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    def forward(self, obs: PyTorchObs, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Actions (n, 2), values (n, 1) and logarithms of the actions' probabilities (n,)."""
        judged = self._judged(obs)
        distribution = self._distribution(judged.means)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, judged.values, distribution.log_prob(actions)

    def choose(self, obs: PyTorchObs, noise: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `forward`, with the noise of the actions (n, 2), of unit variance, drawn elsewhere; and the memories."""
        judged = self._judged(obs)
        actions = judged.means + noise * self.actor.log_spread.exp()
        memories = judged.features if self._sizes.memory else judged.features[:, :0]
        return actions, judged.values, self._distribution(judged.means).log_prob(actions), memories

    def evaluate_actions(self, obs: PyTorchObs, actions: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values (n, 1), logarithms of the actions' probabilities (n,) and entropies (n,)."""
        return self.evaluate(obs, actions)[:3]

    def evaluate(self, obs: PyTorchObs, actions: Tensor, length: int = 1) -> "Evaluation":
        """Everything that an update wants to know, with one look at the maps; of sequences, see `Actor`."""
        judged = self._judged(obs, length)
        distribution = self._distribution(judged.means)
        return Evaluation(
            judged.values,
            distribution.log_prob(actions),
            distribution.entropy(),
            self.auxiliary(judged.features)[:, 0],
        )

    def get_distribution(self, obs: PyTorchObs) -> Distribution:
        """The normal distribution of the actions."""
        assert isinstance(obs, dict)
        return self._distribution(self.actor(obs["map"], obs["vector"], obs.get("memory")))

    def predict_values(self, obs: PyTorchObs) -> Tensor:
        """Values (n, 1)."""
        assert isinstance(obs, dict)
        return self._values(obs, self.actor.trunk.seen(obs["map"]))

    def standardize(self, obs: PyTorchObs, *, actor: bool) -> None:
        """Shift and scale the critic's numbers from now on by those of states (n), and the actor's too if asked to."""
        assert isinstance(obs, dict)
        self.critic.numbers.fit(self._numbers(obs))
        if actor:
            self.actor.trunk.numbers.fit(obs["vector"])

    def _judged(self, obs: PyTorchObs, length: int = 1) -> "_Judged":
        assert isinstance(obs, dict)
        seen = self.actor.trunk.seen(obs["map"])
        features = self.actor.recalled(self.actor.trunk.joined(seen, obs["vector"]), obs.get("memory"), length)
        return _Judged(features, self.actor.head(features), self._values(obs, seen))

    def _distribution(self, means: Tensor) -> Distribution:
        assert isinstance(self.action_dist, DiagGaussianDistribution)
        return self.action_dist.proba_distribution(means, self.actor.log_spread)

    def _values(self, obs: dict[str, Tensor], seen: Tensor) -> Tensor:
        values: Tensor = self.critic(seen if self._critic_shapes else seen.detach(), self._numbers(obs))
        return values[:, None]

    def _numbers(self, obs: dict[str, Tensor]) -> Tensor:
        return torch.cat([obs["vector"], obs["privileged"]], dim=1) if self._privileged else obs["vector"]


class Evaluation(NamedTuple):
    """What a policy says about n states and actions.

    Attributes:
        values: (n, 1) of the states.
        log_probs: (n,) of the actions.
        entropies: (n,)
        foretold: (n,) rewards of the opponent, as the actor's features foretell them.
    """

    values: Tensor
    log_probs: Tensor
    entropies: Tensor | None
    foretold: Tensor


class _Judged(NamedTuple):
    features: Tensor
    means: Tensor
    values: Tensor


class _Unused(nn.Module):
    """Stands where stable-baselines3 puts an extractor of features: actor and critic have their own."""

    features_dim = 1

    def __init__(self, observation_space: spaces.Space[Any]) -> None:
        super().__init__()


def sizes_of(
    observation_space: spaces.Dict,
    *,
    filters: tuple[int, int, int] = Sizes._field_defaults["filters"],
    hidden: int = Sizes._field_defaults["hidden"],
) -> tuple[Sizes, int]:
    """Sizes of an actor for a space, and how many privileged numbers the critic sees beside."""
    maps, vector = observation_space["map"].shape, observation_space["vector"].shape
    assert maps is not None
    assert vector is not None
    privileged = observation_space["privileged"].shape if "privileged" in observation_space.spaces else (0,)
    assert privileged is not None
    memory = observation_space["memory"].shape if "memory" in observation_space.spaces else (0,)
    assert memory is not None
    columns = 0 if maps[1] == maps[2] else maps[2]
    return Sizes(maps[0], maps[1], vector[0], tuple(filters), hidden, columns, memory[0]), privileged[0]  # type: ignore[arg-type]
