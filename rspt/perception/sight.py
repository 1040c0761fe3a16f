"""What one depth image says along the ground: for each direction, where the way is seen to be free and what is hit.

Each sector of the ground before the camera is divided into 128 steps of distance, which are one bit each.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rspt.perception.camera import CY, FY, RANGE_MAX_M, RANGE_MIN_M, TRANSLATION
from rspt.perception.jit import kernel
from rspt.perception.sectors import FORWARD_MIN, Sectors, direction, is_level

STEPS = 128
"""Steps of distance in a profile, in two words of 64 bits."""
OWN, FIRST, LAST, BLOCKED_FROM, BLOCKED_TO, PASSED_FROM, PASSED_TO, HIT, SPANS = range(9)
"""Rows of what is measured of a row of pixels: sectors, then steps."""
_NONE, _ALL, _ONE = np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(1)


class Heights(NamedTuple):
    """Heights above the floor in metres that sort what a ray tells.

    Attributes:
        low: from here up to `high` things are obstacles.
        high: see low.
        passing: a ray shows that the way is free where it runs lower than this.
        drop: a ray that ends below this has found no floor, and shows nothing.
    """

    low: float
    high: float
    passing: float
    drop: float


@kernel
def look(
    depth: NDArray[np.float32],
    skipped: NDArray[np.uint8],
    camera: NDArray[np.float64],
    heights: Heights,
    sectors: Sectors,
    passed: NDArray[np.uint64],
    blocked: NDArray[np.uint64],
    hit: NDArray[np.uint64],
) -> None:
    """Write which steps are passed low, blocked and hit, each (2, number of sectors), for one image.

    Args:
        depth: (H, W) metres.
        skipped: (H, W) not 0 where a pixel is no obstacle (but hides what is behind it).
        camera: (18,) row.
        heights: what counts as what.
        sectors: of this camera.
        passed: bit k is set if a ray passes the step k low above the floor, or ends there on the floor.
        blocked: bit k is set if an obstacle stopped a ray before or in step k, where it would run at obstacles' height.
        hit: bit k is set if a ray ended on an obstacle there.
    """
    passed[:, : sectors.number] = _NONE
    blocked[:, : sectors.number] = _NONE
    hit[:, : sectors.number] = _NONE
    if is_level(camera):
        for row in range(len(depth)):
            _look_along_level_row(depth, skipped, row, camera, heights, sectors.reach, passed, blocked, hit)
        return
    spans = np.empty((SPANS, depth.shape[1]), dtype=np.int32)
    for row in range(len(depth)):
        _measure_row(depth, skipped, row, camera, heights, sectors, spans)
        _mark_row(spans, passed, blocked, hit)


@kernel
def _look_along_level_row(
    depth: NDArray[np.float32],
    skipped: NDArray[np.uint8],
    row: int,
    camera: NDArray[np.float64],
    heights: Heights,
    reach: float,
    passed: NDArray[np.uint64],
    blocked: NDArray[np.uint64],
    hit: NDArray[np.uint64],
) -> None:
    """All rays of the row rise by the same slope, and column and sector are one: simple enough for vector units."""
    per_metre, slope = STEPS / reach, (camera[CY] - row - 0.5) / camera[FY]
    eye = camera[TRANSLATION + 2]
    bands = _between(eye, slope, heights.low, heights.high, per_metre)
    passes = _between(eye, slope, 0.0, heights.passing, per_metre)
    near, limit, scale = np.float32(camera[RANGE_MIN_M]), np.float32(reach), np.float32(per_metre)
    low, high, drop = np.float32(heights.low - eye), np.float32(heights.high - eye), np.float32(heights.drop - eye)
    rise, start, last = np.float32(slope), np.int32(0), np.int32(63)
    for word in range(2):
        band, way, begin = bands[word], passes[word], np.int32(64 * word)
        if (band | way) == _NONE:
            continue  # whatever ends here is floor, or hangs high
        for column in range(depth.shape[1]):
            distance = depth[row, column]
            valid = distance >= near  # not true for NaN
            beyond = distance >= limit
            distance = distance if valid else near
            distance = distance if distance < limit else limit
            z = rise * distance
            step = np.int32(np.int32(distance * scale) - begin)
            shift = step if step > start else start
            shift = shift if shift < last else last
            ends = _NONE if beyond or step > last else _ALL << np.uint64(shift)
            after = ends if step < start else ends << _ONE
            shows = _ALL if valid and z > drop else _NONE
            stops = _ALL if valid and z > low and z < high else _NONE
            hits = stops if skipped[row, column] == 0 else _NONE
            blocked[word, column] |= band & ends & stops
            passed[word, column] |= way & ~after & shows
            hit[word, column] |= (ends ^ after) & hits


@kernel
def _measure_row(
    depth: NDArray[np.float32],
    skipped: NDArray[np.uint8],
    row: int,
    camera: NDArray[np.float64],
    heights: Heights,
    sectors: Sectors,
    spans: NDArray[np.int32],
) -> None:
    """Any mounting: which sectors each pixel covers, and from which step to which it passes and blocks them."""
    start = direction(camera, sectors.cos, sectors.sin, 0.5, row + 0.5)
    end = direction(camera, sectors.cos, sectors.sin, 1.5, row + 0.5)
    forward_0, left_0, up_0 = np.float32(start[0]), np.float32(start[1]), np.float32(start[2])
    forward_1, left_1 = np.float32(end[0] - start[0]), np.float32(end[1] - start[1])
    up_1 = np.float32(end[2] - start[2])
    below = direction(camera, sectors.cos, sectors.sin, 0.5, row + 1.5)
    forward_2, left_2 = np.float32(below[0] - start[0]), np.float32(below[1] - start[1])
    per_metre, per_tangent = np.float32(STEPS / sectors.reach), np.float32(1.0 / sectors.width)
    first_tangent, number = np.float32(sectors.first), np.int32(sectors.number)
    near, far, eye = np.float32(camera[RANGE_MIN_M]), np.float32(camera[RANGE_MAX_M]), camera[TRANSLATION + 2]
    low, high = np.float32(heights.low - eye), np.float32(heights.high - eye)
    passing, drop, floor = np.float32(heights.passing - eye), np.float32(heights.drop - eye), np.float32(-eye)
    zero, half, one, steps = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(STEPS)
    least, flattest = np.float32(FORWARD_MIN), np.float32(1e-6)
    for column in range(depth.shape[1]):
        k, z_depth = np.float32(np.int32(column)), depth[row, column]
        forward, left, up = forward_0 + k * forward_1, left_0 + k * left_1, up_0 + k * up_1
        valid = z_depth >= near and forward > least  # not true for NaN
        z_depth = z_depth if valid else near
        beyond = z_depth >= far
        z_depth = far if beyond else z_depth
        per_forward = one / (forward if forward > least else least)
        tangent = left * per_forward
        middle = (first_tangent - tangent) * per_tangent
        valid = valid and middle >= zero and middle < np.float32(number)
        middle = middle if valid else zero
        across = abs(left_1 - tangent * forward_1)
        along = abs(left_2 - tangent * forward_2)
        reach = half * per_forward * per_tangent * (across if across > along else along)
        own = np.int32(middle)
        # the sectors whose middle the pixel covers, so that no row leaves a sector out, and its own in any case
        first = np.int32(max(np.ceil(middle - reach - half), zero))
        last = np.int32(np.ceil(middle + reach - half)) - np.int32(1)
        spans[OWN, column] = own
        spans[FIRST, column] = first if first < own else own
        last = last if last < number else number - np.int32(1)
        spans[LAST, column] = last if last > own else own
        distance, z = z_depth * forward * per_metre, z_depth * up
        step = np.int32(min(distance, steps)) if distance > zero else np.int32(0)
        slope = up * per_forward
        per_slope = per_metre / (slope if abs(slope) > flattest else flattest)
        one_end, other_end = low * per_slope, high * per_slope
        enter, leave = min(one_end, other_end), max(one_end, other_end)
        from_step, to_step = np.int32(min(max(enter, zero), steps)), np.int32(np.ceil(min(max(leave, zero), steps)))
        spans[BLOCKED_FROM, column] = from_step if from_step > step else step
        stops = valid and not beyond and z > low and z < high
        spans[BLOCKED_TO, column] = to_step if stops else np.int32(0)
        one_end, other_end = floor * per_slope, passing * per_slope
        enter, leave = min(one_end, other_end), max(one_end, other_end)
        from_step, to_step = np.int32(min(max(enter, zero), steps)), np.int32(np.ceil(min(max(leave, zero), steps)))
        to_step = to_step if to_step <= step else step + np.int32(1)
        spans[PASSED_FROM, column] = from_step
        spans[PASSED_TO, column] = to_step if valid and z > drop else np.int32(0)
        spans[HIT, column] = step if stops and skipped[row, column] == 0 else np.int32(STEPS)


@kernel
def _mark_row(
    spans: NDArray[np.int32], passed: NDArray[np.uint64], blocked: NDArray[np.uint64], hit: NDArray[np.uint64]
) -> None:
    for column in range(spans.shape[1]):
        first, last = np.uint64(spans[FIRST, column]), np.uint64(spans[LAST, column]) + _ONE
        if spans[PASSED_FROM, column] < spans[PASSED_TO, column]:
            word_0, word_1 = _span(spans[PASSED_FROM, column], spans[PASSED_TO, column])
            for sector in range(first, last):
                passed[0, sector] |= word_0
                passed[1, sector] |= word_1
        if spans[BLOCKED_FROM, column] < spans[BLOCKED_TO, column]:
            word_0, word_1 = _span(spans[BLOCKED_FROM, column], spans[BLOCKED_TO, column])
            for sector in range(first, last):
                blocked[0, sector] |= word_0
                blocked[1, sector] |= word_1
        step = spans[HIT, column]
        if step < STEPS:
            hit[step >> 6, spans[OWN, column]] |= _ONE << np.uint64(step & 63)


@kernel
def _between(eye: float, slope: float, low: float, high: float, per_metre: float) -> tuple[np.uint64, np.uint64]:
    """Bits of the steps in which a ray runs between two heights."""
    enter, leave = 0.0, np.inf
    if slope < 0.0:
        enter, leave = (high - eye) / slope, (low - eye) / slope
    elif slope > 0.0:
        enter, leave = (low - eye) / slope, (high - eye) / slope
    elif not low <= eye <= high:
        return _NONE, _NONE
    enter, leave = np.floor(max(enter, 0.0) * per_metre), np.ceil(min(leave * per_metre, float(STEPS)))
    if not enter < leave:
        return _NONE, _NONE
    return _span(int(enter), int(leave))


@kernel
def _span(first: int, end: int) -> tuple[np.uint64, np.uint64]:
    """Bits of the steps from first to before end."""
    from_0, from_1 = _from_step(first)
    to_0, to_1 = _from_step(end)
    return from_0 & ~to_0, from_1 & ~to_1


@kernel
def _from_step(step: int) -> tuple[np.uint64, np.uint64]:
    """Bits of this step (0 to STEPS) and all further ones."""
    word_0 = _ALL << np.uint64(step) if step < 64 else _NONE
    word_1 = _ALL << np.uint64(max(step - 64, 0)) if step < STEPS else _NONE
    return word_0, word_1


@kernel
def free_steps(
    passed: NDArray[np.uint64], blocked: NDArray[np.uint64], sectors: Sectors, free: NDArray[np.uint64]
) -> int:
    """Write which steps are free in both sectors beside each border; the last free step, or -1.

    What is looked up at a border between the middles of two sectors is as strict as both. There is nothing beyond the
    outermost middles: the first and the last border have no free step.

    Args:
        passed: (2, number) as `look` writes it.
        blocked: likewise.
        sectors: of the camera.
        free: at least 2 (number + 1); two words of bits for one border after the other.
    """
    before_0, before_1, any_0, any_1 = _NONE, _NONE, _NONE, _NONE
    for border in range(sectors.number + 1):
        now_0, now_1 = _NONE, _NONE
        if border < sectors.number:
            now_0, now_1 = passed[0, border] & ~blocked[0, border], passed[1, border] & ~blocked[1, border]
        free[2 * border], free[2 * border + 1] = before_0 & now_0, before_1 & now_1
        any_0, any_1 = any_0 | free[2 * border], any_1 | free[2 * border + 1]
        before_0, before_1 = now_0, now_1
    last = -1
    for step in range(STEPS):
        if ((any_1 if step >= 64 else any_0) >> np.uint64(step & 63)) & _ONE:
            last = step
    return last
