"""A grid of cells as a layout: the surroundings of the largest drivable region, everything else filled."""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.errors import LayoutError
from envs.layouts.free_space import BODY_RADIUS_M, MARGIN_M
from envs.layouts.free_space import CELL_M as FREE_SPACE_CELL_M
from envs.layouts.layout import WALL_HEIGHT_M, Layout, Prisms
from envs.layouts.rectangles import rectangles_by_blocks

FREE, WALL, TREE, WATER = 0, 1, 2, 3
WATER_HEIGHT_M = 0.3
CROP_MARGIN_M = 0.5
SLIT_M = 0.1
"""Free slits up to this width, the traces of single laser rays for the most part, are filled."""
BLOCK_M = 1.0
"""Side of the blocks that the inside of solids is made of, see `rectangles_by_blocks`."""
PRISM_LIMIT = 40_000
AREA_LIMIT_M2 = 400_000.0

_HEIGHT_M = {WALL: WALL_HEIGHT_M, TREE: WALL_HEIGHT_M, WATER: WATER_HEIGHT_M}
_COLOR = {WALL: 0, TREE: 4, WATER: 6}


class Origin(NamedTuple):
    """Pose of the lower left corner of a grid: x and y in metres, yaw in radians."""

    x: float = 0.0
    y: float = 0.0
    yaw: float = 0.0


def layout_of_grid(
    cells: NDArray[np.uint8], *, cell_m: float, name: str, source: str, reach_m: float, origin: Origin | None = None
) -> Layout:
    """The layout around the largest region of a grid in which a body can drive.

    Kept free are the cells that hang together with that region without slits up to SLIT_M and lie within `reach_m` of
    it; all others become walls. The bounds are the box around what is kept plus CROP_MARGIN_M.

    Args:
        cells: (H, W) FREE, WALL, TREE or WATER; row 0 is the lowest.
        cell_m: side of a cell in metres.
        name: name of the layout.
        source: the file it comes from.
        reach_m: how far from the drivable region free cells are kept, in metres.
        origin: pose of the grid's lower left corner, the world's origin if left out.

    Raises:
        LayoutError: if the grid is larger than AREA_LIMIT_M2, no body can drive in it, or the layout would have more
            than PRISM_LIMIT prisms.
    """
    area_m2 = cells.size * cell_m**2
    if area_m2 > AREA_LIMIT_M2:
        size = f"{cells.shape[1]} x {cells.shape[0]} cells of {cell_m:g} m"
        raise LayoutError(f"{source}: {size} are {area_m2:.0f} m2, at most {AREA_LIMIT_M2:.0f} m2 are allowed")
    drivable = _largest_drivable(cells == FREE, cell_m)
    if not drivable.any():
        count = int(np.count_nonzero(cells == FREE))
        raise LayoutError(
            f"{source}: a body of radius {BODY_RADIUS_M} m can stand nowhere ({count} of {cells.size} cells are free)"
        )
    kept = _surroundings((cells == FREE) | (cells == WATER), drivable, reach_m, cell_m)
    cropped, corner = _cropped(cells, kept, cell_m)
    prisms = _prisms_of(cropped, corner * cell_m, cell_m)
    if len(prisms) > PRISM_LIMIT:
        raise LayoutError(f"{source}: the map would need {len(prisms)} prisms, at most {PRISM_LIMIT} are allowed")
    size_m = (cropped.shape[1] * cell_m, cropped.shape[0] * cell_m)
    return _placed(prisms, corner * cell_m, size_m, origin or Origin(), name=name, source=source)


