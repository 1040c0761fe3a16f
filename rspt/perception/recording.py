"""Recordings of RGB-D frames and poses as folders of PNG and text files; the format is in docs/recordings.md."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, NamedTuple, TextIO

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rspt.perception.camera import CameraModel
from rspt.perception.camera_file import read_camera, write_camera
from rspt.perception.recorded_poses import read_poses
from rspt.perception.recording_files import (
    ASSOCIATED_WITHIN_S,
    RecordingError,
    increasing,
    nearest,
    read_numbers,
    read_png,
    read_rows,
)

__all__ = ["RecordedFrame", "Recording", "RecordingError", "RecordingWriter", "read_recording"]

_STAMP = re.compile(r"\d+(\.\d+)?")


class RecordedFrame(NamedTuple):
    """One frame of a recording, in the words of `Perception.update`.

    Attributes:
        stamp_s: time in seconds.
        depth: (H, W) float32 metres, 0 is invalid.
        pose: (3,) x, y in metres and yaw in radians of the robot's base.
        rgb: (H, W, 3) uint8, or None in a recording without colours.
        target_mask: (H, W) uint8, or None in a recording without masks; empty where this frame has none.
        target_box_xyxy: (4,) pixels, or None in a recording without boxes; NaN where this frame has none.
    """

    stamp_s: float
    depth: NDArray[np.float32]
    pose: NDArray[np.float64]
    rgb: NDArray[np.uint8] | None
    target_mask: NDArray[np.uint8] | None
    target_box_xyxy: NDArray[np.float64] | None


class _Images(NamedTuple):
    """Images of one kind: their stamps (N,) and files."""

    stamps_s: NDArray[np.float64]
    paths: list[Path]


class Recording:
    """A recording whose frames are read when they are asked for; made by `read_recording`.

    Attributes:
        folder: where it lies.
        camera: that took it.
        depth_scale: units of the depth images per metre.
        stamps_s: (N,) times of the frames in seconds.
        poses: (N, 3) of the robot's base at these times.
        skipped: how many depth images have no pose, or no colours although others have, within 20 ms.
        has_rgb: whether there are colours.
        has_masks: whether there are target masks.
        has_boxes: whether there are boxes of the target.
        boxed_frames: how many frames have one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.camera, self.depth_scale = read_camera(folder / "camera.yaml")
        depth, rgb, self._masks = (_images_of(folder, kind) for kind in ("depth", "rgb", "mask"))
        if depth is None:
            raise RecordingError(f"{folder}: holds no depth images (depth/STAMP.png, or a list of them in depth.txt)")
        boxes = folder / "boxes.txt"
        self._boxes = _read_boxes(boxes) if boxes.exists() else None
        poses = read_poses(folder)
        pose_of = nearest(poses.stamps_s, depth.stamps_s)
        rgb_of = np.zeros(len(pose_of), dtype=np.int64) if rgb is None else nearest(rgb.stamps_s, depth.stamps_s)
        kept = np.flatnonzero((pose_of >= 0) & (rgb_of >= 0))
        if not len(kept):
            what = "a pose" if rgb is None else "a pose and colours"
            raise RecordingError(
                f"{folder}: none of {len(depth.paths)} depth images has {what} within"
                f" {1000 * ASSOCIATED_WITHIN_S:.0f} ms; depth begins at {depth.stamps_s[0]:.6f} s, poses at"
                f" {poses.stamps_s[0]:.6f} s"
            )
        self.skipped = len(depth.paths) - len(kept)
        self.stamps_s, self.poses = depth.stamps_s[kept], poses.of_base(pose_of[kept], self.camera)
        self._depth_paths = [depth.paths[index] for index in kept]
        self._rgb_paths = None if rgb is None else [rgb.paths[rgb_of[index]] for index in kept]
        self.has_rgb, self.has_masks, self.has_boxes = rgb is not None, self._masks is not None, self._boxes is not None
        self.boxed_frames = 0 if self._boxes is None else int((nearest(self._boxes[0], self.stamps_s) >= 0).sum())

    def __len__(self) -> int:
        return len(self._depth_paths)

    def __iter__(self) -> Iterator[RecordedFrame]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> RecordedFrame:
        """Read a frame.

        Raises:
            IndexError: if there is none of that number.
            RecordingError: for a file that is missing, damaged, of another kind or of another size.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        index %= len(self)
        stamp, size = float(self.stamps_s[index]), (self.camera.height, self.camera.width)
        units = read_png(self._depth_paths[index], size, np.uint16, (1,))
        mask, box = None, None
        if self._masks is not None:
            at = int(nearest(self._masks.stamps_s, self.stamps_s[index : index + 1])[0])
            mask = np.zeros(size, dtype=np.uint8)
            if at >= 0:
                mask = read_png(self._masks.paths[at], size, np.uint8, (1, 3)).reshape(*size, -1).max(axis=2)
        if self._boxes is not None:
            at = int(nearest(self._boxes[0], self.stamps_s[index : index + 1])[0])
            box = np.full(4, np.nan) if at < 0 else self._boxes[1][at].copy()
        return RecordedFrame(
            stamp_s=stamp,
            depth=units.astype(np.float32) / np.float32(self.depth_scale),
            pose=self.poses[index].copy(),
            rgb=None if self._rgb_paths is None else read_png(self._rgb_paths[index], size, np.uint8, (3,)),
            target_mask=mask,
            target_box_xyxy=box,
        )


def read_recording(folder: str | Path) -> Recording:
    """Open a recording: a folder in our own format, or one of the TUM RGB-D data set with a camera.yaml added.

    Texts are read and checked now, images when their frame is asked for.

    Raises:
        RecordingError: naming the file, the line, the value and what is allowed.
    """
    path = Path(folder)
    if not path.is_dir():
        raise RecordingError(f"{path}: {'is a file, not a folder' if path.exists() else 'no such folder'}")
    return Recording(path)


class RecordingWriter:
    """Writes a recording frame by frame; what was added is kept when it ends early.

    Args:
        folder: made if it is not there; it must not hold a recording yet.
        camera: that takes the frames.
        depth_scale: units of the depth images per metre.

    Raises:
        RecordingError: if the folder holds a recording, or depth up to the range limit does not fit into 16 bits.
    """

    def __init__(self, folder: str | Path, camera: CameraModel, *, depth_scale: float = 1000.0) -> None:
        self.folder, self.camera, self.depth_scale = Path(folder), camera, float(depth_scale)
        if not (np.isfinite(depth_scale) and depth_scale > 0):
            raise RecordingError(f"depth_scale must be positive and finite, not {depth_scale!r}")
        self._limit_units = int(np.ceil(camera.range_max_m * self.depth_scale))
        if self._limit_units > 65535:
            raise RecordingError(
                f"depth up to {camera.range_max_m} m does not fit into 16 bits with {self.depth_scale} units per metre"
            )
        if (self.folder / "camera.yaml").exists():
            raise RecordingError(f"{self.folder}: holds a recording already")
        (self.folder / "depth").mkdir(parents=True, exist_ok=True)
        write_camera(self.folder / "camera.yaml", camera, self.depth_scale)
        self._texts: dict[str, TextIO] = {}
        self._last_s = -np.inf
        self._kinds: set[str] | None = None

    def __enter__(self) -> "RecordingWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(
        self,
        *,
        stamp_s: float,
        depth: NDArray[Any],
        pose: ArrayLike,
        rgb: NDArray[np.uint8] | None = None,
        target_mask: NDArray[Any] | None = None,
        target_box_xyxy: ArrayLike | None = None,
    ) -> None:
        """Append a frame.

        Args:
            stamp_s: time in seconds, later than before; kept to a microsecond.
            depth: (H, W) float metres (NaN or 0 invalid, +Inf beyond range), or uint16 in units.
            pose: (3,) x, y in metres and yaw in radians of the robot's base.
            rgb: (H, W, 3) uint8, with each frame or with none.
            target_mask: (H, W) bool or uint8, with each frame or with none.
            target_box_xyxy: (4,) pixels; None or NaN where there is none.

        Raises:
            RecordingError: naming the argument, its value and what is allowed.
        """
        size = (self.camera.height, self.camera.width)
        stamp = round(float(stamp_s), 6)
        if not (0 <= stamp < np.inf and stamp > self._last_s):
            raise RecordingError(f"stamp_s must be at least 0 and later than {self._last_s:.6f}, not {stamp_s!r}")
        where = np.asarray(pose, dtype=np.float64)
        if where.shape != (3,) or not np.isfinite(where).all():
            raise RecordingError(f"pose must be three finite numbers x, y, yaw, not {where.tolist()}")
        images = {"depth": self._units(depth)}
        if rgb is not None:
            colors = _checked("rgb", rgb, (*size, 3), ("uint8",))
            images["rgb"] = np.ascontiguousarray(colors[:, :, ::-1])  # OpenCV's order is blue, green, red
        if target_mask is not None:
            mask = _checked("target_mask", target_mask, size, ("bool", "uint8"))
            images["mask"] = np.where(mask > 0, 255, 0).astype(np.uint8)
        if self._kinds is not None and self._kinds != set(images):
            first, now = (", ".join(sorted(kinds)) for kinds in (self._kinds, set(images)))
            raise RecordingError(f"every frame must hold {first} as the first one did, not {now}")
        box = np.asarray([np.nan] * 4 if target_box_xyxy is None else target_box_xyxy, dtype=np.float64)
        is_box = box.shape == (4,) and np.isfinite(box).all() and box[0] < box[2] and box[1] < box[3]
        if not is_box and (box.shape != (4,) or not np.isnan(box).all()):
            raise RecordingError(
                f"target_box_xyxy must be pixels left < right and upper < lower, or None, not {box.tolist()}"
            )
        for kind, image in images.items():
            path = self.folder / kind / f"{stamp:.6f}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
        if is_box:
            self._write("boxes.txt", "stamp left upper right lower", stamp, box)
        self._write("poses.txt", "stamp x y yaw", stamp, where)
        self._last_s, self._kinds = stamp, set(images)

    def close(self) -> None:
        """Close the files; a second call does nothing."""
        for text in self._texts.values():
            text.close()
        self._texts.clear()

    def _write(self, name: str, header: str, stamp_s: float, values: NDArray[np.float64]) -> None:
        if name not in self._texts:
            self._texts[name] = (self.folder / name).open("w", encoding="utf-8")
            self._texts[name].write(f"# {header}\n")
        self._texts[name].write(f"{stamp_s:.6f} {' '.join(f'{value:.6f}' for value in values)}\n")
        self._texts[name].flush()

    def _units(self, depth: NDArray[Any]) -> NDArray[np.uint16]:
        size = (self.camera.height, self.camera.width)
        checked = _checked("depth", depth, size, ("float32", "float64", "uint16"))
        if checked.dtype == np.uint16:
            return checked
        metres = np.nan_to_num(checked.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf)
        if metres.min() < 0:
            raise RecordingError(f"depth must not be negative, the least is {metres.min()}")
        units = np.where(np.isinf(metres), self._limit_units, np.minimum(np.round(metres * self.depth_scale), 65535))
        # rounded down, "nothing within range" would become a wall at the limit
        beyond = checked >= checked.dtype.type(self.camera.range_max_m)
        return np.where(beyond, np.maximum(units, self._limit_units), units).astype(np.uint16)


def _checked(name: str, image: NDArray[Any], shape: tuple[int, ...], dtypes: Sequence[str]) -> NDArray[Any]:
    if not isinstance(image, np.ndarray) or image.shape != shape or image.dtype.name not in dtypes:
        found = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image).__name__
        raise RecordingError(f"{name} must be an array {shape} of {' or '.join(dtypes)}, not {found}")
    return image


def _images_of(folder: Path, kind: str) -> _Images | None:
    """The images of one kind: those of the list KIND.txt, or all of the folder KIND; None if there is neither."""
    listing = folder / f"{kind}.txt"
    if listing.exists():
        rows = read_rows(listing, ("stamp", "file"))
        stamps = increasing(listing, rows, strictly=True)
        paths = [_inside(folder, listing, line, values[1]) for line, values in rows]
    elif (folder / kind).is_dir():
        named = [path for path in (folder / kind).iterdir() if path.suffix == ".png"]
        for path in named:
            if not _STAMP.fullmatch(path.stem):
                raise RecordingError(f"{path}: the name must be the stamp in seconds, such as 12.300000.png")
        paths = sorted(named, key=lambda path: float(path.stem))
        stamps = np.array([float(path.stem) for path in paths])
        for path in np.array(paths)[1:][np.diff(stamps) <= 0]:
            raise RecordingError(f"{path}: another image has the same stamp")
    else:
        return None
    if not paths:
        raise RecordingError(f"{listing if listing.exists() else folder / kind}: holds no images")
    return _Images(stamps, paths)


def _inside(folder: Path, listing: Path, line: int, name: str) -> Path:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise RecordingError(f"{listing}, line {line}: {name!r} must lie in the recording's folder")
    return folder / relative


def _read_boxes(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Stamps (N,) and boxes (N, 4) in pixels."""
    stamps, boxes, lines = read_numbers(path, ("stamp", "left", "upper", "right", "lower"))
    wrong = (boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1])
    if wrong.any():
        bad = int(np.argmax(wrong))
        raise RecordingError(f"{path}, line {lines[bad]}: left < right and upper < lower must hold, not {boxes[bad]}")
    return stamps, boxes
