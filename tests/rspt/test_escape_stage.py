"""The escape stage: how fast the target is, which tracker it escapes, and when nothing is gained any more."""

import csv
import io
import json
import math
import shutil
from itertools import pairwise

import numpy as np
import pytest
import torch
from rich.console import Console

from agents.networks import Actor, Sizes
from rspt.build import make_oracle
from rspt.config import load_config
from rspt.errors import UsageError
from rspt.perceiver import PerceptionSettings, state_space
from rspt.signals import StopRequest
from rspt.training.agent_weights import AgentWeights, save_agent_weights
from rspt.training.checkpoints import load_agent_weights, load_checkpoint
from rspt.training.duel_settings import EscapeSettings, PpoSettings
from rspt.training.escape import EscapeStage
from rspt.training.escape_rate import EscapeRate
from rspt.training.settings import TrackerSettings
from rspt.training.stages import make_stage
from rspt.training.training import train
from rspt.training.worlds import TrainingWorldsSettings

WORLDS = TrainingWorldsSettings(
    worlds=4, noise=("none",), speed_ratio=(0.6, 0.8), perception=PerceptionSettings(predictor="kalman")
)
ESCAPE = EscapeSettings(
    total_steps=256, rollout_steps=8, critic_steps=0, tracker=PpoSettings(), target=PpoSettings(epochs=1, batch_size=32)
)
KEPT, LOST = (100.0, 500, True), (20.0, 80, False)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tracker(action=(0.0, 0.0)):
    """One that always does the same."""
    space = state_space()
    actor = Actor(Sizes(space["map"].shape[0], space["map"].shape[1], space["vector"].shape[0]))
    with torch.no_grad():
        actor.head.weight.zero_()
        actor.head.bias.copy_(torch.tensor(action))
    return actor


def saved(path, action, **about):
    actor = tracker(action)
    save_agent_weights(path, AgentWeights("tracker", actor.sizes._asdict(), dict(actor.state_dict()), about))
    return str(path)


def stage_of(trackers=(), worlds=WORLDS, **changes):
    settings = ESCAPE.model_copy(update=changes)
    return EscapeStage(settings, worlds, tracker=tracker(), skilled=True, target=None, seed=0, trackers=trackers)


def test_the_rate_is_of_one_stretch_after_the_other():
    rate = EscapeRate(100, 50, tolerance=0.1)
    rate.note(0, [LOST] * 9)  # the speed ratio is not there yet
    rate.note(100, [KEPT, KEPT, LOST])
    rate.note(140, [LOST])  # the round begins in the first stretch
    assert rate.rates(149) == []
    assert rate.rates(150) == [0.5]
    assert not rate.flat(150)
    rate.note(150, [KEPT, LOST, LOST, LOST])
    assert rate.rates(200) == [0.5, 0.75]
    assert not rate.flat(200)
    again = EscapeRate(100, 50, tolerance=0.1)
    again.restore(rate.state())
    for one in (rate, again):
        one.note(200, [KEPT, LOST, LOST, LOST, LOST, LOST])
        assert not one.flat(249)  # this stretch is not over
        assert one.flat(250)  # 0.83 is less than 0.1 above 0.75


def test_a_stretch_in_which_no_episode_ends_tells_nothing():
    rate = EscapeRate(0, 10, tolerance=0.0)
    rate.note(0, [LOST])
    rate.note(20, [LOST])
    assert rate.rates(30) == [1.0, None, 1.0]
    assert not rate.flat(20)
    assert not rate.flat(30)
    rate.note(30, [LOST, KEPT])
    assert rate.flat(40)


def ratios(stage):
    """Of the episodes that are under way."""
    episodes = [episode for batch in stage.worlds._batches for episode in batch.episodes]
    return np.array([episode.robots[1].speed_max_mps / episode.robots[0].speed_max_mps for episode in episodes])


def test_the_speed_ratio_goes_to_that_of_the_worlds():
    worlds = WORLDS.model_copy(update={"episode_steps": 8})  # as long as a rollout
    stage = stage_of(worlds=worlds, anneal_from=1.0, anneal_steps=64)
    try:
        stage.begin()
        np.testing.assert_allclose(ratios(stage), 1.0)
        told = []
        for _ in range(4):
            told.append(stage.round().metrics["escape/speed_ratio"])
        assert told == pytest.approx([1.0, 0.85, 0.7, 0.7])
        assert ((ratios(stage) >= 0.6) & (ratios(stage) <= 0.8)).all()
        stage.driven = 32
        stage.begin()
        assert ((ratios(stage) >= 0.8) & (ratios(stage) <= 0.9)).all()
    finally:
        stage.close()


def test_without_annealing_the_worlds_are_as_they_were():
    stage = stage_of()
    try:
        stage.begin()
        assert ((ratios(stage) >= 0.6) & (ratios(stage) <= 0.8)).all()
        done = stage.round()
        assert not [name for name in done.metrics if name.startswith("escape/")]
    finally:
        stage.close()


