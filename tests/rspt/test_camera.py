"""The camera model: known projections, and intrinsics or mountings that cannot be meant."""

from dataclasses import replace

import numpy as np
import pytest

from rspt.perception.camera import (
    FX,
    PRESETS,
    RANGE_MAX_M,
    ROTATION,
    ROW_LENGTH,
    TRANSLATION,
    CameraModel,
    camera_rows,
    mounted,
)


def in_base(camera, column, row, depth_m):
    """Where a pixel with a depth lies in the robot's frame, straight from the definition."""
    optical = np.array([(column + 0.5 - camera.cx) / camera.fx, (row + 0.5 - camera.cy) / camera.fy, 1.0]) * depth_m
    return (camera.base_from_camera @ [*optical, 1.0])[:3]


def test_a_level_camera_looks_ahead_from_its_height():
    camera = CameraModel.level(width=64, height=48, hfov_deg=90.0, height_m=0.8)
    np.testing.assert_allclose([camera.fx, camera.fy, camera.cx, camera.cy], [32, 32, 32, 24])
    np.testing.assert_allclose(in_base(camera, 31.5, 23.5, 3.0), [3.0, 0.0, 0.8], atol=1e-12)
    np.testing.assert_allclose(
        in_base(camera, -0.5, 23.5, 3.0), [3.0, 3.0, 0.8], atol=1e-12
    )  # the left edge: 45 degrees
    np.testing.assert_allclose(in_base(camera, 31.5, 31.5, 3.2), [3.2, 0.0, 0.0], atol=1e-12)  # below: the floor
    assert camera.hfov_rad == pytest.approx(np.pi / 2)
    assert camera.height_m == 0.8


def test_a_mounting_turns_and_moves_the_camera():
    camera = replace(CameraModel.level(), base_from_camera=mounted(1.0, pitch_rad=np.pi / 4, forward_m=0.2, left_m=0.1))
    np.testing.assert_allclose(
        in_base(camera, 31.5, 23.5, np.sqrt(2)), [1.2, 0.1, 0.0], atol=1e-12
    )  # down to the floor
    camera = replace(CameraModel.level(), base_from_camera=mounted(1.0, yaw_rad=np.pi / 2))
    np.testing.assert_allclose(in_base(camera, 31.5, 23.5, 2.0), [0.0, 2.0, 1.0], atol=1e-12)  # looks to the left
    camera = replace(CameraModel.level(), base_from_camera=mounted(1.0, pitch_rad=np.pi / 4, yaw_rad=np.pi / 2))
    np.testing.assert_allclose(in_base(camera, 31.5, 23.5, np.sqrt(2)), [0.0, 1.0, 0.0], atol=1e-12)


def test_the_convention_of_ros_differs_by_half_a_pixel():
    k = [500.0, 0.0, 319.5, 0.0, 510.0, 239.5, 0.0, 0.0, 1.0]
    camera = CameraModel.from_ros(k, width=640, height=480, base_from_camera=mounted(0.5), range_max_m=5.0)
    assert (camera.fx, camera.fy, camera.cx, camera.cy, camera.range_max_m) == (500.0, 510.0, 320.0, 240.0, 5.0)
    np.testing.assert_allclose(in_base(camera, 319.5, 239.5, 2.0), [2.0, 0.0, 0.5], atol=1e-12)
    with pytest.raises(ValueError, match="k must hold the 9 numbers"):
        CameraModel.from_ros(np.eye(4), width=640, height=480, base_from_camera=mounted(0.5))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_cameras_whose_mounting_can_be_given(name):
    camera = CameraModel.preset(name, base_from_camera=mounted(0.4, pitch_rad=0.1))
    assert (camera.width, camera.height_m) == (640, 0.4)
    assert np.rad2deg(CameraModel.preset(name).hfov_rad) == pytest.approx(PRESETS[name][2])


def test_presets_have_the_focal_lengths_that_the_cameras_report():
    focal = {name: CameraModel.preset(name).fx for name in PRESETS}
    assert focal == pytest.approx({"d435": 385, "d455": 385, "azure_kinect": 504, "kinect_v1": 576}, rel=0.01)


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(ValueError, match=r"'d436' is unknown; allowed: d435, d455"):
        CameraModel.preset("d436")


