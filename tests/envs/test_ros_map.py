"""ROS maps: which cells are free, where they lie, and what is refused."""

import math
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
import yaml

from envs.errors import LayoutError
from envs.layouts.files import load_layout
from envs.layouts.layout import WALL_HEIGHT_M
from envs.layouts.map_image import FILE_LIMIT_BYTES, read_map_image
from envs.layouts.ros_map import free_cells, read_ros_map, read_settings

SETTINGS = {
    "image": "map.pgm",
    "resolution": 1.0,
    "origin": [0.0, 0.0, 0.0],
    "negate": 0,
    "occupied_thresh": 0.65,
    "free_thresh": 0.196,
}
ROOM = np.zeros((6, 8), dtype=np.uint8)  # six by four free cells inside a wall
ROOM[1:-1, 1:-1] = 254


def write_yaml(folder, **changes):
    content = {key: value for key, value in {**SETTINGS, **changes}.items() if value is not ...}
    path = folder / "map.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def pgm(pixels):
    pixels = np.asarray(pixels, dtype=np.uint8)
    return b"P5\n# a comment\n%d %d\n255\n" % pixels.shape[::-1] + pixels.tobytes()


def write_map(folder, pixels, **changes):
    (folder / "map.pgm").write_bytes(pixels if isinstance(pixels, bytes) else pgm(pixels))
    return write_yaml(folder, **changes)


def write_png(folder, pixels, **changes):
    assert cv2.imwrite(str(folder / "map.png"), np.asarray(pixels))
    return write_yaml(folder, image="map.png", **changes)


def free_of(path):
    settings = read_settings(path)
    return free_cells(read_map_image(settings.image), settings).astype(int).tolist()


def covered(layout, points):
    """Whether each point (..., 2) lies in a box of the layout."""
    prisms, inside = layout.prisms, np.zeros(np.shape(points)[:-1], dtype=bool)
    for center, half, yaw in zip(prisms.center, prisms.half, prisms.yaw, strict=True):
        x, y = np.moveaxis(points - center, -1, 0)
        along, across = np.cos(yaw) * x + np.sin(yaw) * y, np.cos(yaw) * y - np.sin(yaw) * x
        inside |= (np.abs(along) < half[0]) & (np.abs(across) < half[1])
    return inside


EVERY_CLASS = [[0, 100, 127, 204], [205, 206, 207, 210], [230, 254, 255, 203]]


