"""The motion of all bodies of a batch: uniform in the open, PyBullet's wherever something can be touched."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.approach import OUT_OF_REACH, needed_substeps
from envs.episode import Episode
from envs.physics import CONTROL_DT_S, SUBSTEPS_MIN
from envs.robots import wrapped
from envs.sensors.scene import SceneArrays
from envs.targets.state import GridPool
from envs.world import World


class Moved(NamedTuple):
    """Where the bodies of n worlds are after a step, and what they touch.

    Attributes:
        poses: (n, M, 3) x, y in metres and yaw in radians; NaN where the physics broke.
        contact: (n,) the tracker touches clutter.
        contact_target: (n,) the tracker touches the target.
        contact_distractor: (n,) the tracker touches a distractor.
        target_contact: (n,) the target touches clutter or a distractor.
    """

    poses: NDArray[np.float64]
    contact: NDArray[np.bool_]
    contact_target: NDArray[np.bool_]
    contact_distractor: NDArray[np.bool_]
    target_contact: NDArray[np.bool_]


class Motion:
    """Moves the bodies of W worlds.

    Between contacts a driven body moves uniformly for a step, which needs no engine: a world whose bodies cannot touch
    anything within the step is moved by its twists, exactly. As soon as something comes within reach the engine gets
    the bodies where they are and steps them, at 80 Hz at least.

    Args:
        worlds: one for each world.
        always: step the engine in the open too; the motion is the same but for rounding, on which
            a contact may hang.
        shown: put the bodies into the engine in any case, for cameras or a window that look into it.

    Attributes:
        current: the world that is being handled.
    """

    def __init__(self, worlds: Sequence[World], *, always: bool, shown: bool) -> None:
        self._worlds = worlds
        self._always, self._shown = always, shown
        self._engaged = np.zeros(len(worlds), dtype=np.bool_)
        self.current = 0

    def begin(self, world: int, episode: Episode) -> None:
        """Build a world's next episode."""
        self._worlds[world].begin(episode)
        self._engaged[world] = True

    def advance(
        self,
        which: NDArray[np.int64],
        poses: NDArray[np.float64],
        twists: NDArray[np.float64],
        grids: GridPool,
        scene: SceneArrays,
    ) -> Moved:
        """Move the bodies of the given worlds for one control step.

        Args:
            which: (n,) worlds.
            poses: (W, M, 3) where the bodies are, x, y in metres and yaw in radians.
            twists: (W, M, 3) velocity x, y in m/s and turn rate in rad/s, in the world.
            grids: clearance of every world.
            scene: prisms of every world.
        """
        substeps = needed_substeps(which, grids.clearance, grids.shape, grids.origin, poses, twists, scene)
        if self._always:
            substeps = np.maximum(substeps, SUBSTEPS_MIN)
        moved = poses[which] + CONTROL_DT_S * twists[which]
        touched = np.zeros((4, len(which)), dtype=np.bool_)
        within_reach = np.flatnonzero(substeps != OUT_OF_REACH)
        for row in within_reach.tolist():
            world = int(which[row])
            self.current = world
            moved[row], touched[:, row] = self._step(world, poses[world], twists[world], int(substeps[row]))
        moved[..., 2] = wrapped(moved[..., 2])
        self._engaged[which] = substeps != OUT_OF_REACH
        if self._shown:
            for row in np.flatnonzero(substeps == OUT_OF_REACH).tolist():
                self._worlds[int(which[row])].physics.place(moved[row])
        return Moved(moved, *touched)

    def _step(
        self, world: int, poses: NDArray[np.float64], twists: NDArray[np.float64], substeps: int
    ) -> tuple[NDArray[np.float64], tuple[bool, bool, bool, bool]]:
        """The engine's step: poses (M, 3) and contacts."""
        if not self._engaged[world]:
            self._worlds[world].physics.place(poses)
        states, tracker, target = self._worlds[world].advance(twists.tolist(), substeps)
        state = np.array(states)
        if not np.isfinite(state).all():
            state[:] = np.nan
        moved = np.stack([state[:, 0], state[:, 1], 2.0 * np.arctan2(state[:, 5], state[:, 6])], axis=1)
        contacts = (
            tracker.clutter,
            1 in tracker.movers,
            any(mover > 1 for mover in tracker.movers),
            target.clutter or any(mover > 1 for mover in target.movers),
        )
        return moved, contacts
