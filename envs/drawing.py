"""Top-down pictures of worlds: the layout by heights, the movers, their paths and what the tracker sees."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.layouts.free_space import BODY_RADIUS_M, CELL_M, FreeSpace, free_space
from envs.layouts.layout import BODY_CLEARANCE_M, CYLINDER, PALETTE, SIGHT_HEIGHT_M, Layout

Picture = NDArray[np.uint8]
Color = tuple[int, int, int]

FREE_COLOR: Color = (247, 246, 242)
UNREACHED_COLOR: Color = (226, 224, 218)
TRACKER_COLOR: Color = (28, 96, 214)
TARGET_COLOR: Color = (214, 40, 40)
DISTRACTOR_COLOR: Color = (98, 104, 116)
VIEW_COLOR: Color = (255, 196, 40)
_SHIFT = 4
_RAYS = 72


class TopDown:
    """Draws one layout again and again; north is up.

    Args:
        layout: what to draw.
        pixels: longer side of the pictures.
        space: the layout's free space if it is known already.
    """

    def __init__(self, layout: Layout, *, pixels: int = 480, space: FreeSpace | None = None) -> None:
        x_min, y_min, x_max, y_max = layout.bounds
        self.space = space if space is not None else free_space(layout)
        self.pixels_per_m = pixels / max(x_max - x_min, y_max - y_min)
        self._corner = np.array([x_min, y_max])
        self.shape = (
            max(round((y_max - y_min) * self.pixels_per_m), 1),
            max(round((x_max - x_min) * self.pixels_per_m), 1),
        )
        self.background = self._ground()
        self._draw_prisms(layout)

    def to_pixel(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Column and row (..., 2) of positions (..., 2) in metres, not rounded; pixel centres lie at whole numbers."""
        offset = np.asarray(positions, dtype=np.float64)[..., :2] - self._corner
        pixel: NDArray[np.float64] = offset * [self.pixels_per_m, -self.pixels_per_m] - 0.5
        return pixel

    def draw(
        self,
        poses: ArrayLike,
        *,
        hfov_rad: float,
        range_m: float,
        paths: Sequence[ArrayLike] = (),
        looks: Sequence[int] | None = None,
    ) -> Picture:
        """The layout with movers at poses (M, 3): the tracker, the target, and distractors.

        Args:
            poses: x and y in metres and yaw in radians.
            hfov_rad: horizontal field of view of the tracker's camera.
            range_m: its range in metres.
            paths: for each mover where it was, (T, 2) in metres; fewer than movers are allowed.
            looks: palette index of each mover (M,); the tracker keeps its own colour.

        Returns:
            A new picture (H, W, 3).

        Raises:
            ValueError: if there is not one look for each mover.
        """
        movers = np.asarray(poses, dtype=np.float64).reshape(-1, 3)
        colors = [TRACKER_COLOR, TARGET_COLOR, *[DISTRACTOR_COLOR] * len(movers)][: len(movers)]
        if looks is not None:
            if len(looks) != len(movers):
                raise ValueError(f"{len(movers)} movers need as many looks, got {len(looks)}")
            colors[1:] = [_rgb(PALETTE[look]) for look in list(looks)[1:]]
        picture: Picture = self.background.copy()
        self._draw_view(picture, movers[0], hfov_rad, range_m)
        for path, color in zip(paths, colors, strict=False):
            line = np.asarray(path, dtype=np.float64).reshape(-1, 2)
            cv2.polylines(picture, [self._fixed(line)], False, _blend(color, 0.75), 2, cv2.LINE_AA, _SHIFT)
        for pose, color in reversed(list(zip(movers, colors, strict=True))):
            self._draw_mover(picture, pose, color)
        if len(movers) > 1:
            self._circle(picture, movers[1, :2], 1.7 * self._radius_m, _blend(TARGET_COLOR, 0.9), 1)
        return picture

    @property
    def _radius_m(self) -> float:
        """Radius of the drawn discs: the bodies', but at least 4 pixels."""
        return max(BODY_RADIUS_M, 4.0 / self.pixels_per_m)

    def _ground(self) -> Picture:
        scale = 1 / (self.pixels_per_m * CELL_M)
        top = (self._corner[1] - self.space.origin[1]) / CELL_M
        cell_of_pixel = np.array([[scale, 0.0, 0.5 * scale - 0.5], [0.0, -scale, top - 0.5 * scale - 0.5]])
        reached = cv2.warpAffine(
            self.space.region * np.uint8(255),
            cell_of_pixel,
            self.shape[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        share = np.asarray(reached, dtype=np.float32)[..., None] / 255
        ground = share * np.array(FREE_COLOR) + (1 - share) * np.array(UNREACHED_COLOR)
        return np.ascontiguousarray(ground.round().astype(np.uint8))

    def _draw_prisms(self, layout: Layout) -> None:
        """Low things pale, tall ones in full colour, what hangs low hatched, what hangs high as an outline."""
        prisms = layout.prisms
        low_end, high_end = prisms.z[:, 0], prisms.z[:, 1]
        hanging = (low_end > 0.1) & (low_end < BODY_CLEARANCE_M)
        above = low_end >= BODY_CLEARANCE_M
        walls = (prisms.color == 0) & (low_end == 0) & (high_end >= SIGHT_HEIGHT_M)
        self._draw_walls([self._fixed(_outline(layout, int(index))) for index in np.flatnonzero(walls)])
        order = np.lexsort((high_end, hanging, above))
        for index in order[~walls[order]]:
            color = _rgb(PALETTE[prisms.color[index]])
            corners = self._fixed(_outline(layout, int(index)))
            if above[index]:
                cv2.polylines(self.background, [corners], True, _blend(color, 0.7), 1, cv2.LINE_AA, _SHIFT)
            elif hanging[index]:
                self._hatch(corners, color)
            else:
                low = high_end[index] < SIGHT_HEIGHT_M
                cv2.fillPoly(self.background, [corners], _blend(color, 0.45) if low else color, cv2.LINE_AA, _SHIFT)
                edge = color if low else _darker(color, 0.62)
                cv2.polylines(self.background, [corners], True, edge, 1, cv2.LINE_AA, _SHIFT)

    def _draw_walls(self, outlines: list[NDArray[np.int32]]) -> None:
        """Walls with one common edge: where the pieces of a wall meet there is no line."""
        color = _rgb(PALETTE[0])
        cv2.polylines(self.background, outlines, True, _darker(color, 0.62), 2, cv2.LINE_AA, _SHIFT)
        for outline in outlines:
            cv2.fillPoly(self.background, [outline], color, cv2.LINE_AA, _SHIFT)

    def _hatch(self, corners: NDArray[np.int32], color: Color) -> None:
        """Fill a polygon with diagonal stripes and outline it."""
        left, top = np.maximum(corners.min(axis=0) // (1 << _SHIFT), 0)
        right, bottom = np.minimum(corners.max(axis=0) // (1 << _SHIFT) + 2, self.shape[::-1])
        if right <= left or bottom <= top:
            return
        window = self.background[top:bottom, left:right]
        mask = np.zeros(window.shape[:2], dtype=np.uint8)
        cv2.fillPoly(mask, [corners - np.array([left, top], dtype=np.int32) * (1 << _SHIFT)], 255, cv2.LINE_8, _SHIFT)
        stripe = (np.arange(left, right)[None] + np.arange(top, bottom)[:, None]) % 4 < 2
        window[mask > 0] = _blend(color, 0.3)
        window[(mask > 0) & stripe] = _blend(color, 0.75)
        cv2.polylines(self.background, [corners], True, _darker(color, 0.8), 1, cv2.LINE_AA, _SHIFT)

    def _draw_view(self, picture: Picture, pose: NDArray[np.float64], hfov_rad: float, range_m: float) -> None:
        """The field of view as a translucent wedge, denser where nothing hides the ground at camera height."""
        angles = pose[2] + np.linspace(0.5, -0.5, _RAYS) * hfov_rad
        directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        reach = self._sight(pose[:2], directions, range_m)
        whole = np.concatenate([pose[None, :2], pose[:2] + directions * range_m])
        seen = np.concatenate([pose[None, :2], pose[:2] + directions * reach[:, None]])
        for points, weight in ((whole, 0.13), (seen, 0.30)):
            self._tint(picture, self._fixed(points), weight)
        cv2.polylines(picture, [self._fixed(whole)], True, _blend(VIEW_COLOR, 0.8), 1, cv2.LINE_AA, _SHIFT)

    def _sight(
        self, position: NDArray[np.float64], directions: NDArray[np.float64], range_m: float
    ) -> NDArray[np.float64]:
        """Distance (R,) in metres along each direction (R, 2) to the first opaque cell, at most the range."""
        distance = np.arange(0.0, range_m, CELL_M)
        cells = self.space.cell_of(position + directions[:, None] * distance[None, :, None])
        opaque = self.space.opaque[cells[..., 0], cells[..., 1]] > 0  # (R, D)
        reach: NDArray[np.float64] = np.where(opaque.any(axis=1), distance[opaque.argmax(axis=1)], range_m)
        return reach

    def _tint(self, picture: Picture, corners: NDArray[np.int32], weight: float) -> None:
        left, top = np.clip(corners.min(axis=0) // (1 << _SHIFT), 0, self.shape[::-1])
        right, bottom = np.clip(corners.max(axis=0) // (1 << _SHIFT) + 2, 0, self.shape[::-1])
        if right <= left or bottom <= top:
            return
        window = picture[top:bottom, left:right]
        tinted = window.copy()
        moved = corners - np.array([left, top], dtype=np.int32) * (1 << _SHIFT)
        cv2.fillPoly(tinted, [moved], VIEW_COLOR, cv2.LINE_AA, _SHIFT)
        cv2.addWeighted(tinted, weight, window, 1 - weight, 0, dst=window)

    def _draw_mover(self, picture: Picture, pose: NDArray[np.float64], color: Color) -> None:
        """A disc with a light rim and an arrow head that shows where it looks."""
        radius = self._radius_m
        self._circle(picture, pose[:2], 1.12 * radius, (255, 255, 255), -1)
        self._circle(picture, pose[:2], radius, color, -1)
        angle = pose[2] + np.array([0.0, 2.5, np.pi, -2.5])
        length = radius * np.array([0.8, 0.75, 0.2, 0.75])
        arrow = pose[:2] + np.stack([np.cos(angle) * length, np.sin(angle) * length], axis=1)
        cv2.fillPoly(picture, [self._fixed(arrow)], (255, 255, 255), cv2.LINE_AA, _SHIFT)

    def _circle(self, picture: Picture, center: NDArray[np.float64], radius_m: float, color: Color, width: int) -> None:
        column, row = self._fixed(center[None])[0].tolist()
        radius = round(radius_m * self.pixels_per_m * (1 << _SHIFT))
        cv2.circle(picture, (column, row), radius, color, width, cv2.LINE_AA, _SHIFT)

    def _fixed(self, positions: NDArray[np.float64]) -> NDArray[np.int32]:
        """Pixels (N, 2) in OpenCV's fixed-point numbers."""
        return np.round(self.to_pixel(positions) * (1 << _SHIFT)).astype(np.int32)


def _outline(layout: Layout, index: int) -> NDArray[np.float64]:
    """Corners (N, 2) in metres of a prism seen from above."""
    prisms = layout.prisms
    half, yaw = prisms.half[index], prisms.yaw[index]
    if prisms.kind[index] == CYLINDER:
        angle = np.linspace(0.0, 2 * np.pi, 24, endpoint=False)
        local = np.stack([np.cos(angle), np.sin(angle)], axis=1) * half
    else:
        local = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    turn = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    corners: NDArray[np.float64] = local @ turn + prisms.center[index]
    return corners


def _rgb(color: NDArray[np.uint8]) -> Color:
    return int(color[0]), int(color[1]), int(color[2])


def _blend(color: Color, share: float) -> Color:
    """The colour, mixed with that of free ground."""
    red, green, blue = (round(share * c + (1 - share) * f) for c, f in zip(color, FREE_COLOR, strict=True))
    return red, green, blue


def _darker(color: Color, factor: float) -> Color:
    return round(color[0] * factor), round(color[1] * factor), round(color[2] * factor)