@pytest.mark.parametrize(
    ("changes", "free"),
    [
        # p < 0.196 means v > 205.02
        ({}, [[0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 1, 0]]),
        # p < 0.25 means v > 191.25, yet 204 to 206 stay unknown
        ({"free_thresh": 0.25}, [[0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]]),
        # p = v / 255 < 0.45 means v < 114.75
        ({"negate": 1, "free_thresh": 0.45}, [[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]),
        # halfway from 0.2 to 0.6 lies p = 0.4: v > 153
        (
            {"mode": "scale", "free_thresh": 0.2, "occupied_thresh": 0.6},
            [[0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]],
        ),
        ({"mode": "raw"}, [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]),
        ({"mode": "raw", "negate": 1}, [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]),
    ],
)
def test_every_class_in_every_mode(tmp_path, changes, free):
    assert free_of(write_map(tmp_path, EVERY_CLASS, **changes)) == free


def test_scale_is_graded_between_the_thresholds(tmp_path):
    grays = [[155, 150, 120]]  # p = 0.392, 0.412, 0.529
    assert free_of(write_map(tmp_path, grays, free_thresh=0.2, occupied_thresh=0.6)) == [[0, 0, 0]]
    assert free_of(write_map(tmp_path, grays, free_thresh=0.2, occupied_thresh=0.6, mode="scale")) == [[1, 0, 0]]


def test_raw_values_up_to_49_are_free(tmp_path):
    assert free_of(write_map(tmp_path, [[0, 49, 50, 100, 101, 255]], mode="raw")) == [[1, 1, 0, 0, 0, 0]]


def test_negated_unknown_gray_is_the_negated_one(tmp_path):
    grays = [[48, 49, 50, 51, 52, 205]]
    assert free_of(write_map(tmp_path, grays, negate=1, free_thresh=0.25)) == [[1, 0, 0, 0, 1, 0]]


def test_occupancy_at_the_threshold_is_not_free(tmp_path):
    assert free_of(write_map(tmp_path, [[204 - 51, 204 - 50]], free_thresh=0.4)) == [[0, 1]]  # 102 / 255 = 0.4


def test_colours_are_averaged(tmp_path):
    blue_green_red = np.array([[[255, 255, 255], [0, 255, 255], [255, 0, 0], [207, 207, 204]]], dtype=np.uint8)
    # means 255, 170, 85 and 206: the last one is unknown
    assert free_of(write_png(tmp_path, blue_green_red, free_thresh=0.4)) == [[1, 1, 0, 0]]


def test_pixels_that_are_not_opaque_are_unknown(tmp_path):
    pixels = np.array(
        [[[254, 254, 254, 255], [254, 254, 254, 254], [254, 254, 254, 0], [0, 0, 0, 255]]], dtype=np.uint8
    )
    # averaged in with the colours, the alpha of the last one would not matter either
    for mode in ("trinary", "scale"):
        assert free_of(write_png(tmp_path, pixels, mode=mode)) == [[1, 0, 0, 0]]
    assert free_of(write_png(tmp_path, 255 - pixels[..., :3], mode="raw")) == [[1, 1, 1, 0]]


@pytest.mark.parametrize(
    "content",
    [
        b"P2\n# made by hand\n3 2 # size\n255\n0 254 205\n# in between\n254 0\t254\n",
        b"P2 3 2 255 0 254 205 254 0 254",
        b"P5 3 2 255\n\x00\xfe\xcd\xfe\x00\xfe",
        b"P5\r\n3 2\r\n255\n\x00\xfe\xcd\xfe\x00\xfe and more",
        b"P2\n3 2\n5\n0 5 4 5 0 5\n",  # five is white; 4 is gray 204
    ],
)
def test_pgm_in_both_forms(tmp_path, content):
    assert free_of(write_map(tmp_path, content)) == [[0, 1, 0], [1, 0, 1]]


def test_a_room_lies_where_its_origin_says(tmp_path):
    room = ROOM.copy()
    room[2, 5] = 0  # third row from the top
    layout = read_ros_map(write_map(tmp_path, room, origin=[10.0, 20.0, 0.0]))
    assert layout.bounds == (10.0, 20.0, 18.0, 26.0)
    centers = np.stack(np.meshgrid(10.5 + np.arange(8), 25.5 - np.arange(6)), axis=-1)  # row 0 is the top
    np.testing.assert_array_equal(covered(layout, centers), room == 0)
    assert (layout.prisms.z == (0.0, WALL_HEIGHT_M)).all()
    assert (layout.prisms.yaw == 0).all()
    assert (layout.prisms.color == 0).all()


def test_a_quarter_turn_of_the_origin_turns_the_map(tmp_path):
    room = ROOM.copy()
    room[2, 5] = 0
    layout = read_ros_map(write_map(tmp_path, room, origin=[10.0, 20.0, math.pi / 2]))
    np.testing.assert_allclose(layout.bounds, (4.0, 20.0, 10.0, 28.0), atol=1e-9)
    row, column = np.mgrid[0:6, 0:8]
    centers = np.stack([10.0 - (6 - row - 0.5), 20.0 + column + 0.5], axis=-1)
    np.testing.assert_array_equal(covered(layout, centers), room == 0)


@pytest.mark.parametrize("yaw", [0.3, 0.8, 2.0, 3.14, -0.7, 100.0])
def test_around_a_turned_map_everything_is_solid(tmp_path, yaw):
    layout = read_ros_map(write_map(tmp_path, ROOM, origin=[-3.0, 7.0, yaw]))
    x_min, y_min, x_max, y_max = layout.bounds
    points = np.random.default_rng(0).uniform((x_min, y_min), (x_max, y_max), (4000, 2))
    x, y = np.moveaxis(points - (-3.0, 7.0), -1, 0)
    column, row = np.cos(yaw) * x + np.sin(yaw) * y, np.cos(yaw) * y - np.sin(yaw) * x
    inside = (column > 1) & (column < 7) & (row > 1) & (row < 5)
    assert 0 < inside.sum() < len(points)
    np.testing.assert_array_equal(covered(layout, points), ~inside)


def test_beyond_the_edge_of_the_image_is_solid(tmp_path):
    layout = read_ros_map(write_map(tmp_path, np.full((40, 50), 254), resolution=0.1))
    np.testing.assert_allclose(layout.bounds, (-0.5, -0.5, 5.5, 4.5), atol=1e-9)
    points = np.array([[-0.25, 2.0], [5.25, 2.0], [2.0, -0.25], [2.0, 4.25], [0.05, 0.05], [4.95, 3.95]])
    assert covered(layout, points).tolist() == [True] * 4 + [False] * 2


def test_pockets_slits_and_far_ends_are_filled(tmp_path):
    pixels = np.zeros((120, 160), dtype=np.uint8)  # 8 x 6 m
    pixels[10:110, 10:70] = 254  # a room of 3 x 5 m
    pixels[40:44, 70:130] = 254  # a slit of 0.2 m to the right: kept for a metre
    pixels[80:82, 70:130] = 254  # a slit of 0.1 m: filled
    pixels[90:110, 90:110] = 254  # a pocket of 1 x 1 m without a door
    pixels[20:22, 20:22] = 205  # a thin unknown post
    layout = read_ros_map(write_map(tmp_path, pixels, resolution=0.05))
    # image row r is y = 6 - 0.05 r; the last place to stand is 0.3 m before the wall at x = 3.5
    points = np.array([[2.0, 3.0], [3.8, 3.9], [4.15, 3.9], [4.35, 3.9], [3.6, 1.95], [4.6, 1.0], [1.05, 4.95]])
    assert covered(layout, points).tolist() == [False, False, False, True, True, True, True]
    np.testing.assert_allclose(layout.bounds, (0.0, 0.0, 4.75, 6.0), atol=0.051)


def test_only_the_largest_of_two_rooms_is_kept(tmp_path):
    pixels = np.zeros((100, 240), dtype=np.uint8)
    pixels[10:90, 10:90] = 254
    pixels[10:90, 100:230] = 254
    pixels[50:60, 90:100] = 254  # a door of 0.5 m: too narrow for a body with its margin
    layout = read_ros_map(write_map(tmp_path, pixels, resolution=0.05))
    # through the door the sight reaches a metre from the right room's region, which begins at x = 5.3
    assert covered(layout, np.array([[4.2, 2.5], [4.4, 2.25], [8.0, 2.5]])).tolist() == [True, False, False]
    assert layout.bounds[0] == pytest.approx(3.8, abs=0.051)
    pixels[46:60, 90:100] = 254  # of 0.7 m: wide enough
    layout = read_ros_map(write_map(tmp_path, pixels, resolution=0.05))
    assert layout.bounds[0] == pytest.approx(0.0, abs=0.051)
    assert not covered(layout, np.array([[2.0, 2.5], [4.75, 2.25], [8.0, 2.5]])).any()


def test_the_same_file_has_the_same_hash_and_another_origin_another(tmp_path):
    path = write_map(tmp_path, ROOM)
    first = load_layout(path)
    assert load_layout(path).hash == first.hash
    assert load_layout(write_map(tmp_path, ROOM, origin=[1, 0, 0])).hash != first.hash


def test_names_come_from_the_folder_or_the_yaml(tmp_path):
    folder = tmp_path / "my building"
    folder.mkdir()
    path = write_map(folder, ROOM)
    assert load_layout(folder).name == "my building"
    assert load_layout(path).source == str(path)
    assert load_layout(path.rename(folder / "floor_2.yaml")).name == "floor_2"


def test_image_paths_may_be_absolute_or_lead_out_of_the_folder(tmp_path):
    write_map(tmp_path, ROOM)
    folder = tmp_path / "yaml"
    folder.mkdir()
    absolute = load_layout(write_yaml(folder, image=str(tmp_path / "map.pgm")))
    assert load_layout(write_yaml(folder, image="../map.pgm")).hash == absolute.hash


def test_extra_keys_text_numbers_and_links_are_fine(tmp_path):
    path = write_map(tmp_path, ROOM, resolution="1e0", negate=False, author="somebody")
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    assert load_layout(link).hash == load_layout(path).hash


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": ...}, r"map.yaml: the key 'image' is missing; needed are image, resolution"),
        ({"resolution": ..., "resolutoin": 0.05}, "'resolution' is missing .did you mean it by 'resolutoin'"),
        ({"occupied_thresh": ..., "occupied_threshold": 0.6}, "did you mean it by 'occupied_threshold'"),
        ({"origin": ...}, "'origin' is missing; needed"),
        ({"negate": ...}, "'negate' is missing"),
        ({"free_thresh": ...}, "'free_thresh' is missing"),
        ({"resolution": -0.05}, r"resolution is -0.05, a number from 0.001 to 10 is allowed"),
        ({"resolution": 0}, "resolution is 0, a number"),
        ({"resolution": True}, "resolution is True, a number"),
        ({"resolution": None}, "resolution is None, a number"),
        ({"resolution": "wide"}, "resolution is 'wide', a number"),
        ({"resolution": math.nan}, "resolution is nan, a number"),
        ({"resolution": math.inf}, "resolution is inf, a number"),
        ({"resolution": [0.05]}, "resolution is .0.05., a number"),
        ({"resolution": 10**400}, "resolution is 1000000"),
        ({"free_thresh": -0.1}, "free_thresh is -0.1, a number from 0 to 1"),
        ({"occupied_thresh": 65}, "occupied_thresh is 65, a number from 0 to 1"),
        ({"free_thresh": 0.65}, "free_thresh 0.65 must be below occupied_thresh 0.65"),
        ({"free_thresh": 0.9}, "free_thresh 0.9 must be below occupied_thresh 0.65"),
        ({"negate": 2}, "negate is 2, allowed are 0, 1"),
        ({"negate": "no"}, "negate is 'no', allowed are 0, 1"),
        ({"mode": "Trinary"}, "mode is 'Trinary', allowed are trinary, scale, raw"),
        ({"mode": False}, "mode is False, allowed are trinary"),
        ({"mode": ["raw"]}, "mode is .'raw'., allowed are trinary"),
        ({"origin": [0, 0]}, r"origin is \[0, 0\], three numbers"),
        ({"origin": "0, 0, 0"}, "origin is '0, 0, 0', three numbers"),
        ({"origin": [0, math.nan, 0]}, r"origin\[1\] is nan, a number"),
        ({"origin": [0, 0, math.inf]}, r"origin\[2\] is inf, a number"),
        ({"origin": [1e9, 0, 0]}, r"origin\[0\] is 1000000000.0, a number"),
        ({"image": 5}, "image is 5, the name of a PGM or PNG"),
        ({"image": ""}, "image is '', the name of"),
        ({"image": "absent.pgm"}, "absent.pgm: no such file"),
        ({"image": "."}, "is a folder, a regular file is needed"),
        ({"image": "map.yaml"}, "map.yaml: starts with b'free_thr', neither a PGM"),
        ({"image": "x" * 5000}, "cannot be read"),
        ({"image": "a\0b.pgm"}, "no such file|cannot be read"),
    ],
)
def test_a_bad_yaml_is_refused(tmp_path, changes, message):
    with pytest.raises(LayoutError, match=message):
        load_layout(write_map(tmp_path, ROOM, **changes))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "map.pgm: an empty file, neither a PGM"),
        (b"\x00\x01junk", "neither a PGM"),
        (b"P6\n2 2\n255\n" + bytes(12), "neither a PGM"),
        (b"P5\n2\n", "damaged PGM header"),
        (b"P5\n2 -2\n255\n" + bytes(4), "damaged PGM header"),
        (b"P5\nwide 2\n255\n" + bytes(4), "damaged PGM header"),
        (b"P5\n100000 100000\n255\n" + bytes(9), "image of 100000 x 100000 px, 1 to 8192 px"),
        (b"P5\n99999999999 1\n255\n", "damaged PGM header"),
        (b"P5\n0 5\n255\n", "image of 0 x 5 px"),
        (b"P5\n2 2\n65535\n" + bytes(8), "the PGM's maximum is 65535, 1 to 255"),
        (b"P5\n2 2\n0\n" + bytes(4), "maximum is 0"),
        (b"P5\n2 2\n9\n" + bytes([0, 9, 10, 0]), "holds the value 10, its header allows at most 9"),
        (b"P5\n4 4\n255\n" + bytes(7), "truncated, 7 of 16 pixels"),
        (b"P5\n4 4\n255", "truncated, 0 of 16 pixels"),
        (b"P2\n2 2\n255\n1 2 3", "truncated, 3 of 4 pixels"),
        (b"P2\n2 2\n255\n", "truncated, 0 of 4 pixels"),
        (b"P2\n2 2\n255\n1 2 3 x", "holds b'x' among its pixels"),
        (b"P2\n2 2\n255\n1 2 3 -4", "holds b'-' among its pixels"),
        (b"P2\n2 2\n255\n1 2 3 " + b"9" * 400, "holds the value"),
        (b"P5\n#" + b" " * 100_000, "damaged PGM header"),
        (b"P5" + b"\n" * 100_000, "damaged PGM header"),
    ],
)
def test_a_bad_pgm_is_refused(tmp_path, content, message):
    with pytest.raises(LayoutError, match=message):
        load_layout(write_map(tmp_path, content))


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("change", ["truncated", "flipped", "no end", "header only"])
def test_a_damaged_png_is_refused(tmp_path, change):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50), dtype=np.uint8)
    path = write_png(tmp_path, pixels)
    good = (tmp_path / "map.png").read_bytes()
    flipped = bytearray(good)
    flipped[200] ^= 4
    content = {"truncated": good[:900], "flipped": bytes(flipped), "no end": good[:-12], "header only": good[:33]}
    (tmp_path / "map.png").write_bytes(content[change])
    with pytest.raises(LayoutError, match=r"map.png: truncated or damaged PNG"):
        load_layout(path)


