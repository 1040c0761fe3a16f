"""`RSPT/TrackState-v0`, its vectorised form and the duel: interface, equality, ablations, no leak of the truth."""

import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

import rspt  # noqa: F401  registers the ids
from envs.batch import WorldBatch
from envs.layouts.layout import Layout, Prisms
from envs.world_settings import world_settings
from rspt import duel_state_v0
from rspt.perceiver import Perceiver, PerceptionSettings
from rspt.perception.prediction import PredictorError
from rspt.perception.state import MAP_CHANNELS, VECTOR_WIDTH, entry_of
from rspt.track_state_vector import TrackStateVectorEnv

with warnings.catch_warnings():  # PettingZoo's tests import one of its environments in a way that it deprecates
    warnings.simplefilter("ignore")
    from pettingzoo.test import parallel_api_test, parallel_seed_test

OPEN = Layout("open", (0.0, 0.0, 30.0, 30.0), Prisms.empty())
WALLED = Layout("walled", (0.0, 0.0, 14.0, 14.0), Prisms.boxes([[7.0, 9.0]], (5.0, 0.2), z=(0.0, 2.5)))
OCCUPIED, FREE, PAST, FUTURE, ARRIVAL, BELIEF = range(6)


def make(**arguments):
    return gymnasium.make("RSPT/TrackState-v0", **arguments)


