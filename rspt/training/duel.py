"""The duel: the tracker and a target that learns to escape play the same worlds at the same time, and both learn."""

import copy
from itertools import cycle
from typing import Literal, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import Field, model_validator
from typing_extensions import Self

from agents.networks import Actor
from agents.seat import Seat
from envs.rewards import RewardSettings, TargetWeights, TrackerWeights
from envs.settings import Settings
from rspt.perceiver import state_space
from rspt.privileged import PRIVILEGED_WIDTH, privileged_vectors
from rspt.training.target_state import target_state_space, target_states
from rspt.training.worlds import TrainingWorlds, TrainingWorldsSettings, Truth

State = dict[str, NDArray[np.float32]]
Opponent = Literal["scripted", "learner", "pool"]


class PpoSettings(Settings):
    """How one player learns."""

    epochs: int = Field(3, ge=1, le=100)
    """Passes over each rollout."""
    batch_size: int = Field(1024, ge=1, le=1_000_000)
    """Samples of one update."""
    learning_rate: float = Field(2e-4, gt=0.0, le=1.0)
    """Step size of Adam at the beginning; it falls along a line to a tenth."""
    discount: float = Field(0.98, ge=0.0, lt=1.0)
    """γ."""
    gae_lambda: float = Field(0.95, ge=0.0, le=1.0)
    """λ of the advantages."""
    clip_range: float = Field(0.2, gt=0.0, le=1.0)
    """How far the probability of an action may change before it no longer counts."""
    entropy_weight: float = Field(0.0, ge=0.0, le=1.0)
    """Of the entropy of the actions."""
    value_weight: float = Field(0.1, ge=0.0, le=10.0)
    """Of the critic's squared error."""
    target_kl: float | None = Field(0.03, gt=0.0, le=1.0)
    """A rollout is not learnt from further when the policy has changed by 1.5 times so much."""
    spread: float = Field(0.15, gt=0.0, le=2.0)
    """Standard deviation of the actions at the beginning."""
    reward_scale: float = Field(0.1, gt=0.0, le=100.0)
    """Rewards are multiplied by it before they are learnt from, so that values are of the order of 1: else the critic's
    error drowns the actor's gradient, as both share the limit of its norm."""


class DuelSettings(Settings):
    """The duel, or PPO against scripted targets where no world has a learning one."""

    total_steps: int = Field(2_000_000, ge=0, le=10_000_000_000)
    """Steps of the worlds, each of which is one of the tracker."""
    rollout_steps: int = Field(64, ge=1, le=10_000)
    """Steps of each world between two updates."""
    scripted_share: float = Field(0.5, ge=0.0, le=1.0)
    """Share of the worlds in which a script moves the target."""
    pool_share: float = Field(0.2, ge=0.0, le=1.0)
    """Share of the worlds in which a past snapshot of the learning target plays; it plays itself in the rest."""
    pool_size: int = Field(8, ge=1, le=1000)
    """Snapshots that are kept."""
    snapshot_steps: int = Field(150_000, ge=1, le=1_000_000_000)
    """Steps between two snapshots."""
    critic_steps: int = Field(60_000, ge=0, le=1_000_000_000)
    """Steps at the beginning in which only the critics learn."""
    guide_weight: float = Field(0.5, ge=0.0, le=100.0)
    """Of staying near the actor of the teacher stage, at the beginning."""
    guide_steps: int = Field(1_500_000, ge=1, le=10_000_000_000)
    """Steps over which that weight falls to nothing."""
    auxiliary_weight: float = Field(0.1, ge=0.0, le=100.0)
    """Of the target's foretelling of the tracker's reward (AD-VAT)."""
    tracker: PpoSettings = PpoSettings()
    """How the tracker learns."""
    target: PpoSettings = PpoSettings(entropy_weight=0.003, spread=0.5)
    """How the target learns."""
    reward: RewardSettings = RewardSettings(
        zero_sum_part=1.0,
        discount=0.98,
        tracker=TrackerWeights(cost_hidden=0.5, cost_contact=1.0, cost_ramming=1.0, cost_lost=1.0),
        target=TargetWeights(
            reward_escape=0.5, reward_hidden=0.7, reward_lost=1.0, cost_collision=0.5, cost_ramming=0.5
        ),
    )
    """What both are rewarded for."""

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.scripted_share + self.pool_share > 1.0 + 1e-9:
            raise ValueError(
                f"scripted_share {self.scripted_share} and pool_share {self.pool_share} must not exceed 1 together"
            )
        return self


