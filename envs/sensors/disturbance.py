"""The kernels of the images' noise."""

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.sensors.camera import RANGE_MAX_M, RANGE_MIN_M
from envs.sensors.random_bits import GOLDEN, hash_bits, uniform

SIGMA, EDGE_DROPOUT, FAR_DROPOUT, MISS_RATE, RAGGED, FALSE_RATE = range(6)
"""Columns of a noise row."""
MISS_STEPS = 5
"""Most steps of a burst without mask."""
_EDGE_STEP = 0.05  # second difference of one over the depth, 1/m: zero on planes, so that a far floor is no edge
_DEPTH_STREAM, _MISS_STREAM, _RAGGED_STREAM, _FALSE_STREAM = (np.uint64(value) for value in (1, 2, 3, 4))
# four uniform numbers of 12 bits: their sum has the mean 2 * 4095 and the standard deviation sqrt(4 / 12) * 4096
_SUM_MEAN, _SUM_SCALE = np.float32(8190.0), np.float32(1.0 / (4096.0 * np.sqrt(1.0 / 3.0)))


@kernel
def disturb(
    worlds: NDArray[np.int64],
    keys: NDArray[np.uint64],
    steps: NDArray[np.int64],
    rows: NDArray[np.float64],
    cameras: NDArray[np.float64],
    depth: NDArray[np.float32],
    mask: NDArray[np.uint8],
) -> None:
    """Disturb depth and mask (W, H, W') of the given worlds."""
    for world in worlds:
        row = rows[world]
        if row[SIGMA] > 0.0 or row[EDGE_DROPOUT] > 0.0 or row[FAR_DROPOUT] > 0.0:
            _disturb_depth(_bits(keys[world], _DEPTH_STREAM, steps[world]), row, cameras[world], depth[world])
        if row[RAGGED] > 0.0:
            _fray(_bits(keys[world], _RAGGED_STREAM, steps[world]), row[RAGGED], mask[world])
        if _is_missed(keys[world], steps[world], row[MISS_RATE]):
            mask[world] = 0
        bits = _bits(keys[world], _FALSE_STREAM, steps[world])
        if uniform(bits) < row[FALSE_RATE]:
            _mark_patch(bits, mask[world])


@kernel
def _bits(key: np.uint64, stream: np.uint64, step: int) -> np.uint64:
    return hash_bits(hash_bits(key ^ (stream * GOLDEN)) + np.uint64(step) * GOLDEN)


@kernel
def _disturb_depth(
    seed: np.uint64, noise: NDArray[np.float64], camera: NDArray[np.float64], depth: NDArray[np.float32]
) -> None:
    rows, columns = depth.shape
    range_min, range_max = np.float32(camera[RANGE_MIN_M]), np.float32(camera[RANGE_MAX_M])
    sigma = np.float32(noise[SIGMA]) * _SUM_SCALE
    edge_share = np.float32(noise[EDGE_DROPOUT] * 65536.0)
    far_share = np.float32(noise[FAR_DROPOUT] * 65536.0) / (range_max * range_max * range_max * range_max)
    low12 = np.uint64(0xFFF)
    one, zero = np.float32(1.0), np.float32(0.0)
    for row in range(rows):
        before = here = one / max(depth[row, 0], range_min)
        for column in range(columns):
            after = one / max(depth[row, min(column + 1, columns - 1)], range_min)
            curvature = abs(before + after - here - here)
            before, here = here, after
            distance = depth[row, column]
            bits = hash_bits(seed + np.uint64(row * columns + column))
            square = distance * distance
            dropout = max(far_share * square * square, edge_share if curvature > np.float32(_EDGE_STEP) else zero)
            total = (bits & low12) + ((bits >> np.uint64(12)) & low12)
            total += ((bits >> np.uint64(24)) & low12) + ((bits >> np.uint64(36)) & low12)
            noisy = distance + sigma * square * (np.float32(np.int32(total)) - _SUM_MEAN)
            noisy = min(max(noisy, range_min), range_max)
            noisy = noisy if distance < range_max else range_max
            is_valid = (distance > zero) & (np.float32(np.int32(bits >> np.uint64(48))) >= dropout)
            depth[row, column] = noisy if is_valid else zero


@kernel
def _is_missed(key: np.uint64, step: int, rate: float) -> bool:
    """Whether a burst that began at this step or shortly before still lasts."""
    if rate <= 0.0:
        return False
    for age in range(min(MISS_STEPS, step + 1)):
        bits = _bits(key, _MISS_STREAM, step - age)
        if uniform(bits) < rate and age <= np.int64(hash_bits(bits) % np.uint64(MISS_STEPS)):
            return True
    return False


@kernel
def _fray(seed: np.uint64, share: float, mask: NDArray[np.uint8]) -> None:
    """Move the left and right ends of the marked runs by a pixel here and there."""
    rows, columns = mask.shape
    for row in range(rows):
        before = mask[row, 0]
        for column in range(1, columns):
            here = mask[row, column]
            if here != before:
                chance = uniform(hash_bits(seed + np.uint64(row * columns + column)))
                if chance < share:
                    mask[row, column if here else column - 1] = 0
                elif chance < 2.0 * share:
                    mask[row, column - 1 if here else column] = 1
            before = here


@kernel
def _mark_patch(bits: np.uint64, mask: NDArray[np.uint8]) -> None:
    """Mark a small upright patch anywhere."""
    rows, columns = mask.shape
    middle = uniform(hash_bits(bits)), uniform(hash_bits(bits + np.uint64(1)))
    size = uniform(hash_bits(bits + np.uint64(2)))
    half_height, half_width = (0.03 + 0.09 * size) * rows, (0.01 + 0.04 * size) * columns
    row_middle, column_middle = int(middle[0] * rows), int(middle[1] * columns)
    for row in range(max(int(row_middle - half_height), 0), min(int(row_middle + half_height) + 1, rows)):
        for column in range(max(int(column_middle - half_width), 0), min(int(column_middle + half_width) + 1, columns)):
            mask[row, column] = 1
