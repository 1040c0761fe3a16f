"""Round upright bodies in a depth image: which of the marked pixels belong together, and where each body's axis is."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rspt.perception.jit import kernel
from rspt.perception.optics import Optics, distance, pixel_of

MAX_BODIES = 12
_LAYERS = 3
"""So many surfaces, one behind the other, are told apart in a column."""
_LAYER_M = 0.3
"""Pixels of a column whose distance differs less than this, in metres, lie on one surface."""
_LOWEST_M, _HIGHEST_M, _SLOPE = -0.1, 2.2, 0.1
"""Marked pixels under or over these heights, in metres, are no part of a body: a detector's false patch on a wall.

Per metre of distance they may lie so much lower or higher, because floors and robots tilt.
"""
_MARGIN_M = 0.12
"""A surface point so much farther from the axis than the radius, in metres, still belongs to the body."""
_HEIGHTS_M = (0.4, 0.9, 1.4)
"""Heights at which the view past a body is tried, in metres."""
_BACK_M = 0.08
"""What lies farther behind the axis than this, in metres, is not the side of the body that the camera sees."""
_MOVES_M = 0.1
"""The axis may be so far, in metres, from where it is first thought to be."""
_FIT_M = 0.2
"""Points so far off the circle, in metres, do not count in its fit."""
_FITTING_STEPS = 4
_STEP_M = 0.15
"""Longest step of the fit in metres."""
_CLOSE_M = 1e-3
"""The fit ends with a step shorter than this."""
_DAMPING = 0.02
"""Share of the full weight by which the fit of the circle is damped."""


class Bodies(NamedTuple):
    """The bodies of one image, and the scratch in which they are found.

    Attributes:
        center: (MAX_BODIES, 2) forward and left of the axis in metres.
        pixels: (MAX_BODIES,) number of pixels that agree on it.
        area_m2: (MAX_BODIES,) upright area that these cover.
        box: (MAX_BODIES, 4) left, upper, right, lower edge of these in pixels.
        place: (MAX_BODIES, 2) the centre in the odometry frame, for who remembers bodies.
        taken: (MAX_BODIES,) whether it is known which body that is, likewise.
        marked: (W,) number of marked pixels in each column of the image.
        weight: (S,) pixels of each surface.
        forward: (S,) its mean distance.
        left: (S,)
        extent: (S, 4) the box around its pixels.
        owner: (S,) body that it belongs to, or -1.
        used: (S,) the surfaces that have pixels.
    """

    center: NDArray[np.float64]
    pixels: NDArray[np.int64]
    area_m2: NDArray[np.float64]
    box: NDArray[np.int64]
    place: NDArray[np.float64]
    taken: NDArray[np.bool_]
    marked: NDArray[np.int64]
    weight: NDArray[np.float64]
    forward: NDArray[np.float64]
    left: NDArray[np.float64]
    extent: NDArray[np.int64]
    owner: NDArray[np.int64]
    used: NDArray[np.int64]


def words_of(mask: NDArray[np.uint8]) -> NDArray[Any]:
    """A mask (B, H, W) as (B, n) words of eight pixels where that is possible, which are scanned faster, or of one."""
    flat = np.ascontiguousarray(mask).reshape(len(mask), -1)
    if flat.shape[1] % 8 or flat.ctypes.data % 8:
        return flat
    return flat.view(np.uint64)


@kernel
def make_bodies(width: int) -> Bodies:
    """Scratch for images of so many columns."""
    surfaces = 2 * width * _LAYERS
    return Bodies(
        np.empty((MAX_BODIES, 2)),
        np.zeros(MAX_BODIES, np.int64),
        np.zeros(MAX_BODIES),
        np.zeros((MAX_BODIES, 4), np.int64),
        np.empty((MAX_BODIES, 2)),
        np.zeros(MAX_BODIES, np.bool_),
        np.zeros(width, np.int64),
        np.zeros(surfaces),
        np.zeros(surfaces),
        np.zeros(surfaces),
        np.empty((surfaces, 4), np.int64),
        np.empty(surfaces, np.int64),
        np.empty(surfaces, np.int64),
    )


@kernel
def find_bodies(
    depth: NDArray[np.float32],
    words: NDArray[Any],
    optics: Optics,
    radius_m: float,
    expected: tuple[float, float],
    reach_m: float,
    bodies: Bodies,
) -> int:
    """Find the bodies among the marked pixels of one image.

    Args:
        depth: (H, W) metres.
        words: (n,) the mask, as `words_of` gives it.
        optics: of the camera.
        radius_m: of the bodies.
        expected: forward and left where one is expected; NaN if nowhere.
        reach_m: bodies so near to it are found first, as there is room for MAX_BODIES only.
        bodies: where to write.

    Returns:
        Number of bodies.
    """
    used = _gather(depth, words, optics, bodies)
    count = 0
    for around in (True, False):
        while count < MAX_BODIES:
            seed = _nearest(bodies, used, expected, reach_m if around else np.inf)
            if seed < 0:
                break
            _take(depth, bodies, seed, radius_m, expected, optics, count)
            count += 1
    for i in range(used):
        bodies.weight[bodies.used[i]] = 0.0
    return count


@kernel
def agreement(bodies: Bodies, body: int) -> float:
    """Share of the marked pixels in the columns of a body, and beside them, that agree on it."""
    there = 0
    for column in range(max(bodies.box[body, 0] - 1, 0), min(bodies.box[body, 2] + 1, len(bodies.marked))):
        there += bodies.marked[column]
    return float(bodies.pixels[body]) / max(there, 1)


@kernel
def _gather(depth: NDArray[np.float32], words: NDArray[Any], optics: Optics, bodies: Bodies) -> int:
    """Sort the marked pixels into the surfaces of their columns; returns how many surfaces there are."""
    height, width = depth.shape
    fx, fy, cx, cy = optics.intrinsics
    per_fx, per_fy = 1.0 / fx, 1.0 / fy
    per_word = height * width // len(words)
    byte = np.uint64(255)
    bodies.marked[:] = 0
    used = 0
    for number in range(len(words)):
        word = np.uint64(words[number])
        if word == 0:
            continue
        row = number * per_word // width
        column = number * per_word - row * width - 1
        for k in range(per_word):
            column += 1
            if column == width:
                row, column = row + 1, 0
            if (word >> np.uint64(8 * k)) & byte == 0:
                continue
            bodies.marked[column] += 1
            deep = np.float64(depth[row, column])
            if not 0.0 < deep < optics.range_max_m:  # NaN compares false
                continue
            across, down = (column + 0.5 - cx) * per_fx, (row + 0.5 - cy) * per_fy
            forward = deep * (optics.forward[0] * across + optics.forward[1] * down + optics.forward[2])
            left = deep * (optics.left[0] * across + optics.left[1] * down + optics.left[2])
            up = deep * (optics.up[0] * across + optics.up[1] * down + optics.up[2]) + optics.place[2]
            slack = _SLOPE * deep
            if not (_LOWEST_M - slack <= up <= _HIGHEST_M + slack and forward > 0.0):
                continue
            upright = column
            if not optics.is_level:
                upright = int(np.floor(cx - fx * left / forward))
            place = _LAYERS * min(max(upright + width // 2, 0), 2 * width - 1)
            for surface in range(place, place + _LAYERS):
                weight = bodies.weight[surface]
                if weight == 0.0:
                    bodies.used[used] = surface
                    used += 1
                    bodies.weight[surface], bodies.forward[surface], bodies.left[surface] = 1.0, forward, left
                    bodies.extent[surface, 0], bodies.extent[surface, 1] = column, row
                    bodies.extent[surface, 2], bodies.extent[surface, 3] = column + 1, row + 1
                    break
                if abs(forward * weight - bodies.forward[surface]) < _LAYER_M * weight:
                    bodies.weight[surface] = weight + 1.0
                    bodies.forward[surface] += forward
                    bodies.left[surface] += left
                    bodies.extent[surface, 3] = row + 1
                    if not optics.is_level:
                        bodies.extent[surface, 0] = min(bodies.extent[surface, 0], column)
                        bodies.extent[surface, 2] = max(bodies.extent[surface, 2], column + 1)
                    break
    for i in range(used):
        surface = bodies.used[i]
        bodies.forward[surface] /= bodies.weight[surface]
        bodies.left[surface] /= bodies.weight[surface]
        bodies.owner[surface] = -1
    return used


@kernel
def _nearest(bodies: Bodies, used: int, around: tuple[float, float], reach_m: float) -> int:
    """The surface nearest to the camera that belongs to no body yet, or -1: the front of a body, if it is not hidden.

    Only those within reach of a place count, unless the reach is infinite.
    """
    nearest, least = -1, np.inf
    for i in range(used):
        surface = bodies.used[i]
        if bodies.owner[surface] >= 0:
            continue
        forward, left = bodies.forward[surface], bodies.left[surface]
        if not (reach_m == np.inf or distance(forward - around[0], left - around[1]) <= reach_m):
            continue
        square = forward * forward + left * left
        if square < least:
            nearest, least = surface, square
    return nearest


@kernel
def _is_on(bodies: Bodies, surface: int, forward: float, left: float, radius_m: float) -> bool:
    """Whether a surface can be the front of a body with that axis."""
    x, y = bodies.forward[surface] - forward, bodies.left[surface] - left
    is_near = x * x + y * y <= (radius_m + _MARGIN_M) ** 2
    return bool(is_near and x * forward + y * left <= _BACK_M * distance(forward, left))


@kernel
def _span(
    depth: NDArray[np.float32],
    bodies: Bodies,
    seed: int,
    forward: float,
    left: float,
    radius_m: float,
    optics: Optics,
) -> tuple[int, int]:
    """The upright columns, first and last, that may show a body with about that axis, no view past it between them."""
    fx, _, cx, _ = optics.intrinsics
    reach_m = radius_m + _MARGIN_M + _MOVES_M
    half = depth.shape[1] // 2
    start = seed // _LAYERS
    ends = [start, start]
    for side in range(2):
        column = start
        while True:
            column += 2 * side - 1
            slope = (cx - (column - half + 0.5)) / fx
            off = left - slope * forward
            if not (0 <= column < 2 * depth.shape[1] and off * off <= reach_m * reach_m * (1.0 + slope * slope)):
                break
            is_on = False
            for surface in range(_LAYERS * column, _LAYERS * (column + 1)):
                if bodies.weight[surface] > 0.0 and bodies.owner[surface] < 0:
                    is_on |= _is_on(bodies, surface, forward, left, radius_m + _MOVES_M)
            if is_on:
                ends[side] = column
            elif _sees_past(depth, forward, slope * forward, radius_m, optics):
                break
    return ends[0], ends[1]


@kernel
def _sees_past(depth: NDArray[np.float32], forward: float, left: float, radius_m: float, optics: Optics) -> bool:
    """Whether the camera sees what is behind an upright line."""
    past = 0
    for height_m in _HEIGHTS_M:
        column, row, deep = pixel_of(optics, forward, left, height_m)
        if 0.0 <= column < depth.shape[1] and 0.0 <= row < depth.shape[0]:  # NaN compares false
            past += 1 if depth[int(row), int(column)] > deep + radius_m else -1
    return past > 0


@kernel
def _take(
    depth: NDArray[np.float32],
    bodies: Bodies,
    seed: int,
    radius_m: float,
    expected: tuple[float, float],
    optics: Optics,
    body: int,
) -> None:
    """Fit the axis of the body whose front is a surface, and give it the surfaces that fit.

    Damped Gauss-Newton on the distances of the surface points to the circle. The damping decides where the axis is
    along directions of which the points say nothing, as when only one or two columns are seen: near the expectation, if
    the points lie about there, and straight behind the points otherwise.
    """
    behind = 1.0 + radius_m / max(distance(bodies.forward[seed], bodies.left[seed]), 1e-6)
    forward, left = behind * bodies.forward[seed], behind * bodies.left[seed]
    first, last = _span(depth, bodies, seed, forward, left, radius_m, optics)
    total = sum_forward = sum_left = 0.0
    for surface in range(_LAYERS * first, _LAYERS * (last + 1)):
        if bodies.weight[surface] == 0.0 or bodies.owner[surface] >= 0:
            continue
        if surface == seed or _is_on(bodies, surface, forward, left, radius_m):
            total += bodies.weight[surface]
            sum_forward += bodies.weight[surface] * bodies.forward[surface]
            sum_left += bodies.weight[surface] * bodies.left[surface]
    forward, left = sum_forward / total, sum_left / total
    behind = 1.0 + radius_m / max(distance(forward, left), 1e-6)
    forward, left = behind * forward, behind * left
    start = (forward, left)
    is_expected = distance(forward - expected[0], left - expected[1]) <= 2.0 * radius_m  # NaN compares false
    for _ in range(_FITTING_STEPS):
        weights = xx = xy = yy = ex = ey = 0.0
        for surface in range(_LAYERS * first, _LAYERS * (last + 1)):
            if bodies.weight[surface] == 0.0 or bodies.owner[surface] >= 0:
                continue
            x, y = bodies.forward[surface] - forward, bodies.left[surface] - left
            away = max(distance(x, y), 1e-6)
            excess = away - radius_m
            if abs(excess) >= _FIT_M or x * forward + y * left > _BACK_M * distance(forward, left):
                continue
            trust = 1.0 - (excess / _FIT_M) ** 2
            weight = bodies.weight[surface] * trust * trust
            x, y = x / away, y / away
            weights += weight
            xx, xy, yy = xx + weight * x * x, xy + weight * x * y, yy + weight * y * y
            ex, ey = ex + weight * x * excess, ey + weight * y * excess
        if weights == 0.0:
            break
        xx, yy = xx + _DAMPING * weights, yy + _DAMPING * weights
        if is_expected:
            ex += _DAMPING * weights * (expected[0] - forward)
            ey += _DAMPING * weights * (expected[1] - left)
        scale = 1.0 / (xx * yy - xy * xy)
        step_forward, step_left = scale * (yy * ex - xy * ey), scale * (xx * ey - xy * ex)
        scale = min(1.0, _STEP_M / max(distance(step_forward, step_left), 1e-9))
        forward, left = forward + scale * step_forward, left + scale * step_left
        if abs(step_forward) + abs(step_left) < _CLOSE_M:
            break
    if not _is_on(bodies, seed, forward, left, radius_m):  # what is no circle may throw the fit off
        forward, left = start
    bodies.center[body, 0], bodies.center[body, 1] = forward, left
    pixels = 0.0
    for edge in range(4):
        bodies.box[body, edge] = bodies.extent[seed, edge]
    for surface in range(_LAYERS * first, _LAYERS * (last + 1)):
        if bodies.weight[surface] == 0.0 or bodies.owner[surface] >= 0:
            continue
        if surface == seed or _is_on(bodies, surface, forward, left, radius_m):
            bodies.owner[surface] = body
            pixels += bodies.weight[surface]
            for edge in range(2):
                bodies.box[body, edge] = min(bodies.box[body, edge], bodies.extent[surface, edge])
                bodies.box[body, edge + 2] = max(bodies.box[body, edge + 2], bodies.extent[surface, edge + 2])
    bodies.pixels[body] = int(pixels)
    bodies.area_m2[body] = pixels * forward * forward / (optics.intrinsics[0] * optics.intrinsics[1])
