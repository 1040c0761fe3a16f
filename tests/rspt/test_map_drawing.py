"""Maps whose pixels are known."""

import numpy as np
import pytest

from envs import drawing as scene_drawing
from rspt.perception import CameraModel, Perception
from rspt.perception import drawing as map_drawing
from rspt.perception.drawing import (
    FREE_COLOR,
    FUTURE_COLOR,
    OCCUPIED_COLOR,
    TARGET_COLOR,
    TRACKER_COLOR,
    UNKNOWN_COLOR,
    VIEW_COLOR,
    Future,
    Robot,
    draw_map,
    draw_perception,
)
from rspt.perception.window import EgoWindow

WINDOW = EgoWindow(cells=32, cell_m=0.3, behind_m=2.4)
PIXELS = 480


def blank():
    return np.zeros((2, 32, 32), dtype=np.float32)


def pixel(picture, x, y):
    """The pixel of a position in metres: up is forward, left is left."""
    per_m = len(picture) / WINDOW.size_m
    row, column = (WINDOW.size_m - WINDOW.behind_m - x) * per_m, (0.5 * WINDOW.size_m - y) * per_m
    return picture[int(row), int(column)].astype(int)


def nearness(color, wanted):
    return np.abs(np.asarray(color) - wanted).max()


def test_both_kinds_of_pictures_share_their_colors():
    for name in ("FREE_COLOR", "TRACKER_COLOR", "TARGET_COLOR", "VIEW_COLOR"):
        assert getattr(map_drawing, name) == getattr(scene_drawing, name)


def test_ground_has_the_color_of_what_is_known():
    grid = blank()
    ahead_left = (WINDOW.centers() - [3.15, 2.55])[..., 0] ** 2 + (WINDOW.centers() - [3.15, 2.55])[..., 1] ** 2 < 1e-6
    assert ahead_left.sum() == 1
    grid[0][ahead_left] = 1.0
    grid[1, :, 16:] = 1.0  # the right half
    grid[1, 0, 0] = 0.5
    picture = draw_map(grid, WINDOW)
    assert picture.shape == (PIXELS, PIXELS, 3)
    assert picture.dtype == np.uint8
    assert pixel(picture, 3.15, 2.55).tolist() == list(OCCUPIED_COLOR)
    assert pixel(picture, 3.15, 2.85).tolist() == list(UNKNOWN_COLOR)
    assert pixel(picture, 3.15, -2.55).tolist() == list(FREE_COLOR)
    half = (np.array(UNKNOWN_COLOR) + FREE_COLOR) / 2
    assert nearness(picture[0, 0], half) <= 1


def test_further_channels_of_a_state_are_not_looked_at():
    state = np.concatenate([blank(), np.ones((3, 32, 32), np.float32)])
    np.testing.assert_array_equal(draw_map(state, WINDOW), draw_map(blank(), WINDOW))


def test_the_robot_points_where_it_looks():
    ahead = draw_map(blank(), WINDOW)
    assert pixel(ahead, 0.0, 0.0).tolist() == list(TRACKER_COLOR)
    assert pixel(ahead, 0.25, 0.0).tolist() == list(TRACKER_COLOR)
    assert pixel(ahead, 0.0, 0.25).tolist() == list(UNKNOWN_COLOR)
    turned = draw_map(blank(), WINDOW, robot=Robot(pose=(1.0, 2.0, np.pi / 2)))
    assert pixel(turned, 1.0, 2.25).tolist() == list(TRACKER_COLOR)
    assert pixel(turned, 1.25, 2.0).tolist() == list(UNKNOWN_COLOR)
    assert pixel(turned, 0.0, 0.0).tolist() == list(UNKNOWN_COLOR)


def test_the_view_is_a_wedge():
    grid = blank()
    grid[1] = 1.0
    picture = draw_map(grid, WINDOW, robot=Robot(hfov_rad=np.pi / 2, range_m=4.0))
    inside, outside = pixel(picture, 3.0, 2.5), pixel(picture, 3.0, 3.5)
    assert outside.tolist() == list(FREE_COLOR)
    assert pixel(picture, 4.5, 0.0).tolist() == list(FREE_COLOR)
    assert nearness(inside, FREE_COLOR) > 10
    assert nearness(inside, VIEW_COLOR) < nearness(FREE_COLOR, VIEW_COLOR)