@pytest.mark.parametrize(
    ("width", "depth", "message"),
    [(200_000, 8, "image of 200000 x 3 px"), (0, 8, "image of 0 x 3 px"), (3, 16, "PNG of 16 bits a channel")],
)
def test_a_png_is_judged_by_its_header(tmp_path, width, depth, message):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 3, depth, 0, 0, 0, 0))
    (tmp_path / "map.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header)
    with pytest.raises(LayoutError, match=message):
        load_layout(write_yaml(tmp_path, image="map.png"))


@pytest.mark.parametrize("rest", [b"\0\0", b"\0\0\0\x0dIHDR\0\0", b"\0\0\0\x0dIDAT" + bytes(40)])
def test_a_png_header_may_be_cut_short(tmp_path, rest):
    (tmp_path / "map.png").write_bytes(b"\x89PNG\r\n\x1a\n" + rest)
    with pytest.raises(LayoutError, match="damaged PNG header"):
        load_layout(write_yaml(tmp_path, image="map.png"))


def test_a_file_too_large_is_not_read(tmp_path):
    with (tmp_path / "map.pgm").open("wb") as file:
        file.truncate(FILE_LIMIT_BYTES + 1)
    with pytest.raises(LayoutError, match="67108865 bytes, at most 67108864"):
        load_layout(write_yaml(tmp_path))


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "map.pgm")
    with pytest.raises(LayoutError, match="is a device or pipe"):
        load_layout(write_yaml(tmp_path))


def test_maps_without_room_are_refused(tmp_path):
    with pytest.raises(LayoutError, match=r"can stand nowhere .0 of 48 cells are free"):
        load_layout(write_map(tmp_path, np.zeros_like(ROOM)))
    with pytest.raises(LayoutError, match=r"is 3.4 m2, at least 12.0 m2 are needed"):
        load_layout(write_map(tmp_path, ROOM, resolution=0.5))


def test_a_map_too_wide_is_refused(tmp_path):
    with pytest.raises(LayoutError, match=r"800 x 600 cells of 1 m are 480000 m2, at most 400000 m2"):
        load_layout(write_map(tmp_path, np.full((600, 800), 254)))


def test_a_map_of_too_many_prisms_is_refused(tmp_path):
    pixels = np.full((620, 620), 254)
    pixels[::3, ::3] = 0  # posts of a metre, two metres apart
    with pytest.raises(LayoutError, match=r"the map would need \d{5} prisms, at most 40000 are allowed"):
        load_layout(write_map(tmp_path, pixels))
