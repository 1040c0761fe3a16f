"""The camera of a recording as a YAML file, where pixel centres lie at whole numbers as in ROS and OpenCV."""

from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from rspt.perception.camera import CameraModel, mounted
from rspt.perception.recording_files import RecordingError, read_text

_NEEDED_KEYS = ("width", "height", "fx", "fy", "cx", "cy")
_RANGE_KEYS = ("range_min_m", "range_max_m")
_MOUNT_KEYS = ("height_m", "pitch_deg", "yaw_deg", "forward_m", "left_m")
_KEYS = (*_NEEDED_KEYS, *_RANGE_KEYS, "depth_scale", "base_from_camera", *_MOUNT_KEYS)
_LARGEST = 1e9


def read_camera(path: Path) -> tuple[CameraModel, float]:
    """The camera of a YAML file, and the units per metre of its depth images.

    Raises:
        RecordingError: naming the file, the line, the value and what is allowed.
    """
    text = read_text(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as problem:  # ValueError: a date such as 2020-13-45
        mark = getattr(problem, "problem_mark", None)
        place = "" if mark is None else f", line {mark.line + 1}"
        raise RecordingError(f"{path}{place}: no valid YAML ({getattr(problem, 'problem', problem)})") from None
    if not isinstance(node, yaml.MappingNode):
        raise RecordingError(f"{path}: `key: value` lines are needed, with the keys {', '.join(_NEEDED_KEYS)}")
    lines: dict[str, int] = {}
    for key_node, _ in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key not in _KEYS:
            raise RecordingError(f"{path}, line {line}: unknown key {key!r}; allowed are {', '.join(_KEYS)}")
        if key in lines:
            raise RecordingError(f"{path}, line {line}: the key {key!r} of line {lines[key]} is there twice")
        lines[key] = line
    for key in _NEEDED_KEYS:
        if key not in content:
            raise RecordingError(f"{path}: {key} is missing; needed are {', '.join(_NEEDED_KEYS)} and a mounting")
    matrix = content.pop("base_from_camera", None)
    numbers = {key: _number(path, lines[key], key, value) for key, value in content.items()}
    if matrix is None:
        transform = _mounting(path, numbers)
    elif set(_MOUNT_KEYS) & set(numbers):
        raise RecordingError(f"{path}: needs either base_from_camera or {', '.join(set(_MOUNT_KEYS) & set(numbers))}")
    else:
        transform = _matrix(path, lines["base_from_camera"], matrix)
    scale = numbers.get("depth_scale", 1000.0)
    if not (np.isfinite(scale) and scale > 0):
        raise RecordingError(
            f"{path}, line {lines['depth_scale']}: depth_scale must be a positive number of units per metre, not"
            f" {scale}"
        )
    try:
        camera = CameraModel(
            fx=numbers["fx"],
            fy=numbers["fy"],
            cx=numbers["cx"] + 0.5,  # pixel centres lie at whole numbers there
            cy=numbers["cy"] + 0.5,
            width=content["width"],
            height=content["height"],
            base_from_camera=transform,
            **{key: numbers[key] for key in _RANGE_KEYS if key in numbers},
        )
    except ValueError as problem:
        raise RecordingError(f"{path}: {problem}") from None
    return camera, scale


def _mounting(path: Path, numbers: dict[str, float]) -> NDArray[np.float64]:
    """The mounting from its short form."""
    if "height_m" not in numbers:
        raise RecordingError(f"{path}: the mounting is missing, base_from_camera (4 x 4) or height_m")
    return mounted(
        numbers["height_m"],
        pitch_rad=np.deg2rad(numbers.get("pitch_deg", 0.0)),
        yaw_rad=np.deg2rad(numbers.get("yaw_deg", 0.0)),
        forward_m=numbers.get("forward_m", 0.0),
        left_m=numbers.get("left_m", 0.0),
    )


def _number(path: Path, line: int, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > _LARGEST:
        raise RecordingError(f"{path}, line {line}: {key} must be a number, not {str(value)[:40]!r}")
    return float(value)


def _matrix(path: Path, line: int, value: object) -> NDArray[np.float64]:
    rows = value if isinstance(value, list) and len(value) == 4 else []
    if not rows or not all(isinstance(row, list) and len(row) == 4 for row in rows):
        raise RecordingError(f"{path}, line {line}: base_from_camera must be four rows of four numbers")
    return np.array([[_number(path, line, "base_from_camera", number) for number in row] for row in rows])


def write_camera(path: Path, camera: CameraModel, depth_scale: float) -> None:
    """Write a camera and the units per metre of its depth images."""
    keys = {
        "width": int(camera.width),
        "height": int(camera.height),
        "fx": float(camera.fx),
        "fy": float(camera.fy),
        "cx": float(camera.cx) - 0.5,
        "cy": float(camera.cy) - 0.5,
        "range_min_m": float(camera.range_min_m),
        "range_max_m": float(camera.range_max_m),
        "depth_scale": depth_scale,
        "base_from_camera": camera.base_from_camera.tolist(),
    }
    path.write_text(yaml.safe_dump(keys, sort_keys=False, default_flow_style=None), encoding="utf-8")
