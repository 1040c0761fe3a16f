"""Whom the planner teaches, and what it counts."""

import numpy as np
import pytest
import torch
from torch import nn

from agents.drive import STEPS
from agents.networks import Sizes
from agents.oracle import TEACHES
from agents.regrets import Regrets
from rspt.build import make_oracle
from rspt.perceiver import PerceptionSettings
from rspt.perception.state import OFFSETS, VECTOR_WIDTH
from rspt.training.hindsight import AHEAD
from rspt.training.lesson import Lesson, LessonSettings
from rspt.training.worlds import TrainingWorlds, TrainingWorldsSettings

SIZES = Sizes(6, 32, VECTOR_WIDTH)


class Constant(nn.Module):
    """An actor that always does the same."""

    def __init__(self, action):
        super().__init__()
        self.action = nn.Parameter(torch.tensor(action))

    def forward(self, maps, numbers):
        return self.action.expand(len(maps), 2)


def shown_by(lesson, among=None):
    """What the teacher would do (m, 2)."""
    lesson.show(among)
    return lesson._new[-1][2]


@pytest.fixture(scope="module")
def worlds():
    settings = TrainingWorldsSettings(
        worlds=4, layouts=("blocks",), noise=("none",), perception=PerceptionSettings(predictor="kalman")
    )
    made = TrainingWorlds(settings, seed=0)
    made.begin(0)
    yield made
    made.close()


@pytest.fixture
def lesson(worlds):
    """A lesson in three of four worlds."""
    settings = LessonSettings(buffer=16, batch_size=8, regret_blur=0.0, commitment=None, hindsight="never")
    made = Lesson(settings, SIZES, worlds, seed=0, which=np.array([0, 1, 3]))
    made.begin()
    yield made
    made.close()


def test_it_shows_all_of_its_worlds(worlds, lesson):
    shown = shown_by(lesson)
    assert shown.shape == (3, 2)
    lesson.keep()
    np.testing.assert_array_equal(lesson.vectors.numpy(), worlds.state["vector"][[0, 1, 3]])


def test_it_shows_those_that_are_asked_for_among_its_own(worlds, lesson):
    everywhere = shown_by(lesson)
    lesson._new.clear()
    shown = shown_by(lesson, np.array([True, False, True, True]))  # the third is none of its worlds
    np.testing.assert_array_equal(shown, everywhere[[0, 2]])
    lesson.keep()
    np.testing.assert_array_equal(lesson.vectors.numpy(), worlds.state["vector"][[0, 3]])


def test_where_nothing_was_asked_for_there_is_nothing_to_learn(lesson):
    assert shown_by(lesson, np.zeros(4, dtype=np.bool_)).shape == (0, 2)
    lesson.keep()
    loss, told = lesson.losses(Constant([1.0, 0.0]))
    assert loss.item() == 0.0
    assert not told


def test_what_is_shown_costs_less_than_anything_else(lesson):
    shown = shown_by(lesson, np.array([True, False, False, False]))
    lesson.keep()
    told = {}
    for name, action in (("shown", shown[0].tolist()), ("other", [-1.0, -1.0 if shown[0, 1] > 0.0 else 1.0])):
        lesson._half_mirrored = lambda shown: shown  # its mirror image would show another action
        told[name] = lesson.losses(Constant(action))[1]
    assert told["shown"]["imitation_loss"] < 1e-6 < 0.3 < told["other"]["imitation_loss"]
    assert told["shown"]["regret"] < told["other"]["regret"]


def test_in_sight_only_what_is_beyond_the_tolerance_counts(worlds, lesson):
    lesson._half_mirrored = lambda shown: shown
    shown = shown_by(lesson, np.array([True, False, False, False]))
    lesson.keep()
    assert lesson.vectors[0, OFFSETS["target_seen"]] == 1.0
    other = Constant([-1.0, -1.0 if shown[0, 1] > 0.0 else 1.0])
    regret = lesson.losses(other)[1]["regret"]
    assert regret > 1.0
    for tolerance, left in ((0.0, regret), (1.0, regret - 1.0), (regret + 1.0, 0.0)):
        lesson.settings = lesson.settings.model_copy(update={"sight_tolerance": tolerance})
        loss, told = lesson.losses(other)
        assert told["excess_regret"] == pytest.approx(left, abs=1e-5)
        assert loss.item() == pytest.approx(left, abs=1e-5)  # neither imitation nor the regret itself


def test_out_of_sight_everything_counts_whatever_the_tolerance(worlds, lesson):
    lesson._half_mirrored = lambda shown: shown
    shown = shown_by(lesson, np.array([True, False, False, False]))
    lesson.keep()
    lesson.vectors[:, OFFSETS["target_seen"]] = 0.0
    other = Constant([-1.0, -1.0 if shown[0, 1] > 0.0 else 1.0])
    plain = lesson.losses(other)[0].item()
    lesson.settings = lesson.settings.model_copy(update={"sight_tolerance": 2.0})
    loss, told = lesson.losses(other)
    assert loss.item() == pytest.approx(plain)
    assert told["excess_regret"] == 0.0


