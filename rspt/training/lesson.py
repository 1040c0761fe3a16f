"""What the privileged planner teaches an actor: its action, and what others would cost, wherever the actor has been."""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from agents.demonstrations import Demonstrations, Shown
from agents.networks import Actor, Sizes
from agents.oracle import TEACHES
from agents.regrets import Regrets, regret_of
from agents.rollouts import SPEEDS, TURNS
from envs.batch import PrivilegedView
from envs.settings import Settings
from envs.threads import Threads
from rspt.build import make_oracle
from rspt.percept import room_behind
from rspt.perception.state import OFFSETS, VECTOR_ENTRIES, mirror_of
from rspt.training.hindsight import Hindsight, Moment
from rspt.training.worlds import TrainingWorlds

_MIRROR = torch.tensor([1.0, -1.0])
_SEEN = OFFSETS["target_seen"]


class LessonSettings(Settings):
    """How an actor learns what the teacher shows."""

    buffer: int = Field(150_000, ge=1, le=150_000)
    """Demonstrations that are kept."""
    batch_size: int = Field(512, ge=1, le=65_536)
    """Demonstrations of one update."""
    imitation_weight: float = Field(1.0, ge=0.0, le=100.0)
    """Of the difference from the teacher's action."""
    huber: float = Field(0.1, gt=0.0, le=10.0)
    """Differences of actions beyond this count along a line, not a parabola: where the teacher would go left or right
    of something, the mean of both is wrong."""
    regret_weight: float = Field(1.0, ge=0.0, le=100.0)
    """Of the cost that the teacher sees in what the actor does, beyond that of the best: where the state does not tell
    what is best, an actor learns by it to do what is good in all cases that may be."""
    regret_blur: float = Field(0.12, ge=0.0, le=1.0)
    """Standard deviation of noise on the actions of which that cost is taken, so that an actor keeps off its cliffs."""
    sight_tolerance: float | None = Field(None, ge=0.0, le=100.0)
    """While the target is in sight, an action is wrong by what it costs beyond this above the best, and by nothing
    else: an actor that learns from rewards is free among what is good, and does not forget what is not. Null: as out of
    sight."""
    commitment: float | None = Field(12.0, gt=0.0, le=100.0)
    """While the target is out of sight, what is wrong counts by the root of itself times this: the mean of going left
    and going right is to stand still, and a root makes either of them better than that. Null: as in sight."""
    hindsight: Literal["never", "in_sight", "always"] = "never"
    """When the teacher judges a moment once it is known where everybody went from there, and not by how they moved.
    Short trainings gain by `always`. Out of sight an actor cannot know what the teacher knows then: shown now this and
    now that for long, it learns to stand and wait."""
    backs_into_seen: bool = True
    """Whether the teacher backs off only over ground that the tracker has seen to be free."""


