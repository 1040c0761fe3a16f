"""Office: corridors with offices on both sides, and open-plan floors with groups of desks."""

import numpy as np
from numpy.typing import NDArray

from envs.layouts.families import objects
from envs.layouts.families.indoor import WORK, Wall, build_walls, door_in, door_zones, furnish
from envs.layouts.families.placing import GAP_M, WALL_M, Spots, enclosed, inner, spots, turned
from envs.layouts.layout import Layout, Prisms

_ROW, _CORRIDOR, _OPEN = range(3)
_LEAST_ROW_M = 4.0
_LEAST_OPEN_M = 5.6

Band = tuple[int, float, float]


def make(size: float, rng: np.random.Generator) -> Layout:
    """A square of the given side in metres, in bands: offices, corridor, offices, open plan, and so on."""
    bands = _bands(size, rng)
    walls: list[Wall] = []
    rooms: list[tuple[float, float, float, float]] = []
    parts: list[Prisms] = []
    for i, (kind, low, high) in enumerate(bands):
        if kind == _ROW:
            below, above = (bands[j] if 0 <= j < len(bands) else None for j in (i - 1, i + 1))
            row_walls, row_rooms = _row(size, rng, (low, high), below, above)
            walls += row_walls
            rooms += row_rooms
        elif kind == _CORRIDOR:
            parts.append(_signs(size, rng, low, high))
        else:
            parts.append(_desks(rng, (WALL_M, low, size - WALL_M, high)))
    furniture = furnish(np.array(rooms), door_zones(walls), WORK, rng, tries=int(rng.integers(4, 9)))
    prisms = Prisms.concatenate([build_walls(walls, rng), furniture, *parts])
    return enclosed("office", size, [turned(prisms, size, int(rng.integers(4)))])


def _bands(size: float, rng: np.random.Generator) -> list[Band]:
    """Bands (kind, from, to) in metres across the arena; a wall's thickness lies between each two."""
    low, _, high, _ = inner(size)
    bands: list[Band] = []
    at = low
    while True:
        row, corridor = rng.uniform(_LEAST_ROW_M, 5.2), rng.uniform(1.9, 2.8)
        bands.append((_ROW, at, at + row))
        at += row + WALL_M
        rest = high - at - corridor - WALL_M
        second_row = _LEAST_ROW_M if rest < 6.5 else row
        if rest < _LEAST_ROW_M or 6.5 <= rest < second_row + WALL_M + _LEAST_OPEN_M:
            return [*bands, (_OPEN, at, high)]
        bands.append((_CORRIDOR, at, at + corridor))
        at += corridor + WALL_M
        if rest < 6.5:
            return [*bands, (_ROW, at, high)]
        bands.append((_ROW, at, at + row))
        at += row + WALL_M
        floor = rng.uniform(_LEAST_OPEN_M, 11.0)
        if high - at - floor < 2 * _LEAST_ROW_M + 6:
            return [*bands, (_OPEN, at, high)]
        bands.append((_OPEN, at, at + floor))
        at += floor + WALL_M


def _row(
    size: float, rng: np.random.Generator, span: tuple[float, float], below: Band | None, above: Band | None
) -> tuple[list[Wall], list[tuple[float, float, float, float]]]:
    """One row of offices: doors to the corridor, some to the other side, one of them a way through."""
    low, _, high, _ = inner(size)
    count = max(int((high - low) / rng.uniform(4.4, 6.0)), 1)
    share = rng.uniform(1.0, 1.0 + 0.1 * count, count)
    share = np.maximum(share / share.sum(), 0.8 / count)
    width = share / share.sum() * (high - low - (count - 1) * WALL_M)
    start = low + np.concatenate([[0.0], np.cumsum(width[:-1] + WALL_M)])
    cells = list(zip(start.tolist(), (start + width).tolist(), strict=True))
    walls = [Wall(1, b + WALL_M / 2, *span, doors=_some([span], rng, 0.15)) for _, b in cells[:-1]]
    passage = int(rng.integers(count))
    for band, position in ((below, span[0] - WALL_M / 2), (above, span[1] + WALL_M / 2)):
        if band is None:
            continue
        front = band is (below if above is None or (below is not None and below[0] == _CORRIDOR) else above)
        chance = [1.0 if front or i == passage else 0.2 for i in range(count)]
        doors = tuple(d for cell, p in zip(cells, chance, strict=True) for d in _some([cell], rng, p))
        walls.append(Wall(0, position, low, high, doors))
    return walls, [(a, span[0], b, span[1]) for a, b in cells]


