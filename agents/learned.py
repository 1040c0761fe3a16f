"""A trained tracker as an agent."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from agents.agent import Observation, View

_BATCH = 16
"""The network always sees so many states at once, if need be empty ones: its last bits depend on their number."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch with one thread, and then with as many as before.

    For networks this small more threads wait for each other, on a busy machine a hundred times longer than the work
    takes; and the last bits of a result depend on how many there are.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


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
