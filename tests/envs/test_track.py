"""`RSPT/Track-v0`: interface, observations, ends of episodes, bad calls."""

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pybullet
import pytest
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.utils.env_checker import check_env

import envs
from envs.batch import WorldBatch
from envs.errors import LayoutError, RenderError
from envs.layouts import SPLITS
from envs.layouts.layout import Layout, Prisms
from envs.targets.tracks import ReplayTrack
from envs.world_settings import world_settings

FAMILIES = [family for families in SPLITS.values() for family in families]
OPEN = Layout("open", (0.0, 0.0, 30.0, 30.0), Prisms.empty())


def make(**arguments):
    return gymnasium.make("RSPT/Track-v0", **arguments)


def test_a_share_of_the_episodes_draws_the_body():
    environment = make(layout=OPEN, randomize={"hfov_deg": (60, 80), "latency_steps": (1, 3), "share": 0.3})
    drawn = 0
    for seed in range(100):
        environment.reset(seed=seed)
        episode = environment.unwrapped._world.batch.episodes[0]
        nominal = episode.camera.hfov_deg == 90.0
        assert nominal == (episode.latency_steps == 0)
        drawn += not nominal
    assert 15 < drawn < 45
    environment.close()


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"rgb": True, "resolution": (80, 60)},
        {"action": "discrete7", "noise": "realistic", "distractors": 2, "mask": "class"},
        {"renderer": "bullet", "layout": "mixed"},
        {"render_mode": "rgb_array", "layout": "rooms"},
    ],
)
def test_gymnasiums_checker_has_nothing_to_say(arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        environment = make(**arguments)
        check_env(environment.unwrapped, skip_render_check=False, skip_close_check=True)
        environment.close()


def test_stable_baselines3s_checker_only_minds_the_image_shapes():
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    environment = make(rgb=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checker.check_env(environment.unwrapped, warn=True)
    messages = [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    allowed = ("image", "uint8", "[0, 255]", "observation space")
    assert [message for message in messages if not any(word in message for word in allowed)] == []
    environment.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_sound_observations(family):
    environment = make(layout=family)
    observation, info = environment.reset(seed=1)
    rng = np.random.default_rng(0)
    for _ in range(40):
        assert environment.observation_space.contains(observation)
        assert np.isfinite(observation["depth"]).all()
        assert len(np.unique(observation["depth"])) > 10, "the camera sees nothing, or stands inside an obstacle"
        assert all(np.isscalar(value) for value in info.values())
        observation, reward, terminated, truncated, info = environment.step(rng.uniform(-1, 1, 2).astype(np.float32))
        assert -1.0 <= reward <= 1.0
        if terminated or truncated:
            observation, info = environment.reset()
    environment.close()


def test_spaces_are_finite_and_as_documented():
    environment = make(rgb=True, resolution=(160, 120))
    space = environment.observation_space
    assert {name: (box.shape, box.dtype.name) for name, box in space.spaces.items()} == {
        "depth": ((120, 160), "float32"),
        "target_mask": ((120, 160), "uint8"),
        "pose": ((3,), "float32"),
        "velocity": ((2,), "float32"),
        "rgb": ((120, 160, 3), "uint8"),
    }
    for box in [*space.spaces.values(), environment.action_space]:
        assert np.isfinite(box.low).all()
        assert np.isfinite(box.high).all()
    assert space["depth"].high.max() == 8.0
    environment.close()


def test_an_episode_begins_in_front_of_the_visible_target_without_its_world_pose():
    environment = make(layout="blocks")
    for seed in range(5):
        observation, info = environment.reset(seed=seed)
        assert (observation["pose"] == 0).all()
        assert (observation["velocity"] == 0).all()
        assert info["distance_m"] == pytest.approx(2.5)
        assert info["bearing_rad"] == pytest.approx(0.0, abs=1e-9)
        assert info["visible_share"] > 0.5
        assert observation["target_mask"].any()
        # the surface of the body is its radius nearer than its axis
        centre = observation["depth"][:, 31:33][observation["target_mask"][:, 31:33] == 1]
        assert np.median(centre) == pytest.approx(2.25, abs=0.02)
    environment.close()


def test_driving_forward_for_a_second_is_seen_by_odometry():
    environment = make(layout=OPEN)
    observation, _ = environment.reset(seed=0)
    for _ in range(10):
        observation, *_ = environment.step(np.array([0.5, 0.0], dtype=np.float32))
    # 1 m/s after 0.25 s of acceleration at 4 m/s² in steps of 0.1 s: 0.4, 0.8, 1, 1, ... m/s
    assert observation["velocity"] == pytest.approx([1.0, 0.0], abs=1e-5)
    assert observation["pose"] == pytest.approx([0.04 + 0.08 + 8 * 0.1, 0.0, 0.0], abs=1e-5)
    environment.close()


def test_observations_are_the_callers_to_keep():
    environment = make()
    first, _ = environment.reset(seed=0)
    kept = copy.deepcopy(first)
    second, *_ = environment.step(np.array([1.0, 1.0], dtype=np.float32))
    environment.step(np.array([1.0, -1.0], dtype=np.float32))
    for name, value in kept.items():
        assert (first[name] == value).all()
    second["depth"][:] = -1
    third, *_ = environment.step(np.array([0.0, 0.0], dtype=np.float32))
    assert (third["depth"] >= 0).all()
    environment.close()


def turn_away(environment, limit):
    """Turn the back to the target and wait; returns the number of steps to the end and the last step."""
    environment.reset(seed=3)
    for step in range(1, limit + 1):
        result = environment.step(np.array([-0.2 if step > 16 else 0.0, 1.0 if step <= 16 else 0.0], dtype=np.float32))
        if result[2] or result[3]:
            return step, result
    return limit, result


def test_the_room_beside_the_tracker_is_told():
    environment = make(layout="blocks", reward={"tracker": {"cost_close": 1.0}})
    _, info = environment.reset(seed=1)
    rooms = [float(info["room_m"])]
    for _ in range(60):
        *_, info = environment.step(np.array([0.8, 0.0], dtype=np.float32))
        rooms.append(float(info["room_m"]))
        view = environment.unwrapped.privileged_view()
        clearance = view.free_spaces[0].clearance
        cell = tuple(view.free_spaces[0].cell_of(view.poses[0, 0, :2]))
        assert rooms[-1] == pytest.approx(max(clearance[cell] - 0.25, 0.0), abs=0.1)
        assert info["reward/cost_close"] == pytest.approx(-max(1.0 - rooms[-1] / 0.4, 0.0))
    assert min(rooms) < 0.05  # it has driven at something
    assert max(rooms) > 0.4
    environment.close()


def test_the_episode_ends_at_the_step_after_the_allowed_number_of_hidden_ones():
    environment = make(layout=OPEN, target_policy="wander", lost_after_steps=20)
    steps, (_, _, terminated, truncated, info) = turn_away(environment, 200)
    assert terminated
    assert not truncated
    assert info["hidden_steps"] == 21
    assert info["step"] == steps
    environment.close()


def test_time_up_is_a_truncation():
    environment = make(layout=OPEN, episode_steps=7)
    environment.reset(seed=0)
    ends = [environment.step(np.zeros(2, dtype=np.float32))[2:4] for _ in range(7)]
    assert ends == [(False, False)] * 6 + [(False, True)]
    environment.close()


def test_a_layout_seed_repeats_the_layout_and_an_episode_seed_the_episode():
    environment = make(layout="mixed")
    environment.reset(seed=5)
    environment.reset()
    observation, info = environment.reset()
    layout = environment.unwrapped._world.batch.episodes[0].place.layout
    other = make(layout="mixed")
    again, again_info = other.reset(seed=info["episode_seed"])
    assert again_info == info
    assert all((again[name] == observation[name]).all() for name in observation)
    other.reset(seed=99, options={"layout_seed": info["layout_seed"]})
    assert other.unwrapped._world.batch.episodes[0].place.layout.hash == layout.hash
    assert (
        other.unwrapped._world.batch.episodes[0].poses != environment.unwrapped._world.batch.episodes[0].poses
    ).any()
    environment.close()
    other.close()


def test_the_target_may_be_as_fast_as_the_tracker():
    speeds = {}
    for ratio in (0.3, 0.7, 1.0):
        environment = make(layout=OPEN, target_speed_ratio=ratio, lost_after_steps=1000)
        environment.reset(seed=2)
        view = environment.unwrapped.privileged_view
        speeds[ratio] = max(
            (environment.step(np.zeros(2, dtype=np.float32)), view().velocities[0, 1, 0])[1] for _ in range(120)
        )
        environment.close()
    assert speeds == pytest.approx({0.3: 0.6, 0.7: 1.4, 1.0: 2.0}, rel=0.12)


def test_discrete_actions_drive():
    environment = make(layout=OPEN, action="discrete7")
    assert environment.action_space.n == 7
    environment.reset(seed=0)
    for _ in range(10):
        observation, *_ = environment.step(1)
    assert observation["velocity"] == pytest.approx([2.0, 0.0], abs=1e-5)
    environment.close()


def test_latency_delays_the_tracker():
    environment = make(layout=OPEN, randomize={"latency_steps": (3, 3)})
    environment.reset(seed=0)
    speeds = [environment.step(np.array([1.0, 0.0], dtype=np.float32))[0]["velocity"][0] for _ in range(5)]
    assert speeds == pytest.approx([0.0, 0.0, 0.0, 0.4, 0.8], abs=1e-6)
    environment.close()


def test_the_body_is_drawn_per_episode_within_its_ranges():
    environment = make(
        layout=OPEN,
        randomize={"hfov_deg": (60, 90), "camera_height_m": (0.4, 1.2), "speed_max_mps": (0.7, 2.0)},
    )
    drawn = []
    for seed in range(30):
        environment.reset(seed=seed)
        episode = environment.unwrapped._world.batch.episodes[0]
        drawn.append((episode.camera.hfov_deg, episode.camera.height_m, episode.robots[0].speed_max_mps))
    low, high = np.min(drawn, axis=0), np.max(drawn, axis=0)
    assert (low >= [60, 0.4, 0.7]).all()
    assert (high <= [90, 1.2, 2.0]).all()
    assert (high - low > 0.5 * np.array([30, 0.8, 1.3])).all()
    environment.close()


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ([np.nan, 0.0], "forward is not finite"),
        ([0.0, np.inf], "turn is not finite"),
        ([0.0, 1.01], r"turn must lie in \[-1, 1\]"),
        ([-1.5, 0.0], "forward must lie"),
        ([0.0], "shape"),
        ([[0.0, 0.0]], "shape"),
        (["fast", "left"], "numbers"),
        (None, "shape"),
    ],
)
def test_bad_actions_are_refused_and_change_nothing(action, message):
    environment = make(layout=OPEN).unwrapped
    environment.reset(seed=0)
    before = environment.privileged_view().poses
    with pytest.raises(ValueError, match=message):
        environment.step(action)
    assert (environment.privileged_view().poses == before).all()
    environment.step([0.0, 0.0])
    environment.close()


@pytest.mark.parametrize("action", [7, -1, 0.5, "left", [1, 2]])
def test_bad_choices_are_refused(action):
    environment = make(layout=OPEN, action="discrete7").unwrapped
    environment.reset(seed=0)
    with pytest.raises(ValueError, match="tracker: discrete action"):
        environment.step(action)
    environment.close()


def test_calls_out_of_order_are_refused():
    environment = make(layout=OPEN, episode_steps=1).unwrapped
    with pytest.raises(ResetNeeded):
        environment.step([0.0, 0.0])
    with pytest.raises(ResetNeeded):
        environment.privileged_view()
    environment.reset(seed=0)
    environment.step([0.0, 0.0])
    with pytest.raises(ResetNeeded, match="over"):
        environment.step([0.0, 0.0])
    environment.reset()
    environment.close()
    environment.close()
    with pytest.raises(ClosedEnvironmentError):
        environment.step([0.0, 0.0])
    with pytest.raises(ClosedEnvironmentError):
        environment.reset()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layuot": "blocks"}, "unknown argument 'layuot', did you mean 'layout'"),
        ({"layout": "blokcs"}, "blocks"),
        ({"layout": []}, "layout"),
        ({"layout": None}, "layout: must be a family, a map file, a Layout"),
        ({"layout": 3}, "layout: must be a family"),
        ({"render_mod": "rgb_array"}, "did you mean 'render_mode'"),
        ({"actions": "discrete7"}, "did you mean 'action'"),
        ({"camera": {"fov_deg": 60}}, "camera: unknown key 'fov_deg', did you mean 'hfov_deg'"),
        ({"start": {"distance": (2, 3)}}, "start: unknown key 'distance', did you mean 'distance_m'"),
        ({"noise": {"depth_sigm": 1}}, "noise: unknown key 'depth_sigm', did you mean 'depth_sigma'"),
        ({"target_policy": {"name": "goal", "speed": 1}}, "target_policy.*speed"),
        ({"target_policy": 7}, "target_policy.*name"),
        ({"layout": "no/such/map.yaml"}, "map.yaml"),
        ({"target_policy": "gaol"}, "goal"),
        ({"target_policy": "external"}, "duel_v0"),
        ({"target_policy": ["goal", "external"]}, "duel_v0"),
        ({"renderer": "opengl"}, "renderer"),
        ({"noise": "realistc"}, "realistic"),
        ({"mask": "instance"}, "mask"),
        ({"distractors": -1}, "distractors"),
        ({"distractors": 1000}, "distractors"),
        ({"distractor_policy": "external"}, "distractor_policy"),
        ({"lost_after_steps": 0}, "lost_after_steps"),
        ({"target_speed_ratio": 0.0}, "target_speed_ratio"),
        ({"target_speed_ratio": (1.0, 0.5)}, "target_speed_ratio"),
        ({"target_speed_ratio": float("nan")}, "target_speed_ratio"),
        ({"resolution": (64,)}, "resolution"),
        ({"resolution": (4, 48)}, "resolution"),
        ({"resolution": "big"}, "resolution"),
        ({"layout_size_m": 3.0}, "layout_size_m"),
        ({"randomize": {"hfov_deg": (90, 60)}}, "hfov_deg"),
        ({"start": {"distance_m": (9.0, 10.0)}}, "distance_m"),
        (
            {"reward": {"tracker": {"cost_contakt": 1.0}}},
            "reward.tracker: unknown key 'cost_contakt', did you mean 'cost_contact'",
        ),
        ({"render_mode": "movie"}, "render_mode"),
        ({"action": "discrete9"}, "discrete7"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # gymnasium warns of the render mode as well
        with pytest.raises(ValueError, match=message):
            make(**arguments)


@pytest.mark.parametrize("seed", [0, 2**32, 2**63 - 1, np.int64(7), None])
def test_good_seeds(seed):
    environment = make(layout=OPEN).unwrapped
    _, info = environment.reset(seed=seed)
    assert seed is None or info["episode_seed"] == int(seed)
    environment.close()


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "7", True])
def test_bad_seeds(seed):
    environment = make(layout=OPEN).unwrapped
    with pytest.raises(gymnasium.error.Error, match="seed"):
        environment.reset(seed=seed)
    environment.close()


