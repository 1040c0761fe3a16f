"""Known answers for the map: scenes of boxes drawn into depth images on paper."""

from dataclasses import replace

import numpy as np
import pytest

from rspt.perception.camera import CameraModel, camera_rows, mounted
from rspt.perception.frame import DEPTH_BEYOND_RANGE, DEPTH_INVALID, NO_TROUBLE, Frame
from rspt.perception.reconstruction import LocalMap, MapSettings, log_odds_at
from rspt.perception.ways import WAY_M, WAYS
from rspt.perception.window import EgoWindow

WALL = (3.0, 3.2, -20.0, 20.0, 0.0, 2.5)
LOW_BOX = (2.0, 2.4, -0.6, 0.6, 0.0, 0.3)
NOWHERE = np.array([[np.nan, np.nan, np.nan]])
ONE = np.arange(1)
LEVEL = CameraModel.level()


def draw(boxes, camera=LEVEL, pose=(0.0, 0.0, 0.0), *, floor=True):
    """Depth (H, W) of boxes (x, x, y, y, z, z) on a floor, and which box each pixel shows (-1: none)."""
    u = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    v = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    optical = np.stack(np.broadcast_arrays(u[None, :], v[:, None], 1.0), axis=-1)
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    ray = optical @ camera.base_from_camera[:3, :3].T @ turn.T
    eye = turn @ camera.base_from_camera[:3, 3] + [pose[0], pose[1], 0.0]
    depth, shown = np.full(ray.shape[:2], np.inf), np.full(ray.shape[:2], -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        if floor:
            below = ray[..., 2] < 0
            depth[below] = -eye[2] / ray[below][:, 2]
        for number, box in enumerate(boxes):
            sides = (np.reshape(box, (3, 2)).T[:, None, None, :] - eye) / ray
            enter, leave = sides.min(axis=0).max(axis=-1), sides.max(axis=0).min(axis=-1)
            hit = (enter > 0) & (enter < leave) & (enter < depth)
            depth[hit], shown[hit] = enter[hit], number
    depth[depth >= camera.range_max_m] = camera.range_max_m
    depth[depth < camera.range_min_m] = 0.0
    return depth.astype(np.float32), shown


def frame_of(depth, pose=(0.0, 0.0, 0.0), *, stamp_s=0.0, mask=None, trouble=None):
    return Frame(
        stamp_s=np.array([float(stamp_s)]),
        depth=depth[None],
        pose=np.array([pose], dtype=np.float64),
        velocity=np.zeros((1, 2)),
        target_mask=None if mask is None else mask[None].astype(np.uint8),
        trouble=None if trouble is None else np.array([trouble], dtype=np.uint8),
    )


def see(local_map, boxes, pose=(0.0, 0.0, 0.0), *, camera=LEVEL, times=1, stamp_s=0.0, **options):
    """Show a scene to a map of one world."""
    depth, _ = draw(boxes, camera, pose, **options)
    for k in range(times):
        local_map.update(ONE, frame_of(depth, pose, stamp_s=stamp_s + 0.1 * k), camera_rows(camera, 1), NOWHERE)
    return local_map


def at(local_map, x, y, world=0):
    return log_odds_at(local_map.values[world], local_map.corner[world], local_map.cell_m, x, y)


def along(local_map, x_from, x_to, y=0.0):
    return np.array([at(local_map, x, y) for x in np.arange(x_from, x_to, local_map.cell_m / 2)])


def crop_of(local_map, pose=(0.0, 0.0, 0.0), window=None):
    window = window or EgoWindow()
    out = np.full((len(local_map.values), 2, window.cells, window.cells), np.nan, dtype=np.float32)
    local_map.crop(ONE, np.array([pose], dtype=np.float64), window, out)
    return out[0]


# what a frame shows


def test_a_wall_is_occupied_the_way_to_it_free_and_what_is_behind_it_unknown():
    local_map = see(LocalMap(1), [WALL])
    assert at(local_map, 3.05, 0.0) == pytest.approx(local_map.settings.hit)
    assert at(local_map, 3.05, -2.0) > 0
    assert np.allclose(along(local_map, 0.8, 2.9), -local_map.settings.free)
    assert (along(local_map, 3.3, 9.0) == 0).all()
    assert (along(local_map, -3.0, -0.1) == 0).all()


def test_evidence_adds_up_to_its_limits():
    settings = MapSettings()
    local_map = see(LocalMap(1), [WALL], times=3)
    assert at(local_map, 3.05, 0.0) == pytest.approx(3 * settings.hit)
    assert at(local_map, 2.0, 0.0) == pytest.approx(-3 * settings.free)
    see(local_map, [WALL], times=30)
    assert at(local_map, 3.05, 0.0) == settings.occupied_max
    assert at(local_map, 2.0, 0.0) == -settings.free_max


def test_open_ground_is_free_to_the_range_limit_and_nowhere_occupied():
    local_map = see(LocalMap(1), [])
    assert (along(local_map, 1.0, 7.8) < 0).all()
    assert at(local_map, 8.2, 0.0) == 0
    assert (local_map.values <= 0).all()
    assert at(local_map, 4.0, 3.7) < 0
    assert at(local_map, 4.0, 4.3) == 0  # outside the field of view of 90 degrees


def test_a_low_box_is_not_carved_by_rays_that_pass_over_it():
    local_map = see(LocalMap(1), [LOW_BOX], times=5)
    assert at(local_map, 2.05, 0.0) > 0
    assert (along(local_map, 2.0, 2.95) >= 0).all()
    assert at(local_map, 3.5, 0.0) < 0  # here rays over the box have come down
    assert at(local_map, 3.0, 1.3) < 0  # beside it


def test_between_the_middle_of_a_blocked_column_and_that_of_a_free_one_nothing_is_free():
    camera = CameraModel.level(width=32, height=48)
    pole = (3.0, 3.06, 0.08, 0.10, 0.0, 2.5)  # in column 15, whose middle is at y = x / 32
    assert np.flatnonzero((draw([pole], camera)[1] == 0).any(axis=0)).tolist() == [15]
    local_map = see(LocalMap(1), [pole], camera=camera)
    assert at(local_map, 6.0, 0.2) == 0
    assert at(local_map, 6.0, 0.5) == 0  # in column 14, whose middle is at y = 0.5625
    assert at(local_map, 6.0, -0.1) == 0  # in column 16, whose middle is at y = -0.1875
    assert at(local_map, 6.0, 0.7) < 0
    assert at(local_map, 6.0, -0.3) < 0


def test_a_wall_at_a_grazing_angle_is_nowhere_free():
    wall = (0.5, 12.0, -1.2, -1.0, 0.0, 2.5)
    for yaw in (0.0, -0.3, -0.6):
        local_map = see(LocalMap(1), [wall], pose=(0.0, 0.0, yaw), times=2)
        for y in (-1.05, -1.15, -1.3, -1.5):
            assert (along(local_map, 0.6, 9.0, y) >= 0).all()
        assert (along(local_map, 1.5, 5.0, -0.8) < 0).all()


def test_what_is_seen_under_a_table_does_not_free_the_table():
    table = [(2.4, 3.2, -0.6, 0.6, 0.62, 0.75)]
    camera = CameraModel.level(width=128, height=96)
    local_map = see(LocalMap(1), table, camera=camera, times=5)
    assert at(local_map, 2.45, 0.0) > 0
    assert (along(local_map, 2.4, 6.0) >= 0).all()


def test_a_table_is_kept_while_the_robot_drives_up_to_it():
    edge, local_map = 6.0, LocalMap(1)
    table = [(edge, edge + 0.8, -0.7, 0.7, 0.70, 0.75)]
    table += [(edge + x, edge + x + 0.06, y, y + 0.06, 0.0, 0.7) for x in (0.03, 0.71) for y in (-0.67, 0.61)]
    seen = []
    for step in range(36):
        see(local_map, table, pose=(0.13 * step, 0.0, 0.0), stamp_s=0.1 * step)
        seen.append(max(at(local_map, edge + 0.05, y) for y in (-0.3, 0.0, 0.3)))
    seen = np.array(seen)
    first = int(np.argmax(seen > 0))
    assert first < 15
    assert (seen[first + 3 :] > 0).all()


def test_what_hangs_above_the_robot_is_no_obstacle_and_the_floor_below_is_free():
    beam = [(3.0, 3.4, -3.0, 3.0, 2.1, 2.5)]
    local_map = see(LocalMap(1), beam)
    assert draw(beam)[1].max() == 0  # it is in view
    assert (local_map.values <= 0).all()
    assert (along(local_map, 2.0, 5.0) < 0).all()
    hanging_lower = see(LocalMap(1), [(3.0, 3.4, -3.0, 3.0, 1.6, 2.5)])
    assert at(hanging_lower, 3.05, 0.0) > 0


def test_a_kerb_is_an_obstacle_and_a_threshold_is_floor():
    assert at(see(LocalMap(1), [(2.0, 2.6, -1.0, 1.0, 0.0, 0.2)]), 2.05, 0.0) > 0
    assert at(see(LocalMap(1), [(2.0, 2.6, -1.0, 1.0, 0.0, 0.05)]), 2.05, 0.0) < 0


def test_where_the_floor_is_missing_nothing_is_said_to_be_free():
    depth, _ = draw([])
    rows = np.arange(LEVEL.height)
    falls = (rows[:, None] > 24) & (depth > 2.5)
    ray_drop = (rows + 0.5 - LEVEL.cy) / LEVEL.fy
    depth[falls] = np.minimum((1.8 / np.maximum(ray_drop, 1e-3))[:, None], LEVEL.range_max_m).repeat(64, 1)[falls]
    local_map = LocalMap(1)
    local_map.update(ONE, frame_of(depth), camera_rows(LEVEL, 1), NOWHERE)
    assert at(local_map, 1.77, 0.0) < 0
    assert (along(local_map, 3.0, 4.8) == 0).all()
    assert (along(see(LocalMap(1), []), 3.0, 4.8) < 0).all()


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, 0.05])
def test_invalid_pixels_neither_carve_nor_occupy(value):
    local_map = LocalMap(1)
    local_map.update(ONE, frame_of(np.full((48, 64), value, dtype=np.float32)), camera_rows(LEVEL, 1), NOWHERE)
    assert (local_map.values == 0).all()
    depth, _ = draw([WALL])
    depth[:, 20:44] = value
    local_map.update(ONE, frame_of(depth), camera_rows(LEVEL, 1), NOWHERE)
    assert at(local_map, 2.0, 0.0) == 0
    assert at(local_map, 3.05, 0.0) == 0
    assert at(local_map, 3.05, 2.0) > 0


