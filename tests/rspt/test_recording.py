"""Recordings: what is written comes back, foreign folders are read, and what is wrong is named."""

import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from envs.batch import WorldBatch
from envs.world_settings import world_settings
from rspt.perception import Perception
from rspt.perception.camera import CameraModel, mounted
from rspt.perception.recording import RecordingError, RecordingWriter, read_recording
from rspt.perception.state import OFFSETS, VECTOR_WIDTH, entry_of
from rspt.perception.ways import WAYS

W, H = 16, 12
CAMERA = CameraModel.level(width=W, height=H, hfov_deg=80.0, height_m=0.5, range_max_m=3.86)
DEPTH = np.linspace(0.5, 3.5, W * H, dtype=np.float32).reshape(H, W)


def write(folder, count=3, camera=CAMERA, **changes):
    with RecordingWriter(folder, camera) as writer:
        for index in range(count):
            frame = {"stamp_s": 0.1 * index, "depth": DEPTH, "pose": (0.2 * index, 0.1, -0.5)}
            writer.add(**{**frame, **changes})
    return folder


def write_png(path, image):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def replaced(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_what_is_written_comes_back(tmp_path):
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (3, H, W, 3), dtype=np.uint8)
    masks = rng.random((3, H, W)) < 0.3
    boxes = [[1.0, 2.0, 5.5, 9.0], None, [np.nan] * 4]
    camera = replace(CAMERA, base_from_camera=mounted(0.5, pitch_rad=0.2, forward_m=0.1))
    with RecordingWriter(tmp_path / "new", camera) as writer:
        for index in range(3):
            writer.add(
                stamp_s=100.0 + 0.1 * index,
                depth=DEPTH,
                pose=(0.2 * index, 0.1, -0.5),
                rgb=rgb[index],
                target_mask=masks[index],
                target_box_xyxy=boxes[index],
            )
    recording = read_recording(tmp_path / "new")
    assert (len(recording), recording.skipped, recording.boxed_frames) == (3, 0, 1)
    np.testing.assert_allclose(recording.camera.row, camera.row, rtol=0, atol=1e-12)
    assert (recording.camera.width, recording.camera.height) == (W, H)
    for index, frame in enumerate(recording):
        assert frame.stamp_s == pytest.approx(100.0 + 0.1 * index)
        np.testing.assert_allclose(frame.depth, DEPTH, rtol=0, atol=0.000501)
        assert frame.depth.dtype == np.float32
        np.testing.assert_allclose(frame.pose, [0.2 * index, 0.1, -0.5])
        np.testing.assert_array_equal(frame.rgb, rgb[index])
        np.testing.assert_array_equal(frame.target_mask > 0, masks[index])
        np.testing.assert_array_equal(frame.target_box_xyxy, boxes[index] if index == 0 else [np.nan] * 4)
    np.testing.assert_array_equal(recording[-1].depth, recording[2].depth)
    with pytest.raises(IndexError, match="frame 3 of 3"):
        recording[3]


def test_a_recording_of_depth_alone_has_nothing_else(tmp_path):
    recording = read_recording(write(tmp_path))
    assert (recording.has_rgb, recording.has_masks, recording.has_boxes) == (False, False, False)
    assert recording[0][3:] == (None, None, None)


