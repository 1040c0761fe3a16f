"""The learned predictor: a small network that puts questions to the rays around the target.

The past becomes a few questions; attention lets each of them look at the directions in which the map leaves a way; both
together become M weighted futures. It runs without torch, one world after the other, so that a world's prediction has
the same bits in any batch. Trained by `rspt.predictor`.
"""

from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rspt.perception.inputs import AGE, FRAME_WIDTH, VELOCITY, WIDTH, Past, perceive
from rspt.perception.jit import kernel
from rspt.perception.prediction import STEP_S, Prediction, Seat, seat_of, write_ego, write_nothing
from rspt.perception.reconstruction import LocalMap
from rspt.perception.surroundings import RAY_WIDTH, RAYS
from rspt.perception.track import Track
from rspt.perception.weights import Sizes, Weights, load_weights

SCALE_M, SCALE_MPS = 0.3, 0.5
"""Outputs count in units of so many metres and so many more per second since the target was seen."""
LOG_SPREAD_MIN, LOG_SPREAD_MAX = -5.0, 4.0


def shipped_weights() -> Path:
    """The file of the weights that come with the package."""
    return Path(str(resources.files("rspt") / "weights" / "predictor.safetensors"))


class LearnedPredictor:
    """Predicts with trained weights.

    Args:
        weights: of the network.
        sizes: of the network.
        about: where the weights come from.

    Attributes:
        about: as given.
        times_s: (K,) seconds ahead of each step.
        num_modes: M.
    """

    def __init__(self, weights: Weights, sizes: Sizes, *, about: dict[str, str] | None = None) -> None:
        self._weights = weights
        self.about = about or {}
        self.times_s = STEP_S * np.arange(1, sizes.steps + 1, dtype=np.float64)
        self.num_modes = sizes.modes

    @classmethod
    def from_file(cls, path: Path | str) -> "LearnedPredictor":
        """Load a file that `rspt train` wrote.

        Raises:
            PredictorError: if it cannot be used; the message names the file and what is wrong with it.
        """
        weights, sizes, about = load_weights(path)
        return cls(weights, sizes, about=about)

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Nothing is remembered."""

    def predict(
        self, worlds: NDArray[np.int64], track: Track, local_map: LocalMap, pose: NDArray[np.float64], out: Prediction
    ) -> None:
        """Write the prediction of the given worlds."""
        _predict(
            worlds, Past.of(track), pose, local_map.values, local_map.corner, local_map.cell_m,
            self.times_s, self._weights, *out,
        )  # fmt: skip

    def outputs(self, numbers: NDArray[np.float32], rays: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the network says (n, O) to inputs (n, WIDTH) and (n, RAYS, RAY_WIDTH)."""
        result = np.empty((len(numbers), self._weights.head.shape[1]), dtype=np.float32)
        _outputs(numbers, rays, self._weights, result)
        return result


@kernel
def _outputs(
    numbers: NDArray[np.float32], rays: NDArray[np.float32], weights: Weights, result: NDArray[np.float32]
) -> None:
    for i in range(len(numbers)):
        _forward(numbers[i], rays[i], weights, result[i])


@kernel
def _predict(
    worlds: NDArray[np.int64],
    past: Past,
    pose: NDArray[np.float64],
    values: NDArray[np.float32],
    corner: NDArray[np.int64],
    cell_m: float,
    times_s: NDArray[np.float64],
    weights: Weights,
    positions: NDArray[np.float64],
    spread: NDArray[np.float64],
    chances: NDArray[np.float64],
) -> None:
    numbers, rays = np.empty(WIDTH, np.float32), np.empty((RAYS, RAY_WIDTH), np.float32)
    frame, result = np.empty(FRAME_WIDTH), np.empty(weights.head.shape[1], np.float32)
    for world in worlds:
        if np.isnan(past.position[world, 0]):
            write_nothing(world, positions, spread, chances)
            continue
        perceive(world, past, pose[world], values[world], corner[world], cell_m, numbers, rays, frame)
        _forward(numbers, rays, weights, result)
        _decode(world, numbers, frame, result, times_s, seat_of(pose[world]), positions, spread, chances)