@pytest.mark.parametrize("value", [8.0, 20.0, np.inf])
def test_beyond_the_range_limit_is_free_up_to_it_and_never_occupied(value):
    depth, _ = draw([])
    depth[depth >= 8.0] = value
    local_map = LocalMap(1)
    local_map.update(ONE, frame_of(depth), camera_rows(LEVEL, 1), NOWHERE)
    assert (local_map.values <= 0).all()
    np.testing.assert_array_equal(local_map.values, see(LocalMap(1), []).values)


# the target and other movers


def person(x, y):
    return (x - 0.25, x + 0.25, y - 0.25, y + 0.25, 0.0, 1.7)


def test_a_masked_target_leaves_no_trace_and_hides_what_is_behind_it():
    boxes = [WALL, person(2.0, 0.0)]
    depth, shown = draw(boxes)
    local_map = LocalMap(1)
    local_map.update(ONE, frame_of(depth, mask=shown == 1), camera_rows(LEVEL, 1), NOWHERE)
    assert (along(local_map, 1.0, 1.6) < 0).all()
    assert (along(local_map, 1.81, 2.9) == 0).all()
    assert at(local_map, 3.05, 1.5) > 0
    unmasked = see(LocalMap(1), boxes)
    assert at(unmasked, 1.77, 0.0) > 0


