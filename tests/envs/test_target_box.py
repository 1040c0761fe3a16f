import numpy as np
import pytest

from envs.layouts.layout import Layout, Prisms
from envs.sensors.camera import CameraSettings, camera_rows
from envs.sensors.raycast import RaycastCamera
from envs.sensors.scene import Scene
from envs.sensors.target_box import target_boxes

HEIGHT, WIDTH = 120, 160


def box_of(target, *, pose=(0.0, 0.0, 0.0), **settings):
    cameras = camera_rows(CameraSettings(width=WIDTH, height=HEIGHT, **settings), 1)
    poses = np.array([[pose, (*target, 0.0)]])
    return target_boxes(poses, cameras, HEIGHT, WIDTH)[0], poses, cameras


def rendered(poses, cameras):
    scene = Scene(1)
    scene.set_world(0, Layout("empty", (-50.0, -50.0, 50.0, 50.0), Prisms.empty()))
    eye = RaycastCamera(1, 2, scene, cameras, HEIGHT, WIDTH)
    depth, mask = np.zeros((1, HEIGHT, WIDTH), np.float32), np.zeros((1, HEIGHT, WIDTH), np.uint8)
    eye.render(np.array([0]), poses, depth, mask)
    rows, columns = np.nonzero(mask[0])
    if not len(rows):
        return np.full(4, np.nan)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def test_a_body_straight_ahead():
    # tangents at asin(0.25 / 4); the rims' front at 3.75 m lies 0.9 m over and 0.8 m under the camera
    box, _, _ = box_of((4.0, 0.0))
    tangent = np.tan(np.arcsin(0.25 / 4.0))
    np.testing.assert_allclose(box, [80 - 80 * tangent, 60 - 80 * 0.9 / 3.75, 80 + 80 * tangent, 60 + 80 * 0.8 / 3.75])


@pytest.mark.parametrize("height_m", [0.4, 0.8, 2.6])
@pytest.mark.parametrize("target", [(4.0, 0.0), (2.0, 1.2), (1.5, -1.1), (6.0, 5.8), (0.6, 0.1), (0.4, -0.6)])
def test_it_is_the_box_around_what_the_camera_shows(target, height_m):
    box, poses, cameras = box_of((3.0 + target[0], -2.0 + target[1]), pose=(3.0, -2.0, 0.0), height_m=height_m)
    shown = rendered(poses, cameras)
    np.testing.assert_allclose(box, shown, atol=1.0)  # NaN equals NaN


@pytest.mark.parametrize("target", [(-3.0, 0.0), (9.0, 0.0), (3.0, 4.0), (0.0, 2.0), (-0.2, 0.6)])
def test_out_of_view_or_range_is_nan(target):
    assert np.isnan(box_of(target)[0]).all()


def test_left_is_left_in_the_image_and_worlds_have_their_own_cameras():
    cameras = np.concatenate(
        [camera_rows(CameraSettings(width=WIDTH, height=HEIGHT, hfov_deg=hfov), 1) for hfov in (90.0, 60.0)]
    )
    poses = np.tile(np.array([[1.0, 1.0, 0.5 * np.pi], [0.5, 4.0, 0.0]]), (2, 1, 1))
    boxes = target_boxes(poses, cameras, HEIGHT, WIDTH)
    middles = 0.5 * (boxes[:, 0] + boxes[:, 2])
    assert (middles < 80).all()
    np.testing.assert_allclose((80 - middles[1]) / (80 - middles[0]), np.sqrt(3.0), rtol=0.02)
