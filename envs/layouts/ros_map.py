"""ROS maps (`map.yaml` and its image) as layouts, in the coordinates of the map frame."""

import difflib
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.errors import LayoutError
from envs.layouts.grid_map import FREE, WALL, Origin, layout_of_grid
from envs.layouts.layout import Layout
from envs.layouts.map_image import MapImage, read_map_image
from envs.yaml_file import load_yaml

MODES = ("trinary", "scale", "raw")
UNKNOWN_GRAY = (204.0, 206.0)
"""Gray values that map savers write for unknown cells: never free, whatever the thresholds say."""
REACH_M = 1.0
"""How far from the drivable region free cells are kept, in metres; rays shot through windows end there."""

_REQUIRED = ("image", "resolution", "origin", "negate", "occupied_thresh", "free_thresh")
_LONGEST_COORDINATE_M = 1e6


class RosMapSettings(NamedTuple):
    """What a map.yaml says.

    Attributes:
        image: path of the picture.
        resolution_m: side of a pixel in metres.
        origin: pose of the picture's lower left corner in the map frame.
        negate: whether black is free.
        occupied_thresh: occupancy above which a cell is occupied.
        free_thresh: occupancy below which a cell is free.
        mode: one of MODES.
    """

    image: Path
    resolution_m: float
    origin: Origin
    negate: bool
    occupied_thresh: float
    free_thresh: float
    mode: str


def read_ros_map(path: str | Path) -> Layout:
    """The layout of a ROS map: free cells as the map says, occupied and unknown ones as walls.

    Raises:
        LayoutError: if the yaml or the image is missing, damaged or out of range, or too little area can be driven on.
    """
    path = Path(path)
    settings = read_settings(path)
    image = read_map_image(settings.image)
    free = free_cells(image, settings)
    name = path.resolve().parent.name if path.stem == "map" else path.stem
    return layout_of_grid(
        np.where(free, FREE, WALL).astype(np.uint8)[::-1],
        cell_m=settings.resolution_m,
        name=name,
        source=str(path),
        reach_m=REACH_M,
        origin=settings.origin,
    )


def read_settings(path: Path) -> RosMapSettings:
    """Read and check a map.yaml; keys that ROS does not know are ignored.

    Raises:
        LayoutError: naming the file, the key, the value and what is allowed.
    """
    content = load_yaml(path, error=LayoutError)
    for key in _REQUIRED:
        if key not in content:
            near = difflib.get_close_matches(key, set(content) - {*_REQUIRED, "mode"}, n=1)
            hint = f" (did you mean it by {near[0]!r}?)" if near else ""
            raise LayoutError(f"{path}: the key {key!r} is missing{hint}; needed are {', '.join(_REQUIRED)}")
    free = _number(path, "free_thresh", content["free_thresh"], 0.0, 1.0)
    occupied = _number(path, "occupied_thresh", content["occupied_thresh"], 0.0, 1.0)
    if not free < occupied:
        raise LayoutError(f"{path}: free_thresh {free} must be below occupied_thresh {occupied}")
    return RosMapSettings(
        image=_image_path(path, content["image"]),
        resolution_m=_number(path, "resolution", content["resolution"], 0.001, 10.0),
        origin=_origin(path, content["origin"]),
        negate=bool(_choice(path, "negate", content["negate"], (0, 1))),
        occupied_thresh=occupied,
        free_thresh=free,
        mode=_choice(path, "mode", content.get("mode", "trinary"), MODES),
    )


def free_cells(image: MapImage, settings: RosMapSettings) -> NDArray[np.bool_]:
    """Cells (H, W) of the image that are free; row 0 is the top.

    With p the occupancy, 0 for white and 1 for black (negated: the reverse): `trinary` p < free_thresh; `scale` p
    nearer to free_thresh than to occupied_thresh; `raw` a pixel value (0 free, 100 occupied, above unknown) below 50.
    Pixels that are not fully opaque are unknown, and so, except in `raw`, are grays in UNKNOWN_GRAY.
    """
    gray = 255.0 * np.arange(image.brightest + 1) / image.brightest
    if settings.mode == "raw":
        is_free = gray < 50.0
    else:
        occupancy = gray / 255.0 if settings.negate else (255.0 - gray) / 255.0
        limit = settings.free_thresh
        if settings.mode == "scale":
            limit = (settings.free_thresh + settings.occupied_thresh) / 2.0
        brightness = 255.0 - gray if settings.negate else gray
        is_free = (occupancy < limit) & ((brightness < UNKNOWN_GRAY[0]) | (brightness > UNKNOWN_GRAY[1]))
    free: NDArray[np.bool_] = is_free[image.level]
    return free if image.opaque is None else free & image.opaque


def _image_path(path: Path, value: Any) -> Path:
    if not isinstance(value, str) or not value:
        raise LayoutError(f"{path}: image is {value!r:.60}, the name of a PGM or PNG file is needed")
    return path.parent / value


def _origin(path: Path, value: Any) -> Origin:
    if not isinstance(value, list) or len(value) != 3:
        raise LayoutError(f"{path}: origin is {value!r:.60}, three numbers [x, y, yaw] are needed")
    names, limit = ("origin[0]", "origin[1]", "origin[2]"), _LONGEST_COORDINATE_M
    x, y, yaw = (_number(path, name, part, -limit, limit) for name, part in zip(names, value, strict=True))
    return Origin(x, y, yaw)


def _number(path: Path, key: str, value: Any, lowest: float, highest: float) -> float:
    try:
        # YAML reads 1e-4 as text
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not lowest <= number <= highest:
        raise LayoutError(f"{path}: {key} is {value!r:.60}, a number from {lowest:g} to {highest:g} is allowed")
    return number


def _choice(path: Path, key: str, value: Any, allowed: tuple[Any, ...]) -> Any:
    if value not in allowed:
        raise LayoutError(f"{path}: {key} is {value!r:.60}, allowed are {', '.join(map(str, allowed))}")
    return value
