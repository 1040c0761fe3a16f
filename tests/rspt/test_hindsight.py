"""Hindsight: paths are where movers were, from when an action takes effect, and go on as they went where it ends."""

import numpy as np

from agents.drive import STEPS
from envs.batch import PrivilegedView
from rspt.training.hindsight import AHEAD, Hindsight, Moment


def moment(step, *, worlds=2, late=(0, 2), pace=0.1):
    """Targets that drive along x, one step further in each world than in the one before; a distractor along y."""
    poses = np.zeros((worlds, 3, 3))
    poses[:, 1, 0] = pace * step + np.arange(worlds)
    poses[:, 2, 1] = -pace * step
    under_way = [np.zeros((count, 2)) for count in late]
    view = PrivilegedView([None] * worlds, poses, np.zeros((worlds, 3, 2)), np.ones((worlds, 3)), under_way)
    return Moment(np.full((worlds, 1), step), np.zeros((worlds, 1)), view, None, None, None)


def test_a_moment_is_due_when_its_future_is_known():
    hindsight = Hindsight(2)
    for step in range(AHEAD):
        hindsight.add(moment(step))
        assert hindsight.due() is None
    hindsight.add(moment(AHEAD))
    oldest, paths, _ = hindsight.due()
    assert oldest.maps[0, 0] == 0
    assert paths.shape == (2, 2, STEPS + 1, 2)
    np.testing.assert_allclose(paths[0, 0, :, 0], 0.1 * np.arange(STEPS + 1))
    np.testing.assert_allclose(paths[1, 0, :, 0], 1.0 + 0.1 * (2 + np.arange(STEPS + 1)))  # two steps late
    np.testing.assert_allclose(paths[0, 1, :, 1], -0.1 * np.arange(STEPS + 1))
    assert hindsight.due() is None


def test_where_an_episode_ends_its_movers_go_on_as_they_went():
    hindsight = Hindsight(2)
    for step in range(AHEAD + 1):
        if step == 5:
            hindsight.begin(np.array([True, False]))
        hindsight.add(moment(step if step < 5 else 100 + 7 * step))
    _, paths, _ = hindsight.due()
    np.testing.assert_allclose(paths[0, 0, :, 0], 0.1 * np.arange(STEPS + 1))  # nothing of the next episode
    assert paths[1, 0, 3, 0] == moment(135).view.poses[1, 1, 0]  # the other world has none


def test_an_episode_of_one_step_stands_still():
    hindsight = Hindsight(2)
    hindsight.add(moment(3))
    hindsight.begin(np.array([True, True]))
    for step in range(AHEAD):
        hindsight.add(moment(50 + step))
    _, paths, _ = hindsight.due()
    np.testing.assert_allclose(paths[0, 0, :, 0], 0.3)


def test_where_everything_begins_anew_nothing_becomes_known():
    hindsight = Hindsight(2)
    for step in range(AHEAD):
        hindsight.add(moment(step))
    hindsight.begin()
    hindsight.add(moment(AHEAD))
    assert hindsight.due() is None


def test_it_tells_which_episodes_begin_with_a_moment():
    hindsight = Hindsight(2)
    told = []
    for step in range(AHEAD + 6):
        if step == 3:
            hindsight.begin(np.array([False, True]))
        hindsight.add(moment(step))
        if past := hindsight.due():
            told.append(past.begins.tolist())
    assert told == [[True, True], [False, False], [False, False], [False, True], [False, False], [False, False]]
    hindsight.begin()
    for step in range(AHEAD + 1):
        hindsight.add(moment(step))
    assert hindsight.due().begins.all()
