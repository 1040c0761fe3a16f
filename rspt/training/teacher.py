"""The teacher stage: the actor drives, the privileged planner says what it would have done, and the actor learns it.

In a duel the targets learn meanwhile to escape it: what they find out is where the actor still has something to learn.
"""

import copy
from typing import Any

import numpy as np
import torch

from agents.networks import Actor
from rspt.training.beside import thread_beside
from rspt.training.lesson import Lesson
from rspt.training.opponents import Opponents
from rspt.training.stage import Actors, Round
from rspt.training.teacher_settings import TeacherSettings
from rspt.training.worlds import TrainingWorlds, TrainingWorldsSettings, Truth

_GRADIENT_MAX = 1.0
_SHOWN_FIRST = 0.1
"""Who is skilled learns once this share of the demonstrations that are kept is there."""


class TeacherStage:
    """Drives and asks, and learns meanwhile what was shown before.

    Args:
        settings: of the stage.
        worlds: settings of the worlds.
        actor: that learns.
        seed: of everything that is drawn.
        sequence_steps: of a world that are learnt from together, if the actor has a memory.
        skilled: whether the actor knows something: it is not to forget it over the first few demonstrations.
        opponents: who the targets are; scripts alone if None.
    """

    def __init__(
        self,
        settings: TeacherSettings,
        worlds: TrainingWorldsSettings,
        actor: Actor,
        *,
        seed: int,
        sequence_steps: int = 1,
        skilled: bool = False,
        opponents: Opponents | None = None,
    ) -> None:
        self.settings, self.actor, self.opponents = settings, actor, opponents
        self.driven, self.total_steps = 0, settings.total_steps
        self._skilled = skilled
        policies = None if opponents is None else opponents.policies
        self.worlds = TrainingWorlds(worlds, seed=seed, target_policies=policies)
        self._lesson = Lesson(settings.lesson, actor.sizes, self.worlds, seed=seed, sequence_steps=sequence_steps)
        self._rng = np.random.default_rng(seed)
        self._optimizer = torch.optim.Adam(actor.parameters(), lr=settings.learning_rate)
        self._driver = copy.deepcopy(actor).eval()
        self._beside = thread_beside("rspt-teacher")
        count = self.worlds.num_worlds
        self._taught = np.ones(count, dtype=np.bool_)
        self._memory = actor.blank(count)
        self._slip, self._slip_left = np.zeros((count, 2)), np.zeros(count, dtype=np.int64)

    def begin(self) -> None:
        """Begin new episodes in all worlds; the rest is what `state` says."""
        self.worlds.begin(self.driven)
        self._lesson.begin()
        if self.opponents is not None:
            self._truth = self.worlds.truth()
            self.opponents.begin()
        self._driver.load_state_dict(self.actor.state_dict())
        self._taught = self._rng.random(self.worlds.num_worlds) < self._taught_share
        self._slip_left[:] = 0
        self._memory = self.actor.blank(self.worlds.num_worlds)

    @property
    def _taught_share(self) -> float:
        """Share of the episodes that the teacher drives."""
        return max(0.0, 1.0 - self.driven / max(self.settings.mixing_steps, 1))

    def round(self) -> Round:
        """Drive for a while with the actor as it was, while it learns from what was shown before."""
        needed = _SHOWN_FIRST * self.settings.lesson.buffer if self._skilled else 1
        learning = self._beside.submit(self._learn, self.driven) if len(self._lesson) >= needed else None
        begun = self.driven
        if self.opponents is not None:
            self.opponents.begin_rollout(1.0 - begun / self.total_steps, warming=self.opponents.warming(begun))
        paid = [self._drive() for _ in range(self.settings.rollout_steps)]
        told = {}
        if self.opponents is not None:
            told = {f"target/{name}": value for name, value in self.opponents.learn(self._truth).items()}
            told["reward_target"] = float(np.mean(paid))
            self.opponents.keep(begun, self.driven)
        if learning is not None:
            told |= learning.result()
            self._lesson.keep()
        else:
            self._lesson.keep()
            if not self._skilled and len(self._lesson):  # what is shown first also tells how to standardise numbers
                self.actor.trunk.numbers.fit(self._lesson.vectors)
                told |= self._learn(0)
        self._driver.load_state_dict(self.actor.state_dict())
        return Round(told, self.worlds.drain())

    def actors(self) -> Actors:
        """The tracker, and the target if one learns."""
        actors: Actors = {"tracker": self.actor}
        if self.opponents is not None and self.opponents.seat is not None:
            actors["target"] = self.opponents.seat.ppo.policy.actor
        return actors

    def state(self) -> dict[str, Any]:
        """What `restore` needs, beside the actor's weights."""
        return {
            "driven": self.driven,
            "optimizer": self._optimizer.state_dict(),
            "lesson": self._lesson.state(),
            "rng": self._rng.bit_generator.state,
            **({} if self.opponents is None else self.opponents.state()),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what `state` gave; `begin` is to follow."""
        self.driven = int(state["driven"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._lesson.restore(state["lesson"])
        self._rng.bit_generator.state = state["rng"]
        if self.opponents is not None:
            self.opponents.restore(state)

    def close(self) -> None:
        """Free the worlds and threads."""
        self.worlds.close()
        self._beside.shutdown()
        self._lesson.close()

    def _drive(self) -> float:
        """One step of all worlds; the mean reward of learning targets."""
        settings, worlds, state = self.settings, self.worlds, self.worlds.state
        self._lesson.show(memories=self._memory)
        with torch.no_grad():
            maps, vectors = torch.from_numpy(state["map"]), torch.from_numpy(state["vector"])
            chosen, self._memory = self._driver.act(maps, vectors, self._memory)
        actions = np.clip(chosen.numpy(), -1.0, 1.0)
        if self._taught.any():
            actions = np.where(self._taught[:, None], self._lesson.actions(), actions)
        self._start_slips()
        actions = np.where((self._slip_left > 0)[:, None], self._slip, actions)
        self._slip_left = np.maximum(self._slip_left - 1, 0)
        of_target = 0.0
        if self.opponents is None:
            done = worlds.step(actions).done
        else:
            stepped = worlds.step(actions, self.opponents.actions(self._truth, actions))
            self._truth, done = worlds.truth(), stepped.done
            of_target = self.opponents.remember(worlds, stepped, actions)
        self.driven += worlds.num_worlds
        if done.any():
            self._lesson.begin(done)
            self._memory[torch.from_numpy(done)] = 0.0
            self._taught[done] = self._rng.random(int(done.sum())) < self._taught_share
            self._slip_left[done] = 0
        if self.driven >= settings.mixing_steps:
            self._taught[:] = False
        return of_target

    def _start_slips(self) -> None:
        settings, count = self.settings, self.worlds.num_worlds
        starting = (self._slip_left == 0) & (self._rng.random(count) < settings.slip_rate)
        self._slip_left[starting] = self._rng.integers(1, settings.slip_steps + 1, int(starting.sum()))
        drawn = self._rng.uniform(-1.0, 1.0, (int(starting.sum()), 2))
        self._slip[starting] = np.where(self._rng.random((len(drawn), 1)) < 0.5, drawn, 0.0)

    def _learn(self, driven: int) -> dict[str, float]:
        settings = self.settings
        new = settings.rollout_steps * self.worlds.num_worlds
        updates = max(1, round(settings.reuse * new / settings.lesson.batch_size))
        share = min(driven / self.total_steps, 1.0)
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * (0.1 + 0.9 * 0.5 * (1.0 + np.cos(np.pi * share)))
        told: dict[str, float] = {}
        for _ in range(updates):
            loss, parts = self._lesson.losses(self.actor)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.actor.parameters(), _GRADIENT_MAX)
            self._optimizer.step()
            for name, value in parts.items():
                told[f"teacher/{name}"] = told.get(f"teacher/{name}", 0.0) + value / updates
        return told

    _truth: Truth
