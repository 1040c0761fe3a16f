"""The kernels that fuse what cameras see into grids of log-odds, one world after the other."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rspt.perception.camera import TRANSLATION
from rspt.perception.frame import DEPTH_BEYOND_RANGE, DEPTH_INVALID
from rspt.perception.jit import kernel
from rspt.perception.masking import mark_masked
from rspt.perception.sectors import Sectors, sectors_of
from rspt.perception.sight import STEPS, Heights, free_steps, look

_HELD = np.float32(1000.0)
"""Added to a cell that a frame must not carve, far above all log-odds."""
_NEAR_M = 0.02
_SWEEP_S = 1.0
"""Forgetting happens every so many seconds: the whole grid has to be read for it."""
_DE_BRUIJN, _SHIFT = 0x03F79D71B4CB0A89, 58
_BITS = np.argsort([(_DE_BRUIJN << bit) % 2**64 >> _SHIFT for bit in range(64)])
"""Number of the only bit that is set in a word, by the upper bits of its product with a de Bruijn sequence
(Leiserson, Prokop and Randall, Using de Bruijn Sequences to Index a 1 in a Computer Word, 1998)."""
_NONE, _ONE = np.uint64(0), np.uint64(1)


class Evidence(NamedTuple):
    """What a frame adds to the log-odds of a cell, and how far they may go.

    Attributes:
        hit: added where a ray ends on an obstacle.
        free: subtracted where the way is seen to be free.
        erase: subtracted instead as long as the cell counts as occupied.
        occupied_max: greatest log-odds.
        free_min: least log-odds.
        half_life_s: seconds in which forgetting halves them.
    """

    hit: float
    free: float
    erase: float
    occupied_max: float
    free_min: float
    half_life_s: float


@kernel
def fuse(
    worlds: NDArray[np.int64],
    depth: NDArray[np.float32],
    mask: NDArray[np.uint8],
    poses: NDArray[np.float64],
    stamps_s: NDArray[np.float64],
    trouble: NDArray[np.uint8],
    cameras: NDArray[np.float64],
    exclude: NDArray[np.float64],
    heights: Heights,
    evidence: Evidence,
    cell_m: float,
    values: NDArray[np.float32],
    corners: NDArray[np.int64],
    swept_s: NDArray[np.float64],
) -> None:
    """Fuse a frame of the given worlds into their grids; see `LocalMap.update`. Without masks, mask is empty."""
    height, width, cells = depth.shape[1], depth.shape[2], values.shape[1]
    reach_max, limit = 0.5 * cells * cell_m, 4 * max(height, width)
    passed = np.empty((2, limit), dtype=np.uint64)
    blocked = np.empty((2, limit), dtype=np.uint64)
    hit = np.empty((2, limit), dtype=np.uint64)
    free = np.empty(2 * (limit + 1), dtype=np.uint64)
    places = np.empty(cells, dtype=np.int32)
    skipped = np.zeros((height, width), dtype=np.uint8)
    held = np.empty(cells * cells, dtype=np.int32)
    before = np.empty(cells * cells, dtype=np.float32)
    for world in worlds:
        pose, camera, grid, corner = poses[world], cameras[world], values[world], corners[world]
        if len(trouble) and (trouble[world] == DEPTH_INVALID or trouble[world] == DEPTH_BEYOND_RANGE):
            continue
        if not np.isfinite(pose[0] + pose[1] + pose[2]):
            continue
        _forget(grid, swept_s, world, stamps_s[world], evidence.half_life_s)
        roll(grid, corner, pose[0], pose[1], cell_m)
        first_row, last_row = 0, 0
        if len(mask):
            first_row, last_row = mark_masked(mask[world], depth[world], skipped)
        sectors = sectors_of(camera, height, width, reach_max)
        look(depth[world], skipped, camera, heights, sectors, passed, blocked, hit)
        for row in range(first_row, last_row):
            skipped[row] = 0
        last = free_steps(passed, blocked, sectors, free)
        eye = _eye(pose, camera, corner, sectors, cell_m)
        disc = (
            exclude[world, 0] - corner[0] * cell_m,
            exclude[world, 1] - corner[1] * cell_m,
            exclude[world, 2],
        )
        excluded = _hold_disc(grid, corner, disc, cell_m, held, before)
        count = _hold_hits(grid, corner, eye, sectors, hit, disc, cell_m, held, before, excluded)
        if last >= 0:
            _carve(grid, corner, eye, sectors, free, (last + 1) / STEPS * sectors.reach, cell_m, evidence, places)
        flat = grid.reshape(-1)
        for k in range(excluded):
            flat[held[k]] = before[k]
        top, gain = np.float32(evidence.occupied_max), np.float32(evidence.hit)
        for k in range(excluded, count):
            flat[held[k]] = min(before[k] + gain, top)


@kernel
def roll(grid: NDArray[np.float32], corner: NDArray[np.int64], x: float, y: float, cell_m: float) -> None:
    """Move the window (N, N) so that it is centred on a position; what enters it is unknown."""
    cells = len(grid)
    mask = cells - 1
    to_x, to_y = int(np.floor(x / cell_m)) - cells // 2, int(np.floor(y / cell_m)) - cells // 2
    from_x, from_y = corner[0], corner[1]
    corner[0], corner[1] = to_x, to_y
    if abs(to_x - from_x) >= cells or abs(to_y - from_y) >= cells:
        grid[:] = 0.0
        return
    for ix in range(min(from_x, to_x), max(from_x, to_x)):  # leaving on one side and entering on the other are one
        grid[:, ix & mask] = 0.0
    for iy in range(min(from_y, to_y), max(from_y, to_y)):
        grid[iy & mask] = 0.0


@kernel
def _forget(
    grid: NDArray[np.float32], swept_s: NDArray[np.float64], world: int, stamp_s: float, half_life_s: float
) -> None:
    elapsed_s = stamp_s - swept_s[world]
    if not elapsed_s >= 0.0:  # the first frame, or time went back
        swept_s[world] = stamp_s
    elif elapsed_s >= _SWEEP_S:
        swept_s[world] = stamp_s
        grid *= np.float32(0.5 ** (elapsed_s / half_life_s))


@kernel
def _eye(
    pose: NDArray[np.float64],
    camera: NDArray[np.float64],
    corner: NDArray[np.int64],
    sectors: Sectors,
    cell_m: float,
) -> tuple[float, float, float, float]:
    """Where the camera stands, in metres from the window's corner, and cosine and sine of its heading."""
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    ahead, left = camera[TRANSLATION], camera[TRANSLATION + 1]
    x = pose[0] + cos * ahead - sin * left - corner[0] * cell_m
    y = pose[1] + sin * ahead + cos * left - corner[1] * cell_m
    return x, y, cos * sectors.cos - sin * sectors.sin, sin * sectors.cos + cos * sectors.sin


