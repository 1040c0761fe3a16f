import numpy as np
import pytest
from pydantic import ValidationError

from envs.sensors.camera import CameraSettings, camera_rows
from envs.sensors.noise import PRESETS, NoiseSettings, SensorNoise, noise_of
from envs.sensors.odometry import Odometry

HEIGHT, WIDTH = 48, 64
ALL = np.arange(8)


def disturbed(depth, mask=0, *, noise="realistic", steps=0, worlds=ALL, keys=None, count=8):
    cameras = camera_rows(CameraSettings(), count)
    sensor = SensorNoise(noise_of(noise), count, cameras)
    for world in range(count):
        sensor.begin(world, 100 + world if keys is None else keys[world])
    depths = np.full((count, HEIGHT, WIDTH), depth, np.float32)
    masks = np.full((count, HEIGHT, WIDTH), mask, np.uint8)
    sensor.disturb(worlds, np.full(count, steps), depths, masks)
    return depths, masks


@pytest.mark.parametrize(("distance", "sigma"), [(2.0, 0.01), (6.0, 0.09)])
def test_depth_noise_grows_with_the_square(distance, sigma):
    depth, _ = disturbed(distance, noise={"depth_sigma": 0.0025})
    assert depth.std() == pytest.approx(sigma, rel=0.03)
    assert depth.mean() == pytest.approx(distance, abs=4 * sigma / np.sqrt(depth.size))
    assert np.corrcoef(depth[0].ravel(), depth[1].ravel())[0, 1] == pytest.approx(0.0, abs=0.08)
    assert np.corrcoef(depth[:, :, 1:].ravel(), depth[:, :, :-1].ravel())[0, 1] == pytest.approx(0.0, abs=0.03)


def test_far_dropout_grows_with_the_fourth_power():
    for distance, expected in ((8.0, 0.2), (4.0, 0.2 / 16)):
        depth, _ = disturbed(distance, noise={"far_dropout": 0.2})
        assert (depth == 0).mean() == pytest.approx(expected, rel=0.12)


def test_dropout_at_edges_alone():
    depth = np.full((HEIGHT, WIDTH), 2.0)
    depth[:, 30:] = 5.0
    noisy, _ = disturbed(depth, noise={"edge_dropout": 0.4})
    assert (noisy[:, :, 29:31] == 0).mean() == pytest.approx(0.4, abs=0.05)
    assert (noisy[:, :, :29] == 2).all()
    assert (noisy[:, :, 31:] == 5).all()


def test_planes_are_no_edges():
    slanted = np.broadcast_to(1 / np.linspace(0.15, 1.5, WIDTH), (HEIGHT, WIDTH))
    floor = np.broadcast_to((0.8 * 32 / (np.arange(HEIGHT) + 4.0))[:, None], (HEIGHT, WIDTH))
    for depth in (slanted, floor):
        noisy, _ = disturbed(depth, noise={"edge_dropout": 1.0})
        assert (noisy > 0).all()


def test_depth_stays_valid_or_zero():
    rng = np.random.default_rng(0)
    depth = rng.choice([0.0, 0.1, 0.11, 4.0, 7.99, 8.0], (8, HEIGHT, WIDTH))
    noise = NoiseSettings(depth_sigma=0.1, edge_dropout=0.5, far_dropout=0.5)
    noisy, _ = disturbed(depth, noise=noise)
    assert np.isfinite(noisy).all()
    assert (noisy[depth == 0] == 0).all()
    assert ((noisy == 0) | ((noisy >= np.float32(0.1)) & (noisy <= 8))).all()
    assert np.isin(noisy[depth == 8], [0, 8]).all()


def test_none_changes_nothing():
    depth, mask = disturbed(3.0, 1, noise="none")
    assert (depth == 3).all()
    assert mask.all()


def blob():
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[10:40, 20:40] = 1
    return mask


def test_mask_misses_come_in_short_bursts():
    noise = {"mask_miss_rate": 0.02}
    missed = np.array([(disturbed(2.0, 1, noise=noise, steps=t)[1].max(axis=(1, 2)) == 0) for t in range(1500)]).T
    assert missed.mean() == pytest.approx(0.02 * 3, rel=0.25)  # one to five steps, three on average
    changes = np.diff(missed.astype(int), axis=1)
    lengths = missed.sum() / (changes == 1).sum()
    assert 2.5 < lengths < 3.6


