"""The training program: a tiny training, and one that goes on after an interruption."""

import copy
import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors import safe_open

import rspt
from agents.networks import Actor, Sizes
from envs.layouts.files import load_layout
from rspt.actors import load_player
from rspt.cli import main
from rspt.config import load_config
from rspt.errors import UsageError
from rspt.export import export
from rspt.perception.state import VECTOR_WIDTH
from rspt.signals import StopRequest
from rspt.training import training
from rspt.training.about import told_of
from rspt.training.checkpoints import Checkpoints, load_agent_weights, load_checkpoint
from rspt.training.failure import NotFiniteError
from rspt.training.settings import TrackerSettings
from rspt.training.teacher import TeacherStage
from rspt.training.training import TARGET_WEIGHTS, WEIGHTS, train
from rspt.training.validation import Score

SMOKE = load_config(TrackerSettings, "smoke")
SETTINGS = SMOKE.model_copy(
    # fewer rounds of more worlds, and shorter episodes in them and in the validation: the same ways, sooner
    update={"keep_last": 10, "worlds": SMOKE.worlds.model_copy(update={"worlds": 16, "episode_steps": 100})}
)
EXACT = [1024, 2048, 2560, 3072, 4096, 5120]
"""Checkpoints: each 1024 steps and at the end of each stage."""


def run(out: Path, *, resume=False, stop=None, settings=SETTINGS) -> bool:
    return train(settings, out, resume=resume, stop=stop or StopRequest(), console=Console(quiet=True))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "smoke"
    assert run(out)
    return out


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "metrics.csv").open() as file:
        return [{name: value for name, value in row.items() if "second" not in name} for row in csv.DictReader(file)]


def steps_of(out: Path) -> list[int]:
    return [int(path.name.split("-")[1]) for path in sorted((out / "checkpoints").iterdir())]


def test_a_training_leaves_what_it_promises(trained):
    names = {path.name for path in trained.iterdir()}
    assert {"config.yaml", "run.json", "metrics.csv", "tensorboard", "checkpoints", "curves.png"} <= names
    assert {WEIGHTS, TARGET_WEIGHTS} <= names
    left = ("tracker-after-teacher", "target-after-clone", "target-after-escape", "target-after-duel")
    assert {f"{of}.safetensors" for of in left} <= names
    assert steps_of(trained) == EXACT
    told = rows(trained)
    assert float(told[-1]["validation/total_reward"]) != 0.0
    for name in ("teacher/imitation_loss", "clone/loss"):
        losses = [float(row[name]) for row in told if row[name]]
        assert min(losses) < losses[0]
    assert {"tracker/regret", "tracker/value_loss", "target/auxiliary_loss", "reward_target"} <= set(told[0])
    action = rspt.load_agent(trained / WEIGHTS).act(
        {"map": np.zeros((6, 32, 32), np.float32), "vector": np.zeros(VECTOR_WIDTH, np.float32)}
    )
    assert np.isfinite(action).all()
    assert rspt.load_agent(trained).name == str(trained)  # a run stands for its best tracker


# within the teacher stage, before the escape, before the duel, within it
@pytest.mark.parametrize("kept", [1, 3, 4, 5])
def test_a_training_that_goes_on_is_the_one_that_never_stopped(trained, tmp_path, kept):
    again = tmp_path / "again"
    shutil.copytree(trained, again)
    for step in EXACT[kept:]:
        shutil.rmtree(again / "checkpoints" / f"checkpoint-{step:09}")
    assert run(again, resume=True)
    one, other = (load_checkpoint(out / "checkpoints" / f"checkpoint-{EXACT[-1]:09}") for out in (trained, again))
    assert set(one.weights) == {"tracker", "target"}
    for role, weights in one.weights.items():
        for name, tensor in weights.tensors.items():
            assert torch.equal(tensor, other.weights[role].tensors[name]), (role, name)
    assert same(one.trainer, other.trainer)
    assert one.score == other.score
    assert rows(trained) == rows(again)


