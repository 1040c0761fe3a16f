"""Every family keeps what the documentation promises: enclosed, connected, passable, seeded."""

import cv2
import numpy as np
import pytest

from envs.errors import LayoutError
from envs.layouts import CLUTTERED, DENSITY_MAX, FAMILIES, SIZE_RANGE_M, SPLITS, make_layout
from envs.layouts.families.placing import GAP_M, Spots, against_walls, gaps, scatter, spaced, spots, turned
from envs.layouts.free_space import free_space
from envs.layouts.gallery import collect_layouts, draw_gallery
from envs.layouts.layout import BODY_CLEARANCE_M, CYLINDER, PALETTE, WALL_HEIGHT_M, Layout, Prisms

SIZES_M = (8.0, 12.0, 20.0, 35.0)
SEEDS = range(5)
every_family = pytest.mark.parametrize("name", list(FAMILIES))


def draw(name: str, seed: int, size_m: float | None = None) -> Layout:
    return make_layout(name, np.random.default_rng(seed), size_m=size_m)


def reach(prisms: Prisms) -> np.ndarray:
    cos, sin = np.abs(np.cos(prisms.yaw)), np.abs(np.sin(prisms.yaw))
    x, y = prisms.half.T
    box = np.stack([cos * x + sin * y, sin * x + cos * y], axis=1)
    return np.where(prisms.kind[:, None] == CYLINDER, prisms.half, box)


def regions(free: np.ndarray) -> int:
    """Number of 4-connected regions of a grid."""
    return cv2.connectedComponents(free, connectivity=4)[0] - 1


@every_family
@pytest.mark.parametrize("size_m", SIZES_M)
def test_everything_stands_within_the_bounds_and_an_outer_wall(name: str, size_m: float) -> None:
    for seed in SEEDS:
        layout = draw(name, seed, size_m)
        prisms = layout.prisms
        assert layout.bounds == (0.0, 0.0, size_m, size_m)
        assert (prisms.center - reach(prisms)).min() > -1e-9
        assert (prisms.center + reach(prisms)).max() < size_m + 1e-9
        assert prisms.z.min() >= 0.0
        assert prisms.z.max() <= WALL_HEIGHT_M
        assert prisms.color.max() < len(PALETTE)
        clearance = free_space(layout).clearance
        rim = np.concatenate([clearance[[0, 1, -2, -1]].ravel(), clearance[:, [0, 1, -2, -1]].ravel()])
        assert rim.max() == 0.0


@pytest.mark.parametrize("name", list(CLUTTERED))
def test_clutter_is_as_dense_as_asked_for_and_leaves_passages(name: str) -> None:
    counts, free = [], []
    for density in (0.0, 0.5, 1.0, 2.0, DENSITY_MAX):
        layouts = [make_layout(name, np.random.default_rng(seed), size_m=24.0, density=density) for seed in range(12)]
        counts.append(sum(len(layout.prisms) for layout in layouts))
        spaces = [free_space(layout) for layout in layouts]
        free.append(sum(space.area_m2 for space in spaces))
        for space in spaces:
            assert regions((space.clearance >= 0.65).astype(np.uint8)) == 1
    assert counts == sorted(counts)
    assert free == sorted(free, reverse=True)
    assert counts[-1] > 1.2 * counts[2] > 2.0 * counts[0]


@every_family
def test_density_one_is_the_layout_without_it(name: str) -> None:
    layout = draw(name, 3)
    assert make_layout(name, np.random.default_rng(3), density=1.0).hash == layout.hash
    if name not in CLUTTERED:
        with pytest.raises(LayoutError, match=f"density of layout '{name}' is 2, only blocks, pillars, mixed"):
            make_layout(name, np.random.default_rng(3), density=2.0)


@pytest.mark.parametrize("density", [-0.1, 4.1, float("nan")])
def test_a_density_out_of_range_is_told(density: float) -> None:
    with pytest.raises(LayoutError, match="allowed are 0 to 4"):
        make_layout("blocks", np.random.default_rng(0), density=density)


@every_family
@pytest.mark.parametrize("size_m", SIZES_M)
def test_the_free_area_is_one_region_without_pockets(name: str, size_m: float) -> None:
    for seed in SEEDS:
        space = free_space(draw(name, seed, size_m))
        assert np.array_equal(space.region > 0, space.clearance >= 0.3)


@every_family
@pytest.mark.parametrize("size_m", SIZES_M)
def test_every_passage_is_wide(name: str, size_m: float) -> None:
    """A disc of 0.65 m radius, nearly as wide as the promised 1.4 m, gets everywhere the robot gets."""
    for seed in SEEDS:
        space = free_space(draw(name, seed, size_m))
        wide = (space.clearance >= 0.65).astype(np.uint8)
        assert regions(wide) == 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13))
        swept = cv2.dilate(wide, disc) & space.region
        assert swept.sum() > 0.97 * space.region.sum()


