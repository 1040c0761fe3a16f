"""Known answers for the video localizer: coloured bodies before a wall, drawn on paper."""

import numpy as np
import pytest

from rspt.perception.camera import CameraModel, camera_rows, mounted
from rspt.perception.frame import DEPTH_INVALID, Expectation, Frame
from rspt.perception.localization import Localization
from rspt.perception.track import LOST, SEARCHING, TRACKING, Track
from rspt.perception.video import MilLocalizer, VideoLocalizer

H, W, RADIUS_M, HEIGHT_M = 120, 160, 0.25, 1.7
RED, GREEN, BLUE = (200, 80, 60), (90, 180, 80), (80, 130, 210)
ONE = np.array([0])


def picture(camera, bodies=(), slabs=()):
    """Depth, rgb and the boxes of the visible bodies.

    Args:
        camera: of the robot.
        bodies: x, y and colour of each.
        slabs: x of an upright plane, y from, y to, height and colour of each.
    """
    cos, sin = camera.base_from_camera[:3, :3], camera.base_from_camera[:3, 3]
    columns, rows = np.meshgrid(np.arange(W) + 0.5, np.arange(H) + 0.5)
    rays = np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones((H, W))], axis=-1)
    rays = rays @ cos.T  # (H, W, 3) in the base frame, metres per metre of depth
    depth, rgb, owner = np.full((H, W), 8.0), np.full((H, W, 3), (206, 220, 232)), np.full((H, W), -1)

    def paint(at, low, high, color, number):
        z = sin[2] + at * rays[..., 2]
        shown = np.isfinite(at) & (at > 0.1) & (at < depth) & (z > low) & (z < high)
        depth[shown], owner[shown] = at[shown], number
        rgb[shown] = color[shown] if np.ndim(color) == 3 else color

    with np.errstate(divide="ignore", invalid="ignore"):
        floor = -sin[2] / rays[..., 2]
        paint(np.where(floor > 0, floor, np.inf), -1.0, 1.0, (150, 146, 140), -1)
        for x, low, high, tall, color in [(7.0, -9.0, 9.0, 2.5, (120, 118, 115)), *slabs]:
            at = (x - sin[0]) / rays[..., 0]
            y = sin[1] + at * rays[..., 1]
            paint(np.where((y > low) & (y < high), at, np.inf), 0.0, tall, color, -1)
        for number, (x, y, color) in enumerate(bodies):
            off_x, off_y = sin[0] - x, sin[1] - y
            a = rays[..., 0] ** 2 + rays[..., 1] ** 2
            b, c = off_x * rays[..., 0] + off_y * rays[..., 1], off_x**2 + off_y**2 - RADIUS_M**2
            at = (-b - np.sqrt(b * b - a * c)) / a
            light = 0.75 + 0.25 * (off_y + at * rays[..., 1]) / RADIUS_M
            paint(at, 0.0, HEIGHT_M, np.array(color) * light[..., None], number)
    boxes = []
    for number in range(len(bodies)):
        shown_rows, shown_columns = (np.flatnonzero((owner == number).any(axis=axis)) for axis in (1, 0))
        empty = not len(shown_rows)
        box = [np.nan] * 4 if empty else [shown_columns[0], shown_rows[0], shown_columns[-1] + 1, shown_rows[-1] + 1]
        boxes.append(np.array(box, dtype=float))
    return depth.astype(np.float32), np.clip(rgb, 0, 255).astype(np.uint8), boxes


class Robot:
    """A standing robot that shows pictures to a localizer at 10 Hz and tracks what it finds."""

    def __init__(self, localizer=None, camera=None):
        self.camera = camera or CameraModel.level(width=W, height=H)
        self.localizer = localizer or VideoLocalizer(1)
        self.track, self.found, self.seconds = Track(1), Localization.empty(1), 0.0

    def see(self, *bodies, slabs=(), box=None, trouble=None):
        """One frame; box is the number of the body whose box is given, or a box. Returns the position, or None."""
        depth, rgb, boxes = picture(self.camera, bodies, slabs)
        given = np.full(4, np.nan) if box is None else boxes[box] if isinstance(box, int) else np.array(box, float)
        self.seconds += 0.1
        frame = Frame(
            stamp_s=np.array([self.seconds]),
            depth=depth[None],
            pose=np.zeros((1, 3)),
            velocity=np.zeros((1, 2)),
            target_box_xyxy=given[None],
            rgb=rgb[None],
            trouble=trouble,
        )
        self.track.advance(ONE, frame.stamp_s)
        expected = self.track.expectation(frame.pose)
        self.localizer.localize(ONE, frame, camera_rows(self.camera, 1), expected, self.found)
        self.track.observe(ONE, frame.stamp_s, frame.pose, self.found)
        self.boxes = boxes
        return self.found.position_ego[0].copy() if self.found.found[0] else None


