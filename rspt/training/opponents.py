"""Who moves the targets of a duel: scripts, the learning target, and snapshots of what it was."""

import copy
from itertools import cycle
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from agents.networks import Actor
from agents.seat import Seat
from rspt.target_state import target_state_space, target_states
from rspt.training.clone import new_target
from rspt.training.duel_settings import DuelSettings
from rspt.training.seats import make_seat
from rspt.training.worlds import Stepped, TrainingWorldsSettings, Truth

Opponent = Literal["scripted", "learner", "pool"]


def opponents_of(settings: DuelSettings, worlds: int) -> list[Opponent]:
    """Who moves the target of each world; the kinds are spread evenly over the worlds."""
    scripted, pool = settings.scripted_share, settings.pool_share
    dealt: dict[Opponent, float] = {"scripted": 0.0, "pool": 0.0, "learner": 0.0}
    shares: dict[Opponent, float] = {"scripted": scripted, "pool": pool, "learner": max(1.0 - scripted - pool, 0.0)}
    opponents: list[Opponent] = []
    for number in range(worlds):
        # whoever lags most behind its share is next
        owed = {kind: share * (number + 1) - dealt[kind] for kind, share in shares.items()}
        kind = max(owed, key=lambda name: owed[name])
        dealt[kind] += 1.0
        opponents.append(kind)
    return opponents


