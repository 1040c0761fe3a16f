"""The composed trackers in the real worlds."""

import gymnasium
import numpy as np
import pytest

from envs.layouts.free_space import free_space
from envs.layouts.layout import Layout, Prisms
from rspt.build import PLAYERS, path_search

# two halves of a 12 m square, joined by a door at y 5 to 7
DIVIDED = Layout(
    "divided", (0.0, 0.0, 12.0, 12.0), Prisms.boxes([[6.0, 2.5], [6.0, 9.5]], [[0.1, 2.5], [0.1, 2.5]], z=(0.0, 2.5))
)


def test_the_search_leads_through_the_door():
    search, space = path_search(), free_space(DIVIDED)
    start, goal = np.array([3.0, 2.0]), np.array([9.0, 2.0])
    way = search(space, start, goal)
    np.testing.assert_array_equal(way[[0, -1]], [start, goal])
    crossing = np.interp(6.0, way[:, 0], way[:, 1])
    assert 5.3 < crossing < 6.7
    assert 6.0 < np.hypot(*np.diff(way, axis=0).T).sum() < 12.0


def test_a_start_beside_the_free_region_is_moved_into_it():
    way = path_search()(free_space(DIVIDED), np.array([5.8, 2.0]), np.array([9.0, 2.0]))
    assert len(way) > 2


def test_no_way_is_an_empty_one():
    enclosed = Layout("enclosed", (0.0, 0.0, 12.0, 12.0), Prisms.boxes([[6.0, 6.0]], (0.1, 6.0), z=(0.0, 2.5)))
    assert path_search()(free_space(enclosed), np.array([3.0, 3.0]), np.array([9.0, 3.0])).shape == (0, 2)


@pytest.mark.parametrize(("name", "least"), [("pid", 0.3), ("oracle", 0.8)])
def test_trackers_track_in_an_open_room(name, least):
    layout = Layout("open", (0.0, 0.0, 20.0, 20.0), Prisms.empty())
    env = gymnasium.make("RSPT/TrackState-v0", layout=layout, predictor="kalman")
    player = PLAYERS[name]()
    rewards = []
    for seed in range(2):
        observation, _ = env.reset(seed=seed)
        player.reset(np.ones(1, dtype=bool))
        for _ in range(150):
            batched = {key: value[None] for key, value in observation.items()}
            action = player.act(batched, env.unwrapped.privileged_view())
            assert action.shape == (1, 2)
            observation, reward, lost, _, info = env.step(action[0].astype(np.float32))
            assert not lost
            rewards.append(reward)
            assert not (name == "oracle" and (info["contact"] or info["contact_target"]))
    env.close()
    assert np.mean(rewards) > least
