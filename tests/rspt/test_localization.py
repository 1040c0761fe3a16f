"""Known answers for the localizer: bodies drawn into depth images on paper."""

import numpy as np
import pytest

from rspt.perception.camera import CameraModel, camera_rows, mounted
from rspt.perception.frame import DEPTH_INVALID, NO_TROUBLE, Expectation, Frame
from rspt.perception.localization import BoxLocalizer, Localization, MaskLocalizer

H, W = 48, 64
RADIUS_M, BODY_M, CAMERA_M = 0.25, 1.7, 0.8


def draw(targets: list[tuple[float, float] | None], *, hfov_rad: float = np.pi / 2, background_m: float = 8.0):
    """Depth and mask of one upright body per world, by intersecting the columns' rays with its circle."""
    depth = np.full((len(targets), H, W), background_m, dtype=np.float32)
    mask = np.zeros((len(targets), H, W), dtype=np.uint8)
    tangent = (W / 2 - (np.arange(W) + 0.5)) / (W / 2 / np.tan(hfov_rad / 2))
    for world, target in enumerate(targets):
        if target is None:
            continue
        x, y = target
        # |(z, tangent z) - (x, y)| = radius, the nearer solution
        a, b, c = 1 + tangent**2, -2 * (x + tangent * y), x**2 + y**2 - RADIUS_M**2
        inside = b**2 - 4 * a * c
        columns = np.flatnonzero(inside > 0)
        surface = (-b[columns] - np.sqrt(inside[columns])) / (2 * a[columns])
        slope = ((np.arange(H) + 0.5 - H / 2) / (W / 2 / np.tan(hfov_rad / 2)))[:, None]
        body = (slope * surface < CAMERA_M) & (slope * surface > CAMERA_M - BODY_M)
        depth[world][:, columns] = np.where(body, surface, depth[world][:, columns])
        mask[world][:, columns] = body
    return depth, mask


def locate(depth, mask=None, *, hfov_rad=np.pi / 2, expected=None, gate_m=1.0, boxes=None, localizer=None, stamp_s=0.0):
    """What a localizer finds in frames of level cameras."""
    worlds = len(depth)
    angles = np.broadcast_to(np.degrees(hfov_rad), worlds)
    models = [CameraModel.level(width=W, height=H, hfov_deg=float(angle)) for angle in angles]
    place = np.full((worlds, 2), np.nan) if expected is None else np.array(expected, dtype=float)
    frame = Frame(
        stamp_s=np.full(worlds, stamp_s),
        depth=depth,
        pose=np.zeros((worlds, 3)),
        velocity=np.zeros((worlds, 2)),
        target_mask=mask,
        target_box_xyxy=None if boxes is None else np.array(boxes, dtype=float),
    )
    out = Localization.empty(worlds)
    found = localizer or MaskLocalizer()
    found.localize(
        np.arange(worlds), frame, camera_rows(models, worlds), Expectation(place, np.full(worlds, gate_m)), out
    )
    return out


def both(one, other):
    """A frame with two bodies, the nearer one in front."""
    (depth, mask), (more, more_mask) = draw([one]), draw([other])
    return np.minimum(depth, more), mask | more_mask


@pytest.mark.parametrize("target", [(2.5, 0.0), (1.0, 0.4), (4.0, -2.5), (7.0, 3.0)])
def test_axis_of_a_whole_body(target):
    depth, mask = draw([target])
    result = locate(depth, mask)
    assert result.found.all()
    assert result.confidence[0] > 0.9
    np.testing.assert_allclose(result.position_ego[0], target, atol=0.03)


def test_a_batch_equals_its_worlds_alone():
    targets = [(2.5, 0.3), None, (5.0, -1.0), (1.2, 0.0)]
    depth, mask = draw(targets)
    together = locate(depth, mask)
    assert together.found.tolist() == [True, False, True, True]
    for world in range(len(targets)):
        alone = locate(depth[world : world + 1], mask[world : world + 1])
        np.testing.assert_array_equal(together.position_ego[world], alone.position_ego[0])
        assert together.confidence[world] == alone.confidence[0]


def test_left_is_positive_y_and_the_field_of_view_counts_for_each_world():
    hfov = np.array([np.pi / 2, np.pi / 3])
    pairs = [draw([(3.0, 0.8)], hfov_rad=angle) for angle in hfov]
    depth, mask = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
    assert np.flatnonzero(mask[0].any(axis=0)).mean() < W / 2
    result = locate(depth, mask, hfov_rad=hfov)
    np.testing.assert_allclose(result.position_ego, [[3.0, 0.8]] * 2, atol=0.03)


