"""Perception as a whole, fed by a camera that is drawn on paper: a wall ahead and a target before it."""

import numpy as np
import pytest

from rspt.perception import CameraModel, EgoWindow, Perception, mounted
from rspt.perception.frame import DEPTH_INVALID, POSE_JUMPED, STAMP_JUMPED
from rspt.perception.localization import MaskLocalizer
from rspt.perception.prediction import Kalman
from rspt.perception.state import entry_of
from rspt.perception.track import LOST, SEARCHING, TRACKING

H, W = 48, 64
CAMERA = CameraModel.level(width=W, height=H)
OCCUPIED, FREE, PAST = 0, 1, 2


def draw(*, wall_m=5.0, target=(2.5, 0.0), camera=CAMERA):
    """Depth and mask of a level camera before a wall across the way, with a floor and a target of 1.7 m."""
    column = (np.arange(W) + 0.5 - camera.cx) / camera.fx
    row = (np.arange(H) + 0.5 - camera.cy) / camera.fy
    with np.errstate(divide="ignore"):
        floor = np.where(row > 0, camera.height_m / row, np.inf)[:, None]
    depth = np.minimum(np.minimum(floor, wall_m), camera.range_max_m) * np.ones((H, W))
    mask = np.zeros((H, W), dtype=np.uint8)
    if target is not None:
        x, y = target
        a, b, c = 1 + column**2, -2 * (x - column * y), x**2 + y**2 - 0.25**2
        inside = b**2 - 4 * a * c
        surface = np.where(inside > 0, (-b - np.sqrt(np.maximum(inside, 0))) / (2 * a), np.inf)
        low, high = camera.height_m / surface, (camera.height_m - 1.7) / surface
        body = (row[:, None] < low) & (row[:, None] > high) & np.isfinite(surface)
        depth, mask = np.where(body, surface, depth), body.astype(np.uint8)
    return depth.astype(np.float32), mask


def feed(perception, frames, *, dt=0.1, start=0.0, poses=None):
    """The states after each frame of one world, copied."""
    states = []
    for number, (depth, mask) in enumerate(frames):
        state = perception.update(
            stamp_s=start + number * dt,
            depth=depth,
            target_mask=mask,
            pose=(0.0, 0.0, 0.0) if poses is None else poses[number],
        )
        states.append({name: array.copy() for name, array in state.items()})
    return states


def make(**arguments):
    return Perception(arguments.pop("camera", CAMERA), predictor=arguments.pop("predictor", "kalman"), **arguments)


def cell_of(x, y, window=None):
    centers = (window or EgoWindow()).centers()
    return np.unravel_index(np.abs(centers - [x, y]).max(axis=-1).argmin(), centers.shape[:2])


def test_the_state_of_a_wall_and_a_target():
    perception = make()
    state = feed(perception, [draw()] * 10)[-1]
    maps = state["map"][0]
    assert maps[(OCCUPIED, *cell_of(5.05, 1.55))] > 0.5
    assert maps[(FREE, *cell_of(3.5, 1.0))] > 0.5
    assert maps[(OCCUPIED, *cell_of(2.3, 0.05))] == 0.0, "the target is no obstacle"
    assert maps[(PAST, *cell_of(2.5, 0.05))] == 1.0 or maps[(PAST, *cell_of(2.5, -0.05))] == 1.0
    np.testing.assert_allclose(entry_of(state["vector"], "target_position")[0], [2.5, 0.0], atol=0.05)
    assert perception.track.status[0] == TRACKING
    assert perception.localization.found[0]


def test_a_walking_target_has_its_velocity_at_even_and_uneven_stamps():
    rng = np.random.default_rng(0)
    for stamps in (np.arange(30) * 0.1, np.cumsum(rng.uniform(0.03, 0.2, 30))):
        perception = make()
        for stamp in stamps:
            depth, mask = draw(target=(2.5, -1.0 + 0.7 * stamp))
            state = perception.update(stamp_s=stamp, depth=depth, target_mask=mask, pose=(0, 0, 0))
        np.testing.assert_allclose(entry_of(state["vector"], "target_velocity")[0], [0.0, 0.7], atol=0.15)
        predicted = entry_of(state["vector"], "predicted")[0].reshape(3, 2)
        np.testing.assert_allclose(predicted[1], [2.5, -1.0 + 0.7 * (stamps[-1] + 1.2)], atol=0.25)