def test_a_row_holds_all_that_kernels_need():
    camera = CameraModel.level(height_m=0.7, range_max_m=3.86)
    row = camera.row
    assert row.shape == (ROW_LENGTH,)
    assert row[FX] == camera.fx
    np.testing.assert_array_equal(row[ROTATION:TRANSLATION].reshape(3, 3), camera.base_from_camera[:3, :3])
    np.testing.assert_array_equal(row[TRANSLATION:], [0.0, 0.0, 0.7])


def test_depth_at_the_range_limit_is_not_nearer_than_it():
    """3.86 in float32 is less than in float64: an image that says "nothing within range" would show a wall there."""
    row = CameraModel.level(range_max_m=3.86).row
    assert not np.float64(np.float32(3.86)) < row[RANGE_MAX_M]
    assert row[RANGE_MAX_M] == pytest.approx(3.86)


def test_rows_of_one_camera_or_of_one_for_each_world():
    one, other = CameraModel.level(hfov_deg=60.0), CameraModel.level(hfov_deg=90.0)
    assert camera_rows(one, 3).shape == (3, ROW_LENGTH)
    np.testing.assert_array_equal(camera_rows([one, other], 2), [one.row, other.row])
    with pytest.raises(ValueError, match="2 cameras for 3 worlds"):
        camera_rows([one, other], 3)
    with pytest.raises(ValueError, match=r"one size, not \[\(64, 48\), \(80, 48\)\]"):
        camera_rows([one, CameraModel.level(width=80)], 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 4}, "width must be a whole number of pixels from 8 to 4096, not 4"),
        ({"height": 48.0}, "height must be a whole number"),
        ({"fx": 0.0}, "fx must be a positive number of pixels, not 0.0"),
        ({"fy": np.nan}, "fy must be a positive"),
        ({"cx": 65.0}, "cx must lie in the image, from 0 to 64 pixels, not 65.0"),
        (
            {"cx": 64.0, "cy": 48.0},
            r"cx 64 and cy 48 lie in a corner of the image of 64 x 48 pixels",
        ),  # of twice the size
        ({"width": 640, "height": 480}, "lie in a corner of the image of 640 x 480"),  # of a tenth
        ({"fx": 0.6}, r"fx 0.6 gives a field of view of 17\d.\d degrees, at most 170"),  # not in pixels
        ({"range_min_m": 8.0}, "0 <= range_min_m < range_max_m must hold"),
        ({"range_max_m": np.inf}, "range_max_m must hold"),
        ({"base_from_camera": np.eye(3)}, r"must be 4 x 4 finite numbers, not shape \(3, 3\)"),
        ({"base_from_camera": 2 * np.eye(4)}, "is no rotation"),
        ({"base_from_camera": np.diag([-1.0, 1.0, 1.0, 1.0])}, "is no rotation"),
        ({"base_from_camera": mounted(0.8).T}, "last row of base_from_camera must be 0 0 0 1"),
        ({"base_from_camera": np.full((4, 4), np.nan)}, "4 x 4 finite numbers"),
        ({"base_from_camera": mounted(-0.2)}, "not to a height of -0.200 m"),
        (
            {"base_from_camera": np.linalg.inv(mounted(0.8))},
            "not to a height|look at the ceiling",
        ),  # the wrong way round
        (
            {"base_from_camera": np.eye(4) + np.eye(4, k=1) * [0, 0, 0, 0.8]},
            "look at the ceiling",
        ),  # frame of a housing
    ],
)
def test_what_cannot_be_meant_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(CameraModel.level(), **change)


def test_the_image_of_a_crop_is_allowed():
    replace(CameraModel.level(), height=24, cy=24.0)  # the upper half
    replace(CameraModel.level(), width=40, cx=8.0)


def test_the_mounting_is_kept_as_a_copy_that_nobody_changes():
    mounting = mounted(0.8)
    camera = replace(CameraModel.level(), base_from_camera=mounting)
    mounting[2, 3] = 5.0
    assert camera.height_m == 0.8
    with pytest.raises(ValueError, match="read-only"):
        camera.base_from_camera[2, 3] = 5.0


@pytest.mark.parametrize(("given", "message"), [({"pitch_rad": 10.0}, "pitch_rad"), ({"yaw_rad": 90.0}, "yaw_rad")])
def test_a_mounting_in_degrees_is_refused(given, message):
    with pytest.raises(ValueError, match=f"{message}.*degrees"):
        mounted(0.6, **given)


def test_a_presets_name_is_no_camera():
    with pytest.raises(ValueError, match=r"must be a CameraModel.*not 'd435'"):
        camera_rows("d435", 1)
