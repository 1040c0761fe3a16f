"""Walls with doors, and furniture that leaves every door and every way around it free."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.layouts.families import objects
from envs.layouts.families.placing import GAP_M, WALL_M, Spots, against_walls, clear_of, spaced, spots
from envs.layouts.layout import WALL_HEIGHT_M, Prisms

DOOR_M = (1.5, 2.0)
_JAMB_M = 0.2
_LINTEL_M = 2.1
_ROOMS_AT_ONCE = 8


class Wall(NamedTuple):
    """A straight wall between two ends, with openings.

    Attributes:
        axis: 0 if it runs along x, 1 if along y.
        position: the other coordinate of its centre line in metres.
        start: where it begins, metres along its axis.
        end: where it ends.
        doors: (start, end) of its openings, in their order along the wall.
    """

    axis: int
    position: float
    start: float
    end: float
    doors: tuple[tuple[float, float], ...] = ()


def door_in(
    rng: np.random.Generator, start: float, end: float, *, widest: float = DOOR_M[1]
) -> tuple[float, float] | None:
    """An opening in a stretch of wall that no other wall meets, None where it is too short for a door."""
    room = end - start - 2 * _JAMB_M
    if room < DOOR_M[0]:
        return None
    width = rng.uniform(DOOR_M[0], min(widest, room))
    low = start + _JAMB_M + rng.random() * (room - width)
    return low, low + width


def build_walls(walls: list[Wall], rng: np.random.Generator) -> Prisms:
    """Boxes of the walls between their doors, which reach half a thickness into their neighbours, and some lintels."""
    solid: list[tuple[int, float, float, float]] = []
    doors: list[tuple[int, float, float, float]] = []
    for wall in walls:
        begin = wall.start - WALL_M / 2
        for low, high in wall.doors:
            solid.append((wall.axis, wall.position, begin, low))
            doors.append((wall.axis, wall.position, low, high))
            begin = high
        solid.append((wall.axis, wall.position, begin, wall.end + WALL_M / 2))
    lintel = _along(doors, 0.0)
    lintel = lintel.pick(rng.random(lintel.number) < rng.uniform(0.3, 1.0))
    return Prisms.concatenate(
        [objects.boxes(_along(solid, 0.0), (0.0, WALL_HEIGHT_M)), objects.boxes(lintel, (_LINTEL_M, WALL_HEIGHT_M))]
    )


def door_zones(walls: list[Wall]) -> Spots:
    """The ground in front of and behind every door that must stay free."""
    return _along([(wall.axis, wall.position, *door) for wall in walls for door in wall.doors], GAP_M)


def _along(pieces: list[tuple[int, float, float, float]], reach_m: float) -> Spots:
    """Rectangles of pieces of wall (axis, position, start, end), thicker by a reach on both sides."""
    if not pieces:
        return spots(np.zeros((0, 2)), (1.0, 1.0))
    axis, position, start, end = np.array(pieces).T
    upright = axis[:, None] == 1
    center = np.stack([(start + end) / 2, position], axis=1)
    half = np.stack([(end - start) / 2, np.full_like(start, WALL_M / 2 + reach_m)], axis=1)
    return spots(np.where(upright, center[:, ::-1], center), np.where(upright, half[:, ::-1], half))


class Furniture(NamedTuple):
    """One kind of furniture: ranges in metres of half its length, half its depth and its height."""

    length: tuple[float, float]
    depth: tuple[float, float]
    height: tuple[float, float]
    table: bool = False


HOME = (
    Furniture((0.4, 1.1), (0.16, 0.25), (1.8, 2.2)),  # shelf
    Furniture((0.5, 1.0), (0.28, 0.33), (1.9, 2.3)),  # wardrobe
    Furniture((0.5, 0.9), (0.95, 1.05), (0.45, 0.6)),  # bed
    Furniture((0.8, 1.1), (0.4, 0.48), (0.4, 0.7)),  # sofa
    Furniture((0.5, 0.9), (0.35, 0.5), (0.75, 0.75), table=True),
    Furniture((0.4, 0.8), (0.22, 0.28), (0.7, 1.1)),  # chest of drawers
)
WORK = (
    Furniture((0.4, 1.1), (0.16, 0.25), (1.8, 2.2)),  # shelf
    Furniture((0.6, 0.9), (0.35, 0.45), (0.75, 0.75), table=True),
    Furniture((0.6, 0.9), (0.35, 0.45), (0.75, 0.75), table=True),
    Furniture((0.4, 0.8), (0.22, 0.3), (1.0, 1.4)),  # cabinet
)
_CENTRAL = (
    Furniture((0.5, 1.1), (0.35, 0.55), (0.75, 0.75), table=True),
    Furniture((0.4, 0.9), (0.3, 0.5), (0.35, 0.6)),  # low table, bench
)


def furnish(
    rooms: NDArray[np.float64], doors: Spots, catalogue: tuple[Furniture, ...], rng: np.random.Generator, *, tries: int
) -> Prisms:
    """Furniture for rooms (N, 4), at the walls and in the middle, after `tries` attempts in each room."""
    kinds = catalogue + _CENTRAL
    group = np.tile(np.arange(len(rooms)), tries)
    central = (np.arange(len(group)) < len(rooms)) & (rng.random(len(group)) < 0.6)
    wanted = np.where(
        central, rng.integers(len(catalogue), len(kinds), len(group)), rng.integers(0, len(catalogue), len(group))
    )
    low = np.array([(k.length[0], k.depth[0], k.height[0]) for k in kinds])[wanted]
    high = np.array([(k.length[1], k.depth[1], k.height[1]) for k in kinds])[wanted]
    extent = low + rng.random(low.shape) * (high - low)
    places, fits = against_walls(rng, extent[:, :2], rooms[group])
    middle, middle_fits = _in_the_middle(rng, extent[:, :2], rooms[group])
    places = Spots(
        np.where(central[:, None], middle.center, places.center), places.half, np.where(central, middle.yaw, places.yaw)
    )
    kept = _compatible(places, np.where(central, middle_fits, fits), group, rooms, doors)
    is_table = np.array([k.table for k in kinds])[wanted[kept]]
    return _build(places.pick(kept), extent[kept, 2], is_table, rng)


def _compatible(
    places: Spots, fits: NDArray[np.bool_], group: NDArray[np.intp], rooms: NDArray[np.float64], doors: Spots
) -> NDArray[np.intp]:
    """Which places neither stand before a door nor too close to an earlier one of their room (the group)."""
    kept = [np.zeros(0, dtype=np.intp)]
    for start in range(0, len(rooms), _ROOMS_AT_ONCE):
        some = rooms[start : start + _ROOMS_AT_ONCE]
        near = (doors.center + doors.half > some[:, :2].min(axis=0)) & (
            doors.center - doors.half < some[:, 2:].max(axis=0)
        )
        indices = np.flatnonzero(fits & (group >= start) & (group < start + len(some)))
        candidates = places.pick(indices)
        clear = clear_of(candidates, doors.pick(np.all(near, axis=1)), -1e-9)
        kept.append(indices[spaced(candidates, allowed=clear, group=group[indices])])
    return np.concatenate(kept)


def _in_the_middle(
    rng: np.random.Generator, half: NDArray[np.float64], rooms: NDArray[np.float64]
) -> tuple[Spots, NDArray[np.bool_]]:
    """Rectangles that one can walk around, lengthwise in their rooms."""
    size = rooms[:, 2:] - rooms[:, :2]
    upright = size[:, 1] > size[:, 0]
    extent = np.where(upright[:, None], half[:, ::-1], half)
    play = size / 2 - extent - GAP_M
    center = (rooms[:, :2] + rooms[:, 2:]) / 2 + rng.uniform(-1, 1, size.shape) * np.minimum(play, 1.0)
    fits: NDArray[np.bool_] = np.all(play >= 0, axis=1)
    return Spots(center, half, np.where(upright, np.pi / 2, 0.0)), fits


def _build(places: Spots, height: NDArray[np.float64], table: NDArray[np.bool_], rng: np.random.Generator) -> Prisms:
    color = objects.colors(rng, places.number)
    z = np.stack([np.zeros_like(height), height], axis=1)
    solid = objects.boxes(places.pick(~table), z[~table], color[~table])
    return Prisms.concatenate([solid, objects.tables(places.pick(table), rng, color[table])])
