"""The planner on what it has seen: what it makes of a percept, and where it drives."""

import numpy as np
import pytest

from agents.agent import Percept
from agents.drive import DT_S, STEPS
from agents.oracle import KEEP_M
from agents.planner import Planner, believed_path, ego_space

G = 32
CELL_M, BEHIND_M = 0.3, 2.4


def percept(target, predicted, *, seen=True, age_s=0.0, walls=()) -> Percept:
    """One world; walls are x from, x to, y from, y to in metres."""
    occupied = np.zeros((1, G, G), dtype=np.float32)
    x = (G - np.arange(G) - 0.5) * CELL_M - BEHIND_M  # of the rows
    y = (0.5 * G - np.arange(G) - 0.5) * CELL_M  # of the columns
    for x_from, x_to, y_from, y_to in walls:
        rows, columns = (x >= x_from) & (x <= x_to), (y >= y_from) & (y <= y_to)
        occupied[0][np.ix_(rows, columns)] = 1.0
    return Percept(
        occupied=occupied,
        cell_m=CELL_M,
        behind_m=BEHIND_M,
        room_behind_m=np.full(1, 2.0),
        target=np.array([target], dtype=float),
        seen=np.array([seen]),
        age_s=np.array([age_s]),
        predicted=np.array([predicted], dtype=float),
        times_s=np.array([0.6, 1.2, 2.4]),
        velocity=np.zeros((1, 2)),
        limits=np.array([[2.0, 2.0, np.pi / 2]]),
    )


def act(given: Percept, search=None) -> np.ndarray:
    def unneeded(space, start, goal):
        raise AssertionError("no path was needed")

    planner = Planner(lambda observation: observation, search or unneeded)
    planner.reset(np.ones(1, dtype=bool))
    return planner.act(given)[0]


def test_the_path_of_a_seen_target_begins_where_it_is():
    path = believed_path(percept([3.0, 0.0], [[3.6, 0.0], [4.2, 0.0], [5.4, 0.0]]), 0)
    np.testing.assert_allclose(path[:, 0], 3.0 + DT_S * np.arange(STEPS + 1))
    np.testing.assert_allclose(path[:, 1], 0.0)


def test_the_path_of_a_hidden_target_is_the_prediction_told_backwards():
    given = percept([9.0, 9.0], [[3.6, 1.0], [4.2, 1.0], [5.4, 1.0]], seen=False, age_s=1.0)
    np.testing.assert_allclose(believed_path(given, 0)[0], [3.0, 1.0])


def test_the_map_lies_around_the_robot_as_it_looks_ahead():
    space = ego_space(percept([3.0, 0.0], [[3.0, 0.0]] * 3, walls=[(3.9, 4.5, 1.5, 2.1)]), 0, np.array([2.0, -2.0]))

    def at(grid, x, y):
        return grid[int((y - space.origin[1]) / 0.1), int((x - space.origin[0]) / 0.1)]

    assert at(space.opaque, 4.2, 1.8) == 1
    assert at(space.clearance, 4.2, 1.8) == 0.0
    assert at(space.opaque, 4.2, -1.8) == at(space.opaque, -1.0, 1.8) == 0
    assert at(space.clearance, 4.25, 2.55) == pytest.approx(0.5, abs=0.11)  # what the cells hold begins within them


def test_a_passage_between_full_cells_is_wide_enough_if_a_robot_may_fit():
    given = percept([3.0, 0.0], [[3.0, 0.0]] * 3, walls=[(0.9, 2.1, 0.3, 0.9), (0.9, 2.1, -0.9, -0.3)])
    space = ego_space(given, 0, np.array([3.0, 0.0]))
    row, column = int(-space.origin[1] / 0.1), int((1.5 - space.origin[0]) / 0.1)
    assert space.clearance[row - 1 : row + 1, column].max() >= KEEP_M


def test_neither_the_robot_nor_the_target_stands_in_an_obstacle():
    given = percept([3.0, 0.0], [[3.0, 0.0]] * 3, walls=[(-0.6, 0.6, -0.6, 0.6), (2.4, 3.6, -0.6, 0.6)])
    space = ego_space(given, 0, np.array([3.0, 0.0]))
    rows, columns = (int(-space.origin[1] / 0.1), (np.array([0.0, 3.0]) - space.origin[0]) / 0.1)
    assert (space.opaque[rows, columns.astype(int)] == 0).all()


def test_it_closes_up_to_a_target_in_sight():
    forward, turn = act(percept([4.5, 0.0], [[4.5, 0.0]] * 3))
    assert forward > 0.5
    assert abs(turn) < 0.1


def test_it_drives_around_a_wall_by_the_way_that_it_finds():
    asked = []

    def search(space, start, goal):
        asked.append(goal)
        return np.array([start, [0.3, 2.5], [3.5, 2.5], goal])

    wall = [(1.2, 1.8, -1.8, 1.8)]
    _, turn = act(percept([3.5, 0.0], [[3.5, 0.0]] * 3, seen=False, age_s=0.5, walls=wall), search)
    np.testing.assert_allclose(asked, [[3.5, 0.0]])
    assert turn > 0.3  # the way leads around the left


@pytest.mark.parametrize(("side", "sign"), [(0.9, 1.0), (-0.9, -1.0)])
def test_it_turns_round_where_a_target_is_not_found(side, sign):
    at = [0.2, side * 0.5]
    forward, turn = act(percept(at, [at] * 3, seen=False, age_s=2.0))
    assert forward == 0.0
    assert turn == pytest.approx(0.6 * sign)


def test_it_turns_round_before_it_has_seen_anything():
    forward, turn = act(percept([np.nan] * 2, [[np.nan] * 2] * 3, seen=False, age_s=5.0))
    assert (forward, turn) == (0.0, pytest.approx(0.6))


@pytest.mark.parametrize(("room_m", "backs"), [(2.0, True), (0.0, False)])
def test_it_backs_off_from_a_target_that_is_close_over_ground_that_it_has_seen_only(room_m, backs):
    close = percept([1.0, 0.0], [[1.0, 0.0]] * 3)._replace(room_behind_m=np.full(1, room_m))
    assert (act(close)[0] < -0.5) == backs