def rollout(environment, *, steps=25, seed=0):
    """States of an episode in which the tracker follows the target that its state shows."""
    observation, _ = environment.reset(seed=seed)
    states = [observation]
    for _ in range(steps):
        x, y = entry_of(observation["vector"][None], "target_position")[0]
        action = np.clip([x - 2.5, 1.5 * np.arctan2(y, max(x, 0.1))], -1.0, 1.0).astype(np.float32)
        observation, _, terminated, truncated, _ = environment.step(action)
        states.append(observation)
        if terminated or truncated:
            break
    return states


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"action": "discrete7", "noise": "realistic", "distractors": 2, "mask": "class"},
        {"render_mode": "rgb_array", "layout": "rooms", "predictor": "kalman"},
        {"localizer": "box", "ablation": "single_frame"},
        {"localizer": "video", "ablation": "true_future"},
        {"ablation": "true_map", "randomize": {"hfov_deg": (60, 90), "camera_height_m": (0.4, 1.2)}},
    ],
)
def test_gymnasiums_checker_has_nothing_to_say(arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        environment = make(**arguments)
        check_env(environment.unwrapped, skip_render_check=False, skip_close_check=True)
        environment.close()


def test_stable_baselines3_learns_on_it_as_it_is():
    ppo = pytest.importorskip("stable_baselines3").PPO
    environment = make(episode_steps=20, predictor="kalman")
    model = ppo("MultiInputPolicy", environment, n_steps=32, batch_size=32, n_epochs=1, device="cpu", seed=0)
    model.learn(64)
    environment.close()


def test_the_spaces_are_those_of_the_state():
    environment = make()
    observation, _ = environment.reset(seed=0)
    assert observation["map"].shape == (len(MAP_CHANNELS), 32, 32)
    assert observation["vector"].shape == (VECTOR_WIDTH,)
    for state in rollout(environment):
        assert environment.observation_space.contains(state)
    environment.close()


def test_the_state_shows_the_target_the_wall_and_the_past():
    environment = make(layout=WALLED, target_policy="wander", predictor="kalman")
    states = rollout(environment, steps=40)
    core = environment.unwrapped
    view = core.privileged_view()
    tracker, target = view.poses[0, :2]
    offset = target[:2] - tracker[:2]
    cos, sin = np.cos(tracker[2]), np.sin(tracker[2])
    vector = states[-1]["vector"][None]
    if entry_of(vector, "target_seen")[0, 0]:
        found = entry_of(vector, "target_position")[0]
        np.testing.assert_allclose(
            found, [cos * offset[0] + sin * offset[1], cos * offset[1] - sin * offset[0]], atol=0.2
        )
    maps = states[-1]["map"]
    assert maps[FREE].sum() > 50
    assert maps[PAST].max() > 0.5
    assert maps[FUTURE].max() > 0.3
    assert maps[ARRIVAL].max() <= maps[FUTURE].max()
    assert (np.minimum(maps[OCCUPIED], maps[FREE]) == 0).all()
    environment.close()


def test_the_vector_holds_the_last_action_and_the_body():
    environment = make(layout=OPEN, randomize={"speed_max_mps": (0.7, 2.0), "camera_height_m": (0.4, 1.2)})
    observation, _ = environment.reset(seed=3)
    np.testing.assert_array_equal(entry_of(observation["vector"][None], "last_action")[0], [0, 0])
    observation, *_ = environment.step(np.array([0.5, -0.25], dtype=np.float32))
    vector = observation["vector"][None]
    np.testing.assert_allclose(entry_of(vector, "last_action")[0], [0.5, -0.25])
    episode = environment.unwrapped.perceiver._batch.episodes[0]
    np.testing.assert_allclose(entry_of(vector, "speed_max"), episode.robots[0].speed_max_mps, rtol=1e-5)
    np.testing.assert_allclose(entry_of(vector, "camera_height"), episode.camera.height_m, rtol=1e-5)
    environment.close()


@pytest.mark.parametrize("arguments", [{}, {"predictor": "learned", "noise": "realistic"}, {"localizer": "video"}])
def test_same_seed_same_states_alone_and_in_a_batch(arguments):
    alone = rollout(make(layout="mixed", **arguments), seed=5)
    again = rollout(make(layout="mixed", **arguments), seed=5)
    batch = gymnasium.make_vec("RSPT/TrackState-v0", num_envs=3, layout="mixed", **arguments)
    observation, _ = batch.reset(seed=4)
    for number, state in enumerate(alone):
        for name in ("map", "vector"):
            np.testing.assert_array_equal(state[name], again[number][name])
            np.testing.assert_array_equal(state[name], observation[name][1])
        x, y = entry_of(observation["vector"], "target_position").T
        actions = np.clip(np.stack([x - 2.5, 1.5 * np.arctan2(y, np.maximum(x, 0.1))], axis=1), -1.0, 1.0)
        observation, *_ = batch.step(actions.astype(np.float32))
    batch.close()


def test_workers_change_nothing():
    states = []
    for num_workers in (0, 2):
        batch = TrackStateVectorEnv(4, num_workers=num_workers, layout="blocks", predictor="kalman", episode_steps=8)
        batch.reset(seed=0)
        for _ in range(12):
            observation, *_ = batch.step(np.tile(np.array([0.5, 0.2], dtype=np.float32), (4, 1)))
        states.append(observation)
        batch.close()
    for name in ("map", "vector"):
        np.testing.assert_array_equal(states[0][name], states[1][name])


def test_in_same_step_mode_the_last_state_is_that_of_the_episode_before():
    arguments = {"layout": "blocks", "predictor": "kalman", "episode_steps": 6}
    action = np.array([0.6, 0.3], dtype=np.float32)
    single = make(**arguments)
    single.reset(seed=0)
    for _ in range(6):
        last, _, _, truncated, _ = single.step(action)
    assert truncated
    fresh, _ = single.reset()
    batch = gymnasium.make_vec("RSPT/TrackState-v0", num_envs=2, autoreset_mode="SameStep", **arguments)
    batch.reset(seed=0)
    for _ in range(6):
        observation, *_, info = batch.step(np.tile(action, (2, 1)))
    for name in ("map", "vector"):
        np.testing.assert_array_equal(info["final_obs"][0][name], last[name])
        np.testing.assert_array_equal(observation[name][0], fresh[name])
    single.close()
    batch.close()


def test_the_hidden_truth_does_not_show_in_the_observation():
    states = []
    for shuffled in (False, True):
        batch = WorldBatch(world_settings(layout="rooms"), 3)
        perceiver = Perceiver(batch, PerceptionSettings(predictor="learned"))
        batch.reset([0, 1, 2])
        rng = np.random.default_rng(0)
        perceiver.begin()
        for _ in range(20):
            actions = np.tile([0.4, 0.3], (3, 1))
            out = batch.step(actions)
            kept = {name: array.copy() for name, array in out.info.items()}
            truth = [out.status.poses.copy(), out.status.velocities.copy()]
            if shuffled:
                out.status.poses[:], out.status.velocities[:] = rng.normal(size=truth[0].shape), 0.7
                for name, array in out.info.items():
                    if name != "step":  # the time is known to everybody
                        array[:] = rng.permutation(array) if array.dtype == bool else array + 1
            state = {name: array.copy() for name, array in perceiver.follow(actions).items()}
            out.status.poses[:], out.status.velocities[:] = truth
            for name, array in out.info.items():
                array[:] = kept[name]
            states.append(state)
        batch.close()
    half = len(states) // 2
    for one, other in zip(states[:half], states[half:], strict=True):
        for name in ("map", "vector"):
            np.testing.assert_array_equal(one[name], other[name])


def test_what_the_ablations_leave_out_and_put_in():
    last = {}
    for ablation in ("none", "no_map", "single_frame", "true_map", "no_prediction", "no_belief", "true_future"):
        environment = make(layout="mixed", predictor="kalman", ablation=ablation)
        last[ablation] = rollout(environment, steps=30, seed=2)[-1]
        environment.close()
    maps = {name: state["map"] for name, state in last.items()}
    assert not maps["no_map"][[OCCUPIED, FREE]].any()
    known = {name: np.count_nonzero(grid[OCCUPIED] + grid[FREE]) for name, grid in maps.items()}
    assert 0 < known["single_frame"] < known["none"] < known["true_map"] == 32 * 32
    assert not maps["no_prediction"][[FUTURE, ARRIVAL]].any()
    assert [name for name, grid in maps.items() if not grid[BELIEF].any()] == ["no_map", "no_prediction", "no_belief"]
    assert maps["no_belief"][FUTURE].any()
    assert entry_of(last["no_prediction"]["vector"][None], "predicted_weight") == 0.0
    assert 0 < maps["true_future"][FUTURE].sum() < 0.8 * maps["none"][FUTURE].sum()  # one sure path is narrower
    # the map that was found does not contradict the true one
    sure = maps["none"][FREE] > 0.5
    assert (maps["true_map"][OCCUPIED][sure] > 0).mean() < 0.05


def test_the_true_future_is_where_the_target_goes():
    environment = make(layout=OPEN, ablation="true_future", lost_after_steps=500)
    environment.reset(seed=1)
    still = np.zeros(2, dtype=np.float32)
    for _ in range(5):
        state, *_ = environment.step(still)
    predicted = entry_of(state["vector"][None], "predicted")[0].reshape(3, 2)
    for _ in range(12):
        environment.step(still)
    view = environment.unwrapped.privileged_view()
    tracker, target = view.poses[0, :2]
    cos, sin = np.cos(tracker[2]), np.sin(tracker[2])
    offset = target[:2] - tracker[:2]
    np.testing.assert_allclose(
        predicted[1], [cos * offset[0] + sin * offset[1], cos * offset[1] - sin * offset[0]], atol=1e-3
    )
    environment.close()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"localizer": "eyes"}, ValueError, "localizer.*'mask', 'box' or 'video'.*eyes"),
        ({"predictor": "oracle"}, PredictorError, "predictor 'oracle' is unknown; allowed: .*kalman"),
        ({"predictor": "nothere.safetensors"}, PredictorError, "nothere.safetensors"),
        ({"ablation": "no_walls"}, ValueError, "ablation.*no_walls"),
        ({"localizer": "video", "resolution": (64, 48)}, ValueError, r"160, 120.*64, 48"),
        ({"localizer": "video", "rgb": False}, ValueError, "colours"),
        ({"layouts": "blocks"}, ValueError, "'layouts', did you mean 'layout'"),
        ({"localiser": "mask"}, ValueError, "'localiser', did you mean 'localizer'"),
        ({"target_policy": "external"}, ValueError, "second player"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        make(**arguments)


def test_the_truth_needs_all_worlds_in_this_process():
    with pytest.raises(ValueError, match="num_workers=0"):
        TrackStateVectorEnv(2, num_workers=2, layout="blocks", ablation="true_map")


def test_steps_before_the_reset_and_after_the_end_are_refused():
    environment = make(episode_steps=1).unwrapped
    with pytest.raises(ResetNeeded):
        environment.step(np.zeros(2, dtype=np.float32))
    environment.reset(seed=0)
    environment.step(np.zeros(2, dtype=np.float32))
    with pytest.raises(ResetNeeded):
        environment.step(np.zeros(2, dtype=np.float32))
    environment.close()
    environment.close()


def test_a_pickled_environment_is_the_same_one():
    environment = make(layout="blocks", predictor="kalman").unwrapped
    copied = pickle.loads(pickle.dumps(environment))
    for one, other in zip(rollout(environment, steps=5), rollout(copied, steps=5), strict=True):
        np.testing.assert_array_equal(one["map"], other["map"])


def test_the_picture_has_the_view_the_map_and_the_scene():
    environment = make(layout="rooms", render_mode="rgb_array", predictor="kalman")
    environment.reset(seed=0)
    first = environment.render()
    assert first.shape == (480, 1600, 3)
    environment.step(np.array([1.0, 0.5], dtype=np.float32))
    assert (environment.render()[:, 640:1120] != first[:, 640:1120]).any()
    environment.close()


@pytest.mark.parametrize("action", ["continuous", "discrete7"])
def test_the_duel_gives_the_tracker_the_state(action):
    environment = duel_state_v0.parallel_env(layout="blocks", action=action, predictor="kalman")
    parallel_api_test(environment, num_cycles=40)
    observations, _ = environment.reset(seed=0)
    assert set(observations["tracker"]) == {"map", "vector"}
    assert set(observations["target"]) == {"map", "tracker", "velocity", "tracker_action"}
    environment.close()


def test_the_duel_repeats_with_its_seed():
    parallel_seed_test(lambda: duel_state_v0.parallel_env(layout="mixed", predictor="kalman"), num_cycles=10)
