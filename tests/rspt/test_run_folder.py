"""A run's folder belongs to one process, says what the run was started with, and keeps what it measures."""

import csv
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field

from envs.settings import Settings
from rspt.config import load_config
from rspt.errors import UsageError
from rspt.training import folder_lock, run_record
from rspt.training.metrics_table import MetricsTable
from rspt.training.run_folder import RunFolder


class Worlds(Settings):
    """A part of the settings."""

    layouts: tuple[str, ...] = ("blocks", "yes", "2020-01-01", "1e3", "Größe: ~")
    ratio: tuple[float, float] = (0.4, 1.0)
    folder: Path | None = None


class Small(Settings):
    """The settings of the tests."""

    kind: Literal["duel"] = "duel"
    rate: float = Field(1e-5, gt=0.0)
    steps: int = 10**9
    exact: bool = True
    weights: dict[str, float] = Field(default_factory=lambda: {"one": 1e16, "two": -0.1})
    worlds: Worlds = Worlds()


@pytest.fixture(autouse=True)
def outside_of_any_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def no_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunFolder, "_log_scalars", lambda self, step, numbers: None)


def rows(path: Path) -> list[dict[str, str]]:
    """The table without its seconds, which differ from run to run."""
    with (path / "metrics.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def scalars(path: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(path / "tensorboard"))
    events.Reload()
    return {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}


@pytest.mark.parametrize(
    "settings", [Small(), Small(rate=0.1 + 0.2, exact=False, worlds=Worlds(layouts=(), folder=Path("a b/ü")))]
)
def test_the_settings_on_record_are_those_of_the_run(tmp_path: Path, settings: Small) -> None:
    path = tmp_path / "runs" / "one"
    with RunFolder.begin(path, settings, resume=False) as run:
        assert run.path == path
        assert run.checkpoints_folder == path / "checkpoints"
        assert run.config == settings.model_dump(mode="json")
    assert load_config(Small, str(path / "config.yaml")) == settings
    assert sorted(file.name for file in path.iterdir()) == [
        ".lock",
        "checkpoints",
        "config.yaml",
        "metrics.csv",
        "run.json",
        "tensorboard",
    ]
    RunFolder.begin(path, settings, resume=True).close()
    assert load_config(Small, str(path / "config.yaml")) == settings


def test_the_record_tells_where_and_when(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["rspt", "train", "--config", "duel"])
    monkeypatch.setattr(run_record, "_git", lambda: {"commit": "0123abc", "dirty": False})
    RunFolder.begin(tmp_path / "run", Small(), resume=False).close()
    told = json.loads((tmp_path / "run" / "run.json").read_text())
    assert told["command"] == ["rspt", "train", "--config", "duel"]
    assert set(told["versions"]) == {"rspt", "torch", "numpy", "gymnasium", "stable-baselines3", "pybullet"}
    assert all(told["versions"].values())
    assert told["python"] == ".".join(map(str, sys.version_info[:3]))
    assert told["cores"] == os.cpu_count()
    assert told["torch_threads"] >= 1
    assert told["platform"]
    assert told["git"] == {"commit": "0123abc", "dirty": False}
    assert told["resumed"] == []
    for count in (1, 2):
        RunFolder.begin(tmp_path / "run", Small(), resume=True).close()
        again = json.loads((tmp_path / "run" / "run.json").read_text())
        assert len(again["resumed"]) == count
        assert again | {"resumed": []} == told
    (tmp_path / "run" / "run.json").write_text("{")
    RunFolder.begin(tmp_path / "run", Small(), resume=True).close()
    assert len(json.loads((tmp_path / "run" / "run.json").read_text())["resumed"]) == 1


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for git is a shell script")
@pytest.mark.parametrize(("changes", "dirty"), [("", False), (" M file.py", True)])
def test_the_record_tells_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: str, dirty: bool
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "git").write_text(
        f'#!/bin/sh\n[ "$GIT_OPTIONAL_LOCKS" = 0 ] || exit 1\n[ "$1" = status ] && echo "{changes}" || echo 0123abc\n'
    )
    (tools / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    assert run_record._git() == {"commit": "0123abc", "dirty": dirty}
    (tools / "git").write_text('#!/bin/sh\n[ "$1" = ls-files ] && exit 1\necho 0123abc\n')  # somebody else's checkout
    assert run_record._git() is None
    monkeypatch.setenv("PATH", str(tmp_path))  # no git at all
    assert run_record._git() is None


def test_the_table_gets_a_column_when_something_new_is_measured(tmp_path: Path) -> None:
    with RunFolder.begin(tmp_path, Small(), resume=False) as run:
        assert (tmp_path / "metrics.csv").read_text() == "step,seconds\n"
        run.log(10, {"loss": 0.1 + 0.2, "reward, mean": -1})
        run.log(20, {"reward, mean": float("nan")})
        run.log(30, {"score": 1e-9, "loss": 2})
    assert (tmp_path / "metrics.csv").read_text().splitlines()[0] == 'step,seconds,loss,"reward, mean",score'
    assert rows(tmp_path) == [
        {"step": "10", "loss": repr(0.1 + 0.2), "reward, mean": "-1.0", "score": ""},
        {"step": "20", "loss": "", "reward, mean": "nan", "score": ""},
        {"step": "30", "loss": "2.0", "reward, mean": "", "score": "1e-09"},
    ]
    assert not list(tmp_path.glob(".metrics*"))


def test_tensorboard_gets_the_same_under_the_same_names(tmp_path: Path) -> None:
    with RunFolder.begin(tmp_path, Small(), resume=False) as run:
        for step in (1, 2, 3):
            run.log(step, {"train/loss": step / 2, "score": step})
    with RunFolder.begin(tmp_path, Small(), resume=True) as run:
        run.rewind(1)
        run.log(2, {"train/loss": 7.0})
    found = scalars(tmp_path)
    assert found == {"train/loss": [(1, 0.5), (2, 7.0)], "score": [(1, 1.0)]}


@pytest.mark.usefixtures("no_tensorboard")
def test_the_table_of_a_resumed_run_is_that_of_one_without_interruption(tmp_path: Path) -> None:
    def work(run: RunFolder, first: int, last: int) -> None:
        for step in range(first, last + 1):
            new = {"late": step / 7} if step > 6 else {}
            run.log(step, {**new, "loss": 1 / step, **({"score": step} if step % 3 == 0 else {})})

    with RunFolder.begin(tmp_path / "whole", Small(), resume=False) as run:
        work(run, 1, 12)
    path = tmp_path / "parts"
    with RunFolder.begin(path, Small(), resume=False) as run:
        work(run, 1, 8)
    with (path / "metrics.csv").open("a") as file:
        file.write("9,1.0")  # a crash in the middle of a row
    for checkpoint, last in ((5, 10), (9, 9), (9, 12)):
        with RunFolder.begin(path, Small(), resume=True) as run:
            run.rewind(checkpoint)
            work(run, checkpoint + 1, last)
    assert rows(path) == rows(tmp_path / "whole")
    headers = [(folder / "metrics.csv").read_text().splitlines()[0] for folder in (path, tmp_path / "whole")]
    assert headers[0] == headers[1]
    with (path / "metrics.csv").open() as file:
        seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
    assert seconds == sorted(seconds)


@pytest.mark.usefixtures("no_tensorboard")
def test_seconds_go_on_where_the_run_stopped(tmp_path: Path) -> None:
    RunFolder.begin(tmp_path, Small(), resume=False).close()
    (tmp_path / "metrics.csv").write_text("step,seconds,loss\n1,100.0,0.5\n2,200.0,0.5\n")
    with RunFolder.begin(tmp_path, Small(), resume=True) as run:
        run.log(3, {})
        run.rewind(1)
        run.log(2, {})
    with (tmp_path / "metrics.csv").open() as file:
        seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
    assert seconds[0] == 100.0
    assert 100.0 <= seconds[1] < 150.0


@pytest.mark.usefixtures("no_tensorboard")
def test_a_damaged_table_is_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    RunFolder.begin(tmp_path, Small(), resume=False).close()
    (tmp_path / "metrics.csv").write_bytes(b"\xff\x00")
    with RunFolder.begin(tmp_path, Small(), resume=True) as run:
        run.log(3, {"loss": 1.0})
    assert rows(tmp_path) == [{"step": "3", "loss": "1.0"}]
    assert (tmp_path / "metrics-damaged.csv").read_bytes() == b"\xff\x00"
    assert "metrics-damaged.csv" in capsys.readouterr().err


@pytest.mark.usefixtures("no_tensorboard")
def test_a_full_disk_is_told_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: Any, **more: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with RunFolder.begin(tmp_path, Small(), resume=False) as run:
        run.log(1, {"loss": 1.0})
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", full)
            run.log(2, {"loss": 2.0})
            run.log(3, {"loss": 3.0, "new": 1.0})
            run.rewind(3)
            run.log(4, {"loss": 3.0, "new": 1.0})
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert "metrics.csv cannot be written (No space left on device); the training goes on" in told
        assert str(tmp_path) in told
        run.log(5, {"loss": 5.0, "new": 1.0})
    assert [row["step"] for row in rows(tmp_path)] == ["1", "5"]
    assert capsys.readouterr().err == ""


def test_a_row_that_is_written_in_half_does_not_spoil_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Half:
        def __init__(self, file: Any) -> None:
            self._file = file

        def __enter__(self) -> "Half":
            return self

        def __exit__(self, *problem: object) -> None:
            self._file.close()

        def write(self, text: bytes) -> int:
            self._file.write(text[:3])
            self._file.flush()
            raise OSError(errno.ENOSPC, "No space left on device")

    table = MetricsTable(tmp_path / "metrics.csv")
    table.open()
    table.append(1, 0.0, {"loss": 1.0})
    original = Path.open
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda path, mode="r": Half(original(path, mode)))
        with pytest.raises(OSError, match="No space"):
            table.append(2, 0.0, {"loss": 2.0})
    table.append(3, 0.0, {"loss": 3.0})
    assert [row["step"] for row in rows(tmp_path)] == ["1", "3"]


