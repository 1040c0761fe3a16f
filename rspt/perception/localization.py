"""Where the target is, seen from the robot: one position in the ego frame for each world, or missing."""

from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rspt.perception.bodies import MAX_BODIES, Bodies, agreement, find_bodies, make_bodies, words_of
from rspt.perception.foreground import mark_foreground
from rspt.perception.frame import DEPTH_BEYOND_RANGE, DEPTH_INVALID, Expectation, Frame
from rspt.perception.jit import kernel
from rspt.perception.occlusion import hidden_share
from rspt.perception.optics import Optics, from_ego, levelled, to_base
from rspt.perception.others import Others, boxed, is_box, tell_apart

_CONFIDENT_PIXELS = 8
BEYOND_M = 1.5
"""Bodies so far beyond the gate, in metres, are found before those farther off; one across that border may be cut."""
HIDDEN_GATE = 0.4
"""A target that should be hidden probably is: what is in view is taken for it only within this share of the gate."""
_BOX_GATE_M = 0.5
"""The body that a box shows is at most so far, in metres, from where the depth in the middle of the box puts it."""


class Localization(NamedTuple):
    """The target as one camera frame shows it, for B worlds; overwritten in place.

    Attributes:
        position_ego: (B, 2) x forward and y left in metres of the target's upright axis; NaN where it is missing.
        confidence: (B,) from 0 for missing to 1; grows with the number of pixels that agree on a distance.
        found: (B,) whether the target was located.
        box_xyxy: (B, 4) left, upper, right, lower edge in pixels of what was taken for it; NaN where it is missing.
    """

    position_ego: NDArray[np.float64]
    confidence: NDArray[np.float64]
    found: NDArray[np.bool_]
    box_xyxy: NDArray[np.float64]

    @classmethod
    def empty(cls, num_worlds: int) -> "Localization":
        """Missing everywhere."""
        return cls(
            np.full((num_worlds, 2), np.nan),
            np.zeros(num_worlds),
            np.zeros(num_worlds, dtype=np.bool_),
            np.full((num_worlds, 4), np.nan),
        )


class Localizer(Protocol):
    """Locates the target in camera frames of B worlds; may be called by several threads, each with its own worlds."""

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Forget the past of the worlds (n,) whose episode starts."""

    def localize(
        self,
        worlds: NDArray[np.int64],
        frame: Frame,
        cameras: NDArray[np.float64],
        expected: Expectation,
        out: Localization,
    ) -> None:
        """Locate the target of some worlds.

        Args:
            worlds: (n,) which; only their rows are read and written.
            frame: of B worlds.
            cameras: (B, 18) rows of `CameraModel.row`.
            expected: where the targets should be.
            out: where to write.

        Raises:
            ValueError: if the frame lacks what the localizer looks at.
        """


class MaskLocalizer:
    """Locates a round upright body from a mask of its pixels and their depth.

    The mask may show other bodies of the same look, and false patches: it is split into bodies, and that which is
    nearest to the expectation, within its gate, is the target; with a box (the first one, say) that which fills the
    box. Bodies that were seen beside the target are remembered, so that none is taken for it when it is hidden.

    The depth shows the surface that faces the camera. The axis is the centre of the circle of the body's radius that
    fits the surface points best, so a body that is half hidden behind a corner is not drawn towards its visible half.

    Args:
        body_radius_m: radius of the target in metres.

    Raises:
        ValueError: if the radius is negative or not finite.
    """

    def __init__(self, *, body_radius_m: float = 0.25) -> None:
        self._radius_m = checked_radius(body_radius_m)
        self._memory = Memory()

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Forget the bodies beside the targets of the worlds (n,)."""
        self._memory.reset(worlds)

    def localize(
        self,
        worlds: NDArray[np.int64],
        frame: Frame,
        cameras: NDArray[np.float64],
        expected: Expectation,
        out: Localization,
    ) -> None:
        """Locate the targets under `frame.target_mask`; colours are not looked at.

        Raises:
            ValueError: if there is no mask.
        """
        if frame.target_mask is None:
            raise ValueError("MaskLocalizer needs target_mask (B, H, W)")
        _locate_in_masks(
            worlds,
            frame.depth,
            words_of(frame.target_mask),
            usable(frame),
            boxes_of(frame),
            frame.stamp_s,
            frame.pose,
            cameras,
            *expected,
            self._radius_m,
            self._memory.of(len(frame.depth)),
            out,
        )


class BoxLocalizer:
    """Locates a round upright body from a box around its image, which a detector gives with each frame.

    The depth of the body is that of the nearest large surface in the middle of the box, or of the surface there that
    agrees with the expectation; the axis is fitted as from a mask. Keeps no memory.

    Args:
        body_radius_m: radius of the target in metres.

    Raises:
        ValueError: if the radius is negative or not finite.
    """

    def __init__(self, *, body_radius_m: float = 0.25) -> None:
        self._radius_m = checked_radius(body_radius_m)

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Nothing to forget: every frame is judged alone."""

    def localize(
        self,
        worlds: NDArray[np.int64],
        frame: Frame,
        cameras: NDArray[np.float64],
        expected: Expectation,
        out: Localization,
    ) -> None:
        """Locate the targets in `frame.target_box_xyxy`; missing where the box is NaN or outside the image.

        Raises:
            ValueError: if there are no boxes.
        """
        if frame.target_box_xyxy is None:
            raise ValueError("BoxLocalizer needs target_box_xyxy (B, 4), NaN where there is no box")
        _locate_in_boxes(
            worlds, frame.depth, usable(frame), frame.target_box_xyxy, cameras, *expected, self._radius_m, out
        )


class Memory:
    """The bodies beside the targets, of as many worlds as the first frame has."""

    def __init__(self) -> None:
        self._others = Others.empty(0)
        self._lock = Lock()

    def of(self, num_worlds: int) -> Others:
        """The memory of B worlds."""
        with self._lock:  # several threads may bring the first frame
            if len(self._others.stamp_s) != num_worlds:
                self._others = Others.empty(num_worlds)
            return self._others

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Forget the bodies of the worlds (n,)."""
        with self._lock:
            if len(self._others.stamp_s):
                self._others.reset(worlds)


