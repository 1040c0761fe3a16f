"""The training program: a tiny training, and one that goes on after an interruption."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

import rspt
from rspt.config import load_config
from rspt.errors import UsageError
from rspt.signals import StopRequest
from rspt.training.checkpoints import Checkpoints, load_checkpoint
from rspt.training.settings import TrackerSettings
from rspt.training.training import WEIGHTS, train

SETTINGS = load_config(TrackerSettings, "smoke")


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


def test_a_training_leaves_what_it_promises(trained):
    names = {path.name for path in trained.iterdir()}
    assert {"config.yaml", "run.json", "metrics.csv", "tensorboard", "checkpoints", WEIGHTS} <= names
    steps = [int(path.name.split("-")[1]) for path in sorted((trained / "checkpoints").iterdir())]
    assert steps == [1024, 2048]
    told = rows(trained)
    assert float(told[-1]["validation/total_reward"]) != 0.0
    losses = [float(row["teacher/loss"]) for row in told if row["teacher/loss"]]
    assert min(losses) < losses[0]
    action = rspt.load_agent(trained / WEIGHTS).act(
        {"map": np.zeros((5, 32, 32), np.float32), "vector": np.zeros(51, np.float32)}
    )
    assert np.isfinite(action).all()


def test_a_training_that_goes_on_is_the_one_that_never_stopped(trained, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(trained, again)
    shutil.rmtree(again / "checkpoints" / "checkpoint-000002048")
    assert run(again, resume=True)
    one, other = (load_checkpoint(out / "checkpoints" / "checkpoint-000002048") for out in (trained, again))
    for name, tensor in one.weights["tracker"].tensors.items():
        assert torch.equal(tensor, other.weights["tracker"].tensors[name]), name
    demonstrations = [checkpoint.trainer["teacher"]["demonstrations"] for checkpoint in (one, other)]
    assert torch.equal(demonstrations[0]["vectors"], demonstrations[1]["vectors"])
    assert one.score == other.score
    assert rows(trained) == rows(again)


def test_a_stop_keeps_what_was_learnt_and_says_that_it_is_not_exact(tmp_path):
    stop = StopRequest()
    stop.exit_code = 130
    out = tmp_path / "stopped"
    assert not run(out, stop=stop)
    checkpoint = Checkpoints(out / "checkpoints").newest()
    assert checkpoint is not None
    assert not checkpoint.exact
    assert checkpoint.step == SETTINGS.worlds.worlds * SETTINGS.teacher.rollout_steps
    assert run(out, resume=True)


def test_another_seed_gives_another_tracker(trained, tmp_path):
    short = SETTINGS.model_copy(
        update={
            "seed": 1,
            "teacher": SETTINGS.teacher.model_copy(update={"total_steps": 1024}),
            "validation": SETTINGS.validation.model_copy(update={"episodes": 0}),
        }
    )
    assert run(tmp_path / "other", settings=short)
    one = load_checkpoint(trained / "checkpoints" / "checkpoint-000001024")
    other = load_checkpoint(tmp_path / "other" / "checkpoints" / "checkpoint-000001024")
    name = "trunk.join.0.weight"
    assert not torch.equal(one.weights["tracker"].tensors[name], other.weights["tracker"].tensors[name])


def test_a_folder_of_another_training_is_refused(trained):
    with pytest.raises(UsageError, match="resume"):
        run(trained)
    with pytest.raises(UsageError, match="seed"):
        run(trained, resume=True, settings=SETTINGS.model_copy(update={"seed": 5}))
