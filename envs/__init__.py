"""Cluttered tracking worlds: `RSPT/Track-v0` for Gymnasium, `duel_v0` for PettingZoo, `batch.WorldBatch` beneath."""

import gymnasium

_TRACK = "RSPT/Track-v0"

if _TRACK not in gymnasium.registry:
    gymnasium.register(id=_TRACK, entry_point="envs.track:TrackEnv", vector_entry_point="envs.vector:TrackVectorEnv")
