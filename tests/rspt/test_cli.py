"""The command from the outside: what it prints, what it loads, and how it ends."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rspt.cli import main

ROOT = Path(__file__).parents[2]


def run(*arguments, python=(), **options):
    command = [sys.executable, *python, "-m", "rspt", *arguments]
    options = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 120} | options
    return subprocess.run(command, check=False, **options)


def test_help_names_the_commands_and_loads_nothing_heavy():
    result = run("--help", python=("-X", "importtime"))
    assert result.returncode == 0
    for command in ("demo", "layouts", "doctor"):
        assert command in result.stdout
    loaded = {line.split("|")[-1].strip() for line in result.stderr.splitlines() if line.startswith("import time:")}
    assert "rspt.cli" in loaded
    assert not loaded & {"torch", "pybullet", "numba", "cv2", "av", "stable_baselines3", "matplotlib"}


def test_importing_rspt_registers_the_environment_and_loads_neither_torch_nor_pybullet():
    code = (
        "import sys, rspt, gymnasium; assert 'RSPT/Track-v0' in gymnasium.registry;"
        "assert not {'torch', 'pybullet'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def test_a_foreign_package_of_the_same_name_is_told(tmp_path):
    shutil.copytree(ROOT / "rspt", tmp_path / "own" / "rspt")
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "__init__.py").touch()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(tmp_path / "own")])}
    result = run("doctor", cwd=tmp_path / "own", env=environment)
    assert result.returncode == 1
    assert "rename or uninstall the other 'envs'" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["laouts"], "did you mean layouts?"),
        (["layouts", "--seed", "2"], "did you mean --seeds?"),
        (["layouts", "roms"], "did you mean 'rooms'?"),
        (["layouts", "--seeds", "0"], "whole number from 1 to 100"),
        (["layouts", "blocks", "--size", "nan"], "size_m"),
        (["layouts", "nowhere/map.yaml"], "nowhere"),
        (["layouts", "--out", "gallery.gif"], "suffix"),
        (["demo", "--layout", "roms"], "did you mean 'rooms'?"),
        (["demo", "--config", "dmo"], "did you mean 'demo'?"),
        (["demo", "--config", "nowhere.yaml"], "no such file"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("rspt: error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not list(tmp_path.iterdir())


def test_without_a_command_it_prints_the_help(capsys):
    assert main([]) == 0
    assert "usage: rspt" in capsys.readouterr().out


def test_layouts_draws_a_picture(tmp_path):
    path = tmp_path / "new" / "gallery.png"
    result = run("layouts", "blocks", "maze", "--seeds", "2", "--size", "12", "--out", str(path))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == str(path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_an_unwritable_place_is_one_line(tmp_path):
    blocker = tmp_path / "file"
    blocker.touch()
    result = run("layouts", "blocks", "--seeds", "1", "--out", str(blocker / "gallery.png"))
    assert result.returncode == 1
    assert result.stderr.startswith("rspt: error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_a_broken_pipe_is_quiet():
    line = f"set -o pipefail; '{sys.executable}' -m rspt doctor | true"
    result = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr


def test_ctrl_c_is_130(monkeypatch, capsys):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("rspt.doctor.main", interrupted)
    assert main(["doctor"]) == 130