def test_mask_is_ragged_at_its_border_alone():
    mask = blob()
    _, noisy = disturbed(2.0, mask, noise={"mask_ragged": 0.2})
    changed = noisy != mask
    assert not changed[:, :, 21:39].any()
    assert not changed[:, :, :19].any()
    assert not changed[:, :, 41:].any()
    for column in (19, 20, 39, 40):
        assert changed[:, 10:40, column].mean() == pytest.approx(0.2, abs=0.08)


def test_false_positives_are_small_and_rare():
    shares = np.array(
        [disturbed(2.0, noise={"mask_false_rate": 0.1}, steps=t)[1].mean(axis=(1, 2)) for t in range(400)]
    )
    assert (shares > 0).mean() == pytest.approx(0.1, rel=0.2)
    assert 0 < shares.max() < 0.05


def test_same_key_and_step_give_the_same_in_any_batch_and_order():
    rng = np.random.default_rng(1)
    depth, mask = rng.uniform(0.2, 8, (8, HEIGHT, WIDTH)), blob()
    whole = disturbed(depth, mask, steps=7)
    for worlds in (ALL[::-1].copy(), np.array([5]), np.array([2, 0, 7])):
        part = disturbed(depth, mask, steps=7, worlds=worlds)
        for full, some in zip(whole, part, strict=True):
            np.testing.assert_array_equal(full[worlds], some[worlds])
    moved = disturbed(depth[::-1], mask, steps=7, keys=[107 - world for world in range(8)])
    np.testing.assert_array_equal(moved[0][::-1], whole[0])


def test_keys_and_steps_matter():
    base, _ = disturbed(3.0, steps=1)
    assert (disturbed(3.0, steps=2)[0] != base).mean() > 0.9
    assert (disturbed(3.0, steps=1, keys=range(8))[0] != base).mean() > 0.9


def test_only_the_worlds_asked_for_are_disturbed():
    depth, _ = disturbed(3.0, worlds=np.array([2]))
    assert (depth[[0, 1, 3, 4, 5, 6, 7]] == 3).all()
    assert (depth[2] != 3).any()


def test_an_episode_may_have_its_own_noise():
    sensor = SensorNoise(noise_of("none"), 2, camera_rows(CameraSettings(), 2))
    sensor.begin(1, 5, NoiseSettings(depth_sigma=0.01))
    depth, mask = np.full((2, HEIGHT, WIDTH), 3, np.float32), np.zeros((2, HEIGHT, WIDTH), np.uint8)
    sensor.disturb(np.array([0, 1]), np.zeros(2), depth, mask)
    assert (depth[0] == 3).all()
    assert depth[1].std() == pytest.approx(0.09, rel=0.1)


def test_noise_of():
    assert noise_of("realistic") is PRESETS["realistic"]
    assert noise_of("realistic").latency_steps == 1
    assert noise_of({"depth_sigma": 0.01}).depth_sigma == 0.01
    assert noise_of(PRESETS["none"]) is PRESETS["none"]
    with pytest.raises(ValueError, match="'realistc' is unknown; did you mean 'realistic'\\? allowed: none, realistic"):
        noise_of("realistc")
    for bad in (3, None, True, ["none"]):
        with pytest.raises(ValueError, match="allowed: none, realistic"):
            noise_of(bad)
    for bad in ({"depth_sigma": -1}, {"sigma": 1}, {"latency_steps": 9}, {"odometry_drift": float("nan")}):
        with pytest.raises(ValidationError):
            noise_of(bad)


def test_wrong_calls():
    cameras = camera_rows(CameraSettings(), 2)
    sensor = SensorNoise(noise_of("realistic"), 2, cameras)
    depth, mask = np.ones((2, HEIGHT, WIDTH), np.float32), np.zeros((2, HEIGHT, WIDTH), np.uint8)
    with pytest.raises(IndexError, match="there are 2"):
        sensor.disturb(np.array([2]), np.zeros(2), depth, mask)
    with pytest.raises(ValueError, match="depth has shape"):
        sensor.disturb(np.array([0]), np.zeros(2), depth[:1], mask)
    with pytest.raises(ValueError, match="mask has shape"):
        sensor.disturb(np.array([0]), np.zeros(2), depth, mask[:, :-1])
    with pytest.raises(ValueError, match="steps has shape"):
        sensor.disturb(np.array([0]), np.zeros(3), depth, mask)
    with pytest.raises(ValueError, match="cameras has shape"):
        SensorNoise(noise_of("none"), 3, cameras)


