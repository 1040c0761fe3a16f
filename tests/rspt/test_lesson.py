"""What the planner's lesson counts, in sight and out of it."""

import numpy as np
import pytest
import torch
from torch import nn

from agents.networks import Sizes
from agents.regrets import Regrets
from rspt.perception.state import OFFSETS, VECTOR_WIDTH
from rspt.training.lesson import Lesson, LessonSettings

CHANNELS, CELLS = 5, 32


class NoWorlds:
    """Nobody looks on: the demonstrations are added by hand."""

    num_worlds = 1


class Constant(nn.Module):
    """An actor that always does the same."""

    def __init__(self, action):
        super().__init__()
        self.action = nn.Parameter(torch.tensor(action))

    def forward(self, maps, numbers):
        return self.action.expand(len(maps), 2)


def lesson(*, seen, **settings):
    """A lesson of one demonstration: stand still; going ahead costs 3 all in all, of which 1 is harm."""
    made = Lesson(
        LessonSettings(buffer=1, batch_size=4, regret_blur=0.0, huber=0.1, **settings),
        Sizes(CHANNELS, CELLS, VECTOR_WIDTH),
        NoWorlds(),
        seed=0,
    )
    vector = np.zeros((1, VECTOR_WIDTH), dtype=np.float32)
    vector[0, OFFSETS["target_seen"]] = float(seen)
    speeds, turns = made._shown._regrets[0].shape[2:]
    tables = np.zeros((1, 2, speeds, turns))
    tables[0, 0], tables[0, 1] = np.linspace(0.0, 3.0, speeds)[:, None], np.linspace(0.0, 1.0, speeds)[:, None]
    edges = np.array([[0.0, -2.0]]), np.array([[2.0, 2.0]]), np.array([[2.0, 0.5, 2.0]])
    made._shown.add(
        np.zeros((1, CHANNELS, CELLS, CELLS), dtype=np.float32), vector, np.zeros((1, 2)), Regrets(tables, *edges)
    )
    return made


@pytest.mark.parametrize(
    ("seen", "sight_weight", "expected"),
    [
        (False, 0.0, 0.475 + 3.0),  # out of sight everything counts: the Huber loss of (1, 0) by 0.1, and the regret
        (True, 1.0, 0.475 + 3.0),
        (True, 0.0, 1.0),  # in sight the harm alone
        (True, 0.25, 0.25 * (0.475 + 3.0) + 0.75 * 1.0),
    ],
)
def test_in_sight_only_a_part_of_the_lesson_counts(seen, sight_weight, expected):
    made = lesson(seen=seen, sight_weight=sight_weight)
    loss, told = made.losses(Constant([1.0, 0.0]))
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    assert told["harm"] == pytest.approx(1.0, rel=1e-4)
    made.close()
