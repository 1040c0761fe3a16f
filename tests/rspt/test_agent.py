"""Trackers by name and by path."""

import gymnasium
import numpy as np
import pytest
import torch

import rspt
from agents.networks import Actor, Sizes
from rspt.errors import UsageError
from rspt.perceiver import state_space
from rspt.training.agent_weights import AgentWeights, save_agent_weights

SPACE = state_space()


def observation(worlds=None, seed=0):
    rng = np.random.default_rng(seed)
    lead = () if worlds is None else (worlds,)
    return {
        name: rng.uniform(space.low, space.high, (*lead, *space.shape)).astype(np.float32)
        for name, space in SPACE.spaces.items()
    }


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    sizes = Sizes(SPACE["map"].shape[0], SPACE["map"].shape[1], SPACE["vector"].shape[0], (4, 4, 4), 16)
    actor = Actor(sizes)
    torch.nn.init.normal_(actor.head.weight)
    path = tmp_path_factory.mktemp("agent") / "tracker.safetensors"
    save_agent_weights(path, AgentWeights("tracker", sizes._asdict(), dict(actor.state_dict())))
    return path


@pytest.mark.parametrize("name", ["random", "pid", "pid_kalman", "planner"])
def test_scripted_trackers_act_on_one_world_and_on_many(name):
    agent = rspt.load_agent(name)
    assert not agent.privileged
    action = agent.act(observation())
    assert action.shape == (2,)
    assert action.dtype == np.float32
    agent.reset()
    assert agent.act(observation(3)).shape == (3, 2)
    agent.reset([True, False, False])
    assert np.abs(agent.act(observation(3))).max() <= 1.0


def test_the_oracle_says_that_it_needs_the_truth():
    agent = rspt.load_agent("oracle")
    assert agent.privileged
    with pytest.raises(ValueError, match="privileged_view"):
        agent.act(observation())
    env = gymnasium.make("RSPT/TrackState-v0", predictor="kalman")
    state, _ = env.reset(seed=0)
    agent.reset()
    action = agent.act(state, env.unwrapped.privileged_view())
    assert env.action_space.contains(action)
    env.close()


def test_a_trained_tracker_is_loaded_from_its_file(weights):
    agent = rspt.load_agent(weights)
    many = agent.act(observation(20))
    assert many.shape == (20, 2)
    agent.reset()
    one = agent.act({name: array[7] for name, array in observation(20).items()})
    np.testing.assert_array_equal(one, many[7])  # to the bit, whatever the batch
    assert many.std() > 0.0


def test_the_pretrained_tracker_keeps_an_easy_target():
    agent = rspt.load_agent("pretrained")
    env = gymnasium.make("RSPT/TrackState-v0", layout="pillars", target_speed_ratio=0.5, predictor="kalman")
    state, _ = env.reset(seed=11)
    total = 0.0
    for _ in range(150):
        state, reward, terminated, truncated, _ = env.step(agent.act(state))
        total += reward
        assert not terminated
        assert not truncated
    env.close()
    assert total > 75.0  # of 150: half of what a perfect one gets


def test_what_cannot_be_loaded_is_named(tmp_path, weights):
    with pytest.raises(
        UsageError, match=r"unknown agent 'planer', did you mean 'planner'\? \(known: pretrained, random, pid"
    ):
        rspt.load_agent("planer")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(UsageError, match=r"broken\.safetensors"):
        rspt.load_agent(broken)


def test_wrong_observations_are_named(weights):
    agent = rspt.load_agent(weights)
    with pytest.raises(ValueError, match="RSPT/TrackState-v0; the observation lacks 'map'"):
        agent.act({"vector": np.zeros(51, np.float32)})
    agent.act(observation(2))
    with pytest.raises(ValueError, match="holds 3 worlds, the one before held 2"):
        agent.act(observation(3))
    with pytest.raises(ValueError, match="booleans"):
        agent.reset([True])


@pytest.mark.parametrize("name", [".", ""])
def test_a_folder_without_a_tracker_is_refused_by_whatever_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no whole checkpoint"):
        rspt.load_agent(name)


def test_a_run_brings_the_predictor_that_it_trained(weights, tmp_path):
    run = tmp_path / "run"
    (run / "predictor").mkdir(parents=True)
    (run / "tracker.safetensors").write_bytes(weights.read_bytes())
    assert rspt.load_agent(run).predictor == "learned"
    file = run / "predictor" / "predictor.safetensors"
    file.write_bytes(b"")
    for path in (run, run / "tracker.safetensors"):
        assert rspt.load_agent(path).predictor == str(file)
    assert rspt.load_agent(weights).predictor == "learned"
    assert rspt.load_agent("pretrained").predictor == "learned"
