"""The predictor's data, network and training: known answers, and runs of seconds."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from rspt.cli import main
from rspt.perception.inputs import AGE, HEADING, NOW, ROBOT, SLOTS, VELOCITY, WIDTH, inputs_of
from rspt.perception.learned import LearnedPredictor
from rspt.perception.localization import Localization
from rspt.perception.prediction import Prediction
from rspt.perception.reconstruction import LocalMap
from rspt.perception.surroundings import RAY_WIDTH, RAYS
from rspt.perception.track import Track
from rspt.perception.weights import Sizes, Weights, load_weights, save_weights
from rspt.predictor.augmentation import mirrored, unknown_rays
from rspt.predictor.masking import blackouts, sparse
from rspt.predictor.network import Mixture, Network
from rspt.predictor.recording import record
from rspt.predictor.samples import BLACKOUT, NATURAL, SPARSE, WALKER, Samples
from rspt.predictor.settings import RecordingSettings
from rspt.predictor.walkers import walkers

SMALL = """
kind: predictor
recording:
  {families}: [blocks]
  validation_families: [rooms]
  batches: 2
  validation_batches: 1
  worlds: 2
  episodes: 1
  steps: 80
  every_steps: 10
network: {{encoder: 8, heads: 2, token: 4, hidden: 8, steps: 12}}
walkers: 40
epochs: {epochs}
batch_size: 16
patience: 9
"""


def network(**sizes: int) -> Network:
    torch.manual_seed(3)
    made = Network(Sizes(**sizes)).eval()
    torch.nn.init.normal_(made.skip.weight, std=0.1)
    return made


def some_inputs(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, WIDTH)).astype(np.float32), rng.random((count, RAYS, RAY_WIDTH), dtype=np.float32)


def loaded(made: Network, path: Path) -> LearnedPredictor:
    save_weights(path, made.tensors(), made.sizes)
    return LearnedPredictor.from_file(path)


@pytest.mark.parametrize("sizes", [{}, {"encoder": 5, "heads": 3, "token": 6, "hidden": 7, "modes": 2, "steps": 5}])
def test_kernel_says_what_the_network_says(tmp_path: Path, sizes: dict[str, int]) -> None:
    made = network(**sizes)
    numbers, rays = some_inputs(20)
    with torch.no_grad():
        expected = made(torch.from_numpy(numbers), torch.from_numpy(rays))[0].numpy()
    np.testing.assert_allclose(loaded(made, tmp_path / "w.safetensors").outputs(numbers, rays), expected, atol=1e-5)


def test_predictor_places_the_modes_as_the_network_does(tmp_path: Path) -> None:
    made = network()
    track, worlds, rng = Track(4), np.arange(4), np.random.default_rng(1)
    pose = rng.normal(size=(4, 3))
    for step in range(30):
        stamps, seen = np.full(4, 0.1 * step), Localization.empty(4)
        seen.position_ego[:], seen.found[:] = np.stack([np.full(4, 2 + 0.1 * step), worlds], axis=1), step < 26
        track.advance(worlds, stamps)
        track.observe(worlds, stamps, pose, seen)
    local_map = LocalMap(4)
    local_map.values[:] = rng.normal(size=local_map.values.shape)
    predictor = loaded(made, tmp_path / "w.safetensors")
    out = Prediction.empty(4, predictor.num_modes, len(predictor.times_s))
    predictor.predict(worlds, track, local_map, pose, out)
    inputs = inputs_of(worlds, track, local_map, worlds, pose)
    with torch.no_grad():
        mixture = made.mixture(torch.from_numpy(inputs.numbers), torch.from_numpy(inputs.rays))
        chances = torch.softmax(mixture.logits, dim=-1).numpy()
    x, y, cos, sin = (column[:, None, None] for column in inputs.frames.T)
    along, across = mixture.mean[..., 0].numpy(), mixture.mean[..., 1].numpy()
    dx, dy = (
        x + cos * along - sin * across - pose[:, 0, None, None],
        y + sin * along + cos * across - pose[:, 1, None, None],
    )
    yaw = pose[:, 2, None, None]
    np.testing.assert_allclose(out.positions_ego[..., 0], np.cos(yaw) * dx + np.sin(yaw) * dy, atol=1e-4)
    np.testing.assert_allclose(out.positions_ego[..., 1], np.cos(yaw) * dy - np.sin(yaw) * dx, atol=1e-4)
    np.testing.assert_allclose(out.spread_m, np.exp(mixture.log_spread.numpy()), rtol=1e-4)
    np.testing.assert_allclose(out.weights, chances, atol=1e-5)


def test_likelihood_of_a_mixture() -> None:
    # two modes of one step, a quarter and three quarters, 1 m and 2 m off with spreads 1 m and 2 m
    mixture = Mixture(
        torch.tensor([[[[1.0, 0.0]], [[0.0, 2.0]]]]),
        torch.log(torch.tensor([[[1.0], [2.0]]])),
        torch.log(torch.tensor([[0.25, 0.75]])),
    )
    density = 0.25 * np.exp(-0.5) / (2 * np.pi) + 0.75 * np.exp(-0.5) / (2 * np.pi * 4)
    assert float(mixture.log_likelihood(torch.zeros(1, 1, 2))) == pytest.approx(np.log(density), abs=1e-6)
    np.testing.assert_allclose(mixture.point()[0, 0], [0.25, 1.5], atol=1e-6)


def test_mirror_is_that_of_the_mirrored_world() -> None:
    rng = np.random.default_rng(2)
    local_map, flipped = LocalMap(1), LocalMap(1)
    local_map.values[0] = rng.normal(size=local_map.values[0].shape)
    flipped.values[0] = local_map.values[0, ::-1]  # row iy = -1 - iy: y becomes -y
    pose, both = np.array([[0.3, -0.4, 0.5]]), []
    for sign, space in ((1.0, local_map), (-1.0, flipped)):
        track, zero = Track(1), np.zeros(1, dtype=np.int64)
        for step in range(20):
            seen = Localization.empty(1)
            seen.position_ego[0], seen.found[0] = (2.0 + 0.1 * step, sign * 0.02 * step**1.5), True
            track.advance(zero, np.array([0.1 * step]))
            track.observe(zero, np.array([0.1 * step]), np.zeros((1, 3)), seen)
        both.append(inputs_of(zero, track, space, zero, pose * [1.0, sign, sign]))
    plain, other = (
        (torch.from_numpy(inputs.numbers), torch.from_numpy(inputs.rays), torch.ones(1, 4, 2), torch.ones(1, 3, 2))
        for inputs in both
    )
    numbers, rays, future, past = mirrored(torch.tensor([True]), *plain)
    np.testing.assert_allclose(numbers, other[0], atol=1e-5)
    assert (rays - other[1]).abs().mean() < 0.02  # a ray may graze a cell in one world and miss it in the other
    assert future[0].tolist() == [[1.0, -1.0]] * 4
    assert past[0].tolist() == [[1.0, -1.0]] * 3
    for one, same in zip(mirrored(torch.tensor([False]), *plain), plain, strict=True):
        assert torch.equal(one, same)


def test_rays_without_a_map_reach_far_over_unknown_ground() -> None:
    rays = unknown_rays()
    assert (rays[:, 0] == 1).all()
    assert (rays[:, 1] < 0.2).all()
    assert (rays[:, 2] == 1).all()


def test_masks_take_stretches_and_single_frames_out() -> None:
    rng = np.random.default_rng(0)
    stretches, single = blackouts(400, 50, rng), sparse(400, 50, rng)
    assert stretches[:3].all()
    assert 0.4 < stretches.mean() < 0.9
    assert 0.05 < single.mean() < 0.8
    lengths = [len(run) for world in stretches.T for run in "".join("x" if seen else "." for seen in world).split("x")]
    assert max(lengths) >= 20
    assert len({float(world.mean()) for world in single.T}) > 10


def test_walkers_walk_as_people_do() -> None:
    made = walkers(3000, 24, np.random.default_rng(0))
    assert (made.kind == WALKER).all()
    assert made.future.shape == (3000, 24, 2)
    assert np.isfinite(made.numbers).all()
    assert (made.rays == unknown_rays().numpy().astype(np.float16)).all()
    straight = (
        made.numbers[:, None, VELOCITY : VELOCITY + 2]
        * (made.numbers[:, AGE, None] + 0.2 * np.arange(1, 25))[..., None]
    )
    off_m = np.linalg.norm(made.future - straight, axis=-1)
    in_sight = made.numbers[:, NOW] == 1
    assert np.median(off_m[in_sight, 1]) < 0.1
    assert np.median(off_m[in_sight, -1]) < 1.5


def test_recorded_futures_lie_in_the_frames_of_the_targets() -> None:
    settings = RecordingSettings(
        families=("blocks",), worlds=8, episodes=1, steps=80, every_steps=10, target_policies=("goal",)
    )
    made = record(settings, settings.families, batch=0, steps_ahead=12, masked=True)
    assert set(made.kind.tolist()) == {NATURAL, BLACKOUT, SPARSE}
    assert set(made.episode.tolist()) <= set(range(8))
    in_sight = (made.numbers[:, AGE] == 0) & (made.kind == NATURAL)
    assert in_sight.sum() > 10
    # a target cannot be further than its speed, at most 2 m/s, carries it from where the filter has it
    distance = np.linalg.norm(made.future[in_sight], axis=-1)
    assert (distance < 0.3 + 2.0 * 0.2 * np.arange(1, 13)).all()
    # and targets mostly go on where they are going
    moving = in_sight & (made.numbers[:, VELOCITY] > 0.4)
    assert np.mean(made.future[moving, 4, 0] > 0.1) > 0.8
    # what was seen is where the target was, but for the noise; what was not seen is told by the past alone
    slots = made.numbers[:, : 3 * SLOTS].reshape(-1, SLOTS, 3)
    seen = slots[..., 2] > 0
    off_m = np.linalg.norm(made.past - slots[..., :2], axis=-1)
    assert np.nanquantile(off_m[seen], 0.99) < 0.25
    assert np.isfinite(made.past[~seen]).any()
    again = record(settings, settings.families, batch=0, steps_ahead=12, masked=True)
    for one, same in zip(made, again, strict=True):
        np.testing.assert_array_equal(one, same)
    other = record(settings, settings.families, batch=2, steps_ahead=12, masked=True)
    assert other.numbers.shape != made.numbers.shape or not np.array_equal(other.numbers, made.numbers)


def test_validation_sees_what_the_robot_saw() -> None:
    settings = RecordingSettings(worlds=2, episodes=1, steps=60, every_steps=10)
    made = record(settings, settings.validation_families, batch=1, steps_ahead=12, masked=False)
    assert (made.kind == NATURAL).all()


def test_samples_come_back_from_their_file(tmp_path: Path) -> None:
    made = walkers(20, 12, np.random.default_rng(0))
    made.save(tmp_path / "a.npz", "mine")
    again = Samples.load(tmp_path / "a.npz", "mine")
    assert again is not None
    for one, same in zip(made, again, strict=True):
        np.testing.assert_array_equal(one, same)
        assert one.dtype == same.dtype
    assert Samples.load(tmp_path / "a.npz", "other") is None
    joined = Samples.joined([made, made])
    assert len(set(joined.episode.tolist())) == 2 * len(set(made.episode.tolist()))


def trained(folder: Path, epochs: int, *also: str, families: str = "families", config: str = "small") -> int:
    recipe = folder / f"{config}.yaml"
    recipe.write_text(SMALL.format(epochs=epochs, families=families))
    return main(["train", "--config", str(recipe), "--out", str(folder / "out"), *also])


def test_training_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trained(tmp_path, 2) == 0
    told = capsys.readouterr().out
    assert "train-001.npz" in told
    assert f"The weights are in {tmp_path / 'out' / 'predictor.safetensors'}" in told
    weights, sizes, about = load_weights(tmp_path / "out" / "predictor.safetensors")
    assert isinstance(weights, Weights)
    assert sizes == Sizes(encoder=8, heads=2, token=4, hidden=8, modes=3, steps=12)
    assert about["families"] == "blocks"
    assert about["validation_families"] == "rooms"
    assert list((tmp_path / "out" / "tensorboard").iterdir())

    capsys.readouterr()
    assert trained(tmp_path, 2) == 2
    assert "holds a training already; go on with it by --resume" in capsys.readouterr().err
    assert trained(tmp_path, 3, "--resume") == 2
    assert "belongs to a training with other settings" in capsys.readouterr().err
    (tmp_path / "out" / "checkpoint.pt").write_bytes(b"broken")
    assert trained(tmp_path, 2, "--resume") == 2
    assert "checkpoint.pt: is no whole checkpoint" in capsys.readouterr().err


def test_interrupted_training_ends_as_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    assert trained(whole, 3) == 0

    from rspt.predictor.training import _Trainer

    validate = _Trainer._validate

    def interrupted(self):  # Ctrl-C while the first epoch runs
        import signal

        signal.raise_signal(signal.SIGINT)
        return validate(self)

    monkeypatch.setattr(_Trainer, "_validate", interrupted)
    assert trained(parts, 3) == 130
    assert "--resume` goes on" in capsys.readouterr().out.replace("\n", " ")
    monkeypatch.setattr(_Trainer, "_validate", validate)
    tracks = {path: path.stat().st_mtime_ns for path in (parts / "out" / "tracks").iterdir()}
    assert trained(parts, 3, "--resume") == 0
    assert "Going on after epoch 1." in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (parts / "out" / "tracks").iterdir()} == tracks
    one, other = (load_file(folder / "out" / "predictor.safetensors") for folder in (whole, parts))
    for name, tensor in one.items():
        np.testing.assert_array_equal(tensor, other[name])
    assert (
        load_weights(whole / "out" / "predictor.safetensors")[2]
        == load_weights(parts / "out" / "predictor.safetensors")[2]
    )


def test_wrong_recipes_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trained(tmp_path, 2, families="familes") == 2
    assert "recording: unknown key 'familes', did you mean 'families'?" in capsys.readouterr().err
    (tmp_path / "other.yaml").write_text("kind: walker")
    assert main(["train", "--config", str(tmp_path / "other.yaml"), "--out", str(tmp_path / "out")]) == 2
    assert "kind = 'walker': what is trained must be one of predictor, tracker" in capsys.readouterr().err
    assert trained(tmp_path, 2, "--resume") == 2
    assert "holds no training to resume" in capsys.readouterr().err


def test_broken_tracks_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tracks = tmp_path / "out" / "tracks"
    tracks.mkdir(parents=True)
    (tracks / "train-000.npz").write_bytes(b"nothing")
    assert trained(tmp_path, 1) == 2
    assert "train-000.npz: holds no recorded tracks" in capsys.readouterr().err


def test_columns_are_where_their_names_say() -> None:
    assert (VELOCITY, AGE, NOW, ROBOT, HEADING) == (3 * SLOTS, 50, 51, 53, 55)
