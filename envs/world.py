"""One world: the bodies of one episode after another in the physics engine."""

from collections.abc import Sequence

from envs.episode import Episode
from envs.layouts.free_space import BODY_RADIUS_M
from envs.physics import Contacts, MoverShape, Physics

TRACKER_HEIGHT_M, TARGET_HEIGHT_M = 1.2, 1.7
_TRACKER_MASS_KG, _TARGET_MASS_KG = 30.0, 70.0


class World:
    """The bodies of one world.

    Args:
        gui: open PyBullet's window.
        visuals: build what PyBullet's camera sees.
    """

    def __init__(self, *, gui: bool = False, visuals: bool = False) -> None:
        self.physics = Physics(gui=gui, visuals=visuals)

    def begin(self, episode: Episode) -> None:
        """Build an episode's layout and put its movers in their places."""
        others = len(episode.poses) - 1
        heights = [TRACKER_HEIGHT_M] + [TARGET_HEIGHT_M] * others
        masses = [_TRACKER_MASS_KG] + [_TARGET_MASS_KG] * others
        shapes = [
            MoverShape(BODY_RADIUS_M, height, mass, int(look))
            for height, mass, look in zip(heights, masses, episode.looks, strict=True)
        ]
        self.physics.build(episode.place.layout, shapes)
        self.physics.place(episode.poses)

    def advance(
        self, twists: Sequence[Sequence[float]], substeps: int
    ) -> tuple[list[tuple[float, ...]], Contacts, Contacts]:
        """Move for one control step.

        Args:
            twists: for each mover velocity x, y in m/s and turn rate in rad/s, in the world.
            substeps: physics steps to take.

        Returns:
            For each mover position x, y, z and orientation x, y, z, w; and the contacts of tracker and target.
        """
        states = self.physics.advance(twists, substeps=substeps)
        return states, self.physics.contacts(0), self.physics.contacts(1)

    def close(self) -> None:
        """Give the engine's client back."""
        self.physics.close()
