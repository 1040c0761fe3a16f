"""The vectorised environment: the same as single ones, for any number of workers and each autoreset mode."""

import os
import signal

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError
from gymnasium.vector import AutoresetMode

import envs  # noqa: F401
from envs.errors import WorkerError
from envs.targets.replay import ReplayPolicy
from envs.targets.tracks import ReplayTrack
from envs.vector import TrackVectorEnv

ARGUMENTS = {"layout": ["blocks", "mixed"], "episode_steps": 15, "noise": "realistic", "distractors": 1}


def actions_of(world: int, steps: int) -> np.ndarray:
    return np.random.default_rng(world).uniform(-1, 1, (steps, 2)).astype(np.float32)


def roll_single(seed: int, actions: np.ndarray) -> list[tuple]:
    """What a single environment yields when it is reset in the step after an end, as NEXT_STEP does."""
    environment = gymnasium.make("RSPT/Track-v0", **ARGUMENTS)
    observation, info = environment.reset(seed=seed)
    rows, done = [(observation, 0.0, False, False, info)], False
    for action in actions:
        if done:
            observation, info = environment.reset()
            rows.append((observation, 0.0, False, False, info))
            done = False
        else:
            rows.append(environment.step(action))
            done = rows[-1][2] or rows[-1][3]
    environment.close()
    return rows


def assert_equal_rows(world, single, vector):
    observation, reward, terminated, truncated, info = vector
    for name, value in single[0].items():
        assert (observation[name][world] == value).all(), name
    assert (reward[world], terminated[world], truncated[world]) == single[1:4]
    for name, value in single[4].items():
        assert info[name][world] == value, name
        assert info[f"_{name}"][world]


@pytest.mark.parametrize("num_workers", [0, 1, 2])
def test_each_world_is_the_single_environment_bit_for_bit(num_workers):
    steps, worlds = 40, 3
    actions = np.stack([actions_of(world, steps) for world in range(worlds)], axis=1)
    singles = [roll_single(7 + world, actions[:, world]) for world in range(worlds)]
    vector = gymnasium.make_vec("RSPT/Track-v0", num_envs=worlds, num_workers=num_workers, **ARGUMENTS)
    assert isinstance(vector, TrackVectorEnv)
    observation, info = vector.reset(seed=7)
    zero = np.zeros(worlds)
    rows = [(observation, zero, zero.astype(bool), zero.astype(bool), info)]
    rows += [vector.step(action) for action in actions]
    assert sum(bool(row[3].any()) for row in rows) > 0, "no episode ended: the test shows too little"
    for world, single in enumerate(singles):
        for one, many in zip(single, rows, strict=True):
            assert_equal_rows(world, one, many)
    vector.close()


def test_same_step_keeps_the_last_observation_and_goes_on():
    steps, worlds = 40, 2
    actions = np.stack([actions_of(world, steps) for world in range(worlds)], axis=1)
    same = TrackVectorEnv(worlds, autoreset_mode="SameStep", **ARGUMENTS)
    following = TrackVectorEnv(worlds, **ARGUMENTS)
    same.reset(seed=7)
    following.reset(seed=7)
    for step in range(15):
        ours, theirs = same.step(actions[step]), following.step(actions[step])
    assert ours[3].all()
    assert (ours[1] == theirs[1]).all()
    fresh, *_ = following.step(actions[15])
    for world in range(worlds):
        final = ours[4]["final_obs"][world]
        for name in final:
            assert (final[name] == theirs[0][name][world]).all()
            assert (ours[0][name][world] == fresh[name][world]).all()
        assert ours[4]["final_info"]["distance_m"][world] == theirs[4]["distance_m"][world]
    assert ours[4]["_final_obs"].all()
    assert (ours[4]["step"] == 0).all()
    assert "final_obs" not in same.step(actions[16])[4]
    same.close()
    following.close()


def test_the_mode_is_stated():
    for mode in AutoresetMode:
        vector = TrackVectorEnv(1, autoreset_mode=mode, layout="blocks")
        assert vector.metadata["autoreset_mode"] is mode
        vector.close()
    assert "autoreset_mode" not in TrackVectorEnv.metadata