class Round(NamedTuple):
    """What one rollout and one update of both players gave.

    Attributes:
        driven: steps of the worlds so far.
        metrics: by name.
        episodes: return, length and success of each that ended.
    """

    driven: int
    metrics: dict[str, float]
    episodes: list[tuple[float, int, bool]]


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


class DuelStage:
    """Two learners in the same worlds.

    Args:
        settings: of the duel.
        worlds: settings of the worlds; their rewards are the duel's.
        tracker: the actor to begin with, which also stays as the guide; a new one if None.
        target: likewise, without a guide.
        seed: of everything that is drawn.
        device: where both learn.
    """

    def __init__(
        self,
        settings: DuelSettings,
        worlds: TrainingWorldsSettings,
        *,
        tracker: Actor | None,
        target: Actor | None,
        seed: int,
        device: str = "cpu",
    ) -> None:
        self.settings, self.driven = settings, 0
        opponents = opponents_of(settings, worlds.worlds)
        of_kind = {kind: np.flatnonzero(np.array([name == kind for name in opponents])) for kind in ("learner", "pool")}
        self._learner, self._pool = of_kind["learner"], of_kind["pool"]
        scripts = cycle(worlds.target_policies)
        policies = [next(scripts) if name == "scripted" else "external" for name in opponents]
        self.worlds = TrainingWorlds(
            worlds.model_copy(update={"reward": settings.reward}), seed=seed + 1_000_003, target_policies=policies
        )
        space = spaces.Dict(
            {**state_space().spaces, "privileged": spaces.Box(-1.0, 1.0, (PRIVILEGED_WIDTH,), np.float32)}
        )
        steps = settings.rollout_steps
        self.tracker = _seat(space, worlds.worlds, steps, settings.tracker, tracker, seed=seed, device=device)
        self.target: Seat | None = None
        if len(self._learner) or len(self._pool):
            self.target = _seat(
                target_state_space(), max(len(self._learner), 1), steps, settings.target, target,
                seed=seed + 1, device=device,
            )  # fmt: skip
            self.target.ppo.auxiliary_weight = settings.auxiliary_weight
        if tracker is not None:
            self.tracker.ppo.guide = copy.deepcopy(tracker).to(device).eval()
        self._snapshots: list[Actor] = []
        self._of_pool = np.zeros(len(self._pool), dtype=np.int64)
        self._rng = np.random.default_rng([seed, 2])
        self._random = torch.Generator().manual_seed(seed + 2)
        self.worlds.reset()
        self._truth = self.worlds.truth()
        self._keep_snapshot()

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.driven >= self.settings.total_steps

    def round(self) -> Round:
        """Play a rollout, then update both players."""
        settings = self.settings
        share_left = max(0.0, 1.0 - self.driven / max(settings.total_steps, 1))
        warming = self.driven < settings.critic_steps
        seats = [seat for seat in (self.tracker, self.target) if seat is not None]
        for seat in seats:
            seat.begin()
            seat.ppo._current_progress_remaining = share_left
            seat.ppo.actor_frozen = warming
        self.tracker.ppo.guide_weight = settings.guide_weight * max(0.0, 1.0 - self.driven / settings.guide_steps)
        before = self.driven // settings.snapshot_steps
        totals = [self._step() for _ in range(settings.rollout_steps)]
        metrics = dict(zip(("reward_tracker", "reward_target"), np.mean(totals, axis=0).tolist(), strict=True))
        metrics |= {f"tracker/{name}": value for name, value in self.tracker.learn(self._tracker_state()).items()}
        if self.target is not None and len(self._learner):
            learnt = self.target.learn(self._target_state(self._learner, self._last_actions))
            metrics |= {f"target/{name}": value for name, value in learnt.items()}
        if self.driven // settings.snapshot_steps > before:
            self._keep_snapshot()
        return Round(self.driven, metrics, self.worlds.drain())

    def _step(self) -> tuple[float, float]:
        """One step of all worlds; the mean rewards of trackers and of learning targets."""
        seen = self._tracker_state()
        chosen = self.tracker.choose(seen)
        played = chosen.played
        target_actions = np.zeros((self.worlds.num_worlds, 2))
        if self.target is not None and len(self._learner):
            target_seen = self._target_state(self._learner, played)
            target_chosen = self.target.choose(target_seen)
            target_actions[self._learner] = target_chosen.played
        if len(self._pool):
            target_actions[self._pool] = self._pool_actions(played)
        stepped = self.worlds.step(played, target_actions)
        self.driven += self.worlds.num_worlds
        tracker_reward = self.settings.tracker.reward_scale * stepped.reward
        target_reward = self.settings.target.reward_scale * stepped.target_reward
        self._truth = self.worlds.truth()
        self._last_actions = np.where(stepped.done[:, None], 0.0, played)
        if stepped.truncated.any():  # time is up, but the game would go on
            self._bootstrap(stepped.truncated, tracker_reward, target_reward)
        plain = np.clip(stepped.reward, -1.0, 1.0)
        self.tracker.remember(seen, chosen, tracker_reward, stepped.target_reward, stepped.done)
        if self.target is not None and len(self._learner):
            which = self._learner
            self.target.remember(target_seen, target_chosen, target_reward[which], plain[which], stepped.done[which])
        if len(self._pool) and stepped.done[self._pool].any():
            self._deal(stepped.done[self._pool])
        of_target = float(stepped.target_reward[self._learner].mean()) if len(self._learner) else 0.0
        return float(stepped.reward.mean()), of_target

    def _bootstrap(
        self, truncated: NDArray[np.bool_], tracker_reward: NDArray[np.float64], target_reward: NDArray[np.float64]
    ) -> None:
        """Add the discounted value of the state in which an episode was cut to its last reward."""
        final = self.worlds.final_truth()
        values = self.tracker.value(_with_truth(self.worlds.final_state, final))
        tracker_reward[truncated] += self.settings.tracker.discount * values[truncated]
        if self.target is not None and len(self._learner):
            cut = truncated[self._learner]
            state = target_states(final.view, np.zeros((self.worlds.num_worlds, 2)), *final[1:])
            values = self.target.value({name: array[self._learner] for name, array in state.items()})
            target_reward[self._learner[cut]] += self.settings.target.discount * values[cut]

    def _tracker_state(self) -> State:
        return _with_truth(self.worlds.state, self._truth)

    def _target_state(self, which: NDArray[np.int64], tracker_actions: NDArray[np.float32]) -> State:
        truth = self._truth
        view = truth.view.of(which)
        return target_states(view, tracker_actions[which], truth.visible_share[which], truth.hidden_steps[which])

    @torch.no_grad()
    def _pool_actions(self, played: NDArray[np.float32]) -> NDArray[np.float32]:
        """Actions of the snapshots (n, 2), with their spread."""
        state = self._target_state(self._pool, played)
        actions = np.zeros((len(self._pool), 2), dtype=np.float32)
        for number in np.unique(self._of_pool).tolist():
            rows, actor = self._of_pool == number, self._snapshots[number]
            mean = actor(torch.from_numpy(state["map"][rows]), torch.from_numpy(state["vector"][rows]))
            noise = torch.randn(mean.shape, generator=self._random)
            actions[rows] = torch.clamp(mean + noise * actor.log_spread.exp(), -1.0, 1.0).numpy()
        return actions

    def _keep_snapshot(self) -> None:
        """The learning target of now joins the pool; the oldest but the first leaves it when it is full."""
        if self.target is None:
            return
        self._snapshots.append(copy.deepcopy(self.target.ppo.policy.actor).cpu().eval())
        if len(self._snapshots) > self.settings.pool_size:
            del self._snapshots[1]
            self._of_pool = np.where(self._of_pool > 1, self._of_pool - 1, self._of_pool)
        self._of_pool = np.minimum(self._of_pool, len(self._snapshots) - 1)

    def _deal(self, which: NDArray[np.bool_]) -> None:
        """Give worlds of the pool (n,) another snapshot."""
        self._of_pool[which] = self._rng.integers(len(self._snapshots), size=int(which.sum()))

    _last_actions: NDArray[np.float32]


def _with_truth(state: State, truth: Truth) -> State:
    return {**state, "privileged": privileged_vectors(truth.view, truth.info)}


def _seat(
    space: spaces.Dict, worlds: int, steps: int, settings: PpoSettings, actor: Actor | None, *, seed: int, device: str
) -> Seat:
    seat = Seat(
        space,
        worlds,
        steps,
        seed=seed,
        actor=actor,
        device=device,
        n_epochs=settings.epochs,
        batch_size=min(settings.batch_size, worlds * steps),
        learning_rate=lambda left: settings.learning_rate * (0.1 + 0.9 * left),
        gamma=settings.discount,
        gae_lambda=settings.gae_lambda,
        clip_range=settings.clip_range,
        ent_coef=settings.entropy_weight,
        vf_coef=settings.value_weight,
        target_kl=settings.target_kl,
    )
    with torch.no_grad():
        seat.ppo.policy.actor.log_spread.fill_(float(np.log(settings.spread)))
    return seat