def test_a_rival_that_sees_frames_and_remembers_goes_on_just_so(tmp_path, capsys):
    perception = SETTINGS.worlds.perception.model_copy(update={"ablation": "frames"})
    blind = {"backs_into_seen": False}  # images do not tell what ground was seen
    teacher = SETTINGS.teacher.model_copy(update={"lesson": SETTINGS.teacher.lesson.model_copy(update=blind)})
    duel = SETTINGS.duel.model_copy(update={"lesson": SETTINGS.duel.lesson.model_copy(update=blind)})
    settings = SETTINGS.model_copy(
        update={
            "teacher": teacher,
            "duel": duel,
            "worlds": SETTINGS.worlds.model_copy(update={"perception": perception}),
            "network": SETTINGS.network.model_copy(update={"memory": 16, "sequence_steps": 8}),
        }
    )
    first, again = tmp_path / "first", tmp_path / "again"
    assert run(first, settings=settings)
    shutil.copytree(first, again)
    for step in EXACT[1:]:  # within the teacher stage
        shutil.rmtree(again / "checkpoints" / f"checkpoint-{step:09}")
    assert run(again, resume=True, settings=settings)
    one, other = (load_checkpoint(out / "checkpoints" / f"checkpoint-{EXACT[-1]:09}") for out in (first, again))
    tensors = one.weights["tracker"].tensors
    assert tensors["memory.cell.weight_hh"].shape == (48, 16)
    for name, tensor in tensors.items():
        assert torch.equal(tensor, other.weights["tracker"].tensors[name]), name
    agent = rspt.load_agent(first)
    assert agent.ablation == "frames"
    seen = {"map": np.zeros((2, 48, 64), np.float32), "vector": np.ones(VECTOR_WIDTH, np.float32)}
    assert (agent.act(seen) != agent.act(seen)).any()  # it remembers
    with pytest.raises(UsageError, match="without a memory"):
        export(load_player(first, "tracker").actor, tmp_path / "tracker.zip")
    out = tmp_path / "played"
    assert main(["evaluate", "--agents", str(first), "--suite", "video", "--out", str(out)]) == 2
    assert "is shown the target's mask, and cannot be played with the localizer 'video'" in capsys.readouterr().err
    assert not out.exists()


