"""The surroundings: depth images fused over time into a grid around the robot that says what is occupied and free."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rspt.perception.carving import Evidence, fuse
from rspt.perception.cropping import crop_windows
from rspt.perception.frame import Frame
from rspt.perception.jit import kernel
from rspt.perception.sight import Heights
from rspt.perception.ways import measure_ways
from rspt.perception.window import EgoWindow

_NO_MASK = np.zeros((0, 0, 0), dtype=np.uint8)
_NO_TROUBLE = np.zeros(0, dtype=np.uint8)


@dataclass(frozen=True)
class MapSettings:
    """How depth images become a map. Log-odds are natural logarithms."""

    cell_m: float = 0.15
    """Edge of a cell in metres, 0.02 to 1."""
    cells: int = 128
    """Cells along an edge of the window around the robot, a power of two from 32 to 1024."""
    low_m: float = 0.12
    """What ends lower than this above the floor, in metres, is floor."""
    high_m: float = 1.9
    """What hangs higher than this, in metres, is passed under."""
    passing_m: float = 0.25
    """A ray that passes higher above the floor than this, in metres, does not show that the way is free: there may be
    something low under it."""
    drop_m: float = 0.25
    """A ray that ends further below the floor than this, in metres, shows nothing: there may be a hole."""
    hit: float = 0.7
    """Added to the log-odds of a cell in which a ray ends on an obstacle."""
    free: float = 0.4
    """Subtracted from the log-odds of a cell that is seen to be free."""
    erase: float = 0.4
    """Subtracted instead as long as the cell counts as occupied: what moves away vanishes at this pace."""
    occupied_max: float = 3.0
    """Greatest log-odds of a cell."""
    free_max: float = 2.5
    """Greatest negative log-odds of a cell."""
    half_life_s: float = 30.0
    """Seconds in which the log-odds of what is not seen again are halved."""

    def __post_init__(self) -> None:
        limits = {
            "cell_m": (0.02, 1.0),
            "cells": (32, 1024),
            "low_m": (0.0, 1.0),
            "high_m": (self.low_m, 10.0),
            "passing_m": (0.05, 2.0),
            "drop_m": (0.02, 10.0),
            "hit": (0.01, 10.0),
            "free": (0.01, 10.0),
            "erase": (0.01, 10.0),
            "occupied_max": (0.1, 20.0),
            "free_max": (0.1, 20.0),
            "half_life_s": (0.1, 1e9),
        }
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} must lie within {least} to {most}, not {value!r}")
        if not (isinstance(self.cells, int) and self.cells & (self.cells - 1) == 0):
            raise ValueError(f"cells must be a power of two from 32 to 1024, not {self.cells!r}")


class LocalMap:
    """What is occupied and free around B robots, fused from their frames.

    The grid lies along the axes of the odometry frame: the cell of (x, y) has ix = floor(x / cell_m) and
    iy = floor(y / cell_m) and is kept at values[b, iy % N, ix % N], so that nothing is copied when the window moves
    with the robot.

    A frame makes cells occupied where rays end at the height of an obstacle, and free where a ray passes so low above
    the floor that nothing can be under it, unless another ray of the same direction was stopped before: what is seen
    over a low box or under a table does not free what lies there.

    Args:
        num_worlds: B.
        settings: of the map.

    Attributes:
        values: (B, N, N) log-odds of "occupied"; 0 is unknown.
        corner: (B, 2) ix and iy of the window's lower left cell; what lies outside corner to corner + N - 1 is unknown.
        cell_m: edge of a cell in metres.
        cells: N.
        settings: as given.
    """

    def __init__(self, num_worlds: int, settings: MapSettings | None = None) -> None:
        if num_worlds < 1:
            raise ValueError(f"num_worlds must be at least 1, not {num_worlds}")
        self.settings = settings = MapSettings() if settings is None else settings
        self.cell_m, self.cells = settings.cell_m, settings.cells
        self.values: NDArray[np.float32] = np.zeros((num_worlds, self.cells, self.cells), dtype=np.float32)
        self.corner: NDArray[np.int64] = np.full((num_worlds, 2), -self.cells // 2, dtype=np.int64)
        self._swept_s = np.full(num_worlds, np.nan)
        self._heights = Heights(settings.low_m, settings.high_m, settings.passing_m, -settings.drop_m)
        self._evidence = Evidence(
            settings.hit,
            settings.free,
            settings.erase,
            settings.occupied_max,
            -settings.free_max,
            settings.half_life_s,
        )

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Forget all about the given worlds."""
        self.values[worlds] = 0.0
        self.corner[worlds] = -self.cells // 2
        self._swept_s[worlds] = np.nan

    def update(
        self,
        worlds: NDArray[np.int64],
        frame: Frame,
        cameras: NDArray[np.float64],
        exclude: NDArray[np.float64],
    ) -> None:
        """Fuse a frame of the given worlds; where its depth is unusable (`frame.trouble`), nothing changes.

        Args:
            worlds: (n,) indices.
            frame: of all worlds. Pixels of `target_mask`, and those around it at a similar depth, are no obstacles.
            cameras: (B, 18) camera rows.
            exclude: (B, 3) x, y and radius in metres, in the odometry frame, of a disc in which nothing is learnt; NaN
                where there is none.
        """
        fuse(
            worlds,
            frame.depth,
            _NO_MASK if frame.target_mask is None else frame.target_mask,
            frame.pose,
            frame.stamp_s,
            _NO_TROUBLE if frame.trouble is None else frame.trouble,
            cameras,
            exclude,
            self._heights,
            self._evidence,
            self.cell_m,
            self.values,
            self.corner,
            self._swept_s,
        )

    def crop(
        self, worlds: NDArray[np.int64], poses: NDArray[np.float64], window: EgoWindow, out: NDArray[np.float32]
    ) -> None:
        """Write what the window shows around the given worlds' poses.

        Args:
            worlds: (n,) indices.
            poses: (B, 3) x, y in metres and yaw in radians in the odometry frame.
            window: which part, and how fine.
            out: (B, 2, G, G) occupied and free, 2 p - 1 where p is the probability, or 0 where p is less than 0.5; both
                are 0 where nothing is known. An ego cell is as occupied, and as little free, as the most occupied cell
                that it covers.
        """
        crop_windows(
            worlds, poses, self.values, self.corner, self.cell_m, window.cells, window.cell_m, window.behind_m, out
        )

    def ways(self, worlds: NDArray[np.int64], poses: NDArray[np.float64], out: NDArray[np.float64]) -> None:
        """Write how far it is to what is known to be occupied.

        Args:
            worlds: (n,) indices.
            poses: (B, 3) x, y in metres and yaw in radians in the odometry frame.
            out: (B, WAYS) metres from the robot's middle, counter-clockwise from ahead, at most WAY_M; what is unknown
                blocks no way.
        """
        measure_ways(worlds, poses, self.values, self.corner, self.cell_m, out)


@kernel
def log_odds_at(
    values_of_world: NDArray[np.float32], corner_of_world: NDArray[np.int64], cell_m: float, x: float, y: float
) -> float:
    """Log-odds of the cell that holds (x, y) in metres in the odometry frame; 0 outside the window."""
    cells = len(values_of_world)
    column, row = np.floor(x / cell_m) - corner_of_world[0], np.floor(y / cell_m) - corner_of_world[1]
    if not (0.0 <= column < cells and 0.0 <= row < cells):
        return 0.0
    mask = cells - 1
    return float(values_of_world[(corner_of_world[1] + int(row)) & mask, (corner_of_world[0] + int(column)) & mask])
