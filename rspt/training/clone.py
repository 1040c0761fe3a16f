"""A target learns what the script `evade` does: the duel begins with an opponent that already knows how to hide."""

from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from agents.demonstrations import Demonstrations
from agents.networks import Actor, Sizes
from envs.settings import Settings
from rspt.target_state import TARGET_NUMBERS, target_state_space, target_states
from rspt.training.stage import Actors, Round
from rspt.training.worlds import TrainingWorlds, TrainingWorldsSettings

_GRADIENT_MAX = 1.0


class CloneSettings(Settings):
    """Imitation of the script `evade` by a learning target, before the tracker as it is by then."""

    total_steps: int = Field(100_000, ge=1, le=1_000_000_000)
    """Steps of the worlds."""
    rollout_steps: int = Field(32, ge=1, le=1000)
    """Steps of each world between two rounds of learning."""
    tracker_noise: float = Field(0.2, ge=0.0, le=2.0)
    """Standard deviation of noise on the tracker's actions, for more variety."""
    buffer: int = Field(100_000, ge=1, le=150_000)
    """Demonstrations that are kept."""
    batch_size: int = Field(512, ge=1, le=65_536)
    """Demonstrations of one update."""
    reuse: float = Field(8.0, gt=0.0, le=100.0)
    """How often each demonstration is learnt from, on average."""
    learning_rate: float = Field(1e-3, gt=0.0, le=1.0)
    """Step size of Adam at the beginning; it falls along a cosine to a tenth."""
    huber: float = Field(0.1, gt=0.0, le=10.0)
    """Differences of actions beyond this count along a line, not a parabola."""


class CloneStage:
    """The script drives the targets, and a target learns it.

    Args:
        settings: of the stage.
        worlds: settings of the worlds; all targets evade.
        tracker: that they evade.
        seed: of everything that is drawn.
    """

    def __init__(self, settings: CloneSettings, worlds: TrainingWorldsSettings, tracker: Actor, *, seed: int) -> None:
        self.settings = settings
        self.driven, self.total_steps = 0, settings.total_steps
        self._tracker, self._memory = tracker, tracker.blank(worlds.worlds)
        self.worlds = TrainingWorlds(worlds, seed=seed, target_policies=["evade"])
        self.actor = new_target(seed)
        shape = target_state_space()["map"].shape
        assert shape is not None
        self._shown = Demonstrations(settings.buffer, (shape[0], shape[1], shape[2]), TARGET_NUMBERS)
        self._rng, self._random = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        self._optimizer = torch.optim.Adam(self.actor.parameters(), lr=settings.learning_rate)

    def begin(self) -> None:
        """Begin new episodes in all worlds; the rest is what `state` says."""
        self.worlds.begin(self.driven)
        self._memory = self._tracker.blank(self.worlds.num_worlds)

    def round(self) -> Round:
        """Watch the script for a while, then learn."""
        first = self.driven == 0
        for _ in range(self.settings.rollout_steps):
            self._watch()
        if first:
            self.actor.trunk.numbers.fit(self._shown.vectors)
        return Round({"clone/loss": self._learn()}, self.worlds.drain())

    def actors(self) -> Actors:
        """The target."""
        return {"target": self.actor}

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "driven": self.driven,
            "actor": dict(self.actor.state_dict()),
            "optimizer": self._optimizer.state_dict(),
            "demonstrations": self._shown.state(),
            "rng": self._rng.bit_generator.state,
            "random": self._random.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what `state` gave; `begin` is to follow."""
        self.driven = int(state["driven"])
        self.actor.load_state_dict(state["actor"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._shown.restore(state["demonstrations"])
        self._rng.bit_generator.state = state["rng"]
        self._random.set_state(state["random"])

    def close(self) -> None:
        """Free the worlds."""
        self.worlds.close()

    def _watch(self) -> None:
        worlds, state = self.worlds, self.worlds.state
        with torch.no_grad():
            maps, vectors = torch.from_numpy(state["map"]), torch.from_numpy(state["vector"])
            chosen, self._memory = self._tracker.act(maps, vectors, self._memory)
        noise = self.settings.tracker_noise * self._rng.standard_normal(chosen.shape)
        played = np.clip(chosen.numpy() + noise, -1.0, 1.0)
        truth = worlds.truth()
        seen = target_states(truth.view, played, truth.visible_share, truth.hidden_steps)
        self._memory[torch.from_numpy(worlds.step(played).done)] = 0.0
        self._shown.add(seen["map"], seen["vector"], worlds.target_actions)
        self.driven += worlds.num_worlds

    def _learn(self) -> float:
        settings = self.settings
        updates = max(1, round(settings.reuse * settings.rollout_steps * self.worlds.num_worlds / settings.batch_size))
        share = min(self.driven / settings.total_steps, 1.0)
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * (0.1 + 0.9 * 0.5 * (1.0 + np.cos(np.pi * share)))
        total = 0.0
        for _ in range(updates):
            shown = self._shown.drawn(settings.batch_size, self._random)
            loss = functional.smooth_l1_loss(self.actor(shown.maps, shown.vectors), shown.actions, beta=settings.huber)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.actor.parameters(), _GRADIENT_MAX)
            self._optimizer.step()
            total += loss.item()
        return total / updates


def new_target(seed: int) -> Actor:
    """A target that has learnt nothing."""
    shape = target_state_space()["map"].shape
    assert shape is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Actor(Sizes(shape[0], shape[1], TARGET_NUMBERS))
