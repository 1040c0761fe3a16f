"""The door of perception: what is understood, what is refused, and what is marked as doubtful."""

import numpy as np
import pytest

from rspt.perception.camera import CameraModel, camera_rows, mounted
from rspt.perception.frame import (
    DEPTH_BEYOND_RANGE,
    DEPTH_INVALID,
    NO_TROUBLE,
    POSE_JUMPED,
    STAMP_JUMPED,
    planar_pose,
)
from rspt.perception.intake import Intake, IntakeSettings

H, W = 8, 10
ONE = np.array([0])
CAMERA = CameraModel.level(width=W, height=H, range_min_m=0.2, range_max_m=6.0)


def good(num_worlds=1, **changes):
    """Arguments of a frame that nothing is wrong with."""
    arguments = {
        "stamp_s": 1.0,
        "depth": np.full((num_worlds, H, W), 2.0, dtype=np.float32),
        "pose": np.zeros((num_worlds, 3)),
        "velocity": np.zeros((num_worlds, 2)),
    }
    return {**arguments, **changes}


def take(intake, worlds=ONE, **changes):
    return intake.take(worlds, camera_rows(CAMERA, intake.num_worlds), **good(intake.num_worlds, **changes))


def taken(**changes):
    """One frame of one robot."""
    return take(Intake(1, H, W), **changes)


