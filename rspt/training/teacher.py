"""The teacher stage: the actor drives, the privileged planner says what it would have done, and the actor learns it."""

from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from agents.demonstrations import Demonstrations, Shown
from agents.networks import Actor
from agents.regrets import Regrets, regret_of
from agents.rollouts import SPEEDS, TURNS
from envs.settings import Settings
from envs.threads import Threads
from rspt.build import make_oracle
from rspt.perception.state import VECTOR_ENTRIES, mirror_of
from rspt.training.stage import Actors, Round
from rspt.training.worlds import TrainingWorlds, TrainingWorldsSettings

_GRADIENT_MAX = 1.0
_MIRROR = torch.tensor([1.0, -1.0])


class TeacherSettings(Settings):
    """Imitation of the oracle on the actor's own way (DAgger)."""

    total_steps: int = Field(600_000, ge=1, le=1_000_000_000)
    """Steps of the worlds."""
    rollout_steps: int = Field(32, ge=1, le=1000)
    """Steps of each world between two rounds of learning."""
    mixing_steps: int = Field(60_000, ge=0, le=1_000_000_000)
    """Steps over which the teacher gives up driving: at first it drives everywhere, at last nowhere."""
    slip_rate: float = Field(0.02, ge=0.0, le=1.0)
    """Share of the steps at which a world's tracker begins to do something else, for a moment."""
    slip_steps: int = Field(8, ge=1, le=100)
    """Steps that this lasts at the most."""
    buffer: int = Field(150_000, ge=1, le=150_000)
    """Demonstrations that are kept."""
    batch_size: int = Field(512, ge=1, le=65_536)
    """Demonstrations of one update."""
    reuse: float = Field(4.0, gt=0.0, le=100.0)
    """How often each demonstration is learnt from, on average."""
    learning_rate: float = Field(1e-3, gt=0.0, le=1.0)
    """Step size of Adam at the beginning; it falls along a cosine to a tenth."""
    huber: float = Field(0.1, gt=0.0, le=10.0)
    """Differences of actions beyond this count along a line, not a parabola: where the teacher would go left or right
    of something, the mean of both is wrong."""

    imitation_weight: float = Field(1.0, ge=0.0, le=100.0)
    """Of the difference from the teacher's action."""
    regret_weight: float = Field(1.0, ge=0.0, le=100.0)
    """Of the cost that the teacher sees in what the actor does, beyond that of the best: where the state does not tell
    what is best, an actor learns by it to do what is good in all cases that may be."""
    regret_blur: float = Field(0.05, ge=0.0, le=1.0)
    """Standard deviation of noise on the actions of which that cost is taken, so that an actor keeps off its cliffs."""


