"""Where a round body can drive in a layout: exact clearance on a 0.1 m grid and the largest connected region."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.errors import LayoutError
from envs.jit import kernel
from envs.layouts.layout import BODY_CLEARANCE_M, BOX, SIGHT_HEIGHT_M, Layout

CELL_M = 0.1
CLEARANCE_LIMIT_M = 1.0
BODY_RADIUS_M = 0.25
MARGIN_M = 0.05
MINIMUM_AREA_M2 = 12.0


@dataclass(frozen=True)
class FreeSpace:
    """The drivable part of a layout as grids; row is y, column is x, (0, 0) is the lower left cell.

    Attributes:
        origin: (2,) x and y in metres of the lower left corner of cell (0, 0).
        clearance: (H, W) metres from the cell's centre to the nearest prism that blocks a body or to the bounds,
            exact up to CLEARANCE_LIMIT_M; 0 inside a prism.
        opaque: (H, W) 1 where a prism stands that blocks the sight at SIGHT_HEIGHT_M.
        region: (H, W) 1 in the largest 4-connected region whose clearance is at least body radius + MARGIN_M.
        cells: (K, 2) row and column of the region's cells.
    """

    origin: NDArray[np.float64]
    clearance: NDArray[np.float32]
    opaque: NDArray[np.uint8]
    region: NDArray[np.uint8]
    cells: NDArray[np.int32]

    @property
    def area_m2(self) -> float:
        """Area of the region in square metres."""
        return len(self.cells) * CELL_M**2

    def cell_of(self, position_world: NDArray[np.float64]) -> NDArray[np.int64]:
        """Row and column (..., 2) of positions (..., 2), clipped to the grid."""
        column_row = np.floor((np.asarray(position_world) - self.origin) / CELL_M).astype(np.int64)
        limits = np.array([self.clearance.shape[1] - 1, self.clearance.shape[0] - 1])
        cell: NDArray[np.int64] = np.clip(column_row, 0, limits)[..., ::-1]
        return cell

    def position_of(self, cell: NDArray[Any]) -> NDArray[np.float64]:
        """Centres (..., 2) x, y in metres of cells (..., 2) row, column."""
        position: NDArray[np.float64] = (np.asarray(cell)[..., ::-1] + 0.5) * CELL_M + self.origin
        return position


def free_space(layout: Layout, *, radius_m: float = BODY_RADIUS_M) -> FreeSpace:
    """Rasterise a layout for a body of the given radius.

    Raises:
        LayoutError: if the largest connected region is smaller than MINIMUM_AREA_M2.
    """
    x_min, y_min, x_max, y_max = layout.bounds
    shape = (max(int(np.ceil((y_max - y_min) / CELL_M)), 1), max(int(np.ceil((x_max - x_min) / CELL_M)), 1))
    origin = np.array([x_min, y_min])
    clearance = np.full(shape, CLEARANCE_LIMIT_M, dtype=np.float32)
    _stamp_bounds(clearance, x_max - x_min, y_max - y_min)
    opaque = np.zeros(shape, dtype=np.uint8)
    prisms = layout.prisms
    blocks = prisms.z[:, 0] < BODY_CLEARANCE_M
    hides = (prisms.z[:, 0] <= SIGHT_HEIGHT_M) & (prisms.z[:, 1] >= SIGHT_HEIGHT_M)
    _stamp(clearance, opaque, origin, prisms.kind, prisms.center, prisms.half, prisms.yaw, blocks, hides)
    wide_enough = (clearance >= radius_m + MARGIN_M).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(wide_enough, connectivity=4)
    areas = stats[1:, cv2.CC_STAT_AREA] * CELL_M**2
    if not len(areas) or areas.max() < MINIMUM_AREA_M2:
        found = float(areas.max()) if len(areas) else 0.0
        raise LayoutError(
            f"layout {layout.name!r} ({layout.source}): the largest connected area for a body of radius {radius_m} m"
            f" is {found:.1f} m2, at least {MINIMUM_AREA_M2} m2 are needed"
        )
    region = (labels == 1 + int(np.argmax(areas))).astype(np.uint8)
    return FreeSpace(origin, clearance, opaque, region, np.argwhere(region).astype(np.int32))


@kernel
def _stamp_bounds(clearance: NDArray[np.float32], width_m: float, depth_m: float) -> None:
    rows, columns = clearance.shape
    for row in range(rows):
        y = (row + 0.5) * CELL_M
        for column in range(columns):
            x = (column + 0.5) * CELL_M
            distance = min(min(x, width_m - x), min(y, depth_m - y))
            clearance[row, column] = min(clearance[row, column], max(distance, 0.0))


@kernel
def _stamp(
    clearance: NDArray[np.float32],
    opaque: NDArray[np.uint8],
    origin: NDArray[np.float64],
    kind: NDArray[np.int8],
    center: NDArray[np.float64],
    half: NDArray[np.float64],
    yaw: NDArray[np.float64],
    blocks: NDArray[np.bool_],
    hides: NDArray[np.bool_],
) -> None:
    rows, columns = clearance.shape
    for i in range(len(kind)):
        cos, sin = np.cos(yaw[i]), np.sin(yaw[i])
        reach_x = abs(cos) * half[i, 0] + abs(sin) * half[i, 1]
        reach_y = abs(sin) * half[i, 0] + abs(cos) * half[i, 1]
        if kind[i] != BOX:
            reach_x = reach_y = half[i, 0]
        x, y = center[i, 0] - origin[0], center[i, 1] - origin[1]
        column_from = max(int(np.floor((x - reach_x - CLEARANCE_LIMIT_M) / CELL_M)), 0)
        column_to = min(int(np.ceil((x + reach_x + CLEARANCE_LIMIT_M) / CELL_M)), columns)
        row_from = max(int(np.floor((y - reach_y - CLEARANCE_LIMIT_M) / CELL_M)), 0)
        row_to = min(int(np.ceil((y + reach_y + CLEARANCE_LIMIT_M) / CELL_M)), rows)
        for row in range(row_from, row_to):
            dy = (row + 0.5) * CELL_M - y
            for column in range(column_from, column_to):
                dx = (column + 0.5) * CELL_M - x
                if kind[i] == BOX:
                    out_x = max(abs(cos * dx + sin * dy) - half[i, 0], 0.0)
                    out_y = max(abs(cos * dy - sin * dx) - half[i, 1], 0.0)
                    distance = np.sqrt(out_x * out_x + out_y * out_y)
                else:
                    distance = max(np.sqrt(dx * dx + dy * dy) - half[i, 0], 0.0)
                if blocks[i] and distance < clearance[row, column]:
                    clearance[row, column] = distance
                # half a cell wider than the prism, so that a wall thinner than a cell leaves no gap
                if hides[i] and distance < 0.5 * CELL_M:
                    opaque[row, column] = 1
