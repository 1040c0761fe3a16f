"""A trained tracker as an agent."""

import numpy as np
import torch
from numpy.typing import NDArray

from agents.agent import Observation, View
from agents.networks import Actor
from agents.one_thread import one_thread

_BATCH = 16
"""The network always sees so many states at once, if need be empty ones: its last bits depend on their number."""


class LearnedAgent:
    """Acts by a network on `map` and `vector` of the structure-aware state.

    Args:
        actor: the network.
    """

    privileged = False

    def __init__(self, actor: Actor) -> None:
        self._actor = actor.eval()
        self._memory = actor.blank(0)

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Begin new episodes in the worlds (B,) that are marked: what was remembered of them is forgotten."""
        if len(self._memory) != len(which):
            self._memory = self._actor.blank(len(which))
        self._memory[torch.from_numpy(which)] = 0.0

    @torch.no_grad()
    @one_thread()
    def act(self, observation: Observation, view: View | None = None) -> NDArray[np.float64]:
        """Actions (B, 2) of an observation with a leading axis B."""
        maps, vectors = observation["map"], observation["vector"]
        if len(self._memory) != len(maps):
            self._memory = self._actor.blank(len(maps))
        actions = np.empty((len(maps), 2))
        for first in range(0, len(maps), _BATCH):
            count = min(_BATCH, len(maps) - first)
            seen, numbers = (torch.zeros((_BATCH, *array.shape[1:])) for array in (maps, vectors))
            for tensor, array in ((seen, maps), (numbers, vectors)):
                tensor[:count] = torch.from_numpy(np.ascontiguousarray(array[first : first + count], dtype=np.float32))
            memory = self._actor.blank(_BATCH)
            memory[:count] = self._memory[first : first + count]
            acted = self._actor.act(seen, numbers, memory)
            actions[first : first + count] = acted.means[:count].numpy()
            self._memory[first : first + count] = acted.memories[:count]
        return np.clip(actions, -1.0, 1.0)
