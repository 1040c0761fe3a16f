"""The duel: the tracker and a target that learns to escape play the same worlds at the same time, and both learn."""

import copy
from concurrent.futures import Future
from itertools import cycle
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from agents.networks import Actor
from agents.seat import Chosen, Seat
from envs.threads import Threads
from rspt.privileged import PRIVILEGED_WIDTH, privileged_vectors
from rspt.target_state import target_state_space, target_states
from rspt.training.beside import thread_beside
from rspt.training.clone import new_target
from rspt.training.duel_settings import DuelSettings, PpoSettings
from rspt.training.lesson import Lesson
from rspt.training.opponents import Pool, opponents_of
from rspt.training.stage import Actors, Round
from rspt.training.worlds import TrainingWorlds, TrainingWorldsSettings, Truth

State = dict[str, NDArray[np.float32]]


class DuelStage:
    """Two learners in the same worlds.

    Args:
        settings: of the duel.
        worlds: settings of the worlds; their rewards are the duel's.
        tracker: the actor to begin with.
        skilled: whether it knows something.
        target: the actor to begin with, a new one if None.
        seed: of everything that is drawn.
        device: where both learn.
        sequence_steps: of a world that are learnt from together, if the tracker has a memory.
    """

    def __init__(
        self,
        settings: DuelSettings,
        worlds: TrainingWorldsSettings,
        *,
        tracker: Actor,
        skilled: bool,
        target: Actor | None,
        seed: int,
        device: str = "cpu",
        sequence_steps: int = 1,
    ) -> None:
        self.settings, self.driven, self.total_steps = settings, 0, settings.total_steps
        opponents = opponents_of(settings, worlds.worlds)
        of_kind = {kind: np.flatnonzero(np.array([name == kind for name in opponents])) for kind in ("learner", "pool")}
        self._learner, self._pooled = of_kind["learner"], of_kind["pool"]
        self._scripted = np.array([int(name == "scripted") for name in opponents])
        scripts = cycle(worlds.target_policies)
        policies = [next(scripts) if name == "scripted" else "external" for name in opponents]
        self.worlds = TrainingWorlds(
            worlds.model_copy(update={"reward": settings.reward}), seed=seed + 1_000_003, target_policies=policies
        )
        space = spaces.Dict(
            {**self.worlds.state_space.spaces, "privileged": spaces.Box(-1.0, 1.0, (PRIVILEGED_WIDTH,), np.float32)}
        )
        steps = settings.rollout_steps
        self.tracker = _seat(
            space, worlds.worlds, steps, settings.tracker, tracker,
            fitted=skilled, seed=seed, device=device, sequence_steps=sequence_steps,
        )  # fmt: skip
        self._begun_with = copy.deepcopy(tracker)
        self._average, self._kept = copy.deepcopy(tracker), copy.deepcopy(tracker)
        self._share_kept = settings.interpolation if skilled else 1.0
        self.target: Seat | None = None
        if len(self._learner) or len(self._pooled):
            self.target = _seat(
                target_state_space(), max(len(self._learner), 1), steps, settings.target, target or new_target(seed),
                fitted=target is not None, seed=seed + 1, device=device,
            )  # fmt: skip
            self.target.ppo.auxiliary_weight = settings.auxiliary_weight
        self._beside = thread_beside("rspt-duel")
        self._threads = Threads()
        self._lesson: Lesson | None = None
        self._rng = np.random.default_rng(seed + 4)
        taught = np.flatnonzero(self._scripted)
        if settings.lesson is not None and settings.tracker_learns and len(taught):
            self._lesson = Lesson(settings.lesson, tracker.sizes, self.worlds, seed=seed + 3, which=taught)
            self.tracker.ppo.tutor, self.tracker.ppo.tutor_weight = self._lesson.losses, settings.lesson_weight
        self._pool = Pool(len(self._pooled), settings.pool_size, seed=seed)
        if self.target is not None:
            self._pool.keep(self.target.ppo.policy.actor)

    def begin(self) -> None:
        """Begin new episodes in all worlds; the rest is what `state` says."""
        self.worlds.begin(self.driven)
        self._truth = self.worlds.truth()
        for seat in self._seats():
            seat.begin_episodes()
        if self._lesson is not None:
            self._lesson.begin()
        if len(self._pooled):
            self._pool.deal()

    def actors(self) -> Actors:
        """Those that learn: the tracker as it is kept, the target as it is."""
        actors: Actors = {"tracker": self._kept} if self.settings.tracker_learns else {}
        if self.target is not None:
            actors["target"] = self.target.ppo.policy.actor
        return actors

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "driven": self.driven,
            "tracker": self.tracker.state(),
            "begun_with": dict(self._begun_with.state_dict()),
            "average": dict(self._average.state_dict()),
            "target": None if self.target is None else self.target.state(),
            "lesson": None if self._lesson is None else self._lesson.state(),
            "rng": self._rng.bit_generator.state,
            "pool": self._pool.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what `state` gave; `begin` is to follow."""
        self.driven = int(state["driven"])
        self.tracker.restore(state["tracker"])
        self._begun_with.load_state_dict(state["begun_with"])
        self._average.load_state_dict(state["average"])
        self._interpolate()
        self._rng.bit_generator.state = state["rng"]
        if self._lesson is not None:
            self._lesson.restore(state["lesson"])
        if self.target is not None:
            self.target.restore(state["target"])
            self._pool.restore(state["pool"])

    def close(self) -> None:
        """Free the worlds and threads."""
        self.worlds.close()
        self._beside.shutdown()
        self._threads.close()
        if self._lesson is not None:
            self._lesson.close()

    def _seats(self) -> list[Seat]:
        return [seat for seat in (self.tracker, self.target) if seat is not None]

    def round(self) -> Round:
        """Play a rollout, then update both players."""
        settings = self.settings
        share_left = max(0.0, 1.0 - self.driven / max(settings.total_steps, 1))
        warming = self.driven < settings.critic_steps
        for seat in self._seats():
            seat.begin_rollout()
            seat.ppo._current_progress_remaining = share_left
            seat.ppo.actor_frozen = warming
        before = self.driven // settings.snapshot_steps
        totals = [self._step() for _ in range(settings.rollout_steps)]
        if self._lesson is not None:
            self._lesson.keep()
        metrics = dict(zip(("reward_tracker", "reward_target"), np.mean(totals, axis=0).tolist(), strict=True))
        metrics |= self._learn()
        self._follow_tracker(at_once=warming)
        if self.target is not None and self.driven // settings.snapshot_steps > before:
            self._pool.keep(self.target.ppo.policy.actor)
        return Round(metrics, self.worlds.drain())

    def _learn(self) -> dict[str, float]:
        """Update the players, both at the same time: they share nothing that changes."""
        updates: dict[str, Future[dict[str, float]]] = {}
        if self.target is not None and len(self._learner):
            state = self._target_state(self._learner, self._last_actions)
            updates["target"] = self._beside.submit(self.target.learn, state)
        learnt = (
            {"tracker": self.tracker.learn(self._tracker_state(), self._scripted)}
            if self.settings.tracker_learns
            else {}
        )
        learnt |= {player: update.result() for player, update in updates.items()}
        return {f"{player}/{name}": value for player, told in learnt.items() for name, value in told.items()}

    @torch.no_grad()
    def _follow_tracker(self, *, at_once: bool) -> None:
        """Bring the average up to date: by what a rollout counts, or to where the learner is."""
        steps = self.settings.rollout_steps * self.worlds.num_worlds
        share = 1.0 if at_once else min(1.0, steps / self.settings.average_steps)
        learner = self.tracker.ppo.policy.actor.state_dict()
        for name, mean in self._average.state_dict().items():
            mean.lerp_(learner[name].to(mean.device), share)
        self._interpolate()

    @torch.no_grad()
    def _interpolate(self) -> None:
        """Keep what lies between the tracker of the beginning and the average."""
        first, last = self._begun_with.state_dict(), self._average.state_dict()
        for name, kept in self._kept.state_dict().items():
            kept.copy_(torch.lerp(first[name], last[name], self._share_kept))

    def _step(self) -> tuple[float, float]:
        """One step of all worlds; the mean rewards of trackers and of learning targets."""
        seen, counted = self._tracker_state(), None
        if self._lesson is not None:
            hidden_steps = self._truth.hidden_steps
            counted = (hidden_steps < self.settings.search_steps) | (self._scripted == 0)
            asked = self._rng.random(self.worlds.num_worlds) < self.settings.lesson_share
            self._lesson.show((hidden_steps > 0) | asked, self.tracker.memory.cpu())
        chosen = self.tracker.choose(seen) if self.settings.tracker_learns else self._best(seen)
        played = chosen.played
        target_actions = np.zeros((self.worlds.num_worlds, 2))
        if self.target is not None and len(self._learner):
            target_seen = self._target_state(self._learner, played)
            target_chosen = self.target.choose(target_seen)
            target_actions[self._learner] = target_chosen.played
        if len(self._pooled):
            seen_there = self._target_state(self._pooled, played)
            target_actions[self._pooled] = self._pool.actions(seen_there["map"], seen_there["vector"])
        stepped = self.worlds.step(played, target_actions)
        self.driven += self.worlds.num_worlds
        tracker_reward = self.settings.tracker.reward_scale * stepped.reward
        target_reward = self.settings.target.reward_scale * stepped.target_reward
        self._truth = self.worlds.truth()
        self._last_actions = np.where(stepped.done[:, None], 0.0, played)
        if stepped.truncated.any():  # time is up, but the game would go on
            self._bootstrap(stepped.truncated, tracker_reward, target_reward)
        plain = np.clip(stepped.reward, -1.0, 1.0)
        if self.settings.tracker_learns:
            self.tracker.remember(seen, chosen, tracker_reward, stepped.target_reward, stepped.done, counted)
        else:
            self.tracker.follow(stepped.done)
        if self.target is not None and len(self._learner):
            which = self._learner
            self.target.remember(target_seen, target_chosen, target_reward[which], plain[which], stepped.done[which])
        if self._lesson is not None and stepped.done.any():
            self._lesson.begin(stepped.done)
        if len(self._pooled) and stepped.done[self._pooled].any():
            self._pool.deal(stepped.done[self._pooled])
        of_target = float(stepped.target_reward[self._learner].mean()) if len(self._learner) else 0.0
        return float(stepped.reward.mean()), of_target

    def _best(self, seen: State) -> Chosen:
        """What a tracker that does not learn does in all worlds."""
        return self.tracker.best(seen)

    def _bootstrap(
        self, truncated: NDArray[np.bool_], tracker_reward: NDArray[np.float64], target_reward: NDArray[np.float64]
    ) -> None:
        """Add the discounted value of the state in which an episode was cut to its last reward."""
        final = self.worlds.final_truth()
        if self.settings.tracker_learns:
            values = self.tracker.value(self._with_truth(self.worlds.final_state, final))
            tracker_reward[truncated] += self.settings.tracker.discount * values[truncated]
        if self.target is not None and len(self._learner):
            cut = truncated[self._learner]
            state = target_states(final.view, np.zeros((self.worlds.num_worlds, 2)), *final[1:])
            values = self.target.value({name: array[self._learner] for name, array in state.items()})
            target_reward[self._learner[cut]] += self.settings.target.discount * values[cut]

    def _tracker_state(self) -> State:
        return self._with_truth(self.worlds.state, self._truth)

    def _with_truth(self, state: State, truth: Truth) -> State:
        return {**state, "privileged": privileged_vectors(truth.view, truth.info, share=self._threads.share)}

    def _target_state(self, which: NDArray[np.int64], tracker_actions: NDArray[np.float32]) -> State:
        truth = self._truth
        view = truth.view.of(which)
        return target_states(view, tracker_actions[which], truth.visible_share[which], truth.hidden_steps[which])

    _truth: Truth
    _last_actions: NDArray[np.float32]


def _seat(
    space: spaces.Dict,
    worlds: int,
    steps: int,
    settings: PpoSettings,
    actor: Actor,
    *,
    fitted: bool,
    seed: int,
    device: str,
    sequence_steps: int = 1,
) -> Seat:
    sizes = {"filters": actor.sizes.filters, "hidden": actor.sizes.hidden}
    together = sequence_steps if actor.sizes.memory else 1
    return Seat(
        space,
        worlds,
        steps,
        seed=seed,
        actor=actor,
        fitted=fitted,
        spread=settings.spread,
        persistence=settings.persistence,
        device=device,
        policy_kwargs={**sizes, "critic_shapes": settings.critic_shapes},
        n_epochs=settings.epochs,
        sequence_steps=together,
        batch_size=together * _divisor(worlds * steps // together, max(settings.batch_size // together, 1)),
        learning_rate=lambda left: settings.learning_rate * (0.1 + 0.9 * left),
        gamma=settings.discount,
        gae_lambda=settings.gae_lambda,
        clip_range=settings.clip_range,
        ent_coef=settings.entropy_weight,
        vf_coef=settings.value_weight,
        target_kl=settings.target_kl,
    )


def _divisor(number: int, most: int) -> int:
    """The greatest divisor of a number that is not above `most`: all batches of a rollout are of one size."""
    return next(divisor for divisor in range(min(most, number), 0, -1) if number % divisor == 0)