def test_a_narrow_door_would_be_noticed() -> None:
    """The property above fails for two halls that a door of 1.2 m joins."""
    wall = Prisms.boxes([[5.0, 2.2], [5.0, 7.8]], (0.1, 2.2), z=(0.0, 2.5))
    space = free_space(Layout(name="halls", bounds=(0.0, 0.0, 10.0, 10.0), prisms=wall))
    assert regions((space.clearance >= 0.3).astype(np.uint8)) == 1
    assert regions((space.clearance >= 0.65).astype(np.uint8)) == 2


@every_family
def test_one_seed_is_one_layout(name: str) -> None:
    hashes = [draw(name, seed).hash for seed in range(8)]
    assert hashes == [draw(name, seed).hash for seed in range(8)]
    assert len(set(hashes)) == 8
    assert len({draw(name, seed, 20.0).hash for seed in range(8)}) == 8


@every_family
def test_size_is_drawn_from_the_familys_range(name: str) -> None:
    low, high = SIZE_RANGE_M[name]
    sizes = [draw(name, seed).bounds[2] for seed in range(20)]
    assert low <= min(sizes)
    assert max(sizes) <= high
    assert max(sizes) - min(sizes) > 0.5 * (high - low)


@pytest.mark.parametrize("name", ["blocks", "rooms", "office", "maze"])
def test_large_arenas_are_no_exception(name: str) -> None:
    space = free_space(draw(name, 3, 60.0))
    assert np.array_equal(space.region > 0, space.clearance >= 0.3)


def test_every_family_has_one_split() -> None:
    names = [name for split in SPLITS.values() for name in split]
    assert sorted(names) == sorted(FAMILIES)
    hashes = {split: {draw(name, seed).hash for name in SPLITS[split] for seed in range(4)} for split in SPLITS}
    assert sum(len(found) for found in hashes.values()) == len(set().union(*hashes.values())) == 4 * len(FAMILIES)


@pytest.mark.parametrize("name", SPLITS["training"])
def test_training_families_enclose_no_rooms(name: str) -> None:
    """No obstacle is longer than 6 m, and most of the ground is free."""
    for seed in SEEDS:
        layout = draw(name, seed, 24.0)
        assert (layout.prisms.color == 0).sum() == 4
        space = free_space(layout)
        assert space.area_m2 > 0.6 * 24.0**2
        inside = (space.clearance < 0.05).astype(np.uint8)[4:-4, 4:-4]
        _, _, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
        assert stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max() < 60


def test_mixed_has_low_obstacles_tables_and_tall_ones() -> None:
    for seed in range(10):
        z = draw("mixed", seed, 20.0).prisms.z[4:]
        assert ((z[:, 0] == 0) & (z[:, 1] >= 0.3) & (z[:, 1] <= 0.7)).any()
        assert ((z[:, 0] >= 0.7) & (z[:, 1] <= 0.78)).any()
        assert (z[:, 1] >= 1.8).any()


def test_mixed_has_walls_that_end_in_the_open_and_some_that_stand_out_from_the_outer_one() -> None:
    free, fins = 0, 0
    for seed in range(10):
        prisms = draw("mixed", seed, 24.0).prisms
        is_wall = (
            (prisms.half.min(axis=1) <= 0.12) & (prisms.half.max(axis=1) > 0.5) & (prisms.z[:, 1] == WALL_HEIGHT_M)
        )
        is_wall &= (np.arange(len(is_wall)) >= 4) & (prisms.z[:, 0] == 0.0)  # neither the outer walls nor gates
        rim = np.minimum(prisms.center - reach(prisms), 24.0 - prisms.center - reach(prisms)).min(axis=1)
        assert not (is_wall & (rim > 0.2) & (rim < GAP_M)).any()
        deep = np.minimum(prisms.center, 24.0 - prisms.center).min(axis=1)
        assert (deep[is_wall & (rim < 0.2)] > 0.5).all()  # none lies along the outer wall
        free, fins = free + int((is_wall & (rim > GAP_M)).sum()), fins + int((is_wall & (rim < 0.2)).sum())
    assert free > 20
    assert fins > 20


@every_family
def test_nothing_hangs_at_head_height(name: str) -> None:
    """What a body passes under hangs above 2 m, far enough from the limit."""
    for seed in SEEDS:
        under = draw(name, seed).prisms.z[:, 0]
        assert not ((under > BODY_CLEARANCE_M - 0.1) & (under < BODY_CLEARANCE_M + 0.1)).any()


def test_unknown_family_is_named_with_the_nearest_one() -> None:
    with pytest.raises(LayoutError, match=r"'romms'.*did you mean 'rooms'.*blocks, pillars"):
        draw("romms", 0)


