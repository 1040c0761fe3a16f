"""The static geometry of many worlds as flat arrays: prisms, and a uniform grid that lists the prisms of each cell."""

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from envs.jit import kernel
from envs.layouts.layout import CYLINDER, Layout, Prisms

CELL_M = 1.0
MAXIMUM_CELLS = 1 << 20
X, Y, COS, SIN, HALF_X, HALF_Y, Z_LOW, Z_HIGH = range(8)
"""Columns of a prism's record; a cylinder has its radius in HALF_X and -1 in HALF_Y."""


class SceneArrays(NamedTuple):
    """What kernels read of the worlds.

    Attributes:
        records: (P, 8) prisms of all layouts.
        colors: (P,) index into PALETTE.
        starts: (C,) for each cell where its list begins; a ring of empty cells is around a grid, and one entry after.
        items: (L,) prisms of the cells, counted from the first prism of their layout.
        frames: (W, 4) per world: x and y of the grid's lower left corner, a cell's size, height of the highest prism.
        places: (W, 5) per world: columns and rows of the grid, then where its records, starts and items begin.
    """

    records: NDArray[np.float64]
    colors: NDArray[np.uint8]
    starts: NDArray[np.int32]
    items: NDArray[np.int32]
    frames: NDArray[np.float64]
    places: NDArray[np.int64]


