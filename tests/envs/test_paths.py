import itertools

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from envs.paths import PathWorkspace, find_path, nearest_free_cell, sees, shorten, travel_weight

OPEN_M = 1.0


def drawn(*rows):
    """A region and clearance from a picture: `#` blocked, `.` free; the first line is row 0."""
    region = np.array([[character != "#" for character in row] for row in rows], dtype=np.uint8)
    return np.where(region, OPEN_M, 0.0).astype(np.float32), region


def searched(clearance, region, start, goal, *, workspace=None, **options):
    workspace = workspace or PathWorkspace.sized(region.size, max_expanded=region.size)
    return find_path(clearance, region, np.array(start), np.array(goal), workspace, **options)


def cost_of(path, clearance):
    total = 0.0
    for (row, column), (to_row, to_column) in itertools.pairwise(path):
        length = np.hypot(to_row - row, to_column - column)
        total += length * 0.5 * (travel_weight(clearance[row, column]) + travel_weight(clearance[to_row, to_column]))
    return total


def random_grid(rng, shape, share):
    region = (rng.random(shape) >= share).astype(np.uint8)
    clearance = np.where(region, rng.uniform(0.0, 1.0, shape), 0.0).astype(np.float32)
    return clearance, region


def least_costs(clearance, region, start):
    """Costs from one cell to all by SciPy, with the same steps and weights."""
    rows, columns = region.shape
    weight = np.array([[travel_weight(value) for value in row] for row in clearance])
    sources, targets, costs = [], [], []
    for row, column in np.argwhere(region):
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                to_row, to_column = row + i, column + j
                if (i, j) == (0, 0) or not (0 <= to_row < rows and 0 <= to_column < columns):
                    continue
                if not (region[to_row, to_column] and region[row, to_column] and region[to_row, column]):
                    continue
                sources.append(row * columns + column)
                targets.append(to_row * columns + to_column)
                costs.append(np.hypot(i, j) * 0.5 * (weight[row, column] + weight[to_row, to_column]))
    graph = coo_matrix((costs, (sources, targets)), shape=(region.size, region.size)).tocsr()
    return dijkstra(graph, indices=start[0] * columns + start[1]).reshape(region.shape)


