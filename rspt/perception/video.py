"""Following a target through rgb and depth, from the box that is given in the first frame."""

import cv2
import numpy as np
from numpy.typing import NDArray

from rspt.perception.appearance import Appearance, to_hsv
from rspt.perception.bodies import MAX_BODIES, find_bodies, make_bodies, words_of
from rspt.perception.frame import Expectation, Frame
from rspt.perception.jit import kernel
from rspt.perception.localization import (
    BEYOND_M,
    HIDDEN_GATE,
    BoxLocalizer,
    Localization,
    Memory,
    boxes_of,
    checked_radius,
    mark_found,
    mark_missing,
    usable,
)
from rspt.perception.occlusion import hidden_share
from rspt.perception.optics import Optics, from_ego, levelled, pixel_of
from rspt.perception.others import Others, is_box, is_compact, tell_apart
from rspt.perception.shape import columns_of, is_body, mark_body, weigh
from rspt.perception.track import LOST, SEARCHING, TRACKING

_LIKE = 128
"""From this back-projection on, of 255, a pixel has the target's colour."""
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 1.0)
_SURE_GATE_M = 1.2
"""With a wider gate, in metres, the window cannot be predicted: the track doubts the last sighting."""
_WINDOW_WEIGHT = 0.15
"""Mean back-projection in CamShift's window, of 1, below which the target is not there."""
_COLORED = 0.5
"""Share of the pixels that depth says are on the body that must have its colours."""
_LEARNED_FROM = 30
"""Pixels that it takes to learn colours."""
_TRUSTED = 0.4
"""Confidence from which on the colours are followed."""


