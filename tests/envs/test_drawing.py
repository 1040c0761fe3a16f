"""Hand-drawn rooms whose pixels are known."""

import numpy as np
import pytest

from envs.drawing import FREE_COLOR, TARGET_COLOR, TRACKER_COLOR, UNREACHED_COLOR, TopDown
from envs.layouts.layout import PALETTE, Layout, Prisms

VIEW = {"hfov_rad": np.pi / 2, "range_m": 4.0}


def room(**prisms: object) -> Layout:
    """A room of 10 m x 5 m, with one box in it at (7, 2.5)."""
    box = Prisms.boxes([[7.0, 2.5]], (0.5, 0.5), **{"z": (0.0, 2.0), "color": 6, **prisms})
    return Layout(name="room", bounds=(-1.0, 0.0, 9.0, 5.0), prisms=box)


def pixel(view: TopDown, picture: np.ndarray, x: float, y: float) -> np.ndarray:
    column, row = np.round(view.to_pixel([x, y])).astype(int)
    return picture[row, column]


def test_north_is_up_and_the_longer_side_has_the_pixels() -> None:
    view = TopDown(room(), pixels=400)
    assert view.background.shape == (200, 400, 3)
    np.testing.assert_allclose(view.to_pixel([[-1.0, 5.0], [9.0, 0.0]]), [[-0.5, -0.5], [399.5, 199.5]])
    assert view.to_pixel(np.zeros((3, 4, 2))).shape == (3, 4, 2)


def test_ground_and_prisms_have_their_colors() -> None:
    view = TopDown(room())
    assert pixel(view, view.background, 3.0, 2.5).tolist() == list(FREE_COLOR)
    assert pixel(view, view.background, -0.9, 2.5).tolist() == list(UNREACHED_COLOR)
    assert pixel(view, view.background, 7.0, 2.5).tolist() == PALETTE[6].tolist()


def test_ground_is_drawn_where_the_region_is() -> None:
    """The lower left corner of a map, not the upper one, belongs to row 0."""
    wall = Prisms.boxes([[3.0, 1.0]], (3.0, 1.0), z=(0.0, 2.0))
    view = TopDown(Layout(name="half", bounds=(0.0, 0.0, 6.0, 8.0), prisms=wall), pixels=160)
    assert pixel(view, view.background, 3.0, 2.15).tolist() == list(UNREACHED_COLOR)
    assert pixel(view, view.background, 3.0, 2.6).tolist() == list(FREE_COLOR)
    assert pixel(view, view.background, 3.0, 7.4).tolist() == list(FREE_COLOR)


def test_low_and_overhead_things_look_lighter_than_tall_ones() -> None:
    shade = {}
    for name, z in (("tall", (0.0, 2.0)), ("low", (0.0, 0.5)), ("overhead", (2.1, 2.4))):
        view = TopDown(room(z=z))
        shade[name] = int(pixel(view, view.background, 7.0, 2.5).sum())
    assert shade["tall"] < shade["low"] < shade["overhead"] == sum(FREE_COLOR)


def test_overhangs_are_hatched() -> None:
    view = TopDown(room(z=(0.7, 0.8)))
    (left, bottom), (right, top) = np.round(view.to_pixel([[6.7, 2.2], [7.3, 2.8]])).astype(int)
    inside = view.background[top:bottom, left:right].reshape(-1, 3)
    assert len(np.unique(inside, axis=0)) == 2


def test_movers_stand_where_their_poses_say_and_the_background_stays() -> None:
    view = TopDown(room())
    before = view.background.copy()
    picture = view.draw([[2.0, 2.5, 0.0], [4.0, 2.5, np.pi]], **VIEW)
    np.testing.assert_array_equal(view.background, before)
    assert pixel(view, picture, 2.0 - 0.15, 2.5).tolist() == list(TRACKER_COLOR)
    assert pixel(view, picture, 4.0 + 0.15, 2.5).tolist() == list(TARGET_COLOR)


def test_field_of_view_is_ahead_and_what_the_box_hides_is_paler() -> None:
    view = TopDown(room())
    picture = view.draw([[5.0, 2.5, 0.0]], **VIEW).astype(int)
    seen, hidden, behind = (pixel(view, picture, x, 2.5) for x in (6.0, 8.0, 3.0))
    assert behind.tolist() == list(FREE_COLOR)
    assert seen[2] < hidden[2] < behind[2]


def test_paths_are_drawn_in_their_movers_color() -> None:
    view = TopDown(room())
    picture = view.draw(
        [[5.0, 1.0, 0.0], [5.0, 4.0, 0.0]], paths=[np.zeros((0, 2)), [[1.0, 4.0], [4.0, 4.0]]], **VIEW
    ).astype(int)
    assert pixel(view, picture, 2.0, 1.0).tolist() == list(FREE_COLOR)
    red, _, blue = pixel(view, picture, 2.0, 4.0)
    assert red > blue + 60


def test_looks_are_palette_colors_one_for_each_mover() -> None:
    view = TopDown(room())
    poses = [[2.0, 1.0, 0.0], [3.0, 4.0, 0.0], [1.0, 4.0, 0.0]]
    picture = view.draw(poses, looks=[0, 4, 9], **VIEW)
    assert pixel(view, picture, 1.0 - 0.15, 4.0).tolist() == PALETTE[9].tolist()
    assert pixel(view, picture, 3.0 - 0.15, 4.0).tolist() == PALETTE[4].tolist()
    with pytest.raises(ValueError, match="3 movers need as many looks, got 2"):
        view.draw(poses, looks=[0, 4], **VIEW)


def test_movers_outside_the_picture_do_no_harm() -> None:
    view = TopDown(room())
    picture = view.draw([[40.0, 2.5, 0.0], [-30.0, 2.5, 0.0]], **VIEW)
    np.testing.assert_array_equal(picture, view.background)
