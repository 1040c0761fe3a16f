"""What a teacher has shown: states beside the actions that it would have taken, as many as fit."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.regrets import Regrets

_LEVELS = 255.0


class Shown(NamedTuple):
    """Some demonstrations.

    Attributes:
        maps: (n, C, H, W) in [0, 1].
        vectors: (n, D)
        actions: (n, 2)
        regrets: of others, perhaps.
        memories: (n, M) of the actor that was there.
    """

    maps: Tensor
    vectors: Tensor
    actions: Tensor
    regrets: Regrets | None
    memories: Tensor


class Demonstrations:
    """A ring of demonstrations; the oldest go first. Maps are kept in bytes.

    Args:
        capacity: how many fit.
        map_shape: (C, H, W).
        vector_width: D.
        commands: (S, T) of the tables of regrets, if there are any.
        memory_width: M, of the actor's memory.
    """

    def __init__(
        self,
        capacity: int,
        map_shape: tuple[int, int, int],
        vector_width: int,
        commands: tuple[int, int] | None = None,
        memory_width: int = 0,
    ) -> None:
        self.capacity = capacity
        self._maps = torch.zeros((capacity, *map_shape), dtype=torch.uint8)
        self._vectors = torch.zeros((capacity, vector_width))
        self._actions = torch.zeros((capacity, 2))
        self._memories = torch.zeros((capacity, memory_width))
        widths = [] if commands is None else [commands, (2,), (2,), (3,)]
        self._regrets = [torch.zeros((capacity, *width)) for width in widths]
        self._count, self._next = 0, 0

    def __len__(self) -> int:
        return self._count

    def add(
        self,
        maps: NDArray[np.float32],
        vectors: NDArray[np.float32],
        actions: NDArray[Any],
        regrets: Regrets | None = None,
        memories: Tensor | None = None,
    ) -> None:
        """Keep n more.

        Args:
            maps: (n, C, H, W) in [0, 1].
            vectors: (n, D)
            actions: (n, 2)
            regrets: of others (n).
            memories: (n, M) of the actor that was there; nothing if None.
        """
        for first in range(0, len(maps), self.capacity):
            part = slice(first, first + self.capacity)
            levels = torch.from_numpy(maps[part]).mul(_LEVELS).add_(0.5).to(torch.uint8)
            where = (self._next + torch.arange(len(levels))) % self.capacity
            self._maps[where] = levels
            self._vectors[where] = torch.from_numpy(np.asarray(vectors[part], dtype=np.float32))
            self._actions[where] = torch.from_numpy(np.asarray(actions[part], dtype=np.float32))
            self._memories[where] = 0.0 if memories is None else memories[part]
            for kept, array in zip(self._regrets, regrets or (), strict=True):
                kept[where] = torch.from_numpy(np.asarray(array[part], dtype=np.float32))
            self._next = (self._next + len(levels)) % self.capacity
            self._count = min(self._count + len(levels), self.capacity)

    def drawn(self, count: int, random: torch.Generator, *, length: int = 1, apart: int = 1) -> Shown:
        """So many, drawn with replacement.

        Args:
            count: how many.
            random: draws them.
            length: of sequences, one after the other; their number is rounded down.
            apart: how many were kept between one step of a sequence and the next: as many as there are worlds, if all
                of them were shown at each step.
        """
        starts = max(self._count - (length - 1) * apart, 1)
        ages = torch.randint(starts, (count // length,), generator=random)
        oldest = self._next if self._count == self.capacity else 0
        rows = (oldest + ages[:, None] + apart * torch.arange(length)).flatten() % self.capacity
        regrets = Regrets(*(kept[rows] for kept in self._regrets)) if self._regrets else None
        maps = self._maps[rows].float().div_(_LEVELS)
        return Shown(maps, self._vectors[rows], self._actions[rows], regrets, self._memories[rows])

    @property
    def vectors(self) -> Tensor:
        """(n, D) of all that are kept."""
        return self._vectors[: self._count]

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        kept = slice(0, self._count)
        arrays = {"maps": self._maps[kept], "vectors": self._vectors[kept], "actions": self._actions[kept]}
        arrays["memories"] = self._memories[kept]
        regrets = [array[kept] for array in self._regrets]
        return {**arrays, "regrets": regrets, "next": self._next}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what `state` gave."""
        self._count, self._next = len(state["maps"]), int(state["next"])
        kept = slice(0, self._count)
        self._maps[kept], self._vectors[kept] = state["maps"], state["vectors"]
        self._actions[kept], self._memories[kept] = state["actions"], state["memories"]
        for array, values in zip(self._regrets, state["regrets"], strict=True):
            array[kept] = values