class Lesson:
    """Asks the teacher, remembers what it said, and says how far an actor is off.

    Args:
        settings: of the lesson.
        sizes: of the actor.
        worlds: in which the teacher looks on.
        seed: of what is drawn.
        which: numbers (n,) of those of the worlds; all if None.
        sequence_steps: for an actor that has a memory, and if all worlds are shown at each step: of a world that are
            learnt from together.
    """

    def __init__(
        self,
        settings: LessonSettings,
        sizes: Sizes,
        worlds: TrainingWorlds,
        *,
        seed: int,
        which: NDArray[np.int64] | None = None,
        sequence_steps: int = 1,
    ) -> None:
        self.settings, self._worlds = settings, worlds
        self._remembers, self._length = bool(sizes.memory), sequence_steps if sizes.memory else 1
        self._which = np.arange(worlds.num_worlds) if which is None else which
        self._threads = Threads()
        self._teacher, self._driver = (make_oracle(share=self._threads.share, manner=TEACHES) for _ in range(2))
        self._hindsight = Hindsight(len(self._which))
        self._order, self._sign = (torch.from_numpy(array) for array in mirror_of(VECTOR_ENTRIES))
        self._shown = Demonstrations(settings.buffer, sizes.map_shape, sizes.numbers, (SPEEDS, TURNS), sizes.memory)
        self._new: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any], Regrets, Tensor | None]] = []
        self._random = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return len(self._shown)

    @property
    def vectors(self) -> Tensor:
        """(n, D) of all demonstrations."""
        return self._shown.vectors

    def begin(self, which: NDArray[np.bool_] | None = None) -> None:
        """New episodes begin in the worlds (W,) that are marked, or in all."""
        own = None if which is None else which[self._which]
        self._hindsight.begin(own)
        begins = np.ones(len(self._which), dtype=np.bool_) if own is None else own
        self._driver.reset(begins)
        if self.settings.hindsight == "never":
            self._teacher.reset(begins)

    def actions(self) -> NDArray[np.float64]:
        """What the teacher would do now (n, 2), which cannot wait."""
        return self._driver.judge(self._view(), regret_max=0.0, room_behind_m=self._room_behind())[0]

    def show(self, among: NDArray[np.bool_] | None = None, memories: Tensor | None = None) -> None:
        """Ask the teacher about the moment; its answer is learnt from after `keep`.

        Args:
            among: (W,) whether the teacher is to look at a world, if it is one of its; at all of its if None.
            memories: (W, M) of the actor that drives.
        """
        state = {name: array[self._which] for name, array in self._worlds.state.items()}
        remembered = None if memories is None else memories[torch.from_numpy(self._which)]
        asked = None if among is None else among[self._which]
        moment = Moment(state["map"], state["vector"], self._view(), self._room_behind(), asked, remembered)
        if self.settings.hindsight == "never":
            self._judge(moment, None)
            return
        self._hindsight.add(moment)
        if past := self._hindsight.due():
            self._teacher.reset(past.begins)
            if self.settings.hindsight == "in_sight":
                past.paths[past.moment.vectors[:, _SEEN] < 0.5] = np.nan
            self._judge(past.moment, past.paths)

    def _judge(self, moment: Moment, paths: NDArray[np.float64] | None) -> None:
        asked = slice(None) if moment.asked is None else moment.asked
        room = None if moment.room_behind_m is None else moment.room_behind_m[asked]
        actions, regrets = self._teacher.judge(moment.view, room_behind_m=room, among=moment.asked, paths=paths)
        memories = None if moment.memories is None else moment.memories[asked]
        self._new.append((moment.maps[asked], moment.vectors[asked], actions, regrets, memories))

    def _view(self) -> PrivilegedView:
        return self._worlds.privileged_view().of(self._which)

    def _room_behind(self) -> NDArray[np.float64] | None:
        return room_behind(self._worlds.state["map"][self._which]) if self.settings.backs_into_seen else None

    def keep(self) -> None:
        """Add what was shown since the last call to what is learnt from."""
        for shown in self._new:
            self._shown.add(*shown)
        self._new.clear()

    def losses(self, actor: Actor) -> tuple[Tensor, dict[str, float]]:
        """What an actor is to make small, on demonstrations that are drawn, and its parts by name."""
        settings = self.settings
        if not len(self._shown):  # nothing was asked for yet
            return torch.zeros(()), {}
        shown = self._shown.drawn(settings.batch_size, self._random, length=self._length, apart=len(self._which))
        if self._remembers:  # what is remembered cannot be mirrored
            actions = actor(shown.maps, shown.vectors, shown.memories, self._length)
        else:
            shown = self._half_mirrored(shown)
            actions = actor(shown.maps, shown.vectors)
        assert shown.regrets is not None
        differences = functional.smooth_l1_loss(actions, shown.actions, beta=settings.huber, reduction="none").mean(
            dim=1
        )
        blur = settings.regret_blur * torch.randn(actions.shape, generator=self._random)
        regrets = regret_of(actions + blur, shown.regrets)
        if settings.commitment is not None:
            hidden = shown.vectors[:, _SEEN] < 0.5
            differences = torch.where(hidden, _root(differences, settings.huber), differences)
            regrets = torch.where(hidden, _root(regrets, settings.commitment), regrets)
        tolerance = settings.sight_tolerance
        free = torch.zeros(len(actions), dtype=torch.bool) if tolerance is None else shown.vectors[:, _SEEN] > 0.5
        imitation, regret = _mean(differences[~free]), _mean(regrets[~free])
        told = {"imitation_loss": imitation.item(), "regret": regret.item()}
        loss = settings.imitation_weight * imitation + settings.regret_weight * regret
        if tolerance is not None:
            excess = _mean(functional.relu(regrets[free] - tolerance))
            told["excess_regret"] = excess.item()
            loss = loss + settings.regret_weight * excess
        return loss, told

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {"demonstrations": self._shown.state(), "random": self._random.get_state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what `state` gave; `begin` is to follow."""
        self._shown.restore(state["demonstrations"])
        self._random.set_state(state["random"])

    def close(self) -> None:
        """Free the threads."""
        self._threads.close()

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
            shown.memories,
        )


def _root(values: Tensor, scale: float) -> Tensor:
    """The root of values (n,) times a scale, which leaves those of that scale as they are; with a finite slope at 0."""
    return torch.sqrt(scale * (values.clamp(min=0.0) + 0.01 * scale))


def _mean(values: Tensor) -> Tensor:
    """Of all of them, 0 if there are none."""
    return values.mean() if len(values) else values.sum()
