"""A learner's seat: how it explores."""

import numpy as np
import pytest
from gymnasium import spaces

from agents.networks import Actor, Sizes
from agents.seat import Seat

WORLDS, SPREAD = 64, 0.2
SPACE = spaces.Dict(
    {
        "map": spaces.Box(0.0, 1.0, (2, 8, 8), np.float32),
        "vector": spaces.Box(-1.0, 1.0, (3,), np.float32),
        "privileged": spaces.Box(-1.0, 1.0, (2,), np.float32),
    }
)
STATE = {name: np.zeros((WORLDS, *space.shape), dtype=np.float32) for name, space in SPACE.spaces.items()}


def seat(persistence):
    sizes = Sizes(2, 8, 3, (4, 4, 4), 8)
    return Seat(
        SPACE, WORLDS, 4, seed=0, actor=Actor(sizes), fitted=True, spread=SPREAD, persistence=persistence,
        policy_kwargs={"filters": sizes.filters, "hidden": sizes.hidden},
    )  # fmt: skip


def explored(learner, steps):
    """Deviations (steps, n, 2) from the mean, in standard deviations."""
    mean = learner.best(STATE).actions.numpy()
    return np.stack([learner.choose(STATE).actions.numpy() - mean for _ in range(steps)]) / SPREAD


@pytest.mark.parametrize("persistence", [0.0, 0.8])
def test_exploration_is_kept_up_as_long_as_is_said(persistence):
    drawn = explored(seat(persistence), 400)
    assert drawn.std() == pytest.approx(1.0, abs=0.05)
    assert np.mean(drawn[1:] * drawn[:-1]) == pytest.approx(persistence, abs=0.03)
    assert np.mean(drawn[..., 0] * drawn[..., 1]) == pytest.approx(0.0, abs=0.03)


def test_a_seat_that_goes_on_explores_as_if_it_had_not_stopped():
    first = seat(0.8)
    explored(first, 3)
    kept = first.state()
    first.begin_episodes()
    again = seat(0.8)
    again.restore(kept)
    again.begin_episodes()
    np.testing.assert_array_equal(explored(first, 3), explored(again, 3))
