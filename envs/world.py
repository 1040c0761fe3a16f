"""One world: the physics of one episode after another, and where its movers end up."""

import math

import numpy as np
from numpy.typing import NDArray

from envs.episode import Episode
from envs.jit import kernel
from envs.layouts.free_space import BODY_RADIUS_M, CELL_M, CLEARANCE_LIMIT_M
from envs.physics import (
    CONTROL_DT_S,
    SUBSTEP_MOTION_M,
    SUBSTEPS_MAX,
    SUBSTEPS_MIN,
    Contacts,
    MoverShape,
    Physics,
)

TRACKER_HEIGHT_M, TARGET_HEIGHT_M = 1.2, 1.7
_TRACKER_MASS_KG, _TARGET_MASS_KG = 30.0, 70.0
_CAUTION_M = 0.12  # cell centres are up to 0.07 m away, and the solver looks ahead a little


class World:
    """The bodies of one world in the physics engine.

    Args:
        gui: open PyBullet's window.
        visuals: build what PyBullet's camera sees.
    """

    def __init__(self, *, gui: bool = False, visuals: bool = False) -> None:
        self.physics = Physics(gui=gui, visuals=visuals)
        self.episode: Episode | None = None

    def begin(self, episode: Episode) -> None:
        """Build an episode's layout and put its movers in their places."""
        heights = [TRACKER_HEIGHT_M] + [TARGET_HEIGHT_M] * (len(episode.poses) - 1)
        masses = [_TRACKER_MASS_KG] + [_TARGET_MASS_KG] * (len(episode.poses) - 1)
        shapes = [
            MoverShape(BODY_RADIUS_M, height, mass, int(look))
            for height, mass, look in zip(heights, masses, episode.looks, strict=True)
        ]
        self.physics.build(episode.place.layout, shapes)
        self.physics.place(episode.poses)
        self.episode = episode

    def advance(
        self, poses: NDArray[np.float64], twists: NDArray[np.float64]
    ) -> tuple[list[tuple[float, ...]], tuple[Contacts, Contacts]]:
        """Move for one control step.

        Args:
            poses: (M, 3) where the movers are.
            twists: (M, 3) velocity x, y in m/s and turn rate in rad/s, in the world.

        Returns:
            For each mover position x, y, z and orientation x, y, z, w; and the contacts of tracker and target.
        """
        assert self.episode is not None
        space = self.episode.place.space
        speed = _approach_speed(space.clearance, space.origin, poses, twists)
        if speed == 0.0:
            return self.physics.advance(twists.tolist(), substeps=SUBSTEPS_MIN), _NOTHING
        substeps = min(max(math.ceil(speed * CONTROL_DT_S / SUBSTEP_MOTION_M), SUBSTEPS_MIN), SUBSTEPS_MAX)
        states = self.physics.advance(twists.tolist(), substeps=substeps)
        return states, (self.physics.contacts(0), self.physics.contacts(1))

    def close(self) -> None:
        """Give the engine's client back."""
        self.physics.close()


_NOTHING = (Contacts(clutter=False, movers=()), Contacts(clutter=False, movers=()))


@kernel
def _approach_speed(
    clearance: NDArray[np.float32], origin: NDArray[np.float64], poses: NDArray[np.float64], twists: NDArray[np.float64]
) -> float:
    """The greatest speed in m/s, never 0, of a mover that may touch something in this step; 0 if none may."""
    rows, columns = clearance.shape
    fastest = 0.0
    for i in range(len(poses)):
        speed = np.hypot(twists[i, 0], twists[i, 1])
        reach = BODY_RADIUS_M + _CAUTION_M + CONTROL_DT_S * speed
        row = int(np.floor((poses[i, 1] - origin[1]) / CELL_M))
        column = int(np.floor((poses[i, 0] - origin[0]) / CELL_M))
        inside = 0 <= row < rows and 0 <= column < columns
        if reach > CLEARANCE_LIMIT_M or not inside or clearance[row, column] < reach:
            fastest = max(fastest, speed, 1e-9)
        for j in range(i):
            closing = np.hypot(twists[i, 0] - twists[j, 0], twists[i, 1] - twists[j, 1])
            apart = np.hypot(poses[i, 0] - poses[j, 0], poses[i, 1] - poses[j, 1])
            if not apart - 2.0 * BODY_RADIUS_M >= _CAUTION_M + CONTROL_DT_S * closing:  # also if not finite
                fastest = max(fastest, closing, 1e-9)
    return fastest
