"""The map channels of the state that show the target: its past, and where and when it will be."""

import numpy as np
from numpy.typing import NDArray

from rspt.perception.frame import Frame
from rspt.perception.jit import kernel
from rspt.perception.prediction import Prediction
from rspt.perception.state import HORIZON_S, PAST_S
from rspt.perception.track import Track
from rspt.perception.window import EgoWindow

_SPREAD_SHARP_M = 0.4  # a prediction less certain than this is painted paler
_SPREAD_DRAWN_M = 0.6  # and none is painted wider than this: beyond, its place says little and painting costs time
_PAST, _FUTURE, _ARRIVAL = 2, 3, 4
_CELL_M, _BEHIND_M = 0, 1


def paint(
    worlds: NDArray[np.int64],
    track: Track,
    prediction: Prediction,
    times_s: NDArray[np.float64],
    frame: Frame,
    window: EgoWindow,
    maps: NDArray[np.float32],
) -> None:
    """Write past, future and arrival into the maps (B, C, G, G) of the given worlds."""
    cells = np.array([window.cell_m, window.behind_m])
    steps = int(np.searchsorted(times_s, HORIZON_S + 1e-6))
    _paint_past(worlds, track.stamps, track.seen, track.positions, track.head, frame.pose, cells, maps)
    _paint_future(
        worlds, prediction.positions_ego, prediction.spread_m, prediction.weights, times_s[:steps], cells, maps
    )


@kernel
def _paint_past(
    worlds: NDArray[np.int64],
    stamps: NDArray[np.float64],
    seen: NDArray[np.bool_],
    positions: NDArray[np.float64],
    head: NDArray[np.int64],
    pose: NDArray[np.float64],
    window: NDArray[np.float64],
    maps: NDArray[np.float32],
) -> None:
    cells, length = maps.shape[2], stamps.shape[1]
    for world in worlds:
        past = maps[world, _PAST]
        past[:] = 0.0
        now = stamps[world, head[world]]
        cos, sin = np.cos(pose[world, 2]), np.sin(pose[world, 2])
        for back in range(length):
            at = (head[world] - back) % length
            ago = now - stamps[world, at]
            if not ago < PAST_S:
                break
            if not seen[world, at]:
                continue
            x, y = positions[world, at, 0] - pose[world, 0], positions[world, at, 1] - pose[world, 1]
            row = int(np.floor(cells - (cos * x + sin * y + window[_BEHIND_M]) / window[_CELL_M]))
            column = int(np.floor(0.5 * cells - (cos * y - sin * x) / window[_CELL_M]))
            # entries come from the latest to the oldest: the first one in a cell is the brightest
            if 0 <= row < cells and 0 <= column < cells and past[row, column] == 0.0:
                past[row, column] = 1.0 - ago / PAST_S


@kernel
def _paint_future(
    worlds: NDArray[np.int64],
    positions_ego: NDArray[np.float64],
    spread_m: NDArray[np.float64],
    weights: NDArray[np.float64],
    times_s: NDArray[np.float64],
    window: NDArray[np.float64],
    maps: NDArray[np.float32],
) -> None:
    cells = maps.shape[2]
    for world in worlds:
        future, arrival = maps[world, _FUTURE], maps[world, _ARRIVAL]
        future[:] = 0.0
        arrival[:] = 0.0
        for mode in range(weights.shape[1]):
            if not weights[world, mode] > 0.0:
                continue
            for step in range(len(times_s)):
                x, y = positions_ego[world, mode, step, 0], positions_ego[world, mode, step, 1]
                if np.isnan(x) or np.isnan(y):
                    continue
                spread = max(spread_m[world, mode, step], 0.5 * window[_CELL_M])
                peak = weights[world, mode] * min(1.0, _SPREAD_SHARP_M / spread)
                near = max(1.0 - times_s[step] / HORIZON_S, 0.0)
                reach = 2.0 * min(spread, _SPREAD_DRAWN_M) / window[_CELL_M]
                # row and column as real numbers, whole at the centres of cells
                row = cells - (x + window[_BEHIND_M]) / window[_CELL_M] - 0.5
                column = 0.5 * cells - y / window[_CELL_M] - 0.5
                if not (-reach < row < cells - 1 + reach and -reach < column < cells - 1 + reach):
                    continue
                for i in range(max(int(np.ceil(row - reach)), 0), min(int(np.floor(row + reach)) + 1, cells)):
                    for j in range(max(int(np.ceil(column - reach)), 0), min(int(np.floor(column + reach)) + 1, cells)):
                        off = ((i - row) * (i - row) + (j - column) * (j - column)) / (reach * reach)
                        if off >= 1.0:
                            continue
                        value = np.float32(peak * (1.0 - off))
                        if value > future[i, j]:
                            future[i, j] = value
                        value *= np.float32(near)
                        if value > arrival[i, j]:
                            arrival[i, j] = value
