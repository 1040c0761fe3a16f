"""Where the ray caster paints: one image column by column, so that the rows that a surface covers lie together."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.sensors.camera import CY, FY, HEIGHT_M, RANGE_MAX_M, RANGE_MIN_M
from envs.sensors.shading import BOTTOM_LEVEL, FLOOR_SURFACE, NOTHING_SURFACE, TOP_LEVEL

NO_CODE = -1
"""In place of a code: only the depth is painted."""


class Canvas(NamedTuple):
    """Scratch for one image of H rows and W columns.

    Attributes:
        depth: (W, H) metres.
        surface: (W, H) codes as in `shading`; movers always write them, prisms only where colours or ids are wanted.
        far: (W,) depth in metres beyond which nothing static is seen in a column.
        numbers: (H,) 0, 1, 2 ...
        inverse_slopes: (H,) depth at which the sight line of a row has sunk by one metre; negative above the horizon.
        empty_depth: (H,) a column of a world without prisms and movers.
        empty_surface: (H,) likewise.
    """

    depth: NDArray[np.float32]
    surface: NDArray[np.int32]
    far: NDArray[np.float64]
    numbers: NDArray[np.float32]
    inverse_slopes: NDArray[np.float32]
    empty_depth: NDArray[np.float32]
    empty_surface: NDArray[np.int32]


@kernel
def make_canvas(rows: int, columns: int) -> Canvas:
    """Scratch for images of that size."""
    return Canvas(
        np.empty((columns, rows), np.float32),
        np.empty((columns, rows), np.int32),
        np.empty(columns),
        np.arange(rows).astype(np.float32),
        np.empty(rows, np.float32),
        np.empty(rows, np.float32),
        np.empty(rows, np.int32),
    )


@kernel
def clear(canvas: Canvas, camera: NDArray[np.float64]) -> None:
    """The floor where it lies within range, nothing elsewhere."""
    range_max = camera[RANGE_MAX_M]
    for row in range(len(canvas.empty_depth)):
        inverse_slope = camera[FY] / (row + 0.5 - camera[CY])
        distance = camera[HEIGHT_M] * inverse_slope
        is_floor = 0.0 < distance < range_max
        if not is_floor:
            distance = range_max
        canvas.inverse_slopes[row] = inverse_slope
        canvas.empty_depth[row] = distance if distance >= camera[RANGE_MIN_M] else 0.0
        canvas.empty_surface[row] = FLOOR_SURFACE if is_floor else NOTHING_SURFACE
    canvas.far[:] = range_max
    for column in range(len(canvas.depth)):
        for row in range(canvas.depth.shape[1]):
            canvas.depth[column, row] = canvas.empty_depth[row]
            canvas.surface[column, row] = canvas.empty_surface[row]


@kernel
def paint_column(
    canvas: Canvas,
    camera: NDArray[np.float64],
    column: int,
    inverse: tuple[float, float],
    heights: tuple[float, float, float],
    code: int,
    level: int,
) -> None:
    """Paint what one column sees of a prism: its upper face from above, its side, its lower face from below.

    Args:
        canvas: where.
        camera: row of the camera.
        column: which.
        inverse: one over the depths in 1/m at which the column's ray enters and leaves the prism.
        heights: over the camera, in metres: of the prism's lower and upper end, and of the highest prism of the world.
        code: surface without brightness, or NO_CODE.
        level: brightness of the side.
    """
    rows = canvas.depth.shape[1]
    low, high, top = heights
    horizon, fy, enter = camera[CY] - 0.5, camera[FY], 1.0 / inverse[0]
    # from the floor to the image's upper border, or to the height of the highest prism: nothing is seen behind it
    if low <= max(-camera[HEIGHT_M], (horizon - rows + 1) / fy * enter) and high >= min(top, horizon / fy * enter):
        canvas.far[column] = min(canvas.far[column], enter)
    side_from, side_to = horizon - high * fy * inverse[0], horizon - low * fy * inverse[0]
    face_from, face_to, face_drop, face_level = side_from, side_from, 0.0, 0
    if high < 0.0:
        face_from, face_drop, face_level = horizon - high * fy * inverse[1], -high, TOP_LEVEL
    elif low > 0.0:
        face_from, face_to, face_drop, face_level = side_to, horizon - low * fy * inverse[1], -low, BOTTOM_LEVEL
    _paint_rows(
        canvas,
        column,
        (np.float32(side_from), np.float32(side_to), np.float32(enter)),
        (np.float32(face_from), np.float32(face_to), np.float32(face_drop)),
        np.float32(camera[RANGE_MIN_M]),
        (np.int32(code + level), np.int32(code + face_level)) if code >= 0 else (np.int32(NO_CODE), np.int32(NO_CODE)),
    )


@kernel
def _paint_rows(
    canvas: Canvas,
    column: int,
    side: tuple[np.float32, np.float32, np.float32],
    face: tuple[np.float32, np.float32, np.float32],
    range_min: np.float32,
    codes: tuple[np.int32, np.int32],
) -> None:
    """Paint what is nearer than what is there: the rows of a side at a depth, and of a face at a drop below the camera.

    Every row is visited without a branch, which compiles to vector instructions; loops over just the rows in question
    are slower, because their lengths cannot be predicted.
    """
    depth, surface = canvas.depth, canvas.surface
    side_from, side_to, side_depth = side
    face_from, face_to, face_drop = face
    side_code, face_code = codes
    nothing, invalid = np.float32(np.inf), np.float32(0.0)
    for row in range(np.uint64(depth.shape[1])):
        number = canvas.numbers[row]
        on_side = (number >= side_from) & (number < side_to)
        on_face = (number >= face_from) & (number < face_to)
        distance = side_depth if on_side else (face_drop * canvas.inverse_slopes[row] if on_face else nothing)
        distance = distance if distance >= range_min else invalid
        nearer = distance < depth[column, row]
        depth[column, row] = distance if nearer else depth[column, row]
        if side_code >= 0:
            surface[column, row] = (side_code if on_side else face_code) if nearer else surface[column, row]


@kernel
def unroll(painted: NDArray[np.float32], image: NDArray[np.float32]) -> None:
    """Copy a painting (W, H) into an image (H, W)."""
    columns, rows = painted.shape
    for column in range(columns):
        for row in range(rows):
            image[row, column] = painted[column, row]