@kernel
def _forward(
    numbers: NDArray[np.float32], rays: NDArray[np.float32], weights: Weights, result: NDArray[np.float32]
) -> None:
    """Write what the network says to the inputs of one target."""
    encoder, token, hidden = len(weights.encoder_bias), weights.token.shape[1], len(weights.first_bias)
    heads = len(weights.query_bias) // token
    joined = np.empty(encoder + heads * token, np.float32)
    past, answers = joined[:encoder], joined[encoder:]
    _dense(numbers, weights.encoder, weights.encoder_bias, past)
    _rectify(past)
    queries = np.empty(heads * token, np.float32)
    _dense(past, weights.query, weights.query_bias, queries)
    _attend(rays, weights, queries, answers)
    first, second = np.empty(hidden, np.float32), np.empty(hidden, np.float32)
    _dense(joined, weights.first, weights.first_bias, first)
    _rectify(first)
    _dense(first, weights.second, weights.second_bias, second)
    _rectify(second)
    _dense(second, weights.head, weights.head_bias, result)
    _add(numbers, weights.skip, result)


@kernel
def _attend(
    rays: NDArray[np.float32], weights: Weights, queries: NDArray[np.float32], answers: NDArray[np.float32]
) -> None:
    """Write for each query the mean of the rays' tokens, weighted by how well they match it."""
    width = weights.token.shape[1]
    tokens = np.empty((RAYS, width), np.float32)
    for ray in range(RAYS):
        _dense(rays[ray], weights.token, weights.token_bias[ray], tokens[ray])
        _rectify(tokens[ray])
    scores = np.empty(RAYS, np.float32)
    shrink = np.float32(1.0 / np.sqrt(width))
    for head in range(len(queries) // width):
        query, answer = queries[head * width : (head + 1) * width], answers[head * width : (head + 1) * width]
        greatest = np.float32(-np.inf)
        for ray in range(RAYS):
            score = np.float32(0.0)
            for i in range(width):
                score += query[i] * tokens[ray, i]
            scores[ray] = shrink * score
            greatest = max(greatest, scores[ray])
        total = np.float32(0.0)
        for ray in range(RAYS):
            scores[ray] = np.exp(scores[ray] - greatest)
            total += scores[ray]
        answer[:] = 0.0
        for ray in range(RAYS):
            share = scores[ray] / total
            for i in range(width):
                answer[i] += share * tokens[ray, i]


@kernel
def _dense(
    inputs: NDArray[np.float32], weight: NDArray[np.float32], bias: NDArray[np.float32], result: NDArray[np.float32]
) -> None:
    result[:] = bias
    _add(inputs, weight, result)


@kernel
def _add(inputs: NDArray[np.float32], weight: NDArray[np.float32], result: NDArray[np.float32]) -> None:
    """Add inputs @ weight, four rows at a time: the inner loop runs over outputs, which the compiler takes at once."""
    width = len(result)
    whole = len(inputs) // 4 * 4
    for i in range(0, whole, 4):
        a, b, c, d = inputs[i], inputs[i + 1], inputs[i + 2], inputs[i + 3]
        for o in range(width):
            result[o] += (a * weight[i, o] + b * weight[i + 1, o]) + (c * weight[i + 2, o] + d * weight[i + 3, o])
    for i in range(whole, len(inputs)):
        a = inputs[i]
        for o in range(width):
            result[o] += a * weight[i, o]


@kernel
def _rectify(values: NDArray[np.float32]) -> None:
    for i in range(len(values)):
        values[i] = max(values[i], np.float32(0.0))


@kernel
def _decode(
    world: int,
    numbers: NDArray[np.float32],
    frame: NDArray[np.float64],
    result: NDArray[np.float32],
    times_s: NDArray[np.float64],
    seat: Seat,
    positions: NDArray[np.float64],
    spread: NDArray[np.float64],
    chances: NDArray[np.float64],
) -> None:
    """Write modes, which the network gives as deviations from going straight on since the last sighting."""
    modes, steps = chances.shape[1], len(times_s)
    x, y, cos, sin = frame[0], frame[1], frame[2], frame[3]
    vx, vy = numbers[VELOCITY], numbers[VELOCITY + 1]
    logits = result[3 * modes * steps :]
    greatest, total = logits.max(), 0.0
    for mode in range(modes):
        chances[world, mode] = np.exp(np.float64(logits[mode] - greatest))
        total += chances[world, mode]
        for step in range(steps):
            after_s = numbers[AGE] + times_s[step]
            scale = SCALE_M + SCALE_MPS * after_s
            at = 3 * (mode * steps + step)
            along, across = after_s * vx + scale * result[at], after_s * vy + scale * result[at + 1]
            write_ego(
                world, mode, step, x + cos * along - sin * across, y + sin * along + cos * across, seat, positions
            )
            spread[world, mode, step] = scale * np.exp(min(max(result[at + 2], LOG_SPREAD_MIN), LOG_SPREAD_MAX))
    for mode in range(modes):
        chances[world, mode] /= total
