"""A camera as seen from the floor: distances forward and left of it, whatever its pitch.

Distances are measured on the floor, forward along the projection of the optical axis and to the left of it, from the
point under the camera. Upright surfaces then have one distance along each upright line.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rspt.perception.camera import CX, CY, FX, FY, RANGE_MAX_M, ROTATION, TRANSLATION
from rspt.perception.jit import kernel


class Optics(NamedTuple):
    """A levelled camera.

    Attributes:
        forward: metres forward per metre of depth: times the column's slope, times the row's slope, and plain.
        left: likewise to the left.
        up: likewise.
        heading: cosine and sine of the forward axis in the base frame.
        place: (x, y, z) of the optical centre in the base frame, metres.
        intrinsics: fx, fy, cx, cy in pixels.
        range_max_m: depth from which on a pixel says only that nothing is nearer.
        is_level: whether upright lines are columns of the image.
    """

    forward: tuple[float, float, float]
    left: tuple[float, float, float]
    up: tuple[float, float, float]
    heading: tuple[float, float]
    place: tuple[float, float, float]
    intrinsics: tuple[float, float, float, float]
    range_max_m: float
    is_level: bool


@kernel
def levelled(camera: NDArray[np.float64]) -> Optics:
    """The optics of a camera row (18,)."""
    r = camera[ROTATION:TRANSLATION]
    ahead_x, ahead_y = r[2], r[5]
    if np.hypot(ahead_x, ahead_y) < 1e-6:  # it looks straight down: ahead is where the image's upper border points
        ahead_x, ahead_y = -r[1], -r[4]
    norm = np.hypot(ahead_x, ahead_y)
    cos, sin = ahead_x / norm, ahead_y / norm
    return Optics(
        (cos * r[0] + sin * r[3], cos * r[1] + sin * r[4], cos * r[2] + sin * r[5]),
        (cos * r[3] - sin * r[0], cos * r[4] - sin * r[1], cos * r[5] - sin * r[2]),
        (r[6], r[7], r[8]),
        (cos, sin),
        (camera[TRANSLATION], camera[TRANSLATION + 1], camera[TRANSLATION + 2]),
        (camera[FX], camera[FY], camera[CX], camera[CY]),
        camera[RANGE_MAX_M],
        abs(r[8]) < 1e-9 and abs(r[6]) < 1e-9,
    )


@kernel
def from_ego(optics: Optics, x: float, y: float) -> tuple[float, float]:
    """Forward and left of the camera, of a place in the base frame."""
    cos, sin = optics.heading
    x, y = x - optics.place[0], y - optics.place[1]
    return cos * x + sin * y, cos * y - sin * x


@kernel
def to_base(optics: Optics, forward: float, left: float) -> tuple[float, float]:
    """The inverse of `from_ego`."""
    cos, sin = optics.heading
    return optics.place[0] + cos * forward - sin * left, optics.place[1] + sin * forward + cos * left


@kernel
def pixel_of(optics: Optics, forward: float, left: float, height_m: float) -> tuple[float, float, float]:
    """Column, row and depth at which a levelled camera sees a place; the depth is not positive behind it."""
    up = height_m - optics.place[2]
    x = forward * optics.forward[0] + left * optics.left[0] + up * optics.up[0]
    y = forward * optics.forward[1] + left * optics.left[1] + up * optics.up[1]
    deep = forward * optics.forward[2] + left * optics.left[2] + up * optics.up[2]
    if deep <= 0.0:
        return np.nan, np.nan, deep
    fx, fy, cx, cy = optics.intrinsics
    return cx + fx * x / deep, cy + fy * y / deep, deep


@kernel
def distance(x: float, y: float) -> float:
    """The length of a vector; several times faster than np.hypot, which guards against overflow."""
    length: float = np.sqrt(x * x + y * y)
    return length