def test_a_failing_tensorboard_is_told_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from torch.utils import tensorboard

    def failing(*arguments: Any, **more: Any) -> None:
        raise RuntimeError("no board today")

    monkeypatch.setattr(tensorboard, "SummaryWriter", failing)
    with RunFolder.begin(tmp_path, Small(), resume=False) as run:
        for step in range(5):
            run.log(step, {"loss": 1.0})
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "TensorBoard cannot be written (no board today)" in told
    assert len(rows(tmp_path)) == 5


@pytest.mark.usefixtures("no_tensorboard")
def test_wrong_use_is_told(tmp_path: Path) -> None:
    with RunFolder.begin(tmp_path, Small(), resume=False) as run, pytest.raises(ValueError, match="'seconds'"):
        run.log(1, {"seconds": 1.0})
    run.close()  # a second time
    with pytest.raises(ValueError, match="closed"):
        run.log(1, {})


def test_another_run_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "run"
    RunFolder.begin(path, Small(), resume=False).close()
    with pytest.raises(UsageError, match="holds another run; go on with it by --resume") as caught:
        RunFolder.begin(path, Small(), resume=False)
    assert str(path) in str(caught.value)
    foreign = tmp_path / "foreign" / "checkpoints" / "checkpoint-000000001"
    foreign.mkdir(parents=True)
    with pytest.raises(UsageError, match="holds another run"):
        RunFolder.begin(tmp_path / "foreign", Small(), resume=False)
    RunFolder.begin(path, Small(), resume=True).close()  # the refusal holds no lock


