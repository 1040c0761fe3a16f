"""The target over time: a filtered position and velocity, and where it was seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rspt.perception.frame import Expectation, to_ego
from rspt.perception.jit import kernel
from rspt.perception.localization import Localization

SEARCHING, TRACKING, LOST = range(3)
"""Never seen yet; seen in the present frame; seen before, but not now."""
_RING = 128
_SPACING_MIN_S = 0.05
"""Frames that come faster share an entry of the ring, so that it reaches back for 4 s at any rate."""
_MERGES_S = 1e-6  # a rate of exactly 20 Hz keeps all of its frames, whatever the rounding of the stamps


@dataclass(frozen=True)
class TrackSettings:
    """How the target is believed to move, and how well it is seen."""

    process_noise: float = 1.0
    """Spectral density of the white acceleration in m^2/s^3."""
    measurement_std_m: float = 0.05
    """Standard deviation of a sighting's position per axis in metres."""
    speed_std_mps: float = 1.0
    """Standard deviation of the velocity per axis in m/s before it is known."""
    speed_max_mps: float = 3.0
    """No target is believed to be faster, in m/s."""
    gate_m: float = 0.5
    """A sighting may be so far from the expectation, in metres, and three standard deviations more."""
    confirm_after_s: float = 0.25
    """A target that was unseen for longer, in seconds, and turns up farther than `gate_m` from where it should be must
    be seen there in two frames on end: detectors see things for a moment that are not there."""
    forget_after_s: float = 5.0
    """Unseen for so long, in seconds, the target may be anywhere."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be positive and finite, not {value!r}")


class Track:
    """Follows the target of B worlds through the odometry frame with a constant-velocity Kalman filter.

    Position and velocity along x and y share one covariance, since the noise is the same in all directions: white
    acceleration in continuous time (Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking and
    Navigation, 2001, section 6.2.2).

    Args:
        num_worlds: B.
        settings: of the filter.

    Attributes:
        position: (B, 2) metres in the odometry frame; coasts while the target is unseen, NaN before it was seen.
        velocity: (B, 2) m/s likewise.
        covariance: (B, 3) variance of the position, covariance of position and velocity, variance of the velocity.
        status: (B,) SEARCHING, TRACKING or LOST.
        age_s: (B,) seconds since the target was seen; infinite before.
        confidence: (B,) of the last sighting.
        stamps: (B, L) ring buffer: seconds of each entry, NaN where it is empty.
        seen: (B, L) whether the target was seen then.
        positions: (B, L, 2) where, in the odometry frame; NaN where it was not seen.
        head: (B,) index of the latest entry.
    """

    def __init__(self, num_worlds: int, settings: TrackSettings | None = None) -> None:
        self.settings = settings or TrackSettings()
        self.position = np.full((num_worlds, 2), np.nan)
        self.velocity = np.full((num_worlds, 2), np.nan)
        self.covariance = np.zeros((num_worlds, 3))
        self.status = np.zeros(num_worlds, dtype=np.uint8)
        self.age_s = np.full(num_worlds, np.inf)
        self.confidence = np.zeros(num_worlds)
        self.stamps = np.full((num_worlds, _RING), np.nan)
        self.seen = np.zeros((num_worlds, _RING), dtype=np.bool_)
        self.positions = np.full((num_worlds, _RING, 2), np.nan)
        self.head = np.zeros(num_worlds, dtype=np.int64)
        self._stamp_s = np.full(num_worlds, np.nan)
        self._doubtful = np.full((num_worlds, 3), np.nan)
        self._accepted = np.zeros(num_worlds, dtype=np.bool_)
        values = vars(self.settings)
        self._numbers = np.array([values[name] for name in TrackSettings.__dataclass_fields__])

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Forget the targets of the given worlds (n,)."""
        for array in (self.position, self.velocity, self.stamps, self.positions, self._stamp_s, self._doubtful):
            array[worlds] = np.nan
        for array in (self.covariance, self.status, self.seen, self.confidence, self.head):
            array[worlds] = 0
        self.age_s[worlds] = np.inf

    def advance(self, worlds: NDArray[np.int64], stamp_s: NDArray[np.float64]) -> None:
        """Let the targets of the given worlds coast to the time stamps (B,)."""
        _advance(
            worlds, stamp_s, self._stamp_s, self.position, self.velocity, self.covariance, self.age_s, self._numbers
        )

    def observe(
        self,
        worlds: NDArray[np.int64],
        stamp_s: NDArray[np.float64],
        pose: NDArray[np.float64],
        localization: Localization,
    ) -> None:
        """Take in what was localised at the stamps (B,) from the poses (B, 3), after `advance` to the same stamps."""
        _observe(
            worlds,
            stamp_s,
            pose,
            localization.position_ego,
            localization.found,
            localization.confidence,
            self.position,
            self.velocity,
            self.covariance,
            self.status,
            self.age_s,
            self.confidence,
            self._doubtful,
            self._accepted,
            self._numbers,
        )
        _remember(
            worlds,
            stamp_s,
            pose,
            localization.position_ego,
            self._accepted,
            self.stamps,
            self.seen,
            self.positions,
            self.head,
        )

    def expectation(self, pose: NDArray[np.float64]) -> Expectation:
        """Where the targets should be, seen from the poses (B, 3), after `advance`."""
        position = to_ego(self.position, pose)
        position[self.age_s > self.settings.forget_after_s] = np.nan
        return Expectation(position, self.settings.gate_m + 3.0 * np.sqrt(self.covariance[:, 0]))

    def history(
        self, worlds: NDArray[np.int64], times_ago_s: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Where the targets were seen some seconds before the latest frame.

        Args:
            worlds: (n,).
            times_ago_s: (T,) increasing and evenly spaced; an entry counts within half of the spacing.

        Returns:
            Positions (n, T, 2) in the odometry frame, NaN where unseen, and whether each was seen (n, T).
        """
        spacing = times_ago_s[1] - times_ago_s[0] if len(times_ago_s) > 1 else 2 * _SPACING_MIN_S
        positions = np.full((len(worlds), len(times_ago_s), 2), np.nan)
        seen = np.zeros((len(worlds), len(times_ago_s)), dtype=np.bool_)
        _recall(worlds, times_ago_s, 0.5 * spacing, self.stamps, self.seen, self.positions, self.head, positions, seen)
        return positions, seen


_PROCESS, _MEASUREMENT, _SPEED_STD, _SPEED_MAX, _GATE, _CONFIRM_AFTER = range(6)


@kernel
def coast(covariance: NDArray[np.float64], dt_s: float, process_noise: float) -> tuple[float, float, float]:
    """The covariance (3,) after dt seconds without a sighting."""
    p, c, v = covariance[0], covariance[1], covariance[2]
    q = process_noise
    return (
        p + 2.0 * dt_s * c + dt_s * dt_s * v + q * dt_s**3 / 3.0,
        c + dt_s * v + q * dt_s * dt_s / 2.0,
        v + q * dt_s,
    )


@kernel
def _advance(
    worlds: NDArray[np.int64],
    stamp_s: NDArray[np.float64],
    last_s: NDArray[np.float64],
    position: NDArray[np.float64],
    velocity: NDArray[np.float64],
    covariance: NDArray[np.float64],
    age_s: NDArray[np.float64],
    numbers: NDArray[np.float64],
) -> None:
    for world in worlds:
        dt_s = stamp_s[world] - last_s[world]
        last_s[world] = stamp_s[world]
        if not dt_s > 0.0 or np.isnan(position[world, 0]):
            continue
        for axis in range(2):
            position[world, axis] += dt_s * velocity[world, axis]
        p, c, v = coast(covariance[world], dt_s, numbers[_PROCESS])
        covariance[world, 0], covariance[world, 1], covariance[world, 2] = p, c, v
        age_s[world] += dt_s


@kernel
def _observe(
    worlds: NDArray[np.int64],
    stamp_s: NDArray[np.float64],
    pose: NDArray[np.float64],
    position_ego: NDArray[np.float64],
    found: NDArray[np.bool_],
    found_confidence: NDArray[np.float64],
    position: NDArray[np.float64],
    velocity: NDArray[np.float64],
    covariance: NDArray[np.float64],
    status: NDArray[np.uint8],
    age_s: NDArray[np.float64],
    confidence: NDArray[np.float64],
    doubtful: NDArray[np.float64],
    accepted: NDArray[np.bool_],
    numbers: NDArray[np.float64],
) -> None:
    noise = numbers[_MEASUREMENT] ** 2
    for world in worlds:
        accepted[world] = False
        if not found[world]:
            status[world] = SEARCHING if np.isnan(position[world, 0]) else LOST
            doubtful[world] = np.nan
            continue
        x, y = _placed(pose[world], position_ego[world])
        if status[world] == LOST and age_s[world] > numbers[_CONFIRM_AFTER]:
            off = np.hypot(x - position[world, 0], y - position[world, 1])
            moved = np.hypot(x - doubtful[world, 0], y - doubtful[world, 1])
            within = numbers[_GATE] + numbers[_SPEED_MAX] * (stamp_s[world] - doubtful[world, 2])
            if off > numbers[_GATE] and not moved <= within:  # NaN where nothing was doubtful before
                doubtful[world, 0], doubtful[world, 1], doubtful[world, 2] = x, y, stamp_s[world]
                status[world] = LOST
                continue
        doubtful[world] = np.nan
        accepted[world] = True
        status[world], age_s[world], confidence[world] = TRACKING, 0.0, found_confidence[world]
        if np.isnan(position[world, 0]):
            position[world, 0], position[world, 1] = x, y
            velocity[world] = 0.0
            covariance[world, 0], covariance[world, 1] = noise, 0.0
            covariance[world, 2] = numbers[_SPEED_STD] ** 2
            continue
        p, c, v = covariance[world, 0], covariance[world, 1], covariance[world, 2]
        gain, velocity_gain = p / (p + noise), c / (p + noise)
        off_x, off_y = x - position[world, 0], y - position[world, 1]
        position[world, 0] += gain * off_x
        position[world, 1] += gain * off_y
        velocity[world, 0] += velocity_gain * off_x
        velocity[world, 1] += velocity_gain * off_y
        covariance[world, 0], covariance[world, 1] = (1.0 - gain) * p, (1.0 - gain) * c
        covariance[world, 2] = v - velocity_gain * c
        speed = np.hypot(velocity[world, 0], velocity[world, 1])
        if speed > numbers[_SPEED_MAX]:
            velocity[world] *= numbers[_SPEED_MAX] / speed


@kernel
def _placed(pose: NDArray[np.float64], ego: NDArray[np.float64]) -> tuple[float, float]:
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    return pose[0] + cos * ego[0] - sin * ego[1], pose[1] + sin * ego[0] + cos * ego[1]


@kernel
def _remember(
    worlds: NDArray[np.int64],
    stamp_s: NDArray[np.float64],
    pose: NDArray[np.float64],
    position_ego: NDArray[np.float64],
    found: NDArray[np.bool_],
    stamps: NDArray[np.float64],
    seen: NDArray[np.bool_],
    positions: NDArray[np.float64],
    head: NDArray[np.int64],
) -> None:
    length = stamps.shape[1]
    for world in worlds:
        at = head[world]
        before = (at - 1) % length
        # the latest entry is open until it is so far from the one before; NaN compares false
        merges = stamp_s[world] - stamps[world, before] < _SPACING_MIN_S - _MERGES_S
        if not merges and not np.isnan(stamps[world, at]):
            at = (at + 1) % length
            seen[world, at] = False
            positions[world, at] = np.nan
            head[world] = at
        stamps[world, at] = stamp_s[world]
        if found[world]:
            seen[world, at] = True
            positions[world, at, 0], positions[world, at, 1] = _placed(pose[world], position_ego[world])


@kernel
def _recall(
    worlds: NDArray[np.int64],
    times_ago_s: NDArray[np.float64],
    tolerance_s: float,
    stamps: NDArray[np.float64],
    seen: NDArray[np.bool_],
    positions: NDArray[np.float64],
    head: NDArray[np.int64],
    out: NDArray[np.float64],
    out_seen: NDArray[np.bool_],
) -> None:
    length, slots = stamps.shape[1], len(times_ago_s)
    nearest = np.empty(slots)
    for i in range(len(worlds)):
        world = worlds[i]
        nearest[:] = np.inf
        now = stamps[world, head[world]]
        for back in range(length):
            at = (head[world] - back) % length
            ago = now - stamps[world, at]
            if not ago <= times_ago_s[-1] + tolerance_s:  # NaN ends it too
                break
            slot = int(np.floor((ago - times_ago_s[0]) / (2.0 * tolerance_s) + 0.5))
            if not seen[world, at] or not 0 <= slot < slots or abs(ago - times_ago_s[slot]) >= nearest[slot]:
                continue
            nearest[slot] = abs(ago - times_ago_s[slot])
            out_seen[i, slot] = True
            out[i, slot] = positions[world, at]