def checked_radius(body_radius_m: float) -> float:
    """The radius, if it can be one.

    Raises:
        ValueError: if it cannot.
    """
    if not (np.isfinite(body_radius_m) and body_radius_m >= 0):
        raise ValueError(f"body_radius_m must be finite and not negative, not {body_radius_m}")
    return float(body_radius_m)


def usable(frame: Frame) -> NDArray[np.bool_]:
    """Whether the depth of each world (B,) can be used."""
    if frame.trouble is None:
        return np.ones(len(frame.depth), dtype=np.bool_)
    fine: NDArray[np.bool_] = (frame.trouble != DEPTH_INVALID) & (frame.trouble != DEPTH_BEYOND_RANGE)
    return fine


def boxes_of(frame: Frame) -> NDArray[np.float64]:
    """The boxes (B, 4), NaN where there is none."""
    return np.full((len(frame.depth), 4), np.nan) if frame.target_box_xyxy is None else frame.target_box_xyxy


@kernel
def mark_missing(world: int, out: Localization) -> None:
    """Write that a world's target was not located."""
    out.position_ego[world] = np.nan
    out.confidence[world] = 0.0
    out.found[world] = False
    out.box_xyxy[world] = np.nan


@kernel
def mark_found(world: int, bodies: Bodies, body: int, optics: Optics, out: Localization) -> None:
    """Write that a world's target is a body."""
    x, y = to_base(optics, bodies.center[body, 0], bodies.center[body, 1])
    out.position_ego[world, 0], out.position_ego[world, 1] = x, y
    out.confidence[world] = min(bodies.pixels[body] / _CONFIDENT_PIXELS, 1.0) * agreement(bodies, body)
    out.found[world] = True
    for edge in range(4):
        out.box_xyxy[world, edge] = bodies.box[body, edge]


@kernel
def _locate_in_masks(
    worlds: NDArray[np.int64],
    depth: NDArray[np.float32],
    words: NDArray[np.uint64],
    usable: NDArray[np.bool_],
    boxes: NDArray[np.float64],
    stamp_s: NDArray[np.float64],
    pose: NDArray[np.float64],
    cameras: NDArray[np.float64],
    expected_ego: NDArray[np.float64],
    gate_m: NDArray[np.float64],
    radius_m: float,
    others: Others,
    out: Localization,
) -> None:
    bodies = make_bodies(depth.shape[2])
    anybody = np.ones(MAX_BODIES, dtype=np.bool_)
    for world in worlds:
        mark_missing(world, out)
        if not usable[world]:
            continue
        optics = levelled(cameras[world])
        expected = from_ego(optics, expected_ego[world, 0], expected_ego[world, 1])
        reach_m = gate_m[world] + BEYOND_M
        count = find_bodies(depth[world], words[world], optics, radius_m, expected, reach_m, bodies)
        if not count:
            continue
        given = -1
        if is_box(boxes[world]):
            given = boxed(bodies, count, boxes[world])
            if given < 0:
                continue
        reach_m = gate_m[world]
        if hidden_share(depth[world], optics, expected, radius_m) > 0.5:
            reach_m *= HIDDEN_GATE
        target = tell_apart(
            bodies,
            count,
            optics,
            expected,
            reach_m,
            anybody,
            given,
            world,
            stamp_s[world],
            pose[world],
            radius_m,
            others,
        )
        if target >= 0:
            mark_found(world, bodies, target, optics, out)


@kernel
def _locate_in_boxes(
    worlds: NDArray[np.int64],
    depth: NDArray[np.float32],
    usable: NDArray[np.bool_],
    boxes: NDArray[np.float64],
    cameras: NDArray[np.float64],
    expected_ego: NDArray[np.float64],
    gate_m: NDArray[np.float64],
    radius_m: float,
    out: Localization,
) -> None:
    height, width = depth.shape[1:]
    bodies = make_bodies(width)
    mask = np.zeros(height * width, dtype=np.uint8)
    for world in worlds:
        mark_missing(world, out)
        if not usable[world]:
            continue
        optics = levelled(cameras[world])
        expected = from_ego(optics, expected_ego[world, 0], expected_ego[world, 1])
        mask[:] = 0
        middle = mark_foreground(depth[world], boxes[world], optics, radius_m, expected, gate_m[world], mask)
        count = find_bodies(depth[world], mask, optics, radius_m, middle, _BOX_GATE_M, bodies)
        target, least = -1, _BOX_GATE_M
        for body in range(count):
            off = np.hypot(bodies.center[body, 0] - middle[0], bodies.center[body, 1] - middle[1])
            away = np.hypot(bodies.center[body, 0] - expected[0], bodies.center[body, 1] - expected[1])
            if off < least and not away > gate_m[world]:  # NaN compares false
                target, least = body, off
        if target >= 0:
            mark_found(world, bodies, target, optics, out)
