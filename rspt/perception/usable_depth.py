"""Depth images as they come, turned into metres that can be used, and what is wrong with those that cannot."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rspt.perception.camera import RANGE_MAX_M, RANGE_MIN_M
from rspt.perception.frame import DEPTH_BEYOND_RANGE, DEPTH_INVALID
from rspt.perception.jit import kernel

Share = Callable[[Callable[[NDArray[np.int64]], object], NDArray[np.int64]], object]
"""Calls a function with parts of some worlds until all are done, on several threads perhaps."""
_BEYOND = 1.01
"""A depth of so many times the range limit lies beyond it; what is nearer may have been rounded."""
_WRONG_UNIT = 10.0
"""A median of so many times the camera's range limit is a wrong unit (millimetres for metres), not a large room."""
_UNCLEAN, _VALID, _OUTSIDE, _INFINITE, _NEGATIVE, _WRONG = range(6)
"""Columns of the counts of pixels: those to be changed; finite and not too near; of these beyond range; infinite;
negative; so far beyond range that the unit is wrong. A survey counts the first three, a conversion all but the first.
"""
_COUNTS = 6
_NEAR, _FAR = range(2)


def usable_depth(
    depth: NDArray[Any],
    units_per_m: float,
    cameras: NDArray[np.float64],
    worlds: NDArray[np.int64],
    share: Share | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Depth that can be used, and what is wrong with the images in which there is none.

    Args:
        depth: (B, H, W) float32, float64 or uint16.
        units_per_m: of uint16 depth.
        cameras: (B, 18) camera rows.
        worlds: (n,) the worlds to look at; the rows of the others mean nothing.
        share: runs the work on parts of the worlds; one after another in this thread if None.

    Returns:
        Depth (B, H, W) in metres, the array itself where nothing had to change, and trouble (B,).

    Raises:
        ValueError: for negative depth, and for depth of another unit.
    """
    counts = np.zeros((len(depth), _COUNTS), dtype=np.int64)
    ranges = cameras[:, [RANGE_MIN_M, RANGE_MAX_M]].astype(np.float32)
    trouble = np.zeros(len(depth), dtype=np.uint8)
    share = share or at_once
    if depth.dtype == np.float32:
        share(lambda part: _survey(part, depth, ranges, counts), worlds)
        found = counts[worlds]
        if not (found[:, _UNCLEAN] | (2 * found[:, _OUTSIDE] > found[:, _VALID])).any():
            trouble[worlds[found[:, _VALID] == 0]] = DEPTH_INVALID
            return depth, trouble
    scale = np.float32(units_per_m if depth.dtype == np.uint16 else 1.0)
    images = np.empty(depth.shape, dtype=np.float32)
    share(lambda part: _convert(part, depth, scale, ranges, images, counts), worlds)
    found = counts[worlds]
    if found[:, _NEGATIVE].any():
        world = int(worlds[np.argmax(found[:, _NEGATIVE] > 0)])
        raise ValueError(
            f"depth of world {world} is negative in {counts[world, _NEGATIVE]} pixels, the least is"
            f" {np.nanmin(depth[world])}; allowed are positive metres, 0 or NaN (invalid) and +Inf (beyond range)"
        )
    wrong = 2 * found[:, _WRONG] > found[:, _VALID]
    if wrong.any():
        world = int(worlds[np.argmax(wrong)])
        values = depth[world].astype(np.float64) / float(scale)
        median = np.median(values[(values > 0.0) & (values < np.inf)])
        unit = f"{scale:.6g} units per metre" if depth.dtype == np.uint16 else "metres"
        raise ValueError(
            f"depth of world {world} has a median of {median:.6g} m, more than {_WRONG_UNIT:.0f} times the camera's"
            f" range limit of {cameras[world, RANGE_MAX_M]:.6g} m: a wrong unit? {depth.dtype} is read as {unit}"
        )
    trouble[worlds[2 * found[:, _OUTSIDE] > found[:, _VALID]]] = DEPTH_BEYOND_RANGE
    trouble[worlds[(found[:, _VALID] == 0) & (found[:, _INFINITE] == 0)]] = DEPTH_INVALID
    return images, trouble


def at_once(function: Callable[[NDArray[np.int64]], object], worlds: NDArray[np.int64]) -> None:
    """A `Share` that does all in this thread."""
    function(worlds)


@kernel
def _survey(
    worlds: NDArray[np.int64], depth: NDArray[np.float32], ranges: NDArray[np.float32], counts: NDArray[np.int64]
) -> None:
    """Count without a branch, so that it runs on whole vectors: this pass is all that clean depth costs."""
    infinity = np.float32(np.inf)
    for world in worlds:
        image = depth[world].reshape(-1)
        near = max(ranges[world, _NEAR], np.float32(1e-6))
        beyond_from = np.float32(_BEYOND) * ranges[world, _FAR]
        zero, valid, beyond = np.int32(0), np.int32(0), np.int32(0)
        for i in range(len(image)):
            value = image[i]
            zero = np.int32(zero + (value == np.float32(0.0)))
            valid = np.int32(valid + ((value >= near) & (value < infinity)))
            beyond = np.int32(beyond + (value > beyond_from))
        counts[world, _UNCLEAN] = len(image) - zero - valid
        counts[world, _VALID], counts[world, _OUTSIDE] = valid, beyond


@kernel
def _convert(
    worlds: NDArray[np.int64],
    depth: NDArray[Any],
    units_per_m: np.float32,
    ranges: NDArray[np.float32],
    out: NDArray[np.float32],
    counts: NDArray[np.int64],
) -> None:
    infinity = np.float32(np.inf)
    for world in worlds:
        image, metres = depth[world].reshape(-1), out[world].reshape(-1)
        near, far = max(ranges[world, _NEAR], np.float32(1e-6)), ranges[world, _FAR]
        beyond_from, wrong_from = np.float32(_BEYOND) * far, np.float32(_WRONG_UNIT) * far
        valid, beyond, infinite, negative, wrong = np.int32(0), np.int32(0), np.int32(0), np.int32(0), np.int32(0)
        for i in range(len(image)):
            value = np.float32(image[i]) / units_per_m
            finite = (value >= near) & (value < infinity)
            valid = np.int32(valid + finite)
            beyond = np.int32(beyond + (finite & (value > beyond_from)))
            infinite = np.int32(infinite + (value == infinity))
            negative = np.int32(negative + (value < np.float32(0.0)))
            wrong = np.int32(wrong + (finite & (value > wrong_from)))
            metres[i] = value if finite else (far if value == infinity else np.float32(0.0))
        counts[world, _VALID], counts[world, _OUTSIDE], counts[world, _INFINITE] = valid, beyond, infinite
        counts[world, _NEGATIVE], counts[world, _WRONG] = negative, wrong
        if 2 * beyond > valid:
            metres[:] = np.float32(0.0)