class _Pool:
    """Segments of one array; what dropped segments leave is reclaimed when the array is full."""

    def __init__(self, row_shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self.rows: NDArray[Any] = np.zeros((256, *row_shape), dtype=dtype)
        self.segments: dict[Hashable, tuple[int, int]] = {}
        self._end = 0

    def put(self, key: Hashable, values: NDArray[Any]) -> bool:
        """Store a segment; returns whether the others moved."""
        moved = self._end + len(values) > len(self.rows)
        if moved:
            self._compact(room=len(values))
        self.segments[key] = (self._end, self._end + len(values))
        self.rows[self._end : self._end + len(values)] = values
        self._end += len(values)
        return moved

    def drop(self, key: Hashable) -> None:
        del self.segments[key]

    def start(self, key: Hashable) -> int:
        return self.segments[key][0]

    def _compact(self, room: int) -> None:
        live = sum(end - start for start, end in self.segments.values())
        rows = np.zeros((max(2 * (live + room), 256), *self.rows.shape[1:]), dtype=self.rows.dtype)
        self._end = 0
        for key, (start, end) in self.segments.items():
            rows[self._end : self._end + end - start] = self.rows[start:end]
            self.segments[key] = (self._end, self._end + end - start)
            self._end += end - start
        self.rows = rows


class Scene:
    """Layouts of W worlds; worlds that play the same layout share its arrays. Not to be changed while it is read.

    Attributes:
        max_prisms: at least the number of prisms of any layout held.
    """

    def __init__(self, num_worlds: int) -> None:
        self.max_prisms = 0
        self._keys: list[Hashable] = [None] * num_worlds
        self._users: dict[Hashable, int] = {}
        self._grids: dict[Hashable, tuple[float, float, float, float, int, int]] = {}
        self._records = _Pool((8,), np.float64)
        self._colors = _Pool((), np.uint8)
        self._starts = _Pool((), np.int32)
        self._items = _Pool((), np.int32)
        self._pools = (self._records, self._colors, self._starts, self._items)
        self._frames = np.tile(np.array([0.0, 0.0, CELL_M, 0.0]), (num_worlds, 1))
        self._places = np.zeros((num_worlds, 5), dtype=np.int64)
        self._arrays = self._gather()

    @property
    def num_worlds(self) -> int:
        """Number of worlds W."""
        return len(self._keys)

    @property
    def arrays(self) -> SceneArrays:
        """The arrays for kernels, valid until the next `set_world`."""
        return self._arrays

    @property
    def nbytes(self) -> int:
        """Bytes held by the arrays."""
        return sum(array.nbytes for array in self._arrays)

    def set_world(self, world: int, layout: Layout) -> None:
        """Let a world play a layout.

        Raises:
            IndexError: if there is no such world.
        """
        if not 0 <= world < self.num_worlds:
            raise IndexError(f"world {world} is not among the {self.num_worlds} worlds of the scene")
        key = (layout.hash, layout.prisms.color.tobytes())
        old = self._keys[world]
        if key == old:
            return
        self._release(old)
        self._keys[world] = key
        self._users[key] = self._users.get(key, 0) + 1
        moved = key not in self._grids and self._add(key, layout)
        for index in range(self.num_worlds) if moved else (world,):
            self._locate(index)
        self._arrays = self._gather()

    def _add(self, key: Hashable, layout: Layout) -> bool:
        records = _records_of(layout.prisms)
        x_min, y_min, x_max, y_max = _extent(layout)
        cell_m = max(CELL_M, float(np.sqrt((x_max - x_min) * (y_max - y_min) / MAXIMUM_CELLS)))
        columns, rows = int((x_max - x_min) / cell_m) + 1, int((y_max - y_min) / cell_m) + 1
        starts, items = _build_grid(records, x_min, y_min, cell_m, columns, rows)
        z_top = float(layout.prisms.z[:, 1].max(initial=0.0))
        self._grids[key] = (x_min, y_min, cell_m, z_top, columns, rows)
        self.max_prisms = max(self.max_prisms, len(records))
        segments: tuple[NDArray[Any], ...] = (records, layout.prisms.color, starts, items)
        moved = [pool.put(key, values) for pool, values in zip(self._pools, segments, strict=True)]
        return any(moved)

    def _release(self, key: Hashable) -> None:
        if key is None:
            return
        self._users[key] -= 1
        if not self._users[key]:
            del self._users[key], self._grids[key]
            for pool in self._pools:
                pool.drop(key)

    def _locate(self, world: int) -> None:
        key = self._keys[world]
        if key is None:
            return
        grid = self._grids[key]
        self._frames[world] = grid[:4]
        self._places[world] = (*grid[4:], self._records.start(key), self._starts.start(key), self._items.start(key))

    def _gather(self) -> SceneArrays:
        return SceneArrays(
            self._records.rows, self._colors.rows, self._starts.rows, self._items.rows, self._frames, self._places
        )


def _records_of(prisms: Prisms) -> NDArray[np.float64]:
    records = np.empty((len(prisms), 8))
    records[:, :2] = prisms.center
    records[:, COS], records[:, SIN] = np.cos(prisms.yaw), np.sin(prisms.yaw)
    records[:, HALF_X : HALF_Y + 1] = prisms.half
    records[prisms.kind == CYLINDER, HALF_Y] = -1.0
    records[:, Z_LOW : Z_HIGH + 1] = prisms.z
    return records


def _extent(layout: Layout) -> tuple[float, float, float, float]:
    """The rectangle around the bounds and every prism."""
    low, high = np.array(layout.bounds[:2]), np.array(layout.bounds[2:])
    if len(layout.prisms):
        reach = np.hypot(layout.prisms.half[:, 0], layout.prisms.half[:, 1])[:, None]
        low = np.minimum(low, (layout.prisms.center - reach).min(axis=0))
        high = np.maximum(high, (layout.prisms.center + reach).max(axis=0))
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


@kernel
def _reach(record: NDArray[np.float64]) -> tuple[float, float]:
    """Half lengths of the rectangle along x and y around a prism."""
    if record[HALF_Y] < 0.0:
        return record[HALF_X], record[HALF_X]
    cos, sin = abs(record[COS]), abs(record[SIN])
    return cos * record[HALF_X] + sin * record[HALF_Y], sin * record[HALF_X] + cos * record[HALF_Y]


@kernel
def _touches(record: NDArray[np.float64], x: float, y: float, half_cell: float) -> bool:
    """Whether a prism and the square cell around (x, y) overlap (separating axes)."""
    dx, dy = x - record[X], y - record[Y]
    if record[HALF_Y] < 0.0:
        out_x, out_y = max(abs(dx) - half_cell, 0.0), max(abs(dy) - half_cell, 0.0)
        return bool(out_x * out_x + out_y * out_y <= record[HALF_X] * record[HALF_X])
    cos, sin = record[COS], record[SIN]
    spread = (abs(cos) + abs(sin)) * half_cell
    if abs(cos * dx + sin * dy) > record[HALF_X] + spread or abs(cos * dy - sin * dx) > record[HALF_Y] + spread:
        return False
    reach_x, reach_y = _reach(record)
    return bool(abs(dx) <= reach_x + half_cell and abs(dy) <= reach_y + half_cell)


@kernel
def _build_grid(
    records: NDArray[np.float64], x_min: float, y_min: float, cell_m: float, columns: int, rows: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Starts of the cell lists and their items, counted first and filled second; a ring of empty cells is around."""
    pitch = columns + 2
    starts = np.zeros(pitch * (rows + 2) + 1, dtype=np.int32)
    items = np.zeros(0, dtype=np.int32)
    # a hair wider than the cell, so that rounding loses no prism that touches a cell's border
    half_cell = 0.5 * cell_m + 1e-9
    for fill in (False, True):
        for i in range(len(records)):
            record = records[i]
            reach_x, reach_y = _reach(record)
            column_from = max(int((record[X] - reach_x - x_min) / cell_m - 1e-6), 0)
            column_to = min(int((record[X] + reach_x - x_min) / cell_m + 1e-6) + 1, columns)
            row_from = max(int((record[Y] - reach_y - y_min) / cell_m - 1e-6), 0)
            row_to = min(int((record[Y] + reach_y - y_min) / cell_m + 1e-6) + 1, rows)
            for row in range(row_from, row_to):
                for column in range(column_from, column_to):
                    x, y = x_min + (column + 0.5) * cell_m, y_min + (row + 0.5) * cell_m
                    if _touches(record, x, y, half_cell):
                        cell = (row + 1) * pitch + column + 1
                        if fill:
                            items[starts[cell]] = i
                        starts[cell] += 1
        if not fill:
            total = 0
            for cell in range(len(starts)):
                count = starts[cell]
                starts[cell] = total
                total += count
            items = np.empty(total, dtype=np.int32)
    for cell in range(len(starts) - 1, 0, -1):  # filling moved each start to the end of its list
        starts[cell] = starts[cell - 1]
    starts[0] = 0
    return starts, items
