"""Things that stand in layouts, made of prisms; each function makes many at once, in rectangles on the ground."""

import numpy as np
from numpy.typing import NDArray

from envs.layouts.families.placing import Spots
from envs.layouts.layout import PALETTE, WALL_HEIGHT_M, Prisms


def colors(rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    """Random colours (count,) of clutter."""
    return rng.integers(1, len(PALETTE), count, dtype=np.uint8)


def heights(rng: np.random.Generator, count: int, low: float, high: float) -> NDArray[np.float64]:
    """Lower and upper ends (count, 2) of things that stand on the floor and end between two heights in metres."""
    return np.stack([np.zeros(count), rng.uniform(low, high, count)], axis=1)


def boxes(places: Spots, z: object, color: object = 0) -> Prisms:
    """One box for each place."""
    return Prisms.boxes(places.center, places.half, yaw=places.yaw, z=np.asarray(z), color=np.asarray(color))


def _offsets(
    places: Spots, along: NDArray[np.float64] | float, across: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    return np.stack(np.broadcast_arrays(along + np.zeros(places.number), across), axis=1)


def _corners(places: Spots, inset: float, half: float) -> Spots:
    """Four small squares in the corners of each place, (4 N,) of them, corner by corner."""
    x, y = places.half[:, 0] - inset, places.half[:, 1] - inset
    small = np.full((places.number, 2), half)
    corners = [places.part(_offsets(places, sx * x, sy * y), small) for sx in (-1, 1) for sy in (-1, 1)]
    return Spots(*(np.concatenate(values) for values in zip(*corners, strict=True)))


def tables(places: Spots, rng: np.random.Generator, color: NDArray[np.uint8]) -> Prisms:
    """Tables: a slab about 0.75 m high on four thin legs."""
    under = rng.uniform(0.70, 0.73, places.number)
    legs = boxes(
        _corners(places, 0.06, 0.03), np.stack([np.zeros(4 * len(under)), np.tile(under, 4)], axis=1), np.tile(color, 4)
    )
    top = boxes(places, np.stack([under, under + 0.05], axis=1), color)
    return Prisms.concatenate([top, legs])


def angles(places: Spots, thickness: NDArray[np.float64], z: NDArray[np.float64], color: NDArray[np.uint8]) -> Prisms:
    """L-shaped blocks: two boxes of the thickness (N,) in metres along two sides of each place."""
    x, y, thin = places.half[:, 0], places.half[:, 1], thickness / 2
    long = places.part(_offsets(places, 0.0, thin - y), np.stack([x, thin], axis=1))
    wing = places.part(_offsets(places, thin - x, 0.0), np.stack([thin, y], axis=1))
    return Prisms.concatenate([boxes(long, z, color), boxes(wing, z, color)])


def portals(places: Spots, color: NDArray[np.uint8]) -> Prisms:
    """Gates along the own x axis: two posts and a beam that every body passes under."""
    post = places.half[:, 1]
    square = np.stack([post, post], axis=1)
    end = places.half[:, 0] - post
    sides = [places.part(_offsets(places, sign * end, 0.0), square) for sign in (-1.0, 1.0)]
    beam = boxes(places, (2.1, WALL_HEIGHT_M), color)
    return Prisms.concatenate([*(boxes(side, (0.0, WALL_HEIGHT_M), color) for side in sides), beam])


def cars(places: Spots, rng: np.random.Generator) -> Prisms:
    """Cars along the own x axis: a body 0.6-0.9 m high and a cabin up to 1.45 m, or the box of a van up to 2.05 m."""
    count = places.number
    color = colors(rng, count)
    waist = rng.uniform(0.6, 0.9, count)
    van = rng.random(count) < 0.15
    roof = np.where(van, rng.uniform(1.85, 2.05, count), rng.uniform(1.35, 1.45, count))
    x, y = places.half[:, 0], places.half[:, 1]
    share = np.where(van, 0.8, rng.uniform(0.42, 0.62, count))
    back = np.where(van, share - 0.98, rng.uniform(-0.22, -0.05, count)) * x
    cabin = places.part(_offsets(places, back, 0.0), np.stack([share * x, y - np.where(van, 0.02, 0.12)], axis=1))
    body = boxes(places, np.stack([np.zeros(count), waist], axis=1), color)
    return Prisms.concatenate([body, boxes(cabin, np.stack([np.zeros(count), roof], axis=1), color)])


def open_racks(places: Spots, rng: np.random.Generator, color: NDArray[np.uint8]) -> Prisms:
    """Open shelves: four uprights, boards at two heights, and goods on the floor and on the lower board."""
    count = places.number
    posts = boxes(_corners(places, 0.05, 0.05), (0.0, WALL_HEIGHT_M), 10)
    level = rng.uniform(1.0, 1.3, count)
    lower = boxes(places, np.stack([level, level + 0.08], axis=1), color)
    upper = boxes(places, (2.1, 2.18), color)
    parts = [posts, lower, upper]
    for side in (-0.5, 0.5):
        for floor in (True, False):
            parts.append(_goods(places, rng, side, None if floor else level + 0.08))
    return Prisms.concatenate(parts)


def _goods(places: Spots, rng: np.random.Generator, side: float, level: NDArray[np.float64] | None) -> Prisms:
    """A box in half of the places, on the floor or at a level (N,) in metres."""
    filled = rng.random(places.number) < 0.5
    size = places.half * rng.uniform([0.25, 0.55], [0.4, 0.85], (places.number, 2))
    box = places.part(_offsets(places, side * places.half[:, 0], 0.0), size).pick(filled)
    under = np.zeros(box.number) if level is None else level[filled]
    z = np.stack([under, under + rng.uniform(0.35, 0.7, box.number)], axis=1)
    return boxes(box, z, colors(rng, box.number))


def chairs(places: Spots, color: int) -> Prisms:
    """Chairs that look along the own y axis: a seat 0.46 m high and a thin back."""
    x, y = places.half[:, 0], places.half[:, 1]
    back = places.part(_offsets(places, 0.0, 0.03 - y), np.stack([x, np.full_like(y, 0.03)], axis=1))
    return Prisms.concatenate([boxes(places, (0.0, 0.46), color), boxes(back, (0.46, 0.92), color)])