@pytest.mark.parametrize("options", [{"layout": 3}, {"layout_seed": -1}, {"layout_seed": "x"}])
def test_bad_options(options):
    environment = make(layout=OPEN).unwrapped
    with pytest.raises((ValueError, gymnasium.error.Error), match="layout"):
        environment.reset(seed=0, options=options)
    environment.close()


def test_a_layout_without_room_is_refused():
    narrow = Layout("narrow", (0.0, 0.0, 0.4, 40.0), Prisms.empty())
    with pytest.raises(LayoutError, match="narrow"):
        make(layout=narrow)


def test_a_copy_is_a_fresh_environment_with_the_same_arguments():
    environment = make(layout="pillars", rgb=True, noise="realistic")
    observation, _ = environment.reset(seed=4)
    for twin in (pickle.loads(pickle.dumps(environment)), copy.deepcopy(environment)):
        with pytest.raises(ResetNeeded):
            twin.unwrapped.step([0.0, 0.0])
        again, _ = twin.reset(seed=4)
        assert all((again[name] == observation[name]).all() for name in observation)
        twin.close()
    environment.step(np.zeros(2, dtype=np.float32))
    environment.close()


def _roll_in_child(answers):
    environment = gymnasium.make("RSPT/Track-v0", layout="blocks")
    environment.reset(seed=1)
    answers.put(float(environment.step(np.zeros(2, dtype=np.float32))[1]))
    environment.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_may_make_its_own():
    environment = make(layout="blocks")
    environment.reset(seed=1)
    expected = float(environment.step(np.zeros(2, dtype=np.float32))[1])
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=_roll_in_child, args=(answers,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert answers.get() == expected
    environment.step(np.zeros(2, dtype=np.float32))
    environment.close()


def test_clients_do_not_pile_up():
    def clients() -> int:
        return sum(pybullet.isConnected(client) for client in range(64))

    before = clients()
    for _ in range(10):
        environment = make(layout=OPEN)
        environment.close()
        dropped = make(layout=OPEN)  # never closed
        del dropped
    with pytest.raises(LayoutError):
        make(layout=Layout("none", (0.0, 0.0, 1.0, 1.0), Prisms.empty()))
    assert clients() == before


def test_a_window_without_a_display_is_an_error_and_the_process_lives(tmp_path):
    script = (
        "import gymnasium, envs\nfrom envs.errors import RenderError\n"
        "try:\n    gymnasium.make('RSPT/Track-v0', render_mode='human')\n"
        "except RenderError as error:\n    print('refused:', error)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "refused:" in done.stdout
    assert issubclass(RenderError, RuntimeError)


def test_pictures_are_of_one_size_and_show_both_views():
    environment = make(layout="rooms", render_mode="rgb_array")
    environment.reset(seed=0)
    first = environment.render()
    for _ in range(20):
        environment.step(np.array([0.3, 0.5], dtype=np.float32))
    second = environment.render()
    assert first.shape == second.shape == (480, 1120, 3)
    assert first.dtype == np.uint8
    assert (first != second).any()
    for half in (second[:, :640], second[:, 640:]):
        assert len(np.unique(half.reshape(-1, 3), axis=0)) > 20
    environment.close()


def test_gymnasiums_recorders_work(tmp_path):
    pytest.importorskip("moviepy")
    environment = make(layout="blocks", render_mode="rgb_array", episode_steps=12)
    environment = gymnasium.wrappers.RecordEpisodeStatistics(environment)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        environment = gymnasium.wrappers.RecordVideo(environment, str(tmp_path), disable_logger=True)
        environment.reset(seed=0)
        total, truncated = 0.0, False
        while not truncated:
            _, reward, _, truncated, info = environment.step(np.zeros(2, dtype=np.float32))
            total += float(reward)
        environment.close()
    assert info["episode"]["l"] == 12
    assert info["episode"]["r"] == pytest.approx(total, abs=1e-4)
    assert [path.stat().st_size > 1000 for path in tmp_path.glob("*.mp4")] == [True]


def test_both_ways_to_the_id():
    assert envs.__name__ == "envs"
    environment = gymnasium.make("envs:RSPT/Track-v0")
    environment.close()


def test_a_hidden_target_leaves_no_trace_in_the_observation():
    """Whatever the truth behind a wall is, the tracker sees the same."""
    wall = Layout("wall", (0.0, 0.0, 20.0, 20.0), Prisms.boxes([[8.0, 10.0]], (0.2, 6.0), z=(0.0, 2.5)))
    batch = WorldBatch(world_settings(layout=wall, rgb=True, distractors=1), 1)
    batch.reset([0])
    seen = []
    for target, distractor in (([11.0, 9.0, 0.0], [14.0, 12.0, 1.0]), ([16.0, 11.0, 2.0], [10.0, 9.0, -1.0])):
        batch.out.status.poses[0] = [[5.0, 10.0, 0.0], target, distractor]
        batch.senses.sense(np.array([0]), batch.out)
        seen.append({name: array.copy() for name, array in batch.out.observation.items()})
    assert not seen[0]["target_mask"].any()
    for name in seen[0]:
        assert (seen[0][name] == seen[1][name]).all(), name
    batch.close()


def test_the_world_pose_is_not_in_the_observation():
    """The same scene elsewhere in the arena, turned, looks the same: odometry starts at zero."""
    views = []
    for shift, turn in ((0.0, 0.0), (5.0, np.pi / 2)):
        block = np.array([[2.0, 0.5]]) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        place = np.array([10.0 + shift, 10.0 - shift])
        layout = Layout(
            "shifted", (0.0, 0.0, 20.0, 20.0), Prisms.boxes(place + block, (0.3, 0.2), yaw=turn, z=(0.0, 0.6))
        )
        batch = WorldBatch(world_settings(layout=layout), 1)
        batch.reset([0])
        target = place + np.array([np.cos(turn), np.sin(turn)]) * 3.0
        batch.out.status.poses[0] = [[*place, turn], [*target, 0.0]]
        batch.senses.sense(np.array([0]), batch.out)
        views.append({name: array[0].copy() for name, array in batch.out.observation.items()})
        batch.close()
    assert views[0]["depth"] == pytest.approx(views[1]["depth"], abs=1e-4)
    assert (views[0]["target_mask"] == views[1]["target_mask"]).all()
    assert (views[0]["pose"] == views[1]["pose"]).all()


def test_masks_of_one_and_of_all_that_look_alike():
    poses = [[5.0, 10.0, 0.0], [8.0, 10.0, 0.0], [8.0, 11.5, 0.0]]
    marked = {}
    for mask, look in (("identity", "same"), ("class", "same"), ("class", "other")):
        batch = WorldBatch(world_settings(layout=OPEN, mask=mask, distractors=1, distractor_look=look), 1)
        batch.reset([0])
        batch.out.status.poses[0] = poses
        batch.senses.sense(np.array([0]), batch.out)
        marked[mask, look] = batch.out.observation["target_mask"][0].any(axis=0)
        batch.close()
    assert marked["identity", "same"][28:36].any()
    assert not marked["identity", "same"][:24].any()
    assert marked["class", "same"][28:36].any()
    assert marked["class", "same"][:24].any()
    assert (marked["class", "other"] == marked["identity", "same"]).all()


def test_a_recorded_track_is_replayed():
    walk = np.stack([np.linspace(0.0, 12.0, 31), np.sin(np.linspace(0.0, 3.0, 31))], axis=1)
    environment = make(layout="blocks", target_policy=ReplayTrack.from_array(walk, dt_s=0.4), lost_after_steps=500)
    environment.reset(seed=0)
    path = []
    for _ in range(110):
        path.append(environment.unwrapped.privileged_view().poses[0, 1, :2])
        environment.step(np.zeros(2, dtype=np.float32))
    path = np.array(path)
    # the walk is 12 m long at 1 m/s, turned and moved to where it fits
    assert np.hypot(*(path[-1] - path[0])) == pytest.approx(11.0, abs=1.5)
    environment.close()


def test_a_track_file_is_replayed():
    tracks = Path(__file__).parents[2].parent / "shared" / "data" / "trajectories"
    if not tracks.exists():
        pytest.skip("the recorded tracks are not beside the checkout")
    file = tracks / "ethucy_crowds_zara01" / "crowds_zara01.txt"
    environment = make(layout=OPEN, target_policy={"name": "replay", "file": str(file)})
    _, info = environment.reset(seed=0)
    assert info["distance_m"] == pytest.approx(2.5)
    for _ in range(30):
        environment.step(np.zeros(2, dtype=np.float32))
    assert np.abs(environment.unwrapped.privileged_view().velocities[0, 1, 0]) > 0.2
    environment.close()


def test_distractors_walk_about():
    environment = make(layout="pillars", distractors=3, lost_after_steps=500)
    environment.reset(seed=1)
    before = environment.unwrapped.privileged_view().poses[0]
    for _ in range(60):
        environment.step(np.zeros(2, dtype=np.float32))
    moved = np.hypot(*(environment.unwrapped.privileged_view().poses[0] - before)[2:, :2].T)
    assert len(moved) == 3
    assert (moved > 0.3).all()
    environment.close()
