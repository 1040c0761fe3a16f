"""What the scripted trackers read of the structure-aware state."""

import numpy as np
from numpy.typing import NDArray

from agents.agent import Observation, Percept
from rspt.perception.state import VECTOR_TIMES_S, entry_of
from rspt.perception.window import EgoWindow

_WINDOW = EgoWindow()
_FREE = 0.2
"""A cell has been seen to be free from this certainty on."""
_REAR_M = 0.25
"""So far behind its axis the robot ends, in metres."""


def percept_of(observation: Observation) -> Percept:
    """The entries of an observation of B worlds in metres, seconds and radians."""
    vector = observation["vector"]
    known = entry_of(vector, "target_known")[..., 0] > 0.5
    predicted = entry_of(vector, "predicted").reshape(*vector.shape[:-1], len(VECTOR_TIMES_S), 2)
    limits = [entry_of(vector, name) for name in ("speed_max", "turn_max", "hfov")]
    return Percept(
        occupied=observation["map"][:, 0],
        cell_m=_WINDOW.cell_m,
        behind_m=_WINDOW.behind_m,
        room_behind_m=room_behind(observation["map"]),
        target=np.where(known[:, None], entry_of(vector, "target_position"), np.nan),
        seen=known & (entry_of(vector, "target_seen")[..., 0] > 0.5),
        age_s=entry_of(vector, "target_age")[..., 0],
        predicted=np.where(known[:, None, None], predicted, np.nan),
        times_s=np.array(VECTOR_TIMES_S),
        velocity=entry_of(vector, "velocity"),
        limits=np.concatenate(limits, axis=-1),
    )


def room_behind(maps: NDArray[np.float32]) -> NDArray[np.float64]:
    """Metres (B,) that robots can back off over ground that they have seen to be free, by their maps (B, C, G, G)."""
    first = _WINDOW.cells - round(_WINDOW.behind_m / _WINDOW.cell_m)
    middle = _WINDOW.cells // 2
    free = (maps[:, 1, first:, middle - 1 : middle + 1] > _FREE).all(axis=2)
    known_m = _WINDOW.cell_m * np.cumprod(free, axis=1).sum(axis=1)
    room: NDArray[np.float64] = np.maximum(known_m - _REAR_M, 0.0)
    return room