def test_the_leading_axis_may_be_left_out_for_one_world():
    depth, mask = draw()
    alone, batched = make(), make()
    one = alone.update(stamp_s=0.0, depth=depth, target_mask=mask, pose=(1.0, 2.0, 0.3), velocity=(0.5, 0.1))
    other = batched.update(
        stamp_s=[0.0],
        depth=depth[None],
        target_mask=mask[None],
        pose=np.array([[1.0, 2.0, 0.3]]),
        velocity=[[0.5, 0.1]],
    )
    for name in ("map", "vector"):
        np.testing.assert_array_equal(one[name], other[name])


def test_a_world_is_the_same_alone_and_among_others_on_threads():
    def halves(function, worlds):
        for part in np.array_split(worlds, 2):
            function(part)

    walls, targets = (3.0, 4.0, 6.0), ((2.0, 0.5), (2.5, -0.5), (4.0, 1.0))
    frames = [draw(wall_m=wall, target=target) for wall, target in zip(walls, targets, strict=True)]
    together = make(num_worlds=3, share=halves)
    for number in range(5):
        state = together.update(
            stamp_s=0.1 * number,
            depth=np.stack([depth for depth, _ in frames]),
            target_mask=np.stack([mask for _, mask in frames]),
            pose=np.zeros((3, 3)),
        )
    for world, frame in enumerate(frames):
        alone = feed(make(), [frame] * 5)[-1]
        for name in ("map", "vector"):
            np.testing.assert_array_equal(state[name][world], alone[name][0])


def test_only_the_given_worlds_are_touched():
    perception = make(num_worlds=2)
    depth, mask = (np.stack([part, part]) for part in draw())
    perception.update(stamp_s=0.0, depth=depth, target_mask=mask, pose=np.zeros((2, 3)))
    before = {name: array.copy() for name, array in perception.state.items()}
    depth[0] = np.nan  # rows of other worlds are not looked at
    moved, _ = draw(wall_m=3.5)
    depth[1] = moved
    perception.update(
        stamp_s=np.array([0.0, 0.1]),
        depth=depth,
        target_mask=mask,
        pose=np.zeros((2, 3)),
        last_action=[[1.0, 1.0], [0.5, 0.0]],
        worlds=np.array([1]),
    )
    np.testing.assert_array_equal(perception.state["map"][0], before["map"][0])
    np.testing.assert_array_equal(perception.state["vector"][0], before["vector"][0])
    assert (perception.state["map"][1] != before["map"][1]).any()
    np.testing.assert_allclose(entry_of(perception.state["vector"], "last_action")[1], [0.5, 0.0])


def test_an_unusable_frame_leaves_the_map_and_says_so():
    perception = make()
    good = feed(perception, [draw()] * 5)[-1]
    for number, depth in enumerate((np.zeros((H, W), np.float32), np.full((H, W), np.nan, np.float32))):
        state = perception.update(stamp_s=0.5 + 0.1 * number, depth=depth, target_mask=draw()[1], pose=(0.0, 0.0, 0.0))
        assert perception.frame.trouble[0] == DEPTH_INVALID
        assert entry_of(state["vector"], "frame_usable") == 0.0
        np.testing.assert_array_equal(state["map"][:, :2], good["map"][:, :2])
        assert perception.track.status[0] == LOST
    state = feed(perception, [draw()], start=1.0)[-1]
    assert entry_of(state["vector"], "frame_usable") == 1.0
    assert perception.track.status[0] == TRACKING


def test_a_pose_that_jumps_begins_a_new_map():
    perception = make()
    feed(perception, [draw()] * 5)
    state = perception.update(stamp_s=0.5, depth=draw()[0], target_mask=np.zeros((H, W), bool), pose=(40.0, 0.0, 2.0))
    assert perception.frame.trouble[0] == POSE_JUMPED
    assert perception.track.status[0] == SEARCHING
    fresh = make().update(stamp_s=0.0, depth=draw()[0], target_mask=np.zeros((H, W), bool), pose=(40.0, 0.0, 2.0))
    np.testing.assert_array_equal(state["map"][:, :2], fresh["map"][:, :2])


