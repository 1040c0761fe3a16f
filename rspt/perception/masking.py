"""The pixels of a depth image that belong to the target."""

import numpy as np
from numpy.typing import NDArray

from rspt.perception.jit import kernel

_SIMILAR_M = 0.3
"""A pixel beside a mask belongs to the masked body if its depth differs by no more than this, in metres."""


@kernel
def mark_masked(mask: NDArray[np.uint8], depth: NDArray[np.float32], skipped: NDArray[np.uint8]) -> tuple[int, int]:
    """Mark the masked pixels and those around them at a similar depth, whose mask may have been missed.

    Args:
        mask: (H, W) not 0 on the target.
        depth: (H, W) metres.
        skipped: (H, W) 0 everywhere; where to mark.

    Returns:
        The rows from, to that hold marks.
    """
    rows, columns = mask.shape
    upper, lower, left, right = rows, 0, columns, 0
    for row in range(rows):
        marked = np.uint8(0)
        for column in range(columns):
            marked = np.uint8(marked | mask[row, column])
        if marked == 0:
            continue
        upper, lower = min(upper, row), row + 1
        for column in range(left):
            if mask[row, column] != 0:
                left = column
                break
        for column in range(columns - 1, right - 1, -1):
            if mask[row, column] != 0:
                right = column + 1
                break
    upper, lower = max(upper - 1, 0), min(lower + 1, rows)
    for row in range(upper, lower):
        for column in range(max(left - 1, 0), min(right + 1, columns)):
            skipped[row, column] = mask[row, column] != 0 or _is_beside(mask, depth, row, column)
    return upper, lower


@kernel
def _is_beside(mask: NDArray[np.uint8], depth: NDArray[np.float32], row: int, column: int) -> bool:
    """Whether one of the eight pixels around is masked and of a similar depth."""
    distance = depth[row, column]
    for near_row in range(max(row - 1, 0), min(row + 2, len(mask))):
        for near_column in range(max(column - 1, 0), min(column + 2, mask.shape[1])):
            near = depth[near_row, near_column]
            if mask[near_row, near_column] != 0 and abs(near - distance) <= np.float32(_SIMILAR_M):
                return True
    return False
