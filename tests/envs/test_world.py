"""When the physics takes finer steps, and that the truth measured from it is the truth."""

import numpy as np
import pytest

from envs.approach import OUT_OF_REACH, needed_substeps
from envs.batch import WorldBatch
from envs.layouts.free_space import free_space
from envs.layouts.layout import Layout, Prisms
from envs.sensors.scene import Scene
from envs.world_settings import world_settings

WALL = Layout("wall", (0.0, 0.0, 20.0, 10.0), Prisms.boxes([[10.0, 5.0]], (0.1, 4.0), z=(0.0, 2.5)))
STILL = (0.0, 0.0, 0.0)


def substeps(poses, twists) -> int:
    space = free_space(WALL)
    centimetres = (np.minimum(space.clearance * 100, 255)).astype(np.uint8).reshape(1, -1)
    poses, twists = np.array([poses], dtype=float), np.array([twists], dtype=float)
    shape = np.array([space.clearance.shape])
    scene = Scene(1)
    scene.set_world(0, WALL)
    return int(needed_substeps(np.array([0]), centimetres, shape, space.origin[None], poses, twists, scene.arrays)[0])


def test_in_the_open_nothing_is_within_reach():
    assert substeps([(5.0, 5.0, 0.0), (5.0, 8.0, 0.0)], [(2.0, 0.0, 1.0), (0.0, 1.4, 0.0)]) == OUT_OF_REACH


@pytest.mark.parametrize(
    ("gap", "speed", "expected"),
    [
        (0.15, 2.0, 32),  # 2 m/s for 0.1 s in steps of 6.25 mm
        (0.08, 1.0, 16),
        (0.02, 0.1, 8),  # never coarser than 80 Hz
        (0.01, 0.0, 8),
        (0.45, 2.0, OUT_OF_REACH),
        (0.15, 1.0, OUT_OF_REACH),  # 5 cm are left at the end
        (0.15, -2.0, OUT_OF_REACH),
        (0.01, -2.0, 32),  # so close, the direction does not count
    ],
)
def test_the_faster_towards_a_wall_the_finer(gap, speed, expected):
    x = 9.9 - 0.25 - gap
    assert substeps([(x, 5.05, 0.0), (3.0, 5.0, 0.0)], [(speed, 0.0, 0.0), STILL]) == expected


def test_bodies_count_with_the_speed_at_which_they_close_in():
    poses = [(5.0, 5.0, 0.0), (5.7, 5.0, 0.0)]
    assert substeps(poses, [(1.0, 0.0, 0.0), (-0.6, 0.0, 0.0)]) == OUT_OF_REACH  # 0.54 m is left at the end
    assert substeps(poses, [(1.2, 0.0, 0.0), (-0.8, 0.0, 0.0)]) == 32
    assert substeps(poses, [(2.0, 0.0, 0.0), (-1.4, 0.0, 0.0)]) == 32  # no more than 320 Hz
    assert substeps(poses, [(1.0, 0.0, 0.0), (1.0, 0.0, 0.0)]) == OUT_OF_REACH
    assert substeps(poses, [(-2.0, 0.0, 0.0), (1.4, 0.0, 0.0)]) == OUT_OF_REACH
    assert substeps([(5.0, 5.0, 0.0), (5.51, 5.0, 0.0)], [STILL, STILL]) == 8


@pytest.mark.parametrize("place", [(-3.0, 5.0, 0.0), (np.nan, 5.0, 0.0), (5.0, 99.0, 0.0)])
def test_what_is_lost_counts_as_near(place):
    assert substeps([place, (3.0, 5.0, 0.0)], [(1.0, 0.0, 0.0), STILL]) >= 8
    assert substeps([(5.0, 5.0, 0.0), (3.0, 5.0, 0.0)], [(np.nan, 0.0, 0.0), STILL]) >= 8


@pytest.mark.parametrize("seed", range(4))
def test_no_body_ever_sinks_into_clutter(seed):
    """Wild driving in crowded worlds: the finer steps are taken in time."""
    rng = np.random.default_rng(seed)
    settings = world_settings(
        layout=["mixed", "rooms"], target_policy="external", target_speed_ratio=1.0, lost_after_steps=500
    )
    batch = WorldBatch(settings, 4, autoreset="disabled")
    batch.reset([4 * seed + world for world in range(4)])
    heading = rng.uniform(-0.3, 0.3, (2, 4))
    for step in range(150):
        if step % 15 == 0:
            heading = rng.uniform(-1, 1, (2, 4))
        actions = [np.stack([np.ones(4), turn], axis=1) for turn in heading]
        out = batch.step(*actions)
        for world, episode in enumerate(batch.episodes):
            prisms = episode.place.layout.prisms
            for pose in out.status.poses[world]:
                assert _distance(prisms, pose[:2]) > 0.25 - 0.01
        gap = np.hypot(*(out.status.poses[:, 0] - out.status.poses[:, 1])[:, :2].T)
        assert (gap > 0.5 - 0.01).all()
        assert (out.status.fault == 0).all()
    batch.close()