def walk(noise, steps, key=0, worlds=1, seed=0):
    """Truth (steps + 1, worlds, 3) of a random walk and the odometry's last pose."""
    rng = np.random.default_rng(seed)
    odometry = Odometry(worlds, noise_of(noise))
    for world in range(worlds):
        odometry.begin(world, key + world)
    poses = np.tile(rng.uniform(-3, 3, 3), (worlds, 1))
    truth = [poses]
    for _ in range(steps):
        turn, forward = rng.uniform(-0.2, 0.2), rng.uniform(-0.05, 0.2)
        after = poses + np.array([forward * np.cos(poses[0, 2]), forward * np.sin(poses[0, 2]), turn])
        odometry.update(np.arange(worlds), poses, after)
        poses = after
        truth.append(poses)
    return np.array(truth), odometry.poses.copy()


def relative(start, end):
    cos, sin = np.cos(start[2]), np.sin(start[2])
    x, y = end[:2] - start[:2]
    return np.array([cos * x + sin * y, cos * y - sin * x, np.angle(np.exp(1j * (end[2] - start[2])))])


def test_odometry_without_noise_is_exact():
    truth, pose = walk("none", 500)
    np.testing.assert_allclose(pose[0], relative(truth[0, 0], truth[-1, 0]), atol=1e-11)


def test_odometry_starts_at_zero_and_begins_anew():
    odometry = Odometry(2, noise_of("none"))
    before, after = np.array([[5.0, 5.0, 1.0]] * 2), np.array([[6.0, 5.0, 1.5]] * 2)
    odometry.update(np.array([0, 1]), before, after)
    odometry.begin(0, 3)
    assert (odometry.poses[0] == 0).all()
    assert (odometry.poses[1] != 0).all()
    odometry.update(np.array([0]), before, after)
    np.testing.assert_array_equal(odometry.poses[0], odometry.poses[1])


def test_odometry_takes_views_of_all_movers_poses():
    poses = np.random.default_rng(0).uniform(-1, 1, (3, 4, 3))
    odometry = Odometry(3, noise_of("none"))
    odometry.update(np.arange(3), poses[:, 0], poses[:, 0] + 0.01)
    assert (odometry.poses != 0).all()


def test_odometry_drifts_by_half_a_percent():
    count = 400
    odometry = Odometry(count, noise_of("realistic"))
    for world in range(count):
        odometry.begin(world, 1000 + world)
    before, after = np.zeros((count, 3)), np.zeros((count, 3))
    for _ in range(200):
        after = before + np.array([0.1, 0.0, 0.0])
        odometry.update(np.arange(count), before, after)
        before = after
    # 20 m: the scale error 0.5 % = 0.1 m and the random walk 0.005 * sqrt(20) = 0.022 m
    assert odometry.poses[:, 0].std() == pytest.approx(np.hypot(0.1, 0.0224), rel=0.12)
    assert odometry.poses[:, 0].mean() == pytest.approx(20.0, abs=0.02)
    assert (odometry.poses[:, 1:] == 0).all()


def test_odometry_of_a_key_is_the_same_in_any_batch():
    _, many = walk("realistic", 50, worlds=5)
    for world in range(5):
        _, alone = walk("realistic", 50, key=world)
        np.testing.assert_array_equal(alone[0], many[world])
    assert len(np.unique(many[:, 0])) == 5


def test_odometry_wrong_calls():
    odometry = Odometry(2, noise_of("none"))
    with pytest.raises(IndexError, match="there are 2"):
        odometry.update(np.array([2]), np.zeros((2, 3)), np.zeros((2, 3)))
    for before, after, name in ((3, 2, "before"), (2, 3, "after")):
        with pytest.raises(ValueError, match=f"{name} has shape"):
            odometry.update(np.array([0]), np.zeros((before, 3)), np.zeros((after, 3)))
