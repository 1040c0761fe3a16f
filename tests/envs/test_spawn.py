"""Starts: free, in sight or hidden, at the distance and bearing asked for, and never a hang."""

import numpy as np
import pytest
from pydantic import ValidationError

from envs.episode import draw_episode
from envs.errors import LayoutError
from envs.layouts.free_space import free_space
from envs.layouts.layout import Layout, Prisms
from envs.layouts.source import PlaceSource
from envs.paths import sees
from envs.seeds import EpisodeSeed
from envs.spawn import StartSettings, draw_start
from envs.world_settings import WorldSettings

WALLED = Layout(
    "walled",
    (0.0, 0.0, 12.0, 12.0),
    Prisms.boxes([[6.0, 4.0], [3.0, 9.0]], [[0.2, 4.0], [1.0, 0.3]], z=(0.0, 2.5), color=0),
)
SPACE = free_space(WALLED)


def starts(settings, *, count=60, distractors=0):
    return [
        draw_start(SPACE, settings, num_distractors=distractors, rng=np.random.default_rng(seed), name="walled")
        for seed in range(count)
    ]


def in_sight(poses) -> bool:
    tracker, target = SPACE.cell_of(poses[:2, :2])
    return bool(sees(SPACE.opaque, *tracker.tolist(), *target.tolist()))


def test_default_starts_face_the_target_at_the_wanted_distance_in_sight():
    for poses in starts(StartSettings()):
        offset = poses[1, :2] - poses[0, :2]
        assert np.hypot(*offset) == pytest.approx(2.5)
        assert np.cos(np.arctan2(offset[1], offset[0]) - poses[0, 2]) == pytest.approx(1.0)
        assert in_sight(poses)


def test_bodies_stand_clear_of_walls_and_of_each_other():
    for poses in starts(StartSettings(distance_m=(0.7, 4.0)), distractors=4):
        cells = SPACE.cell_of(poses[:, :2])
        assert (SPACE.clearance[tuple(cells.T)] >= 0.3).all()
        apart = np.hypot(*(poses[:, None, :2] - poses[None, :, :2]).transpose(2, 0, 1)) + 10 * np.eye(len(poses))
        assert apart.min() >= 0.6


def test_ranges_are_used_and_kept():
    drawn = starts(StartSettings(distance_m=(1.5, 4.0), bearing_deg=(-35.0, 35.0)), count=200)
    distances, bearings = [], []
    for poses in drawn:
        offset = poses[1, :2] - poses[0, :2]
        distances.append(np.hypot(*offset))
        bearings.append(np.degrees((np.arctan2(offset[1], offset[0]) - poses[0, 2] + np.pi) % (2 * np.pi) - np.pi))
    assert 1.5 <= min(distances) < 1.8
    assert 3.5 < max(distances) <= 4.0
    assert -35.01 <= min(bearings) < -28
    assert 28 < max(bearings) <= 35.01


def test_hidden_starts_are_hidden_in_their_share():
    drawn = starts(StartSettings(distance_m=(1.5, 4.0), hidden_share=0.5), count=200)
    hidden = sum(not in_sight(poses) for poses in drawn)
    assert 70 <= hidden <= 130
    assert all(not in_sight(poses) for poses in starts(StartSettings(distance_m=(1.5, 4.0), hidden_share=1.0)))


def test_an_arena_that_hides_nothing_starts_in_sight():
    empty = free_space(Layout("empty", (0.0, 0.0, 8.0, 8.0), Prisms.empty()))
    poses = draw_start(
        empty, StartSettings(hidden_share=1.0), num_distractors=0, rng=np.random.default_rng(0), name="empty"
    )
    assert np.isfinite(poses).all()


@pytest.mark.timeout(20)
def test_a_layout_without_room_is_an_error_and_no_hang():
    corner = free_space(Layout("small", (0.0, 0.0, 4.2, 4.2), Prisms.empty()))
    with pytest.raises(LayoutError, match=r"'small'.*8\.0 m"):
        draw_start(
            corner, StartSettings(distance_m=(8.0, 8.0)), num_distractors=0, rng=np.random.default_rng(0), name="small"
        )
    with pytest.raises(LayoutError, match="no room for distractor"):
        draw_start(corner, StartSettings(), num_distractors=80, rng=np.random.default_rng(0), name="small")


def test_the_target_stands_where_it_is_told_to():
    pose = np.array([3.0, 6.0, 1.0])
    poses = draw_start(
        SPACE, StartSettings(), num_distractors=0, rng=np.random.default_rng(0), name="walled", target_pose=pose
    )
    assert poses[1] == pytest.approx(pose)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"distance_m": (0.2, 1.0)}, "distance_m"),
        ({"distance_m": (3.0, 2.0)}, "distance_m"),
        ({"bearing_deg": (-190.0, 0.0)}, "bearing_deg"),
        ({"hidden_share": 1.5}, "hidden_share"),
    ],
)
def test_bad_ranges_are_refused(arguments, message):
    with pytest.raises(ValidationError, match=message):
        StartSettings(**arguments)


DRAWN = """cell: 0.5

####################
#..................#
#..................#
#..>......T........#
#..................#
#..................#
#..................#
####################
"""


def test_episodes_in_a_drawn_room_begin_where_it_says(tmp_path):
    path = tmp_path / "room.txt"
    path.write_text(DRAWN)
    source = PlaceSource([path], size_m=None, cell_m=None)
    poses = draw_episode(WorldSettings(), source, EpisodeSeed(1, 1), target_policy=None).poses
    assert poses[0] == pytest.approx([1.75, 2.25, 0.0])
    assert poses[1, :2] == pytest.approx([5.25, 2.25])
    path.write_text(DRAWN.replace(">", "."))
    source = PlaceSource([path], size_m=None, cell_m=None)
    poses = draw_episode(WorldSettings(), source, EpisodeSeed(1, 1), target_policy=None).poses
    assert np.hypot(*(poses[0] - poses[1])[:2]) == pytest.approx(2.5)
    with pytest.raises(LayoutError, match="cell"):
        PlaceSource([path], size_m=None, cell_m=0.3)


def test_a_start_against_a_wall_is_refused(tmp_path):
    path = tmp_path / "room.txt"
    path.write_text(DRAWN.replace("#..>..", "#>...."))
    with pytest.raises(LayoutError, match=r"room\.txt: the tracker's start"):
        PlaceSource([path], size_m=None, cell_m=None)
