"""What is true of a world after a step, measured once and read by reward, end of episode, info and metrics alike."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.robots import wrapped

VISIBLE_SHARE_MIN = 0.1
"""From this share of its sample points on, the target counts as visible."""


class Status(NamedTuple):
    """The truth about W worlds; the true poses live here and never reach the tracker.

    Attributes:
        poses: (W, M, 3) x, y in metres and yaw in radians of tracker, target, distractors in the world.
        velocities: (W, M, 2) forward speed in m/s and turn rate in rad/s, as moved.
        distance_m: (W,) between the axes of tracker and target.
        bearing_rad: (W,) of the target, left of the tracker's heading is positive.
        visible_share: (W,) share of the target's sample points that the camera could see.
        visible: (W,) visible_share is at least VISIBLE_SHARE_MIN.
        hidden_steps: (W,) consecutive steps, this one included, in which it was not visible.
        room_m: (W,) between the tracker's body and the nearest clutter, read off a grid of 0.1 m; at most 0.75.
        contact: (W,) the tracker touches clutter.
        contact_target: (W,) the tracker touches the target.
        contact_distractor: (W,) the tracker touches a distractor.
        target_contact: (W,) the target touches clutter or a distractor.
        fault: (W,) index into `envs.faults.FAULTS`.
    """

    poses: NDArray[np.float64]
    velocities: NDArray[np.float64]
    distance_m: NDArray[np.float64]
    bearing_rad: NDArray[np.float64]
    visible_share: NDArray[np.float64]
    visible: NDArray[np.bool_]
    hidden_steps: NDArray[np.int64]
    room_m: NDArray[np.float64]
    contact: NDArray[np.bool_]
    contact_target: NDArray[np.bool_]
    contact_distractor: NDArray[np.bool_]
    target_contact: NDArray[np.bool_]
    fault: NDArray[np.int64]

    @classmethod
    def zeros(cls, num_worlds: int, num_movers: int) -> "Status":
        """The status of worlds before their first reset."""

        def flags() -> NDArray[np.bool_]:
            return np.zeros(num_worlds, dtype=np.bool_)

        return cls(
            poses=np.zeros((num_worlds, num_movers, 3)),
            velocities=np.zeros((num_worlds, num_movers, 2)),
            distance_m=np.zeros(num_worlds),
            bearing_rad=np.zeros(num_worlds),
            visible_share=np.zeros(num_worlds),
            visible=flags(),
            hidden_steps=np.zeros(num_worlds, dtype=np.int64),
            room_m=np.full(num_worlds, np.inf),
            contact=flags(),
            contact_target=flags(),
            contact_distractor=flags(),
            target_contact=flags(),
            fault=np.zeros(num_worlds, dtype=np.int64),
        )

    def relate(self, which: NDArray[np.int64]) -> None:
        """Measure distance and bearing of the target in the given worlds from the poses."""
        tracker, target = self.poses[which, 0], self.poses[which, 1]
        offset = target[:, :2] - tracker[:, :2]
        self.distance_m[which] = np.hypot(offset[:, 0], offset[:, 1])
        self.bearing_rad[which] = wrapped(np.arctan2(offset[:, 1], offset[:, 0]) - tracker[:, 2])

    def see(self, which: NDArray[np.int64], visible_share: NDArray[np.float64]) -> None:
        """Record the visible shares (n,) of the given worlds and count the steps without sight."""
        visible = visible_share >= VISIBLE_SHARE_MIN
        self.visible_share[which] = visible_share
        self.visible[which] = visible
        self.hidden_steps[which] = np.where(visible, 0, self.hidden_steps[which] + 1)
