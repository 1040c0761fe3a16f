"""Whether a body at some place would be hidden from the camera."""

import numpy as np
from numpy.typing import NDArray

from rspt.perception.jit import kernel
from rspt.perception.optics import Optics, distance, pixel_of

_ACROSS = (-0.7, 0.0, 0.7)
"""Sample points on a body: to both sides, in radii."""
_HEIGHTS_M = (0.4, 0.9, 1.4)
_NEARER_M = 0.3
"""What is nearer than the front of the body by this, in metres, hides it."""


@kernel
def hidden_share(depth: NDArray[np.float32], optics: Optics, place: tuple[float, float], radius_m: float) -> float:
    """Share of the sample points on a body at a place that are out of view or behind something.

    Args:
        depth: (H, W) metres.
        optics: of the camera.
        place: forward and left of the camera in metres.
        radius_m: of the body.
    """
    height, width = depth.shape
    away = distance(place[0], place[1])
    if not away > radius_m:  # also where it is NaN
        return 0.0
    hidden = 0
    for side in _ACROSS:
        forward = place[0] - side * radius_m * place[1] / away
        left = place[1] + side * radius_m * place[0] / away
        for height_m in _HEIGHTS_M:
            column, row, deep = pixel_of(optics, forward, left, height_m)
            if not (0.0 <= column < width and 0.0 <= row < height):  # NaN compares false
                hidden += 1
                continue
            seen = depth[int(row), int(column)]
            hidden += 0.0 < seen < deep - radius_m - _NEARER_M
    return hidden / (len(_ACROSS) * len(_HEIGHTS_M))