@pytest.mark.parametrize("scale", [1000.0, 5000.0, 777.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_beyond_the_range_does_not_become_a_wall_by_rounding(tmp_path, scale, dtype):
    camera = replace(CAMERA, range_max_m=3.3333)
    depth = DEPTH.astype(dtype)
    depth[0] = np.array([0.0, np.nan, np.inf, 3.3333, 3.4] + [1.0] * (W - 5), dtype=dtype)
    with RecordingWriter(tmp_path, camera, depth_scale=scale) as writer:
        writer.add(stamp_s=0.0, depth=depth, pose=(0, 0, 0))
    frame = read_recording(tmp_path)[0]
    np.testing.assert_array_equal(frame.depth[0, :2], [0.0, 0.0])
    assert (frame.depth[0, 2:5] >= camera.row[5]).all()
    assert (frame.depth[0, 2:4] < 1.01 * 3.3333).all()  # and is not taken for a wrong unit
    np.testing.assert_allclose(frame.depth[1], depth[1], atol=0.51 / scale)


def test_depth_in_units_is_written_as_it_is(tmp_path):
    units = np.arange(W * H, dtype=np.uint16).reshape(H, W)
    write(tmp_path, 1, depth=units)
    np.testing.assert_array_equal(read_recording(tmp_path)[0].depth, units.astype(np.float32) / np.float32(1000))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stamp_s": 0.0}, "stamp_s must be at least 0 and later than 0.000000, not 0.0"),
        ({"stamp_s": -1.0}, "stamp_s must be at least 0"),
        ({"depth": DEPTH[1:]}, r"depth must be an array \(12, 16\) of float32 or float64 or uint16, not \(11, 16\)"),
        ({"depth": -DEPTH}, r"depth must not be negative, the least is -3.5"),
        ({"depth": DEPTH.astype(np.int32)}, "not .* int32"),
        ({"pose": (0.0, 0.0)}, "pose must be three finite numbers"),
        ({"pose": (0.0, np.nan, 0.0)}, "pose must be three finite numbers"),
        ({"rgb": np.zeros((H, W, 4), np.uint8)}, r"rgb must be an array \(12, 16, 3\) of uint8"),
        ({"rgb": [1]}, "rgb must be an array .* not list"),
        ({"target_mask": np.zeros((H, W), np.float32)}, "target_mask must be an array .* of bool or uint8"),
        ({"target_box_xyxy": (5, 0, 5, 3)}, r"left < right and upper < lower, or None, not \[5.0, 0.0, 5.0, 3.0\]"),
        ({"target_box_xyxy": (5, np.nan, 7, 3)}, "left < right"),
        ({"target_box_xyxy": (1, 2, 3)}, "left < right"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, changes, message):
    with pytest.raises(RecordingError, match=message):
        write(tmp_path, 2, **changes)


def test_a_writer_refuses_what_it_would_spoil(tmp_path):
    write(tmp_path / "a")
    with pytest.raises(RecordingError, match="holds a recording already"):
        RecordingWriter(tmp_path / "a", CAMERA)
    with pytest.raises(RecordingError, match=r"up to 8.0 m does not fit into 16 bits with 10000.0 units"):
        RecordingWriter(tmp_path / "b", CameraModel.level(), depth_scale=10_000)
    with pytest.raises(RecordingError, match="depth_scale must be positive and finite, not 0"):
        RecordingWriter(tmp_path / "b", CameraModel.level(), depth_scale=0)
    with (
        RecordingWriter(tmp_path / "c", CAMERA) as writer,
        pytest.raises(RecordingError, match="every frame must hold depth as the first one did, not depth, mask"),
    ):
        writer.add(stamp_s=0.0, depth=DEPTH, pose=(0, 0, 0))
        writer.add(stamp_s=1.0, depth=DEPTH, pose=(0, 0, 0), target_mask=DEPTH > 1)
    assert len(read_recording(tmp_path / "c")) == 1  # what was added before is kept


def tum_folder(folder, *, camera=CAMERA, mounting="height_m: 0.5"):
    """A folder as the TUM benchmark has them, of a robot that drives and turns; its poses (3, 3)."""
    poses = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, np.pi / 2], [-1.0, 0.5, -2.0]])
    lines, depth_lines, rgb_lines = ["# timestamp tx ty tz qx qy qz qw"], ["# depth maps"], ["# colours"]
    for index, (x, y, yaw) in enumerate(poses):
        stamp = 1305031102.160407 + 0.0333 * index
        world_from_base = np.eye(4)
        world_from_base[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
        world_from_base[:2, 3] = x, y
        pose = world_from_base @ camera.base_from_camera
        # axis and angle of OpenCV, so that the quaternion does not come from our own formula
        turn = cv2.Rodrigues(pose[:3, :3])[0].ravel()
        angle = np.linalg.norm(turn)
        quaternion = [*(turn / angle * np.sin(angle / 2)), np.cos(angle / 2)]
        numbers = " ".join(f"{value:.4f}" for value in [*pose[:3, 3], *quaternion])
        lines.append(f"{stamp + 0.012:.4f} {numbers}")
        depth_lines.append(f"{stamp:.6f} depth/{stamp:.6f}.png")
        rgb_lines.append(f"{stamp - 0.015:.6f} rgb/{index}.png")
        write_png(folder / "depth" / f"{stamp:.6f}.png", np.full((H, W), 10_000 + 5000 * index, np.uint16))
        write_png(folder / "rgb" / f"{index}.png", np.full((H, W, 3), (index, 20, 30), np.uint8))
    lines.append("1305031109.0000 9 9 9 0 0 0 1")
    depth_lines.append("1305031105.000000 depth/without_a_pose.png")
    for name, rows in (("groundtruth", lines), ("depth", depth_lines), ("rgb", rgb_lines)):
        (folder / f"{name}.txt").write_text("\n".join(rows) + "\n")
    focal, center = f"fx: {CAMERA.fx}\nfy: {CAMERA.fy}", f"cx: {W / 2 - 0.5}\ncy: {H / 2 - 0.5}"
    (folder / "camera.yaml").write_text(f"width: {W}\nheight: {H}\n{focal}\n{center}\ndepth_scale: 5000\n{mounting}\n")
    return poses


def test_a_folder_of_the_tum_benchmark_is_read(tmp_path):
    poses = tum_folder(tmp_path)
    recording = read_recording(tmp_path)
    assert (len(recording), recording.skipped) == (3, 1)
    np.testing.assert_allclose(recording.poses, poses, atol=2e-3)  # four decimals
    for index, frame in enumerate(recording):
        np.testing.assert_array_equal(frame.depth, np.full((H, W), 2.0 + index))
        np.testing.assert_array_equal(frame.rgb[0, 0], [30, 20, index])  # OpenCV writes blue, green, red


def test_the_mounting_tells_where_the_robot_was(tmp_path):
    camera = replace(CAMERA, base_from_camera=mounted(0.7, pitch_rad=0.3, forward_m=0.2, left_m=-0.1, yaw_rad=0.4))
    short = f"height_m: 0.7\npitch_deg: {np.rad2deg(0.3)}\nforward_m: 0.2\nleft_m: -0.1\nyaw_deg: {np.rad2deg(0.4)}"
    poses = tum_folder(tmp_path, camera=camera, mounting=short)
    np.testing.assert_allclose(read_recording(tmp_path).poses, poses, atol=2e-3)
    np.testing.assert_allclose(read_recording(tmp_path).camera.base_from_camera, camera.base_from_camera, atol=1e-12)


def test_poses_of_the_robot_go_before_those_of_the_camera(tmp_path):
    tum_folder(tmp_path)
    (tmp_path / "poses.txt").write_text("1305031102.16 1 2 3\n")
    recording = read_recording(tmp_path)
    assert (len(recording), recording.skipped) == (1, 3)
    np.testing.assert_array_equal(recording.poses, [[1, 2, 3]])


def test_what_belongs_to_a_frame_is_nearest_and_near(tmp_path):
    write(tmp_path, 3)  # at 0.0, 0.1 and 0.2 s
    (tmp_path / "poses.txt").write_text("0.019 1 0 0\n0.081 2 0 0\n0.115 3 0 0\n0.221 4 0 0\n")
    (tmp_path / "boxes.txt").write_text("0.005 0 0 1 1\n")
    write_png(tmp_path / "mask" / "0.11.png", np.full((H, W), 7, np.uint8))
    recording = read_recording(tmp_path)
    np.testing.assert_array_equal(recording.poses[:, 0], [1, 3])
    assert recording.skipped == 1
    np.testing.assert_array_equal(recording[0].target_box_xyxy, [0, 0, 1, 1])
    np.testing.assert_array_equal(recording[1].target_box_xyxy, [np.nan] * 4)
    assert (recording[0].target_mask.any(), recording[1].target_mask.all()) == (False, True)


def test_a_frame_without_colours_is_left_out_where_others_have_some(tmp_path):
    write(tmp_path, 3, rgb=np.zeros((H, W, 3), np.uint8))
    (tmp_path / "rgb" / "0.100000.png").unlink()
    recording = read_recording(tmp_path)
    assert recording.skipped == 1
    np.testing.assert_allclose(recording.stamps_s, [0.0, 0.2])
    np.testing.assert_allclose(recording.poses[:, 0], [0.0, 0.4])


def test_images_without_a_list_come_in_the_order_of_their_numbers(tmp_path):
    write(tmp_path, 0)
    (tmp_path / "poses.txt").write_text("9.5 1 0 0\n10.25 2 0 0\n")
    for stamp, units in ((10.25, 2000), (9.5, 1000)):
        write_png(tmp_path / "depth" / f"{stamp}.png", np.full((H, W), units, np.uint16))
    recording = read_recording(tmp_path)
    np.testing.assert_array_equal(recording.stamps_s, [9.5, 10.25])
    assert recording[1].depth[0, 0] == 2.0


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("poses.txt", "0.200000 0.1", "0.2", "line 3: 3 values, 4 are needed .stamp x y yaw"),
        ("poses.txt", "0.100000 -0.500000\n0.1", "0.100000 up\n0.1", "line 2: yaw must be a finite number, not 'up'"),
        ("poses.txt", "0.200000 0.1", "nan 0.1", "line 3: x must be a finite number, not 'nan'"),
        ("poses.txt", "0.200000 0.1", "1e999 0.1", "x must be a finite number, not '1e999'"),
        (
            "poses.txt",
            "0.200000 0.400000",
            "0.050000 0.400000",
            r"line 4: the stamp 0.050000 must be later .* 0.100000",
        ),
        ("poses.txt", "0.", "5.", "none of 3 depth images has a pose within 20 ms; depth begins at 0.000000"),
        ("camera.yaml", "fx:", "f:", "line 3: unknown key 'f'; allowed are width, height, fx"),
        ("camera.yaml", "fx:", "fy:", "the key 'fy' of line 3 is there twice"),
        ("camera.yaml", "width: 16", "width: wide", "line 1: width must be a number, not 'wide'"),
        ("camera.yaml", "width: 16", "width: true", "line 1: width must be a number, not 'True'"),
        ("camera.yaml", "width: 16", "width: 1.6e400", "width must be a number"),
        ("camera.yaml", "width: 16\n", "", "width is missing; needed are width, height"),
        ("camera.yaml", "width: 16", "width: 160", "16 x 12 pixels, camera.yaml says 160 x 12"),
        ("camera.yaml", "cx: 7.5", "cx: 99", "cx must lie in the image, from 0 to 16 pixels, not 99.5"),
        ("camera.yaml", "range_min_m: 0.1", "range_min_m: 9", "0 <= range_min_m < range_max_m must hold"),
        ("camera.yaml", "depth_scale: 1000.0", "depth_scale: 0", "depth_scale must be a positive number .* not 0"),
        ("camera.yaml", "depth_scale: 1000.0", "depth_scale: [", "line .*: no valid YAML"),
        ("camera.yaml", "depth_scale: 1000.0", "pitch_deg: 3", "needs either base_from_camera or pitch_deg"),
        ("camera.yaml", "- [0.0, 0.0, 0.0, 1.0]\n", "", "base_from_camera must be four rows of four numbers"),
        ("camera.yaml", "- [0.0, 0.0, 0.0, 1.0]", "- [0.0, 0.0, 0.0, one]", "base_from_camera must be a number"),
        ("camera.yaml", "- [0.0, 0.0, 0.0, 1.0]", "- [1.0, 0.0, 0.0, 1.0]", "last row of base_from_camera"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, file, old, new, message):
    write(tmp_path)
    replaced(tmp_path / file, old, new)
    with pytest.raises(RecordingError, match=message) as caught:
        read_recording(tmp_path)[0]
    assert str(tmp_path) in str(caught.value)


def test_a_line_that_may_be_cut_off_is_refused(tmp_path):
    write(tmp_path)
    poses = tmp_path / "poses.txt"
    whole = poses.read_text()
    for length in range(len(whole) - 30, len(whole)):
        poses.write_text(whole[:length])
        if whole[length - 1] == "\n":
            assert len(read_recording(tmp_path)) == 2
            continue
        with pytest.raises(RecordingError, match=r"poses.txt, line 4: (\d values, 4 are needed|may be cut off)"):
            read_recording(tmp_path)


def test_line_ends_of_windows_and_remarks_are_allowed(tmp_path):
    write(tmp_path)
    text = (tmp_path / "poses.txt").read_text()
    (tmp_path / "poses.txt").write_bytes(b"\xef\xbb\xbf" + (text + "\n# the end").replace("\n", "\r\n").encode())
    assert len(read_recording(tmp_path)) == 3


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("camera.yaml", lambda path: path.unlink(), "camera.yaml: no such file"),
        ("camera.yaml", lambda path: path.write_text(""), "`key: value` lines are needed"),
        ("camera.yaml", lambda path: path.write_text("- 1\n"), "`key: value` lines are needed"),
        ("camera.yaml", lambda path: path.write_bytes(b"\xff\xfe"), "no UTF-8 text .byte 0 is 0xff"),
        ("camera.yaml", lambda path: path.write_text("[" * 5000), "no valid YAML"),
        ("poses.txt", lambda path: path.unlink(), "holds neither poses.txt .* nor groundtruth.txt"),
        ("poses.txt", lambda path: path.write_text("# nothing\n"), "poses.txt: holds no lines .stamp x y yaw"),
        ("depth.txt", lambda path: path.write_text("# nothing\n"), "depth.txt: holds no images"),
        ("depth.txt", lambda path: path.write_text("0 /etc/passwd\n"), "line 1: '/etc/passwd' must lie in the rec"),
        ("depth.txt", lambda path: path.write_text("0 a/../../b.png\n"), "must lie in the recording's folder"),
        ("depth.txt", lambda path: path.write_text("0 a.png\n0 b.png\n"), "line 2: the stamp 0.000000 must be later"),
        ("depth.txt", lambda path: path.write_text("0 gone.png\n"), "gone.png: no such file"),
        ("boxes.txt", lambda path: path.write_text("0 5 1 2 3\n"), "boxes.txt, line 1: left < right and upper < lower"),
        ("depth/first.png", lambda path: path.write_bytes(b""), "first.png: the name must be the stamp in seconds"),
        ("depth/0.00.png", lambda path: path.write_bytes(b""), "another image has the same stamp"),
        ("depth/0.000000.png", lambda path: path.write_bytes(b""), "0.000000.png: an empty file"),
        ("depth/0.000000.png", lambda path: path.write_bytes(b"JFIF" * 9), "no PNG image"),
        ("depth/0.000000.png", lambda path: path.write_bytes(path.read_bytes()[:-13]), "truncated or damaged PNG"),
        ("depth/0.000000.png", lambda path: path.write_bytes(path.read_bytes()[:90]), "truncated or damaged PNG"),
        ("depth/0.000000.png", lambda path: write_png(path, np.ones((H, W + 1), np.uint16)), "17 x 12 pixels, .* 16 x"),
        ("depth/0.000000.png", lambda path: write_png(path, np.ones((H, W), np.uint8)), "8 bits and 1 channels, 16 b"),
        ("depth/0.000000.png", lambda path: write_png(path, np.ones((H, W, 3), np.uint16)), "16 bits and 3 channels"),
        ("mask/0.0.png", lambda path: write_png(path, np.ones((H, W), np.uint16)), "16 bits and 1 channels, 8 bits"),
        ("rgb/0.0.png", lambda path: write_png(path, np.ones((H, W), np.uint8)), "1 channels, 8 bits and 3 channels"),
    ],
)
# a PNG decoder of OpenCV tells of damage on stderr as well
def test_a_spoilt_file_is_named(tmp_path, name, spoil, message):
    write(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    spoil(tmp_path / name)
    with pytest.raises(RecordingError, match=message):
        read_recording(tmp_path)[0]


def test_a_damaged_image_is_not_taken_for_a_picture(tmp_path):
    write(tmp_path, 1)
    path = tmp_path / "depth" / "0.000000.png"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="truncated or damaged PNG"):
        read_recording(tmp_path)[0]


