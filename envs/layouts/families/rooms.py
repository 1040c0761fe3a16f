"""Rooms: a flat of furnished rooms, divided again and again, with doors between neighbours."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from envs.layouts.families.indoor import HOME, Wall, build_walls, door_in, door_zones, furnish
from envs.layouts.families.placing import WALL_M, enclosed, inner
from envs.layouts.layout import Layout

_SMALLEST_M = 4.0

Room = tuple[float, float, float, float]


def make(size: float, rng: np.random.Generator) -> Layout:
    """A square of the given side in metres; every wall has a door, many have several, so that there are loops."""
    rooms, walls = _divide(inner(size), rng)
    extra = rng.uniform(0.3, 0.9)
    walls = [wall._replace(doors=_doors(wall, walls, rng, extra)) for wall in walls]
    furniture = furnish(rooms, door_zones(walls), HOME, rng, tries=int(rng.integers(6, 13)))
    return enclosed("rooms", size, [build_walls(walls, rng), furniture])


def _divide(area: Room, rng: np.random.Generator) -> tuple[NDArray[np.float64], list[Wall]]:
    """Split an area until its rooms (N, 4) are small enough; each split is a wall."""
    rooms: list[Room] = []
    walls: list[Wall] = []
    open_areas = [area]
    largest = rng.uniform(5.0, 8.0)
    while open_areas:
        room = open_areas.pop()
        sides = (room[2] - room[0], room[3] - room[1])
        axis = int(sides[1] > sides[0])
        if min(sides) >= 2 * _SMALLEST_M + WALL_M and rng.random() < 0.25:
            axis = 1 - axis
        spare = sides[axis] - 2 * _SMALLEST_M - WALL_M
        if spare < 0 or max(sides) < largest * rng.uniform(0.9, 1.4):
            rooms.append(room)
            continue
        cut = room[axis] + _SMALLEST_M + WALL_M / 2 + rng.random() * spare
        walls.append(Wall(1 - axis, cut, room[1 - axis], room[3 - axis]))
        low, high = list(room), list(room)
        low[axis + 2], high[axis] = cut - WALL_M / 2, cut + WALL_M / 2
        open_areas += [(low[0], low[1], low[2], low[3]), (high[0], high[1], high[2], high[3])]
    return np.array(rooms), walls


def _doors(wall: Wall, walls: list[Wall], rng: np.random.Generator, extra: float) -> tuple[tuple[float, float], ...]:
    """A door in the longest stretch between the walls that meet this one, and in others with a probability."""
    faces = (wall.position - WALL_M / 2, wall.position + WALL_M / 2)
    ends = [wall.start - WALL_M / 2, wall.end + WALL_M / 2]
    for other in walls:
        meets = other.axis != wall.axis and wall.start < other.position < wall.end
        if meets and min(abs(end - face) for end in (other.start, other.end) for face in faces) < 1e-6:
            ends.append(other.position)
    ends.sort()
    stretches = [(a + WALL_M / 2, b - WALL_M / 2) for a, b in pairwise(ends)]
    longest = max(stretches, key=lambda stretch: stretch[1] - stretch[0])
    chosen = [stretch for stretch in stretches if stretch == longest or rng.random() < extra]
    return tuple(door for stretch in chosen if (door := door_in(rng, *stretch)) is not None)
