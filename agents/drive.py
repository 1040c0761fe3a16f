"""How the robot drives, and how others are expected to move, step by step."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.grids import clearance_at
from agents.jit import kernel, uncounted_kernel

DT_S = 0.1
STEPS = 16
"""So many steps ahead a planner looks."""


class Body(NamedTuple):
    """What the robot can do, and the camera that it carries.

    Attributes:
        speed_max_mps: greatest forward speed in m/s.
        reverse_max_mps: greatest backward speed in m/s.
        turn_max_radps: greatest turn rate in rad/s.
        acceleration_mps2: greatest change of speed in m/s².
        turn_acceleration_radps2: greatest change of the turn rate in rad/s².
        radius_m: radius of the round body in metres.
        view_half_rad: half of the horizontal field of view in radians.
        range_m: range of the camera in metres.
    """

    speed_max_mps: float = 2.0
    reverse_max_mps: float = 0.5
    turn_max_radps: float = 2.0
    acceleration_mps2: float = 4.0
    turn_acceleration_radps2: float = 8.0
    radius_m: float = 0.25
    view_half_rad: float = float(np.pi / 4)
    range_m: float = 8.0


@kernel
def predicted(
    poses: NDArray[np.float64],
    velocities: NDArray[np.float64],
    clearance: NDArray[np.float32],
    origin: NDArray[np.float64],
    cell_m: float,
    radius_m: float,
    late: int,
    turn_kept: float,
) -> NDArray[np.float64]:
    """Positions (M, STEPS + 1, 2) of movers that keep their speed, until the map stops them.

    The first one is that after `late` steps. Of their turn rate they keep the share `turn_kept` from step to step.
    """
    positions = np.empty((len(poses), STEPS + 1, 2))
    for mover in range(len(poses)):
        x, y, yaw = poses[mover, 0], poses[mover, 1], poses[mover, 2]
        speed, turn = velocities[mover, 0], velocities[mover, 1]
        if late == 0:
            positions[mover, 0, 0], positions[mover, 0, 1] = x, y
        for step in range(1, late + STEPS + 1):
            turn *= turn_kept
            yaw += turn * DT_S
            to_x, to_y = x + speed * DT_S * np.cos(yaw), y + speed * DT_S * np.sin(yaw)
            if clearance_at(clearance, origin, cell_m, to_x, to_y) >= radius_m:
                x, y = to_x, to_y
            if step >= late:
                positions[mover, step - late, 0], positions[mover, step - late, 1] = x, y
    return positions


@kernel
def driven(
    pose: NDArray[np.float64], velocity: NDArray[np.float64], actions: NDArray[np.float64], body: Body
) -> NDArray[np.float64]:
    """x, y, yaw, speed and turn rate (5,) after actions (L, 2) in [-1, 1], one step each."""
    after = np.empty(5)
    after[:3], after[3:] = pose, velocity
    for step in range(len(actions)):
        forward = actions[step, 0] * (body.speed_max_mps if actions[step, 0] >= 0.0 else body.reverse_max_mps)
        after[0], after[1], after[2], after[3], after[4] = moved(
            body, after[0], after[1], after[2], after[3], after[4], forward, actions[step, 1] * body.turn_max_radps
        )
    return after


@uncounted_kernel
def moved(
    body: Body, x: float, y: float, yaw: float, speed: float, turn: float, wanted: float, wanted_turn: float
) -> tuple[float, float, float, float, float]:
    """Where the drive is after a step."""
    reach, turn_reach = body.acceleration_mps2 * DT_S, body.turn_acceleration_radps2 * DT_S
    speed += min(max(wanted - speed, -reach), reach)
    turn += min(max(wanted_turn - turn, -turn_reach), turn_reach)
    middle = yaw + 0.5 * turn * DT_S
    return x + speed * DT_S * np.cos(middle), y + speed * DT_S * np.sin(middle), yaw + turn * DT_S, speed, turn


@uncounted_kernel
def wrapped(angle: float) -> float:
    """The angle in [-π, π)."""
    return float(angle - 2.0 * np.pi * np.floor((angle + np.pi) / (2.0 * np.pi)))
