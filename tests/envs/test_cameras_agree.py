"""The ray caster and PyBullet's renderer look at the same worlds."""

import numpy as np
import pytest

from envs.layouts import FAMILIES, make_layout
from envs.layouts.free_space import free_space
from envs.layouts.layout import Layout, Prisms
from envs.physics import MoverShape, Physics
from envs.sensors.bullet import BulletCamera
from envs.sensors.camera import CameraSettings, camera_rows
from envs.sensors.raycast import RaycastCamera
from envs.sensors.scene import Scene

SCENES = 6


class Pair:
    """Both cameras at one world."""

    def __init__(self, layout, num_movers, *, mask="identity", looks=None, **settings):
        self.camera = CameraSettings(**settings)
        self.num_movers = num_movers
        looks = looks or [1] * num_movers
        scene, rows = Scene(1), camera_rows(self.camera, 1)
        scene.set_world(0, layout)
        self.physics = Physics(visuals=True)
        self.physics.build(layout, [MoverShape(0.25, 1.7, 10.0, color) for color in looks])
        size = (self.camera.height, self.camera.width)
        self.raycast = RaycastCamera(1, num_movers, scene, rows, *size, mask=mask)
        self.raycast.movers.looks[0] = looks
        self.bullet = BulletCamera([self.physics], self.raycast.movers, rows, *size, mask=mask)
        self.colors = layout.prisms.color

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.physics.close()

    def look(self, poses):
        """Depth, mask, rgb and ids of the ray caster and of Bullet; clutter by its colour in both."""
        self.physics.place(poses)
        shape = (1, self.camera.height, self.camera.width)
        pictures = []
        for camera in (self.raycast, self.bullet):
            depth, mask = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
            rgb, ids = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.int32)
            camera.render(np.array([0]), poses[None], depth, mask, rgb, ids)
            pictures.append([depth[0], mask[0], rgb[0], ids[0]])
        ids = pictures[0][3]
        pictures[0].append(ids.copy())  # tells prisms of one colour apart, for the edges
        ids[ids >= 16] = 16 + self.colors[ids[ids >= 16] - 16]
        return pictures


def edges(ids):
    padded = np.pad(ids, 1, mode="edge")
    height, width = ids.shape
    around = [padded[i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return np.any([part != ids for part in around], axis=0)


def random_poses(rng, layout, num_movers):
    space = free_space(layout)
    eye = space.position_of(space.cells[rng.integers(len(space.cells))])
    yaw = rng.uniform(-np.pi, np.pi)
    poses = [[*eye, yaw]]
    while len(poses) < num_movers:
        distance, bearing = rng.uniform(1.0, 6.0), yaw + rng.uniform(-0.7, 0.7)
        poses.append([eye[0] + distance * np.cos(bearing), eye[1] + distance * np.sin(bearing), 0.0])
    return np.array(poses)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_depth_and_mask_agree_on_every_family(family):
    rng = np.random.default_rng(sum(map(ord, family)))
    agreeing = compared = common = either = 0
    for _ in range(SCENES):
        layout = make_layout(family, rng)
        settings = {"hfov_deg": rng.uniform(60, 90), "height_m": rng.uniform(0.4, 1.2)}
        with Pair(layout, 3, **settings) as pair:
            for _ in range(4):
                ours, theirs = pair.look(random_poses(rng, layout, 3))
                inside = ~(edges(ours[4]) | edges(ours[3]) | edges(theirs[3]))
                error = np.abs(ours[0] - theirs[0])
                agreeing += (error <= np.maximum(0.02, 0.01 * ours[0]))[inside].sum()
                compared += inside.sum()
                common += (ours[1] & theirs[1]).sum()
                either += (ours[1] | theirs[1]).sum()
    assert compared > 1000 * SCENES
    assert agreeing / compared >= 0.99
    assert either > 100
    assert common / either >= 0.95


def test_ids_and_colours_agree():
    prisms = Prisms.boxes([[3.0, 1.0], [3.0, -1.0]], (0.5, 0.4), z=[(0.0, 2.0), (0.0, 0.5)], color=[3, 4], yaw=0.3)
    layout = Layout("hand", (-9.0, -9.0, 9.0, 9.0), prisms)
    with Pair(layout, 2) as pair:
        ours, theirs = pair.look(np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0]]))
    inside = ~(edges(ours[3]) | edges(theirs[3]))
    np.testing.assert_array_equal(ours[3][inside], theirs[3][inside])
    for code in (1, 19, 20):
        hue_ours, hue_theirs = (part[2][(part[3] == code) & inside].mean(axis=0) for part in (ours, theirs))
        cosine = hue_ours @ hue_theirs / np.linalg.norm(hue_ours) / np.linalg.norm(hue_theirs)
        assert cosine > 0.9


def test_range_rules_and_class_mask_of_bullet():
    prisms = Prisms.boxes([[0.9, 0.0]], (0.1, 0.3), z=(0.0, 0.75))
    layout = Layout("hand", (-9.0, -9.0, 9.0, 9.0), prisms)
    with Pair(layout, 4, mask="class", looks=[1, 4, 4, 5], range_min_m=1.0, range_max_m=5.0) as pair:
        poses = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [3.0, 1.0, 0.0], [3.0, -1.0, 0.0]])
        ours, theirs = pair.look(poses)
    for depth, mask, _, ids, *_ in (ours, theirs):
        assert ((depth == 0) | ((depth >= 1) & (depth <= 5))).all()
        assert (depth == 0).any()
        assert (depth[ids == -1] == 5).all()
        np.testing.assert_array_equal(mask == 1, (ids == 1) | (ids == 2))
    assert (ours[1] & theirs[1]).sum() / (ours[1] | theirs[1]).sum() > 0.9


def test_wrong_calls():
    layout = Layout("hand", (-9.0, -9.0, 9.0, 9.0), Prisms.empty())
    with Pair(layout, 2) as pair:
        rows = camera_rows(CameraSettings(), 1)
        with pytest.raises(ValueError, match="2 physics clients for 1 worlds"):
            BulletCamera([pair.physics] * 2, pair.raycast.movers, rows, 48, 64)
        depth, mask = np.zeros((1, 48, 64), np.float32), np.zeros((1, 48, 64), np.uint8)
        with pytest.raises(ValueError, match="depth_out has shape"):
            pair.bullet.render(np.array([0]), np.zeros((1, 2, 3)), depth[:, :-1], mask)
        with pytest.raises(IndexError, match="there are 1"):
            pair.bullet.render(np.array([1]), np.zeros((1, 2, 3)), depth, mask)
