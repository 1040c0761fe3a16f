"""Replay a recording of RGB-D frames and poses through the perception, and write what it understood.

    python examples/perceive_recording.py --make-example demo_recording
    python examples/perceive_recording.py demo_recording --out replayed

The folder's format is in docs/recordings.md; TUM RGB-D recordings can be read once they have a camera.yaml. Written
are `replay.mp4` (what the camera saw beside the map around the robot), `map.png` (the map at the end with the ways of
the robot and the target) and `track.txt` (where the target was).
"""

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from rspt.perception import CameraModel, EgoWindow, Perception
from rspt.perception.drawing import TARGET_COLOR, Robot, draw_map, draw_perception
from rspt.perception.recording import RecordedFrame, Recording, RecordingWriter, read_recording
from rspt.perception.track import LOST, SEARCHING, TRACKING
from rspt.video import VideoWriter

HEIGHT = 480
STATUS = {SEARCHING: "searching", TRACKING: "tracking", LOST: "lost"}
CONTROL_DT_S = 0.1


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks for; 2 for what cannot be done, 130 after Ctrl-C, with what was replayed kept."""
    options = parser().parse_args(arguments)
    try:
        if options.make_example is not None:
            frames = make_example(options.make_example, layout=options.layout, seed=options.seed, steps=options.steps)
            print(f"{frames} frames written to {options.make_example}")
            return 0
        return replay(options)
    except (ValueError, OSError) as error:  # the errors of recordings and predictors are ValueErrors
        print(f"error: {error}", file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    new = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = new.add_mutually_exclusive_group(required=True)
    what.add_argument("recording", type=Path, nargs="?", help="the folder to replay")
    what.add_argument("--make-example", type=Path, metavar="FOLDER", help="record a robot in a simulated world instead")
    new.add_argument("--out", type=Path, default=Path("replayed"), help="folder for the results (default: replayed)")
    new.add_argument(
        "--localizer",
        choices=("mask", "box", "video"),
        help="how the target is found; by default as the recording allows: its masks, else its boxes where most frames"
        " have one, else the first box and the colours",
    )
    new.add_argument(
        "--predictor",
        default="learned",
        help="learned, kalman, constant_velocity, constant_position or a file of weights (default: learned)",
    )
    new.add_argument("--frames", type=positive, help="replay only so many frames")
    new.add_argument("--layout", default="rooms", help="layout of the simulated world (default: rooms)")
    new.add_argument("--seed", type=int, default=1, help="seed of the simulated world (default: 1)")
    new.add_argument("--steps", type=positive, default=200, help="its length in steps of 0.1 s (default: 200)")
    return new


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def replay(options: argparse.Namespace) -> int:
    """Feed a recording to the perception, frame by frame."""
    recording = read_recording(options.recording)
    localizer, blind = options.localizer or fitting_localizer(recording), False
    if localizer is None:
        print("neither masks nor boxes of a target: only the map is made")
        localizer, blind = "mask", True
    check_inputs(recording, localizer, blind)
    perception = Perception(recording.camera, localizer=localizer, predictor=options.predictor)
    window = EgoWindow(cells=64, cell_m=0.15, behind_m=2.4)  # the state's own has cells of 0.3 m
    count = min(len(recording), options.frames or len(recording))
    ways: dict[str, list[np.ndarray]] = {"robot": [], "target": []}
    lines, update_s, interrupted = ["# stamp x y status"], [], False
    options.out.mkdir(parents=True, exist_ok=True)
    with VideoWriter(options.out / "replay.mp4", fps=frame_rate(recording)) as video:
        try:
            for index in tqdm(range(count), unit="frame", disable=None, leave=False):
                frame = recording[index]
                if blind:
                    frame = frame._replace(target_mask=np.zeros(frame.depth.shape, dtype=bool))
                start = time.perf_counter()
                try:
                    perception.update(**frame._asdict())
                except ValueError as error:
                    raise ValueError(f"frame {index} at {frame.stamp_s:.6f} s: {error}") from None
                update_s.append(time.perf_counter() - start)
                status = int(perception.track.status[0])
                where = perception.track.position[0]
                ways["robot"].append(frame.pose[:2])
                ways["target"].append(where.copy() if status == TRACKING else np.full(2, np.nan))
                lines.append(f"{frame.stamp_s:.6f} {where[0]:.4f} {where[1]:.4f} {STATUS[status]}")
                video.add(np.hstack([camera_picture(frame, perception), draw_perception(perception, window=window)]))
        except KeyboardInterrupt:
            interrupted = True
    if not ways["robot"]:
        return 130
    picture = final_map(perception, ways)
    (options.out / "map.png").write_bytes(cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes())
    (options.out / "track.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")
    tracked = np.isfinite(np.array(ways["target"])).all(axis=1).sum()
    skipped = f" ({recording.skipped} without a pose or colours left out)" if recording.skipped else ""
    print(
        f"{len(update_s)} frames{skipped}, the target seen in {tracked} (localizer: {'none' if blind else localizer})"
    )
    print(f"{1000 * np.median(update_s):.2f} ms a frame (median)")
    print(f"{options.out / 'replay.mp4'}, {options.out / 'map.png'}, {options.out / 'track.txt'}")
    return 130 if interrupted else 0


def fitting_localizer(recording: Recording) -> str | None:
    """The localizer that the recording allows; None where nothing tells what the target is."""
    if recording.has_masks:
        return "mask"
    if recording.boxed_frames > len(recording) / 2:
        return "box"
    return "video" if recording.boxed_frames and recording.has_rgb else None


def check_inputs(recording: Recording, localizer: str, blind: bool) -> None:
    if localizer == "mask" and not (recording.has_masks or blind):
        raise ValueError(
            f"--localizer mask needs target masks, which {recording.folder} does not hold (mask/STAMP.png)"
        )
    if localizer in ("box", "video") and not recording.boxed_frames:
        raise ValueError(f"--localizer {localizer} needs boxes, which {recording.folder} does not hold (boxes.txt)")
    if localizer == "video" and not recording.has_rgb:
        raise ValueError(f"--localizer video needs colours, which {recording.folder} does not hold (rgb/STAMP.png)")


def frame_rate(recording: Recording) -> int:
    """Pictures per second with which the video runs as fast as the recording did."""
    steps = np.diff(recording.stamps_s)
    return int(np.clip(round(1.0 / np.median(steps)), 1, 60)) if len(steps) else 10


def camera_picture(frame: RecordedFrame, perception: Perception) -> np.ndarray:
    """The colours, or the depth where there are none, with the target's mask and box."""
    camera = perception.cameras[0]
    if frame.rgb is not None:
        picture = frame.rgb
    else:
        near = np.clip(1.0 - frame.depth / camera[5], 0.0, 1.0) * (frame.depth > 0)
        picture = cv2.applyColorMap((255 * near).astype(np.uint8), cv2.COLORMAP_BONE)[:, :, ::-1]
    height, width = frame.depth.shape
    scale = HEIGHT / height
    picture = cv2.resize(np.ascontiguousarray(picture), (round(width * scale), HEIGHT), interpolation=cv2.INTER_NEAREST)
    if frame.target_mask is not None and frame.target_mask.any():
        mask = cv2.resize(
            (frame.target_mask > 0).astype(np.uint8), picture.shape[1::-1], interpolation=cv2.INTER_NEAREST
        )
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, TARGET_COLOR, 2, cv2.LINE_AA)
    box = perception.localization.box_xyxy[0] * scale
    if np.isfinite(box).all():
        left, upper, right, lower = box.round().astype(int).tolist()
        cv2.rectangle(picture, (left, upper), (right, lower), (255, 255, 255), 1, cv2.LINE_AA)
    return picture