def test_the_target_is_full_where_it_is_seen_and_hollow_where_not():
    place = np.array([3.0, -1.0])
    assert pixel(draw_map(blank(), WINDOW, target=place), 3.0, -1.0).tolist() == list(TARGET_COLOR)
    hidden = draw_map(blank(), WINDOW, target=place, target_seen=False)
    assert pixel(hidden, 3.0, -1.0).tolist() == list(FREE_COLOR)
    assert nearness(pixel(hidden, 3.0, -1.2), TARGET_COLOR) < 40


@pytest.mark.parametrize("nothing", [None, [np.nan, np.nan]])
def test_a_target_that_is_not_known_is_not_drawn(nothing):
    np.testing.assert_array_equal(draw_map(blank(), WINDOW, target=nothing), draw_map(blank(), WINDOW))


@pytest.mark.parametrize(
    ("target", "place"), [([50.0, 0.0], (6.9, 0.0)), ([0.0, -90.0], (0.0, -4.5)), ([-7.0, 7.0], (-2.1, 2.1))]
)
def test_a_target_outside_the_window_is_pointed_to(target, place):
    picture = draw_map(blank(), WINDOW, target=target)
    assert pixel(picture, *place).tolist() == list(TARGET_COLOR)
    red = (picture == TARGET_COLOR).all(axis=2)
    rows, columns = np.nonzero(red)
    assert np.ptp(rows) < 40  # and nothing else is red
    assert np.ptp(columns) < 40


def test_the_past_fades_and_has_gaps():
    past = np.stack([np.linspace(3.0, 6.0, 31), np.full(31, 2.0)], axis=1)  # the latest is the nearest
    past[14:18] = np.nan
    picture = draw_map(blank(), WINDOW, past=past)
    late, early = pixel(picture, 3.2, 2.0), pixel(picture, 5.8, 2.0)
    assert nearness(late, TARGET_COLOR) < nearness(early, TARGET_COLOR) < nearness(UNKNOWN_COLOR, TARGET_COLOR)
    assert pixel(picture, 4.55, 2.0).tolist() == list(UNKNOWN_COLOR)
    own = draw_map(blank(), WINDOW, robot_past=past)
    assert nearness(pixel(own, 3.2, 2.0), TRACKER_COLOR) < 60


def straight(y, steps=24):
    return np.stack([2.0 + 0.15 * np.arange(1, steps + 1), np.full(steps, y)], axis=1)


def future(weights, *, spread_m=0.1):
    """Modes that run ahead at y = 2, 0 and -2."""
    times_s = 0.2 * np.arange(1, 25)
    positions = np.stack([straight(y) for y in (2.0, 0.0, -2.0)])
    return Future(positions, np.full((3, 24), spread_m), np.array(weights), times_s)


def test_probable_modes_are_more_opaque_and_improbable_ones_are_not_drawn():
    picture = draw_map(blank(), WINDOW, future=future([0.7, 0.29, 0.01]))
    x = 2.0 + 0.15 * 7.5  # between two ticks
    likely, possible, no = (pixel(picture, x, y) for y in (2.0, 0.0, -2.0))
    assert nearness(likely, FUTURE_COLOR) < nearness(possible, FUTURE_COLOR) < nearness(UNKNOWN_COLOR, FUTURE_COLOR)
    assert no.tolist() == list(UNKNOWN_COLOR)


def test_every_second_has_a_tick_up_to_the_horizon_of_the_state():
    picture = draw_map(blank(), WINDOW, future=future([1.0, 0.0, 0.0]))
    for second in (1, 2):
        assert pixel(picture, 2.0 + 0.15 * 5 * second, 2.0).tolist() == [255, 255, 255]
    assert nearness(pixel(picture, 2.0 + 0.15 * 7.5, 2.0), FUTURE_COLOR) < 10
    assert pixel(picture, 2.0 + 0.15 * 14, 2.0).tolist() == list(UNKNOWN_COLOR)  # 2.8 s


def test_the_band_is_as_wide_as_the_spread_and_the_paler_the_wider():
    narrow = draw_map(blank(), WINDOW, future=future([1.0, 0.0, 0.0], spread_m=0.3))
    wide = draw_map(blank(), WINDOW, future=future([1.0, 0.0, 0.0], spread_m=1.2))
    x = 2.0 + 0.15 * 7.5
    assert nearness(pixel(narrow, x, 2.2), UNKNOWN_COLOR) > nearness(pixel(wide, x, 2.2), UNKNOWN_COLOR) > 4
    assert pixel(narrow, x, 2.5).tolist() == list(UNKNOWN_COLOR)
    assert nearness(pixel(wide, x, 2.9), UNKNOWN_COLOR) > 4
    assert pixel(wide, x, 3.4).tolist() == list(UNKNOWN_COLOR)


