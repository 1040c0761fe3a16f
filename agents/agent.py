"""What every tracker has in common: how it is asked for actions, and what it is told."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.drive import Body

DISTANCE_M = 2.5
"""The distance in metres that a tracker keeps."""

Observation = Mapping[str, NDArray[Any]]
"""An observation of B worlds, each entry with a leading axis B."""


class Space(Protocol):
    """A map as a planner reads it; row is y, column is x."""

    @property
    def origin(self) -> NDArray[np.float64]:
        """(2,) x and y in metres of the lower left corner of cell (0, 0)."""

    @property
    def clearance(self) -> NDArray[np.float32]:
        """(H, W) metres from a cell's centre to the nearest obstacle."""

    @property
    def opaque(self) -> NDArray[np.uint8]:
        """(H, W) 1 where the sight is blocked."""


class View(Protocol):
    """The truth about B worlds; the movers are the tracker, the target, then distractors."""

    @property
    def free_spaces(self) -> Sequence[Space]:
        """B maps."""

    @property
    def poses(self) -> NDArray[np.float64]:
        """(B, M, 3) x, y in metres and yaw in radians."""

    @property
    def velocities(self) -> NDArray[np.float64]:
        """(B, M, 2) forward speed in m/s and turn rate in rad/s."""

    @property
    def limits(self) -> NDArray[np.float64]:
        """(B, 3) of the trackers: speed (m/s) and turn rate (rad/s) of the action 1, horizontal field of view (rad)."""

    @property
    def under_way(self) -> Sequence[NDArray[np.float64]]:
        """B times (L, 2): actions that the tracker will carry out before the next one, in their order."""


class Agent(Protocol):
    """A tracker for B worlds.

    Attributes:
        privileged: whether it acts on the truth, and so cannot be put on a robot.
    """

    privileged: bool

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Begin new episodes in the worlds (B,) that are marked."""

    def act(self, observation: Observation, view: View | None = None) -> NDArray[np.float64]:
        """Actions (B, 2) in [-1, 1]: forward speed and turn rate.

        Args:
            observation: of B worlds.
            view: the truth about them, for a privileged agent; the others do not look at it.
        """


class Percept(NamedTuple):
    """What a scripted tracker reads of the structure-aware state, in the ego frame: x forward, y left, in metres.

    Attributes:
        occupied: (B, G, G) in [0, 1]; row is the way ahead, farthest first, column is from left to right.
        cell_m: edge of a cell in metres.
        behind_m: so far behind the robot the map ends, in metres.
        room_behind_m: (B,) so far the robot can back off over ground that it has seen to be free.
        target: (B, 2) where the target is, or should be while it is unseen; NaN before it was seen.
        seen: (B,) whether it is seen in this frame.
        age_s: (B,) seconds since it was seen.
        predicted: (B, K, 2) where it will be.
        times_s: (K,) in so many seconds.
        velocity: (B, 2) own forward speed in m/s and turn rate in rad/s.
        limits: (B, 3) speed in m/s and turn rate in rad/s of the action 1, horizontal field of view in radians.
    """

    occupied: NDArray[np.float32]
    cell_m: float
    behind_m: float
    room_behind_m: NDArray[np.float64]
    target: NDArray[np.float64]
    seen: NDArray[np.bool_]
    age_s: NDArray[np.float64]
    predicted: NDArray[np.float64]
    times_s: NDArray[np.float64]
    velocity: NDArray[np.float64]
    limits: NDArray[np.float64]


class Reader(Protocol):
    """Reads an observation."""

    def __call__(self, observation: Observation) -> Percept:
        """What the observation says."""


Share = Callable[[Callable[[NDArray[np.int64]], object], NDArray[np.int64]], object]
"""Calls a function with parts of some worlds until all are done, on several threads perhaps."""


def at_once(function: Callable[[NDArray[np.int64]], object], worlds: NDArray[np.int64]) -> None:
    """A `Share` that does all in this thread."""
    function(worlds)


def body_of(limits: NDArray[np.float64]) -> Body:
    """The body of a robot from its limits (3,), see `View.limits`."""
    return Body(speed_max_mps=float(limits[0]), turn_max_radps=float(limits[1]), view_half_rad=0.5 * float(limits[2]))


def actions_of(commands: NDArray[np.float64], limits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Actions (B, 2) in [-1, 1] that ask for speeds in m/s and turn rates in rad/s (B, 2), given limits (B, 3)."""
    forward = np.where(commands[:, 0] >= 0.0, limits[:, 0], Body().reverse_max_mps)
    actions: NDArray[np.float64] = np.clip(commands / np.stack([forward, limits[:, 1]], axis=1), -1.0, 1.0)
    return actions
