"""What the scripted trackers read of the structure-aware state."""

import numpy as np

from agents.agent import Observation, Percept
from rspt.perception.state import VECTOR_TIMES_S, entry_of
from rspt.perception.window import EgoWindow

_WINDOW = EgoWindow()


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
        target=np.where(known[:, None], entry_of(vector, "target_position"), np.nan),
        seen=known & (entry_of(vector, "target_seen")[..., 0] > 0.5),
        age_s=entry_of(vector, "target_age")[..., 0],
        predicted=np.where(known[:, None, None], predicted, np.nan),
        times_s=np.array(VECTOR_TIMES_S),
        velocity=entry_of(vector, "velocity"),
        limits=np.concatenate(limits, axis=-1),
    )
