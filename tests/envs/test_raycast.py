from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pydantic import ValidationError

from envs.layouts.layout import BOX, Layout, Prisms
from envs.sensors.camera import CameraSettings, camera_row, camera_rows
from envs.sensors.raycast import RaycastCamera
from envs.sensors.scene import Scene

HEIGHT, WIDTH = 48, 64
FLOOR_ROWS = 0.8 * 32 / (np.arange(HEIGHT) + 0.5 - 24)  # floor depth per row, negative above the horizon
AWAY = (-50.0, -50.0, 0.0)


class Picture:
    """One world seen by one camera at the origin that looks along x, unless told otherwise."""

    def __init__(self, prisms, *movers, pose=(0.0, 0.0, 0.0), mask="identity", looks=None, **settings):
        camera = CameraSettings(**settings)
        shape = (1, camera.height, camera.width)
        poses = np.array([[pose, *(movers or (AWAY,))]])
        scene = Scene(1)
        scene.set_world(0, Layout("hand", (-20.0, -20.0, 20.0, 20.0), prisms))
        eye = RaycastCamera(1, poses.shape[1], scene, camera_rows(camera, 1), *shape[1:], mask=mask)
        if looks is not None:
            eye.movers.looks[0] = looks
        depth, marked = np.full(shape, np.nan, np.float32), np.full(shape, 7, np.uint8)
        rgb, ids = np.zeros((*shape, 3), np.uint8), np.full(shape, -9, np.int32)
        eye.render(np.array([0]), poses, depth, marked, rgb, ids)
        plain, plain_mask = np.full(shape, np.nan, np.float32), np.full(shape, 7, np.uint8)
        eye.render(np.array([0]), poses, plain, plain_mask)
        np.testing.assert_array_equal(plain, depth)
        np.testing.assert_array_equal(plain_mask, marked)
        self.depth, self.mask, self.rgb, self.ids = depth[0], marked[0], rgb[0], ids[0]


def box(center, half, *, z=(0.0, 2.5), yaw=0.0):
    return Prisms.boxes([center], half, z=z, yaw=yaw, color=3)


def test_empty_world_shows_the_floor_row_by_row_and_nothing_above():
    picture = Picture(Prisms.empty())
    floor = (FLOOR_ROWS > 0) & (FLOOR_ROWS < 8)
    np.testing.assert_allclose(picture.depth[floor], np.repeat(FLOOR_ROWS[floor][:, None], WIDTH, 1), rtol=1e-6)
    assert (picture.depth[~floor] == 8).all()
    assert (picture.ids[floor] == 0).all()
    assert (picture.ids[~floor] == -1).all()
    assert not picture.mask.any()


def test_box_three_metres_ahead():
    # front face at 3 m, 1 m to each side: columns 32 +- 32/3, from the floor to 1.7 m over the camera
    picture = Picture(box((4.0, 0.0), (1.0, 1.0)))
    covered = np.abs(np.arange(WIDTH) + 0.5 - 32) < 32 / 3
    slope = (np.arange(HEIGHT) + 0.5 - 24) / 32
    expected = covered[None] & ((slope > -1.7 / 3) & (slope < 0.8 / 3))[:, None]
    np.testing.assert_array_equal(picture.ids == 16, expected)
    np.testing.assert_allclose(picture.depth[expected], 3.0, rtol=1e-6)


def test_box_turned_by_45_degrees_shows_its_edge():
    picture = Picture(box((4.0, 0.0), (1.0, 1.0), yaw=np.pi / 4))
    lateral = (np.arange(WIDTH) + 0.5 - 32) / 32
    depth = (4 - np.sqrt(2)) / (1 - np.abs(lateral))  # x + |y| = 4 - sqrt 2
    covered = np.abs(lateral) * depth < np.sqrt(2)
    np.testing.assert_allclose(picture.depth[20][covered], depth[covered], rtol=1e-6)
    assert (picture.depth[20][~covered] == 8).all()