def _largest_drivable(free: NDArray[np.bool_], cell_m: float) -> NDArray[np.bool_]:
    """Cells (H, W) of the largest 4-connected region whose clearance suffices for a body."""
    needed_m = BODY_RADIUS_M + MARGIN_M
    # a body fits into single cells of twice the clearance; smaller ones are divided so that a passage has a middle
    parts = 1 if cell_m >= 2 * needed_m else max(round(cell_m / FREE_SPACE_CELL_M), 1)
    fine = np.repeat(np.repeat(free, parts, axis=0), parts, axis=1)
    walled = np.pad(fine.astype(np.uint8), 1)
    distance = cv2.distanceTransform(walled, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    # distances run between centres: half a cell of them lies in the obstacle
    wide_enough = distance >= needed_m * parts / cell_m + 0.5 - 1e-4
    count, labels, stats, _ = cv2.connectedComponentsWithStats(wide_enough.astype(np.uint8), connectivity=4)
    if count == 1:
        return np.zeros_like(free)
    region = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    blocks: NDArray[np.bool_] = region.reshape(free.shape[0], parts, free.shape[1], parts).any(axis=(1, 3))
    return blocks


def _surroundings(
    open_cells: NDArray[np.bool_], drivable: NDArray[np.bool_], reach_m: float, cell_m: float
) -> NDArray[np.bool_]:
    """Open cells (H, W) within reach of the drivable ones that hang together with them without slits."""
    distance = cv2.distanceTransform((~drivable).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near = (open_cells & (distance * cell_m <= reach_m)).astype(np.uint8)
    _, labels = cv2.connectedComponents(_without_slits(near, cell_m), connectivity=4)
    kept: NDArray[np.bool_] = labels == labels[tuple(np.argwhere(drivable)[0])]
    return kept


def _without_slits(open_cells: NDArray[np.uint8], cell_m: float) -> NDArray[np.uint8]:
    wider = int(SLIT_M / cell_m + 1e-9) + 1
    square, end = np.ones((wider, wider), dtype=np.uint8), (wider - 1, wider - 1)
    # opposite anchors: with the same one, squares of even side move what they leave by a cell
    shrunk = cv2.erode(open_cells, square, anchor=(0, 0))
    return cv2.dilate(shrunk, square, anchor=end).astype(np.uint8, copy=False)


def _cropped(
    cells: NDArray[np.uint8], kept: NDArray[np.bool_], cell_m: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The grid around the kept cells, all else filled, and the column and row (2,) of its lower left corner."""
    margin = int(np.ceil(CROP_MARGIN_M / cell_m - 1e-9))
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    solid = (cells != FREE) & (cells != WATER)
    filled = np.where(kept | solid, cells, WALL).astype(np.uint8)
    inside = np.pad(filled[window], margin, constant_values=WALL)
    return inside, np.array([columns[0] - margin, rows[0] - margin], dtype=np.float64)


def _prisms_of(cells: NDArray[np.uint8], corner_m: NDArray[np.float64], cell_m: float) -> Prisms:
    parts = []
    for kind, height_m in _HEIGHT_M.items():
        rectangles = rectangles_by_blocks(cells == kind, max(round(BLOCK_M / cell_m), 1))
        parts.append(boxes_of(rectangles, cell_m, z=(0.0, height_m), color=_COLOR[kind], corner_m=corner_m))
    return Prisms.concatenate(parts)


def boxes_of(
    rectangles: NDArray[np.int64], cell_m: float, *, z: tuple[float, float], color: int, corner_m: Any = 0.0
) -> Prisms:
    """Boxes over rectangles (N, 4) of cells in a grid whose row 0 is the lowest; its left corner lies at `corner_m`."""
    lower, upper = rectangles[:, [1, 0]] * cell_m, rectangles[:, [3, 2]] * cell_m
    return Prisms.boxes((lower + upper) / 2 + corner_m, (upper - lower) / 2, z=z, color=color)


def _placed(
    prisms: Prisms,
    corner_m: NDArray[np.float64],
    size_m: tuple[float, float],
    origin: Origin,
    *,
    name: str,
    source: str,
) -> Layout:
    """Move a grid's prisms, and the rectangle around them, to the pose of the grid."""
    cos, sin = np.cos(origin.yaw), np.sin(origin.yaw)
    rotation = np.array([[cos, -sin], [sin, cos]])
    shift = np.array([origin.x, origin.y])
    turned = prisms
    if origin.yaw:
        turned = Prisms.concatenate([prisms, _frame(corner_m, size_m, abs(sin * cos))])
    corners = (corner_m + np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * size_m) @ rotation.T + shift
    (x_min, y_min), (x_max, y_max) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    placed = Prisms(
        kind=turned.kind,
        center=turned.center @ rotation.T + shift,
        half=turned.half,
        yaw=turned.yaw + origin.yaw,
        z=turned.z,
        color=turned.color,
    )
    return Layout(name, (x_min, y_min, x_max, y_max), placed, source)


def _frame(corner_m: NDArray[np.float64], size_m: tuple[float, float], slope: float) -> Prisms:
    """Boxes round a rectangle that fill the corners between it and the upright box around it once it is turned.

    Args:
        corner_m: (2,) lower left corner of the rectangle.
        size_m: width and height of the rectangle.
        slope: |sin(yaw) cos(yaw)|, the depth of those corners as a part of the side.
    """
    size = np.array(size_m)
    middle = corner_m + size / 2
    across, along = size * slope / 2, size / 2
    boxes = []
    for axis in (0, 1):
        if across[axis] < 1e-6:
            continue
        half = np.zeros(2)
        half[axis], half[1 - axis] = along[axis], across[axis]
        offset = np.zeros(2)
        offset[1 - axis] = along[1 - axis] + across[axis]
        boxes.append(Prisms.boxes([middle - offset, middle + offset], half, z=(0.0, WALL_HEIGHT_M)))
    return Prisms.concatenate(boxes)
