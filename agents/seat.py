"""A learner's seat in worlds that somebody else steps: it acts, remembers, and learns."""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.logger import Logger
from torch import Tensor

from agents.elsewhere import Elsewhere
from agents.networks import Actor
from agents.policy import PlayerPolicy
from agents.ppo import DuelPPO
from agents.rollout import DuelRollout

State = dict[str, NDArray[np.float32]]


class Chosen(NamedTuple):
    """What a seat has chosen for n worlds.

    Attributes:
        actions: (n, 2) as drawn, perhaps outside [-1, 1]: what the learner learns from.
        values: (n, 1) of the states.
        log_probs: (n,) of the actions.
    """

    actions: Tensor
    values: Tensor
    log_probs: Tensor

    @property
    def played(self) -> NDArray[np.float32]:
        """(n, 2) actions within [-1, 1], as the worlds take them."""
        played: NDArray[np.float32] = np.clip(self.actions.cpu().numpy(), -1.0, 1.0)
        return played


class Seat:
    """A `DuelPPO` without an environment of its own.

    Args:
        space: of the states, as `PlayerPolicy` wants it.
        worlds: n, in which it plays.
        steps: of a rollout.
        seed: of its weights and draws.
        actor: to begin with.
        fitted: whether its numbers are standardised already, or the first rollout is to say how.
        spread: standard deviation of the actions at the beginning.
        persistence: correlation of the exploration from one step to the next. A robot that is heavy and is steered back
            at once hardly feels an action of a tenth of a second; one that is kept up shows what it is worth
            (Hollenstein et al., Colored Noise in PPO, AAAI 2024).
        sequence_steps: of a world that are learnt from together, if the actor has a memory; they divide `steps`.
        options: of `DuelPPO`.

    Attributes:
        ppo: the learner.
        memory: (n, M) what the actor remembers in each world.
    """

    def __init__(
        self,
        space: spaces.Dict,
        worlds: int,
        steps: int,
        *,
        seed: int,
        actor: Actor,
        fitted: bool,
        spread: float,
        persistence: float = 0.0,
        sequence_steps: int = 1,
        **options: Any,
    ) -> None:
        self.worlds = worlds
        width = actor.sizes.memory
        remembered = {"memory": spaces.Box(-1.0, 1.0, (width,), np.float32)} if width else {}
        self.ppo = DuelPPO(
            PlayerPolicy,
            Elsewhere(spaces.Dict({**space.spaces, **remembered}), worlds),
            n_steps=steps,
            rollout_buffer_class=DuelRollout,
            seed=seed,
            **options,
        )
        self.ppo.set_logger(Logger(folder=None, output_formats=[]))
        self.ppo.sequence_steps = sequence_steps if width else 1
        self._random, self._persistence = torch.Generator().manual_seed(seed), persistence
        self._order = self.ppo.rollout_buffer.rng = np.random.default_rng(seed)
        self._fitted, self._standardized = fitted, False
        self.ppo.policy.actor.load_state_dict(actor.state_dict())
        with torch.no_grad():
            self.ppo.policy.actor.log_spread.fill_(float(np.log(spread)))
        self.begin_episodes()

    def begin_episodes(self) -> None:
        """Every world begins a new episode."""
        self._starts = np.ones(self.worlds, dtype=np.bool_)
        self._noise = torch.randn((self.worlds, 2), generator=self._random)
        self.memory = self._after = self.ppo.policy.actor.blank(self.worlds)

    def begin_rollout(self) -> None:
        """Empty the rollout; the episodes go on."""
        self.ppo.rollout_buffer.reset()
        self.ppo.policy.set_training_mode(False)

    @torch.no_grad()
    def choose(self, state: State) -> Chosen:
        """Draw actions for the states of all its worlds."""
        fresh = torch.randn((self.worlds, 2), generator=self._random)
        kept = self._persistence
        self._noise = kept * self._noise + math.sqrt(1.0 - kept * kept) * fresh
        noise = self._noise.to(self.ppo.device)
        actions, values, log_probs, self._after = self.ppo.policy.choose(self._tensors(state), noise)
        return Chosen(actions, values, log_probs)

    @torch.no_grad()
    def best(self, state: State) -> Chosen:
        """What it would do without exploring, to be played but not learnt from."""
        tensors = self._tensors(state)
        means, self._after = self.ppo.policy.actor.act(tensors["map"], tensors["vector"], self.memory)
        nothing = torch.zeros(len(means))
        return Chosen(means, nothing[:, None], nothing)

    @torch.no_grad()
    def value(self, state: State) -> NDArray[np.float32]:
        """Values (n,) of states."""
        values: NDArray[np.float32] = self.ppo.policy.predict_values(self._tensors(state)).flatten().cpu().numpy()
        return values

    def remember(
        self,
        state: State,
        chosen: Chosen,
        reward: NDArray[Any],
        opponent_reward: NDArray[Any],
        done: NDArray[np.bool_],
        counted: NDArray[np.bool_] | None = None,
    ) -> None:
        """Keep a step.

        Args:
            state: what was seen.
            chosen: what was chosen.
            reward: (n,)
            opponent_reward: (n,)
            done: (n,) whether the episode ended with it.
            counted: (n,) whether the actor is to learn from it; everywhere if None.
        """
        buffer = self.ppo.rollout_buffer
        seen = {**state, "memory": self.memory.cpu().numpy()} if self.memory.shape[1] else state
        buffer.add(
            seen, chosen.actions.cpu().numpy(), np.asarray(reward), self._starts, chosen.values, chosen.log_probs
        )
        buffer.note(opponent_reward, counted)
        self._starts = done.copy()
        self.follow(done)

    def follow(self, done: NDArray[np.bool_]) -> None:
        """A step was made with what was chosen last; episodes (n,) ended with it."""
        self.memory = self._after.clone()
        self.memory[torch.from_numpy(done).to(self.memory.device)] = 0.0

    def learn(self, state: State, groups: NDArray[np.int64] | None = None) -> dict[str, float]:
        """Update with the rollout.

        The first rollout only tells by what the networks' numbers are to be shifted and scaled.

        Args:
            state: of the n worlds after the last step.
            groups: (n,) numbers of groups of worlds whose advantages are brought to the same scale, so that worlds in
                which little is at stake count as much as others; None for one group.
        """
        if not self._standardized:
            for states in self.ppo.rollout_buffer.states(None):
                self.ppo.policy.standardize(states, actor=not self._fitted)
            self._standardized = True
            return {}
        values = torch.from_numpy(self.value(state))
        buffer = self.ppo.rollout_buffer
        buffer.compute_returns_and_advantage(last_values=values, dones=self._starts)
        for group in np.unique(groups).tolist() if groups is not None else ():
            advantages = buffer.advantages[:, groups == group]
            buffer.advantages[:, groups == group] = advantages / (advantages.std() + 1e-8)
        self.ppo.train()
        return self.ppo.update_metrics

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "policy": dict(self.ppo.policy.state_dict()),
            "optimizer": self.ppo.policy.optimizer.state_dict(),
            "noise": self._random.get_state(),
            "order": self._order.bit_generator.state,
            "standardized": self._standardized,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what `state` gave."""
        self.ppo.policy.load_state_dict(state["policy"])
        self.ppo.policy.optimizer.load_state_dict(state["optimizer"])
        self._random.set_state(state["noise"])
        self._order.bit_generator.state = state["order"]
        self._standardized = bool(state["standardized"])

    def _tensors(self, state: State) -> dict[str, Tensor]:
        names = self.ppo.observation_space.spaces  # type: ignore[attr-defined]
        told = {name: torch.as_tensor(state[name], device=self.ppo.device) for name in names if name != "memory"}
        return {**told, "memory": self.memory} if "memory" in names else told
