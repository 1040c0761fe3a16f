"""The proportional follower: known answers, and what it does without a target."""

import numpy as np
import pytest

from agents.baselines import Pid
from agents.rollouts import DT_S, Body

NOWHERE = [np.nan, np.nan]


def started(worlds: int = 1) -> Pid:
    pid = Pid()
    pid.reset(np.ones(worlds, dtype=bool))
    return pid


def test_at_the_right_place_it_stands_still():
    np.testing.assert_allclose(started().act(np.array([[2.5, 0.0]]), np.zeros((1, 2))), [[0.0, 0.0]])


def test_known_answers_in_a_batch():
    target = np.array([[3.5, 0.0], [2.0, 0.0], [2.5 * np.cos(0.2), 2.5 * np.sin(0.2)], [9.0, 0.0], [-2.0, 0.1]])
    actions = started(5).act(target, np.zeros((5, 2)))
    np.testing.assert_allclose(actions[0], [1.5 * 1.0 / 2.0, 0.0])  # one metre too far, of 2 m/s
    np.testing.assert_allclose(actions[1], [-1.0, 0.0])  # half a metre too near: more than 0.5 m/s backwards
    np.testing.assert_allclose(actions[2], [0.0, 3.0 * 0.2 / 2.0], atol=1e-12)  # to the left
    np.testing.assert_allclose(actions[3], [1.0, 0.0])
    np.testing.assert_allclose(actions[4], [-1.0, 1.0], atol=1e-12)  # behind: turn left as fast as possible


def test_it_turns_to_where_the_target_was_and_searches_the_same_way_on():
    pid, yaw, turn = started(), 0.0, 0.0
    pid.act(np.array([[2.0, -2.0]]), np.zeros((1, 2)))  # 45 degrees to the right
    turns = []
    for _ in range(30):
        action = pid.act(np.array([NOWHERE]), np.array([[0.0, turn]]))[0]
        turn = action[1] * 2.0
        yaw += turn * DT_S
        turns.append(action[1])
        assert action[0] == 0.0
    assert max(turns) < 0.0
    assert turns[0] < turns[-1] == -0.5  # fast at first, then the speed of searching
    assert yaw < -np.pi / 4


def test_a_reset_forgets_only_the_worlds_named():
    pid = started(2)
    pid.act(np.array([[2.0, -2.0]] * 2), np.zeros((2, 2)))
    pid.reset(np.array([True, False]))
    actions = pid.act(np.array([NOWHERE] * 2), np.zeros((2, 2)))
    assert actions[0, 1] > 0 > actions[1, 1]


def test_actions_scale_with_the_body():
    pid = Pid(body=Body(speed_max_mps=1.5, turn_max_radps=1.0))
    pid.reset(np.ones(1, dtype=bool))
    np.testing.assert_allclose(pid.act(np.array([[3.5, 0.0]]), np.zeros((1, 2))), [[1.0, 0.0]])


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"must both be \(1, 2\)"):
        started().act(np.zeros((2, 2)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"must both be \(1, 2\)"):
        started().act(np.zeros((1, 2)), np.zeros((1, 3)))
