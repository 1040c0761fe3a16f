"""One step of the privileged planner: try many commands in a model of the drive, take the one that ends up best."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.grids import clearance_at, sees
from agents.jit import kernel

DT_S = 0.1
STEPS = 16
_COMMAND_STEPS = 3
"""How many steps a tried command lasts before the plain follower takes over."""
SPEEDS, TURNS = 7, 9
"""Commands that are tried: so many speeds times so many turn rates."""
_REFINEMENTS = 2
"""So often the grid is made finer around the best command: who learns from the planner learns no steps then."""
_TURN_GAIN = 5.0
_DISTANCE_GAIN = 2.0
_TURN_BRAKE = 1.5
"""The follower turns so fast that it could stop with 4/3 of what the motors give: 2 would be all they give."""
_DISCOUNT = 0.97
_HIDDEN_COST = 3.0
_WAY_LEFT_COST = 8.0
"""Cost at the end of a rollout of a way that is still as long as the distance to keep."""
_METRES_PER_RADIAN = 0.75
"""How much way, in metres, is lost by turning one radian on the spot."""
_REACHED_M = 0.35
_TIGHT_M = 0.06
"""Room in metres beside the body that counts as contact, for the interpolation of the grid is not exact."""
_BLIND_M, _BLIND_COST, _BLIND_SLOPE = 0.02, 2.0, 20.0
"""Backing off so many metres farther than anybody has looked costs so much, and each metre so much more."""
_BODIES_M = 0.5
"""Distance of the centres, in metres, at which two bodies touch."""


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


class Comfort(NamedTuple):
    """How dear it is to pass obstacles closely.

    Attributes:
        room_m: room in metres beside the body that costs nothing.
        slope: cost of each metre less.
    """

    room_m: float = 0.35
    slope: float = 3.0


class Scene(NamedTuple):
    """The truth around one robot, and where it heads for.

    Attributes:
        clearance: (H, W) metres to the nearest obstacle.
        opaque: (H, W) 1 where the sight is blocked.
        origin: (2,) x and y in metres of the grids' lower left corner.
        cell_m: edge of a cell in metres.
        movers: (M, STEPS + 1, 2) predicted positions of the target (first) and of the distractors.
        route: (K, 2) points to drive to one after the other; not used if the way is direct.
        is_direct: whether the target is in sight and the way to it is straight.
        room_behind_m: so far straight back nothing stands in the way; farther nobody has looked.
        comfort: how dear it is to pass obstacles closely.
    """

    clearance: NDArray[np.float32]
    opaque: NDArray[np.uint8]
    origin: NDArray[np.float64]
    cell_m: float
    movers: NDArray[np.float64]
    route: NDArray[np.float64]
    is_direct: bool
    room_behind_m: float = np.inf
    comfort: Comfort = Comfort()


class Judged(NamedTuple):
    """Commands of a moment, compared.

    Attributes:
        speed_mps: of the best.
        turn_radps: likewise.
        slowest_mps: first of the speeds that were tried, spaced evenly.
        fastest_mps: last of them.
        right_radps: first of the turn rates, likewise.
        left_radps: last of them.
        regrets: (SPEEDS, TURNS) how much more each costs than the best, at most what was asked for.
    """

    speed_mps: float
    turn_radps: float
    slowest_mps: float
    fastest_mps: float
    right_radps: float
    left_radps: float
    regrets: NDArray[np.float64]


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
        after[0], after[1], after[2], after[3], after[4] = _moved(
            body, after[0], after[1], after[2], after[3], after[4], forward, actions[step, 1] * body.turn_max_radps
        )
    return after


@kernel
def _moved(
    body: Body, x: float, y: float, yaw: float, speed: float, turn: float, wanted: float, wanted_turn: float
) -> tuple[float, float, float, float, float]:
    """Where the drive is after a step."""
    reach, turn_reach = body.acceleration_mps2 * DT_S, body.turn_acceleration_radps2 * DT_S
    speed += min(max(wanted - speed, -reach), reach)
    turn += min(max(wanted_turn - turn, -turn_reach), turn_reach)
    middle = yaw + 0.5 * turn * DT_S
    return x + speed * DT_S * np.cos(middle), y + speed * DT_S * np.sin(middle), yaw + turn * DT_S, speed, turn


@kernel
def best_command(
    scene: Scene, body: Body, pose: NDArray[np.float64], velocity: NDArray[np.float64], distance_m: float
) -> tuple[float, float]:
    """The speed in m/s and turn rate in rad/s to command now."""
    judged = judged_commands(scene, body, pose, velocity, distance_m, 0.0)
    return judged.speed_mps, judged.turn_radps


@kernel
def judged_commands(
    scene: Scene,
    body: Body,
    pose: NDArray[np.float64],
    velocity: NDArray[np.float64],
    distance_m: float,
    regret_max: float,
) -> Judged:
    """The best command, and how much worse the others are.

    The plain follower competes with a grid of commands that are held for a moment before it takes over.
    """
    best = _follow(scene, body, pose[0], pose[1], pose[2], 0, 0, distance_m)
    best_cost = _rollout_cost(scene, body, pose, velocity, distance_m, 0.0, 0.0, 0, np.inf)
    reach, turn_reach = (
        body.acceleration_mps2 * DT_S * _COMMAND_STEPS,
        body.turn_acceleration_radps2 * DT_S * _COMMAND_STEPS,
    )
    slowest, fastest = max(velocity[0] - reach, -body.reverse_max_mps), min(velocity[0] + reach, body.speed_max_mps)
    right = max(velocity[1] - turn_reach, -body.turn_max_radps)
    left = min(velocity[1] + turn_reach, body.turn_max_radps)
    speed_step, turn_step = (fastest - slowest) / (SPEEDS - 1), (left - right) / (TURNS - 1)
    regrets = np.empty((SPEEDS, TURNS))
    for i in range(SPEEDS * TURNS):
        speed, turn = slowest + speed_step * (i // TURNS), right + turn_step * (i % TURNS)
        enough = best_cost + regret_max
        cost = _rollout_cost(scene, body, pose, velocity, distance_m, speed, turn, _COMMAND_STEPS, enough)
        regrets[i // TURNS, i % TURNS] = cost
        if cost < best_cost:
            best, best_cost = (speed, turn), cost
    for _ in range(_REFINEMENTS):
        speed_step, turn_step = 0.5 * speed_step, 0.5 * turn_step
        middle = best
        for i in range(9):
            speed, turn = middle[0] + speed_step * (i // 3 - 1), middle[1] + turn_step * (i % 3 - 1)
            speed, turn = min(max(speed, slowest), fastest), min(max(turn, right), left)
            cost = _rollout_cost(scene, body, pose, velocity, distance_m, speed, turn, _COMMAND_STEPS, best_cost)
            if cost < best_cost:
                best, best_cost = (speed, turn), cost
    for i in range(SPEEDS):
        for k in range(TURNS):
            regrets[i, k] = min(regrets[i, k] - best_cost, regret_max)
    return Judged(best[0], best[1], slowest, fastest, right, left, regrets)


@kernel
def _follow(
    scene: Scene, body: Body, x: float, y: float, yaw: float, step: int, leg: int, distance_m: float
) -> tuple[float, float]:
    """The plain follower: turn to what it heads for, and drive at the speed that closes the gap."""
    target = scene.movers[0]
    if not scene.is_direct:
        to_x, to_y = scene.route[leg, 0] - x, scene.route[leg, 1] - y
        bearing = _wrapped(np.arctan2(to_y, to_x) - yaw)
        speed = body.speed_max_mps * max(np.cos(bearing), 0.0) ** 6
        return _braked(scene, body, x, y, yaw, speed), min(
            max(_TURN_GAIN * bearing, -body.turn_max_radps), body.turn_max_radps
        )
    to_x, to_y = target[step, 0] - x, target[step, 1] - y
    gap = np.hypot(to_x, to_y)
    bearing = _wrapped(np.arctan2(to_y, to_x) - yaw)
    after = min(step + 1, len(target) - 1)
    run_x, run_y = target[after, 0] - target[after - 1, 0], target[after, 1] - target[after - 1, 1]
    escaping = (run_x * to_x + run_y * to_y) / max(gap, 1e-6) / DT_S
    speed = escaping + _DISTANCE_GAIN * (gap - distance_m)
    if speed > 0.0:
        speed *= max(np.cos(bearing), 0.0) ** 2
        speed = _braked(scene, body, x, y, yaw, speed)
    speed = min(max(speed, -body.reverse_max_mps), body.speed_max_mps)
    # face the place where the target will be after this step, from where the robot will be, and go on turning with it
    next_x, next_y = x + speed * DT_S * np.cos(yaw), y + speed * DT_S * np.sin(yaw)
    error = _wrapped(np.arctan2(target[after, 1] - next_y, target[after, 0] - next_x) - yaw)
    most = np.sqrt(_TURN_BRAKE * body.turn_acceleration_radps2 * abs(error))
    turn = min(max(error / DT_S, -most), most)
    return speed, min(max(turn, -body.turn_max_radps), body.turn_max_radps)


@kernel
def _braked(scene: Scene, body: Body, x: float, y: float, yaw: float, speed: float) -> float:
    """Turn on the spot rather than swing into what stands within the braking distance."""
    brake_m = 0.5 * speed * speed / body.acceleration_mps2 + 0.1
    to_x, to_y = x + brake_m * np.cos(yaw), y + brake_m * np.sin(yaw)
    if clearance_at(scene.clearance, scene.origin, scene.cell_m, to_x, to_y) < body.radius_m + _TIGHT_M:
        return 0.0
    return speed


@kernel
def _rollout_cost(
    scene: Scene,
    body: Body,
    pose: NDArray[np.float64],
    velocity: NDArray[np.float64],
    distance_m: float,
    speed_held: float,
    turn_held: float,
    held: int,
    give_up_at: float,
) -> float:
    """Discounted cost of holding a command for `held` steps and following then; not finished above `give_up_at`."""
    x, y, yaw, speed, turn = pose[0], pose[1], pose[2], velocity[0], velocity[1]
    total, weight, is_open = 0.0, 1.0, True
    target, leg = scene.movers[0], 0
    behind_m = _length(scene.route)
    for step in range(STEPS):
        wanted, wanted_turn = speed_held, turn_held
        if step >= held:
            wanted, wanted_turn = _follow(scene, body, x, y, yaw, step, leg, distance_m)
        x, y, yaw, speed, turn = _moved(body, x, y, yaw, speed, turn, wanted, wanted_turn)
        if step % 2 == 1:  # the line of sight is the dear part, and changes slowly
            is_open = sees(scene.opaque, scene.origin, scene.cell_m, x, y, target[step + 1, 0], target[step + 1, 1])
        way_m = np.hypot(scene.route[leg, 0] - x, scene.route[leg, 1] - y)
        if leg + 1 < len(scene.route) and way_m < _REACHED_M:
            leg += 1
            behind_m -= np.hypot(
                scene.route[leg, 0] - scene.route[leg - 1, 0], scene.route[leg, 1] - scene.route[leg - 1, 1]
            )
            way_m = np.hypot(scene.route[leg, 0] - x, scene.route[leg, 1] - y)
        way_m += behind_m
        total += weight * _state_cost(scene, body, x, y, yaw, step + 1, distance_m, way_m, is_open)
        total += weight * _contact_cost(scene, body, x, y, step + 1)
        back_m = np.cos(pose[2]) * (pose[0] - x) + np.sin(pose[2]) * (pose[1] - y)
        if back_m > max(scene.room_behind_m, 0.0) + _BLIND_M:
            total += weight * (_BLIND_COST + _BLIND_SLOPE * (back_m - max(scene.room_behind_m, 0.0)))
        if total >= give_up_at:
            return total
        weight *= _DISCOUNT
    if not scene.is_direct:
        if not is_open:
            to_x, to_y = scene.route[leg, 0] - x, scene.route[leg, 1] - y
            way_m += _METRES_PER_RADIAN * abs(_wrapped(np.arctan2(to_y, to_x) - yaw))
        total += _WAY_LEFT_COST * way_m / distance_m
    return total


@kernel
def _state_cost(
    scene: Scene,
    body: Body,
    x: float,
    y: float,
    yaw: float,
    step: int,
    distance_m: float,
    way_m: float,
    is_open: bool,
) -> float:
    """What is missing to the best tracking: distance, bearing, and sight."""
    to_x, to_y = scene.movers[0, step, 0] - x, scene.movers[0, step, 1] - y
    distance = np.hypot(to_x, to_y)
    off = abs(_wrapped(np.arctan2(to_y, to_x) - yaw)) / body.view_half_rad
    error = abs(distance - distance_m) / distance_m
    if not scene.is_direct and (distance > distance_m or not is_open):
        error = max(way_m - distance_m, 0.0) / distance_m
    if not is_open:
        # the target's own bearing means nothing here: what counts is to come around the corner
        return float(_HIDDEN_COST + error)
    hidden = 1.0 if off > 0.95 or distance > body.range_m - 0.5 else 0.0
    return float(error + off + hidden)


@kernel
def _contact_cost(scene: Scene, body: Body, x: float, y: float, step: int) -> float:
    """Steep where a body would touch, and a gentle slope before."""
    free = clearance_at(scene.clearance, scene.origin, scene.cell_m, x, y) - body.radius_m
    cost = 0.0
    if free < _TIGHT_M:
        cost += 20.0 + 400.0 * (_TIGHT_M - free)
    elif free < scene.comfort.room_m:
        cost += scene.comfort.slope * (scene.comfort.room_m - free)
    for i in range(len(scene.movers)):
        apart = np.hypot(scene.movers[i, step, 0] - x, scene.movers[i, step, 1] - y) - _BODIES_M
        if apart < 0.1:
            cost += 10.0 + 100.0 * (0.1 - apart)
        elif apart < 0.4:
            cost += 2.0 * (0.4 - apart)
    return cost


@kernel
def _length(route: NDArray[np.float64]) -> float:
    total = 0.0
    for i in range(len(route) - 1):
        total += np.hypot(route[i + 1, 0] - route[i, 0], route[i + 1, 1] - route[i, 1])
    return total


@kernel
def _wrapped(angle: float) -> float:
    return float(angle - 2.0 * np.pi * np.floor((angle + np.pi) / (2.0 * np.pi)))
