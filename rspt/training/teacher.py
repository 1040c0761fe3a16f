"""The teacher stage: the actor drives, the privileged planner says what it would have done, and the actor learns it."""

import copy
from typing import Any

import numpy as np
import torch
from pydantic import Field

from agents.networks import Actor
from envs.settings import Settings
from rspt.training.beside import thread_beside
from rspt.training.lesson import Lesson, LessonSettings
from rspt.training.stage import Actors, Round
from rspt.training.worlds import TrainingWorlds, TrainingWorldsSettings

_GRADIENT_MAX = 1.0


class TeacherSettings(Settings):
    """Imitation of the oracle on the actor's own way (DAgger)."""

    total_steps: int = Field(600_000, ge=1, le=1_000_000_000)
    """Steps of the worlds."""
    rollout_steps: int = Field(32, ge=1, le=1000)
    """Steps of each world between two rounds of learning."""
    mixing_steps: int = Field(60_000, ge=0, le=1_000_000_000)
    """Steps over which the teacher gives up driving: at first it drives everywhere, at last nowhere."""
    slip_rate: float = Field(0.012, ge=0.0, le=1.0)
    """Share of the steps at which a world's tracker begins to do something else for a while, half of the times nothing
    at all: the target gets ahead and out of sight, and the teacher shows how it is found again."""
    slip_steps: int = Field(25, ge=1, le=100)
    """Steps that this lasts at the most."""
    reuse: float = Field(4.0, gt=0.0, le=100.0)
    """How often each demonstration is learnt from, on average."""
    learning_rate: float = Field(1e-3, gt=0.0, le=1.0)
    """Step size of Adam at the beginning; it falls along a cosine to a tenth."""
    lesson: LessonSettings = LessonSettings()
    """How the actor learns what the teacher shows."""


class TeacherStage:
    """Drives and asks, and learns meanwhile what was shown before.

    Args:
        settings: of the stage.
        worlds: settings of the worlds.
        actor: that learns.
        seed: of everything that is drawn.
        sequence_steps: of a world that are learnt from together, if the actor has a memory.
    """

    def __init__(
        self,
        settings: TeacherSettings,
        worlds: TrainingWorldsSettings,
        actor: Actor,
        *,
        seed: int,
        sequence_steps: int = 1,
    ) -> None:
        self.settings, self.actor = settings, actor
        self.driven, self.total_steps = 0, settings.total_steps
        self.worlds = TrainingWorlds(worlds, seed=seed)
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
        learning = self._beside.submit(self._learn, self.driven) if len(self._lesson) else None
        for _ in range(self.settings.rollout_steps):
            self._drive()
        told = {} if learning is None else learning.result()
        self._lesson.keep()
        if learning is None and len(self._lesson):  # what is shown first also tells how numbers are to be standardised
            self.actor.trunk.numbers.fit(self._lesson.vectors)
            told = self._learn(0)
        self._driver.load_state_dict(self.actor.state_dict())
        return Round(told, self.worlds.drain())

    def actors(self) -> Actors:
        """The tracker."""
        return {"tracker": self.actor}

    def state(self) -> dict[str, Any]:
        """What `restore` needs, beside the actor's weights."""
        return {
            "driven": self.driven,
            "optimizer": self._optimizer.state_dict(),
            "lesson": self._lesson.state(),
            "rng": self._rng.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what `state` gave; `begin` is to follow."""
        self.driven = int(state["driven"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._lesson.restore(state["lesson"])
        self._rng.bit_generator.state = state["rng"]

    def close(self) -> None:
        """Free the worlds and threads."""
        self.worlds.close()
        self._beside.shutdown()
        self._lesson.close()

    def _drive(self) -> None:
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
        done = worlds.step(actions).done
        self.driven += worlds.num_worlds
        if done.any():
            self._lesson.begin(done)
            self._memory[torch.from_numpy(done)] = 0.0
            self._taught[done] = self._rng.random(int(done.sum())) < self._taught_share
            self._slip_left[done] = 0
        if self.driven >= settings.mixing_steps:
            self._taught[:] = False

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
        share = min(driven / settings.total_steps, 1.0)
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