def final_map(perception: Perception, ways: dict[str, list[np.ndarray]]) -> np.ndarray:
    """The fused map at the end, up is the x axis of the odometry frame, with both ways from beginning to end."""
    fused, frame = perception.local_map, perception.frame
    assert frame is not None
    x, y, yaw = frame.pose[0]
    size_m = fused.cells * fused.cell_m
    window = EgoWindow(cells=fused.cells, cell_m=fused.cell_m, behind_m=0.5 * size_m)
    grid = np.zeros((1, 2, window.cells, window.cells), dtype=np.float32)
    fused.crop(np.array([0]), np.array([[x, y, 0.0]]), window, grid)
    believed = perception.track.age_s[0] <= perception.track.settings.forget_after_s  # later it may be anywhere
    latest_first = {name: np.array(way)[::-1] - [x, y] for name, way in ways.items()}
    return draw_map(
        grid[0],
        window,
        robot=Robot(
            pose=(0.0, 0.0, yaw), hfov_rad=float(perception.body.hfov_rad[0]), range_m=perception.cameras[0, 5]
        ),
        target=perception.track.position[0] - [x, y] if believed else None,
        target_seen=perception.track.status[0] == TRACKING,
        past=latest_first["target"],
        robot_past=latest_first["robot"],
        pixels=960,
    )


def make_example(folder: Path, *, layout: str = "rooms", seed: int = 1, steps: int = 200) -> int:
    """Record a robot that follows a target in a simulated world; the number of frames."""
    from agents.pid import Pid
    from envs.batch import WorldBatch  # only here: a robot needs no simulator
    from envs.world_settings import world_settings
    from rspt.percept import percept_of

    batch = WorldBatch(world_settings(layout=layout, rgb=True, resolution=(160, 120)), 1, autoreset="disabled")
    try:
        out = batch.reset([seed])
        camera = CameraModel.level(width=160, height=120)
        watcher, follower = Perception(camera, localizer="mask", predictor=None), Pid(percept_of)
        follower.reset(np.ones(1, dtype=bool))
        with RecordingWriter(folder, camera) as writer:
            for step in range(steps):
                seen = {name: array[0] for name, array in out.observation.items()}
                stamp_s = step * CONTROL_DT_S
                rows, columns = np.nonzero(seen["target_mask"])
                box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else None
                writer.add(
                    stamp_s=stamp_s,
                    depth=seen["depth"],
                    pose=seen["pose"],
                    rgb=seen["rgb"],
                    target_mask=seen["target_mask"],
                    target_box_xyxy=box,
                )
                if out.done[0]:
                    return step + 1
                names = ("depth", "pose", "velocity", "target_mask")
                state = watcher.update(stamp_s=stamp_s, **{name: seen[name] for name in names})
                out = batch.step(follower.act(state))
        return steps
    finally:
        batch.close()


if __name__ == "__main__":
    sys.exit(main())