class VideoLocalizer:
    """Follows the colours of the target with CamShift, and depth tells it apart from what has the same colours.

    A box initialises it, and a later box begins anew. The colours of what stands in the box become a histogram of hue
    and saturation, weighed against those around it. While the target is followed, CamShift moves the predicted window
    over the back-projection of what is about as far as the target should be. The pixels of the target's colours are
    split into bodies by depth, and the body in the window that is nearest to the expectation, within its gate, is the
    target. Where there is none it is lost: then the whole picture is searched for a body of its colours, size and
    height within the gate, which grows with the time since the target was seen. Bodies that were seen beside the
    target, and surfaces of its colours, are remembered, so that none of them is taken for it when it is hidden.

    Args:
        num_worlds: B.
        body_radius_m: radius of the target in metres.
        body_height_m: its height in metres.

    Attributes:
        status: (B,) SEARCHING before the first box, TRACKING, or LOST.

    Raises:
        ValueError: if a size cannot be one.
    """

    def __init__(self, num_worlds: int, *, body_radius_m: float = 0.25, body_height_m: float = 1.7) -> None:
        self._radius_m = checked_radius(body_radius_m)
        if not 0.2 <= body_height_m <= 2.5:
            raise ValueError(f"body_height_m must lie within 0.2 to 2.5 metres, not {body_height_m}")
        self._height_m = body_height_m
        self.status = np.full(num_worlds, SEARCHING, dtype=np.uint8)
        self._appearances: list[Appearance | None] = [None] * num_worlds
        self._memory = Memory()
        self._in_box = BoxLocalizer(body_radius_m=body_radius_m)

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Forget the targets of the worlds (n,); each waits for a box."""
        self.status[worlds] = SEARCHING
        for world in worlds.tolist():
            self._appearances[world] = None
        self._memory.reset(worlds)

    def localize(
        self,
        worlds: NDArray[np.int64],
        frame: Frame,
        cameras: NDArray[np.float64],
        expected: Expectation,
        out: Localization,
    ) -> None:
        """Locate the targets in `frame.rgb` and `frame.depth`; a box that is not NaN begins anew.

        Raises:
            ValueError: if there are no colours.
        """
        if frame.rgb is None:
            raise ValueError("VideoLocalizer needs rgb (B, H, W, 3)")
        boxes, fine, others = boxes_of(frame), usable(frame), self._memory.of(len(frame.depth))
        for world in worlds.tolist():
            if not fine[world]:
                mark_missing(world, out)
            elif is_box(boxes[world]):
                self._begin(world, frame, cameras, out)
            else:
                self._follow(world, frame, cameras, expected, others, out)

    def _begin(self, world: int, frame: Frame, cameras: NDArray[np.float64], out: Localization) -> None:
        """Learn the colours of what stands in a world's box; a box without a body leaves all as it was."""
        nowhere = Expectation(np.full((len(frame.depth), 2), np.nan), np.zeros(len(frame.depth)))
        self._in_box.localize(np.array([world]), frame, cameras, nowhere, out)
        if not out.found[world]:
            return
        assert frame.rgb is not None
        optics = levelled(cameras[world])
        inside = np.empty(frame.depth.shape[1:], dtype=np.uint8)
        place = from_ego(optics, *out.position_ego[world])
        if mark_body(frame.depth[world], optics, place, self._radius_m, self._height_m, inside) < _LEARNED_FROM:
            mark_missing(world, out)
            return
        self._appearances[world] = Appearance(to_hsv(frame.rgb[world]), inside)
        self._memory.reset(np.array([world]))
        self.status[world] = TRACKING

    def _follow(
        self,
        world: int,
        frame: Frame,
        cameras: NDArray[np.float64],
        expected: Expectation,
        others: Others,
        out: Localization,
    ) -> None:
        appearance = self._appearances[world]
        mark_missing(world, out)
        if appearance is None:
            return
        assert frame.rgb is not None
        depth, optics = frame.depth[world], levelled(cameras[world])
        hsv = to_hsv(frame.rgb[world])
        likeness = appearance.likeness(hsv)
        place = from_ego(optics, *expected.position_ego[world])
        gate_m = float(expected.gate_m[world])
        if hidden_share(depth, optics, place, self._radius_m) > 0.5:
            gate_m *= HIDDEN_GATE
        window = np.array([0.0, 0.0, depth.shape[1], depth.shape[0]])
        is_sure = np.isfinite(place[0]) and expected.gate_m[world] <= _SURE_GATE_M
        if self.status[world] == TRACKING and is_sure:
            window = self._shifted(depth, likeness, optics, place, gate_m)
        mask = (likeness >= _LIKE).view(np.uint8)
        inside = np.empty_like(mask)
        _locate(
            world,
            depth,
            mask,
            words_of(mask[None])[0],
            optics,
            place,
            gate_m,
            window,
            float(frame.stamp_s[world]),
            frame.pose[world],
            self._radius_m,
            self._height_m,
            others,
            inside,
            out,
        )
        self.status[world] = TRACKING if out.found[world] else LOST
        if out.confidence[world] > _TRUSTED:
            appearance.follow(hsv, inside)

    def _shifted(
        self,
        depth: NDArray[np.float32],
        likeness: NDArray[np.uint8],
        optics: Optics,
        place: tuple[float, float],
        gate_m: float,
    ) -> NDArray[np.float64]:
        """CamShift's window (4,) left, upper, right, lower edge in pixels, from where the target should be.

        Empty if the back-projection there is too weak.
        """
        height, width = depth.shape
        weights = np.empty_like(likeness)
        weigh(depth, likeness, optics, place, gate_m + self._radius_m, self._height_m, weights)
        left, right = columns_of(optics, place, self._radius_m, width)
        upper = pixel_of(optics, place[0], place[1], self._height_m)[1]
        lower = pixel_of(optics, place[0], place[1], 0.0)[1]
        upper, lower = np.clip(np.nan_to_num([upper, lower], nan=0.0), 0, height)
        predicted = (left, int(upper), max(right - left, 1), max(int(lower - upper), 1))
        if right <= left or lower <= upper:
            predicted = (0, 0, width, height)
        _, (column, row, columns, rows) = cv2.CamShift(weights, predicted, _STOP)
        if weights[row : row + rows, column : column + columns].sum() < 255 * _WINDOW_WEIGHT * max(columns * rows, 1):
            return np.zeros(4)
        return np.array([column, row, column + columns, row + rows], dtype=np.float64)


