"""A layout: the upright prisms that a world is made of, and the rectangle that they stand in."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.errors import LayoutError

BOX = 0
CYLINDER = 1
WALL_HEIGHT_M = 2.5
BODY_CLEARANCE_M = 1.9
"""What hangs higher than this, in metres, is passed under by every body."""
SIGHT_HEIGHT_M = 0.8
"""The height, in metres, at which the line of sight is judged on grids: that of the default camera."""
PALETTE = np.array(
    [
        [176, 172, 164],  # 0: walls
        [205, 92, 76],
        [222, 158, 66],
        [214, 206, 92],
        [116, 176, 92],
        [78, 172, 160],
        [84, 140, 204],
        [128, 108, 196],
        [192, 104, 172],
        [142, 104, 72],
        [112, 120, 132],
        [226, 140, 140],
    ],
    dtype=np.uint8,
)
"""Colours (12, 3) of clutter and of movers' looks; the first one belongs to walls alone."""


@dataclass(frozen=True)
class Prisms:
    """Upright boxes and cylinders.

    Attributes:
        kind: (N,) BOX or CYLINDER.
        center: (N, 2) x and y in metres.
        half: (N, 2) half lengths along the own axes in metres; the radius twice for a cylinder.
        yaw: (N,) radians, 0 for a cylinder.
        z: (N, 2) lower and upper end in metres.
        color: (N,) index into PALETTE.
    """

    kind: NDArray[np.int8]
    center: NDArray[np.float64]
    half: NDArray[np.float64]
    yaw: NDArray[np.float64]
    z: NDArray[np.float64]
    color: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.kind)

    @classmethod
    def boxes(
        cls, center: ArrayLike, half: ArrayLike, *, yaw: ArrayLike = 0.0, z: ArrayLike, color: ArrayLike = 0
    ) -> "Prisms":
        """Boxes with centres (N, 2) and half lengths (N, 2) or (2,); yaw, z and colour are one for all or one each."""
        return cls._filled(BOX, center, half, yaw, z, color)

    @classmethod
    def cylinders(cls, center: ArrayLike, radius: ArrayLike, *, z: ArrayLike, color: ArrayLike = 0) -> "Prisms":
        """Cylinders with centres (N, 2) and radii (N,) or one radius."""
        radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), np.shape(np.atleast_2d(center))[:1])
        return cls._filled(CYLINDER, center, np.stack([radii, radii], axis=1), 0.0, z, color)

    @classmethod
    def empty(cls) -> "Prisms":
        """No prism at all."""
        return cls.boxes(np.zeros((0, 2)), np.zeros((0, 2)), z=(0.0, 1.0))

    @classmethod
    def concatenate(cls, parts: "Sequence[Prisms]") -> "Prisms":
        """All prisms of the parts, in their order."""
        parts = [part for part in parts if len(part)] or [cls.empty()]
        names = ("kind", "center", "half", "yaw", "z", "color")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def subset(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> "Prisms":
        """The prisms that an index or a mask chooses."""
        return Prisms(*(getattr(self, name)[which] for name in ("kind", "center", "half", "yaw", "z", "color")))

    @classmethod
    def _filled(
        cls, kind: int, center: ArrayLike, half: ArrayLike, yaw: ArrayLike, z: ArrayLike, color: ArrayLike
    ) -> "Prisms":
        centers = np.array(center, dtype=np.float64).reshape(-1, 2)
        count = len(centers)
        return cls(
            kind=np.full(count, kind, dtype=np.int8),
            center=centers,
            half=np.array(np.broadcast_to(np.asarray(half, dtype=np.float64), (count, 2))),
            yaw=np.array(np.broadcast_to(np.asarray(yaw, dtype=np.float64), (count,))),
            z=np.array(np.broadcast_to(np.asarray(z, dtype=np.float64), (count, 2))),
            color=np.array(np.broadcast_to(np.asarray(color, dtype=np.uint8), (count,))),
        )


@dataclass(frozen=True)
class Layout:
    """Static clutter inside a closed rectangle.

    Attributes:
        name: the family, or the file's stem.
        bounds: x_min, y_min, x_max, y_max in metres; nothing drives outside.
        prisms: everything that blocks the way or the sight.
        source: where it comes from: `generated`, or a file's path.

    Raises:
        LayoutError: if a number is not finite, an extent is not positive, or the rectangle is empty.
    """

    name: str
    bounds: tuple[float, float, float, float]
    prisms: Prisms = field(repr=False)
    source: str = "generated"

    def __post_init__(self) -> None:
        prisms, bounds = self.prisms, np.asarray(self.bounds, dtype=np.float64)
        for label, values in (("bounds", bounds), *((n, getattr(prisms, n)) for n in ("center", "half", "yaw", "z"))):
            if not np.isfinite(values).all():
                raise LayoutError(f"layout {self.name!r}: {label} holds a number that is not finite")
        if not (bounds[2] > bounds[0] and bounds[3] > bounds[1]):
            raise LayoutError(
                f"layout {self.name!r}: bounds {self.bounds} enclose no area (x_min, y_min, x_max, y_max)"
            )
        if len(prisms) and not ((prisms.half > 0).all() and (prisms.z[:, 1] > prisms.z[:, 0]).all()):
            raise LayoutError(f"layout {self.name!r}: half lengths and heights of prisms must be positive")

    @cached_property
    def hash(self) -> str:
        """Sixteen hexadecimal digits of the geometry to 1 µm, without name and colours, the same on any machine."""
        digest = hashlib.blake2b(digest_size=8)
        digest.update(np.round(np.asarray(self.bounds) * 1e6).astype("<i8").tobytes())
        digest.update(self.prisms.kind.astype("<i1").tobytes())
        for values in (self.prisms.center, self.prisms.half, self.prisms.yaw, self.prisms.z):
            digest.update(np.round(values * 1e6).astype("<i8").tobytes())
        return digest.hexdigest()