class Pool:
    """Past snapshots of the learning target; each world of the pool plays against one of them for an episode.

    Args:
        worlds: n, that the pool plays in.
        size: snapshots that are kept.
        seed: of what is drawn.
    """

    def __init__(self, worlds: int, size: int, *, seed: int) -> None:
        self._size = size
        self._snapshots: list[Actor] = []
        self._of_world = np.zeros(worlds, dtype=np.int64)
        self._rng = np.random.default_rng([seed, 2])
        self._random = torch.Generator().manual_seed(seed + 2)

    def __len__(self) -> int:
        return len(self._snapshots)

    def keep(self, actor: Actor) -> None:
        """A copy of the learning target joins the pool; the oldest but the first leaves it when it is full."""
        self._snapshots.append(copy.deepcopy(actor).cpu().eval())
        if len(self._snapshots) > self._size:
            gone = min(1, len(self._snapshots) - 2)
            del self._snapshots[gone]
            self._of_world = np.where(self._of_world > gone, self._of_world - 1, self._of_world)
        self._of_world = np.minimum(self._of_world, len(self._snapshots) - 1)

    def deal(self, which: NDArray[np.bool_] | None = None) -> None:
        """Give the worlds (n,) that are marked another snapshot, or all."""
        chosen = np.ones(len(self._of_world), dtype=np.bool_) if which is None else which
        self._of_world[chosen] = self._rng.integers(len(self._snapshots), size=int(chosen.sum()))

    @torch.no_grad()
    def actions(self, maps: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Actions (n, 2) for the states of its worlds, drawn with the spread that the snapshots had."""
        actions = np.zeros((len(maps), 2), dtype=np.float32)
        for number in np.unique(self._of_world).tolist():
            rows, actor = self._of_world == number, self._snapshots[number]
            mean = actor(torch.from_numpy(maps[rows]), torch.from_numpy(vectors[rows]))
            noise = torch.randn(mean.shape, generator=self._random)
            actions[rows] = torch.clamp(mean + noise * actor.log_spread.exp(), -1.0, 1.0).numpy()
        return actions

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "snapshots": [dict(actor.state_dict()) for actor in self._snapshots],
            "rng": self._rng.bit_generator.state,
            "random": self._random.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what `state` gave; `deal` is to follow."""
        template = self._snapshots[0]
        self._snapshots = [copy.deepcopy(template) for _ in state["snapshots"]]
        for actor, weights in zip(self._snapshots, state["snapshots"], strict=True):
            actor.load_state_dict(weights)
        self._rng.bit_generator.state = state["rng"]
        self._random.set_state(state["random"])


class Opponents:
    """The targets of the worlds of a duel: what they do, and the learning of the one that learns.

    Args:
        settings: of the duel.
        worlds: settings of the worlds.
        target: the learning target to begin with, a new one if None.
        seed: of everything that is drawn.
        device: where it learns.

    Attributes:
        policies: (W,) who acts for the target of each world, as `TrainingWorlds` takes them.
        scripted: (W,) 1 where a script does.
        learner: numbers (n,) of the worlds of the learning target.
        seat: its seat; None if it neither plays nor ever did.
    """

    def __init__(
        self,
        settings: DuelSettings,
        worlds: TrainingWorldsSettings,
        target: Actor | None,
        *,
        seed: int,
        device: str = "cpu",
    ) -> None:
        self._settings = settings
        opponents = opponents_of(settings, worlds.worlds)
        self.learner, self._pooled = (
            np.flatnonzero(np.array([name == kind for name in opponents])) for kind in ("learner", "pool")
        )
        self.scripted = np.array([int(name == "scripted") for name in opponents])
        scripts = cycle(worlds.target_policies)
        self.policies = [next(scripts) if name == "scripted" else "external" for name in opponents]
        self._count = worlds.worlds
        self._last_actions = np.zeros((worlds.worlds, 2), dtype=np.float32)
        self.seat: Seat | None = None
        if len(self.learner) or len(self._pooled):
            self.seat = make_seat(
                target_state_space(), max(len(self.learner), 1), settings.rollout_steps, settings.target,
                target or new_target(seed), fitted=target is not None, seed=seed + 1, device=device,
            )  # fmt: skip
            self.seat.ppo.auxiliary_weight = settings.auxiliary_weight
        self._pool = Pool(len(self._pooled), settings.pool_size, seed=seed)
        if self.seat is not None:
            self._pool.keep(self.seat.ppo.policy.actor)

    def begin(self) -> None:
        """New episodes begin in all worlds."""
        if self.seat is not None:
            self.seat.begin_episodes()
        if len(self._pooled):
            self._pool.deal()

    def begin_rollout(self, share_left: float, *, warming: bool) -> None:
        """Empty the rollout of the learning target.

        Args:
            share_left: of the steps of the stage.
            warming: whether only its critic is to learn from the rollout.
        """
        if self.seat is not None:
            self.seat.begin_rollout()
            self.seat.ppo._current_progress_remaining = share_left
            self.seat.ppo.actor_frozen = warming

    def actions(self, truth: Truth, tracker_actions: NDArray[np.float32]) -> NDArray[np.float64]:
        """What the targets do (W, 2) where no script acts for them, given what the trackers are about to do (W, 2)."""
        actions = np.zeros((self._count, 2))
        if self.seat is not None and len(self.learner):
            self._seen = self._state(truth, self.learner, tracker_actions)
            self._chosen = self.seat.choose(self._seen)
            actions[self.learner] = self._chosen.played
        if len(self._pooled):
            seen = self._state(truth, self._pooled, tracker_actions)
            actions[self._pooled] = self._pool.actions(seen["map"], seen["vector"])
        return actions

    def remember(self, stepped: Stepped, tracker_actions: NDArray[np.float32], final: Truth | None) -> float:
        """Keep the step that has been made; the mean reward of learning targets.

        Args:
            stepped: what it yielded.
            tracker_actions: (W, 2)
            final: the truth before the reset where time is up, though the game would go on; None if that is nowhere.
        """
        self._last_actions = np.where(stepped.done[:, None], 0.0, tracker_actions)
        if self.seat is not None and len(self.learner):
            which, settings = self.learner, self._settings.target
            reward = settings.reward_scale * stepped.target_reward
            if final is not None:
                self._bootstrap(final, stepped.truncated, reward)
            plain = np.clip(stepped.reward, -1.0, 1.0)
            self.seat.remember(self._seen, self._chosen, reward[which], plain[which], stepped.done[which])
        if len(self._pooled) and stepped.done[self._pooled].any():
            self._pool.deal(stepped.done[self._pooled])
        return float(stepped.target_reward[self.learner].mean()) if len(self.learner) else 0.0

    def learn(self, truth: Truth) -> dict[str, float]:
        """Update the learning target with the rollout; what the update told."""
        if self.seat is None or not len(self.learner):
            return {}
        return self.seat.learn(self._state(truth, self.learner, self._last_actions))

    def keep(self, before: int, after: int) -> None:
        """A snapshot of the learning target joins the pool if it is due between these steps of the worlds."""
        every = self._settings.snapshot_steps
        if self.seat is not None and after // every > before // every:
            self._pool.keep(self.seat.ppo.policy.actor)

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {"target": None if self.seat is None else self.seat.state(), "pool": self._pool.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what `state` gave; `begin` is to follow."""
        if self.seat is not None:
            self.seat.restore(state["target"])
            self._pool.restore(state["pool"])

    def _bootstrap(self, final: Truth, truncated: NDArray[np.bool_], reward: NDArray[np.float64]) -> None:
        """Add the discounted value of the state in which an episode was cut to its last reward."""
        assert self.seat is not None
        cut = truncated[self.learner]
        state = target_states(final.view, np.zeros((self._count, 2)), *final[1:])
        values = self.seat.value({name: array[self.learner] for name, array in state.items()})
        reward[self.learner[cut]] += self._settings.target.discount * values[cut]

    def _state(
        self, truth: Truth, which: NDArray[np.int64], tracker_actions: NDArray[np.float32]
    ) -> dict[str, NDArray[np.float32]]:
        view = truth.view.of(which)
        return target_states(view, tracker_actions[which], truth.visible_share[which], truth.hidden_steps[which])
