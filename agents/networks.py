"""The networks of the players, as plain torch modules: what acts, and what judges while it learns."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

_DEVIATION_MIN = 0.02
"""Numbers that vary less are not blown up further."""
_SPREAD_START = 0.4
"""Standard deviation of a new actor's actions, in which learning explores."""


class Sizes(NamedTuple):
    """Shapes of a network.

    Attributes:
        channels: of the map.
        cells: along an edge of the map, or from its top to its bottom if it is no square; a multiple of 8.
        numbers: in the vector beside the map.
        filters: of the three convolutions, each of which halves the map.
        hidden: width of the layers that join map and vector.
        columns: of a map that is no square, a multiple of 8; 0 for a square.
        memory: width M of the recurrent layer behind them; 0 for a player that remembers nothing.
    """

    channels: int
    cells: int
    numbers: int
    filters: tuple[int, int, int] = (16, 32, 32)
    hidden: int = 128
    columns: int = 0
    memory: int = 0

    @property
    def map_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.channels, self.cells, self.columns or self.cells

    @property
    def features(self) -> int:
        """Width of what the head is given."""
        return self.memory or self.hidden

    @classmethod
    def of(cls, architecture: dict[str, Any]) -> "Sizes":
        """From what `_asdict` gave, after a way through JSON."""
        return cls(**{**architecture, "filters": tuple(architecture["filters"])})


class Standardized(nn.Module):
    """Shifts and scales numbers (n, N) to mean 0 and standard deviation 1: some of them hardly vary, but decide."""

    shift: Tensor
    scale: Tensor

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(numbers))
        self.register_buffer("scale", torch.ones(numbers))

    def forward(self, numbers: Tensor) -> Tensor:
        """Shifted and scaled (n, N)."""
        return (numbers - self.shift) * self.scale

    def fit(self, numbers: Tensor) -> None:
        """Take mean and standard deviation from these (n, N)."""
        self.shift.copy_(numbers.mean(dim=0))
        self.scale.copy_(1.0 / numbers.std(dim=0).clamp(min=_DEVIATION_MIN))


class Trunk(nn.Module):
    """Joins a map (n, C, G, G) and numbers (n, N) into features (n, hidden)."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        first, second, third = sizes.filters
        _, rows, columns = sizes.map_shape
        self.look = nn.Sequential(
            nn.Conv2d(sizes.channels, first, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(second, third, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(third * (rows // 8) * (columns // 8), sizes.hidden),
            nn.ReLU(inplace=True),
        )
        self.look.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast on a CPU
        self.numbers = Standardized(sizes.numbers)
        self.join = nn.Sequential(
            nn.Linear(sizes.hidden + sizes.numbers, sizes.hidden),
            nn.ReLU(inplace=True),
            nn.Linear(sizes.hidden, sizes.hidden),
            nn.ReLU(inplace=True),
        )

    def seen(self, maps: Tensor) -> Tensor:
        """What the maps alone show (n, hidden)."""
        looked: Tensor = self.look(maps.contiguous(memory_format=torch.channels_last))
        return looked

    def joined(self, seen: Tensor, numbers: Tensor) -> Tensor:
        """Features (n, hidden) of what the maps show (n, hidden) and of the numbers (n, N)."""
        features: Tensor = self.join(torch.cat([seen, self.numbers(numbers)], dim=1))
        return features

    def forward(self, maps: Tensor, numbers: Tensor) -> Tensor:
        """Features (n, hidden)."""
        return self.joined(self.seen(maps), numbers)


class Memory(nn.Module):
    """A gated recurrent unit (GRU) behind a trunk.

    What is remembered is all zeros when an episode begins and at no other time: so stored memories tell by themselves
    where episodes begin.

    Args:
        features: width of what comes in.
        width: M of what is remembered.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.cell = nn.GRUCell(features, width)

    def forward(self, features: Tensor, memories: Tensor, length: int = 1) -> Tensor:
        """What is remembered after each step (n, M), which is also what the head is given.

        Args:
            features: (n, F) of n / length sequences, one after the other.
            memories: (n, M) before each step, as they were stored: each sequence goes on from its first one, and from
                nothing where an episode begins.
            length: steps of a sequence.
        """
        steps = features.view(-1, length, features.shape[1])  # (sequences, length, F)
        stored = memories.view(-1, length, memories.shape[1])
        begins = ~stored.any(dim=2, keepdim=True)
        memory, after = stored[:, 0], []
        for step in range(length):
            memory = self.cell(steps[:, step], memory.masked_fill(begins[:, step], 0.0))
            after.append(memory)
        return torch.stack(after, dim=1).flatten(0, 1)


class Acted(NamedTuple):
    """What an actor does in n states: mean actions (n, 2), and what it remembers from then on (n, M)."""

    means: Tensor
    memories: Tensor


class Actor(nn.Module):
    """Chooses actions: the mean of a normal distribution, whose spread does not depend on what is seen.

    Args:
        sizes: of the network.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.trunk = Trunk(sizes)
        self.memory = Memory(sizes.hidden, sizes.memory) if sizes.memory else None
        self.head = nn.Linear(sizes.features, 2)
        self.log_spread = nn.Parameter(torch.full((2,), math.log(_SPREAD_START)))
        nn.init.orthogonal_(self.head.weight, 0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, maps: Tensor, numbers: Tensor, memories: Tensor | None = None, length: int = 1) -> Tensor:
        """Mean actions (n, 2): forward speed and turn rate; clip them to [-1, 1].

        Args:
            maps: (n, C, H, W)
            numbers: (n, N)
            memories: (n, M) before each step, see `Memory`; nothing is remembered if None.
            length: steps of each of the sequences that follow one another in these n.
        """
        mean: Tensor = self.head(self.recalled(self.trunk(maps, numbers), memories, length))
        return mean

    def recalled(self, features: Tensor, memories: Tensor | None = None, length: int = 1) -> Tensor:
        """What the head is given (n, F), from the trunk's features (n, hidden)."""
        if self.memory is None:
            return features
        given = self.blank(len(features)) if memories is None else memories
        recalled: Tensor = self.memory(features, given, length)
        return recalled

    def act(self, maps: Tensor, numbers: Tensor, memories: Tensor) -> Acted:
        """One step of n worlds, each with its memory (n, M)."""
        features = self.recalled(self.trunk(maps, numbers), memories)
        return Acted(self.head(features), features if self.memory is not None else memories)

    def blank(self, count: int) -> Tensor:
        """What is remembered (count, M) when an episode begins."""
        return torch.zeros((count, self.sizes.memory), device=self.log_spread.device)


class Critic(nn.Module):
    """Judges how much is to be won from a moment on, by what the actor's trunk sees in the map and by numbers.

    Convolutions of its own would double the time of an update. It remembers nothing: it is told the truth.

    Args:
        sizes: of the actor.
        numbers: that it is given, some of which the actor may not see.
    """

    def __init__(self, sizes: Sizes, numbers: int) -> None:
        super().__init__()
        width = 2 * sizes.hidden
        self.numbers = Standardized(numbers)
        self.judge = nn.Sequential(
            nn.Linear(sizes.hidden + numbers, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, 1),
        )

    def forward(self, seen: Tensor, numbers: Tensor) -> Tensor:
        """Values (n,) of what the maps show (n, hidden) and of numbers (n, N)."""
        value: Tensor = self.judge(torch.cat([seen, self.numbers(numbers)], dim=1))
        return value[:, 0]
