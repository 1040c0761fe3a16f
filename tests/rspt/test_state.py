"""Known answers for the state's map and vector."""

import numpy as np
import pytest

from rspt.perception.frame import DEPTH_BEYOND_RANGE, DEPTH_INVALID, NO_TROUBLE, POSE_JUMPED, Frame
from rspt.perception.localization import Localization
from rspt.perception.painting import paint
from rspt.perception.prediction import Prediction
from rspt.perception.state import (
    HORIZON_S,
    MAP_CHANNELS,
    OFFSETS,
    PAST_S,
    VECTOR_ENTRIES,
    VECTOR_WIDTH,
    Body,
    describe,
    entry_of,
    mirror_of,
    vector_bounds,
)
from rspt.perception.track import Track
from rspt.perception.ways import WAY_M, WAYS
from rspt.perception.window import EgoWindow

ONE = np.array([0])
WINDOW = EgoWindow()
TIMES_S = 0.2 * np.arange(1, 25)
CHANNEL = {channel.name: number for number, channel in enumerate(MAP_CHANNELS)}
BODY = Body(*(np.array([value]) for value in (1.5, 1.0, np.pi / 2, 0.8)))


def frame_of(pose=(0.0, 0.0, 0.0), velocity=(0.0, 0.0), trouble=NO_TROUBLE, stamp=0.0):
    return Frame(
        stamp_s=np.array([stamp]),
        depth=np.zeros((1, 8, 8), np.float32),
        pose=np.array([pose]),
        velocity=np.array([velocity]),
        trouble=np.array([trouble], np.uint8),
    )


def seen(track, position_ego, stamp, pose=(0.0, 0.0, 0.0)):
    found = position_ego is not None
    localization = Localization.empty(1)
    localization.found[0] = found
    localization.position_ego[0] = position_ego if found else np.nan
    localization.confidence[0] = 0.8 if found else 0.0
    track.advance(ONE, np.array([stamp]))
    track.observe(ONE, np.array([stamp]), np.array([pose]), localization)


def painted(track, prediction, pose=(0.0, 0.0, 0.0)):
    maps = np.full((1, len(MAP_CHANNELS), WINDOW.cells, WINDOW.cells), 0.5, dtype=np.float32)
    paint(ONE, track, prediction, TIMES_S, frame_of(pose), WINDOW, maps)
    assert (maps[:, :2] == 0.5).all(), "occupied and free belong to the local map"
    assert (maps >= 0.0).all()
    assert (maps <= 1.0).all()
    return maps[0]


WAYS_M = np.linspace(0.15, 2.5, WAYS)[None]
SECTORS = np.stack([np.linspace(0.0, 1.0, 12), np.linspace(0.5, 7.5, 12)])[None]
"""Shares of the belief, and their distances in metres."""


def described(track, prediction, frame, action=(0.0, 0.0)):
    vectors = np.full((1, VECTOR_WIDTH), np.nan, dtype=np.float32)
    describe(ONE, track, prediction, TIMES_S, frame, np.array([action]), BODY, WAYS_M, SECTORS, vectors)
    low, high = vector_bounds()
    assert (low <= vectors).all()
    assert (vectors <= high).all()
    return vectors


def cell_of(x, y):
    """Row and column of a position in the ego frame, from the centres of the cells."""
    off = np.abs(WINDOW.centers() - [x, y]).max(axis=-1)
    assert off.min() <= WINDOW.cell_m / 2
    return np.unravel_index(off.argmin(), off.shape)


def test_the_window_has_far_ahead_above_and_left_on_the_left():
    centers = WINDOW.centers()
    assert centers[0, 0, 0] == pytest.approx(7.2 - 0.15)
    assert centers[-1, 0, 0] == pytest.approx(-2.4 + 0.15)
    assert centers[0, 0, 1] == pytest.approx(4.8 - 0.15)
    assert centers[0, -1, 1] == pytest.approx(-4.8 + 0.15)


