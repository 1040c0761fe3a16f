"""Trackers of somebody else's: asked for the right things, checked, and loaded only if that is safe."""

import numpy as np
import pytest
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3

import rspt
from agents.elsewhere import Elsewhere
from rspt.cli import main
from rspt.errors import UsageError
from rspt.evaluation.playing import Cell, play
from rspt.guests import FRAME_ID, STATE_ID
from rspt.perceiver import PerceptionSettings, state_space

OWN = """
import numpy as np

class Own:
    env_id = "RSPT/TrackState-v0"
    answer = staticmethod(lambda worlds: np.zeros((worlds, 2)))

    def __init__(self):
        self.seen, self.begun = [], []

    def reset(self, mask):
        self.begun.append(mask.copy())

    def act(self, obs, view=None):
        self.seen.append((sorted(obs), view))
        for array in obs.values():
            array[:] = 0  # a guest may do with them what it likes
        return self.answer(len(obs[min(obs)]))

class Frame(Own):
    env_id = "RSPT/Track-v0"

class Knowing(Own):
    privileged = True

class Choosing(Own):
    answer = staticmethod(lambda worlds: np.full(worlds, 3))

class Wild(Own):
    answer = staticmethod(lambda worlds: np.full((worlds, 2), 1.5))

class Short(Own):
    answer = staticmethod(lambda worlds: np.zeros(2))

class Elsewhere(Own):
    env_id = "CartPole-v1"

class Misspelt(Own):
    train_families = ["blcks"]

class Mute:
    env_id = "RSPT/TrackState-v0"

def failing():
    raise OSError("no weights")
"""
SHORT = Cell("rooms", perception=PerceptionSettings(predictor="kalman"), episode_steps=20)


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_trackers.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return lambda name: rspt.load_agent(f"own_trackers:{name}")


@pytest.mark.parametrize(
    ("name", "keys", "privileged"),
    [
        ("Own", ["map", "vector"], False),
        ("Knowing", ["map", "vector"], True),
        ("Frame", ["depth", "pose", "target_mask", "velocity"], False),
    ],
)
def test_a_guest_gets_what_it_asks_for(own, name, keys, privileged):
    agent = own(name)
    assert (agent.privileged, agent.record, agent.sha256) == (privileged, None, None)
    assert agent.env_id == (FRAME_ID if name == "Frame" else STATE_ID)
    episodes = play(agent, SHORT, [1, 2])
    assert [episode.length for episode in episodes] == [20, 20]
    inner = agent._agent._agent
    assert inner.begun[0].tolist() == [True, True]
    assert inner.seen[0][0] == keys
    assert (inner.seen[0][1] is not None) == privileged


def test_what_a_guest_does_to_its_observation_changes_nothing(own):
    state = {name: space.sample() for name, space in state_space().spaces.items()}
    before = {name: array.copy() for name, array in state.items()}
    own("Own").act(state)
    assert all(np.array_equal(before[name], state[name]) for name in state)


def test_discrete_choices_are_understood(own):
    state = {name: space.sample() for name, space in state_space().spaces.items()}
    assert own("Choosing").act(state).tolist() == [0.0, 0.5]


@pytest.mark.parametrize(("name", "message"), [("Wild", r"\[-1, 1\]"), ("Short", "shape")])
def test_answers_that_are_no_actions_are_refused(own, name, message):
    state = {key: space.sample() for key, space in state_space().spaces.items()}
    with pytest.raises(ValueError, match=message):
        own(name).act(state)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Elsewhere", r"env_id = 'CartPole-v1': allowed are 'RSPT/TrackState-v0' and 'RSPT/Track-v0'"),
        ("Misspelt", r"train_families: unknown family 'blcks', did you mean 'blocks'"),
        ("Mute", "has no method 'reset'"),
        ("failing", r"own_trackers:failing: cannot be made \(OSError: no weights\)"),
        ("Mutee", r"own_trackers has no 'Mutee', did you mean 'Mute'"),
    ],
)
def test_objects_that_are_no_trackers_are_refused(own, name, message):
    with pytest.raises(UsageError, match=message):
        own(name)


def test_a_model_of_stable_baselines3_is_only_loaded_if_trusted(tmp_path):
    path = tmp_path / "tracker.zip"
    assert main(["export", "pretrained", "--out", str(path)]) == 0
    with pytest.raises(UsageError, match=r"pickles.*--trust-pickle"):
        rspt.load_agent(path)
    guest, tracker = rspt.load_agent(path, trust_pickle=True), rspt.load_agent("pretrained")
    assert guest.record is None
    assert len(guest.sha256) == 64
    assert play(guest, SHORT, [3])[0].episode_return == pytest.approx(play(tracker, SHORT, [3])[0].episode_return)


@pytest.mark.parametrize("algorithm", [PPO, A2C, SAC, TD3, DQN])
def test_every_algorithm_is_told_from_its_file(tmp_path, algorithm):
    from gymnasium import spaces

    path = tmp_path / "model.zip"
    worlds = Elsewhere(state_space(), 1)
    if algorithm is DQN:
        worlds.action_space = spaces.Discrete(7)
    small = {} if algorithm in (PPO, A2C) else {"buffer_size": 10}
    algorithm("MultiInputPolicy", worlds, device="cpu", **small).save(path)
    state = {name: space.sample() for name, space in state_space().spaces.items()}
    action = rspt.load_agent(path, trust_pickle=True).act(state)
    assert action.shape == (2,)
    assert np.abs(action).max() <= 1.0


def test_other_files_and_other_observations_are_refused(tmp_path):
    from gymnasium import spaces

    path = tmp_path / "model.zip"
    path.write_bytes(b"PK nothing")
    with pytest.raises(UsageError, match=r"is no model of stable-baselines3"):
        rspt.load_agent(path, trust_pickle=True)
    PPO("MlpPolicy", Elsewhere(spaces.Box(-1.0, 1.0, (4,)), 1), device="cpu").save(path)
    with pytest.raises(UsageError, match=r"and not the state of RSPT/TrackState-v0"):
        rspt.load_agent(path, trust_pickle=True)