class TestFindPath:
    def test_straight_line(self):
        clearance, region = drawn(".....")
        assert searched(clearance, region, (0, 0), (0, 4)).tolist() == [[0, i] for i in range(5)]

    def test_diagonal(self):
        clearance, region = drawn("...", "...", "...")
        assert searched(clearance, region, (0, 0), (2, 2)).tolist() == [[0, 0], [1, 1], [2, 2]]

    def test_cuts_no_corner(self):
        clearance, region = drawn("..#", "...", "...")
        path = searched(clearance, region, (0, 1), (1, 2))
        assert path.tolist() == [[0, 1], [1, 1], [1, 2]]

    def test_passes_no_diagonal_gap(self):
        clearance, region = drawn(".#", "#.")
        assert searched(clearance, region, (0, 0), (1, 1)).shape == (0, 2)

    def test_start_is_goal(self):
        clearance, region = drawn("...")
        assert searched(clearance, region, (0, 1), (0, 1)).tolist() == [[0, 1]]

    def test_unreachable(self):
        clearance, region = drawn("..#..", "..#..")
        assert searched(clearance, region, (0, 0), (1, 4)).shape == (0, 2)

    @pytest.mark.parametrize(
        ("start", "goal"), [((0, 2), (0, 0)), ((0, 0), (0, 2)), ((-1, 0), (0, 0)), ((0, 0), (0, 5)), ((3, 0), (0, 0))]
    )
    def test_ends_outside_the_region(self, start, goal):
        clearance, region = drawn("..#..", ".....")
        assert searched(clearance, region, start, goal).shape == (0, 2)

    def test_budget(self):
        clearance, region = drawn(*["." * 40] * 40)
        workspace = PathWorkspace.sized(1600, max_expanded=1600)
        needed = len(searched(clearance, region, (0, 0), (0, 39), workspace=workspace)) - 1
        assert workspace.counters[1] == needed
        found = searched(clearance, region, (0, 0), (0, 39), workspace=workspace, max_expanded=needed)
        assert len(found) == 40
        none = searched(clearance, region, (0, 0), (0, 39), workspace=workspace, max_expanded=needed - 1)
        assert none.shape == (0, 2)
        assert workspace.counters[1] == needed - 1

    def test_a_full_heap_ends_the_search(self):
        clearance, region = drawn(*["." * 40] * 40)
        workspace = PathWorkspace.sized(1600, max_expanded=5)
        assert searched(clearance, region, (0, 0), (39, 20), workspace=workspace).shape == (0, 2)

    def test_runs_down_the_middle_of_a_door(self):
        region = np.ones((30, 41), dtype=np.uint8)
        region[14:16] = 0
        region[14:16, 15:26] = 1  # a door around column 20, the straight way would hug its left post
        wall = np.argwhere(region == 0)
        row, column = np.indices(region.shape)
        apart = np.hypot(row[..., None] - wall[:, 0], column[..., None] - wall[:, 1]).min(axis=-1)
        clearance = np.minimum(0.1 * apart, 1.0).astype(np.float32)
        path = searched(clearance, region, (0, 5), (29, 5))
        crossing = path[np.isin(path[:, 0], (14, 15)), 1]
        assert (np.abs(crossing - 20) <= 1).all()

    @pytest.mark.parametrize("seed", range(8))
    def test_cost_equals_dijkstra(self, seed):
        rng = np.random.default_rng(seed)
        clearance, region = random_grid(rng, (25, 31), 0.25)
        cells = np.argwhere(region)
        start = cells[rng.integers(len(cells))]
        expected = least_costs(clearance, region, start)
        workspace = PathWorkspace.sized(region.size, max_expanded=region.size)
        for goal in cells[rng.integers(len(cells), size=20)]:
            path = searched(clearance, region, start, goal, workspace=workspace)
            greedy = searched(clearance, region, start, goal, workspace=workspace, greed=1.5)
            if np.isinf(expected[tuple(goal)]):
                assert len(path) == len(greedy) == 0
                continue
            assert cost_of(path, clearance) == pytest.approx(expected[tuple(goal)], abs=1e-9)
            assert cost_of(greedy, clearance) <= 1.5 * expected[tuple(goal)] + 1e-9
            assert path[0].tolist() == start.tolist()
            assert path[-1].tolist() == goal.tolist()

    def test_cost_does_not_grow_with_the_map(self):
        expanded = []
        for size in (60, 1000):
            region = np.ones((size, size), dtype=np.uint8)
            region[20, :50] = 0
            clearance = np.full((size, size), OPEN_M, dtype=np.float32)
            workspace = PathWorkspace.sized(region.size, max_expanded=50_000)
            assert len(searched(clearance, region, (5, 5), (40, 5), workspace=workspace))
            expanded.append(workspace.counters[1])
        assert expanded[0] == expanded[1]

    def test_a_used_workspace_gives_the_same_paths(self):
        rng = np.random.default_rng(3)
        shared = PathWorkspace.sized(900, max_expanded=900)
        for _ in range(30):
            clearance, region = random_grid(rng, tuple(rng.integers(5, 30, size=2)), 0.2)
            cells = np.argwhere(region)
            start, goal = cells[rng.integers(len(cells), size=2)]
            used = searched(clearance, region, start, goal, workspace=shared)
            assert np.array_equal(used, searched(clearance, region, start, goal))

    def test_the_count_of_searches_starts_again(self):
        clearance, region = drawn(".....")
        workspace = PathWorkspace.sized(5, max_expanded=5)
        searched(clearance, region, (0, 0), (0, 4), workspace=workspace)
        workspace.counters[0] = 2**30 - 2
        assert len(searched(clearance, region, (0, 0), (0, 4), workspace=workspace)) == 5
        assert workspace.counters[0] == 1

    def test_goes_around_a_disc(self):
        clearance, region = drawn(*["." * 21] * 21)
        path = searched(clearance, region, (10, 0), (10, 20), avoid=np.array([[10.0, 10.0, 5.0]]))
        assert (np.hypot(*(path - 10).T) >= 5.0).all()

    def test_leaves_a_disc_but_enters_none(self):
        clearance, region = drawn("." * 21)
        disc = np.array([[0.0, 10.0, 4.0]])
        assert len(searched(clearance, region, (0, 8), (0, 0), avoid=disc)) == 9
        assert len(searched(clearance, region, (0, 8), (0, 20), avoid=disc)) == 0
        assert len(searched(clearance, region, (0, 0), (0, 8), avoid=disc)) == 0

    def test_shapes_must_agree(self):
        clearance, region = drawn("...")
        with pytest.raises(ValueError, match=r"\(1, 2\).*\(1, 3\)"):
            searched(clearance[:, :2], region, (0, 0), (0, 1))

    def test_a_small_workspace_is_refused(self):
        clearance, region = drawn("...")
        with pytest.raises(ValueError, match=r"2 cells.*3"):
            searched(clearance, region, (0, 0), (0, 1), workspace=PathWorkspace.sized(2, max_expanded=3))