def test_a_mask_that_misses_the_rim_of_the_target_leaves_no_trace_either():
    depth, shown = draw([person(2.5, 0.2)])
    mask = shown == 0
    columns = np.flatnonzero(mask.any(axis=0))
    mask[::2, columns[0]] = mask[1::2, columns[-1]] = False
    mask[np.argmax(mask.any(axis=1))] = False
    local_map = LocalMap(1)
    local_map.update(ONE, frame_of(depth, mask=mask), camera_rows(LEVEL, 1), NOWHERE)
    assert (local_map.values <= 0).all()


def test_what_stands_behind_the_rim_of_a_mask_is_still_an_obstacle():
    depth, shown = draw([(6.0, 6.2, -20.0, 20.0, 0.0, 1.5), person(1.5, 0.0)])  # in no row above the person's head
    too_wide = shown == 1
    too_wide[:, 1:] |= too_wide[:, :-1]
    too_wide[:, :-1] |= too_wide[:, 1:]
    wide = LocalMap(1)
    wide.update(ONE, frame_of(depth, mask=too_wide), camera_rows(LEVEL, 1), NOWHERE)
    right = LocalMap(1)
    right.update(ONE, frame_of(depth, mask=shown == 1), camera_rows(LEVEL, 1), NOWHERE)
    column = np.flatnonzero((shown == 1).any(axis=0))[0] - 1
    y = 6.05 * (32 - column - 0.5) / 32
    assert at(right, 6.05, y) > 0
    assert at(wide, 6.05, y) == 0


