"""Questions to hand-drawn maps."""

import numpy as np
import pytest

from agents.grids import clearance_at, is_drivable, sees, way_ahead

ORIGIN = np.array([-1.0, 2.0])
CELL_M = 0.1
SLOPE = np.tile(np.arange(20, dtype=np.float32) * 0.1, (10, 1))  # clearance grows with x, 1 m per metre


def test_clearance_is_interpolated_and_zero_outside():
    assert clearance_at(SLOPE, ORIGIN, CELL_M, -0.95, 2.55) == pytest.approx(0.0)
    assert clearance_at(SLOPE, ORIGIN, CELL_M, -0.5, 2.55) == pytest.approx(0.45)
    assert clearance_at(SLOPE, ORIGIN, CELL_M, 0.95, 2.99) == pytest.approx(1.9)
    for x, y in ((-1.01, 2.5), (1.01, 2.5), (0.0, 1.99), (0.0, 3.01)):
        assert clearance_at(SLOPE, ORIGIN, CELL_M, x, y) == 0.0


def test_a_way_is_drivable_where_it_keeps_its_clearance():
    assert is_drivable(SLOPE, ORIGIN, CELL_M, 0.0, 2.5, 0.9, 2.5, 0.3)
    assert not is_drivable(SLOPE, ORIGIN, CELL_M, 0.0, 2.5, -0.9, 2.5, 0.3)
    # away from a wall that is nearer than what is wanted
    assert is_drivable(SLOPE, ORIGIN, CELL_M, -0.8, 2.5, 0.9, 2.5, 0.3)


WALL = np.zeros((10, 20), dtype=np.uint8)
WALL[:6, 10] = 1  # at x 0.0 to 0.1, up to y = 2.6


@pytest.mark.parametrize(
    ("start", "end", "visible"),
    [
        ((-0.5, 2.25), (0.6, 2.25), False),
        ((0.6, 2.25), (-0.5, 2.25), False),
        ((-0.5, 2.75), (0.6, 2.75), True),
        ((-0.5, 2.25), (-0.5, 2.9), True),
        ((-0.5, 2.35), (0.55, 2.95), True),
        ((-0.5, 2.25), (0.55, 2.65), False),
        ((0.05, 2.95), (0.05, 2.15), False),
    ],
)
def test_sight(start, end, visible):
    assert sees(WALL, ORIGIN, CELL_M, *start, *end) is visible


def test_the_way_ahead_starts_at_the_farthest_point_that_can_be_driven_to_straight():
    clearance = np.full((40, 40), 1.0, dtype=np.float32)
    clearance[10:, 10:30] = 0.0  # a block: the route leads below it and up its right side
    origin = np.zeros(2)
    route = np.array([[0.5, 0.5], [3.5, 0.5], [3.5, 3.5]])
    ahead = way_ahead(route, clearance, origin, CELL_M, 0.5, 0.5, 0.33, 4.0)
    np.testing.assert_allclose(ahead[-1], [3.5, 3.5])
    assert ahead[0][0] == pytest.approx(3.5)
    assert 0.5 <= ahead[0][1] < 1.2  # around the corner it goes no farther than the straight way
    near = way_ahead(route, clearance, origin, CELL_M, 0.5, 0.5, 0.33, 1.0)
    np.testing.assert_allclose(near[:, 1], [0.5, 0.5, 3.5])
    assert 1.2 < near[0][0] <= 1.5
    assert len(way_ahead(np.array([[9.0, 9.0], [9.5, 9.5]]), clearance, origin, CELL_M, 0.5, 0.5, 0.33, 4.0)) == 0
    assert len(way_ahead(np.zeros((0, 2)), clearance, origin, CELL_M, 0.5, 0.5, 0.33, 4.0)) == 0
