"""The bodies that drive: limits, and how an action becomes a motion."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from envs.settings import Settings


class RobotSettings(Settings):
    """What a differential drive can do."""

    speed_max_mps: float = Field(2.0, gt=0.0, le=5.0)
    """Greatest forward speed in m/s."""
    reverse_max_mps: float = Field(0.5, ge=0.0, le=5.0)
    """Greatest backward speed in m/s."""
    turn_max_radps: float = Field(2.0, gt=0.0, le=10.0)
    """Greatest turn rate in rad/s."""
    acceleration_mps2: float = Field(4.0, gt=0.0, le=50.0)
    """Greatest change of speed in m/s²."""
    turn_acceleration_radps2: float = Field(8.0, gt=0.0, le=200.0)
    """Greatest change of the turn rate in rad/s²."""


TARGET = RobotSettings(
    speed_max_mps=1.4,
    reverse_max_mps=0.5,
    turn_max_radps=2.5,
    acceleration_mps2=4.0,
    turn_acceleration_radps2=16.0,
)
"""A person walks at most 1.4 m/s here and turns on the spot faster than a robot."""


class Limits(NamedTuple):
    """Limits of many bodies, every field (W, M): m/s, m/s, rad/s, m/s², rad/s²."""

    speed_max: NDArray[np.float64]
    reverse_max: NDArray[np.float64]
    turn_max: NDArray[np.float64]
    acceleration: NDArray[np.float64]
    turn_acceleration: NDArray[np.float64]

    @classmethod
    def zeros(cls, shape: tuple[int, int]) -> "Limits":
        """Bodies that cannot move."""
        return cls(*(np.zeros(shape) for _ in cls._fields))

    def set(self, where: tuple[int, int], robot: RobotSettings) -> None:
        """Give one body its limits."""
        self.speed_max[where] = robot.speed_max_mps
        self.reverse_max[where] = robot.reverse_max_mps
        self.turn_max[where] = robot.turn_max_radps
        self.acceleration[where] = robot.acceleration_mps2
        self.turn_acceleration[where] = robot.turn_acceleration_radps2


def commanded_velocities(
    actions: NDArray[np.float64], velocities: NDArray[np.float64], limits: Limits, *, dt_s: float
) -> NDArray[np.float64]:
    """The velocities that the drives reach within a control step.

    Args:
        actions: (W, M, 2) in [-1, 1], forward speed and turn rate.
        velocities: (W, M, 2) measured now, m/s and rad/s.
        limits: of each body.
        dt_s: length of the step in seconds.

    Returns:
        (W, M, 2) m/s and rad/s.
    """
    forward = actions[..., 0]
    speed = np.where(forward >= 0, forward * limits.speed_max, forward * limits.reverse_max)
    wanted = np.stack([speed, actions[..., 1] * limits.turn_max], axis=-1)
    reach = np.stack([limits.acceleration, limits.turn_acceleration], axis=-1) * dt_s
    commanded: NDArray[np.float64] = velocities + np.clip(wanted - velocities, -reach, reach)
    return commanded


def twists(poses: NDArray[np.float64], commanded: NDArray[np.float64], *, dt_s: float) -> NDArray[np.float64]:
    """World velocities (W, M, 3) x, y, turn rate that lead to the end of the arc that the drive follows.

    A body that turns while it drives moves along an arc; the chord has the heading of its middle and is shorter by
    the factor sin(a)/a with half the turned angle a.
    """
    half_turn = 0.5 * dt_s * commanded[..., 1]
    heading = poses[..., 2] + half_turn
    speed = commanded[..., 0] * np.sinc(half_turn / np.pi)
    return np.stack([speed * np.cos(heading), speed * np.sin(heading), commanded[..., 1]], axis=-1)


def measured_velocities(before: NDArray[np.float64], after: NDArray[np.float64], *, dt_s: float) -> NDArray[np.float64]:
    """Forward speed and turn rate (W, M, 2) of the motion from one pose (W, M, 3) to the next, contacts included."""
    turn = wrapped(after[..., 2] - before[..., 2])
    heading = before[..., 2] + 0.5 * turn
    moved = after[..., :2] - before[..., :2]
    chord = moved[..., 0] * np.cos(heading) + moved[..., 1] * np.sin(heading)
    return np.stack([chord / np.sinc(0.5 * turn / np.pi), turn], axis=-1) / dt_s


def wrapped(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles in radians brought into (-π, π]."""
    result: NDArray[np.float64] = np.pi - np.mod(np.pi - angle, 2.0 * np.pi)
    return result
