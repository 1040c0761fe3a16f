"""`rspt play`: one tracker, one target, one video; and the match beneath it."""

import av
import numpy as np
import pytest

from agents.networks import Actor
from rspt.actors import load_player
from rspt.agent import load_agent
from rspt.cli import main
from rspt.match import Match
from rspt.signals import StopRequest
from rspt.target import LearnedTarget, named_target
from rspt.training.agent_weights import AgentWeights, save_agent_weights
from rspt.training.clone import new_target


@pytest.fixture
def weights(tmp_path):
    """A learned target that always drives forward and to the left."""
    actor: Actor = new_target(0)
    state = actor.state_dict()
    for name, value in {"head.weight": [[0.0], [0.0]], "head.bias": [1.0, 0.25]}.items():
        state[name][...] = state[name].new_tensor(value)
    save_agent_weights(tmp_path / "target.safetensors", AgentWeights("target", actor.sizes._asdict(), dict(state)))
    return tmp_path / "target.safetensors"


def test_a_video_and_a_line_come_out(tmp_path, capsys, monkeypatch, weights):
    monkeypatch.setattr("rspt.play._STEPS", 12)
    out = tmp_path / "clip.mp4"
    assert (
        main(["play", "--agent", "pid", "--layout", "blocks", "--target-policy", str(weights), "--out", str(out)]) == 0
    )
    assert "12 steps" in capsys.readouterr().out
    with av.open(str(out)) as video:
        assert sum(1 for _ in video.decode(video=0)) == 13


@pytest.mark.parametrize("steps", [20])
def test_a_learned_target_moves_the_body_that_is_followed(weights, steps):
    target = named_target(str(weights))
    assert isinstance(target, LearnedTarget)
    match = Match(load_agent("pid"), target, "blocks", render_mode=None)
    try:
        outcome = match.play(1, steps=steps, stop=StopRequest())
        velocity = match.env.privileged_view().velocities[0, 1]
        assert velocity[1] == pytest.approx(0.25 * 2.5, rel=0.05)  # a target turns at up to 2.5 rad/s
        assert outcome.length == steps
    finally:
        match.close()


def test_the_same_seed_plays_the_same_episode():
    outcomes = []
    for _ in range(2):
        match = Match(load_agent("pretrained"), "goal", "rooms", render_mode=None)
        outcomes.append(match.play(5, steps=40, stop=StopRequest()))
        match.close()
    assert outcomes[0] == outcomes[1]
    assert np.isfinite(outcomes[0].total_reward)


def test_a_tracker_sees_the_state_that_it_was_trained_on(tmp_path):
    pretrained = load_player("pretrained", "tracker")
    path = tmp_path / "tracker.safetensors"
    tensors = dict(pretrained.actor.state_dict())
    told = {**pretrained.record, "ablation": "no_map"}
    save_agent_weights(path, AgentWeights("tracker", pretrained.actor.sizes._asdict(), tensors, told))
    match = Match(load_agent(path), "goal", "rooms", render_mode=None)
    observations, _ = match.env.reset(seed=5)
    assert not observations["tracker"]["map"][:2].any()
    match.close()
    match = Match(load_agent("pretrained"), "goal", "rooms", render_mode=None)
    observations, _ = match.env.reset(seed=5)
    assert observations["tracker"]["map"][:2].any()
    match.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--agent", "pretraind"], "pretrained"),
        (["--target-policy", "evad"], "did you mean 'evade'?"),
        (["--target-policy", "replay"], "unknown target policy"),
        (["--layout", "room"], "did you mean 'rooms'?"),
        (["--noise", "bad"], "noise 'bad' is unknown"),
        (["--speed-ratio", "9"], "target_speed_ratio"),
        (["--seed", "-1"], "no whole number"),
        (["--out", "clip.gif"], "ends in .mp4"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    assert main(["play", *options]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
