"""`rspt export`: what stable-baselines3 loads acts as the tracker does."""

import numpy as np
import pytest
from stable_baselines3 import PPO

import rspt
from agents.networks import Actor
from rspt.actors import load_player
from rspt.cli import main
from rspt.perceiver import state_space


def test_an_exported_tracker_acts_as_before(tmp_path):
    path = tmp_path / "tracker.zip"
    assert main(["export", "pretrained", "--out", str(path)]) == 0
    model = PPO.load(path)
    space = state_space()
    space.seed(0)
    states = [{**space.sample(), "vector": np.clip(space["vector"].sample(), -1.0, 1.0)} for _ in range(8)]
    batch = {name: np.stack([state[name] for state in states]) for name in ("map", "vector")}
    tracker = rspt.load_agent("pretrained")
    tracker.reset()
    actions, _ = model.predict(batch, deterministic=True)
    np.testing.assert_allclose(actions, tracker.act(batch), atol=1e-5)
    assert np.ptp(actions) > 0.1


def test_it_learns_on_there(tmp_path):
    """What was exported can be trained on the environment by stable-baselines3 itself."""
    import gymnasium as gym

    path = tmp_path / "tracker.zip"
    assert main(["export", "pretrained", "--out", str(path)]) == 0
    model = PPO.load(path, env=gym.make("RSPT/TrackState-v0", layout="blocks"), n_steps=64)
    before = model.policy.actor.head.weight.detach().clone()
    model.learn(64)
    assert not np.array_equal(before, model.policy.actor.head.weight.detach())


def test_wrong_names_are_refused(tmp_path, capsys):
    assert main(["export", "pretrained", "--out", str(tmp_path / "tracker.pt")]) == 2
    assert "ends in .zip" in capsys.readouterr().err
    assert main(["export", "pid", "--out", str(tmp_path / "pid.zip")]) == 2
    assert "pid" in capsys.readouterr().err


@pytest.mark.parametrize("change", [{"channels": 3}, {"numbers": 7}])
def test_a_tracker_of_another_state_is_refused(tmp_path, change):
    from rspt.errors import UsageError
    from rspt.export import export

    sizes = load_player("pretrained", "tracker").actor.sizes._replace(**change)
    with pytest.raises(UsageError, match="another state"):
        export(Actor(sizes), tmp_path / "tracker.zip")
