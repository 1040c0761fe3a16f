"""Known answers for the filtered target."""

import numpy as np
import pytest

from rspt.perception.frame import to_ego, to_odometry
from rspt.perception.localization import Localization
from rspt.perception.track import LOST, SEARCHING, TRACKING, Track, TrackSettings

ONE = np.array([0])


def sighting(position_ego, num_worlds=1):
    """A localisation of the same position, or of none, in every world."""
    found = position_ego is not None
    return Localization(
        position_ego=np.full((num_worlds, 2), np.nan) if not found else np.tile(position_ego, (num_worlds, 1)),
        confidence=np.full(num_worlds, 0.9 * found),
        found=np.full(num_worlds, found),
        box_xyxy=np.full((num_worlds, 4), np.nan),
    )


def run(track, positions, *, dt=0.1, pose=(0.0, 0.0, 0.0), start=0.0):
    """Feed one world a list of positions in the ego frame or None, one every dt seconds."""
    for number, position in enumerate(positions):
        stamp = np.array([start + number * dt])
        track.advance(ONE, stamp)
        track.observe(ONE, stamp, np.array([pose]), sighting(position))


def test_a_straight_walk_is_followed_and_coasts_on():
    track = Track(1)
    run(track, [(2.0 + 0.1 * i, 0.05 * i) for i in range(60)])
    np.testing.assert_allclose(track.velocity[0], [1.0, 0.5], atol=0.01)
    assert track.status[0] == TRACKING
    run(track, [None] * 10, start=6.0)
    assert track.status[0] == LOST
    np.testing.assert_allclose(track.age_s[0], 1.0)
    np.testing.assert_allclose(track.position[0], [2.0 + 6.9, 0.05 * 69], atol=0.03)


def test_states_from_never_seen_to_lost():
    track = Track(1)
    run(track, [None])
    assert track.status[0] == SEARCHING
    assert np.isinf(track.age_s[0])
    assert np.isnan(track.expectation(np.zeros((1, 3))).position_ego).all()
    run(track, [(2.0, 0.0)], start=0.1)
    assert track.status[0] == TRACKING
    assert track.confidence[0] == 0.9
    track.reset(ONE)
    assert track.status[0] == SEARCHING
    assert np.isnan(track.position).all()
    assert not track.seen.any()


def test_sightings_are_kept_where_they_were_while_the_robot_turns():
    track = Track(1)
    target = np.array([[3.0, 1.0]])
    for number in range(20):
        pose = np.array([[0.1 * number, 0.0, 0.05 * number]])
        stamp = np.array([0.1 * number])
        track.advance(ONE, stamp)
        track.observe(ONE, stamp, pose, sighting(to_ego(target, pose)[0]))
    np.testing.assert_allclose(track.position, target, atol=1e-9)
    np.testing.assert_allclose(track.positions[0, track.seen[0]], np.repeat(target, 20, axis=0), atol=1e-9)
    np.testing.assert_allclose(to_odometry(track.expectation(pose).position_ego, pose), target, atol=1e-9)


def test_the_gate_widens_while_the_target_is_unseen_and_then_opens():
    track = Track(1)
    run(track, [(2.0, 0.0)] * 30)
    pose = np.zeros((1, 3))
    close = track.expectation(pose).gate_m[0]
    run(track, [None] * 20, start=3.0)
    assert track.expectation(pose).gate_m[0] > close + 1.0
    run(track, [None] * 31, start=5.0)
    assert np.isnan(track.expectation(pose).position_ego).all()


def test_a_flash_far_from_the_expectation_is_not_the_target_but_two_are():
    track = Track(1)
    run(track, [(2.0, 0.0)] * 20)
    run(track, [None] * 10, start=2.0)
    run(track, [(4.0, 1.0), None], start=3.0)
    assert track.status[0] == LOST
    np.testing.assert_allclose(track.position[0], (2.0, 0.0), atol=0.05)
    assert not track.history(ONE, np.arange(2) * 0.2)[1].any()
    run(track, [(4.0, 1.0), (4.1, 1.0)], start=3.2)
    assert track.status[0] == TRACKING
    np.testing.assert_allclose(track.position[0], (4.1, 1.0), atol=0.15)


def test_a_target_that_turns_up_where_it_should_be_is_taken_at_once():
    track = Track(1)
    run(track, [(2.0, 0.1 * number) for number in range(30)])
    run(track, [None] * 8, start=3.0)
    run(track, [(2.1, 3.8)], start=3.8)
    assert track.status[0] == TRACKING


def test_the_history_has_gaps_where_nothing_was_seen():
    track = Track(1)
    run(track, [(0.1 * i, 0.0) if i not in (5, 6, 7) else None for i in range(11)])
    positions, seen = track.history(ONE, np.arange(5) * 0.2)
    # at 0.8 s before the end the entries 1, 2 and 3 are within half of the spacing; 4 is 0.6 s ago
    assert seen[0].tolist() == [True, True, False, True, True]
    np.testing.assert_allclose(positions[0, [0, 1, 3, 4], 0], [1.0, 0.8, 0.4, 0.2])
    assert np.isnan(positions[0, 2]).all()


def test_a_fast_camera_shares_entries():
    track = Track(1)
    run(track, [(2.0, 0.0)] * 600, dt=1 / 120)
    stamps = np.sort(track.stamps[0][np.isfinite(track.stamps[0])])
    assert np.diff(stamps)[:-1].min() >= 0.04  # the last entry is still open
    assert stamps[-1] - stamps[0] > 4.0


def test_worlds_do_not_touch_each_other():
    track, alone = Track(3), Track(1)
    for number in range(10):
        stamp, seen = 0.1 * number, sighting((2.0, 0.1 * number), 3)
        track.advance(np.array([1]), np.full(3, stamp))
        track.observe(np.array([1]), np.full(3, stamp), np.zeros((3, 3)), seen)
        alone.advance(ONE, np.array([stamp]))
        alone.observe(ONE, np.array([stamp]), np.zeros((1, 3)), sighting((2.0, 0.1 * number)))
    assert np.isnan(track.position[[0, 2]]).all()
    np.testing.assert_array_equal(track.position[1], alone.position[0])
    np.testing.assert_array_equal(track.covariance[1], alone.covariance[0])


def test_settings_are_checked():
    with pytest.raises(ValueError, match="process_noise must be positive and finite, not -1"):
        TrackSettings(process_noise=-1.0)
