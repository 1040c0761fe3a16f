"""One step of the privileged planner: try many commands in a model of the drive, take the one that ends up best."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.drive import DT_S, STEPS, Body, moved, wrapped
from agents.follower import TIGHT_M, follow
from agents.grids import clearance_at, sees
from agents.jit import kernel, uncounted_kernel
from agents.scene import Scene

_COMMAND_STEPS = 3
"""How many steps a tried command lasts before the plain follower takes over."""
SPEEDS, TURNS = 7, 9
"""Commands that are tried: so many speeds times so many turn rates."""
_REFINEMENTS = 2
"""So often the grid is made finer around the best command: who learns from the planner learns no steps then."""
_DISCOUNT = 0.97
_WAY_LEFT_COST = 20.0
"""Cost at the end of a rollout of a way that is still longer than the distance to keep, by as much as that."""
_METRES_PER_RADIAN = 0.75
"""How much way, in metres, is lost by turning one radian on the spot."""
_REACHED_M = 0.35
_SHORT_M = 0.05
"""Pieces of a route that are shorter than this have no direction."""
_BLIND_M, _BLIND_COST, _BLIND_SLOPE = 0.02, 2.0, 20.0
"""Backing off so many metres farther than anybody has looked costs so much, and each metre so much more."""
_BODIES_M = 0.5
"""Distance of the centres, in metres, at which two bodies touch."""


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
    x, y, target = pose[0], pose[1], scene.movers[0]
    is_open = sees(scene.opaque, scene.origin, scene.cell_m, x, y, target[0, 0], target[0, 1])
    best = follow(scene, body, x, y, pose[2], 0, 0, distance_m, is_open, scene.room_behind_m)
    beyond_m = 0.0
    for passed in range(len(scene.route) - 1):
        beyond_m += _beyond(scene.route, passed, pose)
    best_cost = _rollout_cost(scene, body, pose, velocity, distance_m, is_open, beyond_m, 0.0, 0.0, 0, np.inf)
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
        cost = _rollout_cost(
            scene, body, pose, velocity, distance_m, is_open, beyond_m, speed, turn, _COMMAND_STEPS, enough
        )
        regrets[i // TURNS, i % TURNS] = cost
        if cost < best_cost:
            best, best_cost = (speed, turn), cost
    for _ in range(_REFINEMENTS):
        speed_step, turn_step = 0.5 * speed_step, 0.5 * turn_step
        middle = best
        for i in range(9):
            speed, turn = middle[0] + speed_step * (i // 3 - 1), middle[1] + turn_step * (i % 3 - 1)
            speed, turn = min(max(speed, slowest), fastest), min(max(turn, right), left)
            cost = _rollout_cost(
                scene, body, pose, velocity, distance_m, is_open, beyond_m, speed, turn, _COMMAND_STEPS, best_cost
            )
            if cost < best_cost:
                best, best_cost = (speed, turn), cost
    for i in range(SPEEDS):
        for k in range(TURNS):
            regrets[i, k] = min(regrets[i, k] - best_cost, regret_max)
    return Judged(best[0], best[1], slowest, fastest, right, left, regrets)


@uncounted_kernel
def _rollout_cost(
    scene: Scene,
    body: Body,
    pose: NDArray[np.float64],
    velocity: NDArray[np.float64],
    distance_m: float,
    is_open: bool,
    beyond_m: float,
    speed_held: float,
    turn_held: float,
    held: int,
    give_up_at: float,
) -> float:
    """Discounted cost of holding a command for `held` steps and following then.

    It is not finished above `give_up_at`. The way beyond the first point of the route, `beyond_m`, is the same for all.
    """
    x, y, yaw, speed, turn = pose[0], pose[1], pose[2], velocity[0], velocity[1]
    total, weight = 0.0, 1.0
    target, leg = scene.movers[0], 0
    back_m = 0.0
    for step in range(STEPS):
        wanted, wanted_turn = speed_held, turn_held
        if step >= held:
            wanted, wanted_turn = follow(
                scene, body, x, y, yaw, step, leg, distance_m, is_open, scene.room_behind_m - back_m
            )
        x, y, yaw, speed, turn = moved(body, x, y, yaw, speed, turn, wanted, wanted_turn)
        if step % 2 == 1:  # the line of sight is the dear part, and changes slowly
            is_open = sees(scene.opaque, scene.origin, scene.cell_m, x, y, target[step + 1, 0], target[step + 1, 1])
        way_m = np.hypot(scene.route[leg, 0] - x, scene.route[leg, 1] - y)
        if leg + 1 < len(scene.route) and way_m < _REACHED_M:
            beyond_m -= _beyond(scene.route, leg, pose)
            leg += 1
            way_m = np.hypot(scene.route[leg, 0] - x, scene.route[leg, 1] - y)
        way_m += beyond_m
        total += weight * _state_cost(scene, body, x, y, yaw, step + 1, distance_m, way_m, is_open)
        total += weight * _contact_cost(scene, body, x, y, step + 1)
        back_m = np.cos(pose[2]) * (pose[0] - x) + np.sin(pose[2]) * (pose[1] - y)
        if back_m > max(scene.room_behind_m, 0.0) + _BLIND_M:
            total += weight * (_BLIND_COST + _BLIND_SLOPE * (back_m - max(scene.room_behind_m, 0.0)))
        if total >= give_up_at:
            return total
        weight *= _DISCOUNT
    if not scene.is_direct:
        way_m = max(way_m - distance_m, 0.0)
        if not is_open:
            to_x, to_y = scene.route[leg, 0] - x, scene.route[leg, 1] - y
            way_m += _METRES_PER_RADIAN * abs(wrapped(np.arctan2(to_y, to_x) - yaw))
        total += _WAY_LEFT_COST * way_m / distance_m
    return total


@uncounted_kernel
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
    off = abs(wrapped(np.arctan2(to_y, to_x) - yaw)) / body.view_half_rad
    error = abs(distance - distance_m) / distance_m
    if not scene.is_direct and (distance > distance_m or not is_open):
        error = max(way_m - distance_m, 0.0) / distance_m
    if not is_open:
        # the target's own bearing means nothing here: what counts is to come around the corner
        return float(scene.hidden_cost + error)
    hidden = 1.0 if off > 0.95 or distance > body.range_m - 0.5 else 0.0
    return float(error + off + hidden)


@uncounted_kernel
def _contact_cost(scene: Scene, body: Body, x: float, y: float, step: int) -> float:
    """A gentle slope near what a body could touch, and a steep one where it would."""
    free = clearance_at(scene.clearance, scene.origin, scene.cell_m, x, y) - body.radius_m
    cost = 0.0
    if free < TIGHT_M:
        cost += 20.0 + 400.0 * (TIGHT_M - free)
    elif free < scene.comfort.room_m:
        cost += scene.comfort.slope * (scene.comfort.room_m - free)
    for i in range(len(scene.movers)):
        apart = np.hypot(scene.movers[i, step, 0] - x, scene.movers[i, step, 1] - y) - _BODIES_M
        if apart < 0.1:
            cost += 10.0 + 100.0 * (0.1 - apart)
        elif apart < 0.4:
            cost += 2.0 * (0.4 - apart)
    return cost


@uncounted_kernel
def _beyond(route: NDArray[np.float64], passed: int, pose: NDArray[np.float64]) -> float:
    """Way in metres from a point of the route to the next one, and what the corner there costs.

    A corner counts as long as it is ahead: else it would pay to wait in front of it.
    """
    ahead_x, ahead_y = route[passed + 1, 0] - route[passed, 0], route[passed + 1, 1] - route[passed, 1]
    before_x, before_y = pose[0], pose[1]
    if passed > 0:
        before_x, before_y = route[passed - 1, 0], route[passed - 1, 1]
    to_x, to_y = route[passed, 0] - before_x, route[passed, 1] - before_y
    length = float(np.hypot(ahead_x, ahead_y))
    if length < _SHORT_M or np.hypot(to_x, to_y) < _SHORT_M:
        return length
    corner = abs(wrapped(np.arctan2(ahead_y, ahead_x) - np.arctan2(to_y, to_x)))
    return length + _METRES_PER_RADIAN * corner
