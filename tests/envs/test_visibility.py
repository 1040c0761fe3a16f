import numpy as np
import pytest

from envs.layouts.layout import Layout, Prisms
from envs.sensors.camera import CameraSettings, camera_rows
from envs.sensors.images import Movers
from envs.sensors.scene import Scene
from envs.sensors.visibility import HEIGHT_POINTS, LATERAL_POINTS, Visibility, line_of_sight

HEIGHT, WIDTH = 48, 64


def scene_of(prisms):
    scene = Scene(1)
    scene.set_world(0, Layout("hand", (-20.0, -20.0, 20.0, 20.0), prisms))
    return scene


def share(prisms, *movers, pose=(0.0, 0.0, 0.0), height=HEIGHT, width=WIDTH, **settings):
    cameras = camera_rows(CameraSettings(height=height, width=width, **settings), 1)
    poses = np.array([[pose, *movers]], dtype=np.float64)
    visibility = Visibility(scene_of(prisms), cameras, Movers(1, poses.shape[1]), height, width)
    return float(visibility.shares(np.array([0]), poses)[0])


def box(center, half, z=(0.0, 2.5), yaw=0.0):
    return Prisms.boxes([center], half, z=z, yaw=yaw)


TARGET = (4.0, 0.0, 0.0)


def test_target_in_the_open_is_seen_whole():
    assert share(Prisms.empty(), TARGET) == 1.0


def test_wall_hides_the_target():
    assert share(box((2.0, 0.0), (0.1, 1.0)), TARGET) == 0.0


def test_prism_behind_the_target_or_around_it_hides_nothing():
    assert share(box((5.0, 0.0), (0.1, 1.0)), TARGET) == 1.0


def test_overhang_and_low_obstacle_hide_what_lies_behind_their_heights():
    # half way: a plate whose lower edge, seen from 0.8 m, points at 0.85 m on the target
    assert share(box((2.0, 0.0), (0.01, 2.0), z=(0.825, 2.5)), TARGET) == 0.5
    # the same from below: an obstacle of 0.8 m hides what is lower than the camera, three of six points
    assert share(box((2.0, 0.0), (0.01, 2.0), z=(0.0, 0.8)), TARGET) == 0.5


def test_low_obstacle_hides_the_feet_alone():
    # 0.4 m high up to 1 m before the target: the sight line over its far edge meets the target at 0.8 - 0.4 * 4 / 3
    value = share(box((2.5, 0.0), (0.5, 1.0), z=(0.0, 0.4)), TARGET)
    hidden = ((np.arange(HEIGHT_POINTS) + 0.5) / HEIGHT_POINTS * 1.7 < 0.8 - 0.4 * 4 / 2).sum()
    hidden = max(hidden, ((np.arange(HEIGHT_POINTS) + 0.5) / HEIGHT_POINTS * 1.7 <= 0.8 - 0.4 * 4 / 3).sum())
    assert value == pytest.approx(1 - hidden / HEIGHT_POINTS)
    assert 0.5 < value < 1.0


def test_wall_that_ends_in_the_middle_hides_two_of_five_lateral_points():
    # its edge stands just beside the line to the target's centre
    value = share(box((2.0, 1.0), (0.01, 0.99)), TARGET)
    assert value == pytest.approx(3 / LATERAL_POINTS)


def test_outside_the_field_of_view():
    assert share(Prisms.empty(), (-4.0, 0.0, 0.0)) == 0.0
    assert share(Prisms.empty(), (2.0, 3.0, 0.0)) == 0.0
    assert share(Prisms.empty(), (0.0, 4.0, 0.0), pose=(0.0, 0.0, np.pi / 2)) == 1.0
    # at 45 degrees the border of the image passes by the middle point: three of five at most
    assert share(Prisms.empty(), (3.001, 3.0, 0.0)) == pytest.approx(3 / 5)


def test_field_of_view_cuts_head_and_feet_of_a_near_target():
    # at 1 m the camera sees from 0.05 m to 1.55 m: the highest of six points, 1.56 m, is cut off
    assert share(Prisms.empty(), (1.0, 0.0, 0.0)) == pytest.approx(5 / 6)


def test_range_is_measured_along_the_optical_axis():
    assert share(Prisms.empty(), (7.99, 0.0, 0.0)) == 1.0
    assert share(Prisms.empty(), (8.01, 0.0, 0.0)) == 0.0
    assert share(Prisms.empty(), (7.5, 4.0, 0.0)) == 1.0  # 8.5 m away, 7.5 m deep
    assert share(Prisms.empty(), (1.0, 0.0, 0.0), range_min_m=1.5) == 0.0