@kernel
def _hold_disc(
    grid: NDArray[np.float32],
    corner: NDArray[np.int64],
    disc: tuple[float, float, float],
    cell_m: float,
    held: NDArray[np.int32],
    before: NDArray[np.float32],
) -> int:
    """Protect the cells whose middle lies in a disc (x, y from the corner, radius); their number."""
    x, y, radius = disc
    cells = len(grid)
    mask = cells - 1
    count = 0
    if not (radius > 0.0 and -radius < x < cells * cell_m + radius and -radius < y < cells * cell_m + radius):
        return count
    flat = grid.reshape(-1)
    for row in range(max(int((y - radius) / cell_m), 0), min(int((y + radius) / cell_m) + 1, cells)):
        for column in range(max(int((x - radius) / cell_m), 0), min(int((x + radius) / cell_m) + 1, cells)):
            dx, dy = (column + 0.5) * cell_m - x, (row + 0.5) * cell_m - y
            if dx * dx + dy * dy <= radius * radius:
                place = ((corner[1] + row) & mask) * cells + ((corner[0] + column) & mask)
                held[count], before[count] = place, flat[place]
                flat[place] += _HELD
                count += 1
    return count


@kernel
def _hold_hits(
    grid: NDArray[np.float32],
    corner: NDArray[np.int64],
    eye: tuple[float, float, float, float],
    sectors: Sectors,
    hit: NDArray[np.uint64],
    disc: tuple[float, float, float],
    cell_m: float,
    held: NDArray[np.int32],
    before: NDArray[np.float32],
    count: int,
) -> int:
    """Protect the cells that were hit and are not protected yet; the number of protected ones."""
    cells = len(grid)
    mask, size = cells - 1, cells * cell_m
    x, y, cos, sin = eye
    flat, step_m, per_m = grid.reshape(-1), sectors.reach / STEPS, 1.0 / cell_m
    for sector in range(sectors.number):
        tangent = sectors.first - (sector + 0.5) * sectors.width
        along_x, along_y = cos - sin * tangent, sin + cos * tangent
        for word in range(2):
            bits = hit[word, sector]
            while bits != _NONE:
                lowest = bits & (~bits + _ONE)
                bits ^= lowest
                distance = (64 * word + _BITS[(lowest * np.uint64(_DE_BRUIJN)) >> np.uint64(_SHIFT)] + 0.5) * step_m
                hit_x, hit_y = x + distance * along_x, y + distance * along_y
                if not (0.0 <= hit_x < size and 0.0 <= hit_y < size):
                    continue
                if (hit_x - disc[0]) ** 2 + (hit_y - disc[1]) ** 2 <= disc[2] ** 2:
                    continue
                row, column = int(hit_y * per_m), int(hit_x * per_m)
                place = ((corner[1] + row) & mask) * cells + ((corner[0] + column) & mask)
                if flat[place] < 0.5 * _HELD:
                    held[count], before[count] = place, flat[place]
                    flat[place] += _HELD
                    count += 1
    return count


