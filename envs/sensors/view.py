"""Which cells of a scene's grid a camera looks at: strips of the grid across the view, nearest first."""

import numpy as np

from envs.jit import kernel

Triangle = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
"""Coordinates along and across the strips, in cells, of the eye and of the two far corners of what it sees."""


@kernel
def view_triangle(
    frame: tuple[float, float, float], pose: tuple[float, float, float, float], lateral: float, depth: float
) -> tuple[bool, Triangle]:
    """What a camera sees down to a depth, on the ground.

    Args:
        frame: x and y of the grid's lower left corner and the size of a cell, metres.
        pose: x, y in metres, cosine and sine of the yaw.
        lateral: greatest sideways distance in view per depth.
        depth: metres.

    Returns:
        Whether strips are columns of the grid (the camera looks along x rather than y), and the triangle.
    """
    x, y, cos, sin = (pose[0] - frame[0]) / frame[2], (pose[1] - frame[1]) / frame[2], pose[2], pose[3]
    depth = depth / frame[2]
    left_x, left_y = x + depth * (cos - lateral * sin), y + depth * (sin + lateral * cos)
    right_x, right_y = x + depth * (cos + lateral * sin), y + depth * (sin - lateral * cos)
    if abs(cos) >= abs(sin):
        return True, ((x, y), (left_x, left_y), (right_x, right_y))
    return False, ((y, x), (left_y, left_x), (right_y, right_x))


@kernel
def strip_extent(triangle: Triangle, strip: int) -> tuple[float, float, float]:
    """The part of a strip inside a triangle: its ends across, and its least depth as a share of the triangle's."""
    eye, left, right = triangle
    extent = (np.inf, -np.inf, np.inf)
    extent = _clip(extent, strip, eye, left, 0.0, 1.0)
    extent = _clip(extent, strip, eye, right, 0.0, 1.0)
    return _clip(extent, strip, left, right, 1.0, 1.0)


@kernel
def _clip(
    extent: tuple[float, float, float],
    strip: int,
    start: tuple[float, float],
    end: tuple[float, float],
    share_start: float,
    share_end: float,
) -> tuple[float, float, float]:
    """Widen an extent by the part of an edge inside a strip."""
    length = end[0] - start[0]
    if abs(length) < 1e-9:
        first, last = (0.0, 1.0) if strip <= start[0] <= strip + 1 else (1.0, 0.0)
    else:
        at_low, at_high = (strip - start[0]) / length, (strip + 1 - start[0]) / length
        first, last = max(min(at_low, at_high), 0.0), min(max(at_low, at_high), 1.0)
    if first > last:
        return extent
    across_first = start[1] + first * (end[1] - start[1])
    across_last = start[1] + last * (end[1] - start[1])
    share = min(share_start + first * (share_end - share_start), share_start + last * (share_end - share_start))
    return (
        min(extent[0], across_first, across_last),
        max(extent[1], across_first, across_last),
        min(extent[2], share),
    )
