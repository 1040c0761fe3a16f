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
        cells: along an edge of the map, a multiple of 8.
        numbers: in the vector beside the map.
        filters: of the three convolutions, each of which halves the map.
        hidden: width of the layers that join map and vector.
    """

    channels: int
    cells: int
    numbers: int
    filters: tuple[int, int, int] = (16, 32, 32)
    hidden: int = 128

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
        self.look = nn.Sequential(
            nn.Conv2d(sizes.channels, first, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(second, third, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(third * (sizes.cells // 8) ** 2, sizes.hidden),
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


class Actor(nn.Module):
    """Chooses actions: the mean of a normal distribution, whose spread does not depend on what is seen.

    Args:
        sizes: of the network.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.trunk = Trunk(sizes)
        self.head = nn.Linear(sizes.hidden, 2)
        self.log_spread = nn.Parameter(torch.full((2,), math.log(_SPREAD_START)))
        nn.init.orthogonal_(self.head.weight, 0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, maps: Tensor, numbers: Tensor) -> Tensor:
        """Mean actions (n, 2): forward speed and turn rate; clip them to [-1, 1]."""
        mean: Tensor = self.head(self.trunk(maps, numbers))
        return mean


class Critic(nn.Module):
    """Judges how much is to be won from a moment on, by what the actor's trunk sees in the map and by numbers.

    Convolutions of its own would double the time of an update.

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
