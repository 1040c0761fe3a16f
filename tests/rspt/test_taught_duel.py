"""The duel in which the planner teaches the tracker: both players learn, and nothing is forgotten at its beginning."""

import copy

import numpy as np
import pytest
import torch

from agents.networks import Actor, Sizes
from rspt.config import load_config
from rspt.perceiver import PerceptionSettings, state_space
from rspt.training.duel_settings import DuelSettings, EscapeSettings, PpoSettings
from rspt.training.lesson import LessonSettings
from rspt.training.opponents import Opponents
from rspt.training.settings import TrackerSettings
from rspt.training.stages import make_stage
from rspt.training.teacher import TeacherStage
from rspt.training.teacher_settings import PupilSettings
from rspt.training.worlds import TrainingWorldsSettings

WORLDS = TrainingWorldsSettings(worlds=8, noise=("none",), perception=PerceptionSettings(predictor="kalman"))
DUEL = DuelSettings(
    total_steps=512, rollout_steps=8, scripted_share=0.5, pool_share=0.25, snapshot_steps=100, critic_steps=0,
    target=PpoSettings(epochs=1, batch_size=16), pupil=PupilSettings(lesson=LessonSettings(buffer=1280, batch_size=32)),
)  # fmt: skip
SETTINGS = TrackerSettings(worlds=WORLDS, duel=DUEL)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tracker():
    space = state_space()
    torch.manual_seed(0)
    return Actor(Sizes(space["map"].shape[0], space["map"].shape[1], space["vector"].shape[0]))


def weights(actor):
    return torch.cat([value.flatten().clone() for value in actor.parameters()])


def stage_of(actor, *, skilled):
    settings = SETTINGS.model_copy(update={"start_from": "pretrained" if skilled else None})
    stage = make_stage("duel", settings, {"tracker": actor}, device="cpu")
    assert isinstance(stage, TeacherStage)
    assert stage.opponents is not None
    return stage


def test_both_players_learn():
    stage = stage_of(tracker(), skilled=False)
    try:
        stage.begin()
        target = stage.opponents.seat.ppo.policy.actor
        first, metrics = weights(target), {}
        while stage.driven < stage.total_steps:
            before = weights(stage.actor)
            metrics |= stage.round().metrics
            assert not torch.equal(before, weights(stage.actor))
        assert stage.actors() == {"tracker": stage.actor, "target": target}
        assert not torch.equal(first, weights(target))
        assert len(stage.opponents._pool) == 6  # one at the beginning, one for each 100 steps
        assert {"teacher/regret", "target/auxiliary_loss", "reward_target"} <= set(metrics)
        assert all(np.isfinite(value) for value in metrics.values())
    finally:
        stage.close()


def test_the_planner_teaches_in_all_worlds_and_the_targets_act(monkeypatch):
    stage = stage_of(tracker(), skilled=False)
    try:
        stage.begin()
        shown, acted, show, step = [], [], stage._lesson.show, stage.worlds.step
        monkeypatch.setattr(stage._lesson, "show", lambda **told: shown.append(show(**told)) or shown[-1])
        monkeypatch.setattr(
            stage.worlds, "step", lambda actions, targets: acted.append((actions, targets)) or step(actions, targets)
        )
        stage.round()
        assert np.shape(shown) == (8, 8, 2)
        external = np.array([policy == "external" for policy in stage.opponents.policies])
        targets = np.array([targets for _, targets in acted])
        assert 0 < external.sum() < 8
        assert (targets[:, external] != 0.0).any(axis=(0, 2)).all()
        assert (targets[:, ~external] == 0.0).all()
    finally:
        stage.close()


def test_a_skilled_tracker_forgets_nothing_over_the_first_demonstrations():
    actor = tracker()
    stage = stage_of(actor, skilled=True)
    try:
        stage.begin()
        shift, before = actor.trunk.numbers.shift.clone(), weights(actor)
        changed = []
        for _ in range(4):
            stage.round()
            changed.append(not torch.equal(before, weights(actor)))
        assert changed == [False, False, True, True]  # a tenth of 1280, 64 in a round
        assert torch.equal(shift, actor.trunk.numbers.shift)
    finally:
        stage.close()


def test_it_goes_on_with_its_state():
    stage, again = stage_of(tracker(), skilled=True), stage_of(tracker(), skilled=True)
    try:
        stage.begin()
        for _ in range(3):
            stage.round()
        again.actor.load_state_dict(stage.actor.state_dict())
        again.restore(copy.deepcopy(stage.state()))
        for one in (stage, again):
            one.begin()
            one.round()
        assert stage.driven == again.driven == 256
        assert torch.equal(weights(stage.actor), weights(again.actor))
        assert torch.equal(*(weights(one.opponents.seat.ppo.policy.actor) for one in (stage, again)))
    finally:
        stage.close()
        again.close()


def test_who_learns_nothing_is_not_taught():
    with pytest.raises(ValueError, match="pupil must be null"):
        EscapeSettings(pupil=PupilSettings())


def test_the_recipe_teaches_in_its_duel():
    assert load_config(TrackerSettings, "rspt").duel.pupil is not None
    assert load_config(TrackerSettings, "ppo_duel").duel.pupil is None


def test_its_lesson_is_checked_like_that_of_the_teacher_stage():
    frames = {"perception": {"ablation": "frames"}}
    with pytest.raises(ValueError, match=r"duel\.pupil\.lesson\.backs_into_seen must be false"):
        TrackerSettings(worlds=frames, duel={"pupil": {}})
    with pytest.raises(ValueError, match=r"must not exceed duel\.pupil\.lesson\.batch_size, 8"):
        TrackerSettings(network={"memory": 8}, duel={"pupil": {"lesson": {"batch_size": 8}}})


def test_opponents_need_no_learner():
    opponents = Opponents(DUEL.model_copy(update={"scripted_share": 1.0, "pool_share": 0.0}), WORLDS, None, seed=0)
    assert opponents.seat is None
    assert opponents.policies == ["goal", "evade", "goal", "wander"] * 2
    assert opponents.learn(None) == {}
    assert opponents.state()["target"] is None