def test_a_prediction_that_knows_nothing_is_not_drawn():
    nothing = future([1.0, 0.0, 0.0])
    for unknown in (
        nothing._replace(positions=np.full((3, 24, 2), np.nan), spread_m=np.full((3, 24), np.nan)),
        nothing._replace(weights=np.zeros(3)),
        Future(np.zeros((1, 0, 2)), np.zeros((1, 0)), np.ones(1), np.zeros(0)),
    ):
        np.testing.assert_array_equal(draw_map(blank(), WINDOW, future=unknown), draw_map(blank(), WINDOW))


@pytest.mark.parametrize("pixels", [32, 97, 480, 960])
def test_any_size_can_be_drawn(pixels):
    window = EgoWindow(cells=50, cell_m=0.2, behind_m=0.0)
    grid = np.random.default_rng(0).random((2, 50, 50))
    everything = {"future": future([0.5, 0.3, 0.2]), "past": straight(1.0), "target": [1e6, 1e6]}
    picture = draw_map(grid, window, robot=Robot(hfov_rad=1.0, range_m=1e5), pixels=pixels, **everything)
    assert picture.shape == (pixels, pixels, 3)


def test_the_scale_bar_is_as_long_as_it_says():
    bar = (draw_map(blank(), WINDOW)[PIXELS - 16] == (38, 40, 46)).all(axis=1)
    assert np.ptp(np.flatnonzero(bar)) == pytest.approx(50, abs=3)  # one metre


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match=r"grid must be \(2, 32, 32\) as the window, not \(2, 16, 16\)"):
        draw_map(np.zeros((2, 16, 16)), WINDOW)
    with pytest.raises(ValueError, match="pixels must be at least 32, not 8"):
        draw_map(blank(), WINDOW, pixels=8)


def test_a_perception_is_drawn_as_it_is():
    """A wall 4 m ahead and a target 2 m ahead, seen from a pose that the picture does not show."""
    camera = CameraModel.level()
    perception = Perception(camera, predictor="kalman", num_worlds=2)
    with pytest.raises(ValueError, match="before the first frame"):
        draw_perception(perception)
    depth = np.full((2, 48, 64), 4.0, dtype=np.float32)
    depth[:, 24:] = np.minimum(depth[:, 24:], 0.8 * camera.fy / (np.arange(24) + 0.5)[:, None])  # the floor
    mask = np.zeros((2, 48, 64), dtype=bool)
    mask[1, 10:36, 29:35] = True
    depth[mask] = 1.75
    pose = np.array([[0.0, 0.0, 0.0], [3.0, -2.0, 2.5]])
    for step in range(6):
        perception.update(stamp_s=0.1 * step, depth=depth, pose=pose, target_mask=mask)
    for window in (None, EgoWindow(cells=64, cell_m=0.15, behind_m=2.4)):
        without, picture = (draw_perception(perception, world, window=window) for world in (0, 1))
        assert nearness(pixel(picture, 2.0, 0.0), TARGET_COLOR) < 8
        assert nearness(pixel(without, 2.0, 0.0), TARGET_COLOR) > 100
        assert nearness(pixel(without, 3.97, 1.0), OCCUPIED_COLOR) < 60
        assert nearness(pixel(without, 2.5, 1.0), FREE_COLOR) < 60
        assert pixel(without, 6.5, 4.5)[2] < 200  # behind the wall nothing is known
    for step in range(6, 20):  # it is out of sight, and coasts
        perception.update(stamp_s=0.1 * step, depth=depth, pose=pose, target_mask=np.zeros_like(mask))
    assert nearness(pixel(draw_perception(perception, 1), 2.0, 0.0), TARGET_COLOR) > 100  # hollow
    for step in range(20, 60):
        perception.update(stamp_s=0.1 * step, depth=depth, pose=pose, target_mask=np.zeros_like(mask))
    dots = (draw_perception(perception, 1) == TARGET_COLOR).all(axis=2)
    perception.belief.reset(np.array([1]))
    red = (draw_perception(perception, 1) == TARGET_COLOR).all(axis=2)
    assert not red.any()  # it may be anywhere now
    assert dots.any()  # here, for instance