def test_cylinder():
    picture = Picture(Prisms.cylinders([[4.0, 0.0]], 1.0, z=(0.0, 2.5)))
    lateral = (np.arange(WIDTH) + 0.5 - 32) / 32
    covered = np.abs(lateral) < 1 / np.sqrt(15)
    discriminant = np.where(covered, 16 - (1 + lateral**2) * 15, 0)
    depth = (4 - np.sqrt(discriminant)) / (1 + lateral**2)
    np.testing.assert_allclose(picture.depth[20][covered], depth[covered], rtol=1e-5)
    assert (picture.depth[20][~covered] == 8).all()


def test_low_box_shows_its_front_and_its_upper_face():
    # 0.5 m high from 2 to 4 m: 0.3 m below the camera, front down to row slope 0.8/2, top from 0.3/4 to 0.3/2
    picture = Picture(box((3.0, 0.0), (1.0, 3.0), z=(0.0, 0.5)))
    slope = (np.arange(HEIGHT) + 0.5 - 24) / 32
    column = picture.depth[:, 32]
    front, top = (slope > 0.15) & (slope < 0.4), (slope > 0.075) & (slope < 0.15)
    np.testing.assert_allclose(column[front], 2.0, rtol=1e-6)
    np.testing.assert_allclose(column[top], 0.3 / slope[top], rtol=1e-6)
    assert (picture.ids[:, 32] == 16)[front | top].all()
    assert (column[slope < 0.075] == 8).all()
    np.testing.assert_allclose(column[slope > 0.4], FLOOR_ROWS[slope > 0.4], rtol=1e-6)


def test_table_is_seen_under_and_over():
    # a plate from 0.6 to 0.7 m over the camera, from 2 to 4 m; a wall behind at 6 m
    picture = Picture(
        Prisms.concatenate(
            [box((3.0, 0.0), (1.0, 4.0), z=(1.0, 1.1)), box((6.5, 0.0), (0.5, 12.0))],
        ),
        height_m=0.4,
    )
    rise = -(np.arange(HEIGHT) + 0.5 - 24) / 32
    column = picture.depth[:, 32]
    front, under = (rise > 0.3) & (rise < 0.35), (rise > 0.15) & (rise < 0.3)
    np.testing.assert_allclose(column[front], 2.0, rtol=1e-6)
    np.testing.assert_allclose(column[under], 0.6 / rise[under], rtol=1e-6)
    over = (rise > 0.35) & (rise < 2.1 / 6)
    below = (rise < 0.15) & (rise > -0.4 / 6)
    np.testing.assert_allclose(column[over | below], 6.0, rtol=1e-6)


def test_lintel_hangs_over_a_free_passage():
    picture = Picture(box((3.0, 0.0), (0.1, 4.0), z=(2.0, 2.5)))
    rise = -(np.arange(HEIGHT) + 0.5 - 24) / 32
    lintel = (rise > 1.2 / 2.9) & (rise < 1.7 / 2.9)
    np.testing.assert_allclose(picture.depth[lintel, 32], 2.9, rtol=1e-6)
    assert (picture.depth[(rise > 0) & (rise < 1.2 / 3.1), 32] == 8).all()


def test_low_box_does_not_hide_a_high_one_behind_it():
    picture = Picture(
        Prisms.concatenate([box((2.0, 0.0), (0.5, 4.0), z=(0.0, 0.4)), box((5.0, 0.0), (0.5, 8.0), z=(0.0, 2.5))])
    )
    assert picture.ids[20, 32] == 17
    assert picture.depth[20, 32] == pytest.approx(4.5)
    assert picture.ids[40, 32] == 16


def test_nearer_than_the_range_is_invalid_and_farther_is_nothing():
    near = Picture(box((0.55, 0.0), (0.5, 1.0)))
    assert (near.depth == 0).all()
    far = Picture(box((9.0, 0.0), (0.5, 20.0)))
    np.testing.assert_array_equal(far.depth, Picture(Prisms.empty()).depth)
    assert (far.ids != 16).all()