def test_the_past_fades_where_the_target_was_seen():
    track = Track(1)
    for number in range(11):
        seen(track, (1.0 + 0.4 * number, 1.0), 0.1 * number)
    past = painted(track, Prediction.empty(1, 1, 24))[CHANNEL["past"]]
    assert past[cell_of(5.0, 1.0)] == pytest.approx(1.0)
    assert past[cell_of(1.0, 1.0)] == pytest.approx(1.0 - 1.0 / PAST_S)
    assert np.count_nonzero(past) == 11
    for number in range(40):
        seen(track, None, 1.1 + 0.1 * number)
    assert not painted(track, Prediction.empty(1, 1, 24))[CHANNEL["past"]].any()


def test_the_past_stays_in_the_world_while_the_robot_turns():
    track = Track(1)
    seen(track, (3.0, 0.1), 0.0)
    past = painted(track, Prediction.empty(1, 1, 24), pose=(1.0, 0.0, np.pi / 2))[CHANNEL["past"]]
    # turned to the left, the place 2 m ahead of (1, 0) lies to the right
    assert past[cell_of(0.1, -2.0)] == pytest.approx(1.0)


def test_the_future_shows_modes_by_weight_and_arrival_by_time():
    prediction = Prediction.empty(1, 2, 24)
    prediction.weights[0] = 0.75, 0.25
    prediction.spread_m[:] = 0.1
    prediction.positions_ego[0, 0] = np.stack([2.25 + TIMES_S, np.full(24, 0.15)], axis=1)
    prediction.positions_ego[0, 1] = np.stack([np.full(24, 2.25), 0.15 - TIMES_S], axis=1)
    maps = painted(Track(1), prediction)
    future, arrival = maps[CHANNEL["future"]], maps[CHANNEL["arrival"]]
    near, far, side = cell_of(2.85, 0.15), cell_of(4.35, 0.15), cell_of(2.25, -1.65)
    assert 0.5 < future[near] <= 0.75
    assert 0.5 < future[far] <= 0.75
    assert 0.1 < future[side] <= 0.25
    assert arrival[near] > arrival[far] > 0.0
    # 4.8 s are predicted, the map shows HORIZON_S of them
    assert future[cell_of(2.25 + HORIZON_S - 0.1, 0.15)] > 0.3
    assert future[cell_of(2.25 + HORIZON_S + 0.9, 0.15)] == 0.0


def test_an_uncertain_future_is_pale_and_an_unknown_one_dark():
    prediction = Prediction.empty(1, 1, 24)
    assert not painted(Track(1), prediction)[[CHANNEL["future"], CHANNEL["arrival"]]].any()
    prediction.weights[:], prediction.positions_ego[:] = 1.0, (3.0, 0.0)
    values = []
    for spread in (0.2, 1.0, 3.0):
        prediction.spread_m[:] = spread
        values.append(painted(Track(1), prediction)[CHANNEL["future"]].max())
    assert values[0] > 0.5 > values[1] > values[2] > 0.0


def test_a_future_outside_the_window_is_cut_off():
    prediction = Prediction.empty(1, 1, 24)
    prediction.weights[:], prediction.spread_m[:] = 1.0, 0.3
    for position in ((50.0, 0.0), (-9.0, 2.0), (7.3, 4.9), (1e9, -1e9)):
        prediction.positions_ego[:] = position
        painted(Track(1), prediction)