def test_a_training_that_is_complete_says_so(trained, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(trained, again)
    console = Console(record=True, quiet=False, file=io.StringIO(), width=200)
    assert train(SETTINGS, again, resume=True, stop=StopRequest(), console=console)
    assert f"All {EXACT[-1]:,} steps are done" in console.export_text()
    assert rows(again) == rows(trained)


def same(one, other) -> bool:
    """Whether two states are equal, bit for bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def test_a_stop_keeps_what_was_learnt_and_says_that_it_is_not_exact(tmp_path):
    stop = StopRequest()
    stop.exit_code = 130
    out = tmp_path / "stopped"
    assert not run(out, stop=stop, settings=short())
    checkpoint = Checkpoints(out / "checkpoints").newest()
    assert checkpoint is not None
    assert not checkpoint.exact
    assert SETTINGS.teacher is not None
    assert checkpoint.step == SETTINGS.worlds.worlds * SETTINGS.teacher.rollout_steps
    assert run(out, resume=True, settings=short())


@pytest.mark.parametrize(
    ("successes", "kept_at"),
    [
        # teacher stage at 1024 and 2048, duel at 3072 and 4096
        ((1.0, 1.0, 0.9, 0.5), 3072),  # worse than the teacher's, but the duel is what was asked for
        ((1.0, 1.0, 0.9, 0.85), 4096),  # about as good as the best
        ((0.9, 0.5, 0.5, 0.7), 4096),
    ],
)
def test_the_tracker_of_a_run_is_the_last_good_one_of_its_last_stage(tmp_path, monkeypatch, successes, kept_at):
    scores = iter([Score(success, 0.0, 0.0, 500.0, 1.0) for success in successes])
    monkeypatch.setattr("rspt.training.training.validate", lambda *_: next(scores))
    out = tmp_path / "run"
    assert run(out, settings=SETTINGS.model_copy(update={"clone": None, "escape": None}))
    assert load_agent_weights(out / WEIGHTS, role="tracker").about["steps"] == str(kept_at)


def test_another_seed_gives_another_tracker(trained, tmp_path):
    assert run(tmp_path / "other", settings=short(seed=1))
    one = load_checkpoint(trained / "checkpoints" / "checkpoint-000001024")
    other = load_checkpoint(tmp_path / "other" / "checkpoints" / "checkpoint-000001024")
    name = "trunk.join.0.weight"
    assert not torch.equal(one.weights["tracker"].tensors[name], other.weights["tracker"].tensors[name])


def short(**changes):
    """The first checkpoint of the teacher stage alone, not validated."""
    assert SETTINGS.teacher is not None
    teacher = SETTINGS.teacher.model_copy(update={"total_steps": 1024})
    validation = SETTINGS.validation.model_copy(update={"episodes": 0})
    only = {"teacher": teacher, "clone": None, "escape": None, "duel": None, "validation": validation}
    return SETTINGS.model_copy(update={**only, **changes})


def test_a_stage_alone_begins_with_a_tracker_that_is_there(trained, tmp_path):
    settings = short(teacher=None, duel=SETTINGS.duel, start_from=str(trained))
    assert run(tmp_path / "duel", settings=settings)
    assert steps_of(tmp_path / "duel") == [1024, 2048]
    with pytest.raises(UsageError, match=r"^--start-from nowhere: no such file or folder"):
        run(tmp_path / "none", settings=settings.model_copy(update={"start_from": "nowhere"}))


@pytest.mark.parametrize("alone", [False, True])  # clone, escape and duel, or the duel alone
def test_stages_one_by_one_are_the_same_as_all_in_one_run(trained, tmp_path, alone):
    settings = SETTINGS.model_copy(
        update={"teacher": None, "start_from": str(trained / "tracker-after-teacher.safetensors")}
    )
    if alone:
        target = str(trained / "target-after-escape.safetensors")
        settings = settings.model_copy(update={"clone": None, "escape": None, "target_from": target})
    assert run(tmp_path / "later", settings=settings)
    for role, name in (("tracker", "tracker-after-duel"), ("target", "target-after-duel")):
        ours, theirs = (
            load_agent_weights(out / f"{name}.safetensors", role=role) for out in (tmp_path / "later", trained)
        )
        assert all(torch.equal(ours.tensors[key], theirs.tensors[key]) for key in theirs.tensors)


def test_a_number_that_is_not_finite_ends_the_training_before_it_gets_into_a_checkpoint(tmp_path, monkeypatch):
    def learn(stage, driven):
        if driven >= 1024:
            with torch.no_grad():
                stage.actor.head.bias[0] = float("nan")
        return {}

    monkeypatch.setattr(TeacherStage, "_learn", learn)
    out = tmp_path / "nan"
    with pytest.raises(NotFiniteError, match=r"tracker/head\.bias.*checkpoint-000001024"):
        run(out, settings=SETTINGS)
    assert steps_of(out) == [1024]
    told = json.loads((out / "failure-000001280" / "failure.json").read_text())
    assert told["not_finite"] == ["tracker/head.bias"]
    assert (out / "failure-000001280" / "stage.pt").is_file()


def test_weights_tell_what_they_were_trained_on(trained, tmp_path):
    with safe_open(trained / "tracker-after-duel.safetensors", framework="pt") as file:
        about = file.metadata()
    assert about["steps"] == "5120"
    teacher = load_agent_weights(trained / "tracker-after-teacher.safetensors", role="tracker").about
    assert 0.0 < float(teacher["cpu_hours"]) < float(about["cpu_hours"]) < 0.1
    assert about["families"] == "blocks,pillars,mixed"
    assert json.loads(about["stages"]) == {"teacher": 2048, "clone": 512, "escape": 512, "duel": 2048}
    assert about["layout_files"] == "{}"
    drawn = tmp_path / "drawn.txt"
    drawn.write_text("cell: 0.5\n\n" + "\n".join(["#" * 16, *["#" + "." * 14 + "#"] * 14, "#" * 16]) + "\n")
    worlds = SETTINGS.worlds.model_copy(update={"layouts": ("blocks", str(drawn))})
    told = told_of(SETTINGS.model_copy(update={"worlds": worlds}))
    assert told["families"] == "blocks"
    assert json.loads(told["layout_files"]) == {str(drawn): load_layout(drawn).hash}


def test_weights_tell_what_those_were_trained_on_that_they_began_with(trained, tmp_path):
    """Else a tracker whose teacher knew a family could be called unseen there."""
    first = trained / "tracker-after-duel.safetensors"
    settings = SETTINGS.model_copy(update={"start_from": str(first), "teacher": None, "clone": None, "escape": None})
    worlds = settings.worlds.model_copy(update={"layouts": ("rooms", "blocks")})
    assert run(tmp_path, settings=settings.model_copy(update={"worlds": worlds}))
    about = load_agent_weights(tmp_path / "tracker-after-duel.safetensors", role="tracker").about
    assert about["families"] == "blocks,pillars,mixed,rooms"
    assert json.loads(about["stages"]) == {"teacher": 2048, "clone": 512, "escape": 512, "duel": 4096}
    newest = sorted((tmp_path / "checkpoints").iterdir())[-1]
    assert load_agent_weights(newest, role="tracker").about["families"] == about["families"]


def test_steps_are_shared_out_among_the_stages():
    settings = SETTINGS.with_total_steps(10240)
    assert settings.teacher is not None
    assert settings.total_steps == 10240
    assert settings.teacher.total_steps == 4096


def test_a_training_without_any_stage_is_refused():
    with pytest.raises(ValueError, match="at least one of the stages"):
        TrackerSettings()


def test_sequences_that_do_not_fit_into_a_rollout_are_refused():
    told = SETTINGS.model_dump()
    told["network"] |= {"memory": 8, "sequence_steps": 5}
    with pytest.raises(ValueError, match=r"sequence_steps 5 must divide escape.rollout_steps 16"):
        TrackerSettings.model_validate(told)
    told["network"]["sequence_steps"] = 16
    for section, key, value in (
        ("teacher", "rollout_steps", 8),
        ("lesson", "batch_size", 8),
        ("lesson", "buffer", 100),
    ):
        wrong = copy.deepcopy(told)
        (wrong["teacher"] if section == "teacher" else wrong["teacher"]["lesson"])[key] = value
        with pytest.raises(ValueError, match=rf"sequence_steps 16 must not exceed teacher.*{key}"):
            TrackerSettings.model_validate(wrong)
    told["network"]["sequence_steps"] = 5
    told["network"]["memory"] = 0  # nothing is remembered, and nothing has to fit
    TrackerSettings.model_validate(told)


def test_what_cannot_work_is_refused_by_its_names():
    told = SETTINGS.model_dump()
    told["worlds"]["perception"]["ablation"] = "frames"
    with pytest.raises(ValueError, match=r"teacher.lesson.backs_into_seen must be false .* 'frames'"):
        TrackerSettings.model_validate(told)
    told = SETTINGS.model_dump()
    told["escape"]["flat_steps"] = 100
    with pytest.raises(ValueError, match=r"escape.flat_steps 100 must be at least .* 256"):
        TrackerSettings.model_validate(told)


def test_a_tracker_of_another_state_is_refused_before_a_folder_is_made(trained, tmp_path):
    perception = SETTINGS.worlds.perception.model_copy(update={"ablation": "no_map"})
    worlds = SETTINGS.worlds.model_copy(update={"perception": perception})
    alone = {"teacher": None, "clone": None, "duel": None, "worlds": worlds, "start_from": str(trained)}
    with pytest.raises(
        UsageError, match=r"--start-from .*: was trained with .* 'none', here it would be shown 'no_map'"
    ):
        run(tmp_path / "out", settings=SETTINGS.model_copy(update=alone))
    assert not (tmp_path / "out").exists()


def test_a_run_of_another_state_is_not_gone_on_with(trained, tmp_path, monkeypatch):
    again = tmp_path / "again"
    shutil.copytree(trained, again)
    monkeypatch.setattr(training, "new_tracker", lambda settings: Actor(Sizes(5, 32, 51)))
    with pytest.raises(UsageError, match=r"again: its tracker sees maps \(6, 32, 32\) .* makes \(5, 32, 32\) .*anew"):
        run(again, resume=True)


def test_one_tracker_to_escape_is_as_good_as_several():
    told = SETTINGS.model_dump()
    told["escape"]["trackers"] = "pretrained"
    assert TrackerSettings.model_validate(told).escape.trackers == ("pretrained",)


def test_a_folder_of_another_training_is_refused(trained):
    with pytest.raises(UsageError, match="resume"):
        run(trained)
    with pytest.raises(UsageError, match="seed"):
        run(trained, resume=True, settings=SETTINGS.model_copy(update={"seed": 5}))


@pytest.mark.parametrize("key", ["start_from", "target_from"])
def test_a_player_that_is_not_there_is_refused_before_a_folder_is_made(key, tmp_path):
    settings = SETTINGS.model_copy(update={key: str(tmp_path / "nobody")})
    with pytest.raises(UsageError, match=f"--{key.replace('_', '-')} .*nobody.*no such file"):
        run(tmp_path / "run", settings=settings)
    assert not (tmp_path / "run").exists()
