import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.errors import LayoutError
from envs.layouts.files import load_layout
from envs.layouts.grid_map import FREE, WALL, layout_of_grid
from envs.layouts.movingai import read_movingai


def write(tmp_path, rows, header="type octile\nheight {height}\nwidth {width}\nmap\n", end="\n"):
    path = tmp_path / "small.map"
    text = header.format(height=len(rows), width=len(rows[0])) + "\n".join(rows) + "\n"
    path.write_bytes(text.replace("\n", end).encode())
    return path


def boxes(layout, height_m, color):
    prisms = layout.prisms
    chosen = (prisms.z[:, 1] == height_m) & (prisms.color == color)
    lower, upper = prisms.center - prisms.half, prisms.center + prisms.half
    return sorted(np.concatenate([lower, upper], axis=1)[chosen].round(6).tolist())


# row 0 of the file is the top; the lower left cell has its corner at (0, 0)
ROWS = ["OOOOOOO", "@.GS.T@", "@....W@", "@.....@", "@@@@@@@"]


def test_every_character(tmp_path):
    layout = read_movingai(write(tmp_path, ROWS))
    assert layout.name == "small"
    assert layout.bounds == (0.0, 0.0, 7.0, 5.0)
    assert boxes(layout, 2.5, 4) == [[5, 3, 6, 4]]  # the tree
    assert boxes(layout, 0.3, 6) == [[5, 2, 6, 3]]  # the water
    walls = boxes(layout, 2.5, 0)
    assert sum((box[2] - box[0]) * (box[3] - box[1]) for box in walls) == 20
    assert len(layout.prisms) == len(walls) + 2


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_do_not_matter(tmp_path, end):
    layout = read_movingai(write(tmp_path, ROWS, end=end))
    assert layout.hash == read_movingai(write(tmp_path, ROWS)).hash


def test_the_scale_is_an_argument(tmp_path):
    layout = load_layout(write(tmp_path, ROWS), cell_m=2.0)
    assert layout.bounds == (0.0, 0.0, 14.0, 10.0)
    assert boxes(layout, 2.5, 4) == [[10, 6, 12, 8]]


def test_cells_of_half_a_metre_are_too_narrow_for_a_body_and_two_are_not(tmp_path):
    corridor = ["@" * 90, "@" + "." * 88 + "@", "@" * 90]
    with pytest.raises(LayoutError, match="can stand nowhere"):
        load_layout(write(tmp_path, corridor), cell_m=0.5)
    wide = [corridor[0], corridor[1], corridor[1], corridor[0]]
    assert load_layout(write(tmp_path, wide), cell_m=0.5).bounds == (0.0, 0.0, 45.0, 2.0)


def test_water_is_kept_however_wide(tmp_path):
    lake = ["@" * 30, *["@....." + "W" * 23 + "@"] * 5, "@" * 30]
    layout = load_layout(write(tmp_path, lake))
    assert boxes(layout, 0.3, 6) == [[6, 1, 29, 6]]


def test_an_island_in_the_water_stays_visible(tmp_path):
    lake = ["@" * 12, "@......WWWW@", "@......W..W@", "@......WWWW@", "@" * 12]
    layout = load_layout(write(tmp_path, lake))
    middle = np.array([9.0, 2.5])
    assert not (np.abs(layout.prisms.center - middle) < layout.prisms.half).all(axis=1).any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "small.map: line 1: '', allowed are 'type octile'"),
        ("type octile\nheight 1\nwidth 2\n..\n", "line 4: '..', allowed are"),
        ("type octile\nheight 1\nwidth 2\ndepth 2\nmap\n", "line 4: 'depth 2', allowed are"),
        ("type octile\ntype octile\nheight 1\nwidth 2\nmap\n", "line 2: 'type octile', allowed are .* once each"),
        ("type tile\nheight 1\nwidth 2\nmap\n..\n", "type is 'tile', allowed is octile"),
        ("type octile\nwidth 2\nmap\n..\n", "the header has no height"),
        ("type octile\nheight 2\nmap\n..\n", "the header has no width"),
        ("height -1\nwidth 2\nmap\n..\n", "height is '-1', a whole number from 1 to 1000"),
        ("height 0\nwidth 2\nmap\n..\n", "height is '0', a whole number"),
        ("height 1\nwidth 2000000000\nmap\n..\n", "width is '2000000000', a whole number"),
        ("height 1\nwidth 1001\nmap\n..\n", "width is '1001', a whole number from 1 to 1000"),
        ("height ²\nwidth 2\nmap\n..\n", "height is '²', a whole number"),
        ("height 3\nwidth 2\nmap\n..\n..\n", "2 rows after 'map', the header says height 3"),
        ("height 1\nwidth 2\nmap\n..\n..\n", "2 rows after 'map', the header says height 1"),
        ("height 2\nwidth 2\nmap\n..\n...\n", "line 5 has 3 characters, the header says width 2"),
        ("height 2\nwidth 2\nmap\n..\n.\n", "line 5 has 1 characters"),
        ("height 2\nwidth 2\nmap\n..\n.x\n", "line 5, column 2: character 'x', allowed are . G S @ O T W"),
        ("height 1\nwidth 2\nmap\n@@\n", "can stand nowhere .0 of 2 cells"),
        ("\xff", "not a UTF-8 text file"),
        ("a" * 2_100_000, "2100000 bytes, at most 2008008"),
    ],
)
def test_a_bad_map_is_refused(tmp_path, text, message):
    path = tmp_path / "small.map"
    path.write_bytes(text.encode("latin-1" if "\xff" in text else "utf-8"))
    with pytest.raises(LayoutError, match=message):
        load_layout(path)


@pytest.mark.parametrize("cell_m", [0.0, -1.0, 0.05, 11.0, float("nan"), float("inf")])
def test_a_bad_scale_is_refused(tmp_path, cell_m):
    with pytest.raises(LayoutError, match=r"cell_m is .*, a number from 0.1 to 10 m is allowed"):
        load_layout(write(tmp_path, ROWS), cell_m=cell_m)


def largest_component(free):
    """Cells of each largest 4-connected component, found by flooding."""
    left, components = set(zip(*np.nonzero(free), strict=True)), []
    while left:
        component, edge = set(), [left.pop()]
        while edge:
            row, column = edge.pop()
            component.add((row, column))
            for cell in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                if cell in left:
                    left.remove(cell)
                    edge.append(cell)
        components.append(component)
    return [component for component in components if len(component) == max(map(len, components))]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12), st.floats(0.2, 0.8))
def test_free_is_one_largest_component_and_nothing_else(seed, rows, columns, share):
    free = np.random.default_rng(seed).random((rows, columns)) < share
    free[rows // 2, columns // 2] = True
    cells = np.where(free, FREE, WALL).astype(np.uint8)
    layout = layout_of_grid(cells, cell_m=1.0, name="grid", source="grid", reach_m=np.inf)
    x_min, y_min, x_max, y_max = (round(bound) for bound in layout.bounds)
    count = np.zeros((y_max - y_min, x_max - x_min), dtype=int)
    lower, upper = layout.prisms.center - layout.prisms.half, layout.prisms.center + layout.prisms.half
    for (left, bottom), (right, top) in zip(np.rint(lower).astype(int), np.rint(upper).astype(int), strict=True):
        count[bottom - y_min : top - y_min, left - x_min : right - x_min] += 1
    assert count.max() <= 1
    open_cells = {(row + y_min, column + x_min) for row, column in zip(*np.nonzero(count == 0), strict=True)}
    assert open_cells in largest_component(free)
