"""Known answers for what is predicted, and what becomes of files of weights that cannot be used."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filterpy.common import Q_continuous_white_noise
from filterpy.kalman import KalmanFilter
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from rspt.perception.frame import to_ego
from rspt.perception.inputs import AGE, NOW, ROBOT, SLOTS, VELOCITY, WIDTH, inputs_of
from rspt.perception.learned import LearnedPredictor, shipped_weights
from rspt.perception.localization import Localization
from rspt.perception.prediction import PREDICTORS, Prediction, PredictorError, default_times_s, make_predictor
from rspt.perception.reconstruction import LocalMap
from rspt.perception.surroundings import RAYS, REACH_M, look_around
from rspt.perception.track import Track
from rspt.perception.weights import Sizes, load_weights

TIMES_S = default_times_s()


def followed(positions: NDArray[np.float64], *, dt_s: float = 0.1, pose: NDArray[np.float64] | None = None) -> Track:
    """The track of targets at positions (T, B, 2) in the odometry frame, NaN where they are not seen."""
    count = positions.shape[1]
    track, worlds = Track(count), np.arange(count)
    poses = np.zeros((count, 3)) if pose is None else pose
    for step, places in enumerate(positions):
        stamps, seen = np.full(count, step * dt_s), Localization.empty(count)
        seen.position_ego[:] = to_ego(places[:, None], poses)[:, 0]
        seen.found[:] = np.isfinite(places[:, 0])
        track.advance(worlds, stamps)
        track.observe(worlds, stamps, poses, seen)
    return track


def line(
    steps: int, start: tuple[float, float], velocity: tuple[float, float], dt_s: float = 0.1
) -> NDArray[np.float64]:
    """Positions (T, 1, 2) on a straight line."""
    return (np.array(start) + dt_s * np.arange(steps)[:, None] * np.array(velocity))[:, None]


def predicted(
    name: str, track: Track, *, pose: NDArray[np.float64] | None = None, local_map: LocalMap | None = None
) -> Prediction:
    count = len(track.position)
    predictor = make_predictor(name, count)
    out = Prediction.empty(count, predictor.num_modes, len(predictor.times_s))
    poses = np.zeros((count, 3)) if pose is None else pose
    predictor.predict(np.arange(count), track, local_map or LocalMap(count), poses, out)
    return out


@pytest.mark.parametrize("name", ["constant_velocity", "kalman"])
def test_straight_line_goes_on(name: str) -> None:
    out = predicted(name, followed(line(60, (2.0, -1.0), (0.5, 1.0))))
    last = np.array([2.0, -1.0]) + 5.9 * np.array([0.5, 1.0])
    np.testing.assert_allclose(out.best()[0], last + TIMES_S[:, None] * [0.5, 1.0], atol=1e-3)
    assert (np.diff(out.spread_m[0, 0]) > 0).all()


def test_constant_position_stays_where_the_target_was_seen_last() -> None:
    track = followed(np.concatenate([line(60, (2.0, -1.0), (0.5, 1.0)), np.full((10, 1, 2), np.nan)]))
    out = predicted("constant_position", track)
    np.testing.assert_allclose(out.best()[0], np.tile([2.0 + 5.9 * 0.5, -1.0 + 5.9], (24, 1)), atol=1e-3)


@pytest.mark.parametrize("name", ["constant_velocity", "kalman"])
def test_line_goes_on_through_a_gap(name: str) -> None:
    positions = line(60, (0.0, 1.0), (1.0, 0.0))
    positions[20:26] = positions[50:] = np.nan
    out = predicted(name, followed(positions))
    np.testing.assert_allclose(out.best()[0, 9], [5.9 + 2.0, 1.0], atol=5e-3)


def test_constant_velocity_takes_the_last_displacement_of_slow_annotations() -> None:
    positions = np.array([[0.0, 0.0], [0.4, 0.0], [0.8, 0.0], [0.8, 0.8]])[:, None]
    out = predicted("constant_velocity", followed(positions, dt_s=0.4))
    np.testing.assert_allclose(out.best()[0, 9], [0.8, 0.8 + 2.0 * 2.0], atol=1e-9)


def test_prediction_is_seen_from_the_pose() -> None:
    pose = np.array([[1.0, 2.0, np.pi / 2]])
    out = predicted("kalman", followed(line(60, (0.0, 0.0), (1.0, 0.0)), pose=pose), pose=pose)
    # the target walks along x at 5.9 m; the robot at (1, 2) looks along y, so that x lies to its right
    np.testing.assert_allclose(out.best()[0, 4], [-2.0, -(5.9 + 1.0 - 1.0)], atol=2e-3)


@pytest.mark.parametrize("name", PREDICTORS)
def test_nothing_is_known_of_a_target_that_was_never_seen(name: str) -> None:
    out = predicted(name, followed(np.concatenate([np.full((30, 1, 2), np.nan), line(30, (2, 0), (0, 1))], axis=1)))
    assert (out.weights[0] == 0).all()
    assert np.isnan(out.positions_ego[0]).all()
    assert np.isnan(out.best()[0]).all()
    assert out.weights[1].sum() == pytest.approx(1.0)
    assert np.isfinite(out.positions_ego[1]).all()
    assert (out.spread_m[1] > 0).all()


@pytest.mark.parametrize("name", PREDICTORS)
def test_worlds_that_are_not_asked_for_are_left_alone(name: str) -> None:
    track = followed(np.repeat(line(30, (2.0, 0.0), (0.3, 0.1)), 3, axis=1))
    predictor = make_predictor(name, 3)
    out = Prediction.empty(3, predictor.num_modes, len(predictor.times_s))
    predictor.predict(np.array([1]), track, LocalMap(3), np.zeros((3, 3)), out)
    assert (out.weights.sum(axis=1) > 0).tolist() == [False, True, False]


@pytest.mark.parametrize("name", PREDICTORS)
def test_a_world_is_predicted_the_same_in_any_batch(name: str) -> None:
    rng = np.random.default_rng(0)
    track = followed(np.cumsum(0.1 * rng.normal(size=(40, 5, 2)), axis=0))
    local_map = LocalMap(5)
    local_map.values[:] = rng.normal(size=local_map.values.shape)
    pose = rng.normal(size=(5, 3))
    predictor = make_predictor(name, 5)
    together = predicted(name, track, pose=pose, local_map=local_map)
    for world in range(5):
        alone = Prediction.empty(5, predictor.num_modes, len(predictor.times_s))
        predictor.predict(np.array([world]), track, local_map, pose, alone)
        for one, all_of_them in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one[world], all_of_them[world])


def test_filter_and_its_prediction_agree_with_filterpy() -> None:
    rng = np.random.default_rng(1)
    positions = line(50, (1.0, 0.5), (0.8, -0.4)) + 0.05 * rng.normal(size=(50, 1, 2))
    positions[rng.random(50) < 0.3] = np.nan
    positions[0], positions[44:] = (1.0, 0.5), np.nan
    track, dt_s = followed(positions), 0.1
    settings = track.settings
    for axis in range(2):
        reference = KalmanFilter(dim_x=2, dim_z=1)
        reference.F, reference.H = np.array([[1.0, dt_s], [0.0, 1.0]]), np.array([[1.0, 0.0]])
        reference.Q = Q_continuous_white_noise(2, dt=dt_s, spectral_density=settings.process_noise)
        reference.R *= settings.measurement_std_m**2
        reference.x = np.array([positions[0, 0, axis], 0.0])
        reference.P = np.diag([settings.measurement_std_m**2, settings.speed_std_mps**2])
        for position in positions[1:, 0, axis]:
            reference.predict()
            if np.isfinite(position):
                reference.update(position)
        np.testing.assert_allclose([track.position[0, axis], track.velocity[0, axis]], reference.x, atol=1e-9)
        variance = reference.P[0, 0], reference.P[0, 1], reference.P[1, 1]
        np.testing.assert_allclose(track.covariance[0], variance, atol=1e-9)

        out = predicted("kalman", track)
        for step, ahead in enumerate(TIMES_S):
            reference.predict(
                F=np.array([[1.0, 0.2], [0.0, 1.0]]),
                Q=Q_continuous_white_noise(2, dt=0.2, spectral_density=settings.process_noise),
            )
            assert out.best()[0, step, axis] == pytest.approx(reference.x[0], abs=1e-9), ahead
            assert out.spread_m[0, 0, step] == pytest.approx(np.sqrt(reference.P[0, 0]), abs=1e-9)


def test_point_estimate_is_the_mean_of_the_modes() -> None:
    out = Prediction.empty(1, 2, 1)
    out.weights[0], out.positions_ego[0, :, 0] = [0.25, 0.75], [[4.0, 0.0], [0.0, 8.0]]
    assert out.best().tolist() == [[[1.0, 6.0]]]


def test_unknown_predictor_is_named() -> None:
    with pytest.raises(PredictorError, match=r"'kalmann' is unknown; allowed: constant_position.*learned"):
        make_predictor("kalmann", 1)


def test_rays_end_where_something_stands_or_nothing_is_known() -> None:
    local_map, rays = LocalMap(1), np.zeros((RAYS, 3), dtype=np.float32)
    x, y = np.meshgrid(*[(np.arange(-64, 64) + 0.5) * 0.15] * 2)
    drawn = np.where(np.hypot(x, y) < 3.0, -2.0, 0.0)
    drawn[(x > 1.5) & (np.abs(y) < 0.5)] = 2.0
    local_map.values[0] = np.roll(drawn, (64, 64), axis=(0, 1))  # cell (0, 0) of the odometry frame lies at [0, 0]
    look_around(local_map.values[0], local_map.corner[0], 0.15, 0.01, 0.01, 1.0, 0.0, rays)
    assert REACH_M * rays[0, 0] == pytest.approx(1.5, abs=0.16)
    assert rays[0, 1] == rays[0, 0]
    assert rays[0, 2] == 0.0
    for ray in (RAYS // 4, RAYS // 2, 3 * RAYS // 4):  # left, behind, right
        assert rays[ray, 0] == 1.0
        assert REACH_M * rays[ray, 1] == pytest.approx(3.0, abs=0.16)
        assert rays[ray, 2] == pytest.approx(0.5, abs=0.03)


def test_inputs_do_not_depend_on_where_and_how_turned_the_world_is() -> None:
    positions = line(30, (3.0, 1.0), (0.7, 0.2))
    positions[13:16] = positions[27:] = np.nan
    pose = np.array([[0.5, -0.2, 0.1]])
    turn = 2.0
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    turned_pose = np.concatenate([pose[:, :2] @ matrix.T + [4.0, -3.0], pose[:, 2:] + turn], axis=1)
    maps, zero = LocalMap(1), np.zeros(1, dtype=np.int64)
    plain = inputs_of(zero, followed(positions, pose=pose), maps, zero, pose)
    moved = positions @ matrix.T + [4.0, -3.0]
    turned = inputs_of(zero, followed(moved, pose=turned_pose), maps, zero, turned_pose)
    np.testing.assert_allclose(plain.numbers, turned.numbers, atol=1e-5)
    assert plain.numbers.shape == (1, WIDTH)
    np.testing.assert_allclose(plain.numbers[0, VELOCITY : VELOCITY + 2], [np.hypot(0.7, 0.2), 0.0], atol=0.01)
    assert plain.numbers[0, AGE] == pytest.approx(0.3)
    assert plain.numbers[0, NOW] == 0.0
    assert plain.numbers[0, ROBOT] < 0.0  # the robot is behind the target
    slots = plain.numbers[0, : 3 * SLOTS].reshape(SLOTS, 3)
    assert slots[:, 2].tolist() == [1.0] * 6 + [0.0] + [1.0] * 7 + [0.0] * 2  # 1.2 s before the last lies in the gap
    np.testing.assert_allclose(slots[5, :2], [-np.hypot(0.7, 0.2), 0.0], atol=0.01)


@pytest.mark.parametrize("turn", [0.0, 0.7])
def test_learned_prediction_turns_with_the_world(turn: float) -> None:
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    positions = line(30, (3.0, 1.0), (0.7, 0.2))
    plain = predicted("learned", followed(positions))
    pose = np.array([[0.0, 0.0, turn]])
    turned = predicted("learned", followed(positions @ matrix.T, pose=pose), pose=pose)
    np.testing.assert_allclose(plain.positions_ego, turned.positions_ego, atol=1e-4)
    np.testing.assert_allclose(plain.weights, turned.weights, atol=1e-5)


def drawn_corridor(occupied: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]]) -> LocalMap:
    """A map in which everything else is known to be free."""
    local_map = LocalMap(1)
    centers = (np.arange(-64, 64) + 0.5) * local_map.cell_m
    x, y = np.meshgrid(centers, centers)
    local_map.values[0] = np.roll(np.where(occupied(x, y), 3.0, -2.0), (64, 64), axis=(0, 1))
    return local_map


def test_learned_prediction_stays_in_a_corridor() -> None:
    # walls along x at 1 m to both sides; the target drifts towards the left one, at an angle of 27 degrees
    corridor = drawn_corridor(lambda x, y: np.abs(y) > 1.0)
    track = followed(line(20, (1.0, -1.0), (0.8, 0.4)))
    straight = predicted("kalman", track).best()[0]
    assert straight[-1, 1] > 1.4  # going straight on leads through the wall
    learned = predicted("learned", track, local_map=corridor).best()[0]
    assert np.abs(learned[:, 1]).max() < 1.0
    assert learned[-1, 0] > learned[0, 0] + 0.5  # and it goes on along the corridor


def test_learned_prediction_does_not_enter_the_wall_ahead() -> None:
    wall = drawn_corridor(lambda x, y: x > 4.0)
    track = followed(line(20, (1.4, 0.0), (1.0, 0.0)))
    assert predicted("kalman", track).best()[0, -1, 0] > 7.0
    learned = predicted("learned", track, local_map=wall)
    assert learned.best()[0, :, 0].max() < 4.3
    empty = predicted("learned", track)
    assert empty.best()[0, -1, 0] > learned.best()[0, -1, 0] + 0.5  # it is the map that makes the difference


def test_shipped_weights_are_small_and_say_where_they_come_from() -> None:
    assert shipped_weights().stat().st_size < 2**20
    _, sizes, about = load_weights(shipped_weights())
    assert sizes.steps == len(TIMES_S)
    assert about["families"] == "blocks,pillars,mixed"
    predictor = LearnedPredictor.from_file(shipped_weights())
    np.testing.assert_allclose(predictor.times_s, TIMES_S)
    assert predictor.num_modes == sizes.modes == 3


def altered(path: Path, *, metadata: dict[str, str] | None = None, **tensors: NDArray[np.float32] | None) -> Path:
    """The shipped file with other metadata and tensors (None leaves one out), in which `_` stands for a dot."""
    _, _, about = load_weights(shipped_weights())
    kept = load_file(shipped_weights())
    for name, tensor in tensors.items():
        kept.pop(name.replace("_", "."), None)
        if tensor is not None:
            kept[name.replace("_", ".")] = tensor
    save_file(kept, path, metadata=about | (metadata or {}))
    return path


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (
            {"first_bias": np.zeros(7, np.float32)},
            r"tensor 'first.bias' is float32 \(7,\), float32 \(\d+,\) is expected",
        ),
        ({"head_bias": np.zeros(3, np.float64)}, r"tensor 'head.bias' is float64 \(3,\)"),
        ({"query_weight": None}, r"the tensor 'query.weight' of shape \(\d+, \d+\) is missing"),
        ({"surplus": np.zeros(1, np.float32)}, r"the tensor 'surplus' is unknown"),
    ],
)
def test_wrong_tensors_are_named(tmp_path: Path, tensors: dict[str, NDArray[np.float32]], message: str) -> None:
    with pytest.raises(PredictorError, match=rf"w\.safetensors: {message}"):
        make_predictor(str(altered(tmp_path / "w.safetensors", **tensors)), 1)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    _, sizes, _ = load_weights(shipped_weights())
    broken = np.full(sizes.hidden, np.nan, dtype=np.float32)
    with pytest.raises(PredictorError, match=r"'first.bias' holds numbers that are not finite"):
        load_weights(altered(tmp_path / "w.safetensors", first_bias=broken))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"version": "99"}, r"'99' for 'version', '1' is expected"),
        ({"format": "other"}, r"'other' for 'format', 'rspt-predictor' is expected"),
        ({"hidden": "-3"}, r"'-3' for 'hidden', a whole number from 1 to 4096 is expected"),
        ({"modes": "4"}, r"tensor 'head.weight' is .* is expected"),
    ],
)
def test_wrong_metadata_are_named(tmp_path: Path, metadata: dict[str, str], message: str) -> None:
    with pytest.raises(PredictorError, match=message):
        load_weights(altered(tmp_path / "w.safetensors", metadata=metadata))


@pytest.mark.parametrize("content", [b"", b"no weights", None])
def test_damaged_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "w.safetensors"
    whole = shipped_weights().read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(PredictorError, match=r"w\.safetensors: is no whole safetensors file"):
        load_weights(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PredictorError, match=r"none\.safetensors: no such file"):
        make_predictor(str(tmp_path / "none.safetensors"), 1)


def test_shapes_follow_from_sizes() -> None:
    shapes = Sizes(encoder=5, heads=2, token=3, hidden=7, modes=2, steps=4).shapes()
    assert shapes["first.weight"] == (5 + 2 * 3, 7)
    assert shapes["head.weight"] == (7, 2 * (3 * 4 + 1))
