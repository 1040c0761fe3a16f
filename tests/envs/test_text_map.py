import math

import numpy as np
import pytest

from envs.errors import LayoutError
from envs.layouts.files import load_layout
from envs.layouts.free_space import free_space
from envs.layouts.layout import BOX, CYLINDER
from envs.layouts.text_map import layout_from_text, read_text_map

ROOM = """\
cell: 0.5
name: small room

##########
#........#
#.>..o...#
#......T.#
#.tt.....#
#.tt..ll.#
##########
"""


def prism_list(layout, kind=None):
    """Rows center x, y, half x, y, z low, z high, sorted."""
    prisms = layout.prisms
    table = np.concatenate([prisms.center, prisms.half, prisms.z], axis=1)
    return sorted(table[slice(None) if kind is None else prisms.kind == kind].round(6).tolist())


def test_a_hand_drawn_room():
    layout, tracker, target = read_text_map(ROOM)
    assert layout.name == "small room"
    assert layout.bounds == (0.0, 0.0, 5.0, 3.5)
    np.testing.assert_allclose(tracker, [1.25, 2.25, 0.0])
    np.testing.assert_allclose(target, [3.75, 1.75])
    assert prism_list(layout, CYLINDER) == [[2.75, 2.25, 0.25, 0.25, 0.0, 2.5]]
    boxes = prism_list(layout, BOX)
    assert [3.5, 0.75, 0.5, 0.25, 0.0, 0.5] in boxes  # the low obstacle
    assert [1.5, 1.0, 0.5, 0.5, 0.7, 0.76] in boxes  # the table's slab
    legs = [box for box in boxes if box[5] == 0.7]
    assert [box[:2] for box in legs] == [[1.03, 0.53], [1.03, 1.47], [1.97, 0.53], [1.97, 1.47]]
    assert all(box[2:5] == [0.03, 0.03, 0.0] for box in legs)
    walls = [box for box in boxes if box[5] == 2.5]
    assert len(walls) == 4
    assert sum(4 * box[2] * box[3] for box in walls) == pytest.approx(30 * 0.25)
    assert len(layout.prisms) == 1 + 1 + 1 + 4 + 4


@pytest.mark.parametrize(("character", "yaw"), [(">", 0.0), ("^", math.pi / 2), ("<", math.pi), ("v", -math.pi / 2)])
def test_the_tracker_faces_where_the_arrow_points(character, yaw):
    start = read_text_map(f"cell: 1\n\n...\n{character}..\n").tracker_start
    np.testing.assert_allclose(start, [0.5, 0.5, yaw])


def test_starts_may_be_left_out():
    assert read_text_map("cell: 1\n\n..\n..\n")[1:] == (None, None)


def test_an_empty_room_has_no_prism():
    layout = layout_from_text("cell: 1.5\n\n. .\n   \n", name="yard")
    assert (layout.name, layout.bounds, len(layout.prisms)) == ("yard", (0.0, 0.0, 4.5, 3.0), 0)


def test_the_height_of_walls_and_pillars():
    layout = layout_from_text("cell: 1\nwall_height: 1.2\n\n#.o\n..l\n")
    assert prism_list(layout) == [
        [0.5, 1.5, 0.5, 0.5, 0.0, 1.2],
        [2.5, 0.5, 0.5, 0.5, 0.0, 0.5],
        [2.5, 1.5, 0.5, 0.5, 0.0, 1.2],
    ]


def test_two_tables_stand_apart_and_block_the_way():
    layout = layout_from_text("cell: 1\n\ntt......\n........\n...t....\n...t....\n")
    slabs = [row for row in prism_list(layout) if row[4] == 0.7]
    assert slabs == [[1.0, 3.5, 1.0, 0.5, 0.7, 0.76], [3.5, 1.0, 0.5, 1.0, 0.7, 0.76]]
    space = free_space(layout)
    row, column = space.cell_of(np.array([1.0, 3.5]))
    assert space.clearance[row, column] == 0


def test_a_file_gives_the_same_as_its_text(tmp_path):
    path = tmp_path / "my room.txt"
    text = ROOM.replace("cell: 0.5", "cell: 1").replace("name: small room\n", "")
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    layout = load_layout(path)
    assert layout.name == "my room"
    assert layout.source == str(path)
    assert layout.hash == layout_from_text(text).hash == read_text_map(str(path)).layout.hash


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cell: 1\n...\n", "text: no blank line between the header"),
        ("\n...\n", "the header has no `cell: metres`"),
        ("cell: 1\n\n", "text: no blank line"),
        ("cell: 1\n\n\n...\n", "no rows of a map"),
        ("cell: 0\n\n...\n", "line 1: cell is '0', a number from 0.1 to 10 m is allowed"),
        ("cell: -1\n\n...\n", "line 1: cell is '-1', a number"),
        ("cell: nan\n\n...\n", "line 1: cell is 'nan', a number"),
        ("cell: wide\n\n...\n", "line 1: cell is 'wide', a number"),
        ("cell: 1\nwall_height: 99\n\n...\n", "line 2: wall_height is '99', a number from 0.1 to 10"),
        ("cell: 1\ncell: 2\n\n...\n", "line 2: 'cell: 2' in the header, allowed are .* once each"),
        ("cell: 1\ncolour: 2\n\n...\n", "line 2: 'colour: 2' in the header, allowed are `cell: metres`"),
        ("cell 1\n\n...\n", "line 1: 'cell 1' in the header"),
        ("cell:\n\n...\n", "line 1: 'cell:' in the header"),
        ("cell: 1\n\n...\n....\n", "line 4 has 4 characters, the first row has 3"),
        ("cell: 1\n\n...\n\n...\n", "line 4 has 0 characters"),
        ("cell: 1\n\n...\n.X.\n", r"line 4, column 2: character 'X', allowed are \. # o l t T > \^ < v and blank"),
        ("cell: 1\n\n...\n..\t\n", r"line 4, column 3: character '\\t'"),
        ("cell: 1\n\n.>.\n..<\n", "2 starts of > . < v, at most one"),
        ("cell: 1\n\n.T.\n..T\n", "2 starts of T, at most one"),
        ("cell: 1\n\ntt.\n.t.\n", "the table at column 1, row 1 from below is no rectangle of t's"),
        ("cell: 1\n\n" + "." * 1001 + "\n", "1 rows of 1001 characters, at most 1000 each"),
        ("cell: 1\n\n" + ".\n" * 1001, "1001 rows of 1 characters, at most 1000 each"),
        ("cell: 1\n\n" + ("o" * 250 + "\n") * 200, "would need 50000 prisms, at most 40000"),
    ],
)
def test_a_bad_text_is_refused(text, message):
    with pytest.raises(LayoutError, match=message):
        layout_from_text(text)


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "bad.txt"
    path.write_text("cell: 1\n\n.?.\n")
    with pytest.raises(LayoutError, match=r"bad.txt: line 3, column 2: character '\?'"):
        read_text_map(path)


def test_too_small_a_room_is_refused_as_a_file(tmp_path):
    path = tmp_path / "closet.txt"
    path.write_text("cell: 1\n\n....\n....\n")
    with pytest.raises(LayoutError, match=r"closet.* is 4.8 m2, at least 12.0 m2 are needed"):
        load_layout(path)