def test_each_world_has_its_own_tracker(monkeypatch, tmp_path):
    actions = [(0.5, -0.25), (-0.125, 0.75), (0.25, 0.25)]
    stage = stage_of([saved(tmp_path / f"{number}.safetensors", action) for number, action in enumerate(actions)])
    played, began = [], []
    step = stage.worlds.step
    monkeypatch.setattr(stage.worlds, "step", lambda *args: (played.append(args[0].copy()), step(*args))[1])
    for _, agent in stage._trackers:
        monkeypatch.setattr(agent, "reset", lambda which: began.append(which.copy()))
    try:
        stage.begin()
        stage.round()
        np.testing.assert_allclose(played[0], [*actions, actions[0]])
        np.testing.assert_allclose(played[-1], played[0])
        assert [which.tolist() for which in began[:3]] == [[True, True], [True], [True]]
        assert not np.concatenate(began[3:6]).any()
        assert set(stage.actors()) == {"target"}
    finally:
        stage.close()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trackers": ("pretrained",), "tracker_learns": True}, "do not learn"),
        ({"anneal_from": 1.0, "anneal_steps": 300, "total_steps": 299}, "anneal_steps 300 must not exceed"),
        ({"anneal_from": 0.0}, "greater than or equal"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        EscapeSettings(**changes)


def best_response(*overrides):
    """The recipe, tiny: each episode ends within 40 steps, and two stretches of 512 steps decide."""
    return load_config(
        TrackerSettings,
        "best_response",
        [
            *("--worlds.worlds", "8", "--worlds.episode_steps", "40", "--worlds.perception.predictor", "kalman"),
            *("--clone.total_steps", "256", "--clone.batch_size", "64", "--checkpoint_steps", "512"),
            *("--escape.total_steps", "4096", "--escape.rollout_steps", "16", "--escape.critic_steps", "128"),
            *("--escape.anneal_steps", "512", "--escape.flat_steps", "512", "--escape.flat_tolerance", "1.0"),
            *("--escape.target.batch_size", "64", "--keep_last", "10"),
            *overrides,
        ],
    )


def run(settings, out, *, resume=False):
    console = Console(record=True, file=io.StringIO(), width=200)
    assert train(settings, out, resume=resume, stop=StopRequest(), console=console)
    return console.export_text()


def test_a_best_response_ends_when_nothing_is_gained_and_goes_on_exactly(tmp_path):
    settings, out, again = best_response(), tmp_path / "one", tmp_path / "again"
    run(settings, out)
    # clone 256, then 512 of annealing and two stretches of 512: an end long before the 4096 steps
    assert load_agent_weights(out / "target-after-escape.safetensors", role="target").about["steps"] == "1792"
    with (out / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows if row["escape/rate"]] == ["1280", "1792"]
    shown = [float(row["escape/speed_ratio"]) for row in rows if row["escape/speed_ratio"]]
    assert shown[0] == 1.0
    assert shown[-1] == pytest.approx(0.85)
    assert all(one >= other for one, other in pairwise(shown))
    shutil.copytree(out, again)
    steps = sorted(path.name for path in (again / "checkpoints").iterdir())
    for name in steps[3:]:  # the first stretch is not over yet
        shutil.rmtree(again / "checkpoints" / name)
    run(settings, again, resume=True)
    assert sorted(path.name for path in (again / "checkpoints").iterdir()) == steps
    one, other = (load_checkpoint(folder / "checkpoints" / steps[-1]) for folder in (out, again))
    assert one.trainer["state"]["escapes"] == other.trainer["state"]["escapes"]
    for name, tensor in one.weights["target"].tensors.items():
        assert torch.equal(tensor, other.weights["target"].tensors[name]), name
    assert "All 1,792 steps are done" in run(settings, again, resume=True)


def test_a_target_that_is_held_out_escapes_the_trackers_that_are_named(tmp_path):
    trackers = [saved(tmp_path / f"{number}.safetensors", (0.1 * number, 0.0)) for number in range(2)]
    settings = load_config(
        TrackerSettings,
        "heldout_target",
        [
            *("--start_from", trackers[0], "--escape.trackers", *trackers, "--escape.total_steps", "256"),
            *("--worlds.worlds", "8", "--worlds.perception.predictor", "kalman", "--escape.rollout_steps", "16"),
            *("--escape.anneal_steps", "128", "--clone.total_steps", "256", "--clone.batch_size", "64"),
        ],
    )
    run(settings, tmp_path / "run")
    about = load_agent_weights(tmp_path / "run" / "target.safetensors", role="target").about
    assert list(json.loads(about["escaped_trackers"])) == trackers
    checkpoint = load_checkpoint(sorted((tmp_path / "run" / "checkpoints").iterdir())[-1])
    saved(tmp_path / "1.safetensors", (0.9, 0.0))  # as if it had been trained further
    stage = make_stage("escape", settings, {"tracker": tracker()}, device="cpu")
    try:
        with pytest.raises(UsageError, match=r"escape\.trackers: they have changed"):
            stage.restore(checkpoint.trainer["state"])
    finally:
        stage.close()
    blind = saved(tmp_path / "blind.safetensors", (0.0, 0.0), ablation="no_map")
    for name, message in (("nowhere", "no such file or folder"), (blind, "was trained with .* 'no_map'")):
        escape = settings.escape.model_copy(update={"trackers": (name,)})
        with pytest.raises(UsageError, match=rf"^--escape\.trackers {name}: {message}"):
            run(settings.model_copy(update={"escape": escape}), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_planner_can_be_escaped_too():
    stage = stage_of(["oracle", "pid"])
    try:
        stage.begin()
        truth = stage._truth
        oracle = make_oracle()
        oracle.reset(np.ones(2, dtype=np.bool_))
        expected = oracle.act({}, truth.view.of(np.array([0, 2])))
        np.testing.assert_allclose(stage._best(stage._tracker_state()).played[[0, 2]], expected, rtol=1e-6)
        assert stage.state()["trackers"] == ["oracle", "pid"]
        stage.round()
    finally:
        stage.close()


def test_shorter_stages_must_still_have_room_for_the_annealing():
    assert math.isclose(best_response().with_total_steps(2176).escape.total_steps, 2048)
    with pytest.raises(ValueError, match="anneal_steps 512 must not exceed"):
        best_response().with_total_steps(500)