def test_folders_that_are_none_are_named(tmp_path):
    with pytest.raises(RecordingError, match="gone: no such folder"):
        read_recording(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="is a file, not a folder"):
        read_recording(tmp_path / "file")
    write(tmp_path / "bare")
    for path in (tmp_path / "bare" / "depth").iterdir():
        path.unlink()
    with pytest.raises(RecordingError, match="depth: holds no images"):
        read_recording(tmp_path / "bare")
    (tmp_path / "bare" / "depth").rmdir()
    with pytest.raises(RecordingError, match=r"holds no depth images \(depth/STAMP.png"):
        read_recording(tmp_path / "bare")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1305031102.16 0 0 0 0 0 0 0.5", "line 1: the quaternion has the length 0.5, 1 is needed"),
        (
            "1305031102.16 0 0 0 0 0 0 1",
            "line 1: with the mounting of camera.yaml, matrix tilts the robot by 90 degrees",
        ),
    ],
)
def test_poses_of_a_camera_that_cannot_be_are_refused(tmp_path, line, message):
    tum_folder(tmp_path)
    (tmp_path / "groundtruth.txt").write_text(line + "\n")
    with pytest.raises(RecordingError, match=message):
        read_recording(tmp_path)


@pytest.mark.parametrize("noise", ["none", "realistic"])
def test_a_world_gives_the_same_map_through_files_as_online(tmp_path, noise):
    """The files round depth to millimetres and poses to micrometres."""
    batch = WorldBatch(world_settings(layout="rooms", noise=noise, rgb=True), 1, autoreset="disabled")
    camera = CameraModel.level()
    online = Perception(camera, predictor="kalman")
    states = []
    try:
        out = batch.reset([4])
        with RecordingWriter(tmp_path, camera) as writer:
            for step in range(40):
                seen = {name: array[0].copy() for name, array in out.observation.items()}
                frame = {name: seen[name] for name in ("depth", "pose", "rgb", "target_mask")}
                writer.add(stamp_s=0.1 * step, **frame)
                state = online.update(stamp_s=0.1 * step, **frame)
                states.append({name: array.copy() for name, array in state.items()})
                out = batch.step(np.array([[0.5, 0.4]]))
    finally:
        batch.close()
    replayed = Perception(read_recording(tmp_path).camera, predictor="kalman")
    told = np.ones(VECTOR_WIDTH, dtype=bool)
    told[OFFSETS["ways"] : OFFSETS["ways"] + WAYS] = False  # they jump by whole cells
    for frame, state in zip(read_recording(tmp_path), states, strict=True):
        again = replayed.update(**frame._asdict())
        different = np.abs(again["map"][0, :2] - state["map"][0, :2]) > 0.1
        assert different.mean() < 0.01  # a millimetre may put a point into the next cell
        np.testing.assert_allclose(again["vector"][:, told], state["vector"][:, told], atol=0.02)
        off_m = np.abs(entry_of(again["vector"], "ways") - entry_of(state["vector"], "ways"))
        assert np.quantile(off_m, 0.75) < 0.16  # a cell
    assert (states[-1]["map"][0, :2] > 0.5).mean(axis=(1, 2)).min() > 0.01  # there is something to compare
    np.testing.assert_allclose(replayed.track.position, online.track.position, atol=0.005)