def test_distractor_hides_the_target():
    assert share(Prisms.empty(), TARGET, (2.0, 0.0, 0.0)) == 0.0
    assert share(Prisms.empty(), TARGET, (6.0, 0.0, 0.0)) == 1.0
    assert 0.0 < share(Prisms.empty(), TARGET, (2.0, 0.3, 0.0)) < 1.0


def test_every_resolution_gives_the_same():
    rng = np.random.default_rng(0)
    prisms = Prisms.boxes(rng.uniform(-5, 5, (30, 2)), rng.uniform(0.05, 0.3, (30, 2)), z=(0.0, 1.2))
    for angle in np.linspace(-np.pi, np.pi, 50):
        target = (4 * np.cos(angle), 4 * np.sin(angle), 0.0)
        pose = (0.0, 0.0, angle)
        shares = {share(prisms, target, pose=pose, height=h, width=w) for h, w in ((48, 64), (120, 160), (24, 32))}
        assert len(shares) == 1


def test_agrees_with_segments_to_every_point():
    rng = np.random.default_rng(3)
    for _ in range(60):
        count = 25
        z_low = np.where(rng.random(count) < 0.3, 0.7, 0.0)
        prisms = Prisms.concatenate(
            [
                Prisms.boxes(
                    rng.uniform(-5, 5, (count, 2)),
                    rng.uniform(0.05, 0.6, (count, 2)),
                    yaw=rng.uniform(-3, 3, count),
                    z=np.stack([z_low, z_low + rng.uniform(0.1, 1.5, count)], axis=1),
                ),
                Prisms.cylinders(rng.uniform(-5, 5, (10, 2)), 0.2, z=(0.0, 2.0)),
            ]
        )
        scene = scene_of(prisms)
        target = rng.uniform(-5, 5, 2)
        distance, bearing = np.hypot(*target), np.arctan2(target[1], target[0])
        if not 1.6 < distance < 7:
            continue
        aside = np.array([-target[1], target[0]]) / distance * 0.25
        seen = [
            line_of_sight(scene, 0, (0.0, 0.0, 0.8), (*(target + aside * lateral), (i + 0.5) / 6 * 1.7))
            for lateral in (-0.8, -0.4, 0.0, 0.4, 0.8)
            for i in range(6)
        ]
        assert share(prisms, (*target, 0.0), pose=(0.0, 0.0, bearing)) == pytest.approx(np.mean(seen))


def test_poses_that_are_not_finite_or_on_top_of_each_other_see_nothing():
    assert share(Prisms.empty(), (np.nan, 0.0, 0.0)) == 0.0
    assert share(Prisms.empty(), (0.0, 0.0, 0.0)) == 0.0
    assert share(Prisms.empty(), TARGET, pose=(0.0, np.inf, 0.0)) == 0.0


def test_line_of_sight():
    scene = scene_of(box((2.0, 0.0), (0.1, 1.0), z=(0.0, 1.0)))
    assert not line_of_sight(scene, 0, (0.0, 0.0, 0.8), (4.0, 0.0, 0.8))
    assert not line_of_sight(scene, 0, (4.0, 0.0, 0.8), (0.0, 0.0, 0.8))
    assert line_of_sight(scene, 0, (0.0, 0.0, 1.1), (4.0, 0.0, 1.1))
    assert line_of_sight(scene, 0, (0.0, 0.0, 0.8), (1.8, 0.0, 0.8))
    assert line_of_sight(scene, 0, (0.0, 1.5, 0.8), (4.0, 1.5, 0.8))
    assert not line_of_sight(scene, 0, (0.0, 0.0, 2.0), (4.0, 0.0, 0.0))  # meets the top half way
    assert line_of_sight(scene, 0, (0.0, 0.0, 3.0), (4.0, 0.0, 0.0))
    with pytest.raises(IndexError, match="world 1"):
        line_of_sight(scene, 1, (0.0, 0.0, 0.8), (4.0, 0.0, 0.8))


def test_wrong_calls():
    scene, cameras = Scene(2), camera_rows(CameraSettings(), 2)
    visibility = Visibility(scene, cameras, Movers(2, 2), HEIGHT, WIDTH)
    with pytest.raises(IndexError, match="there are 2"):
        visibility.shares(np.array([2]), np.zeros((2, 2, 3)))
    with pytest.raises(ValueError, match="poses has shape"):
        visibility.shares(np.array([0]), np.zeros((2, 3, 3)))
    with pytest.raises(ValueError, match="cameras has shape"):
        Visibility(scene, cameras[:1], Movers(2, 2), HEIGHT, WIDTH)