class MilLocalizer:
    """OpenCV's MIL tracker (Babenko, Yang and Belongie, CVPR 2009) on rgb: a slow reference without a rule for loss.

    The first box initialises it; the position comes from the depth in its box, whatever is expected.

    Args:
        num_worlds: B.
        body_radius_m: radius of the target in metres.
    """

    def __init__(self, num_worlds: int, *, body_radius_m: float = 0.25) -> None:
        self._trackers: list[cv2.TrackerMIL | None] = [None] * num_worlds
        self._in_box = BoxLocalizer(body_radius_m=body_radius_m)

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Forget the targets of the worlds (n,)."""
        for world in worlds.tolist():
            self._trackers[world] = None

    def localize(
        self,
        worlds: NDArray[np.int64],
        frame: Frame,
        cameras: NDArray[np.float64],
        expected: Expectation,
        out: Localization,
    ) -> None:
        """Locate the targets; the box in `out` is the tracker's.

        Raises:
            ValueError: if there are no colours.
        """
        if frame.rgb is None:
            raise ValueError("MilLocalizer needs rgb (B, H, W, 3)")
        given, boxes = boxes_of(frame), np.full((len(frame.depth), 4), np.nan)
        for world in worlds.tolist():
            picture = np.ascontiguousarray(frame.rgb[world][:, :, ::-1])
            tracker = self._trackers[world]
            if is_box(given[world]):
                boxes[world] = given[world]
                left, upper, right, lower = np.round(given[world]).astype(int).tolist()
                tracker = self._trackers[world] = cv2.TrackerMIL.create()
                tracker.init(picture, (left, upper, right - left, lower - upper))
            elif tracker is not None:
                found, (left, upper, columns, rows) = tracker.update(picture)
                if found:
                    boxes[world] = left, upper, left + columns, upper + rows
        nowhere = Expectation(np.full((len(boxes), 2), np.nan), np.zeros(len(boxes)))
        self._in_box.localize(worlds, frame._replace(target_box_xyxy=boxes), cameras, nowhere, out)
        out.box_xyxy[worlds] = np.where(out.found[worlds, None], boxes[worlds], np.nan)


@kernel
def _locate(
    world: int,
    depth: NDArray[np.float32],
    mask: NDArray[np.uint8],
    words: NDArray[np.uint64],
    optics: Optics,
    expected: tuple[float, float],
    gate_m: float,
    window: NDArray[np.float64],
    stamp_s: float,
    pose: NDArray[np.float64],
    radius_m: float,
    height_m: float,
    others: Others,
    inside: NDArray[np.uint8],
    out: Localization,
) -> None:
    """Find the target among the bodies of its colours (H, W); marks the pixels that depth says are on it."""
    bodies = make_bodies(depth.shape[1])
    count = find_bodies(depth, words, optics, radius_m, expected, gate_m + BEYOND_M, bodies)
    eligible = np.zeros(MAX_BODIES, dtype=np.bool_)
    for body in range(count):
        place = (bodies.center[body, 0], bodies.center[body, 1])
        away = np.hypot(place[0] - expected[0], place[1] - expected[1])
        column = 0.5 * (bodies.box[body, 0] + bodies.box[body, 2])
        row = 0.5 * (bodies.box[body, 1] + bodies.box[body, 3])
        if away > gate_m or not (window[0] <= column <= window[2] and window[1] <= row <= window[3]):
            continue
        if is_compact(bodies, body) and is_body(depth, mask, optics, place, radius_m, height_m):
            eligible[body] = True
    target = tell_apart(bodies, count, optics, expected, gate_m, eligible, -1, world, stamp_s, pose, radius_m, others)
    if target < 0:
        return
    place = (bodies.center[target, 0], bodies.center[target, 1])
    count_inside = mark_body(depth, optics, place, radius_m, height_m, inside)
    colored = 0
    for row in range(depth.shape[0]):
        for column in range(depth.shape[1]):
            colored += inside[row, column] and mask[row, column]
    if colored >= _COLORED * count_inside:
        mark_found(world, bodies, target, optics, out)
        out.confidence[world] *= colored / max(count_inside, 1)
