"""What a robot or a simulator hands in, checked: frames that cannot be meant are refused, doubtful ones are marked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rspt.perception.frame import NO_TROUBLE, POSE_JUMPED, STAMP_JUMPED, Frame, real_numbers
from rspt.perception.jit import kernel
from rspt.perception.usable_depth import Share, usable_depth

_STAMP_MAX_S = 1e10
"""Seconds; the clocks of computers count 2e9 of them in the year 2033."""


@dataclass(frozen=True)
class IntakeSettings:
    """When frames are doubtful, and how whole numbers of depth are read."""

    depth_units_per_m: float = 1000.0
    """Units per metre of uint16 depth: 1000 for millimetres, 5000 for the TUM recordings."""
    speed_max_mps: float = 3.0
    """No robot is faster, in m/s."""
    turn_max_radps: float = 6.0
    """No robot turns faster, in rad/s."""
    slack_m: float = 0.3
    """A pose may lie so much farther from the one before, in metres, before it counts as a jump."""
    slack_rad: float = 0.3
    """A yaw may lie so much farther from the one before, in radians, before the pose counts as a jump."""
    gap_max_s: float = 2.0
    """A longer time between two frames is a jump of the stamp, in seconds."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be positive and finite, not {value!r}")


class Intake:
    """Turns what is handed in for B worlds into checked frames.

    A frame that cannot be meant is a `ValueError` that names the argument, its value and what is allowed, and changes
    nothing: the next frame is judged as if it had not been. What a robot may well deliver but what cannot be used as it
    is comes back in `Frame.trouble`; of several troubles it is the first of this list:

    * POSE_JUMPED: the pose lies farther from the one before than `speed_max_mps` and `turn_max_radps` allow.
    * DEPTH_INVALID: no pixel has a depth that the camera can measure.
    * DEPTH_BEYOND_RANGE: more than half of the pixels with a finite depth lie beyond the camera's range limit, by more
      than 1 % of it.
    * STAMP_JUMPED: more than `gap_max_s` passed since the frame before.

    A depth image of no use is handed on as zeros, which are invalid everywhere, also where the pose jumped as well. In
    the others a pixel is 0 (what was 0, NaN or nearer than the camera's least range) or at least that range; +Inf
    becomes the range limit.

    Args:
        num_worlds: B. With one world the leading axis may be left out of all inputs.
        height: rows of the images.
        width: columns of the images.
        settings: limits and units.
    """

    def __init__(self, num_worlds: int, height: int, width: int, settings: IntakeSettings | None = None) -> None:
        for name, value in (("num_worlds", num_worlds), ("height", height), ("width", width)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self.num_worlds, self.height, self.width = num_worlds, height, width
        self.settings = settings or IntakeSettings()
        limits = self.settings
        self._limits = np.array(
            [limits.speed_max_mps, limits.turn_max_radps, limits.slack_m, limits.slack_rad, limits.gap_max_s]
        )
        self._stamp_s = np.full(num_worlds, np.nan)
        self._pose = np.zeros((num_worlds, 3))

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Forget the last frames of the given worlds (n,): their next ones may have any stamp and pose."""
        self._stamp_s[worlds] = np.nan
        self._pose[worlds] = 0.0

    def take(
        self,
        worlds: NDArray[np.int64],
        cameras: NDArray[np.float64],
        *,
        stamp_s: ArrayLike,
        depth: NDArray[Any],
        pose: ArrayLike,
        velocity: ArrayLike | None = None,
        rgb: NDArray[Any] | None = None,
        target_mask: NDArray[Any] | None = None,
        target_box_xyxy: ArrayLike | None = None,
        share: Share | None = None,
    ) -> Frame:
        """Check one frame of the given worlds.

        Args:
            worlds: (n,) the rows to take; the others are not looked at.
            cameras: (B, 18) rows of `CameraModel.row`.
            stamp_s: (B,) or one number for all: time in seconds, later than that of the frame before.
            depth: (B, H, W) along the optical axis: float32 or float64 metres (NaN or 0 invalid, +Inf beyond range), or
                uint16 in the settings' units (0 invalid).
            pose: (B, 3) x, y in metres and yaw in radians of the robot's base; see `planar_pose` for matrices.
            velocity: (B, 2) forward in m/s, turn in rad/s; from the poses and stamps if None, 0 in a first frame.
            rgb: (B, H, W, 3) uint8.
            target_mask: (B, H, W) bool or uint8, not 0 on the target.
            target_box_xyxy: (B, 4) left, upper, right, lower edge in pixels, NaN where there is none. What lies outside
                the image is cut off; a box outside it counts as none.
            share: runs the work on parts of the worlds; one after another in this thread if None.

        Returns:
            The frame. Rows of worlds that were not taken mean nothing. Images that needed no change are those handed
            in, and keep only as long as the caller leaves them alone.

        Raises:
            ValueError: naming the argument, its value and what is allowed; nothing has changed then.
            IndexError: if a world does not exist.
        """
        if not len(worlds):
            worlds = np.zeros(0, dtype=np.int64)
        elif not 0 <= int(worlds.min()) <= int(worlds.max()) < self.num_worlds:
            raise IndexError(f"worlds must lie within 0 to {self.num_worlds - 1}, not {worlds.tolist()}")
        image = (self.height, self.width)
        stamps = self._stamps(stamp_s, worlds)
        poses = self._numbers("pose", pose, (3,), worlds, self._pose, "x, y in metres and yaw in radians")
        twists = np.zeros((self.num_worlds, 2))
        if velocity is not None:
            twists = self._numbers("velocity", velocity, (2,), worlds, twists, "forward in m/s and turn in rad/s")
        boxes = None if target_box_xyxy is None else self._boxes(target_box_xyxy, worlds)
        mask = None if target_mask is None else self._image("target_mask", target_mask, image, ("bool", "uint8"))
        colors = None if rgb is None else self._image("rgb", rgb, (*image, 3), ("uint8",))
        images = self._image("depth", depth, image, ("float32", "float64", "uint16"))
        images, trouble = usable_depth(images, self.settings.depth_units_per_m, cameras, worlds, share)
        _judge(worlds, stamps, poses, twists, velocity is None, self._stamp_s, self._pose, self._limits, trouble)
        self._stamp_s[worlds], self._pose[worlds] = stamps[worlds], poses[worlds]
        return Frame(
            stamp_s=stamps,
            depth=images,
            pose=poses,
            velocity=twists,
            target_mask=None if mask is None else mask.view(np.uint8),
            target_box_xyxy=boxes,
            rgb=colors,
            trouble=trouble,
        )

    def _stamps(self, value: ArrayLike, worlds: NDArray[np.int64]) -> NDArray[np.float64]:
        given = real_numbers("stamp_s", value)
        if given.ndim == 0:
            given = np.full(self.num_worlds, given)
        stamps = self._numbers("stamp_s", given, (), worlds, self._stamp_s, "seconds")
        if (np.abs(stamps[worlds]) > _STAMP_MAX_S).any():
            raise ValueError(f"stamp_s must be seconds, not {np.abs(stamps[worlds]).max():.6g}: are they nanoseconds?")
        behind = worlds[stamps[worlds] <= self._stamp_s[worlds]]  # NaN, before a first frame, compares false
        if len(behind):
            world = int(behind[0])
            raise ValueError(
                f"stamp_s of world {world} must be later than that of the frame before, {self._stamp_s[world]:.6f} s,"
                f" not {stamps[world]:.6f} s; reset() begins a new recording"
            )
        return stamps

    def _numbers(
        self,
        name: str,
        value: ArrayLike,
        shape: tuple[int, ...],
        worlds: NDArray[np.int64],
        others: NDArray[np.float64],
        meaning: str,
    ) -> NDArray[np.float64]:
        """Finite numbers (B, *shape); rows that are not taken come from `others`."""
        given = self._with_axis(name, real_numbers(name, value), shape)
        taken = given[worlds]
        if not np.isfinite(taken).all():
            bad = np.flatnonzero(~np.isfinite(taken).reshape(len(worlds), -1).all(axis=1))[0]
            raise ValueError(
                f"{name} of world {worlds[bad]} must be finite ({meaning}), not {np.asarray(taken[bad]).tolist()}"
            )
        numbers: NDArray[np.float64] = others.copy()
        numbers[worlds] = taken
        return numbers

    def _boxes(self, value: ArrayLike, worlds: NDArray[np.int64]) -> NDArray[np.float64]:
        given = self._with_axis("target_box_xyxy", real_numbers("target_box_xyxy", value), (4,))
        taken = given[worlds]
        missing = np.isnan(taken).all(axis=1)
        good = missing | (np.isfinite(taken).all(axis=1) & (taken[:, 2] > taken[:, 0]) & (taken[:, 3] > taken[:, 1]))
        if not good.all():
            bad = int(np.argmin(good))
            raise ValueError(
                f"target_box_xyxy of world {worlds[bad]} must be pixels left, upper, right, lower with left < right and"
                f" upper < lower, or NaN four times where there is none, not {taken[bad].tolist()}"
            )
        edges = np.clip(taken, 0.0, [self.width, self.height, self.width, self.height])
        empty = ~((edges[:, 2] > edges[:, 0]) & (edges[:, 3] > edges[:, 1]))
        edges[empty] = np.nan
        boxes: NDArray[np.float64] = np.full((self.num_worlds, 4), np.nan)
        boxes[worlds] = edges
        return boxes

    def _image(self, name: str, value: NDArray[Any], shape: tuple[int, ...], dtypes: tuple[str, ...]) -> NDArray[Any]:
        """An image as one block of memory in the machine's byte order, (B, *shape)."""
        if not isinstance(value, np.ndarray):
            raise ValueError(f"{name} must be a NumPy array, not a {type(value).__name__}")
        if value.dtype.name not in dtypes:
            hint = " (uint16 in millimetres, floats in metres)" if name == "depth" else ""
            raise ValueError(f"{name} must be of type {' or '.join(dtypes)}{hint}, not {value.dtype.name}")
        images = self._with_axis(name, value, shape)
        return np.ascontiguousarray(images, dtype=images.dtype.newbyteorder("="))

    def _with_axis(self, name: str, value: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """The array with its leading axis, (B, *shape)."""
        if value.shape == (self.num_worlds, *shape):
            return value
        if self.num_worlds == 1 and value.shape == shape:
            return value[None]
        wanted = f"{(self.num_worlds, *shape)}" + (f" or {shape}" if self.num_worlds == 1 and shape else "")
        size = ": the camera's images have this size" if name in ("depth", "rgb", "target_mask") else ""
        raise ValueError(f"{name} must have shape {wanted}{size}, not {value.shape}")


@kernel
def _judge(
    worlds: NDArray[np.int64],
    stamp_s: NDArray[np.float64],
    pose: NDArray[np.float64],
    velocity: NDArray[np.float64],
    derive: bool,
    last_stamp_s: NDArray[np.float64],
    last_pose: NDArray[np.float64],
    limits: NDArray[np.float64],
    trouble: NDArray[np.uint8],
) -> None:
    """Mark jumps, and fill in velocities where they are to come from the poses."""
    speed_max, turn_max, slack_m, slack_rad, gap_max_s = limits
    for world in worlds:
        dt_s = stamp_s[world] - last_stamp_s[world]
        if np.isnan(dt_s):
            continue
        x, y = pose[world, 0] - last_pose[world, 0], pose[world, 1] - last_pose[world, 1]
        turn = pose[world, 2] - last_pose[world, 2]
        turn -= 2.0 * np.pi * np.floor(turn / (2.0 * np.pi) + 0.5)
        if np.hypot(x, y) > speed_max * dt_s + slack_m or abs(turn) > turn_max * dt_s + slack_rad:
            trouble[world] = POSE_JUMPED
            continue
        if dt_s > gap_max_s and trouble[world] == NO_TROUBLE:
            trouble[world] = STAMP_JUMPED
        if derive:
            heading = last_pose[world, 2] + 0.5 * turn
            velocity[world, 0] = (np.cos(heading) * x + np.sin(heading) * y) / dt_s
            velocity[world, 1] = turn / dt_s