class TeacherStage:
    """Drives, asks, learns.

    Args:
        settings: of the stage.
        worlds: settings of the worlds.
        actor: that learns.
        seed: of everything that is drawn.
    """

    def __init__(self, settings: TeacherSettings, worlds: TrainingWorldsSettings, actor: Actor, *, seed: int) -> None:
        self.settings, self.actor = settings, actor
        self.driven, self.total_steps = 0, settings.total_steps
        self._threads = Threads()
        self.worlds = TrainingWorlds(worlds, seed=seed)
        self._teacher = make_oracle(share=self._threads.share)
        self._order, self._sign = (torch.from_numpy(array) for array in mirror_of(VECTOR_ENTRIES))
        count, sizes = self.worlds.num_worlds, actor.sizes
        map_shape = (sizes.channels, sizes.cells, sizes.cells)
        self._shown = Demonstrations(settings.buffer, map_shape, sizes.numbers, (SPEEDS, TURNS))
        self._rng, self._random = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        self._optimizer = torch.optim.Adam(actor.parameters(), lr=settings.learning_rate)
        self._taught = np.ones(count, dtype=np.bool_)
        self._slip, self._slip_left = np.zeros((count, 2)), np.zeros(count, dtype=np.int64)

    def begin(self) -> None:
        """Begin new episodes in all worlds; the rest is what `state` says."""
        self.worlds.begin(self.driven)
        count = self.worlds.num_worlds
        self._teacher.reset(np.ones(count, dtype=np.bool_))
        self._taught = self._rng.random(count) < self._taught_share
        self._slip_left[:] = 0

    @property
    def _taught_share(self) -> float:
        """Share of the episodes that the teacher drives."""
        return max(0.0, 1.0 - self.driven / max(self.settings.mixing_steps, 1))

    def state(self) -> dict[str, Any]:
        """What `restore` needs, beside the actor's weights."""
        return {
            "driven": self.driven,
            "optimizer": self._optimizer.state_dict(),
            "demonstrations": self._shown.state(),
            "rng": self._rng.bit_generator.state,
            "random": self._random.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what `state` gave; `begin` is to follow."""
        self.driven = int(state["driven"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._shown.restore(state["demonstrations"])
        self._rng.bit_generator.state = state["rng"]
        self._random.set_state(state["random"])

    def round(self) -> Round:
        """Drive for a while, then learn."""
        first = self.driven == 0
        self.actor.eval()
        for _ in range(self.settings.rollout_steps):
            self._drive()
        if first:
            self.actor.trunk.numbers.fit(self._shown.vectors)
        return Round(self._learn(), self.worlds.drain())

    def actors(self) -> Actors:
        """The tracker."""
        return {"tracker": self.actor}

    def close(self) -> None:
        """Free the worlds and threads."""
        self.worlds.close()
        self._threads.close()

    def _drive(self) -> None:
        settings, worlds, state = self.settings, self.worlds, self.worlds.state
        shown, regrets = self._teacher.judge(worlds.privileged_view())
        self._shown.add(state["map"], state["vector"], shown, regrets)
        with torch.no_grad():
            chosen = self.actor(torch.from_numpy(state["map"]), torch.from_numpy(state["vector"])).numpy()
        actions = np.where(self._taught[:, None], shown, np.clip(chosen, -1.0, 1.0))
        self._start_slips()
        actions = np.where((self._slip_left > 0)[:, None], self._slip, actions)
        self._slip_left = np.maximum(self._slip_left - 1, 0)
        done = worlds.step(actions).done
        self.driven += worlds.num_worlds
        if done.any():
            self._teacher.reset(done)
            self._taught[done] = self._rng.random(int(done.sum())) < self._taught_share
            self._slip_left[done] = 0
        if self.driven >= settings.mixing_steps:
            self._taught[:] = False

    def _half_mirrored(self, shown: Shown) -> Shown:
        """Some of the demonstrations as a mirror shows them: left and right are alike."""
        half = len(shown.maps) // 2
        assert shown.regrets is not None
        table, low, high, units = shown.regrets
        return Shown(
            torch.cat([shown.maps[:half].flip(3), shown.maps[half:]]),
            torch.cat([shown.vectors[:half, self._order] * self._sign, shown.vectors[half:]]),
            torch.cat([shown.actions[:half] * _MIRROR, shown.actions[half:]]),
            Regrets(
                torch.cat([table[:half].flip(2), table[half:]]),
                torch.cat([torch.stack([low[:half, 0], -high[:half, 1]], dim=1), low[half:]]),
                torch.cat([torch.stack([high[:half, 0], -low[:half, 1]], dim=1), high[half:]]),
                units,
            ),
        )

    def _start_slips(self) -> None:
        settings, count = self.settings, self.worlds.num_worlds
        starting = (self._slip_left == 0) & (self._rng.random(count) < settings.slip_rate)
        self._slip_left[starting] = self._rng.integers(1, settings.slip_steps + 1, int(starting.sum()))
        self._slip[starting] = self._rng.uniform(-1.0, 1.0, (int(starting.sum()), 2))

    def _learn(self) -> dict[str, float]:
        settings = self.settings
        new = settings.rollout_steps * self.worlds.num_worlds
        updates = max(1, round(settings.reuse * new / settings.batch_size))
        share = min(self.driven / max(settings.total_steps, 1), 1.0)
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * (0.1 + 0.9 * 0.5 * (1.0 + np.cos(np.pi * share)))
        self.actor.train()
        told = {"teacher/imitation_loss": 0.0, "teacher/regret": 0.0}
        for _ in range(updates):
            shown = self._half_mirrored(self._shown.drawn(settings.batch_size, self._random))
            assert shown.regrets is not None
            actions = self.actor(shown.maps, shown.vectors)
            imitation = functional.smooth_l1_loss(actions, shown.actions, beta=settings.huber)
            blur = settings.regret_blur * torch.randn(actions.shape, generator=self._random)
            regret = regret_of(actions + blur, shown.regrets).mean()
            self._optimizer.zero_grad()
            (settings.imitation_weight * imitation + settings.regret_weight * regret).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.actor.parameters(), _GRADIENT_MAX)
            self._optimizer.step()
            for name, value in zip(told, (imitation, regret), strict=True):
                told[name] += value.item() / updates
        return told
