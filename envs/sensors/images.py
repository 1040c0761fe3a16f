"""What both cameras share: the bodies they show, and the check of the arrays they write."""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray

DEFAULT_HEIGHT_M = 1.7
DEFAULT_LOOK = 1
MaskMode = Literal["identity", "class"]


class Movers:
    """Heights and looks of M movers in W worlds; index 0 is the tracker, 1 the target, then distractors.

    Attributes:
        heights: (W, M) metres.
        looks: (W, M) index into PALETTE.
    """

    def __init__(self, num_worlds: int, num_movers: int) -> None:
        if num_worlds < 1 or num_movers < 2:
            raise ValueError(f"{num_worlds} worlds with {num_movers} movers: at least 1 world with tracker and target")
        self.heights: NDArray[np.float64] = np.full((num_worlds, num_movers), DEFAULT_HEIGHT_M)
        self.looks: NDArray[np.uint8] = np.full((num_worlds, num_movers), DEFAULT_LOOK, dtype=np.uint8)


class Images:
    """Shapes of the images of W worlds, checked because compiled code writes them without looking.

    Attributes:
        cameras: (W, 7) rows of `camera_row`.
        mask: `identity` or `class`.
        no_rgb: (0, 0, 0, 3) stands for colours that are not wanted.
        no_ids: (0, 0, 0) stands for ids that are not wanted.
    """

    def __init__(
        self, num_worlds: int, num_movers: int, cameras: NDArray[np.float64], height: int, width: int, mask: MaskMode
    ) -> None:
        if mask not in get_args(MaskMode):
            raise ValueError(f"mask {mask!r} is unknown; allowed: {', '.join(get_args(MaskMode))}")
        check_array("cameras", cameras, (num_worlds, 7), np.float64)
        self.cameras, self.mask = cameras, mask
        self.no_rgb = np.empty((0, 0, 0, 3), dtype=np.uint8)
        self.no_ids = np.empty((0, 0, 0), dtype=np.int32)
        self._poses_shape = (num_worlds, num_movers, 3)
        self._shape = (num_worlds, height, width)

    def marked(self, looks: NDArray[np.uint8]) -> list[int]:
        """Movers that the mask of a world shows, by the looks (M,) of its movers."""
        if self.mask == "identity":
            return [1]
        return [mover for mover in range(1, len(looks)) if looks[mover] == looks[1]]

    def check(
        self,
        worlds: NDArray[np.int64],
        poses: NDArray[np.float64],
        depth: NDArray[np.float32],
        mask: NDArray[np.uint8],
        rgb: NDArray[np.uint8] | None,
        ids: NDArray[np.int32] | None,
    ) -> None:
        """Raise a ValueError or IndexError for arrays that do not fit."""
        check_worlds(worlds, self._shape[0])
        check_array("poses", poses, self._poses_shape, np.float64)
        check_array("depth_out", depth, self._shape, np.float32)
        check_array("mask_out", mask, self._shape, np.uint8)
        if rgb is not None:
            check_array("rgb_out", rgb, (*self._shape, 3), np.uint8)
        if ids is not None:
            check_array("ids_out", ids, self._shape, np.int32)


def check_worlds(worlds: NDArray[np.int64], num_worlds: int) -> None:
    """Raise an IndexError unless every entry of worlds (n,) is one of the worlds."""
    if worlds.ndim != 1 or worlds.dtype != np.int64:
        raise ValueError(f"worlds has shape {worlds.shape} and type {worlds.dtype}, needed are (n,) and int64")
    if len(worlds) and not (worlds.min() >= 0 and worlds.max() < num_worlds):
        raise IndexError(f"worlds reach from {worlds.min()} to {worlds.max()}, there are {num_worlds}")


def check_array(name: str, array: NDArray[Any], shape: tuple[int, ...], dtype: DTypeLike) -> None:
    """Raise a ValueError unless an array has a shape and type and lies in C order."""
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        raise ValueError(
            f"{name} has shape {array.shape} and type {array.dtype},"
            f" needed are {shape} and {np.dtype(dtype)}, in C order"
        )
