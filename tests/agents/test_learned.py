"""A trained tracker as an agent."""

import numpy as np
import pytest
import torch

from agents.learned import LearnedAgent
from agents.networks import Actor, Sizes


@pytest.fixture
def agent():
    torch.manual_seed(0)
    return LearnedAgent(Actor(Sizes(5, 32, 51, (16, 32, 32), 128)))


def states(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "map": rng.random((count, 5, 32, 32), dtype=np.float32),
        "vector": rng.standard_normal((count, 51), dtype=np.float32),
    }


def test_an_action_depends_neither_on_neighbours_nor_on_the_threads_of_torch(agent):
    given = states(20)
    actions = agent.act(given)
    assert actions.shape == (20, 2)
    assert np.abs(actions).max() <= 1.0
    alone = [agent.act({name: array[i : i + 1] for name, array in given.items()})[0] for i in range(20)]
    np.testing.assert_array_equal(actions, alone)
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            np.testing.assert_array_equal(agent.act(given), actions)
            assert torch.get_num_threads() == threads  # the rest of the program keeps its own
    finally:
        torch.set_num_threads(before)


def test_a_failing_network_leaves_the_threads_as_they_were(agent):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with pytest.raises(RuntimeError):
            agent.act({"map": np.zeros((1, 4, 32, 32), np.float32), "vector": np.zeros((1, 51), np.float32)})
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
