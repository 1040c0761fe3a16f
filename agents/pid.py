"""Trackers without a map: at random, and proportional followers."""

import numpy as np
from numpy.typing import NDArray

from agents.agent import DISTANCE_M, Observation, Reader, View, actions_of
from agents.drive import DT_S

_GIVEN_UP_S = 4.0
"""Unseen for longer, in seconds, a target is not where it was expected to go."""


class Random:
    """Actions drawn anew in each step.

    Args:
        seed: of the draws.
    """

    privileged = False

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._worlds = 0

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Begin new episodes in the worlds (B,)."""
        self._worlds = len(which)

    def act(self, observation: Observation, view: View | None = None) -> NDArray[np.float64]:
        """Actions (B, 2)."""
        return self._rng.uniform(-1.0, 1.0, (self._worlds, 2))


class Pid:
    """A proportional follower: faces the target, keeps its distance, and looks for a target that it lost.

    It knows no map. When the target is missing it turns to where it was seen last, then keeps turning the same way; or,
    if it expects, it drives to where the target should be now, for four seconds.

    Args:
        read: reads the observation.
        expects: whether it steers to the predicted position of a target that it does not see.
        distance_m: the distance to keep in metres.
    """

    privileged = False
    distance_gain = 1.5
    turn_gain = 3.0
    search_radps = 1.0

    def __init__(self, read: Reader, *, expects: bool = False, distance_m: float = DISTANCE_M) -> None:
        self._read, self._expects, self._distance_m = read, expects, distance_m
        self._bearing = np.zeros(0)
        self._side = np.ones(0)

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Forget where the target of the worlds (B,) was seen."""
        if len(self._bearing) != len(which):
            self._bearing, self._side = np.zeros(len(which)), np.ones(len(which))
        self._bearing[which], self._side[which] = 0.0, 1.0

    def act(self, observation: Observation, view: View | None = None) -> NDArray[np.float64]:
        """Actions (B, 2).

        Raises:
            ValueError: if the number of worlds is not that of the last `reset`.
        """
        percept = self._read(observation)
        if len(percept.target) != len(self._bearing):
            raise ValueError(
                f"the observation holds {len(percept.target)} worlds, reset was told of {len(self._bearing)}"
            )
        known = percept.seen | (self._expects & (percept.age_s <= _GIVEN_UP_S) & np.isfinite(percept.target[:, 0]))
        target = np.where(known[:, None], percept.target, 0.0)
        distance = np.hypot(target[:, 0], target[:, 1])
        bearing = np.where(known, np.arctan2(target[:, 1], target[:, 0]), self._remembered(percept.velocity))
        self._bearing = bearing
        self._side = np.where(known & (bearing != 0.0), np.sign(bearing), self._side)

        speed = self.distance_gain * (np.where(known, distance, self._distance_m) - self._distance_m)
        speed = np.where(speed > 0.0, speed * np.maximum(np.cos(bearing), 0.0), speed)
        turn = self.turn_gain * bearing
        turn = np.where(known | (np.abs(turn) > self.search_radps), turn, self.search_radps * self._side)
        return actions_of(np.stack([speed, turn], axis=1), percept.limits)

    def _remembered(self, velocity: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where the target was seen last, as the own turning has moved it since; 0 once it was faced."""
        turned = self._bearing - velocity[:, 1] * DT_S
        remembered: NDArray[np.float64] = np.where(np.sign(turned) == np.sign(self._bearing), turned, 0.0)
        return remembered
