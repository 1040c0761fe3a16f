"""The proportional follower: known answers, and what it does without a target."""

import numpy as np
import pytest

from agents.agent import Percept
from agents.drive import DT_S
from agents.pid import Pid, Random

NOWHERE = [np.nan, np.nan]


def percept(target, *, seen=None, age_s=0.0, velocity=(0.0, 0.0), limits=(2.0, 2.0, np.pi / 2)) -> Percept:
    target = np.array(target, dtype=float)
    worlds = len(target)
    return Percept(
        occupied=np.zeros((worlds, 32, 32), dtype=np.float32),
        cell_m=0.3,
        behind_m=2.4,
        room_behind_m=np.full(worlds, 2.0),
        target=target,
        seen=np.isfinite(target).all(axis=1) if seen is None else np.array(seen),
        age_s=np.full(worlds, age_s),
        predicted=np.repeat(target[:, None], 3, axis=1),
        times_s=np.array([0.6, 1.2, 2.4]),
        velocity=np.tile(velocity, (worlds, 1)),
        limits=np.tile(limits, (worlds, 1)),
    )


def started(worlds: int = 1, **options) -> Pid:
    pid = Pid(lambda given: given, **options)
    pid.reset(np.ones(worlds, dtype=bool))
    return pid


def test_at_the_right_place_it_stands_still():
    np.testing.assert_allclose(started().act(percept([[2.5, 0.0]])), [[0.0, 0.0]])


def test_known_answers_in_a_batch():
    target = [[3.5, 0.0], [2.0, 0.0], [2.5 * np.cos(0.2), 2.5 * np.sin(0.2)], [9.0, 0.0], [-2.0, 0.1]]
    actions = started(5).act(percept(target))
    np.testing.assert_allclose(actions[0], [1.5 * 1.0 / 2.0, 0.0])  # one metre too far, of 2 m/s
    np.testing.assert_allclose(actions[1], [-1.0, 0.0])  # half a metre too near: more than 0.5 m/s backwards
    np.testing.assert_allclose(actions[2], [0.0, 3.0 * 0.2 / 2.0], atol=1e-12)  # to the left
    np.testing.assert_allclose(actions[3], [1.0, 0.0])
    np.testing.assert_allclose(actions[4], [-1.0, 1.0], atol=1e-12)  # behind: turn left as fast as possible


def test_it_turns_to_where_the_target_was_and_searches_the_same_way_on():
    pid, yaw, turn = started(), 0.0, 0.0
    pid.act(percept([[2.0, -2.0]]))  # 45 degrees to the right
    turns = []
    for _ in range(30):
        action = pid.act(percept([NOWHERE], velocity=(0.0, turn)))[0]
        turn = action[1] * 2.0
        yaw += turn * DT_S
        turns.append(action[1])
        assert action[0] == 0.0
    assert max(turns) < 0.0
    assert turns[0] < turns[-1] == -0.5  # fast at first, then the speed of searching
    assert yaw < -np.pi / 4


def test_only_one_that_expects_drives_to_a_target_that_it_does_not_see():
    unseen = percept([[5.0, 0.0]], seen=[False], age_s=1.0)
    assert started(expects=True).act(unseen)[0, 0] == 1.0
    assert started().act(unseen)[0, 0] == 0.0


def test_it_expects_for_some_seconds_only():
    long_ago = percept([[5.0, 0.0]], seen=[False], age_s=4.5)
    np.testing.assert_allclose(started(expects=True).act(long_ago), [[0.0, 0.5]])


def test_a_reset_forgets_only_the_worlds_named():
    pid = started(2)
    pid.act(percept([[2.0, -2.0]] * 2))
    pid.reset(np.array([True, False]))
    actions = pid.act(percept([NOWHERE] * 2))
    assert actions[0, 1] > 0 > actions[1, 1]


def test_actions_scale_with_the_body():
    action = started().act(percept([[3.5, 0.0]], limits=(1.5, 1.0, np.pi / 2)))
    np.testing.assert_allclose(action, [[1.0, 0.0]])


def test_another_number_of_worlds_than_reset_is_refused():
    with pytest.raises(ValueError, match="2 worlds, reset was told of 1"):
        started().act(percept([[2.0, 0.0]] * 2))


def test_random_actions_repeat_with_the_seed():
    first, second = Random(7), Random(7)
    for agent in (first, second):
        agent.reset(np.ones(3, dtype=bool))
    actions = first.act({})
    assert actions.shape == (3, 2)
    assert np.abs(actions).max() <= 1.0
    np.testing.assert_array_equal(actions, second.act({}))
    assert not np.array_equal(actions, first.act({}))
