"""Which file goes to which reader, what no file may do, and the real maps."""

import math
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.errors import LayoutError
from envs.layouts.files import SUFFIXES, is_layout_path, load_layout
from envs.layouts.free_space import free_space
from envs.layouts.grid_map import PRISM_LIMIT
from envs.layouts.layout import Layout

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real maps are not here")

MAP = b"type octile\nheight 4\nwidth 5\nmap\n" + b".....\n" * 4
YAML = (
    b"image: map.pgm\nresolution: 1.0\norigin: [0, 0, 0]\nnegate: 0\noccupied_thresh: 0.65\nfree_thresh: 0.196\n"
    b"mode: trinary\n"
)
PGM = b"P5\n# made\n5 4\n255\n" + b"\xfe" * 20
TEXT = b"cell: 1\nname: room\n\n" + b".....\n" * 4


@pytest.fixture
def folder(tmp_path):
    for name, content in {"a.map": MAP, "map.yaml": YAML, "map.pgm": PGM, "room.txt": TEXT}.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_the_suffix_decides(folder):
    assert load_layout(folder / "a.map").bounds == (-1.0, -1.0, 6.0, 5.0)
    assert load_layout(folder / "map.yaml").bounds == (-1.0, -1.0, 6.0, 5.0)
    assert load_layout(folder / "room.txt").bounds == (0.0, 0.0, 5.0, 4.0)


def test_suffixes_in_capitals_and_yml_work(folder):
    wanted = load_layout(folder / "map.yaml").hash
    for name in ("MAP.YAML", "other.yml"):
        shutil.copy(folder / "map.yaml", folder / name)
        assert load_layout(str(folder / name)).hash == wanted


def test_a_folder_stands_for_its_map(folder):
    assert load_layout(folder).hash == load_layout(folder / "map.yaml").hash
    (folder / "map.yml").write_bytes(YAML)
    with pytest.raises(LayoutError, match=r"holds 2 files named map.yaml or map.yml, not one"):
        load_layout(folder)


def test_a_folder_without_map_names_what_it_has(folder):
    (folder / "map.yaml").unlink()
    with pytest.raises(LayoutError, match=r"holds 0 files .*; name one of its files: a.map, room.txt"):
        load_layout(folder)


@pytest.mark.parametrize("name", ["map.yaml", "room.txt"])
def test_cell_size_belongs_to_movingai_maps_alone(folder, name):
    with pytest.raises(LayoutError, match=rf"{name}: cell_m is 0.5, but a .* has a scale of its own"):
        load_layout(folder / name, cell_m=0.5)
    assert load_layout(folder / "a.map", cell_m=2.0).bounds == (-2.0, -2.0, 12.0, 10.0)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_files_and_folders_are_named(folder, suffix):
    with pytest.raises(LayoutError, match=rf"absent{suffix}: no such file"):
        load_layout(folder / f"absent{suffix}")
    odd = folder / f"odd{suffix}"
    odd.symlink_to(folder / "nowhere")
    with pytest.raises(LayoutError, match=rf"odd{suffix}: no such file"):
        load_layout(odd)
    with pytest.raises(LayoutError, match=r"no such file|cannot be read"):
        load_layout(f"nul\0{suffix}")
    with pytest.raises(LayoutError, match="cannot be read"):
        load_layout("x" * 5000 + suffix)


@pytest.mark.parametrize("name", ["map.pgm", "rooms", "x.json", "", ".yaml", "a\0b"])
def test_other_suffixes_are_refused_with_the_allowed_ones(folder, name, monkeypatch):
    monkeypatch.chdir(folder / ".." if name == "" else folder)
    with pytest.raises(LayoutError, match=r"\.yaml \(ROS map\), .*\.txt \(text map\)|folder holds 0"):
        load_layout(name)


