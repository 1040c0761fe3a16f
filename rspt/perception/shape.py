"""Whether coloured pixels are a body of the target's size, and which pixels a body at some place has."""

import numpy as np
from numpy.typing import NDArray

from rspt.perception.jit import kernel
from rspt.perception.optics import Optics, pixel_of

_LOWEST_M = 0.08
"""Lower pixels are floor."""
_MARGIN_M = 0.12
"""Points so much farther from the axis than the radius, in metres, are still on the body."""
_BESIDE_M = 0.33
"""What is coloured within this distance, in metres, beside the body makes it a part of something wider."""
_WIDE, _TALL = 0.6, 0.1
"""Pixels beside the body, and over its head, as a share of those on it, from which on it is no body."""
_TOP_LOW_M, _TOP_HIGH_M = 0.3, 0.2
"""So much lower or higher, in metres, the top of a body may seem to be."""
_RIM_M = 0.15
"""Pixels so little lower than the highest one, in metres, belong to the rim of the body."""
_NEARER_M = 0.3


@kernel
def columns_of(optics: Optics, place: tuple[float, float], reach_m: float, width: int) -> tuple[int, int]:
    """The columns that show what is within reach of an upright axis; all of them where it is near the camera."""
    if not place[0] > reach_m + 0.1:
        return 0, width
    first, last = np.inf, -np.inf
    for height_m in (0.0, 0.9, 1.8):
        for forward in (place[0] - reach_m, place[0] + reach_m):
            for left in (place[1] - reach_m, place[1] + reach_m):
                column, _, _ = pixel_of(optics, forward, left, height_m)
                if np.isnan(column):
                    return 0, width
                first, last = min(first, column), max(last, column)
    return int(min(max(first, 0.0), width)), int(min(max(last + 1.0, 0.0), width))


@kernel
def offset_of(
    depth: NDArray[np.float32], row: int, column: int, optics: Optics, place: tuple[float, float]
) -> tuple[float, float]:
    """Distance of what a pixel shows from an upright axis, and its height; infinite where the depth says nothing."""
    deep = np.float64(depth[row, column])
    if not 0.0 < deep < optics.range_max_m:
        return np.inf, 0.0
    fx, fy, cx, cy = optics.intrinsics
    across, down = (column + 0.5 - cx) / fx, (row + 0.5 - cy) / fy
    x = deep * (optics.forward[0] * across + optics.forward[1] * down + optics.forward[2]) - place[0]
    y = deep * (optics.left[0] * across + optics.left[1] * down + optics.left[2]) - place[1]
    up = deep * (optics.up[0] * across + optics.up[1] * down + optics.up[2])
    return np.sqrt(x * x + y * y), optics.place[2] + up


@kernel
def mark_body(
    depth: NDArray[np.float32],
    optics: Optics,
    place: tuple[float, float],
    radius_m: float,
    height_m: float,
    mask: NDArray[np.uint8],
) -> int:
    """Mark (H, W) the pixels whose depth puts them on a body at a place; returns their number."""
    mask[:] = 0
    count = 0
    column_from, column_to = columns_of(optics, place, radius_m + _MARGIN_M, depth.shape[1])
    for row in range(depth.shape[0]):
        for column in range(column_from, column_to):
            away, up = offset_of(depth, row, column, optics, place)
            if away <= radius_m + _MARGIN_M and _LOWEST_M <= up <= height_m + _TOP_HIGH_M:
                mask[row, column] = 1
                count += 1
    return count


@kernel
def weigh(
    depth: NDArray[np.float32],
    likeness: NDArray[np.uint8],
    optics: Optics,
    place: tuple[float, float],
    reach_m: float,
    height_m: float,
    weights: NDArray[np.uint8],
) -> None:
    """Copy the likeness (H, W) of what is within reach of a place; the rest becomes 0."""
    weights[:] = 0
    column_from, column_to = columns_of(optics, place, reach_m, depth.shape[1])
    for row in range(depth.shape[0]):
        for column in range(column_from, column_to):
            if likeness[row, column]:
                away, up = offset_of(depth, row, column, optics, place)
                if away <= reach_m and _LOWEST_M <= up <= height_m + _TOP_HIGH_M:
                    weights[row, column] = likeness[row, column]


@kernel
def is_body(
    depth: NDArray[np.float32],
    mask: NDArray[np.uint8],
    optics: Optics,
    place: tuple[float, float],
    radius_m: float,
    height_m: float,
) -> bool:
    """Whether the marked pixels around a place have the width and height of a body, as far as they can be seen.

    A top that the image's border cuts off, or that something nearer hides, says nothing about the height.

    Args:
        depth: (H, W) metres.
        mask: (H, W) not 0 on the colours of the target.
        optics: of the camera.
        place: forward and left of the axis in metres.
        radius_m: of the target.
        height_m: of the target.
    """
    on = beside = over = 0
    top_m = 0.0
    column_from, column_to = columns_of(optics, place, radius_m + _BESIDE_M, depth.shape[1])
    for row in range(depth.shape[0]):
        for column in range(column_from, column_to):
            if not mask[row, column]:
                continue
            away, up = offset_of(depth, row, column, optics, place)
            if away > radius_m + _BESIDE_M or up < _LOWEST_M:
                continue
            if away > radius_m + _MARGIN_M:
                beside += up <= height_m
                continue
            on += 1
            over += up > height_m + _TOP_HIGH_M
            top_m = max(top_m, up)
    if beside > _WIDE * on or over > _TALL * on:
        return False
    if height_m - _TOP_LOW_M <= top_m <= height_m + _TOP_HIGH_M:
        return True
    return _is_cut_off(depth, mask, optics, place, radius_m, top_m, (column_from, column_to))


@kernel
def _is_cut_off(
    depth: NDArray[np.float32],
    mask: NDArray[np.uint8],
    optics: Optics,
    place: tuple[float, float],
    radius_m: float,
    top_m: float,
    columns: tuple[int, int],
) -> bool:
    """Whether marked pixels end at their top because the image ends, or because something nearer is there."""
    cut = open_ = 0
    for row in range(depth.shape[0]):
        for column in range(columns[0], columns[1]):
            if not mask[row, column]:
                continue
            away, up = offset_of(depth, row, column, optics, place)
            if away > radius_m + _MARGIN_M or up < top_m - _RIM_M:
                continue
            if row == 0:
                cut += 1
            elif (
                not mask[row - 1, column] or offset_of(depth, row - 1, column, optics, place)[0] > radius_m + _MARGIN_M
            ):
                if 0.0 < depth[row - 1, column] < depth[row, column] - _NEARER_M:
                    cut += 1
                else:
                    open_ += 1
    return cut >= open_