def test_camera_inside_a_prism_sees_nothing_valid_and_over_one_its_top():
    assert (Picture(box((0.0, 0.0), (1.0, 1.0))).depth == 0).all()
    over = Picture(box((0.0, 0.0), (6.0, 6.0), z=(0.0, 0.5)))
    slope = (np.arange(HEIGHT) + 0.5 - 24) / 32
    visible = slope > 0.3 / 5.9
    np.testing.assert_allclose(over.depth[visible, 32], 0.3 / slope[visible], rtol=1e-6)


def test_target_mask_covers_exactly_its_columns_and_rows():
    picture = Picture(Prisms.empty(), (3.0, 0.0, 1.0))
    lateral, slope = (np.arange(WIDTH) + 0.5 - 32) / 32, (np.arange(HEIGHT) + 0.5 - 24) / 32
    b, c = 3.0, 9.0 - 0.0625
    discriminant = b * b - (1 + lateral**2) * c
    columns = discriminant > 0
    depth = (b - np.sqrt(np.where(columns, discriminant, 0))) / (1 + lateral**2)
    height = 0.8 - slope[:, None] * depth[None]
    expected = columns[None] & (height >= 0) & (height <= 1.7)
    np.testing.assert_array_equal(picture.mask, expected)
    np.testing.assert_array_equal(picture.ids == 1, expected)
    np.testing.assert_allclose(picture.depth[24, 32], depth[32], rtol=1e-6)


def test_masks_of_identity_and_of_class():
    movers = ((3.0, 0.0, 0.0), (3.0, 1.0, 0.0), (3.0, -1.0, 0.0))  # target, a twin to the left, a stranger to the right
    looks = [1, 4, 4, 5]
    identity = Picture(Prisms.empty(), *movers, looks=looks)
    np.testing.assert_array_equal(identity.mask == 1, identity.ids == 1)
    group = Picture(Prisms.empty(), *movers, looks=looks, mask="class")
    np.testing.assert_array_equal(group.mask == 1, (group.ids == 1) | (group.ids == 2))
    assert (group.ids == 3).any()


def test_distractor_hides_the_target_and_a_prism_hides_both():
    hidden = Picture(Prisms.empty(), (4.0, 0.0, 0.0), (2.0, 0.0, 0.0))
    assert not hidden.mask.any()
    behind = Picture(box((1.0, 0.0), (0.1, 2.0)), (4.0, 0.0, 0.0), (2.0, 0.0, 0.0))
    assert not np.isin(behind.ids, [1, 2]).any()


def test_target_looks_over_the_highest_prism():
    picture = Picture(box((2.0, 0.0), (0.1, 2.0), z=(0.0, 0.75)), (4.0, 0.0, 0.0))
    slope = (np.arange(HEIGHT) + 0.5 - 24) / 32
    np.testing.assert_array_equal(picture.mask[:, 32] == 1, (slope > -0.9 / 3.75) & (slope < 0.05 / 2.1))