class TestShorten:
    def test_a_straight_path_has_two_waypoints_in_metres(self):
        clearance, region = drawn(*["." * 9] * 3)
        cells = searched(clearance, region, (1, 0), (1, 8))
        waypoints = shorten(cells, clearance, np.array([10.0, -2.0]), 0.1, 0.45)
        assert waypoints == pytest.approx(np.array([[10.05, -1.85], [10.85, -1.85]]))

    def test_a_corner_keeps_a_waypoint_and_the_clearance(self):
        region = np.ones((40, 40), dtype=np.uint8)
        region[:25, 15:] = 0
        row, column = np.indices(region.shape)
        outside = np.hypot(np.maximum(15 - column, 0), np.maximum(row - 24, 0)) * 0.1
        clearance = np.minimum(np.where(region, outside, 0.0), 1.0).astype(np.float32)
        region[clearance < 0.3] = 0
        cells = searched(clearance, region, (5, 5), (35, 35))
        waypoints = shorten(cells, clearance, np.zeros(2), 0.1, 0.45)
        assert 3 <= len(waypoints) <= 5
        for start, end in itertools.pairwise(waypoints):
            on_line = (start + np.linspace(0, 1, 100)[:, None] * (end - start)) / 0.1
            assert clearance[tuple(on_line.astype(int)[:, ::-1].T)].min() >= 0.45 - 1e-6

    @pytest.mark.parametrize("count", [0, 1])
    def test_short_paths(self, count):
        clearance, _ = drawn("...")
        assert shorten(np.zeros((count, 2), dtype=np.int32), clearance, np.zeros(2), 0.1, 0.4).shape == (count, 2)


class TestNearestFreeCell:
    def test_itself_and_the_nearest(self):
        _, region = drawn("#####.", "######", "##.###", "######", "######")
        assert nearest_free_cell(region, np.array([2, 2]), 3).tolist() == [2, 2]
        assert nearest_free_cell(region, np.array([0, 3]), 5).tolist() == [0, 5]
        assert nearest_free_cell(region, np.array([4, 2]), 5).tolist() == [2, 2]

    def test_none_within_the_radius(self):
        _, region = drawn("...", "###", "###", "###")
        assert nearest_free_cell(region, np.array([3, 1]), 2).tolist() == [-1, -1]
        assert nearest_free_cell(region, np.array([3, 1]), 3).tolist() == [0, 1]

    def test_agrees_with_a_search_over_all_cells(self):
        rng = np.random.default_rng(0)
        for _ in range(50):
            region = (rng.random((15, 15)) < 0.03).astype(np.uint8)
            cell = rng.integers(0, 15, size=2)
            found = nearest_free_cell(region, cell, 30)
            apart = np.hypot(*(np.argwhere(region) - cell).T)
            if not len(apart):
                assert found.tolist() == [-1, -1]
                continue
            assert np.hypot(*(found - cell)) == pytest.approx(apart.min())


class TestSees:
    @pytest.mark.parametrize(
        ("picture", "expected"),
        [
            (["....."], True),
            (["..#.."], False),
            (["#...#"], True),  # the ends do not count
            ([".#", "#."], False),  # no sight through the corner of two walls
            (["..", "#."], True),
            (["...", ".#.", "..."], False),
            (["...", "..#", "..."], True),
        ],
    )
    def test_known_answers(self, picture, expected):
        _, region = drawn(*picture)
        assert sees(1 - region, 0, 0, region.shape[0] - 1, region.shape[1] - 1) is expected

    def test_same_in_both_directions_and_to_itself(self):
        rng = np.random.default_rng(1)
        opaque = (rng.random((40, 40)) < 0.08).astype(np.uint8)
        answers = []
        for row, column, to_row, to_column in rng.integers(0, 40, size=(500, 4)):
            answers.append(sees(opaque, row, column, to_row, to_column))
            assert answers[-1] is sees(opaque, to_row, to_column, row, column)
            assert sees(opaque, row, column, row, column)
        assert 50 < sum(answers) < 450

    def test_no_gap_in_a_thin_slanted_wall(self):
        opaque = np.eye(30, dtype=np.uint8)
        for column in range(1, 30):
            assert not sees(opaque, 29, 0, 0, column)
