"""The duel: the tracker and a target that learns to escape play the same worlds at the same time, and both learn."""

import copy
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from agents.networks import Actor
from agents.seat import Chosen
from envs.threads import Threads
from rspt.privileged import PRIVILEGED_WIDTH, privileged_vectors
from rspt.training.beside import thread_beside
from rspt.training.duel_settings import DuelSettings
from rspt.training.lesson import Lesson
from rspt.training.opponents import Opponents
from rspt.training.seats import make_seat
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
        self.opponents = Opponents(settings, worlds, target, seed=seed, device=device)
        self.worlds = TrainingWorlds(
            worlds.model_copy(update={"reward": settings.reward}),
            seed=seed + 1_000_003,
            target_policies=self.opponents.policies,
        )
        space = spaces.Dict(
            {**self.worlds.state_space.spaces, "privileged": spaces.Box(-1.0, 1.0, (PRIVILEGED_WIDTH,), np.float32)}
        )
        self.tracker = make_seat(
            space, worlds.worlds, settings.rollout_steps, settings.tracker, tracker,
            fitted=skilled, seed=seed, device=device, sequence_steps=sequence_steps,
        )  # fmt: skip
        self._begun_with = copy.deepcopy(tracker)
        self._average, self._kept = copy.deepcopy(tracker), copy.deepcopy(tracker)
        self._share_kept = settings.interpolation if skilled else 1.0
        self._beside = thread_beside("rspt-duel")
        self._threads = Threads()
        self._lesson: Lesson | None = None
        self._rng = np.random.default_rng(seed + 4)
        taught = np.flatnonzero(self.opponents.scripted)
        if settings.lesson is not None and settings.tracker_learns and len(taught):
            self._lesson = Lesson(settings.lesson, tracker.sizes, self.worlds, seed=seed + 3, which=taught)
            self.tracker.ppo.tutor, self.tracker.ppo.tutor_weight = self._lesson.losses, settings.lesson_weight

    def begin(self) -> None:
        """Begin new episodes in all worlds; the rest is what `state` says."""
        self.worlds.begin(self.driven)
        self._truth = self.worlds.truth()
        self.tracker.begin_episodes()
        self.opponents.begin()
        if self._lesson is not None:
            self._lesson.begin()

    def actors(self) -> Actors:
        """Those that learn: the tracker as it is kept, the target as it is."""
        actors: Actors = {"tracker": self._kept} if self.settings.tracker_learns else {}
        if self.opponents.seat is not None:
            actors["target"] = self.opponents.seat.ppo.policy.actor
        return actors

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "driven": self.driven,
            "tracker": self.tracker.state(),
            "begun_with": dict(self._begun_with.state_dict()),
            "average": dict(self._average.state_dict()),
            "lesson": None if self._lesson is None else self._lesson.state(),
            "rng": self._rng.bit_generator.state,
            **self.opponents.state(),
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
        self.opponents.restore(state)

    def close(self) -> None:
        """Free the worlds and threads."""
        self.worlds.close()
        self._beside.shutdown()
        self._threads.close()
        if self._lesson is not None:
            self._lesson.close()

    def round(self) -> Round:
        """Play a rollout, then update both players."""
        settings = self.settings
        share_left = max(0.0, 1.0 - self.driven / max(settings.total_steps, 1))
        begun, warming = self.driven, self.driven < settings.critic_steps
        self.tracker.begin_rollout()
        self.tracker.ppo._current_progress_remaining, self.tracker.ppo.actor_frozen = share_left, warming
        self.opponents.begin_rollout(share_left, warming=warming)
        totals = [self._step() for _ in range(settings.rollout_steps)]
        if self._lesson is not None:
            self._lesson.keep()
        metrics = dict(zip(("reward_tracker", "reward_target"), np.mean(totals, axis=0).tolist(), strict=True))
        metrics |= self._learn()
        self._follow_tracker(at_once=warming)
        self.opponents.keep(begun, self.driven)
        return Round(metrics, self.worlds.drain())

    def _learn(self) -> dict[str, float]:
        """Update the players, both at the same time: they share nothing that changes."""
        update = self._beside.submit(self.opponents.learn, self._truth)
        learnt = {}
        if self.settings.tracker_learns:
            learnt["tracker"] = self.tracker.learn(self._tracker_state(), self.opponents.scripted)
        learnt["target"] = update.result()
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
            counted = (hidden_steps < self.settings.search_steps) | (self.opponents.scripted == 0)
            asked = self._rng.random(self.worlds.num_worlds) < self.settings.lesson_share
            self._lesson.show((hidden_steps > 0) | asked, self.tracker.memory.cpu())
        chosen = self.tracker.choose(seen) if self.settings.tracker_learns else self._best(seen)
        played = chosen.played
        stepped = self.worlds.step(played, self.opponents.actions(self._truth, played))
        self.driven += self.worlds.num_worlds
        tracker_reward = self.settings.tracker.reward_scale * stepped.reward
        self._truth = self.worlds.truth()
        final = self.worlds.final_truth() if stepped.truncated.any() else None
        of_target = self.opponents.remember(stepped, played, final)
        if self.settings.tracker_learns and final is not None:  # time is up, but the game would go on
            values = self.tracker.value(self._with_truth(self.worlds.final_state, final))
            tracker_reward[stepped.truncated] += self.settings.tracker.discount * values[stepped.truncated]
        if self.settings.tracker_learns:
            self.tracker.remember(seen, chosen, tracker_reward, stepped.target_reward, stepped.done, counted)
        else:
            self.tracker.follow(stepped.done)
        if self._lesson is not None and stepped.done.any():
            self._lesson.begin(stepped.done)
        return float(stepped.reward.mean()), of_target

    def _best(self, seen: State) -> Chosen:
        """What a tracker that does not learn does in all worlds."""
        return self.tracker.best(seen)

    def _tracker_state(self) -> State:
        return self._with_truth(self.worlds.state, self._truth)

    def _with_truth(self, state: State, truth: Truth) -> State:
        return {**state, "privileged": privileged_vectors(truth.view, truth.info, share=self._threads.share)}

    _truth: Truth
