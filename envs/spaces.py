"""Observation and action spaces of both players."""

from typing import Any, Literal

import numpy as np
from gymnasium import spaces

from envs.actions import DISCRETE7
from envs.arrays import observation_fields
from envs.target_view import TARGET_FIELDS
from envs.world_settings import WorldSettings

ActionKind = Literal["continuous", "discrete7"]
_POSITION_LIMIT_M = 1.0e5
_ANGLE_LIMIT_RAD = 3.1416  # π, and room for its rounding to float32
_SPEED_LIMIT_MPS, _TURN_LIMIT_RADPS = 20.0, 40.0  # above what the fault detector lets pass


def tracker_observation_space(settings: WorldSettings) -> spaces.Dict:
    """Depth, target mask, odometry, and colours if asked for; every bound is finite."""
    limits: dict[str, tuple[Any, Any]] = {
        "depth": (0.0, settings.camera.range_max_m),
        "target_mask": (0, 1),
        "pose": (
            np.array([-_POSITION_LIMIT_M, -_POSITION_LIMIT_M, -_ANGLE_LIMIT_RAD], dtype=np.float32),
            np.array([_POSITION_LIMIT_M, _POSITION_LIMIT_M, _ANGLE_LIMIT_RAD], dtype=np.float32),
        ),
        "velocity": (
            np.array([-_SPEED_LIMIT_MPS, -_TURN_LIMIT_RADPS], dtype=np.float32),
            np.array([_SPEED_LIMIT_MPS, _TURN_LIMIT_RADPS], dtype=np.float32),
        ),
        "rgb": (0, 255),
    }
    fields = observation_fields(settings)
    return spaces.Dict(
        {name: spaces.Box(*limits[name], shape=shape, dtype=dtype) for name, (shape, dtype) in fields.items()}  # type: ignore[arg-type]
    )


def target_observation_space() -> spaces.Dict:
    """The target's privileged view, see `envs.target_view`."""
    return spaces.Dict(
        {
            name: spaces.Box(field.low, field.high, shape=field.shape, dtype=field.dtype)  # type: ignore[arg-type]
            for name, field in TARGET_FIELDS.items()
        }
    )


def action_space(kind: ActionKind) -> spaces.Box | spaces.Discrete:
    """Forward speed and turn rate in [-1, 1], or the literature's seven choices.

    Raises:
        ValueError: for another kind.
    """
    if kind == "continuous":
        return spaces.Box(-1.0, 1.0, shape=(2,), dtype=np.float32)
    if kind == "discrete7":
        return spaces.Discrete(len(DISCRETE7))
    raise ValueError(f"action must be 'continuous' or 'discrete7', got {kind!r}")
