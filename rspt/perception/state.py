"""The structure-aware state: what every tracker acts on, as a map around the robot and a vector of numbers."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rspt.perception.belief import FAR_M, SECTORS
from rspt.perception.frame import DEPTH_BEYOND_RANGE, DEPTH_INVALID, Frame
from rspt.perception.jit import kernel
from rspt.perception.prediction import Prediction
from rspt.perception.track import TRACKING, Track
from rspt.perception.ways import WAY_M, WAYS

State = dict[str, NDArray[np.float32]]
"""`map` (B, C, G, G) and `vector` (B, D)."""
PAST_S = 3.2
"""Seconds after which a sighting has faded from the map."""
HORIZON_S = 2.4
"""Seconds ahead to which the map shows the prediction."""
VECTOR_TIMES_S = (0.6, 1.2, 2.4)
"""Seconds ahead of the predicted positions in the vector."""
_AGE_MAX_S = 5.0


class Channel(NamedTuple):
    """One channel of the map; each value lies in [0, 1]."""

    name: str
    meaning: str


class Entry(NamedTuple):
    """One entry of the vector.

    Attributes:
        name: of the entry.
        width: numbers that it takes.
        low: least value.
        high: greatest value.
        scale: what 1.0 stands for, in the unit; values beyond are clipped.
        unit: of the scale.
        meaning: in words.
        mirror: what a mirror that swaps left and right does to it: nothing; it turns the sign of every second number;
            or it turns the order round a ring.
    """

    name: str
    width: int
    low: float
    high: float
    scale: float
    unit: str
    meaning: str
    mirror: Literal["same", "second", "ring"] = "same"


MAP_CHANNELS = (
    Channel("occupied", "evidence that something blocks the way: 0 none or unknown, 1 certain"),
    Channel("free", "evidence that nothing does: 0 none or unknown, 1 certain"),
    Channel("past", f"where the target was seen: 1 now, fading to 0 after {PAST_S} s"),
    Channel("future", "how probably the target will pass: the weight of the mode, less where the spread is wide"),
    Channel("arrival", f"the same times the nearness in time: 1 now, 0 in {HORIZON_S} s"),
    Channel("belief", "where the target may be, given what was not seen: root of the share of the belief in the cell"),
)
"""Channels of the map, in their order."""
VECTOR_ENTRIES = (
    Entry(
        "target_position",
        2,
        -1,
        1,
        8.0,
        "m",
        "the target: forward and left of the robot; coasting while unseen",
        "second",
    ),
    Entry("target_velocity", 2, -1, 1, 2.0, "m/s", "its velocity over the ground along the robot's axes", "second"),
    Entry("target_bearing", 2, -1, 1, 1.0, "1", "cosine and sine of its bearing", "second"),
    Entry("target_spread", 1, 0, 1, 2.0, "m", "standard deviation of its position"),
    Entry("target_known", 1, 0, 1, 1.0, "1", "1 if the target was ever seen; the entries above are 0 before"),
    Entry("target_seen", 1, 0, 1, 1.0, "1", "1 if the target is seen in this frame"),
    Entry("target_age", 1, 0, 1, _AGE_MAX_S, "s", "time since it was seen; 1 before the first sighting"),
    Entry("target_confidence", 1, 0, 1, 1.0, "1", "confidence of the last sighting"),
    Entry(
        "predicted", 6, -1, 1, 8.0, "m", f"forward and left of the most probable mode in {VECTOR_TIMES_S} s", "second"
    ),
    Entry("predicted_weight", 1, 0, 1, 1.0, "1", "probability of that mode; 0 without a prediction"),
    Entry("velocity", 2, -1, 1, 2.0, "m/s and rad/s", "the robot's own forward speed and turn rate", "second"),
    Entry("last_action", 2, -1, 1, 1.0, "1", "the action of the step before", "second"),
    Entry("speed_max", 1, 0, 1, 2.0, "m/s", "forward speed of the action 1"),
    Entry("turn_max", 1, 0, 1, 2.0, "rad/s", "turn rate of the action 1"),
    Entry("hfov", 1, 0, 1, np.pi, "rad", "horizontal field of view"),
    Entry("camera_height", 1, 0, 1, 2.0, "m", "height of the camera above the floor"),
    Entry("ways", WAYS, 0, 1, WAY_M, "m", "to the next known obstacle, from ahead round to the left", "ring"),
    Entry("frame_usable", 1, 0, 1, 1.0, "1", "0 if the depth of this frame could not be used: the map is as it was"),
    Entry(
        "belief_share", SECTORS, 0, 1, 1.0, "1", "root of the share of the belief, from ahead round to the left", "ring"
    ),
    Entry("belief_distance", SECTORS, 0, 1, FAR_M, "m", "mean distance of that share; 0 where there is none", "ring"),
)
"""Entries of the vector, in their order."""
VECTOR_WIDTH = sum(entry.width for entry in VECTOR_ENTRIES)
OFFSETS = dict(
    zip(
        [entry.name for entry in VECTOR_ENTRIES],
        np.cumsum([0, *[entry.width for entry in VECTOR_ENTRIES]]).tolist(),
        strict=False,
    )
)
"""Where each entry of the vector begins."""


def vector_bounds() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Least and greatest value (D,) of each number of the vector."""
    low = [value for entry in VECTOR_ENTRIES for value in [entry.low] * entry.width]
    high = [value for entry in VECTOR_ENTRIES for value in [entry.high] * entry.width]
    return np.array(low, dtype=np.float32), np.array(high, dtype=np.float32)


