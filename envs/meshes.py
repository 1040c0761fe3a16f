"""Triangle meshes of prisms, for the physics engine and its renderer."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.layouts.layout import BOX, Prisms

_LOWEST_BODY_M = 1.0  # every body is taller
_THIN_M = 0.1


class Mesh(NamedTuple):
    """Vertices (V, 3) in metres and triangles (T, 3) of indices, counter-clockwise seen from outside."""

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]


def mesh_of(prisms: Prisms, *, sides: int, caps: bool) -> Mesh:
    """The surface of the prisms; cylinders become regular polygons of `sides` corners with the cylinder's mean radius.

    Args:
        prisms: what to cover.
        sides: corners of a cylinder.
        caps: whether the upper and lower faces are wanted; upright bodies that touch only side faces need none.
    """
    is_box = prisms.kind == BOX
    parts = [_extruded(prisms, np.flatnonzero(is_box), _SQUARE, caps)]
    angle = (np.arange(sides) + 0.5) * (2 * np.pi / sides)
    # between the inscribed and the circumscribed polygon: the error is halved and changes sign
    scale = 2.0 / (1.0 + np.cos(np.pi / sides))
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) * scale
    parts.append(_extruded(prisms, np.flatnonzero(~is_box), circle, caps))
    offset = len(parts[0].vertices)
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([parts[0].triangles, parts[1].triangles + offset]),
    )


_SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def _extruded(prisms: Prisms, which: NDArray[np.int64], outline: NDArray[np.float64], caps: bool) -> Mesh:
    """Extrude an outline (C, 2) of unit half lengths to each chosen prism."""
    corners, count = len(outline), len(which)
    cos, sin = np.cos(prisms.yaw[which])[:, None], np.sin(prisms.yaw[which])[:, None]
    along, across = (outline[None] * prisms.half[which][:, None]).transpose(2, 0, 1)  # (N, C) each
    x = prisms.center[which, :1] + cos * along - sin * across
    y = prisms.center[which, 1:] + sin * along + cos * across
    rings = [np.stack([x, y, np.broadcast_to(prisms.z[which, end, None], x.shape)], axis=2) for end in (0, 1)]
    vertices = np.concatenate(rings, axis=1)  # (N, 2C, 3): the lower ring, then the upper one
    here = np.arange(corners)
    after = (here + 1) % corners
    faces = [
        np.stack([here, after, after + corners], axis=1),
        np.stack([here, after + corners, here + corners], axis=1),
    ]
    if caps:
        fan = np.arange(1, corners - 1)
        faces.append(np.stack([np.full_like(fan, corners), fan + corners, fan + 1 + corners], axis=1))
        faces.append(np.stack([np.zeros_like(fan), fan + 1, fan], axis=1))
    face = np.concatenate(faces)
    triangles = face[None] + (np.arange(count) * 2 * corners)[:, None, None]
    return Mesh(vertices.reshape(-1, 3), triangles.reshape(-1, 3))


def under_slabs(prisms: Prisms) -> NDArray[np.bool_]:
    """Which prisms (N,) stand wholly under a slab that stops every body before them, as the legs of tables do."""
    hidden = np.zeros(len(prisms), dtype=np.bool_)
    slabs = np.flatnonzero((prisms.kind == BOX) & (prisms.z[:, 0] > 0.0) & (prisms.z[:, 0] < _LOWEST_BODY_M))
    thin = np.flatnonzero(prisms.half.max(axis=1, initial=0.0) <= _THIN_M)
    offset = prisms.center[thin, None] - prisms.center[None, slabs]  # (T, S, 2)
    cos, sin = np.cos(prisms.yaw[slabs]), np.sin(prisms.yaw[slabs])
    along = np.abs(cos * offset[..., 0] + sin * offset[..., 1])
    across = np.abs(cos * offset[..., 1] - sin * offset[..., 0])
    reach = np.hypot(prisms.half[thin, 0], prisms.half[thin, 1])[:, None]
    inside = (along + reach <= prisms.half[slabs, 0]) & (across + reach <= prisms.half[slabs, 1])
    hidden[thin] = inside.any(axis=1)
    return hidden
