"""The `goal` policy: walks to random places on the shortest comfortable path, at changing speed."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from envs.settings import Settings
from envs.targets.pace import MetresRange, Pace
from envs.targets.planning import Situation, cells_around, route
from envs.targets.state import GOAL

_DRAWS = 32
_ROUTES = 4
_NOWHERE = np.zeros((0, 2))
_NOBODY = np.zeros((0, 3))


class GoalPolicy(Settings):
    """Goes to one random place after the other; slows down, sidesteps and gives way, and never pushes."""

    name: Literal["goal"] = "goal"
    """The policy's name."""
    distance_m: MetresRange = (4.0, 12.0)
    """Range of the straight distance to the next goal in metres; nearer goals where there is no room."""
    pace: Pace = Pace()
    """How the speed changes."""
    patience_s: float = Field(2.0, ge=0.2, le=60.0)
    """Seconds without progress after which another goal is chosen."""

    def write(self, mover: Any, *, dt_s: float) -> None:
        """Copy the settings into a mover's record."""
        mover["kind"] = GOAL
        mover["patience"] = round(self.patience_s / dt_s)
        self.pace.write(mover, dt_s=dt_s)


def plan_goal(
    policy: GoalPolicy, situation: Situation, rng: np.random.Generator, *, away_from_others: bool = False
) -> NDArray[np.float64]:
    """Waypoints (K, 2) in metres from the grid's corner to a random place; (0, 2) if none was reached this time.

    Args:
        policy: the settings.
        situation: where the mover is.
        rng: the world's generator.
        away_from_others: whether the route keeps out of the surroundings of the other movers.
    """
    numbers = rng.random((_DRAWS, 2))
    start = situation.start_cell()
    if start[0] < 0:
        return _NOWHERE
    avoid = situation.discs_of_others() if away_from_others else _NOBODY
    near_m, far_m = policy.distance_m
    cells = cells_around(situation.space.region, start[0], start[1], near_m, far_m, numbers)
    for cell in cells[:_ROUTES]:
        waypoints = route(situation, start, cell, avoid=avoid)
        if len(waypoints) > 1:
            return waypoints
    return _NOWHERE