def mirror_of(entries: Sequence[Entry]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """How a mirror that swaps left and right changes vectors (B, D) of these entries: v[:, order] * sign.

    Returns:
        Order (D,) and sign (D,). The mirrored map is the map with its last axis reversed.
    """
    order, sign, first = [], [], 0
    for entry in entries:
        places = np.arange(entry.width)
        if entry.mirror == "ring":
            places = -places % entry.width
        order.append(first + places)
        sign.append(np.where((np.arange(entry.width) % 2 == 1) & (entry.mirror == "second"), -1.0, 1.0))
        first += entry.width
    return np.concatenate(order), np.concatenate(sign).astype(np.float32)


def entry_of(vector: NDArray[np.float32], name: str) -> NDArray[np.float64]:
    """An entry (B, width) of vectors (B, D) in its unit.

    Raises:
        ValueError: if there is no such entry, or the whole state was handed in.
    """
    if isinstance(vector, dict):
        raise ValueError('entry_of reads vectors: hand in state["vector"], not the whole state')
    for entry in VECTOR_ENTRIES:
        if entry.name == name:
            values = vector[..., OFFSETS[name] : OFFSETS[name] + entry.width]
            return np.asarray(values, dtype=np.float64) * entry.scale
    raise ValueError(f"the vector has no entry {name!r}; it has {', '.join(OFFSETS)}")


class Body(NamedTuple):
    """What a robot can do and see, (B,) each.

    Attributes:
        speed_max_mps: forward speed of the action 1 in m/s.
        turn_max_radps: turn rate of the action 1 in rad/s.
        hfov_rad: horizontal field of view in radians.
        camera_height_m: in metres.
    """

    speed_max_mps: NDArray[np.float64]
    turn_max_radps: NDArray[np.float64]
    hfov_rad: NDArray[np.float64]
    camera_height_m: NDArray[np.float64]


def describe(
    worlds: NDArray[np.int64],
    track: Track,
    prediction: Prediction,
    times_s: NDArray[np.float64],
    frame: Frame,
    last_action: NDArray[np.float64],
    body: Body,
    ways_m: NDArray[np.float64],
    sectors: NDArray[np.float64],
    vectors: NDArray[np.float32],
) -> None:
    """Write the vectors (B, D) of the given worlds.

    The ways_m (B, WAYS) are those of `LocalMap.ways`, the sectors (B, 2, SECTORS) those of `Belief.sectors`.
    """
    trouble = np.zeros(len(vectors), np.uint8) if frame.trouble is None else frame.trouble
    steps = np.array([np.argmin(np.abs(times_s - time)) if len(times_s) else 0 for time in VECTOR_TIMES_S])
    _describe(
        worlds,
        track.position,
        track.velocity,
        track.covariance,
        track.status,
        track.age_s,
        track.confidence,
        prediction.positions_ego,
        prediction.weights,
        steps,
        frame.pose,
        frame.velocity,
        trouble,
        last_action,
        body.speed_max_mps,
        body.turn_max_radps,
        body.hfov_rad,
        body.camera_height_m,
        ways_m,
        sectors,
        vectors,
    )


_SCALES = np.array([value for entry in VECTOR_ENTRIES for value in [entry.scale] * entry.width])
_BOUNDS = np.stack(vector_bounds()).astype(np.float64)
_POSITION, _VELOCITY, _BEARING = (OFFSETS[f"target_{name}"] for name in ("position", "velocity", "bearing"))
_SPREAD, _KNOWN, _SEEN = (OFFSETS[f"target_{name}"] for name in ("spread", "known", "seen"))
_AGE, _CONFIDENCE = OFFSETS["target_age"], OFFSETS["target_confidence"]
_PREDICTED, _WEIGHT = OFFSETS["predicted"], OFFSETS["predicted_weight"]
_OWN_VELOCITY, _LAST_ACTION = OFFSETS["velocity"], OFFSETS["last_action"]
_SPEED_MAX, _TURN_MAX, _HFOV = OFFSETS["speed_max"], OFFSETS["turn_max"], OFFSETS["hfov"]
_CAMERA_HEIGHT, _WAYS, _USABLE = OFFSETS["camera_height"], OFFSETS["ways"], OFFSETS["frame_usable"]
_SHARE, _DISTANCE = OFFSETS["belief_share"], OFFSETS["belief_distance"]


@kernel
def _describe(
    worlds: NDArray[np.int64],
    position: NDArray[np.float64],
    velocity: NDArray[np.float64],
    covariance: NDArray[np.float64],
    status: NDArray[np.uint8],
    age_s: NDArray[np.float64],
    confidence: NDArray[np.float64],
    predicted_ego: NDArray[np.float64],
    weights: NDArray[np.float64],
    steps: NDArray[np.int64],
    pose: NDArray[np.float64],
    own_velocity: NDArray[np.float64],
    trouble: NDArray[np.uint8],
    last_action: NDArray[np.float64],
    speed_max: NDArray[np.float64],
    turn_max: NDArray[np.float64],
    hfov: NDArray[np.float64],
    camera_height: NDArray[np.float64],
    ways_m: NDArray[np.float64],
    sectors: NDArray[np.float64],
    vectors: NDArray[np.float32],
) -> None:
    values = np.empty(len(_SCALES))
    for world in worlds:
        values[:] = 0.0
        values[_AGE] = _AGE_MAX_S
        if not np.isnan(position[world, 0]):
            cos, sin = np.cos(pose[world, 2]), np.sin(pose[world, 2])
            x, y = position[world, 0] - pose[world, 0], position[world, 1] - pose[world, 1]
            forward, left = cos * x + sin * y, cos * y - sin * x
            distance = max(np.hypot(x, y), 1e-6)
            values[_POSITION], values[_POSITION + 1] = forward, left
            values[_VELOCITY] = cos * velocity[world, 0] + sin * velocity[world, 1]
            values[_VELOCITY + 1] = cos * velocity[world, 1] - sin * velocity[world, 0]
            values[_BEARING], values[_BEARING + 1] = forward / distance, left / distance
            values[_SPREAD] = np.sqrt(max(covariance[world, 0], 0.0))
            values[_KNOWN] = 1.0
            values[_SEEN] = 1.0 if status[world] == TRACKING else 0.0
            values[_AGE], values[_CONFIDENCE] = age_s[world], confidence[world]
        mode = int(np.argmax(weights[world])) if weights.shape[1] > 0 else 0
        if weights.shape[1] > 0 and weights[world, mode] > 0.0:
            values[_WEIGHT] = weights[world, mode]
            for i in range(len(steps)):
                values[_PREDICTED + 2 * i] = predicted_ego[world, mode, steps[i], 0]
                values[_PREDICTED + 2 * i + 1] = predicted_ego[world, mode, steps[i], 1]
        values[_OWN_VELOCITY], values[_OWN_VELOCITY + 1] = own_velocity[world, 0], own_velocity[world, 1]
        values[_LAST_ACTION], values[_LAST_ACTION + 1] = last_action[world, 0], last_action[world, 1]
        values[_SPEED_MAX], values[_TURN_MAX] = speed_max[world], turn_max[world]
        values[_HFOV], values[_CAMERA_HEIGHT] = hfov[world], camera_height[world]
        for i in range(WAYS):
            values[_WAYS + i] = ways_m[world, i]
        unusable = trouble[world] == DEPTH_INVALID or trouble[world] == DEPTH_BEYOND_RANGE
        values[_USABLE] = 0.0 if unusable else 1.0
        for i in range(SECTORS):
            values[_SHARE + i], values[_DISTANCE + i] = sectors[world, 0, i], sectors[world, 1, i]
        for i in range(len(values)):
            vectors[world, i] = min(max(values[i] / _SCALES[i], _BOUNDS[0, i]), _BOUNDS[1, i])
