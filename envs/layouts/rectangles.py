"""Few rectangles that cover the cells of a mask exactly."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel


def rectangles_of(mask: NDArray[Any]) -> NDArray[np.int64]:
    """Disjoint rectangles (N, 4) first row, first column, end row, end column (half-open) that cover exactly the mask.

    Greedy: each uncovered cell in reading order becomes the corner of the largest rectangle that fits; done by rows
    and by columns, and the shorter list is returned.

    Args:
        mask: (H, W) true where to cover.
    """
    cells = np.asarray(mask, dtype=np.bool_)
    by_rows = _cover(np.array(cells, order="C"))
    by_columns = _cover(np.array(cells.T, order="C"))
    return by_rows if len(by_rows) <= len(by_columns) else by_columns[:, [1, 0, 3, 2]]


def rectangles_by_blocks(mask: NDArray[Any], block: int) -> NDArray[np.int64]:
    """As `rectangles_of`, but blocks that are full are joined with each other alone.

    The slivers that follow an uneven border then end near it instead of crossing the solid behind it, which keeps the
    lists of a spatial grid short.

    Args:
        mask: (H, W) true where to cover.
        block: side of the blocks in cells.
    """
    height, width = mask.shape
    solid = np.pad(np.asarray(mask, dtype=np.bool_), ((0, -height % block), (0, -width % block)), constant_values=True)
    blocks = solid.reshape(solid.shape[0] // block, block, solid.shape[1] // block, block)
    full = np.asarray(blocks.all(axis=(1, 3)))
    rest = solid & ~np.repeat(np.repeat(full, block, axis=0), block, axis=1)
    inner = np.minimum(rectangles_of(full) * block, [height, width, height, width])
    return np.concatenate([inner, rectangles_of(rest[:height, :width])])


@kernel
def _cover(left: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The cover of `left`, which is cleared on the way."""
    rows, columns = left.shape
    found = np.empty((16, 4), dtype=np.int64)
    count = 0
    for row in range(rows):
        for column in range(columns):
            if not left[row, column]:
                continue
            width, area, row_end, column_end = columns - column, 0, row + 1, column + 1
            for below in range(row, rows):
                run = 0
                while run < width and left[below, column + run]:
                    run += 1
                width = run
                if width == 0:
                    break
                if width * (below + 1 - row) > area:
                    area, row_end, column_end = width * (below + 1 - row), below + 1, column + width
            left[row:row_end, column:column_end] = False
            if count == len(found):
                larger = np.empty((2 * count, 4), dtype=np.int64)
                larger[:count] = found
                found = larger
            found[count, 0], found[count, 1], found[count, 2], found[count, 3] = row, column, row_end, column_end
            count += 1
    return found[:count]