@pytest.mark.parametrize("size_m", [float("nan"), float("inf"), 7.9, 200.1, -20.0])
def test_size_outside_the_limits_is_refused(size_m: float) -> None:
    with pytest.raises(LayoutError, match=r"8\.0 to 200\.0"):
        draw("pillars", 0, size_m)


def test_gaps_of_hand_drawn_rectangles() -> None:
    unit = spots([[0.0, 0.0]], (1.0, 0.5))
    others = spots([[4.0, 0.0], [0.0, 3.0], [5.0, 3.5], [1.5, 0.0]], (1.0, 0.5), [0.0, np.pi / 2, 0.0, 0.3])
    found = gaps(unit, others)[0]
    np.testing.assert_allclose(found[:2], [2.0, 1.5], atol=1e-12)
    assert 3.0 < found[2] <= np.hypot(3.0, 2.5)
    assert found[3] < 0


def test_spaced_keeps_the_earlier_one_and_ignores_other_rooms() -> None:
    row = spots([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0], [3.5, 0.0]], (0.25, 0.25))
    assert spaced(row, gap_m=1.5).tolist() == [0, 2]
    assert spaced(row, gap_m=1.5, limit=1).tolist() == [0]
    assert spaced(row, gap_m=1.5, group=np.array([0, 1, 1, 1])).tolist() == [0, 1, 2]
    assert spaced(row, gap_m=1.5, allowed=np.array([False, True, True, True])).tolist() == [1, 2]


def test_scatter_ends_when_nothing_fits() -> None:
    rng = np.random.default_rng(0)
    places, which = scatter(rng, np.full((300, 2), 3.0), np.zeros(300), (0.0, 0.0, 5.0, 5.0), limit=10)
    assert places.number == len(which) == 0
    taken = spots([[2.5, 2.5]], (1.0, 1.0))
    assert scatter(rng, np.full((300, 2), 0.5), np.zeros(300), (0, 0, 5, 5), limit=10, taken=taken)[0].number == 0


def test_furniture_at_walls_touches_one_and_leaves_a_passage_to_the_others() -> None:
    rng = np.random.default_rng(0)
    room = np.array([1.0, 2.0, 7.0, 6.5])
    places, fits = against_walls(rng, rng.uniform(0.2, 1.0, (200, 2)), np.tile(room, (200, 1)))
    places = places.pick(fits)
    prisms = Prisms.boxes(places.center, places.half, yaw=places.yaw, z=(0.0, 1.0))
    distance = np.concatenate(
        [places.center - reach(prisms) - room[:2], room[2:] - places.center - reach(prisms)], axis=1
    )
    touches = distance <= 0
    assert touches.any(axis=1).all()
    assert (touches | (distance > GAP_M - 0.03)).all()
    assert (touches.sum(axis=1) == 2).any()


def test_turning_four_times_is_no_turn() -> None:
    prisms = Prisms.concatenate(
        [Prisms.boxes([[1.0, 2.0]], (0.5, 0.2), z=(0.0, 1.0)), Prisms.cylinders([[3.0, 1.0]], 0.2, z=(0.0, 1.0))]
    )
    once = turned(prisms, 10.0, 1)
    np.testing.assert_allclose(once.center, [[8.0, 1.0], [9.0, 3.0]])
    np.testing.assert_allclose(once.yaw, [np.pi / 2, 0.0])
    np.testing.assert_allclose(turned(turned(once, 10.0, 2), 10.0, 1).center, prisms.center)


def test_parts_move_in_the_frame_of_their_place() -> None:
    place = Spots(np.array([[2.0, 3.0]]), np.array([[1.0, 0.5]]), np.array([np.pi / 2]))
    part = place.part(np.array([[1.0, 0.0]]), np.array([0.1, 0.2]))
    np.testing.assert_allclose(part.center, [[2.0, 4.0]], atol=1e-12)
    np.testing.assert_allclose(part.half, [[0.1, 0.2]])


def test_gallery_has_a_tile_for_each_layout_and_says_why_one_cannot_be_played() -> None:
    tiny = Layout(name="cupboard", bounds=(0.0, 0.0, 2.0, 2.0), prisms=Prisms.empty())
    picture = draw_gallery([*collect_layouts(["maze"], seeds=[0, 1]), tiny], columns=3, pixels=320)
    assert picture.shape[1] >= 3 * 320
    assert picture.dtype == np.uint8
    assert len(np.unique(picture[-200:-100, -300:].reshape(-1, 3), axis=0)) == 1
    with pytest.raises(ValueError, match="needs layouts"):
        draw_gallery([])
    with pytest.raises(LayoutError, match="did you mean 'maze'"):
        collect_layouts(["mazes"], seeds=[0])
    assert len(collect_layouts(list(FAMILIES), seeds=[0])) == len(FAMILIES)
