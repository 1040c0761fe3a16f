"""Layouts from files: ROS maps, MovingAI maps and text maps, told apart by the suffix."""

import os
from pathlib import Path

from envs.errors import LayoutError
from envs.layouts.free_space import free_space
from envs.layouts.layout import Layout
from envs.layouts.movingai import CELL_M, read_movingai
from envs.layouts.ros_map import read_ros_map
from envs.layouts.text_map import read_text_map

SUFFIXES = {".yaml": "ROS map", ".yml": "ROS map", ".map": "MovingAI map", ".txt": "text map"}


def load_layout(path: str | Path, *, cell_m: float | None = None) -> Layout:
    """Load a layout from a file, or from a folder that holds one `map.yaml`.

    Args:
        path: a file with one of SUFFIXES, or a folder.
        cell_m: side of a cell in metres, for MovingAI maps alone (1 m if left out): the other formats say it
            themselves.

    Raises:
        LayoutError: naming the file, the field, the value and what is allowed; or saying how little of the map can be
            driven on.
    """
    path = _map_in(Path(path)) if _is_folder(path) else Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        allowed = ", ".join(f"{name} ({kind})" for name, kind in SUFFIXES.items())
        raise LayoutError(f"{str(path)!r}: the suffix {suffix!r} is no layout's, allowed are {allowed}")
    if cell_m is not None and suffix != ".map":
        raise LayoutError(f"{path}: cell_m is {cell_m}, but a {SUFFIXES[suffix]} has a scale of its own; leave it out")
    if suffix == ".map":
        layout = read_movingai(path, cell_m=CELL_M if cell_m is None else cell_m)
    else:
        layout = read_text_map(path).layout if suffix == ".txt" else read_ros_map(path)
    free_space(layout)  # refuses a layout with too little area to drive on
    return layout


def is_layout_path(text: str) -> bool:
    """Whether a text is a path, or names a file or folder that there is, rather than a family of layouts."""
    has_separator = "/" in text or os.sep in text
    return has_separator or Path(text).suffix.lower() in SUFFIXES or (text != "" and _exists(text))


def _is_folder(path: str | Path) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _map_in(folder: Path) -> Path:
    found = [path for path in (folder / "map.yaml", folder / "map.yml") if path.exists()]
    if len(found) != 1:
        others = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        hint = f"; name one of its files: {', '.join(others[:8])}" if others else ""
        raise LayoutError(f"{folder}: the folder holds {len(found)} files named map.yaml or map.yml, not one{hint}")
    return found[0]
