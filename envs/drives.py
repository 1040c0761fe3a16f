"""What becomes of actions on their way to the wheels: latency, wheel gain, limits of speed and acceleration."""

import numpy as np
from numpy.typing import NDArray

from envs.episode import Episode
from envs.robots import Limits, commanded_velocities, twists


class Drives:
    """The drives of M bodies in W worlds.

    Attributes:
        limits: of every body; the tracker's hold its wheel gain.
        actions: (W, M, 2) carried out in this step.
    """

    def __init__(self, num_worlds: int, num_movers: int, *, latency_max_steps: int, dt_s: float) -> None:
        self.limits = Limits.zeros((num_worlds, num_movers))
        self.actions = np.zeros((num_worlds, num_movers, 2))
        self._late = np.zeros((num_worlds, latency_max_steps + 1, 2))
        self._latency = np.zeros(num_worlds, dtype=np.int64)
        self._dt_s = dt_s

    def begin(self, world: int, episode: Episode) -> None:
        """Take over the bodies of a new episode; no action is under way."""
        for mover, robot in enumerate(episode.robots):
            self.limits.set((world, mover), robot)
        for limit in (self.limits.speed_max, self.limits.reverse_max, self.limits.turn_max):
            limit[world, 0] *= episode.wheel_gain
        self._latency[world] = episode.latency_steps
        self._late[world] = 0.0

    def take(self, tracker: NDArray[np.float64], others: NDArray[np.float64], which: NDArray[np.int64]) -> None:
        """Accept the actions of a step in the given worlds.

        Args:
            tracker: (W, 2) actions chosen now; those of `latency_steps` ago are carried out.
            others: (W, M - 1, 2) actions of target and distractors.
            which: (n,) worlds.
        """
        late = self._late
        late[which, 1:] = late[which, :-1]
        late[which, 0] = tracker[which]
        self.actions[which, 0] = late[which, self._latency[which]]
        self.actions[which, 1:] = others[which]

    def under_way(self) -> list[NDArray[np.float64]]:
        """The tracker's actions (L, 2) of each world that are still to be carried out, the next one first; copies."""
        return [self._late[world, :steps][::-1].copy() for world, steps in enumerate(self._latency)]

    def twists(self, poses: NDArray[np.float64], velocities: NDArray[np.float64]) -> NDArray[np.float64]:
        """World velocities (W, M, 3) x, y in m/s and turn rate in rad/s for this step's actions.

        Args:
            poses: (W, M, 3) x, y in metres, yaw in radians.
            velocities: (W, M, 2) forward m/s, turn rad/s, as moved.
        """
        commanded = commanded_velocities(self.actions, velocities, self.limits, dt_s=self._dt_s)
        return twists(poses, commanded, dt_s=self._dt_s)