@kernel
def _carve(
    grid: NDArray[np.float32],
    corner: NDArray[np.int64],
    eye: tuple[float, float, float, float],
    sectors: Sectors,
    free: NDArray[np.uint64],
    farthest_m: float,
    cell_m: float,
    evidence: Evidence,
    places: NDArray[np.int32],
) -> None:
    """Look up every cell in the triangle of the view in the free steps of its sector."""
    cells = len(grid)
    mask = cells - 1
    flat = grid.reshape(-1)
    x, y, cos, sin = eye
    left, right = sectors.first, sectors.first - sectors.number * sectors.width
    left_x, left_y = x + farthest_m * (cos - sin * left), y + farthest_m * (sin + cos * left)
    right_x, right_y = x + farthest_m * (cos - sin * right), y + farthest_m * (sin + cos * right)
    lowest, highest = min(y, min(left_y, right_y)), max(y, max(left_y, right_y))
    per_metre, per_tangent = np.float32(STEPS / sectors.reach), np.float32(1.0 / sectors.width)
    middle, most = np.float32(sectors.first / sectors.width + 0.5), np.float32(sectors.number)
    near, far = np.float32(_NEAR_M), np.float32(farthest_m)
    ahead_step, left_step = np.float32(cos * cell_m), np.float32(-sin * cell_m)
    erase, less, bottom = np.float32(evidence.erase), np.float32(evidence.free), np.float32(evidence.free_min)
    zero = np.float32(0.0)
    for row in range(max(int(lowest / cell_m), 0), min(int(max(highest, 0.0) / cell_m) + 1, cells)):
        row_y = (row + 0.5) * cell_m
        from_x, to_x = _widened(np.inf, -np.inf, x, y, left_x, left_y, row_y)
        from_x, to_x = _widened(from_x, to_x, x, y, right_x, right_y, row_y)
        from_x, to_x = _widened(from_x, to_x, left_x, left_y, right_x, right_y, row_y)
        if not from_x <= to_x:
            continue
        first = int(min(max(np.ceil(from_x / cell_m - 0.5), 0.0), float(cells)))
        end = int(min(max(np.floor(to_x / cell_m + 0.5), 0.0), float(cells)))
        dx, dy = (first + 0.5) * cell_m - x, row_y - y
        ahead_first, left_first = np.float32(cos * dx + sin * dy), np.float32(cos * dy - sin * dx)
        for k in range(end - first):
            distance = ahead_first + np.float32(np.int32(k)) * ahead_step
            aside = left_first + np.float32(np.int32(k)) * left_step
            distance = min(max(distance, near), far)
            border = min(max(middle - per_tangent * aside / distance, zero), most)
            step = min(np.int32(distance * per_metre), np.int32(STEPS - 1))
            places[k] = np.int32(np.int32(np.int32(border) * np.int32(STEPS)) + step)
        for k in range(end - first):  # looked up apart from what is reckoned, which then runs on vector units
            place = np.uint32(places[k])
            places[k] = np.int32((free[place >> np.uint32(6)] >> np.uint64(place & np.uint32(63))) & _ONE)
        line = ((corner[1] + row) & mask) * cells
        before_wrap = min(cells - ((corner[0] + first) & mask), end - first)
        for part in range(2):
            begin, stop = (0, before_wrap) if part == 0 else (before_wrap, end - first)
            start = np.uint64(line + ((corner[0] + first + begin) & mask))
            for k in range(stop - begin):
                value = flat[start + np.uint64(k)]
                lower = value - (erase if value > zero else less) * np.float32(places[begin + k])
                flat[start + np.uint64(k)] = max(lower, bottom)


@kernel
def _widened(
    low: float, high: float, from_x: float, from_y: float, to_x: float, to_y: float, y: float
) -> tuple[float, float]:
    """The range of x widened to where an edge crosses the line at y."""
    if (from_y > y) == (to_y > y):
        return low, high
    crossing = from_x + (y - from_y) * (to_x - from_x) / (to_y - from_y)
    return min(low, crossing), max(high, crossing)