def test_disabled_resets_what_the_mask_names():
    vector = TrackVectorEnv(3, autoreset_mode="Disabled", layout="blocks", episode_steps=2)
    vector.reset(seed=0)
    for _ in range(2):
        observation, *_ = vector.step(np.zeros((3, 2), dtype=np.float32))
    with pytest.raises(gymnasium.error.ResetNeeded):
        vector.step(np.zeros((3, 2), dtype=np.float32))
    again, info = vector.reset(options={"reset_mask": np.array([True, False, True])})
    assert info["step"].tolist() == [0, 2, 0]
    assert (again["depth"][1] == observation["depth"][1]).all()
    assert (again["depth"][0] != observation["depth"][0]).any()
    with pytest.raises(ValueError, match="reset_mask"):
        vector.reset(options={"reset_mask": [1, 0]})
    vector.close()


def test_lists_of_seeds_and_their_errors():
    vector = TrackVectorEnv(2, layout="blocks")
    _, info = vector.reset(seed=[5, 9])
    assert info["episode_seed"].tolist() == [5, 9]
    with pytest.raises(ValueError, match="3 entries for 2 worlds"):
        vector.reset(seed=[1, 2, 3])
    with pytest.raises(gymnasium.error.Error, match="seed"):
        vector.reset(seed=-1)
    vector.close()


def test_gymnasium_wrappers_of_vectors_work():
    vector = gymnasium.make_vec("RSPT/Track-v0", num_envs=2, layout="blocks", max_episode_steps=5)
    vector = gymnasium.wrappers.vector.RecordEpisodeStatistics(vector)
    vector.reset(seed=0)
    for _ in range(5):
        *_, info = vector.step(np.zeros((2, 2), dtype=np.float32))
    assert info["episode"]["l"].tolist() == [5, 5]
    vector.close()


def test_discrete_actions_and_pictures():
    vector = gymnasium.make_vec(
        "RSPT/Track-v0", num_envs=2, num_workers=2, layout="blocks", action="discrete7", render_mode="rgb_array"
    )
    vector.reset(seed=0)
    for _ in range(3):
        vector.step(vector.action_space.sample())
    assert [picture.shape for picture in vector.render()] == [(480, 1120, 3)] * 2
    with pytest.raises(ValueError, match="world 1"):
        vector.step(np.array([0, 9]))
    vector.close()


@pytest.mark.parametrize("num_workers", [0, 2])
def test_bad_actions_name_the_world_and_leave_the_worlds_usable(num_workers):
    vector = TrackVectorEnv(2, num_workers=num_workers, layout="blocks")
    vector.reset(seed=0)
    bad = np.zeros((2, 2), dtype=np.float32)
    bad[1, 0] = np.nan
    with pytest.raises(ValueError, match="world 1"):
        vector.step(bad)
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        vector.step(np.zeros((3, 2)))
    vector.step(np.zeros((2, 2)))
    vector.close()
    vector.close()
    with pytest.raises(ClosedEnvironmentError):
        vector._batch.step(np.zeros((2, 2)))


def test_more_workers_than_worlds_are_refused():
    with pytest.raises(ValueError, match="num_workers"):
        TrackVectorEnv(2, num_workers=3)


def test_a_worker_that_raises_hands_over_traceback_world_and_seed():
    # a walk of 40 m fits into no arena of 12 m, which shows when an episode begins
    track = ReplayTrack.from_array(np.stack([np.linspace(0.0, 40.0, 50), np.zeros(50)], axis=1), dt_s=1.0)
    vector = TrackVectorEnv(
        4, num_workers=2, layout="blocks", layout_size_m=12.0, target_policy=["goal", ReplayPolicy(track=track)]
    )
    with pytest.raises(WorkerError, match=r"(?s)world 3, seed 8.*Traceback.*LayoutError.*replayed track"):
        vector.reset(seed=5)
    # the share of this process failed too; all answers were taken, so that the next reset is not confused
    with pytest.raises(WorkerError, match="world 3, seed 108"):
        vector.reset(seed=105)
    vector.close()


def test_a_killed_worker_is_named_and_close_still_works():
    vector = TrackVectorEnv(2, num_workers=2, layout="blocks")
    vector.reset(seed=0)
    processes = [worker.process for worker in vector._batch._workers]
    os.kill(processes[0].pid, signal.SIGKILL)

    def until_it_fails():
        for _ in range(3):
            vector.step(np.zeros((2, 2)))

    with pytest.raises(WorkerError, match=r"worlds 1 to 1.*exit code -9"):
        until_it_fails()
    vector.close()
    assert not any(process.is_alive() for process in processes)
