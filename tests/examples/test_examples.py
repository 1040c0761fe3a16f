"""The examples run, and what they train can be evaluated."""

import importlib.util
import json
from pathlib import Path

import pytest

from rspt.cli import main

FOLDER = Path(__file__).parents[2] / "examples"


def example(name: str):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def evaluated(out: Path, *agents: str) -> dict[str, dict]:
    given = ["--layouts", "blocks", "rooms", "--episodes", "1", "--workers", "1", "--films", "0", "--trust-pickle"]
    assert main(["evaluate", "--agents", *agents, *given, "--out", str(out)]) == 0
    rows = json.loads((out / "summary.json").read_text())["rows"]
    return {(row["agent"], row["ground"]): row for row in rows}


def test_stable_baselines3(tmp_path):
    model = tmp_path / "mine.zip"
    assert example("train_sb3").main(["--steps", "64", "--out", str(model)]) == 0
    rows = evaluated(tmp_path / "results", str(model))
    assert rows["mine", "blocks"]["trained_on"] == "unknown"  # its file does not say
    assert rows["mine", "all"]["errors"] == 0


def test_ppo_in_one_file(tmp_path, monkeypatch):
    weights = tmp_path / "mine.pt"
    small = ["--steps", "64", "--worlds", "4", "--rollout", "8", "--batch", "16"]
    assert example("train_ppo").main([*small, "--out", str(weights)]) == 0
    monkeypatch.setenv("TRACKER", str(weights))
    monkeypatch.chdir(FOLDER.parent)
    rows = evaluated(tmp_path / "results", "mine=examples.train_ppo:tracker")
    assert rows["mine", "blocks"]["trained_on"] == "seen"
    assert rows["mine", "rooms"]["trained_on"] == "unseen"
    assert rows["mine", "all"]["errors"] == 0


@pytest.mark.parametrize("tracker", ["pid", "oracle"])
def test_a_duel_of_ones_own(tracker, capsys):
    assert example("duel_pettingzoo").main(["--tracker", tracker, "--episodes", "1", "--steps", "20"]) == 0
    assert "episode 0: 20 steps, kept" in capsys.readouterr().out
