"""The demo from the outside: a video, a training, an evaluation with its page, and Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from rspt.cli import main
from rspt.config import configs_folder, load_config
from rspt.demo import DemoSettings
from rspt.evaluation.results import read_results
from rspt.places import named_places
from rspt.training.settings import TrackerSettings

ROOT = Path(__file__).parents[2]
TRAINING = """
base: smoke
worlds: {worlds: 16, episode_steps: 100}
teacher: {total_steps: 1024}
duel: {total_steps: 1024}
clone: null
escape: null
"""
MAP = "cell: 0.5\n\n" + "\n".join(["#" * 40, *["#" + "." * 38 + "#"] * 20, "#" * 40]) + "\n"


def length_of(video):
    with av.open(str(video)) as container:
        return sum(1 for _ in container.decode(container.streams.video[0]))


def recipe(folder, *, training="training.yaml", agents="[pretrained]"):
    (folder / "training.yaml").write_text(TRAINING)
    (folder / "hall.txt").write_text(MAP)
    path = folder / "short.yaml"
    path.write_text(
        f"layouts: [hall.txt]\nagents: {agents}\nepisodes: 1\nfirst_steps: 5\nfirst_seed: 1\nfilms: 1\n"
        f"training: {folder / training if training else 'null'}\n"
    )
    return path


def command(out, config):
    return [sys.executable, "-m", "rspt", "demo", "--config", str(config), "--out", str(out)]


def test_it_makes_a_video_trains_a_tracker_and_evaluates_it_beside_others(tmp_path, capsys):
    out, config = tmp_path / "with space", recipe(tmp_path)
    environment = os.environ | {"TERM": "dumb", "LC_ALL": "C"}
    done = subprocess.run(
        command(out, config), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"The pretrained tracker in hall, a first video: {out / 'first_hall.mp4'}"
    assert length_of(out / "first_hall.mp4") == 6
    assert any(line.startswith("It kept ") and str(out / "training" / "curves.png") in line for line in lines)
    assert lines[-1] == f"The page to look at: {out / 'evaluation' / 'report.html'}"
    assert (out / "evaluation" / "report.html").is_file()
    played = {(line["agent"], line["ground"]) for line in read_results(out / "evaluation").lines}
    assert played == {("own", "hall"), ("pretrained", "hall")}
    differences = json.loads((out / "evaluation" / "summary.json").read_text())
    assert differences["baseline"] == "pretrained"
    before = (out / "evaluation" / "episodes.jsonl").read_bytes()
    assert main(["demo", "--config", str(config), "--out", str(out)]) == 0  # nothing is made twice
    assert "nothing is left to train" in capsys.readouterr().out
    assert (out / "evaluation" / "episodes.jsonl").read_bytes() == before


def test_a_layout_of_ones_own_is_evaluated_apart(tmp_path):
    config = recipe(tmp_path, training=None, agents="[pid]")
    out = tmp_path / "out"
    assert main(["demo", "--config", str(config), "--layout", str(tmp_path / "hall.txt"), "--out", str(out)]) == 0
    assert {line["ground"] for line in read_results(out / "evaluation-hall").lines} == {"hall"}
    assert not (out / "training").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layout", "blokcs"], "did you mean 'blocks'"),
        (["--config", "demoo"], "did you mean 'demo'"),
    ],
)
def test_a_mistake_is_told_before_anything_is_made(tmp_path, capsys, arguments, message):
    out = tmp_path / "out"
    assert main(["demo", "--out", str(out), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_ctrl_c_keeps_what_was_made(tmp_path):
    out = tmp_path / "out"
    with subprocess.Popen(
        command(out, recipe(tmp_path)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 120
        begun = out / "training" / "metrics.csv"
        while not begun.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        printed, complaints = process.communicate(timeout=60)
    assert process.returncode == 130, complaints
    assert "Traceback" not in complaints
    assert printed.splitlines()[-1] == f"Stopped; what was made is in {out}, and the same command goes on."
    assert length_of(out / "first_hall.mp4") == 6
    assert list((out / "training" / "checkpoints").iterdir())


def test_the_recipe_trains_less_than_the_full_one_and_plays_what_is_there():
    settings = load_config(DemoSettings, "demo")
    training = load_config(TrackerSettings, settings.training)
    assert {"teacher", "duel"} <= set(training.stages)
    assert training.total_steps < 0.1 * load_config(TrackerSettings, "rspt").total_steps
    [building] = [name for name in settings.layouts if "/" in name]
    assert named_places([str(configs_folder() / building)])[0].label == "flat"


def test_labels_are_unique_and_fit_for_file_names():
    assert [place.label for place in named_places(["blocks", "blocks", "rooms", "blocks"])] == [
        "blocks",
        "blocks-2",
        "rooms",
        "blocks-3",
    ]
