"""Known answers for the localizer: bodies drawn into depth images on paper."""

import numpy as np
import pytest

from rspt.perception.localization import MaskLocalizer

H, W = 48, 64
RADIUS_M = 0.25


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
        depth[world][10:40, columns] = surface
        mask[world][10:40, columns] = 1
    return depth, mask


@pytest.mark.parametrize("target", [(2.5, 0.0), (1.0, 0.4), (4.0, -2.5), (7.0, 3.0)])
def test_axis_of_a_whole_body(target):
    depth, mask = draw([target])
    result = MaskLocalizer().localize(depth, target_mask=mask)
    assert result.found.all()
    assert result.confidence[0] > 0.9
    np.testing.assert_allclose(result.position_ego[0], target, atol=0.03)


def test_a_batch_equals_its_worlds_alone():
    targets = [(2.5, 0.3), None, (5.0, -1.0), (1.2, 0.0)]
    depth, mask = draw(targets)
    together = MaskLocalizer().localize(depth, target_mask=mask)
    assert together.found.tolist() == [True, False, True, True]
    for world in range(len(targets)):
        alone = MaskLocalizer().localize(depth[world : world + 1], target_mask=mask[world : world + 1])
        np.testing.assert_array_equal(together.position_ego[world], alone.position_ego[0])
        assert together.confidence[world] == alone.confidence[0]


def test_left_is_positive_y_and_the_field_of_view_counts_for_each_world():
    hfov = np.array([np.pi / 2, np.pi / 3])
    pairs = [draw([(3.0, 0.8)], hfov_rad=angle) for angle in hfov]
    depth, mask = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
    assert np.flatnonzero(mask[0].any(axis=0)).mean() < W / 2
    result = MaskLocalizer(hfov_rad=hfov).localize(depth, target_mask=mask)
    np.testing.assert_allclose(result.position_ego, [[3.0, 0.8]] * 2, atol=0.03)


def test_a_half_hidden_body_is_not_drawn_towards_its_visible_half():
    depth, mask = draw([(2.0, 0.0)])
    depth[:, :, : W // 2] = 1.0  # a wall in front of the left half
    mask[:, :, : W // 2] = 0
    result = MaskLocalizer().localize(depth, target_mask=mask)
    np.testing.assert_allclose(result.position_ego[0], [2.0, 0.0], atol=0.05)


def test_edge_pixels_on_the_background_do_not_count():
    depth, mask = draw([(2.5, 0.0)])
    columns = np.flatnonzero(mask[0].any(axis=0))
    depth[0, :, columns[0]] = depth[0, :, columns[-1]] = 6.0
    mask[0, 9] = mask[0, 10]  # one row too many, on what lies behind
    depth[0, 9] = 7.5
    result = MaskLocalizer().localize(depth, target_mask=mask)
    np.testing.assert_allclose(result.position_ego[0], [2.5, 0.0], atol=0.05)
    assert result.confidence[0] < 0.95


def test_an_empty_mask_is_missing():
    depth, mask = draw([None, None])
    result = MaskLocalizer().localize(depth, target_mask=mask)
    assert np.isnan(result.position_ego).all()
    assert not result.found.any()
    assert (result.confidence == 0).all()


def test_one_pixel_is_enough_and_lies_one_radius_behind_its_surface():
    depth, mask = draw([None])
    mask[0, 20, W // 2] = 1
    depth[0, 20, W // 2] = 3.0
    result = MaskLocalizer().localize(depth, target_mask=mask)
    bearing = np.arctan2(-0.5, W / 2)
    surface = np.array([3.0, 3.0 * np.tan(bearing)])
    np.testing.assert_allclose(result.position_ego[0], surface * (1 + RADIUS_M / np.linalg.norm(surface)), atol=1e-9)
    assert 0 < result.confidence[0] < 0.2


@pytest.mark.parametrize("invalid", [0.0, 8.0, np.nan, np.inf, -1.0])
def test_a_mask_without_valid_depth_is_missing(invalid):
    depth, mask = draw([(2.5, 0.0)])
    depth[mask == 1] = invalid
    result = MaskLocalizer().localize(depth, target_mask=mask)
    assert not result.found.any()
    assert np.isnan(result.position_ego).all()


def test_noise_is_averaged_away():
    rng = np.random.default_rng(0)
    depth, mask = draw([(4.0, 1.0)] * 20)
    depth += rng.normal(0.0, 0.0025 * depth**2).astype(np.float32) * mask
    result = MaskLocalizer().localize(depth, target_mask=mask)
    assert np.abs(result.position_ego - [4.0, 1.0]).mean() < 0.03


def test_wrong_input_is_refused():
    depth, mask = draw([(2.5, 0.0)])
    with pytest.raises(ValueError, match="needs target_mask"):
        MaskLocalizer().localize(depth)
    with pytest.raises(ValueError, match=r"\(B, H, W\)"):
        MaskLocalizer().localize(depth, target_mask=mask[0])
    with pytest.raises(ValueError, match="2 values for 1 worlds"):
        MaskLocalizer(hfov_rad=np.array([1.0, 1.0])).localize(depth, target_mask=mask)
    for bad in ({"hfov_rad": 4.0}, {"range_max_m": np.inf}, {"body_radius_m": -0.1}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            MaskLocalizer(**bad)
