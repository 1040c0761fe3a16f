"""What stands in a box: its surface in the depth image, told apart from what is behind, before and under it."""

import numpy as np
from numpy.typing import NDArray

from rspt.perception.jit import kernel
from rspt.perception.optics import Optics, distance
from rspt.perception.others import is_box

_BIN_M = 0.1
_BINS = 512
_SPAN = 4
"""A surface of a body spans so many bins."""
_SHARE = 0.15
"""Share of the middle of the box that a surface of the body fills at least."""
_FLOOR_M = 0.1
"""Points lower than this, in metres, are floor."""
_HIGHEST_M = 2.3
_BEHIND = 0.75
"""The axis of a round body is so many radii behind the mean of its visible surface."""
_SLACK_M = 0.2
_MIDDLE_ACROSS, _MIDDLE_FROM, _MIDDLE_TO = 0.25, 0.1, 0.8
"""The middle of a box: so much of its width on both sides of its axis, and between these shares of its height."""


@kernel
def mark_foreground(
    depth: NDArray[np.float32],
    box: NDArray[np.float64],
    optics: Optics,
    radius_m: float,
    expected: tuple[float, float],
    gate_m: float,
    mask: NDArray[np.uint8],
) -> tuple[float, float]:
    """Mark the pixels in a box whose distance is that of the body which the box shows.

    Of the surfaces in the middle of the box that is the one nearest to the expectation; where nothing is expected, the
    one at which a body is as wide as the box; and the nearest one if the image cuts the box off.

    Args:
        depth: (H, W) metres.
        box: (4,) left, upper, right, lower edge in pixels; may reach beyond the image.
        optics: of the camera.
        radius_m: of the body.
        expected: forward and left where the body should be; NaN if nowhere in particular.
        gate_m: farther from there it cannot be.
        mask: (H * W,) all 0; where to write.

    Returns:
        Forward and left of the body roughly; NaN if there is none, and then nothing is marked.
    """
    height, width = depth.shape
    nowhere = (np.nan, np.nan)
    if not is_box(box):
        return nowhere
    column_from, column_to = _pixels(box[0], box[2], width)
    row_from, row_to = _pixels(box[1], box[3], height)
    if column_from >= column_to or row_from >= row_to:
        return nowhere
    across, tall = column_to - column_from, row_to - row_from
    middle_from = column_from + int(np.floor((0.5 - _MIDDLE_ACROSS) * across))
    middle_to = column_to - int(np.floor((0.5 - _MIDDLE_ACROSS) * across))
    upper, lower = row_from + int(_MIDDLE_FROM * tall), row_from + int(np.ceil(_MIDDLE_TO * tall))
    counts = np.zeros(_BINS + _SPAN, dtype=np.int64)
    total, slope = 0, 0.0
    for row in range(upper, lower):
        for column in range(middle_from, middle_to):
            forward, left, up = _place(depth, row, column, optics)
            if forward > 0.0 and _FLOOR_M < up < _HIGHEST_M and forward < _BINS * _BIN_M:
                counts[int(forward / _BIN_M)] += 1
                slope += left / forward
                total += 1
    if not total:
        return nowhere
    slope /= total
    # a box whose sides lie in the image says by its width how far the body is
    by_size = np.nan
    if box[0] > 0.0 and box[2] < width:
        by_size = 2.0 * radius_m * optics.intrinsics[0] / (box[2] - box[0])
    surface, least = np.nan, np.inf
    for start in range(_BINS):
        inside, distances = 0, 0.0
        for k in range(start, start + _SPAN):
            inside += counts[k]
            distances += counts[k] * (k + 0.5) * _BIN_M
        if inside == 0 or inside < _SHARE * total:
            continue
        forward = distances / inside + _BEHIND * radius_m
        if not np.isnan(expected[0]):
            off = distance(forward - expected[0], slope * forward - expected[1])
            if off > gate_m:
                continue
        elif not np.isnan(by_size):
            off = abs(np.log(forward / by_size))
        else:
            off = forward
        if off < least:
            surface, least = distances / inside, off
    if np.isnan(surface):
        return nowhere
    nearest, farthest = surface - radius_m - _SLACK_M, surface + radius_m + _SLACK_M
    for row in range(row_from, row_to):
        for column in range(column_from, column_to):
            forward, left, up = _place(depth, row, column, optics)
            if nearest <= forward <= farthest and _FLOOR_M < up < _HIGHEST_M:
                mask[row * width + column] = 1
    forward = surface + _BEHIND * radius_m
    return forward, slope * forward


@kernel
def _pixels(low: float, high: float, size: int) -> tuple[int, int]:
    """The pixels whose centres lie between two edges."""
    return int(np.ceil(min(max(low - 0.5, 0.0), size))), int(np.ceil(min(max(high - 0.5, 0.0), size)))


@kernel
def _place(depth: NDArray[np.float32], row: int, column: int, optics: Optics) -> tuple[float, float, float]:
    """Forward, left and height of what a pixel shows; 0 forward where its depth says nothing."""
    deep = np.float64(depth[row, column])
    if not 0.0 < deep < optics.range_max_m:
        return 0.0, 0.0, 0.0
    fx, fy, cx, cy = optics.intrinsics
    across, down = (column + 0.5 - cx) / fx, (row + 0.5 - cy) / fy
    forward = deep * (optics.forward[0] * across + optics.forward[1] * down + optics.forward[2])
    left = deep * (optics.left[0] * across + optics.left[1] * down + optics.left[2])
    up = optics.place[2] + deep * (optics.up[0] * across + optics.up[1] * down + optics.up[2])
    return forward, left, up
