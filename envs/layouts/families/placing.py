"""Placing rectangles on the ground so that every passage between them stays wide enough."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.layouts.layout import WALL_HEIGHT_M, Layout, Prisms

WALL_M = 0.2
GAP_M = 1.5
"""Least width of a passage in metres: 1.4 m are promised, the rest is what a 0.1 m grid may lose."""
EMBED_M = 0.02
_CHUNK = 96


class Spots(NamedTuple):
    """Rectangles on the ground.

    Attributes:
        center: (N, 2) x and y in metres.
        half: (N, 2) half lengths along the own axes in metres.
        yaw: (N,) radians.
    """

    center: NDArray[np.float64]
    half: NDArray[np.float64]
    yaw: NDArray[np.float64]

    @property
    def number(self) -> int:
        """Number of rectangles."""
        return len(self.yaw)

    def pick(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> "Spots":
        """The rectangles that a mask or indices name."""
        return Spots(self.center[which], self.half[which], self.yaw[which])

    def part(self, offset: NDArray[np.float64], half: NDArray[np.float64]) -> "Spots":
        """Rectangles moved by offsets (N, 2) in their own frames, with half lengths (N, 2) of their own."""
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        x, y = offset[:, 0], offset[:, 1]
        center = self.center + np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)
        return Spots(center, np.broadcast_to(half, self.half.shape), self.yaw)


def spots(center: ArrayLike, half: ArrayLike, yaw: ArrayLike = 0.0) -> Spots:
    """Rectangles from centres (N, 2), and half lengths and yaws that are one for all or one each."""
    centers = np.asarray(center, dtype=np.float64).reshape(-1, 2)
    halves = np.broadcast_to(np.asarray(half, dtype=np.float64), centers.shape)
    return Spots(centers, halves, np.broadcast_to(np.asarray(yaw, dtype=np.float64), (len(centers),)))


def gaps(first: Spots, second: Spots) -> NDArray[np.float64]:
    """Lower bound (A, B) of the distance in metres between each two rectangles, negative where they may overlap.

    The largest separation along the rectangles' axes and along the line between their centres.
    """
    dx = first.center[:, None, 0] - second.center[None, :, 0]  # (A, B)
    dy = first.center[:, None, 1] - second.center[None, :, 1]
    a_long, a_wide = first.half[:, None, 0], first.half[:, None, 1]
    b_long, b_wide = second.half[None, :, 0], second.half[None, :, 1]
    a_cos, a_sin = np.cos(first.yaw)[:, None], np.sin(first.yaw)[:, None]
    b_cos, b_sin = np.cos(second.yaw)[None], np.sin(second.yaw)[None]
    cos, sin = np.abs(a_cos * b_cos + a_sin * b_sin), np.abs(a_sin * b_cos - a_cos * b_sin)
    a_along, a_across = np.abs(dx * a_cos + dy * a_sin), np.abs(dy * a_cos - dx * a_sin)
    b_along, b_across = np.abs(dx * b_cos + dy * b_sin), np.abs(dy * b_cos - dx * b_sin)
    distance = np.maximum(np.sqrt(dx * dx + dy * dy), 1e-9)
    reach = (a_along * a_long + a_across * a_wide + b_along * b_long + b_across * b_wide) / distance
    gap = distance - reach
    np.maximum(gap, a_along - a_long - cos * b_long - sin * b_wide, out=gap)
    np.maximum(gap, a_across - a_wide - sin * b_long - cos * b_wide, out=gap)
    np.maximum(gap, b_along - b_long - cos * a_long - sin * a_wide, out=gap)
    np.maximum(gap, b_across - b_wide - sin * a_long - cos * a_wide, out=gap)
    return gap


def clear_of(candidates: Spots, others: Spots, gap_m: float) -> NDArray[np.bool_]:
    """Which candidates (N,) keep a distance in metres from all others."""
    clear: NDArray[np.bool_] = np.all(gaps(candidates, others) >= gap_m, axis=1)
    return clear


def spaced(
    candidates: Spots,
    *,
    gap_m: float = GAP_M,
    allowed: NDArray[np.bool_] | None = None,
    group: NDArray[np.intp] | None = None,
    limit: int | None = None,
) -> NDArray[np.intp]:
    """Indices of the candidates that remain when each, in its order, must keep its distance from those before it.

    Candidates of different groups (N,) stand in different rooms and keep no distance.
    """
    far = gaps(candidates, candidates) >= gap_m
    if group is not None:
        far |= group[:, None] != group[None]
    free = np.ones(candidates.number, dtype=bool) if allowed is None else allowed.copy()
    chosen: list[int] = []
    while free.any() and (limit is None or len(chosen) < limit):
        index = int(np.argmax(free))
        chosen.append(index)
        free &= far[index]
        free[index] = False
    return np.array(chosen, dtype=np.intp)


def scatter(
    rng: np.random.Generator,
    half: NDArray[np.float64],
    yaw: NDArray[np.float64],
    area: tuple[float, float, float, float],
    *,
    limit: int,
    taken: Spots | None = None,
) -> tuple[Spots, NDArray[np.intp]]:
    """Throw rectangles into an area (x_min, y_min, x_max, y_max) and keep those that leave a passage to all others.

    Returns:
        The kept rectangles, and which of the given ones they are; at most `limit`, none is tried twice.
    """
    cos, sin = np.abs(np.cos(yaw)), np.abs(np.sin(yaw))
    reach = np.stack([cos * half[:, 0] + sin * half[:, 1], sin * half[:, 0] + cos * half[:, 1]], axis=1)
    low, high = np.array(area[:2]) + reach, np.array(area[2:]) - reach
    center = low + rng.random((len(yaw), 2)) * (high - low)
    fits: NDArray[np.bool_] = np.all(low <= high, axis=1)
    everything = Spots(center, half, yaw)
    kept: list[NDArray[np.intp]] = []
    count = 0
    standing = taken if taken is not None and taken.number else None
    for start in range(0, len(yaw), _CHUNK):
        indices = start + np.flatnonzero(fits[start : start + _CHUNK])
        chunk = everything.pick(indices)
        allowed = None if standing is None else clear_of(chunk, standing, GAP_M)
        chosen = indices[spaced(chunk, allowed=allowed, limit=limit - count)]
        kept.append(chosen)
        count += len(chosen)
        if count >= limit:
            break
        new = everything.pick(chosen)
        standing = (
            new if standing is None else Spots(*(np.concatenate(pair) for pair in zip(standing, new, strict=True)))
        )
    which = np.concatenate(kept) if kept else np.zeros(0, dtype=np.intp)
    return everything.pick(which), which


def against_walls(
    rng: np.random.Generator, half: NDArray[np.float64], rooms: NDArray[np.float64]
) -> tuple[Spots, NDArray[np.bool_]]:
    """Rectangles with their backs to a random wall of their rooms (N, 4), in a corner or a passage away from it.

    Returns:
        The rectangles (own x axis along the wall, own y axis into the room), and whether each fits its room.
    """
    count = len(half)
    side = rng.integers(0, 4, count)  # 0: y_min, 1: x_max, 2: y_max, 3: x_min
    upright = side % 2 == 1
    size = rooms[:, 2:] - rooms[:, :2]
    length, depth = np.where(upright, size[:, 1], size[:, 0]), np.where(upright, size[:, 0], size[:, 1])
    spare = length - 2 * half[:, 0]
    corner = (rng.random(count) < 0.4) | (spare < 2 * GAP_M)
    end = rng.random(count) < 0.5
    along = np.where(corner, np.where(end, spare + EMBED_M, -EMBED_M), GAP_M + rng.random(count) * (spare - 2 * GAP_M))
    along = along + half[:, 0]
    away = half[:, 1] - EMBED_M
    x = np.choose(side, [rooms[:, 0] + along, rooms[:, 2] - away, rooms[:, 0] + along, rooms[:, 0] + away])
    y = np.choose(side, [rooms[:, 1] + away, rooms[:, 1] + along, rooms[:, 3] - away, rooms[:, 1] + along])
    fits = (spare >= GAP_M) & (depth - 2 * half[:, 1] >= GAP_M)
    return spots(np.stack([x, y], axis=1), half, side * (np.pi / 2)), fits


def at_outer_wall(
    rng: np.random.Generator, half: NDArray[np.float64], size: float, *, limit: int, corners: bool = True
) -> Spots:
    """Rectangles with their backs to the outer wall of a square, at most `limit` of them, in its corners too or not."""
    candidates, fits = against_walls(rng, half, np.tile(np.array(inner(size)), (len(half), 1)))
    if not corners:
        fits &= np.minimum(candidates.center, size - candidates.center).min(axis=1) > 0.5
    return candidates.pick(spaced(candidates, allowed=fits, limit=limit))


def inner(size: float, margin: float = 0.0) -> tuple[float, float, float, float]:
    """The rectangle inside the outer wall, a margin in metres away from it."""
    return (WALL_M + margin, WALL_M + margin, size - WALL_M - margin, size - WALL_M - margin)


def enclosed(name: str, size: float, parts: list[Prisms]) -> Layout:
    """The square layout of the parts within an outer wall."""
    middle, thin = size / 2, WALL_M / 2
    wall = Prisms.boxes(
        [[middle, thin], [middle, size - thin], [thin, middle], [size - thin, middle]],
        [[middle, thin], [middle, thin], [thin, middle], [thin, middle]],
        z=(0.0, WALL_HEIGHT_M),
    )
    return Layout(name=name, bounds=(0.0, 0.0, size, size), prisms=Prisms.concatenate([wall, *parts]))


def turned(prisms: Prisms, size: float, quarters: int) -> Prisms:
    """The prisms of a square arena turned by quarters of a circle around its middle."""
    cos, sin = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)][quarters % 4]
    x, y = prisms.center[:, 0] - size / 2, prisms.center[:, 1] - size / 2
    center = np.stack([cos * x - sin * y, sin * x + cos * y], axis=1) + size / 2
    yaw = np.where(prisms.kind == 0, prisms.yaw + quarters % 4 * (np.pi / 2), 0.0)
    return Prisms(prisms.kind, center, prisms.half, yaw, prisms.z, prisms.color)