def test_colours_tell_faces_apart():
    picture = Picture(box((3.0, 0.0), (0.5, 0.5), z=(0.0, 0.5), yaw=0.5))
    faces = np.unique(picture.rgb[picture.ids == 16] // 16, axis=0)
    assert len(faces) >= 3
    assert (picture.rgb[picture.ids == -1].std(axis=0) == 0).all()


def brute_force(prisms, movers, camera, pose):
    """Depth and ids by intersecting every ray with every prism in space."""
    fx, fy, cx, cy, eye, range_min, range_max = camera_row(camera)
    column, row = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    right, down = (column - cx) / fx, (row - cy) / fy
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    direction = np.stack([cos + right * sin, sin - right * cos, -down], axis=-1)
    bodies = Prisms.cylinders(movers[:, :2], 0.25, z=(0.0, 1.7))
    everything = Prisms.concatenate([prisms, bodies])
    depth, ids = np.full(right.shape, np.inf), np.full(right.shape, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        floor = np.where(down > 0, eye / down, np.inf)
    ids[floor < depth] = 0
    depth = np.minimum(depth, floor)
    for i in range(len(everything)):
        offset = np.array([*(pose[:2] - everything.center[i]), eye])
        c, s = np.cos(everything.yaw[i]), np.sin(everything.yaw[i])
        turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
        o, d = turn @ offset, direction @ turn.T
        low, high = everything.z[i]
        bounds = [(2, low, high)]
        if everything.kind[i] == BOX:
            bounds += [(axis, -everything.half[i, axis], everything.half[i, axis]) for axis in (0, 1)]
        enter, leave = np.zeros(right.shape), np.full(right.shape, np.inf)
        for axis, lower, upper in bounds:
            with np.errstate(divide="ignore"):
                first, second = (lower - o[axis]) / d[..., axis], (upper - o[axis]) / d[..., axis]
            enter, leave = np.maximum(enter, np.minimum(first, second)), np.minimum(leave, np.maximum(first, second))
        if everything.kind[i] != BOX:
            a, b = (d[..., :2] ** 2).sum(-1), -(d[..., :2] @ o[:2])
            root = b**2 - a * (o[:2] @ o[:2] - everything.half[i, 0] ** 2)
            leave = np.where(root > 0, leave, -1.0)
            root = np.sqrt(np.maximum(root, 0))
            enter, leave = np.maximum(enter, (b - root) / a), np.minimum(leave, (b + root) / a)
        hit = (leave > enter) & (enter < depth)
        depth[hit] = enter[hit]
        ids[hit] = 16 + i if i < len(prisms) else 1 + i - len(prisms)
    ids[depth >= range_max] = -1
    depth = np.minimum(depth, range_max)
    depth[depth < range_min] = 0
    return depth, ids


def random_prisms(rng, count, size):
    center = rng.uniform(-size, size, (count, 2))
    z_low = np.where(rng.random(count) < 0.3, rng.uniform(0.3, 1.5, count), 0.0)
    z = np.stack([z_low, z_low + rng.uniform(0.05, 1.5, count)], axis=1)
    half = rng.uniform(0.05, 1.2, (count, 2))
    boxes = Prisms.boxes(center, half, yaw=rng.uniform(-4, 4, count) * (rng.random(count) < 0.7), z=z)
    posts = Prisms.cylinders(
        rng.uniform(-size, size, (count // 2, 2)), rng.uniform(0.05, 0.6, count // 2), z=(0.0, 2.2)
    )
    return Prisms.concatenate([boxes, posts])


@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_brute_force_on_random_prisms(seed):
    rng = np.random.default_rng(seed)
    prisms = random_prisms(rng, int(rng.integers(1, 120)), 9.0)
    pose = np.array([*rng.uniform(-11, 11, 2), rng.uniform(-7, 7)])
    settings = {"hfov_deg": rng.uniform(40, 120), "height_m": rng.uniform(0.3, 1.5), "range_max_m": rng.uniform(4, 12)}
    movers = np.concatenate([pose[:2] + rng.uniform(-4, 4, (4, 2)), np.zeros((4, 1))], axis=1)
    picture = Picture(prisms, *movers, pose=tuple(pose), **settings)
    depth, ids = brute_force(prisms, movers, CameraSettings(**settings), pose)
    wrong = np.abs(picture.depth - depth) > 1e-4 * np.maximum(depth, 1)
    assert wrong.mean() < 0.002  # rays that graze an edge
    assert (picture.ids != ids)[~wrong].mean() < 0.002


def test_every_direction_sees_what_stands_there():
    for yaw in np.linspace(-np.pi, np.pi, 33):
        center = 5 * np.array([np.cos(yaw), np.sin(yaw)])
        picture = Picture(Prisms.cylinders([center], 0.5, z=(0.0, 2.0)), pose=(0.0, 0.0, yaw))
        assert picture.depth[20, 31:33] == pytest.approx(4.5, abs=0.01)


def test_renders_only_the_worlds_asked_for_and_in_any_order():
    rng = np.random.default_rng(5)
    scene, shape = Scene(4), (4, HEIGHT, WIDTH)
    for world in range(4):
        scene.set_world(world, Layout("r", (-10.0, -10.0, 10.0, 10.0), random_prisms(rng, 20 + world, 9.0)))
    camera = RaycastCamera(4, 2, scene, camera_rows(CameraSettings(), 4), HEIGHT, WIDTH)
    poses = rng.uniform(-5, 5, (4, 2, 3))
    depth, mask = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    camera.render(np.arange(4), poses, depth, mask)
    part, part_mask = np.full(shape, -1, np.float32), np.full(shape, 9, np.uint8)
    camera.render(np.array([3, 1, 1]), poses, part, part_mask)
    np.testing.assert_array_equal(part[[1, 3]], depth[[1, 3]])
    assert (part[[0, 2]] == -1).all()
    assert (part_mask[[0, 2]] == 9).all()


def test_threads_that_share_the_worlds_draw_the_same():
    rng, count = np.random.default_rng(6), 32
    scene, shape = Scene(count), (count, HEIGHT, WIDTH)
    for world in range(count):
        scene.set_world(world, Layout("r", (-10.0, -10.0, 10.0, 10.0), random_prisms(rng, 60, 9.0)))
    camera = RaycastCamera(count, 2, scene, camera_rows(CameraSettings(), count), HEIGHT, WIDTH)
    poses = rng.uniform(-5, 5, (count, 2, 3))
    alone, shared = ((np.zeros(shape, np.float32), np.zeros(shape, np.uint8)) for _ in range(2))
    camera.render(np.arange(count), poses, *alone)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda worlds: camera.render(worlds, poses, *shared), np.array_split(np.arange(count), 8)))
    np.testing.assert_array_equal(shared[0], alone[0])
    np.testing.assert_array_equal(shared[1], alone[1])


def test_poses_that_are_not_finite_do_no_harm():
    for bad in (np.nan, np.inf, 1e300):
        picture = Picture(random_prisms(np.random.default_rng(0), 20, 9.0), (bad, 0.0, 0.0), pose=(bad, 0.0, bad))
        assert np.isfinite(picture.depth).all()


class TestScene:
    def layouts(self, count):
        rng = np.random.default_rng(1)
        return [Layout("r", (-10.0, -10.0, 10.0, 10.0), random_prisms(rng, 60, 9.0)) for _ in range(count)]

    def picture(self, scene, world):
        shape = (scene.num_worlds, HEIGHT, WIDTH)
        camera = RaycastCamera(scene.num_worlds, 2, scene, camera_rows(CameraSettings(), shape[0]), HEIGHT, WIDTH)
        depth, mask = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
        camera.render(np.array([world]), np.zeros((shape[0], 2, 3)), depth, mask)
        return depth[world]

    def test_worlds_keep_their_layouts_while_others_change(self):
        scene, layouts = Scene(8), self.layouts(40)
        alone = []
        for layout in layouts:
            single = Scene(1)
            single.set_world(0, layout)
            alone.append(self.picture(single, 0))
        playing = {}
        for step, layout in enumerate(layouts):
            scene.set_world(step % 8, layout)
            playing[step % 8] = step
            for world, index in playing.items():
                np.testing.assert_array_equal(self.picture(scene, world), alone[index])

    def test_memory_is_bounded_and_shared(self):
        scene, layouts = Scene(64), self.layouts(120)
        for world in range(64):
            scene.set_world(world, layouts[0])
        assert scene.nbytes < 60_000
        scene = Scene(4)
        for step in range(4):
            scene.set_world(step, layouts[step])
        after_first = scene.nbytes
        for step, layout in enumerate(layouts):
            scene.set_world(step % 4, layout)
        assert scene.nbytes < 3 * after_first

    def test_colours_are_not_shared(self):
        prisms = box((3.0, 0.0), (0.5, 0.5))
        red = Prisms(prisms.kind, prisms.center, prisms.half, prisms.yaw, prisms.z, prisms.color * 0 + 1)
        scene = Scene(2)
        scene.set_world(0, Layout("a", (-9.0, -9.0, 9.0, 9.0), prisms))
        scene.set_world(1, Layout("a", (-9.0, -9.0, 9.0, 9.0), red))
        colors = scene.arrays.colors[scene.arrays.places[:, 2]]
        assert colors.tolist() == [3, 1]

    def test_unknown_world(self):
        with pytest.raises(IndexError, match="world 3 is not among the 2"):
            Scene(2).set_world(3, self.layouts(1)[0])


class TestWrongCalls:
    def setup_method(self):
        self.scene = Scene(2)
        self.cameras = camera_rows(CameraSettings(), 2)
        self.arguments = {
            "worlds": np.array([0]),
            "poses": np.zeros((2, 2, 3)),
            "depth_out": np.zeros((2, HEIGHT, WIDTH), np.float32),
            "mask_out": np.zeros((2, HEIGHT, WIDTH), np.uint8),
            "rgb_out": np.zeros((2, HEIGHT, WIDTH, 3), np.uint8),
            "ids_out": np.zeros((2, HEIGHT, WIDTH), np.int32),
        }

    @pytest.mark.parametrize("name", ["poses", "depth_out", "mask_out", "rgb_out", "ids_out"])
    def test_arrays_that_do_not_fit(self, name):
        camera = RaycastCamera(2, 2, self.scene, self.cameras, HEIGHT, WIDTH)
        camera.render(**self.arguments)
        for bad in (self.arguments[name][:1], self.arguments[name].astype(np.int16), self.arguments[name].T.copy().T):
            with pytest.raises(ValueError, match=f"{name} has shape"):
                camera.render(**{**self.arguments, name: bad})

    @pytest.mark.parametrize("worlds", [[2], [-1], [0, 5]])
    def test_worlds_that_do_not_exist(self, worlds):
        camera = RaycastCamera(2, 2, self.scene, self.cameras, HEIGHT, WIDTH)
        with pytest.raises(IndexError, match="there are 2"):
            camera.render(**{**self.arguments, "worlds": np.array(worlds)})

    def test_worlds_of_another_type(self):
        camera = RaycastCamera(2, 2, self.scene, self.cameras, HEIGHT, WIDTH)
        with pytest.raises(ValueError, match="worlds has shape"):
            camera.render(**{**self.arguments, "worlds": np.array([0.0])})

    def test_sizes_that_disagree(self):
        with pytest.raises(ValueError, match="the scene holds 2 worlds, the camera 3"):
            RaycastCamera(3, 2, self.scene, self.cameras, HEIGHT, WIDTH)
        with pytest.raises(ValueError, match="cameras has shape"):
            RaycastCamera(2, 2, self.scene, self.cameras[:, :5], HEIGHT, WIDTH)
        with pytest.raises(ValueError, match="at least 1 world with tracker and target"):
            RaycastCamera(2, 1, self.scene, self.cameras, HEIGHT, WIDTH)
        with pytest.raises(ValueError, match="'klass' is unknown; allowed: identity, class"):
            RaycastCamera(2, 2, self.scene, self.cameras, HEIGHT, WIDTH, mask="klass")


@pytest.mark.parametrize(
    "bad",
    [
        {"width": 4},
        {"height": 2000},
        {"hfov_deg": 170.0},
        {"height_m": 0.0},
        {"range_min_m": 0.0},
        {"range_max_m": 100.0},
        {"range_min_m": 1.0, "range_max_m": 0.9},
        {"height_m": float("nan")},
        {"colour": 3},
    ],
)
def test_camera_settings_out_of_range(bad):
    with pytest.raises(ValidationError):
        CameraSettings(**bad)


def test_camera_row_of_the_default_camera():
    np.testing.assert_allclose(camera_row(CameraSettings()), [32, 32, 32, 24, 0.8, 0.1, 8.0])