def test_a_clean_frame_comes_through_as_it_is():
    depth = np.full((1, H, W), 2.0, dtype=np.float32)
    depth[0, 0] = [0, 0, 6, 6, 6, 1, 2, 3, 4, 5]
    mask, rgb = np.zeros((1, H, W), dtype=np.uint8), np.zeros((1, H, W, 3), dtype=np.uint8)
    frame = taken(depth=depth, target_mask=mask, rgb=rgb, pose=[[1.0, 2.0, 3.0]], velocity=[[0.5, -0.1]])
    assert np.shares_memory(frame.depth, depth)
    assert np.shares_memory(frame.target_mask, mask)
    assert np.shares_memory(frame.rgb, rgb)
    np.testing.assert_array_equal(frame.pose, [[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(frame.velocity, [[0.5, -0.1]])
    np.testing.assert_array_equal(frame.stamp_s, [1.0])
    np.testing.assert_array_equal(frame.trouble, [NO_TROUBLE])
    assert frame.target_box_xyxy is None


def test_with_one_world_the_leading_axis_may_be_left_out():
    frame = taken(
        depth=np.full((H, W), 2.0, dtype=np.float32),
        pose=[1.0, 2.0, 3.0],
        velocity=(0.5, 0.1),
        rgb=np.zeros((H, W, 3), dtype=np.uint8),
        target_mask=np.zeros((H, W), dtype=bool),
        target_box_xyxy=[1, 1, 4, 5],
        stamp_s=np.array([1.0]),
    )
    shapes = [array.shape for array in frame if array is not None]
    assert shapes == [(1,), (1, H, W), (1, 3), (1, 2), (1, H, W), (1, 4), (1, H, W, 3), (1,)]
    assert frame.target_mask.dtype == np.uint8


PIXELS_M = [0.0, np.nan, 0.1, 0.2, 3.0, 6.0, 7.0, np.inf]
"""Invalid, invalid, too near, and from there on depth; the last is beyond the range."""
UNDERSTOOD_M = [0.0, 0.0, 0.0, 0.2, 3.0, 6.0, 7.0, 6.0]


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f4"])
def test_float_depth_is_cleaned(dtype):
    depth = np.full((H, W), 2.0, dtype=dtype)
    depth[0, :8] = PIXELS_M
    before = depth.copy()
    frame = taken(depth=depth)
    assert frame.depth.dtype == np.float32
    np.testing.assert_array_equal(frame.depth[0, 0, :8], np.float32(UNDERSTOOD_M))
    np.testing.assert_array_equal(frame.depth[0, 1:], 2.0)
    np.testing.assert_array_equal(depth, before)


@pytest.mark.parametrize(("units_per_m", "dtype"), [(1000.0, "uint16"), (5000.0, "uint16"), (1000.0, ">u2")])
def test_whole_numbers_are_read_in_their_unit(units_per_m, dtype):
    depth = np.full((H, W), 2.0 * units_per_m, dtype=dtype)
    depth[0, :4] = np.array([0.0, 0.1, 0.2, 6.0]) * units_per_m
    frame = take(Intake(1, H, W, IntakeSettings(depth_units_per_m=units_per_m)), depth=depth)
    np.testing.assert_array_equal(frame.depth[0, 0, :5], np.float32([0.0, 0.0, 0.2, 6.0, 2.0]))


def test_arrays_in_any_order_of_memory_are_taken():
    depth = np.full((H, 2 * W), 2.0, dtype=np.float32)
    depth[:, 1::2] = 3.0
    np.testing.assert_array_equal(taken(depth=depth[:, ::2]).depth, np.full((1, H, W), 2.0))
    upright = np.asfortranarray(depth[:, 1::2])
    upright.setflags(write=False)
    np.testing.assert_array_equal(taken(depth=upright).depth, np.full((1, H, W), 3.0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": np.ones((H, W + 1), np.float32)}, r"depth must have shape \(1, 8, 10\) or \(8, 10\).*not \(8, 11\)"),
        ({"depth": np.ones((2, H, W), np.float32)}, r"depth must have shape .* not \(2, 8, 10\)"),
        ({"depth": np.ones((W, H), np.float32)}, "the camera's images have this size"),
        ({"depth": np.ones((H, W), np.uint8)}, r"depth must be of type float32 or float64 or uint16 .*, not uint8"),
        ({"depth": np.ones((H, W), np.int32)}, "not int32"),
        ({"depth": [[1.0]]}, "depth must be a NumPy array, not a list"),
        ({"rgb": np.ones((1, H, W), np.uint8)}, r"rgb must have shape \(1, 8, 10, 3\)"),
        ({"rgb": np.ones((1, H, W, 3), np.float32)}, "rgb must be of type uint8, not float32"),
        ({"target_mask": np.ones((1, H, W), np.float32)}, "target_mask must be of type bool or uint8, not float32"),
        ({"target_mask": np.ones((1, W, H), np.uint8)}, r"target_mask must have shape .* not \(1, 10, 8\)"),
        ({"pose": [0.0, 0.0]}, r"pose must have shape \(1, 3\) or \(3,\), not \(2,\)"),
        ({"pose": [0.0, np.nan, 0.0]}, r"pose of world 0 must be finite .* not \[0.0, nan, 0.0\]"),
        ({"pose": np.eye(4)}, r"pose must have shape .* not \(4, 4\)"),
        ({"pose": ["here", 0, 0]}, "pose must be real numbers"),
        ({"pose": None}, "pose must be real numbers"),
        ({"velocity": [np.inf, 0.0]}, r"velocity of world 0 must be finite .* not \[inf, 0.0\]"),
        ({"velocity": [0.0, 0.0, 0.0]}, r"velocity must have shape \(1, 2\)"),
        ({"stamp_s": np.nan}, "stamp_s of world 0 must be finite"),
        ({"stamp_s": [1.0, 2.0]}, r"stamp_s must have shape \(1,\), not \(2,\)"),
        ({"stamp_s": 1j}, r"stamp_s must be real numbers, not '1j' \(complex\)"),
        ({"stamp_s": 1.7e18}, "stamp_s must be seconds, not 1.7e.18: are they nanoseconds"),
        ({"target_box_xyxy": [5, 1, 5, 4]}, r"target_box_xyxy of world 0 .* not \[5.0, 1.0, 5.0, 4.0\]"),
        ({"target_box_xyxy": [1, 4, 5, 1]}, "upper < lower"),
        ({"target_box_xyxy": [1, np.nan, 5, 4]}, "NaN four times"),
        ({"target_box_xyxy": [1, 1, np.inf, 4]}, "target_box_xyxy of world 0"),
        ({"target_box_xyxy": [1, 1, 5]}, r"target_box_xyxy must have shape \(1, 4\) or \(4,\)"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        taken(**changes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("least", [-0.5, -np.inf])
def test_negative_depth_is_refused(dtype, least):
    depth = np.full((H, W), 2.0, dtype=dtype)
    depth[0, 0], depth[3, 3], depth[1, 1] = -0.25, least, np.nan
    with pytest.raises(ValueError, match=f"depth of world 0 is negative in 2 pixels, the least is {least}"):
        taken(depth=depth)


def test_depth_of_a_wrong_unit_is_refused():
    with pytest.raises(ValueError, match=r"median of 2000 m, more than 10 times .* limit of 6 m: .* read as metres"):
        taken(depth=np.full((H, W), 2000.0, dtype=np.float32))
    with pytest.raises(ValueError, match=r"median of 65 m, .* uint16 is read as 1000 units per metre"):
        taken(depth=np.full((H, W), 65_000, dtype=np.uint16))
    depth = np.full((H, W), 2000.0, dtype=np.float32)
    depth[: H // 2] = 2.0  # the median is not above
    assert taken(depth=depth).trouble == NO_TROUBLE


def test_depth_that_was_metres_already_is_too_near_for_the_camera():
    """Metres as whole numbers are millimetres of next to nothing."""
    frame = taken(depth=np.full((H, W), 5, dtype=np.uint16))
    assert frame.trouble == DEPTH_INVALID
    assert not frame.depth.any()


@pytest.mark.parametrize("value", [0.0, np.nan, 0.1])
def test_a_frame_without_any_depth_is_marked(value):
    frame = taken(depth=np.full((H, W), value, dtype=np.float32))
    assert frame.trouble == DEPTH_INVALID
    assert (frame.depth == 0.0).all()


@pytest.mark.parametrize("value", [6.0, np.inf])
def test_nothing_within_range_is_no_trouble(value):
    frame = taken(depth=np.full((H, W), value, dtype=np.float32))
    assert frame.trouble == NO_TROUBLE
    assert (frame.depth == 6.0).all()


def test_a_median_beyond_the_range_is_marked_and_not_handed_on():
    depth = np.zeros((H, W), dtype=np.float32)
    depth[0] = 2.0
    depth[1] = 6.5
    assert taken(depth=depth).trouble == NO_TROUBLE  # as many as are nearer
    depth[2, 0] = 6.5
    frame = taken(depth=depth)
    assert frame.trouble == DEPTH_BEYOND_RANGE
    assert not frame.depth.any()
    assert depth.any()


def test_boxes_are_cut_at_the_image_and_missing_outside_of_it():
    for box, understood in [
        ([-3, -2, 4.5, 5], [0, 0, 4.5, 5]),
        ([2, 3, 99, 99], [2, 3, W, H]),
        ([W + 1, 0, W + 5, 4], [np.nan] * 4),
        ([-9, 0, 0, 4], [np.nan] * 4),
        ([np.nan] * 4, [np.nan] * 4),
    ]:
        np.testing.assert_array_equal(taken(target_box_xyxy=box).target_box_xyxy, [understood])


def test_an_empty_mask_is_an_ordinary_one():
    assert taken(target_mask=np.zeros((H, W), dtype=bool)).trouble == NO_TROUBLE


@pytest.mark.parametrize("stamp_s", [1.0, 0.5])
def test_a_stamp_that_does_not_advance_is_refused(stamp_s):
    intake = Intake(1, H, W)
    take(intake, stamp_s=1.0)
    with pytest.raises(ValueError, match=r"later than that of the frame before, 1.000000 s, not"):
        take(intake, stamp_s=stamp_s)
    intake.reset(ONE)
    take(intake, stamp_s=stamp_s)


def test_a_stamp_that_jumps_is_marked():
    intake = Intake(1, H, W, IntakeSettings(gap_max_s=2.0))
    troubles = [int(take(intake, stamp_s=stamp).trouble[0]) for stamp in (100.0, 101.9, 104.0, 104.1)]
    assert troubles == [NO_TROUBLE, NO_TROUBLE, STAMP_JUMPED, NO_TROUBLE]


@pytest.mark.parametrize(
    ("pose", "trouble"),
    [
        ([0.55, 0.0, 0.0], NO_TROUBLE),  # 3 m/s for 0.1 s and 0.3 m
        ([0.65, 0.0, 0.0], POSE_JUMPED),
        ([0.45, 0.45, 0.0], POSE_JUMPED),
        ([0.0, 0.0, 0.85], NO_TROUBLE),  # 6 rad/s for 0.1 s and 0.3 rad
        ([0.0, 0.0, 0.95], POSE_JUMPED),
        ([0.0, 0.0, -0.95], POSE_JUMPED),
        ([0.0, 0.0, 2 * np.pi + 0.5], NO_TROUBLE),  # yaw may be counted on or be wrapped
        ([0.0, 0.0, -6 * np.pi - 0.5], NO_TROUBLE),
    ],
)
def test_a_pose_that_jumps_is_marked(pose, trouble):
    intake = Intake(1, H, W)
    take(intake, stamp_s=5.0)
    frame = take(intake, stamp_s=5.1, pose=pose)
    assert frame.trouble == trouble
    np.testing.assert_array_equal(frame.pose, [pose])
    assert take(intake, stamp_s=5.2, pose=pose).trouble == NO_TROUBLE  # from there it goes on


def test_a_jump_of_the_pose_is_told_even_where_the_depth_is_of_no_use():
    """Otherwise the map would go on in another place."""
    intake = Intake(1, H, W)
    take(intake, stamp_s=1.0)
    frame = take(intake, stamp_s=9.0, pose=[90.0, 0.0, 0.0], depth=np.full((H, W), 7.0))
    assert frame.trouble == POSE_JUMPED
    assert not frame.depth.any()
    frame = take(intake, stamp_s=19.0, pose=[90.0, 0.0, 0.0], depth=np.zeros((H, W)))
    assert frame.trouble == DEPTH_INVALID  # and a jump of the stamp


def test_velocity_comes_from_the_poses_where_it_is_not_given():
    intake = Intake(1, H, W)
    first = take(intake, stamp_s=0.0, pose=[1.0, 1.0, np.pi / 2], velocity=None)
    np.testing.assert_array_equal(first.velocity, [[0.0, 0.0]])
    ahead = take(intake, stamp_s=0.1, pose=[1.0, 1.2, np.pi / 2], velocity=None)
    np.testing.assert_allclose(ahead.velocity, [[2.0, 0.0]], atol=1e-12)
    back = take(intake, stamp_s=0.3, pose=[1.0, 1.1, np.pi / 2], velocity=None)
    np.testing.assert_allclose(back.velocity, [[-0.5, 0.0]], atol=1e-12)
    turned = take(intake, stamp_s=0.4, pose=[1.0, 1.1, np.pi / 2 - 0.2 + 2 * np.pi], velocity=None)
    np.testing.assert_allclose(turned.velocity, [[0.0, -2.0]], atol=1e-12)
    jumped = take(intake, stamp_s=0.5, pose=[50.0, 1.1, 0.0], velocity=None)
    np.testing.assert_array_equal(jumped.velocity, [[0.0, 0.0]])


def test_a_refused_frame_leaves_no_trace():
    intake = Intake(2, H, W)
    both = np.arange(2)
    take(intake, both, stamp_s=1.0)
    bad_depth = np.full((2, H, W), 2.0, dtype=np.float32)
    bad_depth[1, 0, 0] = -1.0
    for change in ({"depth": bad_depth}, {"rgb": np.zeros(3)}, {"target_box_xyxy": np.zeros((2, 4))}):
        with pytest.raises(ValueError, match=r"must|negative"):
            take(intake, both, stamp_s=5.0, pose=np.full((2, 3), 9.0), **change)
    frame = take(intake, both, stamp_s=1.1)  # 5.0 would forbid it, and the pose has not jumped
    np.testing.assert_array_equal(frame.trouble, [NO_TROUBLE] * 2)


def test_worlds_that_are_not_named_are_not_looked_at():
    intake = Intake(3, H, W)
    take(intake, np.arange(3), stamp_s=1.0)
    depth = np.full((3, H, W), 2.0, dtype=np.float32)
    depth[1] = -5.0
    bad = np.array([[0.1, 0.0, 0.0], [np.nan] * 3, [0.2, 0.0, 0.0]])
    frame = take(intake, np.array([0, 2]), stamp_s=np.array([1.1, -7.0, 1.1]), depth=depth, pose=bad)
    np.testing.assert_array_equal(frame.pose[[0, 2]], bad[[0, 2]])
    assert np.isfinite(frame.pose).all()  # what kernels of all worlds may compute with
    frame = take(intake, np.array([1]), stamp_s=1.05)  # its last stamp is still 1.0
    assert frame.trouble[1] == NO_TROUBLE


def test_worlds_are_reset_one_by_one_and_have_stamps_of_their_own():
    intake = Intake(2, H, W)
    take(intake, np.arange(2), stamp_s=np.array([5.0, 50.0]))
    intake.reset(np.array([1]))
    far = np.array([[0.0, 0.0, 0.0], [70.0, 0.0, 0.0]])
    frame = take(intake, np.arange(2), stamp_s=np.array([5.1, 0.0]), pose=far)
    np.testing.assert_array_equal(frame.trouble, [NO_TROUBLE, NO_TROUBLE])
    with pytest.raises(ValueError, match=r"stamp_s of world 0 must be later"):
        take(intake, np.arange(2), stamp_s=0.1, pose=far)


def test_each_world_has_its_own_camera_and_trouble():
    intake = Intake(3, H, W)
    cameras = camera_rows(CAMERA, 3)
    cameras[2] = CameraModel.level(width=W, height=H, range_max_m=20.0).row
    depth = np.full((3, H, W), 2.0)
    depth[1], depth[2] = 0.0, 15.0
    frame = intake.take(np.arange(3), cameras, **good(3, depth=depth))
    np.testing.assert_array_equal(frame.trouble, [NO_TROUBLE, DEPTH_INVALID, NO_TROUBLE])
    with pytest.raises(ValueError, match=r"depth of world 1 .* limit of 6 m"):
        depth[1] = 61.0
        intake.take(np.arange(3), cameras, **good(3, depth=depth, stamp_s=1.1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shared_work_gives_the_same(dtype):
    """Parts in any order, and a world alone."""
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.0, 7.0, (5, H, W)).astype(dtype)
    depth[1], depth[3, 0] = np.nan, np.inf
    worlds = np.arange(5)

    def one_by_one(function, which):
        for world in which[::-1]:
            function(np.array([world]))

    together = take(Intake(5, H, W), worlds, depth=depth)
    shared = take(Intake(5, H, W), worlds, depth=depth, share=one_by_one)
    for one, other in zip(together, shared, strict=True):
        np.testing.assert_array_equal(one, other)
    for world in worlds:
        alone = take(Intake(1, H, W), depth=depth[world])
        np.testing.assert_array_equal(alone.depth[0], together.depth[world])
        assert alone.trouble[0] == together.trouble[world]


def test_no_worlds_at_all_are_taken_without_a_complaint():
    take(Intake(2, H, W), np.zeros(0, dtype=np.int64), depth=np.full((2, H, W), -1.0))


def test_a_world_that_does_not_exist_is_named():
    with pytest.raises(IndexError, match=r"worlds must lie within 0 to 1, not \[0, 2\]"):
        take(Intake(2, H, W), np.array([0, 2]))


def test_settings_and_sizes_are_checked():
    with pytest.raises(ValueError, match="gap_max_s must be positive and finite, not 0"):
        IntakeSettings(gap_max_s=0.0)
    with pytest.raises(ValueError, match="height must be at least 1, not 0"):
        Intake(1, 0, 4)


def test_matrices_become_poses_on_the_floor():
    matrix = np.eye(4)
    matrix[:3, 3] = 1.0, 2.0, 0.3
    cos, sin = np.cos(2.0), np.sin(2.0)
    matrix[:2, :2] = [[cos, -sin], [sin, cos]]
    np.testing.assert_allclose(planar_pose(matrix), [1.0, 2.0, 2.0])
    np.testing.assert_allclose(planar_pose([matrix, np.eye(4)]), [[1.0, 2.0, 2.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.eye(3), r"must be \(..., 4, 4\) finite numbers, not shape \(3, 3\)"),
        (np.full((4, 4), np.nan), "finite"),
        (np.diag([2.0, 1.0, 1.0, 1.0]), "no rotation"),
        (np.diag([1.0, 1.0, 1.0, 2.0]), "last row of matrix must be 0 0 0 1"),
        (mounted(0.8), "tilts the robot by 90 degrees, at most 60 are allowed: is it the pose of the camera"),
    ],
)
def test_matrices_that_are_no_pose_of_a_robot_are_refused(matrix, message):
    with pytest.raises(ValueError, match=message):
        planar_pose(matrix)