def _distance(prisms: Prisms, point: np.ndarray) -> float:
    blocks = prisms.z[:, 0] < 1.9
    offset = point - prisms.center
    cos, sin = np.cos(prisms.yaw), np.sin(prisms.yaw)
    local = np.stack([cos * offset[:, 0] + sin * offset[:, 1], cos * offset[:, 1] - sin * offset[:, 0]], axis=1)
    outside = np.maximum(np.abs(local) - prisms.half, 0.0)
    to_box = np.hypot(*outside.T)
    to_cylinder = np.hypot(*offset.T) - prisms.half[:, 0]
    return float(np.where(prisms.kind == 0, to_box, to_cylinder)[blocks].min())


def test_status_of_placed_bodies_on_paper():
    open_floor = Layout("open", (0.0, 0.0, 20.0, 20.0), Prisms.boxes([[8.0, 10.0]], (0.2, 3.0), z=(0.0, 2.5)))
    batch = WorldBatch(world_settings(layout=open_floor), 1)
    batch.reset([0])
    status, which = batch.out.status, np.array([0])
    for poses, distance, bearing, visible in (
        ([(3.0, 10.0, 0.0), (5.0, 12.0, 0.0)], np.sqrt(8.0), np.pi / 4, None),
        ([(3.0, 10.0, np.pi), (5.0, 10.0, 0.0)], 2.0, np.pi, False),
        ([(3.0, 10.0, np.pi / 2), (5.0, 10.0, 0.0)], 2.0, -np.pi / 2, False),
        ([(6.0, 10.0, 0.0), (10.0, 10.0, 0.0)], 4.0, 0.0, False),  # behind the wall
        ([(10.0, 10.0, 0.0), (14.0, 10.0, 0.0)], 4.0, 0.0, True),
        ([(9.0, 16.0, 0.0), (18.0, 16.0, 0.0)], 9.0, 0.0, False),  # out of range
    ):
        status.poses[0] = poses
        status.relate(which)
        status.see(which, batch.senses.visible_share(which, status.poses))
        assert status.distance_m[0] == pytest.approx(distance)
        assert abs(status.bearing_rad[0]) == pytest.approx(abs(bearing))
        if visible is not None:
            assert bool(status.visible[0]) is visible
    batch.close()


def test_the_target_half_behind_a_wall_is_half_visible():
    wall = Layout("half", (0.0, 0.0, 20.0, 20.0), Prisms.boxes([[6.0, 11.5]], (0.1, 1.5), z=(0.0, 2.5)))
    batch = WorldBatch(world_settings(layout=wall), 1)
    batch.reset([0])
    status, which = batch.out.status, np.array([0])
    status.poses[0] = [(4.0, 10.0, 0.0), (6.6, 10.0, 0.0)]
    assert batch.senses.visible_share(which, status.poses)[0] == pytest.approx(0.5, abs=0.11)
    batch.close()


@pytest.mark.parametrize("family", ["mixed", "rooms", "maze"])
def test_it_makes_no_difference_whether_the_engine_steps_in_the_open(family):
    """Wild driving, with and without PyBullet where nothing is within reach: the same contacts, the same way."""
    batches = [
        WorldBatch(world_settings(layout=family, engine=engine, target_policy="external", lost_after_steps=500), 3)
        for engine in ("within_reach", "always")
    ]
    for batch in batches:
        batch.reset([1, 2, 3])
    rng, contacts = np.random.default_rng(0), 0
    for step in range(120):
        if step % 10 == 0:
            actions = rng.uniform(-0.5, 1.0, (2, 3, 2))
        lazy, always = (batch.step(*actions).status for batch in batches)
        assert lazy.poses[..., :2] == pytest.approx(always.poses[..., :2], abs=1e-6)
        assert (lazy.contact == always.contact).all()
        contacts += int(lazy.contact.sum())
    assert contacts > 0
    for batch in batches:
        batch.close()


def test_cameras_that_look_into_the_engine_see_the_bodies_where_they_are():
    images = {}
    for renderer in ("raycast", "bullet"):
        batch = WorldBatch(world_settings(layout="blocks", renderer=renderer), 1)
        batch.reset([4])
        for _ in range(15):
            out = batch.step(np.array([[0.3, 0.1]]))
        images[renderer] = out.observation["target_mask"][0].copy(), out.status.poses.copy()
        batch.close()
    assert (images["raycast"][1] == images["bullet"][1]).all()
    assert images["raycast"][0].any()
    assert (images["raycast"][0] != images["bullet"][0]).mean() < 0.01