def test_layout_paths_are_told_from_family_names(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "building").mkdir()
    (folder / "README.md").touch()
    yes = ["a.map", "absent.yaml", "b.YML", "c.txt", "some/folder", "/x", "building", ".", "README.md"]
    no = ["rooms", "blocks", "", "absent.pgm", "x\0y", "z" * 5000]
    assert [is_layout_path(text) for text in yes] == [True] * len(yes)
    assert [is_layout_path(text) for text in no] == [False] * len(no)


def mutated(content, draw):
    """The content with some bytes replaced, and perhaps cut."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(0, 4))):
        changed[draw(st.integers(0, len(changed) - 1))] = draw(st.sampled_from(b"\0\n\r\t :-[]{}&*#09.\xff\xfeAxP"))
    return bytes(changed[: draw(st.integers(0, len(changed)))]) if draw(st.booleans()) else bytes(changed)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_file_is_a_layout_or_refused(folder, data):
    name, content = data.draw(
        st.sampled_from([("a.map", MAP), ("map.yaml", YAML), ("map.pgm", PGM), ("room.txt", TEXT)])
    )
    for whole_name, whole in {"map.yaml": YAML, "map.pgm": PGM}.items():
        (folder / whole_name).write_bytes(whole)
    junk = data.draw(st.booleans()) and data.draw(st.booleans())
    (folder / name).write_bytes(data.draw(st.binary(max_size=300)) if junk else mutated(content, data.draw))
    try:
        assert isinstance(load_layout(folder / ("map.yaml" if name == "map.pgm" else name)), Layout)
    except LayoutError as error:
        assert str(folder) in str(error)  # noqa: PT017


def manifest_areas():
    """Column `drivable m2` of the list of the real ROS maps, by id."""
    rows = [line.split("|") for line in (DATA / "MANIFEST.md").read_text().splitlines()]
    return {row[1].strip(): float(row[7]) for row in rows if len(row) > 10 and re.match(r" \d+x\d+ (L|RGB)", row[2])}


def map_names(kind):
    return sorted(path.name for path in (DATA / kind).iterdir()) if DATA.is_dir() else []


@needs_data
@pytest.mark.parametrize("name", map_names("ros_maps"))
def test_real_ros_maps_play_or_are_refused(name):
    listed = manifest_areas()[name]
    if name == "nav2_tb3_sandbox":
        with pytest.raises(LayoutError, match=r"is 9.\d m2, at least 12.0 m2 are needed"):
            load_layout(DATA / "ros_maps" / name)
        return
    layout = load_layout(DATA / "ros_maps" / name)
    # our margin of 5 cm costs narrow places; 10 cm cells lose most
    lowest = 0.7 if name == "willow_2010_010" else 0.85
    assert lowest * listed < free_space(layout).area_m2 < 1.02 * listed
    assert len(layout.prisms) < PRISM_LIMIT / 4
    assert load_layout(DATA / "ros_maps" / name).hash == layout.hash


@needs_data
def test_a_real_map_turned_by_its_origin_lies_in_the_map_frame():
    layout = load_layout(DATA / "ros_maps" / "mit_stata_basement")
    space = free_space(layout)
    for pixel_row, pixel_column in ((310, 500), (700, 1160)):  # two of the picture's corridors
        along, up = (pixel_column + 0.5) * 0.0504, (1300 - pixel_row - 0.5) * 0.0504
        cos, sin = math.cos(3.14), math.sin(3.14)
        row, column = space.cell_of([25.9 + cos * along - sin * up, 48.5 + sin * along + cos * up])
        assert space.region[row, column] == 1


@needs_data
@pytest.mark.parametrize("name", map_names("movingai"))
def test_real_movingai_maps_play(name):
    path = DATA / "movingai" / name
    layout = load_layout(path)
    characters = path.read_text().split("map\n", 1)[1]
    passable = sum(characters.count(character) for character in ".GS")
    assert 0.6 * passable < free_space(layout).area_m2 <= passable
    assert layout.name == path.stem
