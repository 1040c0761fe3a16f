"""The two-player environment."""

import warnings

import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from envs import duel_v0
from envs.layouts.layout import Layout, Prisms
from envs.view import usable_render_modes

with warnings.catch_warnings():  # PettingZoo's tests import one of its environments in a way that it deprecates
    warnings.simplefilter("ignore")
    from pettingzoo.test import api_test, max_cycles_test, parallel_api_test, parallel_seed_test, render_test

OPEN = Layout("open", (0.0, 0.0, 30.0, 30.0), Prisms.empty())
STILL = {"tracker": np.zeros(2, dtype=np.float32), "target": np.zeros(2, dtype=np.float32)}


@pytest.mark.parametrize("action", ["continuous", "discrete7"])
def test_pettingzoos_parallel_test(action):
    environment = duel_v0.parallel_env(layout="blocks", action=action)
    parallel_api_test(environment, num_cycles=60)
    environment.close()


def test_pettingzoos_seed_test():
    parallel_seed_test(lambda: duel_v0.parallel_env(layout="mixed", noise="realistic"), num_cycles=20)


@pytest.mark.filterwarnings("ignore:.*")  # PettingZoo's tests advise on spaces through warnings
def test_pettingzoos_turn_based_and_cycle_tests():
    api_test(duel_v0.env(layout="blocks"), num_cycles=30, verbose_progress=False)
    max_cycles_test(duel_v0)


@pytest.mark.filterwarnings("ignore:.*")
def test_pettingzoos_render_test():
    # it begins with a window, whatever the modes are
    usable = usable_render_modes()
    render_test(lambda render_mode: duel_v0.raw_env(render_mode=render_mode if render_mode in usable else "rgb_array"))


def test_the_target_sees_the_map_and_the_tracker_but_not_the_other_way_round():
    environment = duel_v0.parallel_env(layout="rooms")
    observations, _ = environment.reset(seed=0)
    assert set(observations["tracker"]) == {"depth", "target_mask", "pose", "velocity"}
    assert set(observations["target"]) == {"map", "tracker", "velocity", "tracker_action"}
    for agent, observation in observations.items():
        assert environment.observation_space(agent).contains(observation)


def test_the_tracker_is_where_the_target_sees_it():
    environment = duel_v0.parallel_env(layout=OPEN)
    observations, _ = environment.reset(seed=3)
    poses = environment.privileged_view().poses[0]
    x, y, cos, sin, *velocity = observations["target"]["tracker"]
    yaw = poses[1, 2]
    turned = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]) @ [x, y]
    assert turned + poses[1, :2] == pytest.approx(poses[0, :2], abs=1e-4)
    assert np.arctan2(sin, cos) == pytest.approx((poses[0, 2] - yaw + np.pi) % (2 * np.pi) - np.pi, abs=1e-4)
    assert velocity == [0.0, 0.0]


def test_the_map_is_heading_up():
    """A wall straight ahead of the target fills upper rows, whatever way it heads."""
    wall = Layout("wall", (0.0, 0.0, 20.0, 20.0), Prisms.boxes([[10.0, 13.0]], (3.0, 0.2), z=(0.0, 2.5)))
    environment = duel_v0.parallel_env(layout=wall)
    environment.reset(seed=0)
    view = environment.privileged_view()
    from envs.target_view import MAP_CELL_M, target_observations

    for yaw in (0.0, np.pi / 2, np.pi, -np.pi / 2):
        poses = view.poses.copy()
        poses[0, 1] = [10.0, 10.0, yaw]
        picture = target_observations(view._replace(poses=poses), np.zeros((1, 2)))["map"][0]
        rows, columns = np.nonzero(picture)
        ahead, left = (15.5 - rows) * MAP_CELL_M, (15.5 - columns) * MAP_CELL_M
        x = 10.0 + np.cos(yaw) * ahead - np.sin(yaw) * left
        y = 10.0 + np.sin(yaw) * ahead + np.cos(yaw) * left
        assert len(rows) > 15
        assert (np.abs(y - 13.0) < 0.45).all()
        assert (np.abs(x - 10.0) < 3.3).all()


def test_both_players_move_and_are_paid():
    environment = duel_v0.parallel_env(layout=OPEN)
    environment.reset(seed=0)
    before = environment.privileged_view().poses[0]
    actions = {"tracker": np.array([1.0, 0.0]), "target": np.array([0.5, 1.0])}
    for _ in range(5):
        observations, rewards, terminations, truncations, infos = environment.step(actions)
    moved = np.hypot(*(environment.privileged_view().poses[0] - before)[:, :2].T)
    assert (moved > 0.1).all()
    assert rewards["target"] == pytest.approx(-rewards["tracker"], abs=0.5)
    assert observations["target"]["tracker_action"].tolist() == [1.0, 0.0]
    assert set(terminations) == set(truncations) == set(infos) == {"tracker", "target"}
    assert infos["tracker"]["distance_m"] == infos["target"]["distance_m"]


def test_a_script_may_take_the_targets_seat():
    environment = duel_v0.parallel_env(layout=OPEN, target_policy="goal")
    environment.reset(seed=0)
    before = environment.privileged_view().poses[0, 1]
    for _ in range(30):
        environment.step(STILL)
    assert np.hypot(*(environment.privileged_view().poses[0, 1] - before)[:2]) > 0.3


def test_players_leave_at_the_end():
    environment = duel_v0.parallel_env(layout=OPEN, max_cycles=3)
    environment.reset(seed=0)
    for _ in range(3):
        *_, truncations, _ = environment.step(STILL)
    assert environment.agents == []
    assert truncations == {"tracker": True, "target": True}
    with pytest.raises(ResetNeeded):
        environment.step(STILL)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ({"tracker": np.zeros(2)}, "one action for each"),
        ({**STILL, "referee": np.zeros(2)}, "referee"),
        ({"tracker": np.zeros(2), "target": np.array([0.0, np.nan])}, "target.*turn"),
        ({"tracker": np.array([2.0, 0.0]), "target": np.zeros(2)}, "tracker.*forward"),
        ({"tracker": np.zeros(2), "target": np.zeros(3)}, "target.*shape"),
    ],
)
def test_bad_actions_name_the_player(actions, message):
    environment = duel_v0.parallel_env(layout=OPEN)
    environment.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        environment.step(actions)
    environment.step(STILL)
