"""How much worse other actions are than the best: what a learner needs where it cannot tell which one is the best."""

from typing import Any, NamedTuple

import torch
from torch import Tensor


class Regrets(NamedTuple):
    """Regrets of n moments, each on an even grid of commands; numpy arrays or tensors.

    Attributes:
        table: (n, S, T) by speed and turn rate.
        low: (n, 2) speed in m/s and turn rate in rad/s of the first row and column.
        high: (n, 2) those of the last.
        units: (n, 3) what an action of 1 stands for: m/s forward, m/s backward, rad/s.
    """

    table: Any
    low: Any
    high: Any
    units: Any


def regret_of(actions: Tensor, regrets: Regrets) -> Tensor:
    """Regrets (n,) of actions (n, 2), interpolated; outside of a table, those of its edge."""
    table, low, high, units = regrets
    rows, columns = table.shape[1:]
    forward = actions[:, 0]
    speeds = torch.where(forward >= 0.0, forward * units[:, 0], forward * units[:, 1])
    commands = torch.stack([speeds, actions[:, 1] * units[:, 2]], dim=1)
    share = ((commands - low) / (high - low).clamp(min=1e-6)).clamp(0.0, 1.0)
    row, column = share[:, 0] * (rows - 1), share[:, 1] * (columns - 1)
    i, k = row.detach().floor().clamp(max=rows - 2), column.detach().floor().clamp(max=columns - 2)
    u, v = row - i, column - k
    first = (i * columns + k).long()[:, None]
    corners = table.flatten(1).gather(1, torch.cat([first, first + 1, first + columns, first + columns + 1], dim=1))
    lower = corners[:, 0] * (1.0 - v) + corners[:, 1] * v
    upper = corners[:, 2] * (1.0 - v) + corners[:, 3] * v
    regret: Tensor = lower * (1.0 - u) + upper * u
    return regret