@pytest.fixture(scope="module")
def example():
    path = Path(__file__).parents[2] / "examples" / "perceive_recording.py"
    spec = importlib.util.spec_from_file_location("perceive_recording", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made_folder(example, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "recording"
    assert example.main(["--make-example", str(folder), "--steps", "12"]) == 0
    return folder


@pytest.fixture
def demo_folder(made_folder, tmp_path):
    return Path(shutil.copytree(made_folder, tmp_path / "recording"))


def test_the_example_writes_map_track_and_video(example, demo_folder, tmp_path, capsys):
    assert example.main([str(demo_folder), "--out", str(tmp_path), "--predictor", "kalman"]) == 0
    assert "12 frames, the target seen in 12 (localizer: mask)" in capsys.readouterr().out
    with av.open(str(tmp_path / "replay.mp4")) as video:
        assert video.streams.video[0].codec_context.name == "h264"
        assert video.streams.video[0].average_rate == 10
        assert sum(1 for _ in video.decode(video=0)) == 12
    assert cv2.imread(str(tmp_path / "map.png")).shape == (960, 960, 3)
    lines = (tmp_path / "track.txt").read_text().splitlines()
    assert len(lines) == 13
    assert lines[-1].endswith("tracking")


def test_the_example_chooses_how_to_find_the_target(example, demo_folder, tmp_path, capsys):
    for path in (demo_folder / "mask").iterdir():  # from here on only boxes tell
        path.unlink()
    (demo_folder / "mask").rmdir()
    run = [str(demo_folder), "--out", str(tmp_path), "--predictor", "kalman", "--frames", "3"]
    assert example.main(run) == 0
    assert "3 frames, the target seen in 3 (localizer: box)" in capsys.readouterr().out
    assert example.main([*run, "--localizer", "mask"]) == 2
    assert "--localizer mask needs target masks" in capsys.readouterr().err
    boxes = (demo_folder / "boxes.txt").read_text().splitlines(keepends=True)
    (demo_folder / "boxes.txt").unlink()
    assert example.main(run) == 0
    assert "only the map is made" in capsys.readouterr().out
    (demo_folder / "boxes.txt").write_text("".join(boxes[:2]))
    assert example.fitting_localizer(read_recording(demo_folder)) == "video"


def test_the_example_tells_what_is_wrong_in_one_line(example, demo_folder, tmp_path, capsys):
    assert example.main([str(tmp_path / "gone")]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'gone'}: no such folder\n"
    assert example.main(["--make-example", str(demo_folder)]) == 2
    assert "holds a recording already" in capsys.readouterr().err
    replaced(demo_folder / "camera.yaml", "depth_scale: 1000.0", "depth_scale: 10.0")
    assert example.main([str(demo_folder), "--out", str(tmp_path), "--predictor", "kalman"]) == 2
    assert "error: frame 0 at 0.000000 s: depth of world 0 has a median of" in capsys.readouterr().err
