"""Where scripted targets are going: what their scripts would do next."""

import numpy as np
from numpy.typing import NDArray

from envs.drives import Drives
from envs.physics import CONTROL_DT_S
from envs.robots import commanded_velocities, twists
from envs.status import Status
from envs.targets.movers import ScriptedMovers


def foreseen(
    movers: ScriptedMovers, drives: Drives, status: Status, *, external: NDArray[np.bool_], steps: int
) -> NDArray[np.float64]:
    """The positions (W, S, 2) in metres of the targets after 1 to S control steps.

    The scripts are run ahead on copies, so that nothing of the worlds changes; what they draw at random is what they
    will draw. Nothing is in the targets' way meanwhile: bodies pass through clutter and each other, and trackers and
    targets of a second player keep their velocity for half a second and then stand, since nobody knows their will.

    Args:
        movers: of W worlds.
        drives: limits of all bodies.
        status: where everybody is.
        external: (W,) a second player acts for the target.
        steps: S.
    """
    fork, poses, velocities = movers.fork(), status.poses.copy(), status.velocities.copy()
    active = np.ones(len(poses), dtype=np.bool_)
    unwilled = np.zeros(poses.shape[:2], dtype=np.bool_)
    unwilled[:, 0], unwilled[:, 1] = True, external
    actions, kept = np.zeros_like(drives.actions), velocities[unwilled]
    positions = np.empty((len(poses), steps, 2))
    for step in range(steps):
        actions[:, 1:] = fork.act(poses, velocities, active)
        commanded = commanded_velocities(actions, velocities, drives.limits, dt_s=CONTROL_DT_S)
        commanded[unwilled] = kept if step < _KEEPS_STEPS else 0.0
        poses += CONTROL_DT_S * twists(poses, commanded, dt_s=CONTROL_DT_S)
        velocities = commanded
        positions[:, step] = poses[:, 1, :2]
    return positions


_KEEPS_STEPS = 5