def test_nothing_is_learnt_in_the_excluded_disc():
    local_map = LocalMap(1)
    depth, _ = draw([WALL, person(2.0, 0.0)])
    local_map.update(ONE, frame_of(depth), camera_rows(LEVEL, 1), np.array([[2.0, 0.0, 0.45]]))
    assert (along(local_map, 1.6, 2.4) == 0).all()
    assert at(local_map, 1.3, 0.0) < 0
    assert at(local_map, 3.05, 1.5) > 0
    see(local_map, [], times=2)
    known = local_map.values.copy()
    local_map.update(ONE, frame_of(depth), camera_rows(LEVEL, 1), np.array([[2.0, 0.0, 30.0]]))
    np.testing.assert_array_equal(local_map.values, known)


def test_a_mover_that_goes_away_is_erased_within_a_second():
    local_map = see(LocalMap(1), [WALL, person(2.0, 0.0)], times=20)
    assert at(local_map, 1.77, 0.0) == local_map.settings.occupied_max
    see(local_map, [WALL], times=10)
    assert at(local_map, 1.77, 0.0) < 0


def test_what_counts_as_occupied_is_erased_at_a_pace_of_its_own():
    local_map = see(LocalMap(1, MapSettings(hit=1.0, free=0.3, erase=0.8)), [WALL, person(2.0, 0.0)], times=2)
    see(local_map, [WALL])
    assert at(local_map, 1.77, 0.0) == pytest.approx(1.2)
    assert at(local_map, 1.2, 0.0) == pytest.approx(-0.9)


# cameras