@pytest.mark.parametrize(("seen", "commitment", "commits"), [(0.0, None, False), (0.0, 4.0, True), (1.0, 4.0, False)])
def test_out_of_sight_either_side_is_better_than_the_middle_if_it_is_to_commit_itself(
    worlds, lesson, seen, commitment, commits
):
    """Half of the demonstrations went left, half right; what was not done cost as much as it was off."""
    lesson.settings = lesson.settings.model_copy(update={"commitment": commitment, "batch_size": 512})
    lesson.show(np.array([True, False, False, False]))
    maps, vectors, _, regrets, _ = lesson._new.pop()
    vectors = np.repeat(vectors, 2, axis=0)
    vectors[:, OFFSETS["target_seen"]] = seen
    sides = np.array([[0.5, 0.5], [0.5, -0.5]])
    turns = np.linspace(-1.0, 1.0, regrets.table.shape[2])
    off = np.abs(turns[None, None, :] - sides[:, 1, None, None]) * np.ones_like(regrets.table[:1])
    tables = Regrets(
        10.0 * off,
        np.tile([0.0, -2.0], (2, 1)),
        np.tile([2.0, 2.0], (2, 1)),
        np.tile([2.0, 0.5, 2.0], (2, 1)),
    )
    lesson._shown.add(np.repeat(maps, 2, axis=0), vectors, sides, tables)
    wrong = {turn: lesson.losses(Constant([0.5, turn]))[0].item() for turn in (-0.5, 0.0, 0.5)}
    assert (wrong[0.0] > 1.1 * max(wrong[-0.5], wrong[0.5])) == commits


@pytest.mark.parametrize("when", ["always", "in_sight"])
def test_with_hindsight_a_moment_is_judged_by_what_became_of_it(worlds, when):
    settings = LessonSettings(buffer=16, batch_size=8, hindsight=when)
    lesson = Lesson(settings, SIZES, worlds, seed=0, which=np.array([0, 1, 3]))
    try:
        worlds.begin(1)
        for _ in range(20):  # until the targets move
            worlds.step(np.zeros((4, 2)))
        lesson.begin()
        view, vectors, places = worlds.privileged_view(), worlds.state["vector"].copy(), []
        for _ in range(AHEAD):
            lesson.show()
            assert not lesson._new
            places.append(worlds.privileged_view().poses[:, 1:, :2])
            assert not worlds.step(np.zeros((4, 2))).done.any()
        hidden = np.array([False, True, True, False])  # as the tracker's state has it
        lesson._hindsight._moments[0][0].vectors[:, OFFSETS["target_seen"]] = ~hidden[[0, 1, 3]]
        vectors[:, OFFSETS["target_seen"]] = ~hidden
        lesson.show()
        places.append(worlds.privileged_view().poses[:, 1:, :2])
        ((_, shown, actions, regrets, _),) = lesson._new
        np.testing.assert_array_equal(shown, vectors[[0, 1, 3]])
        late = [len(actions) for actions in view.under_way]
        paths = np.stack([np.stack(places[late[w] : late[w] + STEPS + 1])[:, w] for w in range(4)])  # (4, S + 1, M, 2)
        teacher = make_oracle(manner=TEACHES)
        teacher.reset(np.ones(4, dtype=np.bool_))
        told = teacher.judge(
            view, room_behind_m=np.full(4, 9.0), paths=np.ascontiguousarray(paths.transpose(0, 2, 1, 3))
        )
        guessed = teacher.judge(view, room_behind_m=np.full(4, 9.0))
        moved = np.abs(paths[:, -1, 0] - paths[:, 0, 0]).max(axis=1) > 0.3
        assert moved[[0, 1, 3]].all()
        assert not np.allclose(told[1].table[moved], guessed[1].table[moved], atol=1e-3)
        wanted = np.where((hidden & (when == "in_sight"))[:, None], guessed[0], told[0])[[0, 1, 3]]
        forward = wanted[:, 0] >= 0.0  # it backs off over seen ground alone
        np.testing.assert_allclose(actions[forward], wanted[forward], atol=1e-9)
        assert forward[1]
        ahead = np.linspace(regrets.low[1, 0], regrets.high[1, 0], regrets.table.shape[1]) >= 0.0
        judged = (guessed if when == "in_sight" else told)[1].table[1]
        np.testing.assert_allclose(regrets.table[1][ahead], judged[ahead], atol=1e-3)
        assert not np.allclose(told[1].table[1][ahead], guessed[1].table[1][ahead], atol=1e-2)
    finally:
        lesson.close()
