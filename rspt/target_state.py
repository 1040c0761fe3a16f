"""What a learning target acts on: the true map around it, the tracker, and whether it is seen."""

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.batch import PrivilegedView
from envs.target_view import MAP_CELLS, target_observations

TARGET_NUMBERS = 12
"""Numbers beside the map: the tracker's place (over 4 m), the cosine and sine of its heading, its speed and turn rate
(over 2), the own speed and turn rate (over 2), the tracker's action in this step, the visible share, and for how long
the target has been hidden (over 50 steps)."""
_PLACE_M, _MOTION, _HIDDEN_STEPS = 4.0, 2.0, 50.0


def target_state_space() -> spaces.Dict:
    """The space of `target_states`."""
    return spaces.Dict(
        {
            "map": spaces.Box(0.0, 1.0, (1, MAP_CELLS, MAP_CELLS), np.float32),
            "vector": spaces.Box(-5.0, 5.0, (TARGET_NUMBERS,), np.float32),
        }
    )


def target_states(
    view: PrivilegedView, tracker_actions: NDArray[Any], visible_share: NDArray[Any], hidden_steps: NDArray[Any]
) -> dict[str, NDArray[np.float32]]:
    """`map` (W, 1, G, G), 1 where an obstacle blocks the way, and `vector` (W, 12) of the targets.

    Args:
        view: the truth.
        tracker_actions: (W, 2) that the trackers have chosen for this step.
        visible_share: (W,) of the target.
        hidden_steps: (W,) since it was visible.
    """
    seen = target_observations(view, tracker_actions)
    vector = np.concatenate(
        [
            seen["tracker"][:, :2] / _PLACE_M,
            seen["tracker"][:, 2:4],
            seen["tracker"][:, 4:6] / _MOTION,
            seen["velocity"] / _MOTION,
            seen["tracker_action"],
            np.asarray(visible_share, dtype=np.float32)[:, None],
            np.asarray(hidden_steps, dtype=np.float32)[:, None] / _HIDDEN_STEPS,
        ],
        axis=1,
    )
    return {
        "map": seen["map"][:, None].astype(np.float32),
        "vector": np.clip(vector, -5.0, 5.0).astype(np.float32),
    }
