"""The plain follower: what a planner's commands are compared with, and how its rollouts end."""

import numpy as np

from agents.drive import DT_S, Body, wrapped
from agents.grids import clearance_at
from agents.jit import uncounted_kernel
from agents.scene import Scene

_TURN_GAIN = 5.0
_DISTANCE_GAIN = 2.0
_TURN_BRAKE = 1.5
"""The follower turns so fast that it could stop with 4/3 of what the motors give: 2 would be all they give."""
_NEAR_ENOUGH_M = 0.2
"""Who sees a target no more than this beyond the wanted distance need not come nearer."""
TIGHT_M = 0.06
"""Room in metres beside the body that counts as contact, for the interpolation of the grid is not exact."""


@uncounted_kernel
def follow(
    scene: Scene,
    body: Body,
    x: float,
    y: float,
    yaw: float,
    step: int,
    leg: int,
    distance_m: float,
    is_open: bool,
    room_behind_m: float,
) -> tuple[float, float]:
    """The plain follower: turn to what it heads for, and drive at the speed that closes the gap.

    A target in sight and near enough is faced, whatever stands beside the way to it.
    """
    target = scene.movers[0]
    near = is_open and np.hypot(target[step, 0] - x, target[step, 1] - y) < distance_m + _NEAR_ENOUGH_M
    if not scene.is_direct and not near:
        to_x, to_y = scene.route[leg, 0] - x, scene.route[leg, 1] - y
        bearing = wrapped(np.arctan2(to_y, to_x) - yaw)
        speed = body.speed_max_mps * max(np.cos(bearing), 0.0) ** 6
        return _braked(scene, body, x, y, yaw, speed), min(
            max(_TURN_GAIN * bearing, -body.turn_max_radps), body.turn_max_radps
        )
    to_x, to_y = target[step, 0] - x, target[step, 1] - y
    gap = np.hypot(to_x, to_y)
    bearing = wrapped(np.arctan2(to_y, to_x) - yaw)
    after = min(step + 1, len(target) - 1)
    run_x, run_y = target[after, 0] - target[after - 1, 0], target[after, 1] - target[after - 1, 1]
    escaping = (run_x * to_x + run_y * to_y) / max(gap, 1e-6) / DT_S
    speed = escaping + _DISTANCE_GAIN * (gap - distance_m)
    if speed > 0.0:
        speed *= max(np.cos(bearing), 0.0) ** 2
    speed = _braked(scene, body, x, y, yaw, min(max(speed, -body.reverse_max_mps), body.speed_max_mps))
    if speed < 0.0 and room_behind_m < 0.5 * speed * speed / body.acceleration_mps2 - speed * DT_S:
        speed = 0.0
    # face the place where the target will be after this step, from where the robot will be, and go on turning with it
    next_x, next_y = x + speed * DT_S * np.cos(yaw), y + speed * DT_S * np.sin(yaw)
    error = wrapped(np.arctan2(target[after, 1] - next_y, target[after, 0] - next_x) - yaw)
    most = np.sqrt(_TURN_BRAKE * body.turn_acceleration_radps2 * abs(error))
    turn = min(max(error / DT_S, -most), most)
    return speed, min(max(turn, -body.turn_max_radps), body.turn_max_radps)


@uncounted_kernel
def _braked(scene: Scene, body: Body, x: float, y: float, yaw: float, speed: float) -> float:
    """Turn on the spot rather than swing into what stands within the braking distance.

    Nor does it back off into what is closer than is comfortable: where rollouts end so, driving forward looks good.
    """
    brake_m = np.sign(speed) * (0.5 * speed * speed / body.acceleration_mps2 + 0.1)
    to_x, to_y = x + brake_m * np.cos(yaw), y + brake_m * np.sin(yaw)
    room_m = clearance_at(scene.clearance, scene.origin, scene.cell_m, to_x, to_y) - body.radius_m
    if room_m < TIGHT_M:
        return 0.0
    if speed < 0.0 and room_m < scene.comfort.room_m:
        here_m = clearance_at(scene.clearance, scene.origin, scene.cell_m, x, y) - body.radius_m
        return 0.0 if room_m < here_m else speed
    return speed
