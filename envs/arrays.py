"""The arrays that a step of many worlds is written into: allocated once, in own or in shared memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from envs.rewards import TargetWeights, TrackerWeights
from envs.sensors.frame import SensorFrame
from envs.status import Status
from envs.world_settings import WorldSettings

Array = NDArray[Any]
Field = tuple[tuple[int, ...], DTypeLike]
_ALIGNMENT = 64

STATUS_INFO = (
    "distance_m",
    "bearing_rad",
    "visible_share",
    "visible",
    "hidden_steps",
    "room_m",
    "contact",
    "contact_target",
    "contact_distractor",
    "target_contact",
    "fault",
)
"""Entries of `info` that are the Status's."""
COUNTERS: dict[str, DTypeLike] = {
    "faults": np.int64,
    "deadlocked_steps": np.int64,
    "step": np.int64,
    "episode_seed": np.int64,
    "layout_seed": np.int64,
}
"""Further entries of `info`: faults since the world was made, steps of this episode in which the target was deadlocked,
number of the step, seeds that repeat the episode and its layout."""
BODY = ("speed_max_mps", "turn_max_radps", "hfov_deg", "camera_height_m")
"""What an episode draws of the tracker's body and what a robot knows of its own: limits of an action, camera."""


@dataclass(frozen=True)
class StepArrays:
    """Everything that a step of W worlds yields; the batch overwrites it in the next step.

    Attributes:
        observation: by key, (W, ...).
        final_observation: the observation before a reset in the same step; empty in the other autoreset modes.
        info: by key, (W,).
        final_info: likewise.
        reward: (W,) of the tracker.
        target_reward: (W,).
        terminated: (W,) the target is lost.
        truncated: (W,) time is up, or a fault.
        restarted: (W,) the world was reset by this step.
        status: the truth.
        body: by the names in BODY, (W,): the tracker's of the present episode.
        final_poses: (W, M, 3) the true poses before a reset in the same step; None in the other autoreset modes.
        final_velocities: (W, M, 2) likewise.
    """

    observation: dict[str, Array]
    final_observation: dict[str, Array]
    info: dict[str, Array]
    final_info: dict[str, Array]
    reward: NDArray[np.float64]
    target_reward: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    restarted: NDArray[np.bool_]
    status: Status
    body: dict[str, NDArray[np.float64]]
    final_poses: NDArray[np.float64] | None
    final_velocities: NDArray[np.float64] | None

    @property
    def frame(self) -> SensorFrame:
        """The observation as a record."""
        return SensorFrame(**{name: self.observation.get(name) for name in SensorFrame._fields})  # type: ignore[arg-type]

    @property
    def done(self) -> NDArray[np.bool_]:
        """(W,) whether the episode ended with this step."""
        return self.terminated | self.truncated


def observation_fields(settings: WorldSettings) -> dict[str, Field]:
    """Shape without the world's axis and type of each entry of the observation."""
    size = (settings.camera.height, settings.camera.width)
    fields: dict[str, Field] = {
        "depth": (size, np.float32),
        "target_mask": (size, np.uint8),
        "pose": ((3,), np.float32),
        "velocity": ((2,), np.float32),
    }
    if settings.rgb:
        fields["rgb"] = ((*size, 3), np.uint8)
    return fields


def step_fields(settings: WorldSettings, *, final: bool) -> dict[str, Field]:
    """Every array of a StepArrays by path, `info/distance_m` for instance."""
    observation = observation_fields(settings)
    status = Status.zeros(1, settings.num_movers)
    info: dict[str, Field] = {name: ((), getattr(status, name).dtype) for name in STATUS_INFO}
    info.update({name: ((), dtype) for name, dtype in COUNTERS.items()})
    info.update({f"reward/{name}": ((), np.float64) for name in TrackerWeights.model_fields})
    info.update({f"target_reward/{name}": ((), np.float64) for name in TargetWeights.model_fields})
    fields: dict[str, Field] = {f"observation/{name}": field for name, field in observation.items()}
    fields.update({f"info/{name}": field for name, field in info.items()})
    if final:
        fields.update({f"final_observation/{name}": field for name, field in observation.items()})
        fields.update({f"final_info/{name}": field for name, field in info.items()})
        for name in ("poses", "velocities"):
            fields[f"final_{name}"] = (getattr(status, name).shape[1:], np.float64)
    fields.update(dict.fromkeys(("reward", "target_reward"), ((), np.float64)))
    fields.update(dict.fromkeys(("terminated", "truncated", "restarted"), ((), np.bool_)))
    fields.update({f"body/{name}": ((), np.float64) for name in BODY})
    for name in ("poses", "velocities"):
        value = getattr(status, name)
        fields[f"status/{name}"] = (value.shape[1:], value.dtype)
    return fields


def allocate(fields: Mapping[str, Field], num_worlds: int, buffer: memoryview | None = None) -> dict[str, Array]:
    """Arrays (W, ...) of zeros, one after another in the buffer if one is given."""
    arrays, offset = {}, 0
    for name, (shape, dtype) in fields.items():
        if buffer is None:
            arrays[name] = np.zeros((num_worlds, *shape), dtype=dtype)
        else:
            arrays[name] = np.ndarray((num_worlds, *shape), dtype=dtype, buffer=buffer, offset=offset)
            offset += _padded(arrays[name].nbytes)
    return arrays


def size_of(fields: Mapping[str, Field], num_worlds: int) -> int:
    """Bytes of the buffer that `allocate` needs."""
    return sum(_padded(num_worlds * int(np.prod(s, dtype=int)) * np.dtype(d).itemsize) for s, d in fields.values())


def assembled(arrays: Mapping[str, Array]) -> StepArrays:
    """The record over the arrays of `step_fields`; arrays of the status that `info` has too are the same memory."""

    def group(prefix: str) -> dict[str, Array]:
        return {name.split("/", 1)[1]: array for name, array in arrays.items() if name.startswith(f"{prefix}/")}

    info, status = group("info"), group("status")
    return StepArrays(
        observation=group("observation"),
        final_observation=group("final_observation"),
        info=info,
        final_info=group("final_info"),
        status=Status(**{name: status.get(name, info.get(name)) for name in Status._fields}),  # type: ignore[arg-type]
        body=group("body"),
        final_poses=arrays.get("final_poses"),
        final_velocities=arrays.get("final_velocities"),
        **{name: arrays[name] for name in ("reward", "target_reward", "terminated", "truncated", "restarted")},
    )


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