def test_a_gap_in_time_is_coasted_over():
    perception = make()
    feed(perception, [draw(target=(2.5, 0.07 * number)) for number in range(10)])
    perception.update(stamp_s=4.0, depth=draw(target=None)[0], target_mask=np.zeros((H, W), bool), pose=(0, 0, 0))
    assert perception.frame.trouble[0] == STAMP_JUMPED
    assert perception.track.status[0] == LOST
    np.testing.assert_allclose(perception.track.age_s[0], 3.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": np.zeros((4, 4), np.float32)}, "depth"),
        ({"depth": np.full((H, W), 2500.0, np.float32)}, "depth"),
        ({"stamp_s": 0.0}, "stamp_s"),
        ({"pose": (np.nan, 0.0, 0.0)}, "pose"),
        ({"target_mask": np.zeros((H, W + 1), bool)}, "target_mask"),
        ({"target_mask": None}, "the mask localizer needs target_mask"),
        ({"last_action": (1.0, 0.0, 0.0)}, "last_action"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(change, message):
    perception, depth, mask = make(), *draw()
    feed(perception, [(depth, mask)] * 3)
    before = {name: array.copy() for name, array in perception.state.items()}
    stamps = perception.track.stamps.copy()
    frame = {"stamp_s": 0.3, "depth": depth, "target_mask": mask, "pose": (0.0, 0.0, 0.0)}
    with pytest.raises(ValueError, match=message):
        perception.update(**{**frame, **change})
    for name in ("map", "vector"):
        np.testing.assert_array_equal(perception.state[name], before[name])
    np.testing.assert_array_equal(perception.track.stamps, stamps)
    perception.update(**frame)


def test_millimetres_and_metres_give_the_same_state():
    depth, mask = draw()
    millimetres = np.round(1000 * depth).astype(np.uint16)
    one, other = make(), make()
    in_metres = feed(one, [((millimetres / 1000).astype(np.float32), mask)] * 3)[-1]
    in_millimetres = feed(other, [(millimetres, mask)] * 3)[-1]
    for name in ("map", "vector"):
        np.testing.assert_allclose(in_metres[name], in_millimetres[name], atol=1e-5)


def test_reset_forgets():
    perception = make()
    first = feed(perception, [draw()] * 4)
    perception.reset()
    assert perception.track.status[0] == SEARCHING
    assert not perception.local_map.values.any()
    again = feed(perception, [draw()] * 4)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one["map"], other["map"])


def test_single_frames_and_no_map():
    frames = [draw(wall_m=5.0, target=None), draw(wall_m=2.8, target=None)]
    poses = [(0.0, 0.0, 0.0), (0.0, 0.0, 0.2)]
    single = feed(make(fused=False), frames, poses=poses)[-1]
    alone = feed(make(), frames[1:], poses=poses[1:])[-1]
    np.testing.assert_array_equal(single["map"][:, :2], alone["map"][:, :2])
    assert not feed(make(mapped=False), frames, poses=poses)[-1]["map"][:, :2].any()


def test_a_camera_is_mounted_anew():
    perception = make()
    low = CameraModel.level(width=W, height=H, height_m=0.5)
    perception.mount(0, low, speed_max_mps=1.0, turn_max_radps=1.5)
    depth, mask = draw(camera=low)
    state = feed(perception, [(depth, mask)] * 3)[-1]
    np.testing.assert_allclose(entry_of(state["vector"], "camera_height"), 0.5)
    np.testing.assert_allclose(entry_of(state["vector"], "speed_max"), 1.0)
    # with the height of the first camera the floor would be seen as an obstacle, or as a hole
    assert not state["map"][0, OCCUPIED][state["map"][0, FREE] > 0].any()
    assert state["map"][(0, FREE, *cell_of(2.0, 0.5))] > 0


def test_own_parts_can_be_handed_in():
    perception = Perception(CAMERA, localizer=MaskLocalizer(), predictor=Kalman(np.array([0.5, 1.0])))
    feed(perception, [draw()] * 3)
    assert perception.prediction.positions_ego.shape == (1, 1, 2, 2)
    np.testing.assert_array_equal(perception.times_s, [0.5, 1.0])


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="num_worlds must be at least 1, not 0"):
        make(num_worlds=0)
    with pytest.raises(ValueError, match="localizer 'ears' is unknown; allowed: mask, box, video"):
        make(localizer="ears")
    with pytest.raises(ValueError, match="2 cameras for 3 worlds"):
        Perception([CAMERA, CAMERA], num_worlds=3, predictor="kalman")
    with pytest.raises(ValueError, match="needs"):
        make(localizer="mask").update(stamp_s=0.0, depth=draw()[0], pose=(0, 0, 0))
    assert mounted(0.7)[2, 3] == 0.7
