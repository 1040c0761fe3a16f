"""The demo from the outside: videos, table, and Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from rspt.demo import Result, show
from rspt.places import named_places

ROOT = Path(__file__).parents[2]


def length_of(video):
    with av.open(str(video)) as container:
        return sum(1 for _ in container.decode(container.streams.video[0]))


def recipe(folder, *, steps, layouts="[blocks]"):
    path = folder / "short.yaml"
    path.write_text(f"layouts: {layouts}\nagents: [pid, oracle]\nsteps: {steps}\nfirst_steps: 5\nseed: 1\n")
    return str(path)


def test_it_makes_a_first_video_one_of_each_run_and_a_table(tmp_path):
    out = tmp_path / "with space"
    command = [sys.executable, "-m", "rspt", "demo", "--config", recipe(tmp_path, steps=12), "--out", str(out)]
    environment = os.environ | {"TERM": "dumb", "LC_ALL": "C"}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert f"first video: {out / 'first_blocks_pid.mp4'}" in lines
    table = lines[-3:]
    assert table[0].split()[:2] == ["layout", "tracker"]
    assert [line.split()[:2] for line in table[1:]] == [["blocks", "pid"], ["blocks", "oracle"]]
    assert sorted(path.name for path in out.iterdir()) == [
        "blocks_oracle.mp4",
        "blocks_pid.mp4",
        "first_blocks_pid.mp4",
    ]
    assert length_of(out / "first_blocks_pid.mp4") == 6
    assert length_of(out / "blocks_pid.mp4") == 13


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_ctrl_c_keeps_what_was_played(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "rspt", "demo", "--config", recipe(tmp_path, steps=500), "--out", str(out)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 120
        while not list(out.glob(".blocks_pid*")) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        printed, complaints = process.communicate(timeout=60)
    assert process.returncode == 130, complaints
    assert "Traceback" not in complaints
    assert printed.splitlines()[-1].split()[:2] == ["blocks", "pid"]
    assert "cut" in printed.splitlines()[-1]
    assert not list(out.glob(".*"))
    assert 1 <= length_of(out / "blocks_pid.mp4") < 500


def test_labels_are_unique_and_fit_for_file_names(tmp_path):
    assert [place.label for place in named_places(["blocks", "blocks", "rooms", "blocks"])] == [
        "blocks",
        "blocks-2",
        "rooms",
        "blocks-3",
    ]


def test_every_result_has_a_plain_row(capsys):
    results = [Result("blocks", "pid", 12.34, 50, success, 0.5, 3, Path("a.mp4")) for success in (True, False, None)]
    show(results)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[4] for row in rows] == ["yes", "no", "cut"]
    assert rows[0] == ["blocks", "pid", "12.3", "50", "yes", "0.50", "3", "a.mp4"]