def walk(start, end, frames):
    """Places (x, y) from start to end."""
    return [tuple(place) for place in np.linspace(start, end, frames)]


def test_it_waits_for_a_box_then_follows_the_body_and_its_box():
    robot = Robot()
    assert robot.see((3.0, 0.5, RED)) is None
    assert robot.localizer.status[0] == SEARCHING
    np.testing.assert_allclose(robot.see((3.0, 0.5, RED), box=0), (3.0, 0.5), atol=0.05)
    for x, y in walk((3.0, 0.5), (5.0, -1.5), 30):
        np.testing.assert_allclose(robot.see((x, y, RED)), (x, y), atol=0.06)
        np.testing.assert_allclose(robot.found.box_xyxy[0], robot.boxes[0], atol=2.0)
        assert robot.found.confidence[0] > 0.5
    assert robot.localizer.status[0] == TRACKING


def test_worlds_that_are_not_asked_for_stay_as_they_are():
    localizer = VideoLocalizer(2)
    camera = CameraModel.level(width=W, height=H)
    depth, rgb, boxes = picture(camera, [(3.0, 0.0, RED)])
    frame = Frame(
        np.zeros(2),
        np.stack([depth] * 2),
        np.zeros((2, 3)),
        np.zeros((2, 2)),
        target_box_xyxy=np.stack([boxes[0]] * 2),
        rgb=np.stack([rgb] * 2),
    )
    out = Localization.empty(2)
    nowhere = Expectation(np.full((2, 2), np.nan), np.zeros(2))
    localizer.localize(np.array([1]), frame, camera_rows(camera, 2), nowhere, out)
    assert out.found.tolist() == [False, True]
    assert localizer.status.tolist() == [SEARCHING, TRACKING]
    localizer.reset(np.array([1]))
    assert localizer.status.tolist() == [SEARCHING, SEARCHING]
    localizer.localize(np.array([1]), frame._replace(target_box_xyxy=None), camera_rows(camera, 2), nowhere, out)
    assert not out.found.any()


def test_a_body_of_another_colour_is_not_the_target():
    robot = Robot()
    robot.see((3.0, 0.0, RED), (3.0, 1.2, GREEN), box=0)
    for _ in range(5):
        robot.see((3.0, 0.0, RED), (3.0, 1.2, GREEN))
    assert robot.see((3.0, 0.0, GREEN)) is None
    assert robot.localizer.status[0] == LOST


def test_hidden_it_is_lost_and_found_again():
    robot, wall = Robot(), (2.0, -0.5, 0.5, 2.5, (120, 118, 115))
    robot.see((4.0, -2.0, RED), slabs=[wall], box=0)
    seen = []
    for x, y in walk((4.0, -2.0), (4.0, 2.0), 45):
        place = robot.see((x, y, RED), slabs=[wall])
        seen.append(place is not None)
        assert (robot.localizer.status[0] == TRACKING) == seen[-1]
        if place is not None and min(abs(y - 1.0), abs(y + 1.0)) > 0.3:  # not half behind an edge
            np.testing.assert_allclose(place, (x, y), atol=0.06)
    middle = len(seen) // 2
    assert all(seen[:8])
    assert not any(seen[middle - 4 : middle + 5])
    assert all(seen[-8:])


@pytest.mark.parametrize("lane_x", [2.5, 5.0])
def test_a_distractor_of_the_same_look_that_crosses_does_not_become_the_target(lane_x):
    robot = Robot()
    robot.see((3.7, 0.0, RED), (lane_x, 2.0, RED), box=0)
    hidden = 0
    for _, y in walk((lane_x, 2.0), (lane_x, -2.0), 40):
        place = robot.see((3.7, 0.0, RED), (lane_x, y, RED))
        hidden += place is None
        if place is not None:
            np.testing.assert_allclose(place, (3.7, 0.0), atol=0.25)
    assert hidden == 0 if lane_x > 3.7 else 1 <= hidden <= 12
    np.testing.assert_allclose(robot.see((3.7, 0.0, RED), (lane_x, -2.0, RED)), (3.7, 0.0), atol=0.05)


def test_the_distractor_that_hid_the_target_and_stays_alone_is_not_the_target():
    robot = Robot()
    robot.see((4.0, 0.0, RED), (2.5, 1.5, RED), box=0)
    for _, y in walk((2.5, 1.5), (2.5, 0.0), 20):
        robot.see((4.0, 0.0, RED), (2.5, y, RED))
    assert all(robot.see((2.5, 0.0, RED)) is None for _ in range(10))


