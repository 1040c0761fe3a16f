"""A trained tracker as an agent."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from agents.agent import Observation, View
from agents.one_thread import one_thread

_BATCH = 16
"""The network always sees so many states at once, if need be empty ones: its last bits depend on their number."""


class LearnedAgent:
    """Acts by a network on `map` and `vector` of the structure-aware state.

    Args:
        actor: from maps (n, C, G, G) and vectors (n, D) to mean actions (n, 2).
    """

    privileged = False

    def __init__(self, actor: nn.Module) -> None:
        self._actor = actor.eval()

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Begin new episodes in the worlds (B,): nothing is remembered."""

    @torch.no_grad()
    @one_thread()
    def act(self, observation: Observation, view: View | None = None) -> NDArray[np.float64]:
        """Actions (B, 2) of an observation with a leading axis B."""
        maps, vectors = observation["map"], observation["vector"]
        actions = np.empty((len(maps), 2))
        for first in range(0, len(maps), _BATCH):
            count = min(_BATCH, len(maps) - first)
            given = [torch.zeros((_BATCH, *array.shape[1:])) for array in (maps, vectors)]
            for tensor, array in zip(given, (maps, vectors), strict=True):
                tensor[:count] = torch.from_numpy(np.ascontiguousarray(array[first : first + count], dtype=np.float32))
            actions[first : first + count] = self._actor(*given)[:count].numpy()
        return np.clip(actions, -1.0, 1.0)