def test_there_must_be_a_run_to_resume(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(UsageError, match="holds no run to resume") as caught:
            RunFolder.begin(path, Small(), resume=True)
        assert str(path) in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_other_settings_are_told_with_both_values(tmp_path: Path) -> None:
    RunFolder.begin(tmp_path, Small(), resume=False).close()
    before = (tmp_path / "config.yaml").read_bytes()
    with pytest.raises(UsageError, match=r"rate was 1e-05 and is 0\.5; resume") as caught:
        RunFolder.begin(tmp_path, Small(rate=0.5), resume=True)
    assert str(tmp_path / "config.yaml") in str(caught.value)
    other = Small(rate=0.5, steps=3, weights={"one": 2.0}, worlds=Worlds(ratio=(0.1, 1.0)))
    with pytest.raises(UsageError, match=r"steps was 1000000000 and is 3; weights.one was .* \(and 2 more\)"):
        RunFolder.begin(tmp_path, other, resume=True)
    with pytest.raises(UsageError, match=r"worlds.ratio was \[0.4, 1.0\] and is \[0.1, 1.0\]"):
        RunFolder.begin(tmp_path, Small(worlds=Worlds(ratio=(0.1, 1.0))), resume=True)
    assert (tmp_path / "config.yaml").read_bytes() == before
    (tmp_path / "config.yaml").write_text("rat: 1\n")
    with pytest.raises(UsageError, match="unknown key 'rat'"):
        RunFolder.begin(tmp_path, Small(), resume=True)


def test_a_file_or_a_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UsageError, match=r"file: is a file, a folder is needed"):
        RunFolder.begin(file, Small(), resume=False)
    with pytest.raises(UsageError, match=r"run: cannot be written \(Not a directory\)|is a file"):
        RunFolder.begin(file / "run", Small(), resume=False)

    def refuse(*arguments: Any, **more: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    for owner, name in ((Path, "mkdir"), (os, "open"), (os, "ftruncate"), (os, "fsync")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, refuse)
            with pytest.raises(UsageError, match=r"run: cannot be written \(Permission denied\)"):
                RunFolder.begin(tmp_path / "run", Small(), resume=False)
    RunFolder.begin(tmp_path / "run", Small(), resume=False).close()  # no refusal has left a lock


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to the superuser")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o555)
    with pytest.raises(UsageError, match="cannot be written"):
        RunFolder.begin(tmp_path / "run", Small(), resume=False)


@pytest.mark.parametrize("by_file", [False, True])
def test_one_process_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_file: bool) -> None:
    if by_file:
        monkeypatch.setattr(folder_lock, "fcntl", None)
    run = RunFolder.begin(tmp_path, Small(), resume=False)
    for resume in (False, True):
        with pytest.raises(UsageError, match=f"the process {os.getpid()} on {socket.gethostname()} is at work") as told:
            RunFolder.begin(tmp_path, Small(), resume=resume)
        assert str(tmp_path) in str(told.value)
    run.close()
    run.close()
    RunFolder.begin(tmp_path, Small(), resume=True).close()


HOLDER = """
import sys, time
from pathlib import Path
from rspt.training import folder_lock
if sys.argv[2] == "file":
    folder_lock.fcntl = None
lock = folder_lock.FolderLock(Path(sys.argv[1]) / ".lock")
print("held", flush=True)
time.sleep(100)
"""


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the advice is to remove the file")
@pytest.mark.parametrize("kind", ["system", "file"])
def test_the_lock_ends_with_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    if kind == "file":
        monkeypatch.setattr(folder_lock, "fcntl", None)
    command = [sys.executable, "-W", "ignore", "-c", HOLDER, str(tmp_path), kind]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(UsageError, match=f"the process {holder.pid} on"):
                RunFolder.begin(tmp_path, Small(), resume=False)
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
    RunFolder.begin(tmp_path, Small(), resume=False).close()