def test_a_wall_of_the_same_colour_is_not_the_target():
    robot, wall = Robot(), (3.4, -3.0, -0.4, 2.5, RED)
    robot.see((3.0, 1.0, RED), slabs=[wall], box=0)
    for x, y in walk((3.0, 1.0), (3.0, 0.3), 10):
        np.testing.assert_allclose(robot.see((x, y, RED), slabs=[wall]), (x, y), atol=0.08)
    assert robot.see(slabs=[wall]) is None  # gone, and the wall is within the gate


@pytest.mark.parametrize(
    "slab", [(3.0, -0.25, 0.25, 0.6, RED), (3.0, -0.25, 0.25, 2.5, RED), (3.0, -1.5, 1.5, 1.7, RED)]
)
def test_what_is_too_low_too_high_or_too_wide_is_not_taken_up_again(slab):
    robot = Robot()
    robot.see((3.0, 0.0, RED), box=0)
    robot.see((3.0, 0.0, RED))
    robot.see()
    assert robot.see(slabs=[slab]) is None
    np.testing.assert_allclose(robot.see((3.0, 0.0, RED)), (3.0, 0.0), atol=0.05)


def test_a_later_box_begins_anew():
    robot = Robot()
    robot.see((3.0, 0.8, RED), (3.0, -0.8, BLUE), box=0)
    robot.see((3.0, 0.8, RED), (3.0, -0.8, BLUE))
    np.testing.assert_allclose(robot.see((3.0, 0.8, RED), (3.0, -0.8, BLUE), box=1), (3.0, -0.8), atol=0.05)
    robot.track.reset(ONE)
    np.testing.assert_allclose(robot.see((3.0, 0.8, RED), (3.0, -0.8, BLUE)), (3.0, -0.8), atol=0.05)


def test_a_box_beside_the_image_changes_nothing():
    robot = Robot()
    robot.see((3.0, 0.0, RED), box=0)
    assert robot.see((3.0, 0.0, RED), box=(W + 5, 10, W + 30, 60)) is None
    np.testing.assert_allclose(robot.see((3.0, 0.0, RED)), (3.0, 0.0), atol=0.05)


def test_the_box_tells_the_target_from_one_that_stands_before_it():
    robot = Robot()
    box = picture(robot.camera, [(4.0, 0.0, BLUE)])[2][0]
    np.testing.assert_allclose(robot.see((4.0, 0.0, BLUE), (2.0, 0.3, RED), box=box), (4.0, 0.0), atol=0.1)


def test_the_camera_may_be_high_and_look_down():
    camera = CameraModel(90.0, 90.0, 80.0, 60.0, W, H, mounted(1.3, pitch_rad=0.4, forward_m=0.3, left_m=-0.1))
    robot = Robot(camera=camera)
    np.testing.assert_allclose(robot.see((2.5, 0.3, RED), box=0), (2.5, 0.3), atol=0.06)
    for x, y in walk((2.5, 0.3), (3.5, -0.7), 15):
        np.testing.assert_allclose(robot.see((x, y, RED)), (x, y), atol=0.08)


def test_a_frame_without_depth_is_missing():
    robot = Robot()
    robot.see((3.0, 0.0, RED), box=0)
    assert robot.see((3.0, 0.0, RED), trouble=np.array([DEPTH_INVALID], np.uint8)) is None
    np.testing.assert_allclose(robot.see((3.0, 0.0, RED)), (3.0, 0.0), atol=0.05)


def test_wrong_input_is_refused():
    camera = CameraModel.level(width=W, height=H)
    frame = Frame(np.zeros(1), np.ones((1, H, W), np.float32), np.zeros((1, 3)), np.zeros((1, 2)))
    nowhere = Expectation(np.full((1, 2), np.nan), np.zeros(1))
    for localizer in (VideoLocalizer(1), MilLocalizer(1)):
        with pytest.raises(ValueError, match="needs rgb"):
            localizer.localize(ONE, frame, camera_rows(camera, 1), nowhere, Localization.empty(1))
    with pytest.raises(ValueError, match="body_height_m must lie within"):
        VideoLocalizer(1, body_height_m=5.0)
    with pytest.raises(ValueError, match="body_radius_m"):
        VideoLocalizer(1, body_radius_m=np.nan)


def test_mil_follows_a_body_and_never_says_that_it_is_gone():
    robot = Robot(MilLocalizer(1))
    assert robot.see((3.0, 0.5, RED)) is None
    robot.see((3.0, 0.5, RED), box=0)
    for x, y in walk((3.0, 0.5), (3.0, 0.2), 4):
        np.testing.assert_allclose(robot.see((x, y, RED)), (x, y), atol=0.3)
    assert robot.see() is not None
    robot.localizer.reset(ONE)
    assert robot.see((3.0, 0.2, RED)) is None
