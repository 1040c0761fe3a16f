"""One world: the physics of one episode after another, and where its movers end up."""

import numpy as np
from numpy.typing import NDArray

from envs.episode import Episode
from envs.jit import kernel
from envs.layouts.free_space import BODY_RADIUS_M, CELL_M, CLEARANCE_LIMIT_M
from envs.physics import CONTROL_DT_S, Contacts, MoverShape, Physics

TRACKER_HEIGHT_M, TARGET_HEIGHT_M = 1.2, 1.7
_TRACKER_MASS_KG, _TARGET_MASS_KG = 30.0, 70.0
_CAUTION_M = 0.12  # cell centres are up to 0.07 m away, and the solver looks 0.05 m ahead


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
        self._near = False

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
        near = _may_touch(space.clearance, space.origin, poses, twists)
        states = self.physics.advance(twists.tolist(), near=near)
        if not near:
            return states, _NOTHING
        return states, (self.physics.contacts(0), self.physics.contacts(1))

    def close(self) -> None:
        """Give the engine's client back."""
        self.physics.close()


_NOTHING = (Contacts(clutter=False, movers=()), Contacts(clutter=False, movers=()))


@kernel
def _may_touch(
    clearance: NDArray[np.float32], origin: NDArray[np.float64], poses: NDArray[np.float64], twists: NDArray[np.float64]
) -> bool:
    """Whether a mover may touch clutter or another mover within one control step."""
    rows, columns = clearance.shape
    for i in range(len(poses)):
        reach = BODY_RADIUS_M + _CAUTION_M + CONTROL_DT_S * np.hypot(twists[i, 0], twists[i, 1])
        row = int(np.floor((poses[i, 1] - origin[1]) / CELL_M))
        column = int(np.floor((poses[i, 0] - origin[0]) / CELL_M))
        if reach > CLEARANCE_LIMIT_M or not (0 <= row < rows and 0 <= column < columns):
            return True
        if clearance[row, column] < reach:
            return True
        for j in range(i):
            gap = np.hypot(poses[i, 0] - poses[j, 0], poses[i, 1] - poses[j, 1]) - BODY_RADIUS_M
            if gap < reach + CONTROL_DT_S * np.hypot(twists[j, 0], twists[j, 1]):
                return True
    return False
