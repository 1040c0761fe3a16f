"""What became of moments: a teacher that waits a little knows where everybody went, and need not guess."""

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from agents.drive import STEPS
from envs.batch import PrivilegedView

_LATE_MAX = 3
"""Steps that the robots of a training are late at the most; where one is later, the last of its path is reckoned."""
AHEAD = STEPS + _LATE_MAX
"""So many steps after a moment it is known what became of it."""


class Moment(NamedTuple):
    """One step of n worlds, as the teacher is to judge it.

    Attributes:
        maps: (n, C, G, G) of the tracker's state.
        vectors: (n, D)
        view: the truth.
        room_behind_m: (n,) how far back the robots have seen that nothing stands there; None if it does not matter.
        asked: (n,) about which worlds the teacher is asked; all if None.
        memories: (n, M) of the actor that drives; None if it has none.
    """

    maps: NDArray[np.float32]
    vectors: NDArray[np.float32]
    view: PrivilegedView
    room_behind_m: NDArray[np.float64] | None
    asked: NDArray[np.bool_] | None
    memories: Tensor | None


class Past(NamedTuple):
    """A moment of which it is known what became.

    Attributes:
        moment: it.
        paths: (n, M, STEPS + 1, 2) of the movers, the target and the distractors, in metres in the world; they begin
            when the robot's next action takes effect. Where the episode ended before, they are taken to have gone on as
            in its last step.
        begins: (n,) whether an episode begins with it.
    """

    moment: Moment
    paths: NDArray[np.float64]
    begins: NDArray[np.bool_]


class Hindsight:
    """The last moments of n worlds, until it is known what became of them.

    Args:
        worlds: n.
    """

    def __init__(self, worlds: int) -> None:
        self._moments: deque[tuple[Moment, NDArray[np.int64]]] = deque()
        self._episodes = np.zeros(worlds, dtype=np.int64)
        self._last = np.full(worlds, -1, dtype=np.int64)

    def begin(self, which: NDArray[np.bool_] | None = None) -> None:
        """New episodes begin in the worlds (n,) that are marked; in all if None, and nothing more will become known."""
        if which is None:
            self._moments.clear()
            self._episodes += 1
        else:
            self._episodes[which] += 1

    def add(self, moment: Moment) -> None:
        """Remember the next moment."""
        self._moments.append((moment, self._episodes.copy()))

    def due(self) -> Past | None:
        """The oldest moment, once it is known what became of it."""
        if len(self._moments) <= AHEAD:
            return None
        places = np.stack([moment.view.poses[:, 1:, :2] for moment, _ in self._moments])  # (T, n, M, 2)
        episodes = np.stack([numbers for _, numbers in self._moments])
        moment, _ = self._moments.popleft()
        known = np.cumprod(episodes == episodes[0], axis=0).sum(axis=0)  # (n,) steps of the same episode
        late = np.array([len(actions) for actions in moment.view.under_way])
        steps = late[:, None] + np.arange(STEPS + 1)  # (n, STEPS + 1)
        within = np.minimum(steps, known[:, None] - 1)
        worlds = np.arange(len(late))[:, None]
        last, before = known - 1, np.maximum(known - 2, 0)
        pace = places[last, worlds[:, 0]] - places[before, worlds[:, 0]]  # (n, M, 2) of a step
        paths = places[within, worlds] + (steps - within)[:, :, None, None] * pace[:, None]
        begins, self._last = episodes[0] != self._last, episodes[0]
        return Past(moment, np.ascontiguousarray(paths.transpose(0, 2, 1, 3)), begins)