def test_the_vector_says_what_is_known_in_its_units():
    track = Track(1)
    for number in range(40):
        seen(track, (2.0, 0.1 * number - 3.9), 0.1 * number)
    prediction = Prediction.empty(1, 2, 24)
    prediction.weights[0] = 0.3, 0.7
    prediction.positions_ego[0, 1] = np.stack([np.full(24, 2.0), TIMES_S], axis=1)
    vector = described(track, prediction, frame_of(velocity=(1.2, -0.4)), action=(0.5, -1.0))
    expected = {
        "target_position": [2.0, 0.0],
        "target_velocity": [0.0, 1.0],
        "target_bearing": [1.0, 0.0],
        "target_known": [1.0],
        "target_seen": [1.0],
        "target_age": [0.0],
        "target_confidence": [0.8],
        "predicted": [2.0, 0.6, 2.0, 1.2, 2.0, 2.4],
        "predicted_weight": [0.7],
        "velocity": [1.2, -0.4],
        "last_action": [0.5, -1.0],
        "speed_max": [1.5],
        "turn_max": [1.0],
        "hfov": [np.pi / 2],
        "camera_height": [0.8],
        "ways": WAYS_M[0].tolist(),
        "belief_share": SECTORS[0, 0].tolist(),
        "belief_distance": SECTORS[0, 1].tolist(),
        "frame_usable": [1.0],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(entry_of(vector, name)[0], values, atol=0.02, err_msg=name)
    assert 0.0 < entry_of(vector, "target_spread")[0, 0] < 0.1
    assert set(expected) | {"target_spread"} == set(OFFSETS)
    assert sum(entry.width for entry in VECTOR_ENTRIES) == VECTOR_WIDTH
    with pytest.raises(ValueError, match="target_hue"):
        entry_of(vector, "target_hue")


def test_before_the_first_sighting_the_target_is_unknown_and_afterwards_it_ages():
    track, nothing = Track(1), Prediction.empty(1, 1, 24)
    vector = described(track, nothing, frame_of())
    assert entry_of(vector, "target_known") == 0.0
    assert entry_of(vector, "target_age") == 5.0
    assert not vector[0, : OFFSETS["target_age"]].any()
    seen(track, (2.0, 0.0), 0.0)
    for number in range(1, 21):
        seen(track, None, 0.1 * number)
    vector = described(track, nothing, frame_of())
    assert entry_of(vector, "target_known") == 1.0
    assert entry_of(vector, "target_seen") == 0.0
    np.testing.assert_allclose(entry_of(vector, "target_age"), 2.0, rtol=1e-5)


@pytest.mark.parametrize(
    ("trouble", "usable"), [(NO_TROUBLE, 1.0), (DEPTH_INVALID, 0.0), (DEPTH_BEYOND_RANGE, 0.0), (POSE_JUMPED, 1.0)]
)
def test_an_unusable_frame_says_so(trouble, usable):
    vector = described(Track(1), Prediction.empty(1, 1, 24), frame_of(trouble=trouble))
    assert entry_of(vector, "frame_usable") == usable


def test_a_state_without_prediction_has_no_predicted_entries():
    vectors = np.zeros((1, VECTOR_WIDTH), dtype=np.float32)
    track = Track(1)
    seen(track, (2.0, 0.0), 0.0)
    nothing, still = Prediction.empty(1, 1, 0), np.zeros((1, 2))
    describe(ONE, track, nothing, np.zeros(0), frame_of(), still, BODY, WAYS_M, SECTORS, vectors)
    assert not entry_of(vectors, "predicted").any()
    assert entry_of(vectors, "predicted_weight") == 0.0


def test_the_belief_is_told_by_directions():
    vector = described(Track(1), Prediction.empty(1, 1, 24), frame_of())
    np.testing.assert_allclose(entry_of(vector, "belief_share"), SECTORS[:, 0], rtol=1e-6)
    np.testing.assert_allclose(entry_of(vector, "belief_distance"), SECTORS[:, 1], rtol=1e-6)


def test_the_ways_are_told_in_metres():
    vector = described(Track(1), Prediction.empty(1, 1, 24), frame_of())
    np.testing.assert_allclose(entry_of(vector, "ways"), WAYS_M, rtol=1e-6)


def test_a_mirror_swaps_left_and_right_and_twice_is_nothing():
    order, sign = mirror_of(VECTOR_ENTRIES)
    vector = np.arange(1.0, VECTOR_WIDTH + 1)[None]
    once = vector[:, order] * sign
    np.testing.assert_array_equal(once[:, order] * sign, vector)
    np.testing.assert_array_equal(entry_of(once, "target_position"), entry_of(vector, "target_position") * [1, -1])
    np.testing.assert_array_equal(entry_of(once, "predicted"), entry_of(vector, "predicted") * ([1, -1] * 3))
    ways, mirrored = entry_of(vector, "ways")[0], entry_of(once, "ways")[0]
    assert mirrored[0] == ways[0]  # ahead
    assert mirrored[WAYS // 2] == ways[WAYS // 2]  # behind
    assert mirrored[WAYS // 4] == ways[-WAYS // 4]  # left and right
    np.testing.assert_array_equal(entry_of(once, "speed_max"), entry_of(vector, "speed_max"))
    assert WAYS_M.max() == WAY_M
