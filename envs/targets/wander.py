"""The `wander` policy: a smooth random walk that turns away from walls."""

from typing import Any, Literal

from envs.settings import Settings
from envs.targets.pace import Pace
from envs.targets.state import WANDER


class WanderPolicy(Settings):
    """Drifts left and right without a goal; turns away before it touches a wall."""

    name: Literal["wander"] = "wander"
    """The policy's name."""
    pace: Pace = Pace()
    """How the speed changes."""

    def write(self, mover: Any, *, dt_s: float) -> None:
        """Copy the settings into a mover's record."""
        mover["kind"] = WANDER
        self.pace.write(mover, dt_s=dt_s)
