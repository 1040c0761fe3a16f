"""Pictures of what the robot knows: the map around it, where the target was, and where it may go; heading is up."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rspt.perception.frame import to_ego
from rspt.perception.state import HORIZON_S, PAST_S
from rspt.perception.track import TRACKING
from rspt.perception.window import EgoWindow

if TYPE_CHECKING:
    from rspt.perception.pipeline import Perception

Picture = NDArray[np.uint8]
Color = tuple[int, int, int]

# the first four are those of the pictures from above, which are shown side by side with these
FREE_COLOR: Color = (247, 246, 242)
TRACKER_COLOR: Color = (28, 96, 214)
TARGET_COLOR: Color = (214, 40, 40)
VIEW_COLOR: Color = (255, 196, 40)
UNKNOWN_COLOR: Color = (176, 176, 174)
OCCUPIED_COLOR: Color = (52, 56, 66)
FUTURE_COLOR: Color = (128, 44, 190)
_WHITE: Color = (255, 255, 255)
_INK: Color = (38, 40, 46)
_SHIFT = 4
_TICK_S = 1.0
_SHARP_M = 0.4
"""A prediction whose standard deviation is greater than this, in metres, is drawn paler."""
_SHOWN_WEIGHT = 0.03
"""Modes that are less probable are not drawn."""
_PAST_STEP_S = 0.1


class Robot(NamedTuple):
    """The robot as it is drawn, in the window's frame.

    Attributes:
        pose: (3,) x, y in metres and yaw in radians.
        hfov_rad: horizontal field of view; 0 draws none.
        range_m: range of the camera.
        radius_m: of the body.
    """

    pose: ArrayLike = (0.0, 0.0, 0.0)
    hfov_rad: float = 0.0
    range_m: float = 8.0
    radius_m: float = 0.25


class Future(NamedTuple):
    """A prediction of one world as it is drawn, in the window's frame.

    Attributes:
        positions: (M, K, 2) metres; NaN where nothing is known.
        spread_m: (M, K) standard deviations per axis.
        weights: (M,) probabilities of the modes.
        times_s: (K,) seconds ahead of the steps.
    """

    positions: NDArray[np.float64]
    spread_m: NDArray[np.float64]
    weights: NDArray[np.float64]
    times_s: NDArray[np.float64]


def draw_map(
    grid: NDArray[Any],
    window: EgoWindow,
    *,
    robot: Robot | None = None,
    target: ArrayLike | None = None,
    target_seen: bool = True,
    past: ArrayLike | None = None,
    robot_past: ArrayLike | None = None,
    future: Future | None = None,
    belief: ArrayLike | None = None,
    pixels: int = 480,
) -> Picture:
    """The window around the robot: free ground light, obstacles dark, what is unknown gray.

    Args:
        grid: (2, G, G) occupied and free in [0, 1]; further channels are not looked at.
        window: what the grid shows.
        robot: in the window's frame (x up, y to the left); at its origin, without a camera, if None.
        target: (2,) x and y in metres in the window's frame; None or NaN where it is not known. Outside the window an
            arrow at the edge points to it.
        target_seen: False draws it hollow.
        past: (T, 2) where the target was, from the latest to the earliest, which fades; NaN where it was not seen.
        robot_past: (T, 2) where the robot was, likewise.
        future: predicted paths, the more opaque the more probable, with a dot for each second.
        belief: (P, 2) places where the target may be, as small dots.
        pixels: edge of the picture.

    Returns:
        A new picture (pixels, pixels, 3).

    Raises:
        ValueError: if the grid does not fit the window, or the picture is smaller than 32 pixels.
    """
    if np.ndim(grid) != 3 or len(grid) < 2 or grid.shape[1:] != (window.cells, window.cells):
        raise ValueError(f"grid must be (2, {window.cells}, {window.cells}) as the window, not {np.shape(grid)}")
    if pixels < 32:
        raise ValueError(f"pixels must be at least 32, not {pixels}")
    canvas = _Canvas(_ground(grid, pixels), window)
    robot = robot or Robot()
    pose = np.asarray(robot.pose, dtype=np.float64)
    if robot.hfov_rad > 0:
        canvas.view(pose, robot.hfov_rad, robot.range_m)
    if robot_past is not None:
        canvas.trail(robot_past, TRACKER_COLOR)
    if future is not None:
        canvas.future(future)
    if past is not None:
        canvas.trail(past, TARGET_COLOR)
    if belief is not None:
        canvas.dots(np.asarray(belief, dtype=np.float64), TARGET_COLOR)
    if target is not None and np.isfinite(np.asarray(target, dtype=np.float64)).all():
        canvas.target(
            np.asarray(target, dtype=np.float64), seen=target_seen, radius_m=robot.radius_m, seen_from=pose[:2]
        )
    canvas.robot(pose, robot.radius_m)
    canvas.scale_bar()
    return canvas.picture


def draw_perception(
    perception: "Perception", world: int = 0, *, window: EgoWindow | None = None, pixels: int = 480
) -> Picture:
    """What one world's perception knows after its last frame.

    Args:
        perception: after an update.
        world: which.
        window: crops the fused map anew, finer perhaps; the state's own map if None.
        pixels: edge of the picture.
    """
    frame = perception.frame
    if frame is None:
        raise ValueError("nothing to draw before the first frame")
    track, prediction, one = perception.track, perception.prediction, np.array([world])
    grid = perception.state["map"][world]
    if window is not None:
        crops = np.zeros((perception.num_worlds, 2, window.cells, window.cells), dtype=np.float32)
        perception.local_map.crop(one, frame.pose, window, crops)
        grid = crops[world]
    believed = track.age_s[world] <= track.settings.forget_after_s  # later it may be anywhere
    past, _ = track.history(one, np.arange(0.0, PAST_S, _PAST_STEP_S))
    unseen = track.status[world] != TRACKING and perception.belief.particles[world, :, -1].any()
    particles = perception.belief.particles[one, :, :2]
    return draw_map(
        grid,
        window or perception.window,
        robot=Robot(hfov_rad=float(perception.body.hfov_rad[world])),
        target=to_ego(track.position[one], frame.pose[one])[0] if believed else None,
        target_seen=bool(track.status[world] == TRACKING),
        past=to_ego(past, frame.pose[one])[0],
        future=Future(
            prediction.positions_ego[world], prediction.spread_m[world], prediction.weights[world], perception.times_s
        ),
        belief=to_ego(particles, frame.pose[one])[0] if unseen else None,
        pixels=pixels,
    )


class _Canvas:
    """A picture of a window that is drawn on in metres."""

    def __init__(self, picture: Picture, window: EgoWindow) -> None:
        self.picture, self._window = picture, window
        self._pixels = len(picture)
        self._per_m = self._pixels / window.size_m
        self._line = max(round(self._pixels / 240), 1)

    def view(self, pose: NDArray[np.float64], hfov_rad: float, range_m: float) -> None:
        """The camera's field of view as a translucent wedge."""
        angles = pose[2] + np.linspace(0.5, -0.5, 48) * hfov_rad
        arc = pose[:2] + range_m * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        outline = self._fixed(np.concatenate([pose[None, :2], arc]))
        mask = np.zeros(self.picture.shape[:2], dtype=np.uint8)
        cv2.fillPoly(mask, [outline], 40, cv2.LINE_AA, _SHIFT)
        cv2.polylines(mask, [outline], True, 255, 1, cv2.LINE_AA, _SHIFT)
        self._tint(mask, VIEW_COLOR, 0.85)

    def trail(self, past: ArrayLike, color: Color) -> None:
        """A line through positions (T, 2) that fades towards the earliest one and has gaps where they are NaN."""
        points = np.asarray(past, dtype=np.float64).reshape(-1, 2)
        known = np.isfinite(points.sum(axis=1))
        opacity = np.linspace(255, 40, max(len(points), 1))
        mask = np.zeros(self.picture.shape[:2], dtype=np.uint8)
        fixed = self._fixed(np.nan_to_num(points))
        for i in range(len(points) - 1, -1, -1):
            if not known[i]:
                continue
            if i + 1 < len(points) and known[i + 1]:
                line = fixed[i : i + 2]
                cv2.polylines(mask, [line], False, int(opacity[i]), self._line + 1, cv2.LINE_AA, _SHIFT)
            else:
                self._disc(mask, points[i], 0.5 * (self._line + 1), int(opacity[i]))
        self._tint(mask, color, 0.9)

    def dots(self, places: NDArray[np.float64], color: Color) -> None:
        """A small dot at each of some places (P, 2)."""
        self._discs(self.picture, places, [self._pixels / 160] * len(places), [color] * len(places))

    def future(self, future: Future) -> None:
        """The modes of a prediction, the most probable one on top."""
        shown = np.flatnonzero(np.asarray(future.weights) >= _SHOWN_WEIGHT)
        steps = int(np.searchsorted(future.times_s, HORIZON_S + 1e-6))
        order = shown[np.argsort(future.weights[shown])]
        known = [mode for mode in order if steps and np.isfinite(future.positions[mode, :steps]).all()]
        for mode in known:
            spread_m = np.nan_to_num(future.spread_m[mode, :steps])
            self._band(future.positions[mode, :steps], spread_m, float(future.weights[mode]))
        for mode in known:
            self._path(future.positions[mode, :steps], future.times_s[:steps], float(future.weights[mode]))
        if len(known) > 1:
            for mode in known:
                self._weight(future.positions[mode, :steps], float(future.weights[mode]))

    def target(
        self, position: NDArray[np.float64], *, seen: bool, radius_m: float, seen_from: NDArray[np.float64]
    ) -> None:
        """The target's body: full where it is seen, hollow where it is only believed to be."""
        radius = self._radius(radius_m)
        place = self._place(position)
        if np.abs(place - np.clip(place, 0.0, self._pixels - 1.0)).max() > radius:
            self._pointer(place, self._place(seen_from))
            return
        self._disc(self.picture, position, 1.2 * radius, _WHITE)
        self._disc(self.picture, position, radius, TARGET_COLOR)
        if not seen:
            self._disc(self.picture, position, 0.6 * radius, FREE_COLOR)

    def robot(self, pose: NDArray[np.float64], radius_m: float) -> None:
        """An arrow head that points where the robot looks."""
        radius = self._radius(radius_m) / self._per_m
        for size, color in ((1.62, _WHITE), (1.25, TRACKER_COLOR)):
            angle = pose[2] + np.array([0.0, 2.45, np.pi, -2.45])
            length = radius * size * np.array([1.12, 1.0, 0.35, 1.0])
            corners = pose[:2] + np.stack([np.cos(angle) * length, np.sin(angle) * length], axis=1)
            cv2.fillPoly(self.picture, [self._fixed(corners)], color, cv2.LINE_AA, _SHIFT)

    def scale_bar(self) -> None:
        """A bar of one, two or five metres in the lower left corner, with its length."""
        lengths = [length for length in (1, 2, 5, 10, 20, 50) if length * self._per_m >= 0.09 * self._pixels]
        length = lengths[0] if lengths else 50
        height, margin = max(round(self._pixels / 28), 12), round(self._pixels / 30)
        left, right, low = margin, margin + round(length * self._per_m), self._pixels - margin
        for color, width in ((FREE_COLOR, self._line + 3), (_INK, self._line)):
            for start, end in (
                ((left, low), (right, low)),
                ((left, low - 4), (left, low)),
                ((right, low - 4), (right, low)),
            ):
                cv2.line(self.picture, start, end, color, width, cv2.LINE_AA)
        self._text(f"{length} m", (0.5 * (left + right), low - 0.75 * height), height, _INK)

    def _band(self, positions: NDArray[np.float64], spread_m: NDArray[np.float64], weight: float) -> None:
        """Where the mode may well pass, the paler the less is known."""
        mask = np.zeros(self.picture.shape[:2], dtype=np.uint8)
        steps = np.arange(len(positions))
        between = np.linspace(0, steps[-1], 4 * len(steps))  # so many that the discs make a smooth band
        spreads = np.interp(between, steps, spread_m)
        places = np.stack([np.interp(between, steps, positions[:, axis]) for axis in (0, 1)], axis=1)
        order = np.argsort(-spreads)  # the narrow ones lie on top of the wide ones
        certainty = np.minimum(1.0, _SHARP_M / np.maximum(spreads[order], 1e-6))
        opacity = np.rint(255 * certainty).astype(int).tolist()
        self._discs(mask, places[order], (spreads[order] * self._per_m).tolist(), opacity)
        self._tint(mask, FUTURE_COLOR, 0.12 + 0.3 * weight)

    def _path(self, positions: NDArray[np.float64], times_s: NDArray[np.float64], weight: float) -> None:
        opacity = 0.3 + 0.7 * min(weight, 1.0)
        mask = np.zeros(self.picture.shape[:2], dtype=np.uint8)
        cv2.polylines(mask, [self._fixed(positions)], False, 255, self._line + 1, cv2.LINE_AA, _SHIFT)
        ticks = [i for i, time_s in enumerate(times_s) if abs(time_s / _TICK_S - round(time_s / _TICK_S)) < 1e-6]
        radius = self._pixels / 85
        for image, size, color in ((mask, radius, 255), (self.picture, 0.5 * radius, _WHITE)):
            self._discs(image, positions[ticks], [size] * len(ticks), [color] * len(ticks))
            if image is mask:
                self._tint(mask, FUTURE_COLOR, opacity)

    def _weight(self, positions: NDArray[np.float64], weight: float) -> None:
        """The probability of a mode in percent, beyond the end of its path."""
        height = max(round(self._pixels / 32), 11)
        along = self._place(positions[-1]) - self._place(positions[0])
        place = self._place(positions[-1]) + along / max(float(np.hypot(*along)), 1e-6) * 1.4 * height
        self._text(f"{100 * weight:.0f} %", (float(place[0]), float(place[1])), height, FUTURE_COLOR)

    def _pointer(self, place: NDArray[np.float64], seen_from: NDArray[np.float64]) -> None:
        """An arrow head at the picture's edge that points from one place (column, row) to another one outside."""
        margin = self._pixels / 26
        start = np.clip(seen_from, margin, self._pixels - margin)
        along = (place - start) / max(float(np.hypot(*(place - start))), 1e-6)
        edge = np.where(along > 0.0, self._pixels - margin, margin)
        steps = (edge - start)[along != 0.0] / along[along != 0.0]
        tip, across = start + along * steps.min(), np.array([-along[1], along[0]])
        corners = np.stack([tip + 0.8 * margin * along, tip + 0.6 * margin * across, tip - 0.6 * margin * across])
        fixed = np.round(corners * (1 << _SHIFT)).astype(np.int32)
        cv2.polylines(self.picture, [fixed], True, _WHITE, 2 * self._line + 1, cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(self.picture, [fixed], TARGET_COLOR, cv2.LINE_AA, _SHIFT)

    def _text(self, text: str, middle: tuple[float, float], height: int, color: Color) -> None:
        font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(round(height / 14), 1)
        scale = height / 30
        (width, tall), _ = cv2.getTextSize(text, font, scale, thickness)
        left = min(max(middle[0] - 0.5 * width, 3.0), self._pixels - width - 3.0)
        low = min(max(middle[1] + 0.5 * tall, tall + 3.0), self._pixels - 3.0)
        corner = (round(left), round(low))
        cv2.putText(self.picture, text, corner, font, scale, FREE_COLOR, thickness + 3, cv2.LINE_AA)
        cv2.putText(self.picture, text, corner, font, scale, color, thickness, cv2.LINE_AA)

    def _disc(self, image: Picture, position: NDArray[np.float64], radius: float, color: Color | int) -> None:
        self._discs(image, position[None], [radius], [color])

    def _discs(
        self, image: Picture, positions: NDArray[np.float64], radii: Sequence[float], colors: Sequence[Color | int]
    ) -> None:
        """One after another; all places at once, since these are many."""
        for (column, row), radius, color in zip(self._fixed(positions).tolist(), radii, colors, strict=True):
            size = round(min(max(radius, 0.5), 4.0 * self._pixels) * (1 << _SHIFT))
            cv2.circle(image, (column, row), size, color, -1, cv2.LINE_AA, _SHIFT)

    def _tint(self, mask: NDArray[np.uint8], color: Color, opacity: float) -> None:
        """Mix a colour in where the mask is, up to an opacity."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return
        part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        share = mask[part][..., None].astype(np.uint16) * np.uint16(round(256 * opacity)) // np.uint16(255)  # of 256
        mixed = self.picture[part] * (np.uint16(256) - share) + share * np.array(color, dtype=np.uint16)
        self.picture[part] = (mixed >> 8).astype(np.uint8)

    def _radius(self, radius_m: float) -> float:
        """Radius of a body in pixels: its own, but not too small to be seen."""
        return max(radius_m * self._per_m, self._pixels / 60)

    def _place(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Column and row (..., 2) of positions; pixel centres lie at whole numbers."""
        half, ahead = 0.5 * self._window.size_m, self._window.size_m - self._window.behind_m
        columns, rows = half - positions[..., 1], ahead - positions[..., 0]
        place: NDArray[np.float64] = np.stack([columns, rows], axis=-1) * self._per_m - 0.5
        return place

    def _fixed(self, positions: NDArray[np.float64]) -> NDArray[np.int32]:
        """Pixels (N, 2) in OpenCV's fixed-point numbers; far outside the picture it does not matter where."""
        place = np.clip(self._place(positions), -20.0 * self._pixels, 20.0 * self._pixels)
        return np.round(place * (1 << _SHIFT)).astype(np.int32)


def _ground(grid: NDArray[Any], pixels: int) -> Picture:
    occupied, free = (np.clip(np.nan_to_num(grid[i].astype(np.float32)), 0.0, 1.0)[..., None] for i in (0, 1))
    ground = np.array(UNKNOWN_COLOR, dtype=np.float32) * (1 - free) + np.array(FREE_COLOR, dtype=np.float32) * free
    ground = ground * (1 - occupied) + np.array(OCCUPIED_COLOR, dtype=np.float32) * occupied
    cells = np.round(ground).astype(np.uint8)
    return np.ascontiguousarray(cv2.resize(cells, (pixels, pixels), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
