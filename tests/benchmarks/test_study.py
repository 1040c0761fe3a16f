"""The study of rivals and ablations: equal budgets, trainings that can be run, and what the table says of the lines."""

import contextlib
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rspt.config import load_config
from rspt.evaluation.results import Results
from rspt.signals import StopRequest
from rspt.training.settings import TrackerSettings

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def study():
    sys.path.insert(0, str(BENCHMARKS))  # as `python benchmarks/study.py` has it
    try:
        spec = importlib.util.spec_from_file_location("study", BENCHMARKS / "study.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_all_rows_have_one_budget_and_stages_that_their_recipes_have(study):
    rows = sys.modules["study_parts.rows"]
    for name, row in study.ROWS.items():
        before = rows.TEACHER if row.taught else 0
        budget = sum(rows.LONG.values()) if name == "long" else rows.BUDGET
        assert before + sum(row.lengths.values()) == budget, name
        stages = set(load_config(TrackerSettings, row.config).stages)
        assert set(row.lengths) == stages - ({"teacher"} if row.taught else set()), name
    recipe = load_config(TrackerSettings, "rspt")
    assert {name: getattr(recipe, name).total_steps for name in rows.LONG} == rows.LONG


def test_a_row_that_differs_after_the_teacher_stage_begins_with_the_tracker_of_its_own_seed(study, tmp_path):
    training = study.training_of(tmp_path, "no_duel", 2)
    command = training.command
    assert command[command.index("--start-from") + 1] == str(tmp_path / "full-2" / "tracker-after-teacher.safetensors")
    assert "--resume" not in command
    (tmp_path / "no_duel-2").mkdir()
    assert training.command[-1] == "--resume"


def test_what_a_training_of_the_study_is_told_fits_its_recipe(study, tmp_path):
    tolerance = load_config(TrackerSettings, "rspt").duel.lesson.sight_tolerance
    for name, row in study.ROWS.items():
        command = study.training_of(tmp_path, name, 0).command
        own = command[command.index("train") + 1 :]
        at = own.index("--out")
        settings = load_config(TrackerSettings, row.config, [*own[2:at], *own[at + 2 :]])
        lessons = [
            stage.lesson
            for stage in (settings.teacher, settings.duel)
            if stage is not None and stage.lesson is not None
        ]
        assert all(lesson.hindsight == row.hindsight for lesson in lessons), name
        if settings.duel.lesson is not None:  # in a section that is given in part the rest stays
            assert settings.duel.lesson.sight_tolerance == tolerance


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_row_waits_for_the_tracker_that_it_begins_with(study, tmp_path, monkeypatch, jobs):
    done, code = [], 0

    def popen(command, stdout, **told):
        out = Path(command[command.index("--out") + 1])
        if "--start-from" in command:
            assert Path(command[command.index("--start-from") + 1]).exists()
        out.mkdir(exist_ok=True)
        for stage in ("teacher", "duel"):
            (out / f"tracker-after-{stage}.safetensors").touch()
        done.append(out.name)
        return contextlib.nullcontext(SimpleNamespace(poll=lambda: code, wait=lambda: code))

    trainings = sys.modules[study.run_trainings.__module__]
    monkeypatch.setattr(trainings.subprocess, "Popen", popen)
    monkeypatch.setattr(trainings.time, "sleep", lambda seconds: None)
    with pytest.raises(SystemExit, match=r"no_duel, seed 0: begins with .*full-0.*train the row full"):
        study.train(tmp_path, ["no_duel"], study.SEEDS, jobs)
    rows = ["no_duel", "full", "no_belief"]
    study.train(tmp_path, rows, study.SEEDS, jobs)
    assert sorted(done) == sorted([*(f"{name}-{seed}" for name in rows[:2] for seed in range(3)), "no_belief-0"])
    study.train(tmp_path, rows, study.SEEDS, jobs)
    assert len(done) == 7  # nothing is done again
    code = 1
    with pytest.raises(SystemExit):
        study.train(tmp_path, ["kalman", "true_map"], [0, 2], 1)
    assert len(done) == 8  # the second one is not begun


def test_a_request_to_stop_is_handed_on_and_nothing_more_is_begun(study, tmp_path, monkeypatch):
    trainings, stop, told = sys.modules[study.run_trainings.__module__], StopRequest(), []

    def popen(command, **rest):
        told.append("begun")
        stop.exit_code = 143
        return contextlib.nullcontext(
            SimpleNamespace(poll=lambda: None, wait=lambda: 143, terminate=lambda: told.append("asked"))
        )

    monkeypatch.setattr(trainings.subprocess, "Popen", popen)
    wanted = [study.training_of(tmp_path, name, 0) for name in ("full", "no_map")]
    assert not study.run_trainings(wanted, 1, stop)
    assert told == ["begun", "asked"]


def line(condition, ground, seed, success, spells=0, found=0):
    return {
        "agent": "x", "condition": condition, "ground": ground, "seed": seed, "success": success, "success_safe": False,
        "episode_return": 100.0 * success, "hidden_spells": spells, "reacquisitions": found,
    }  # fmt: skip


RECORD = {"stages": '{"teacher": 3, "duel": 4}', "cpu_hours": "0.5"}


def keep(study, folder: Path, name: str, seed: int, lines) -> None:
    about = {"run": {"milliseconds_per_action": {"x": 0.5}}, "agents": {"x": {"sha256": f"{name}-{seed}"}}}
    study.keep(folder, name, seed, Results(folder, about, lines), RECORD)


def test_the_table_pairs_layouts_whatever_the_order_of_the_lines(study, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "CSV", tmp_path / "study.csv")
    rng = np.random.default_rng(0)
    hard = rng.random(60) < 0.5
    for seed in study.SEEDS:
        full = [line("goal", "maze", k, bool(hard[k]), 2, 1) for k in range(60)]
        worse = [line("goal", "maze", k, bool(hard[k] and k % 3)) for k in range(60)]
        keep(study, tmp_path, "no_map", seed, worse)
        keep(study, tmp_path, "full", seed, [full[k] for k in rng.permutation(60)])
    rows = study.summarized(tmp_path, list(study.ROWS))
    assert [row["row"] for row in rows] == ["full", "no_map"]
    ours, theirs = rows
    assert (ours["seeds"], ours["n"]) == (3, 180)
    assert (ours["steps"], ours["cpu_hours"], ours["ms_per_action"]) == (7.0, 0.5, 0.5)
    assert ours["success"] == pytest.approx(hard.mean())
    assert ours["reacquired"] == 0.5
    assert np.isnan(theirs["reacquired"])  # nothing was ever out of sight
    lost = (hard & (np.arange(60) % 3 == 0)).mean()
    assert theirs["success_minus_full"] == pytest.approx(-lost)
    assert theirs["success_minus_full_high"] < 0.0
    assert theirs["success_p_holm"] < 0.01
    assert theirs["success_safe_minus_full"] == 0.0
    study.write_csv(rows)
    text = (tmp_path / "study.csv").read_text()
    assert text.startswith("condition,row,seeds,n,success,")
    assert "no surroundings" in study.table_of(rows)


def test_a_training_that_is_evaluated_anew_takes_the_place_of_what_it_was(study, tmp_path):
    keep(study, tmp_path, "no_map", 0, [line("goal", "maze", 0, False)])
    keep(study, tmp_path, "full", 1, [line("goal", "maze", 0, False)])
    keep(study, tmp_path, "full", 1, [line("goal", "maze", 0, True, 3, 2)])
    lines = (tmp_path / sys.modules["study_parts.kept"].TRAININGS).read_text().splitlines()
    assert lines[1:] == ["full,1,7,0.5,0.5,full-1", "no_map,0,7,0.5,0.5,no_map-0"]
    (row,) = study.summarized(tmp_path, ["full"])
    assert (row["success"], row["reacquired"], row["episode_return"]) == (1.0, pytest.approx(2 / 3), 100.0)


def test_other_episodes_are_refused(study, tmp_path):
    for seed in study.SEEDS:
        keep(study, tmp_path, "full", seed, [line("goal", "maze", k + seed, True) for k in range(4)])
    with pytest.raises(SystemExit, match=r"full-1.csv: 4 episodes of goal, others"):
        study.summarized(tmp_path, ["full"])


def test_what_is_kept_of_a_tracker_is_not_played_again(study, tmp_path):
    keep(study, tmp_path, "full", 1, [line("goal", ground, k, True) for ground in ("maze", "office") for k in range(2)])

    def kept(seed: int, tracker: str, episodes: int) -> bool:
        return study.is_kept(tmp_path, "full", seed, tracker_sha256=tracker, episodes=episodes)

    assert kept(1, "full-1", 2)
    assert not kept(1, "full-1", 3)  # fewer episodes
    assert not kept(1, "another", 2)  # trained anew
    assert not kept(2, "full-1", 2)
