"""The duel stage: who plays where, and that both players learn."""

import numpy as np
import pytest
import torch

from agents.networks import Actor, Sizes
from envs.spawn import StartSettings
from rspt.perceiver import PerceptionSettings, state_space
from rspt.target_state import TARGET_NUMBERS, target_states
from rspt.training.clone import CloneSettings, CloneStage
from rspt.training.duel import DuelStage
from rspt.training.duel_settings import DuelSettings, PpoSettings
from rspt.training.lesson import LessonSettings
from rspt.training.opponents import Pool, opponents_of
from rspt.training.worlds import TrainingWorlds, TrainingWorldsSettings

WORLDS = TrainingWorldsSettings(worlds=8, noise=("none",), perception=PerceptionSettings(predictor="kalman"))
PPO = PpoSettings(epochs=1, batch_size=32)
DUEL = DuelSettings(
    total_steps=512, rollout_steps=8, scripted_share=0.5, pool_share=0.25, snapshot_steps=100, critic_steps=0,
    tracker=PPO, target=PPO,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_worlds_are_shared_out_evenly():
    opponents = opponents_of(DuelSettings(scripted_share=0.5, pool_share=0.25), 64)
    assert [opponents.count(kind) for kind in ("scripted", "pool", "learner")] == [32, 16, 16]
    for part in (opponents[:16], opponents[16:32]):  # in each group of worlds, whatever its noise
        assert 6 <= part.count("scripted") <= 10
    assert set(opponents_of(DuelSettings(scripted_share=1.0, pool_share=0.0), 8)) == {"scripted"}


def test_shares_that_exceed_one_are_refused():
    with pytest.raises(ValueError, match="must not exceed 1"):
        DuelSettings(scripted_share=0.8, pool_share=0.3)


def tracker():
    space = state_space()
    return Actor(Sizes(space["map"].shape[0], space["map"].shape[1], space["vector"].shape[0]))


def weights(actor):
    return torch.cat([value.flatten().clone() for value in actor.parameters()])


def test_both_players_learn_in_the_same_worlds():
    stage = DuelStage(DUEL, WORLDS, tracker=tracker(), skilled=False, target=None, seed=0)
    try:
        stage.begin()
        assert stage.opponents.seat is not None
        first = weights(stage.opponents._pool._snapshots[0])
        before = [weights(seat.ppo.policy.actor) for seat in (stage.tracker, stage.opponents.seat)]
        while stage.driven < stage.total_steps:
            done = stage.round()
            assert all(np.isfinite(value) for value in done.metrics.values())
        assert stage.driven == 512
        assert {"tracker/approx_kl", "target/auxiliary_loss", "reward_tracker", "reward_target"} <= set(done.metrics)
        after = [weights(seat.ppo.policy.actor) for seat in (stage.tracker, stage.opponents.seat)]
        assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
        assert len(stage.opponents._pool) == 6  # one at the beginning, one for each 100 steps
        assert torch.equal(first, weights(stage.opponents._pool._snapshots[0]))
        assert not torch.equal(first, weights(stage.opponents._pool._snapshots[-1]))
    finally:
        stage.close()


def test_the_tracker_that_is_kept_is_an_average():
    settings = DUEL.model_copy(update={"average_steps": 256, "critic_steps": 64})
    stage = DuelStage(settings, WORLDS, tracker=tracker(), skilled=False, target=None, seed=0)
    try:
        stage.begin()
        stage.round()  # 64 steps: the numbers are standardised
        kept, learner = stage.actors()["tracker"], stage.tracker.ppo.policy.actor
        assert torch.equal(weights(kept), weights(learner))
        assert torch.equal(kept.trunk.numbers.shift, learner.trunk.numbers.shift)
        for _ in range(2):
            before = weights(kept)
            stage.round()
            torch.testing.assert_close(weights(kept), 0.75 * before + 0.25 * weights(learner))
        assert not torch.equal(weights(kept), weights(learner))
    finally:
        stage.close()


def test_a_skilled_tracker_is_kept_on_the_way_to_the_average():
    settings = DUEL.model_copy(update={"average_steps": 256, "interpolation": 0.25})
    skilled = tracker()
    with torch.no_grad():
        first = weights(skilled)
    stage = DuelStage(settings, WORLDS, tracker=skilled, skilled=True, target=None, seed=0)
    again = DuelStage(settings, WORLDS, tracker=tracker(), skilled=True, target=None, seed=1)
    try:
        stage.begin()
        for _ in range(3):
            stage.round()
        kept, average = stage.actors()["tracker"], stage._average
        assert not torch.equal(weights(average), first)
        torch.testing.assert_close(weights(kept), 0.75 * first + 0.25 * weights(average))
        again.restore(stage.state())
        assert torch.equal(weights(again.actors()["tracker"]), weights(kept))
    finally:
        stage.close()
        again.close()


def test_groups_of_worlds_count_alike(monkeypatch):
    """A lost target is worth fifty steps: worlds in which that happens would decide all."""
    stage = DuelStage(DUEL, WORLDS, tracker=tracker(), skilled=True, target=None, seed=0)
    try:
        stage.begin()
        stage.round()
        learner, seen = stage.tracker.ppo, {}
        learner.update_metrics = {}
        monkeypatch.setattr(learner, "train", lambda: seen.update(advantages=learner.rollout_buffer.advantages.copy()))
        stage.round()
        scripted = stage.opponents.scripted.astype(bool)
        assert 0 < scripted.sum() < len(scripted)
        for group in (scripted, ~scripted):
            assert seen["advantages"][:, group].std() == pytest.approx(1.0, abs=1e-3)
    finally:
        stage.close()


@pytest.mark.parametrize("taught", [True, False])
def test_out_of_sight_only_the_lesson_teaches(taught):
    start = StartSettings(distance_m=(2.0, 3.0), bearing_deg=(150.0, 180.0))  # the target is behind the tracker
    worlds = WORLDS.model_copy(update={"start": start})
    settings = DUEL.model_copy(
        update={"search_steps": 3, "lesson": LessonSettings(buffer=64, batch_size=8) if taught else None}
    )
    stage = DuelStage(settings, worlds, tracker=tracker(), skilled=False, target=None, seed=0)
    try:
        stage.begin()
        stage.tracker.begin_rollout()
        assert stage.opponents.seat is not None
        stage.opponents.seat.begin_rollout()
        hidden = []
        for _ in range(settings.rollout_steps):
            hidden.append(stage._truth.hidden_steps.copy())
            stage._step()
        counted = stage.tracker.ppo.rollout_buffer.counted
        if taught:
            assert counted is not None
            scripted = stage.opponents.scripted == 1
            np.testing.assert_array_equal(counted, (np.array(hidden) < 3) | ~scripted)
            assert 0 < counted[:, scripted].sum() < counted[:, scripted].size
        else:
            assert counted is None
        assert stage.opponents.seat.ppo.rollout_buffer.counted is None
    finally:
        stage.close()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_in_sight_the_planner_is_asked_in_a_share_of_the_steps(share, monkeypatch):
    settings = DUEL.model_copy(
        update={"lesson_share": share, "rollout_steps": 64, "lesson": LessonSettings(buffer=64, batch_size=8)}
    )
    stage = DuelStage(settings, WORLDS, tracker=tracker(), skilled=False, target=None, seed=0)
    try:
        stage.begin()
        assert stage._lesson is not None
        asked, hidden = [], []
        monkeypatch.setattr(stage._lesson, "show", lambda among, memories: asked.append(among.copy()))
        stage.tracker.begin_rollout()
        assert stage.opponents.seat is not None
        stage.opponents.seat.begin_rollout()
        for _ in range(settings.rollout_steps):
            hidden.append(stage._truth.hidden_steps > 0)
            stage._step()
        asked, hidden = np.array(asked), np.array(hidden)
        assert asked[hidden].all()
        assert asked[~hidden].mean() == pytest.approx(share, abs=0.1)
    finally:
        stage.close()


def test_a_tracker_that_does_not_learn_stays_as_it_is():
    settings = DUEL.model_copy(update={"tracker_learns": False, "total_steps": 256})
    skilled = tracker()
    stage = DuelStage(settings, WORLDS, tracker=skilled, skilled=True, target=None, seed=0)
    try:
        stage.begin()
        assert stage.opponents.seat is not None
        before = weights(stage.opponents.seat.ppo.policy.actor)
        while stage.driven < stage.total_steps:
            metrics = stage.round().metrics
        for name, value in skilled.state_dict().items():
            if name != "log_spread":
                assert torch.equal(value, stage.tracker.ppo.policy.actor.state_dict()[name]), name
        assert set(stage.actors()) == {"target"}
        assert not torch.equal(before, weights(stage.opponents.seat.ppo.policy.actor))
        assert "tracker/approx_kl" not in metrics
    finally:
        stage.close()


def test_the_tracker_begins_as_it_is_and_the_planner_goes_on_teaching_it():
    guide = tracker()
    at_once = DUEL.lesson.model_copy(update={"hindsight": "never"})
    scripted = DUEL.model_copy(update={"scripted_share": 1.0, "pool_share": 0.0, "critic_steps": 64, "lesson": at_once})
    stage = DuelStage(scripted, WORLDS, tracker=guide, skilled=True, target=None, seed=0)
    try:
        stage.begin()
        assert stage.opponents.seat is None
        stage.round()  # the critic warms up
        for name, value in guide.state_dict().items():
            if name != "log_spread":
                assert torch.equal(value, stage.tracker.ppo.policy.actor.state_dict()[name]), name
        assert stage.round().metrics["tracker/imitation_loss"] >= 0.0
    finally:
        stage.close()


def test_a_full_pool_keeps_its_first_snapshot_and_the_newest():
    pool = Pool(4, 3, seed=0)
    actors = [tracker() for _ in range(5)]
    for actor in actors:
        pool.keep(actor)
    kept = [weights(actor).sum().item() for actor in pool._snapshots]
    assert kept == [weights(actors[i]).sum().item() for i in (0, 3, 4)]


def test_a_clone_does_what_the_script_does():
    settings = CloneSettings(total_steps=4096, rollout_steps=32, batch_size=128)
    stage = CloneStage(settings, WORLDS, tracker(), seed=0)
    try:
        stage.begin()
        losses = [stage.round().metrics["clone/loss"] for _ in range(16)]
        assert np.mean(losses[-4:]) < 0.6 * losses[0]
        assert stage.driven == stage.total_steps
    finally:
        stage.close()


def test_the_target_sees_the_action_that_the_tracker_has_just_chosen():
    worlds = TrainingWorlds(WORLDS, seed=0)
    worlds.reset()
    truth = worlds.truth()
    one, other = (target_states(truth.view, np.full((8, 2), value), *truth[1:]) for value in (0.0, 0.5))
    assert one["map"].shape == (8, 1, 32, 32)
    assert one["vector"].shape == (8, TARGET_NUMBERS)
    np.testing.assert_array_equal((other["vector"] - one["vector"])[:, 8:10], 0.5)
    assert np.count_nonzero(other["vector"] - one["vector"]) == 16
    worlds.close()
