"""A binary heap of cells by their keys, least first, in two arrays (kernels)."""

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel


@kernel
def push(keys: NDArray[np.float64], cells: NDArray[np.int32], size: int, key: float, cell: int) -> None:
    """Put a cell into a heap of `size` entries."""
    child = size
    while child > 0:
        parent = (child - 1) >> 1
        if keys[parent] <= key:
            break
        keys[child], cells[child] = keys[parent], cells[parent]
        child = parent
    keys[child], cells[child] = key, cell


@kernel
def pop(keys: NDArray[np.float64], cells: NDArray[np.int32], size: int) -> int:
    """Take out the first cell of a heap of `size` entries."""
    first = cells[0]
    key, cell = keys[size - 1], cells[size - 1]
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= size - 1:
            break
        if child + 1 < size - 1 and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[hole], cells[hole] = keys[child], cells[child]
        hole = child
    keys[hole], cells[hole] = key, cell
    return int(first)