def test_a_half_hidden_body_is_not_drawn_towards_its_visible_half():
    depth, mask = draw([(2.0, 0.0)])
    depth[:, :, : W // 2] = 1.0  # a wall in front of the left half
    mask[:, :, : W // 2] = 0
    result = locate(depth, mask)
    np.testing.assert_allclose(result.position_ego[0], [2.0, 0.0], atol=0.05)


def test_edge_pixels_on_the_background_do_not_count():
    depth, mask = draw([(2.5, 0.0)])
    columns = np.flatnonzero(mask[0].any(axis=0))
    depth[0, :, columns[0]] = depth[0, :, columns[-1]] = 6.0
    top = int(np.flatnonzero(mask[0].any(axis=1))[0])
    mask[0, top - 1] = mask[0, top]  # one row too many, on what lies behind
    depth[0, top - 1] = 7.5
    result = locate(depth, mask)
    np.testing.assert_allclose(result.position_ego[0], [2.5, 0.0], atol=0.05)
    assert result.confidence[0] < 0.95


def test_an_empty_mask_is_missing():
    depth, mask = draw([None, None])
    result = locate(depth, mask)
    assert np.isnan(result.position_ego).all()
    assert not result.found.any()
    assert (result.confidence == 0).all()


def test_one_pixel_is_enough_and_lies_one_radius_behind_its_surface():
    depth, mask = draw([None])
    mask[0, 20, W // 2] = 1
    depth[0, 20, W // 2] = 3.0
    result = locate(depth, mask)
    bearing = np.arctan2(-0.5, W / 2)
    surface = np.array([3.0, 3.0 * np.tan(bearing)])
    np.testing.assert_allclose(result.position_ego[0], surface * (1 + RADIUS_M / np.linalg.norm(surface)), atol=1e-9)
    assert 0 < result.confidence[0] < 0.2


@pytest.mark.parametrize("invalid", [0.0, 8.0, np.nan, np.inf, -1.0])
def test_a_mask_without_valid_depth_is_missing(invalid):
    depth, mask = draw([(2.5, 0.0)])
    depth[mask == 1] = invalid
    result = locate(depth, mask)
    assert not result.found.any()
    assert np.isnan(result.position_ego).all()


def test_noise_is_averaged_away():
    rng = np.random.default_rng(0)
    depth, mask = draw([(4.0, 1.0)] * 20)
    depth += rng.normal(0.0, 0.0025 * depth**2).astype(np.float32) * mask
    result = locate(depth, mask)
    assert np.abs(result.position_ego - [4.0, 1.0]).mean() < 0.03


def test_of_two_bodies_of_one_look_the_expected_one_is_the_target():
    depth, mask = both((2.5, 0.8), (4.0, -1.0))
    for expected, place in (((2.4, 0.7), (2.5, 0.8)), ((4.2, -0.8), (4.0, -1.0))):
        result = locate(depth, mask, expected=[expected])
        np.testing.assert_allclose(result.position_ego[0], place, atol=0.06)


def test_nothing_within_the_gate_is_missing():
    depth, mask = draw([(4.0, -1.0)])
    assert locate(depth, mask, expected=[(4.3, -1.2)]).found[0]
    result = locate(depth, mask, expected=[(2.0, 1.0)])
    assert not result.found[0]
    assert np.isnan(result.position_ego).all()
    assert np.isnan(result.box_xyxy).all()


def test_the_first_box_says_which_body_is_meant():
    depth, mask = both((2.5, 0.8), (4.0, -1.0))
    other = draw([(4.0, -1.0)])[1][0]
    rows, columns = np.flatnonzero(other.any(axis=1)), np.flatnonzero(other.any(axis=0))
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    result = locate(depth, mask, boxes=[box])
    np.testing.assert_allclose(result.position_ego[0], (4.0, -1.0), atol=0.06)
    np.testing.assert_allclose(result.box_xyxy[0], box, atol=1.0)


def test_a_false_patch_beside_the_target_does_not_count():
    depth, mask = draw([(3.0, 0.0)])
    mask[0, 5:9, 3:9] = 1  # on what is 8 m away, or more
    depth[0, 5:9, 3:9] = 6.0
    result = locate(depth, mask, expected=[(3.0, 0.0)])
    np.testing.assert_allclose(result.position_ego[0], (3.0, 0.0), atol=0.05)


def test_a_body_that_was_seen_beside_the_target_is_not_taken_for_it():
    localizer = MaskLocalizer()
    for number in range(6):
        depth, mask = both((2.5, 0.4), (3.2, -0.4))
        found = locate(depth, mask, expected=[(2.5, 0.4)], localizer=localizer, stamp_s=0.1 * number)
        np.testing.assert_allclose(found.position_ego[0], (2.5, 0.4), atol=0.06)
    depth, mask = draw([(3.2, -0.4)])  # the target has gone; the other one stands within a wide gate
    result = locate(depth, mask, expected=[(2.6, 0.2)], gate_m=2.0, localizer=localizer, stamp_s=0.6)
    assert not result.found[0]


def test_a_target_that_should_be_hidden_is_not_taken_for_one_that_is_in_view():
    depth, mask = draw([(3.0, 1.0)])
    lonely = locate(depth, mask, expected=[(3.0, -0.5)], gate_m=2.0)
    assert lonely.found[0]  # where it should be nothing stands, so it has moved
    depth[0, :, W // 2 + 1 : W // 2 + 14] = 1.5  # a wall before the expected place
    assert not locate(depth, mask, expected=[(3.0, -0.5)], gate_m=2.0).found[0]
    assert locate(depth, mask, expected=[(3.0, 0.5)], gate_m=2.0).found[0]


def test_the_frayed_edge_of_another_body_is_no_body():
    depth, mask = draw([(1.5, 0.0)])
    beside = np.flatnonzero(mask[0].any(axis=0))[-1] + 1
    rows = np.flatnonzero(mask[0].any(axis=1))
    mask[0, rows[::6], beside] = 1  # on the wall behind, where the target is expected
    depth[0, :, beside:] = 3.0
    place = (3.25, -3.25 * (beside + 0.5 - W / 2) / (W / 2))
    assert not locate(depth, mask, expected=[place], gate_m=0.6).found[0]


@pytest.mark.parametrize("far_y", [0.05, -0.15])
def test_the_sliver_of_a_body_and_another_behind_it_are_two(far_y):
    near, far = draw([(1.4, -0.55)]), draw([(1.9, far_y)])
    depth, mask = np.minimum(near[0], far[0]), near[1] | far[1]
    columns = np.flatnonzero(near[1][0].any(axis=0))
    depth[0, :, columns[0] + 3 :] = 0.9  # a wall hides all but three columns of the nearer one
    mask[0, :, columns[0] + 3 :] = 0
    np.testing.assert_allclose(locate(depth, mask, expected=[(1.9, far_y)]).position_ego[0], (1.9, far_y), atol=0.05)
    np.testing.assert_allclose(locate(depth, mask, expected=[(1.4, -0.5)]).position_ego[0], (1.4, -0.55), atol=0.1)


def test_bodies_are_apart_where_the_camera_sees_past_them():
    depth, mask = both((1.5, 0.3), (1.7, -0.3))
    gap = np.flatnonzero(~mask[0].any(axis=0))
    assert ((gap > 16) & (gap < 48)).any()  # there is a view between them
    for place in ((1.5, 0.3), (1.7, -0.3)):
        np.testing.assert_allclose(locate(depth, mask, expected=[place]).position_ego[0], place, atol=0.02)


@pytest.mark.parametrize("pitch_rad", [0.0, 0.3, -0.2])
def test_any_mounting(pitch_rad):
    camera = CameraModel(30.0, 32.0, 31.0, 25.0, W, H, mounted(1.1, pitch_rad=pitch_rad, forward_m=0.2, yaw_rad=0.3))
    columns, rows = np.meshgrid(np.arange(W) + 0.5, np.arange(H) + 0.5)
    rays = np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones((H, W))], axis=-1)
    rays, eye = rays @ camera.base_from_camera[:3, :3].T, camera.base_from_camera[:3, 3]
    target = np.array([2.8, 0.9])
    off = eye[:2] - target
    a, b = (rays[..., :2] ** 2).sum(axis=-1), rays[..., :2] @ off
    inside = b**2 - a * (off @ off - RADIUS_M**2)
    at = np.where(inside > 0, (-b - np.sqrt(np.maximum(inside, 0.0))) / a, 8.0)
    z = eye[2] + at * rays[..., 2]
    shown = (inside > 0) & (z > 0) & (z < BODY_M)
    depth = np.where(shown, at, 8.0).astype(np.float32)[None]
    frame = Frame(np.zeros(1), depth, np.zeros((1, 3)), np.zeros((1, 2)), shown.astype(np.uint8)[None])
    out = Localization.empty(1)
    expected = Expectation(np.array([[2.7, 1.0]]), np.array([0.5]))
    MaskLocalizer().localize(np.array([0]), frame, camera_rows(camera, 1), expected, out)
    np.testing.assert_allclose(out.position_ego[0], target, atol=0.04)
    edges = [f(np.flatnonzero(shown.any(axis=axis))) for f in (np.min, np.max) for axis in (0, 1)]
    np.testing.assert_array_equal(out.box_xyxy[0], np.add(edges, (0, 0, 1, 1)))


def test_a_frame_whose_depth_is_useless_is_missing_and_other_worlds_are_left_alone():
    depth, mask = draw([(2.5, 0.0)] * 3)
    frame = Frame(
        np.zeros(3),
        depth,
        np.zeros((3, 3)),
        np.zeros((3, 2)),
        mask,
        trouble=np.array([NO_TROUBLE, DEPTH_INVALID, NO_TROUBLE], dtype=np.uint8),
    )
    out = Localization.empty(3)
    nowhere = Expectation(np.full((3, 2), np.nan), np.zeros(3))
    cameras = camera_rows(CameraModel.level(), 3)
    MaskLocalizer().localize(np.array([0, 1]), frame, cameras, nowhere, out)
    assert out.found.tolist() == [True, False, False]
    out.confidence[2] = 0.7
    MaskLocalizer().localize(np.array([0, 1]), frame, cameras, nowhere, out)
    assert out.confidence[2] == 0.7


def test_a_box_shows_the_body_as_wide_as_itself_or_the_one_that_is_expected():
    depth, _ = both((2.0, 0.12), (4.0, 0.0))
    far = draw([(4.0, 0.0)])[1][0]
    depth[0, 22:] = draw([(4.0, 0.0)])[0][0, 22:]  # the nearer one hides only the upper part of the other
    rows, columns = np.flatnonzero(far.any(axis=1)), np.flatnonzero(far.any(axis=0))
    box = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    localizer = BoxLocalizer()
    np.testing.assert_allclose(locate(depth, boxes=[box], localizer=localizer).position_ego[0], (4.0, 0.0), atol=0.15)
    near = locate(depth, boxes=[box], localizer=localizer, expected=[(2.0, 0.1)], gate_m=0.5)
    np.testing.assert_allclose(near.position_ego[0], (2.0, 0.1), atol=0.15)
    assert not locate(depth, boxes=[box], localizer=localizer, expected=[(6.0, 0.0)], gate_m=0.5).found[0]


@pytest.mark.parametrize("box", [(70, 5, 80, 40), (-20, 5, -1, 40), (10, -30, 20, -2), (10, 60, 20, 70)])
def test_a_box_outside_the_image_is_missing(box):
    depth, _ = draw([(2.5, 0.0)])
    assert not locate(depth, boxes=[box], localizer=BoxLocalizer()).found[0]


@pytest.mark.parametrize("target", [(2.5, 0.0), (4.0, 1.0)])
def test_a_box_is_enough(target):
    depth, mask = draw([target])
    rows, columns = np.flatnonzero(mask[0].any(axis=1)), np.flatnonzero(mask[0].any(axis=0))
    box = (columns[0] - 1, rows[0], columns[-1] + 2, rows[-1] + 1)
    result = locate(depth, boxes=[box], localizer=BoxLocalizer())
    np.testing.assert_allclose(result.position_ego[0], target, atol=0.1)
    assert not locate(depth, boxes=[[np.nan] * 4], localizer=BoxLocalizer()).found[0]


def test_wrong_input_is_refused():
    depth, _ = draw([(2.5, 0.0)])
    with pytest.raises(ValueError, match="needs"):
        locate(depth)
    with pytest.raises(ValueError, match="needs"):
        locate(depth, localizer=BoxLocalizer())
    for kind in (MaskLocalizer, BoxLocalizer):
        with pytest.raises(ValueError, match="body_radius_m"):
            kind(body_radius_m=-0.1)