MOUNTINGS = {
    "pitched down": mounted(0.8, pitch_rad=0.3),
    "pitched up": mounted(0.8, pitch_rad=-0.1),
    "turned and aside": mounted(0.9, yaw_rad=0.3, forward_m=0.2, left_m=-0.1),
    "portrait": mounted(0.8) @ np.array([[0.0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    "upside down": mounted(0.8) @ np.diag([-1.0, -1.0, 1.0, 1.0]),
    "tilted": mounted(0.8)
    @ np.array([[np.cos(0.4), -np.sin(0.4), 0, 0], [np.sin(0.4), np.cos(0.4), 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
}


@pytest.mark.parametrize("name", MOUNTINGS)
@pytest.mark.parametrize("size", [(64, 64), (200, 160)])
def test_any_mounting_gives_the_map_of_a_level_camera(name, size):
    scene = [(3.0, 3.4, -0.5, 0.8, 0.0, 1.2), (4.5, 4.9, -3.0, 3.0, 0.0, 2.5), (2.0, 2.3, -1.5, -1.1, 0.0, 0.5)]
    level = CameraModel.level(width=size[0], height=size[1])
    other = replace(level, base_from_camera=MOUNTINGS[name])
    expected, found = (see(LocalMap(1), scene, camera=camera, times=2).values[0] for camera in (level, other))
    both = (expected != 0) & (found != 0)
    assert both.sum() > 300
    assert (found > 0).sum() > 15
    assert np.mean(see_around(expected > 0)[found > 0]) > 0.98
    assert np.mean(see_around(found > 0)[both & (expected > 0)]) > 0.98
    assert np.mean((expected[both] > 0) == (found[both] > 0)) > 0.95


def see_around(cells):
    """Cells that are set or lie beside one that is."""
    padded = np.pad(cells, 1)
    return np.max([padded[i : i + len(cells), j : j + len(cells)] for i in range(3) for j in range(3)], axis=0)


def test_a_camera_that_looks_straight_down_sees_the_floor_before_it():
    camera = replace(LEVEL, base_from_camera=mounted(1.5, pitch_rad=np.pi / 2))
    local_map = see(LocalMap(1), [(0.48, 0.6, -1.0, 1.0, 0.0, 0.5)], camera=camera)
    assert np.isfinite(local_map.values).all()
    assert at(local_map, 0.5, 0.0) > 0
    assert at(local_map, 0.2, 0.0) < 0


def test_the_range_limit_and_the_principal_point_of_the_camera_count():
    near = replace(LEVEL, range_max_m=2.0)
    assert (see(LocalMap(1), [WALL], camera=near).values <= 0).all()
    far = replace(LEVEL, range_max_m=40.0)
    local_map = see(LocalMap(1), [], camera=far)
    assert at(local_map, 9.3, 0.0) < 0
    aside = replace(LEVEL, cx=20.0)
    assert at(see(LocalMap(1), [person(3.0, 1.5)], camera=aside), 2.8, 1.5) > 0


# time and motion


def test_a_wall_stays_where_it_is_while_the_robot_turns_and_drives():
    local_map, still = LocalMap(1), see(LocalMap(1), [WALL])
    poses = [(0.07 * k, -0.05 * k, 0.1 * np.sin(k)) for k in range(12)]
    for k, pose in enumerate(poses):
        see(local_map, [WALL], pose=pose, stamp_s=0.1 * k)
    # where it can be seen it is occupied, and the first row of cells before it is not
    for y in np.arange(-1.4, 1.4, 0.15):
        assert at(local_map, 3.05, y) > 1.0
        assert at(local_map, 2.75, y) < 0
    assert at(still, 3.05, 0.0) > 0


def test_what_is_not_seen_again_is_forgotten_by_half_in_a_half_life():
    settings = MapSettings(half_life_s=20.0)
    local_map = see(LocalMap(1, settings), [WALL], times=4)
    before = local_map.values.copy()
    nothing = np.zeros((48, 64), dtype=np.float32)
    for second in range(1, 21):
        local_map.update(ONE, frame_of(nothing, stamp_s=float(second)), camera_rows(LEVEL, 1), NOWHERE)
    np.testing.assert_allclose(local_map.values, before / 2, rtol=1e-5)
    local_map.update(ONE, frame_of(nothing, stamp_s=60.0), camera_rows(LEVEL, 1), NOWHERE)
    np.testing.assert_allclose(local_map.values, before / 8, rtol=1e-5)


def test_a_stamp_that_goes_back_forgets_nothing():
    local_map = see(LocalMap(1), [WALL], stamp_s=100.0)
    before = local_map.values.copy()
    nothing = np.zeros((48, 64), dtype=np.float32)
    for stamp_s in (10.0, 10.5):
        local_map.update(ONE, frame_of(nothing, stamp_s=stamp_s), camera_rows(LEVEL, 1), NOWHERE)
    np.testing.assert_array_equal(local_map.values, before)


@pytest.mark.parametrize("sideways", [False, True])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_window_follows_the_robot_and_what_it_leaves_is_gone(sideways, sign):
    yaw = (0.5 * np.pi if sideways else 0.0) + (np.pi if sign < 0 else 0.0)
    ahead = np.array([np.cos(yaw), np.sin(yaw)])
    pillar = person(*(3.05 * ahead))
    local_map = see(LocalMap(1), [pillar], pose=(0.0, 0.0, yaw))
    face, before = 2.82 * ahead, 1.5 * ahead
    nothing = np.zeros((48, 64), dtype=np.float32)
    for back in np.arange(0.0, 7.5, 0.3):
        pose = (*(-back * ahead), yaw)
        local_map.update(ONE, frame_of(nothing, pose), camera_rows(LEVEL, 1), NOWHERE)
        assert np.array_equal(local_map.corner[0], np.floor(np.array(pose[:2]) / 0.15).astype(int) - 64)
        if abs(2.82 + back - 9.6) > 0.2:
            assert (at(local_map, *face) > 0) == (2.82 + back < 9.6)
    assert at(local_map, *before) < 0
    for back in np.arange(7.5, -0.3, -0.3):
        local_map.update(ONE, frame_of(nothing, (*(-back * ahead), yaw)), camera_rows(LEVEL, 1), NOWHERE)
    assert at(local_map, *face) == 0
    assert at(local_map, *before) < 0  # never left the window


def test_a_jump_farther_than_the_window_clears_it_and_coordinates_may_be_far_from_zero():
    local_map = see(LocalMap(1), [WALL])
    far = [(-996.0, -995.8, 480.0, 520.0, 0.0, 2.5)]
    see(local_map, far, pose=(-999.0, 500.0, 0.0))
    assert at(local_map, -995.95, 500.0) > 0
    assert at(local_map, -997.0, 500.0) < 0
    assert at(local_map, 3.05, 0.0) == 0
    expected = see(LocalMap(1), far, pose=(-999.0, 500.0, 0.0))
    np.testing.assert_array_equal(local_map.values, expected.values)


@pytest.mark.parametrize("trouble", [DEPTH_INVALID, DEPTH_BEYOND_RANGE])
def test_an_unusable_frame_leaves_the_map_as_it_was(trouble):
    local_map = see(LocalMap(1), [WALL])
    before, corner = local_map.values.copy(), local_map.corner.copy()
    depth, _ = draw([])
    arguments = camera_rows(LEVEL, 1), NOWHERE
    local_map.update(ONE, frame_of(depth, (1.0, 0.0, 0.0), stamp_s=50.0, trouble=trouble), *arguments)
    np.testing.assert_array_equal(local_map.values, before)
    np.testing.assert_array_equal(local_map.corner, corner)
    local_map.update(ONE, frame_of(depth, (1.0, 0.0, 0.0), trouble=NO_TROUBLE), *arguments)
    assert not np.array_equal(local_map.values, before)


def test_reset_forgets_the_given_worlds_alone():
    local_map = LocalMap(3)
    local_map.values[:] = 1.0
    local_map.reset(np.array([0, 2]))
    assert local_map.values.any(axis=(1, 2)).tolist() == [False, True, False]


def test_a_batch_equals_its_worlds_alone_bit_for_bit():
    rng = np.random.default_rng(0)
    number, window = 5, EgoWindow()
    cameras = [LEVEL, replace(LEVEL, base_from_camera=MOUNTINGS["tilted"]), LEVEL, LEVEL, LEVEL]
    rows = camera_rows(cameras, number)
    together, alone = LocalMap(number), [LocalMap(1) for _ in range(number)]
    corners = rng.uniform([2.0, -2.0], [4.0, 2.0], (number, 2))
    scenes = [[(x, x + 0.5, y, y + 0.7, 0.0, 1.0)] for x, y in corners]
    which = np.array([4, 0, 1, 3])  # world 2 is not touched
    crops = np.zeros((number, 2, window.cells, window.cells), dtype=np.float32)
    for step in range(4):
        poses = np.stack([0.2 * step * np.ones(number), 0.1 * np.arange(number), 0.1 * step * np.ones(number)], axis=1)
        depth = np.stack([draw(s, c, p)[0] for s, c, p in zip(scenes, cameras, poses, strict=True)])
        depth *= rng.uniform(0.98, 1.02, depth.shape).astype(np.float32)
        mask = np.zeros(depth.shape, dtype=np.uint8)
        mask[:, 20:30, 10 : 12 + step] = 1
        exclude = np.tile([2.0, 0.5, 0.4], (number, 1))
        frame = Frame(np.full(number, 0.6 * step), depth, poses, np.zeros((number, 2)), mask)
        together.update(which, frame, rows, exclude)
        together.crop(which, poses, window, crops)
        for world in which:
            part = slice(world, world + 1)
            single = Frame(frame.stamp_s[part], depth[part], poses[part], np.zeros((1, 2)), mask[part])
            alone[world].update(ONE, single, rows[part], exclude[part])
            np.testing.assert_array_equal(together.values[world], alone[world].values[0])
            np.testing.assert_array_equal(crops[world], crop_of(alone[world], poses[world]))
    assert not together.values[2].any()
    assert not crops[2].any()
    assert together.values[0].any()


# looking at the map


def test_a_crop_has_ahead_in_row_0_and_left_in_column_0():
    local_map = see(LocalMap(1), [person(4.0, 2.0)], times=3)
    occupied, free = crop_of(local_map)
    row, column = int((7.2 - 3.8) / 0.3), int((4.8 - 2.0) / 0.3)
    assert occupied[row - 1 : row + 2, column - 1 : column + 2].max() > 0.5
    occupied_rows, occupied_columns = np.nonzero(occupied)
    assert abs(occupied_rows - row).max() <= 2
    assert abs(occupied_columns - column).max() <= 2
    assert free[int((7.2 - 2.0) / 0.3), 16] > 0.3
    assert free[28, 16] == 0  # behind the robot


def test_a_crop_turns_with_the_robot():
    local_map = see(LocalMap(1), [person(4.0, 0.0)], times=3)
    occupied, _ = crop_of(local_map, (2.0, 0.0, -np.pi / 2))  # it is 1.8 m to the left now
    rows, columns = np.nonzero(occupied > 0.5)
    assert abs(rows + 0.5 - 7.2 / 0.3).max() <= 2
    assert columns.mean() == pytest.approx((4.8 - 1.8) / 0.3, abs=1.5)


@pytest.mark.parametrize(
    "window", [EgoWindow(), EgoWindow(64, 0.15, 4.8), EgoWindow(16, 1.0, 8.0), EgoWindow(20, 0.07, 0.0)]
)
@pytest.mark.parametrize("pose", [(0.0, 0.0, 0.0), (1.03, -0.4, 0.7), (-5.0, 8.0, 3.0)])
def test_an_ego_cell_is_as_occupied_as_the_most_occupied_cell_in_it(window, pose):
    local_map = LocalMap(1)
    local_map.values[0] = np.random.default_rng(1).uniform(-3.0, 3.0, local_map.values[0].shape)
    occupied, free = crop_of(local_map, pose, window)
    share = (np.arange(40) + 0.5) / 40 - 0.5
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    for row, column in [(0, 0), (0, window.cells - 1), (window.cells - 1, 3), (window.cells // 2, window.cells // 3)]:
        ahead, left = window.centers()[row, column]
        points = np.stack(np.meshgrid(ahead + share * window.cell_m, left + share * window.cell_m), -1).reshape(-1, 2)
        x, y = pose[0] + points @ [cos, -sin], pose[1] + points @ [sin, cos]
        values = [at(local_map, *point) for point in zip(x, y, strict=True)]
        certainty = occupied[row, column] - free[row, column]
        assert certainty <= np.tanh(np.max(values) / 2) + 1e-3
        if window.cell_m >= local_map.cell_m:
            assert certainty >= np.tanh(np.quantile(values, 0.7) / 2) - 1e-3
        assert 0 <= occupied[row, column] <= 1
        assert 0 <= free[row, column] <= 1
        assert occupied[row, column] == 0 or free[row, column] == 0


def test_no_cell_slips_through_a_crop_however_it_is_turned():
    local_map = LocalMap(1)
    rng = np.random.default_rng(2)
    for _ in range(40):
        local_map.values[:] = -2.0
        pose = (rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(-3, 3))
        ahead, left = rng.uniform(-2, 6.5), rng.uniform(-4, 4)
        x = pose[0] + np.cos(pose[2]) * ahead - np.sin(pose[2]) * left
        y = pose[1] + np.sin(pose[2]) * ahead + np.cos(pose[2]) * left
        local_map.values[0, int(np.floor(y / 0.15)) % 128, int(np.floor(x / 0.15)) % 128] = 2.0
        occupied, _ = crop_of(local_map, pose)
        rows, columns = np.nonzero(occupied)
        assert len(rows) >= 1
        assert np.hypot((31.5 - rows) * 0.3 - 2.4 - ahead, (15.5 - columns) * 0.3 - left).max() < 0.4


def test_outside_the_window_everything_is_unknown():
    local_map = LocalMap(1)
    local_map.values[:] = 2.0
    occupied, free = crop_of(local_map, (5.0, 0.0, 0.0))
    assert (occupied[:8] == 0).all()
    assert (occupied[12:] > 0.5).all()
    assert (free == 0).all()
    occupied, free = crop_of(local_map, (500.0, 0.0, 0.0))
    assert not occupied.any()
    assert not free.any()


def test_log_odds_at_a_position():
    local_map = LocalMap(1)
    local_map.values[0, -3 % 128, 5] = 1.25  # ix = 5, iy = -3
    assert at(local_map, 5.5 * 0.15, -2.5 * 0.15) == 1.25
    assert at(local_map, 5.5 * 0.15, -1.5 * 0.15) == 0
    local_map.values[:] = 1.0
    assert at(local_map, 9.5, -9.5) == 1.0
    for outside in ((9.7, 0.0), (-9.7, 0.0), (0.0, 9.7), (0.0, -1e9), (np.nan, 0.0)):
        assert at(local_map, *outside) == 0.0


@pytest.mark.parametrize(
    ("name", "value"),
    [("cell_m", 0.0), ("cells", 100), ("cells", 16), ("high_m", 0.05), ("hit", -1.0), ("half_life_s", np.nan)],
)
def test_settings_out_of_range_are_named(name, value):
    with pytest.raises(ValueError, match=name):
        MapSettings(**{name: value})


def test_other_cells_and_windows():
    local_map = see(LocalMap(1, MapSettings(cell_m=0.1, cells=64)), [WALL], times=2)
    assert at(local_map, 3.05, 0.0) > 0
    assert at(local_map, 2.5, 0.0) < 0
    assert at(local_map, 3.3, 0.0) == 0
    with pytest.raises(ValueError, match="num_worlds"):
        LocalMap(0)


# ways


def ways_of(local_map, pose=(0.0, 0.0, 0.0)):
    out = np.full((len(local_map.values), WAYS), np.nan)
    local_map.ways(ONE, np.array([pose], dtype=np.float64), out)
    return out[0]


@pytest.mark.parametrize("yaw", [0.0, np.pi / 2, 1.234])
def test_ways_end_at_what_is_known_to_be_occupied(yaw):
    local_map = LocalMap(1)
    for direction, away in ((0, 1.0), (6, 0.7), (12, 2.0)):  # ahead, to the left, behind
        angle = yaw + 2 * np.pi * direction / WAYS
        x, y = 0.37 + away * np.cos(angle), -0.41 + away * np.sin(angle)
        local_map.values[0, int(np.floor(y / 0.15)) % 128, int(np.floor(x / 0.15)) % 128] = 2.0
    ways = ways_of(local_map, (0.37, -0.41, yaw))
    np.testing.assert_allclose(ways[[0, 6, 12]], [1.0, 0.7, 2.0], atol=0.16)
    assert ways[18] == WAY_M  # nothing is known on the right
    assert (ways >= 0.15).all()


def test_ways_do_not_end_at_what_is_free_or_unknown():
    local_map = LocalMap(1)
    local_map.values[:] = -2.0
    assert (ways_of(local_map) == WAY_M).all()
    local_map.values[:] = 0.0
    assert (ways_of(local_map, (100.0, 0.0, 0.0)) == WAY_M).all()