def _some(
    stretches: list[tuple[float, float]], rng: np.random.Generator, chance: float
) -> tuple[tuple[float, float], ...]:
    doors = [door_in(rng, *stretch) for stretch in stretches if rng.random() < chance]
    return tuple(door for door in doors if door is not None)


def _signs(size: float, rng: np.random.Generator, low: float, high: float) -> Prisms:
    """Signs that hang across a corridor, above every body."""
    count = int(rng.integers(0, max(int(size / 8), 1) + 1))
    x = rng.uniform(1.0, size - 1.0, count)
    place = spots(np.stack([x, np.full(count, (low + high) / 2)], axis=1), (0.03, 0.35 * (high - low)))
    return objects.boxes(place, (2.1, 2.35), objects.colors(rng, count))


def _desks(rng: np.random.Generator, area: tuple[float, float, float, float]) -> Prisms:
    """Groups of desks, back to back with a partition between them, in rows with aisles; some are left out."""
    length, depth = rng.uniform(0.65, 0.8), rng.uniform(0.34, 0.4)
    per_side = int(rng.integers(1, 4))
    half = np.array([per_side * length, 2 * depth + 0.03 + 0.3])
    corner, spare = np.array(area[:2]) + GAP_M, np.array(area[2:]) - np.array(area[:2]) - 2 * GAP_M
    if (spare < 2 * half).any():
        return Prisms.empty()
    lines = [_line(corner[i], spare[i], half[i], rng) for i in (0, 1)]
    center = np.stack(np.meshgrid(*lines), axis=-1).reshape(-1, 2)
    center = center[rng.random(len(center)) < rng.uniform(0.6, 1.0)]
    return _groups(spots(center, half), length, depth, per_side, rng)


def _line(start: float, length: float, half: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Centres in metres of things of one half length along a line, with aisles between them."""
    count = int((length + GAP_M) / (2 * half + rng.uniform(1.6, 2.4)))
    if count < 2:
        return np.array([start + half + rng.random() * (length - 2 * half)])
    aisle = max((length - 2 * half * count) / (count - 1), GAP_M)
    line: NDArray[np.float64] = start + half + np.arange(count, dtype=np.float64) * (2 * half + aisle)
    return line


def _groups(places: Spots, length: float, depth: float, per_side: int, rng: np.random.Generator) -> Prisms:
    screen = places.part(np.zeros((places.number, 2)), np.array([per_side * length, 0.03]))
    x = (2 * np.arange(per_side) + 1 - per_side) * length
    seats = [(along, side) for along in x for side in (-1.0, 1.0)]
    desk = _repeated(places, [(along, side * (depth + 0.03), 0.0) for along, side in seats], (length, depth))
    behind = 2 * depth + 0.08
    chair = _repeated(places, [(along, side * behind, (side + 1) * np.pi / 2) for along, side in seats], (0.22, 0.22))
    color = np.full(desk.number, rng.integers(1, 12), dtype=np.uint8)
    return Prisms.concatenate(
        [
            objects.boxes(screen, (0.0, rng.uniform(1.1, 1.5)), 10),
            objects.tables(desk, rng, color),
            objects.chairs(chair.pick(rng.random(chair.number) < 0.8), int(rng.integers(1, 12))),
        ]
    )


def _repeated(places: Spots, offsets: list[tuple[float, float, float]], half: tuple[float, float]) -> Spots:
    """Rectangles at offsets (x, y, yaw) from the middle of every place, which all have yaw 0."""
    offset = np.array(offsets)
    center = (places.center[:, None] + offset[None, :, :2]).reshape(-1, 2)
    return spots(center, half, np.tile(offset[:, 2], places.number))
