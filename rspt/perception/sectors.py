"""The ground before a camera, divided by directions.

A level camera has one sector for each column of its image. Others have about as many, of equal width in the tangent of
the azimuth, and a pixel may cover several of them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rspt.perception.camera import CX, CY, FX, FY, RANGE_MAX_M, ROTATION
from rspt.perception.jit import kernel

FORWARD_MIN = 0.05
"""Rays that point down (or up) more steeply than with this forward component show nothing but the robot's feet."""
_TANGENT_MAX = 4.0
"""Directions further aside than this are left out unless the camera is level; only extreme mountings have them."""


class Sectors(NamedTuple):
    """How the ground before the camera is divided.

    Attributes:
        number: of sectors.
        first: tangent of the azimuth at the left edge of the first sector, seen along the heading.
        width: of a sector, as a tangent.
        cos: of the heading, the horizontal direction of the optical axis in the base frame.
        sin: likewise.
        reach: metres ahead that the steps span.
    """

    number: int
    first: float
    width: float
    cos: float
    sin: float
    reach: float


@kernel
def sectors_of(camera: NDArray[np.float64], height: int, width: int, reach_max: float) -> Sectors:
    """The sectors of a camera with images (height, width)."""
    rotation, heading = camera[ROTATION : ROTATION + 9], (camera[ROTATION + 2], camera[ROTATION + 5])
    norm = np.sqrt(heading[0] ** 2 + heading[1] ** 2)
    if norm < 1e-3:  # straight down (or up): ahead is where the image's upper edge points
        heading = (-rotation[1], -rotation[4]) if rotation[8] < 0.0 else (rotation[1], rotation[4])
        norm = np.sqrt(heading[0] ** 2 + heading[1] ** 2)
    cos, sin = heading[0] / norm, heading[1] / norm
    reach = min(camera[RANGE_MAX_M], reach_max)
    if is_level(camera):
        return Sectors(width, camera[CX] / camera[FX], 1.0 / camera[FX], cos, sin, reach)
    left, right = -_TANGENT_MAX, _TANGENT_MAX
    for k in range(4):
        ahead, aside, _ = direction(camera, cos, sin, float((k % 2) * width), float((k // 2) * height))
        tangent = _TANGENT_MAX if aside > 0.0 else -_TANGENT_MAX
        if ahead > FORWARD_MIN:
            tangent = min(max(aside / ahead, -_TANGENT_MAX), _TANGENT_MAX)
        left, right = max(left, tangent), min(right, tangent)
    # a sector is as wide as a pixel in the middle of the image, whichever way the image is turned
    center = direction(camera, cos, sin, camera[CX], camera[CY])
    beside = direction(camera, cos, sin, camera[CX] + 1.0, camera[CY])
    below = direction(camera, cos, sin, camera[CX], camera[CY] + 1.0)
    pixel = max(abs(beside[1] - center[1]), abs(below[1] - center[1])) / max(center[0], 0.5)
    number = int(min(max(np.ceil((left - right) / pixel), 1.0), 4.0 * max(width, height)))
    return Sectors(number, left, (left - right) / number, cos, sin, reach)


@kernel
def is_level(camera: NDArray[np.float64]) -> bool:
    """Whether the columns of the image are upright and the optical axis is horizontal."""
    up = camera[ROTATION + 6 : ROTATION + 9]
    return bool(abs(up[0]) < 1e-9 and abs(up[2]) < 1e-9 and up[1] < 0.0)


@kernel
def direction(
    camera: NDArray[np.float64], cos: float, sin: float, column: float, row: float
) -> tuple[float, float, float]:
    """Forward, left and up along the heading for a metre of depth, at a point of the image."""
    u, v = (column - camera[CX]) / camera[FX], (row - camera[CY]) / camera[FY]
    x = camera[ROTATION] * u + camera[ROTATION + 1] * v + camera[ROTATION + 2]
    y = camera[ROTATION + 3] * u + camera[ROTATION + 4] * v + camera[ROTATION + 5]
    z = camera[ROTATION + 6] * u + camera[ROTATION + 7] * v + camera[ROTATION + 8]
    return cos * x + sin * y, cos * y - sin * x, z
