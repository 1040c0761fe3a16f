"""The folder of a training run: who may write into it, what it was started with, and what it has measured."""

import contextlib
import csv
import json
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import torch
import yaml

import rspt
from envs.settings import Settings
from rspt.config import load_config
from rspt.errors import UsageError

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

CONFIG, RUN, METRICS, LOCK = "config.yaml", "run.json", "metrics.csv", ".lock"
TENSORBOARD, CHECKPOINTS = "tensorboard", "checkpoints"
DAMAGED_METRICS = "metrics-damaged.csv"
_PACKAGES = ("rspt", "torch", "numpy", "gymnasium", "stable-baselines3", "pybullet")
_FIXED = ("step", "seconds")
_DIFFERENCES_TOLD = 3
_FLUSH_S = 10
"""So much of what TensorBoard gets is lost when the process is killed."""
_GIT_TIMEOUT_S = 10.0


class RunFolder:
    """A run's folder: who may write into it, what it was started with, and what it has measured.

    Attributes:
        path: the folder.
        checkpoints_folder: where its checkpoints belong.
        config: the settings as JSON has them.
    """

    def __init__(self, path: Path, config: dict[str, Any], lock: "_Lock") -> None:
        self.path = path
        self.checkpoints_folder = path / CHECKPOINTS
        self.config = config
        self._lock: _Lock | None = lock
        self._told: set[str] = set()
        self._metrics = _Metrics(path / METRICS)
        self._scalars: Any = None
        self._scalars_failed = False
        self._purge_step: int | None = None
        self._try(METRICS, self._metrics.open)
        self._start = time.monotonic() - self._metrics.last_seconds

    @classmethod
    def begin(cls, path: Path, settings: Settings, *, resume: bool) -> "RunFolder":
        """Make the folder of a new run, or go on with that of an old one.

        Raises:
            UsageError: if another process is at work in it, it holds another run, there is none to resume, the settings
                are not those of the run, or it cannot be written.
        """
        try:
            if path.exists() and not path.is_dir():
                raise UsageError(f"{path}: is a file, a folder is needed")
            if resume and not _holds_run(path):
                raise UsageError(f"{path}: holds no run to resume; without --resume a new one begins")
            path.mkdir(parents=True, exist_ok=True)
            lock = _Lock(path / LOCK)
            try:
                return cls._begin_locked(path, settings, lock, resume=resume)
            except BaseException:
                lock.release()
                raise
        except OSError as error:
            raise UsageError(f"{path}: cannot be written ({error.strerror or error}); choose another folder") from None

    @classmethod
    def _begin_locked(cls, path: Path, settings: Settings, lock: "_Lock", *, resume: bool) -> "RunFolder":
        config = settings.model_dump(mode="json")
        if _holds_run(path):
            if not resume:
                raise UsageError(f"{path}: holds another run; go on with it by --resume, or choose another folder")
            if (path / CONFIG).is_file():
                _check_same(path / CONFIG, load_config(type(settings), str(path / CONFIG)), config)
        for folder in (TENSORBOARD, CHECKPOINTS):
            (path / folder).mkdir(exist_ok=True)
        if not (path / CONFIG).is_file():
            _replace(path / CONFIG, yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        _replace(path / RUN, json.dumps(_run_record(path / RUN, resumed=resume), indent=2) + "\n")
        return cls(path, config, lock)

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def rewind(self, step: int) -> None:
        """Forget what was measured after a step, since the run goes on from there."""
        self._try(METRICS, lambda: self._metrics.rewind(step))
        self._start = time.monotonic() - self._metrics.last_seconds
        self._close_scalars()
        self._purge_step = step + 1

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Keep what was measured, in metrics.csv and for TensorBoard.

        A disk that is full, or whatever else goes wrong there, is told once on stderr and stops nothing.
        """
        if self._lock is None:
            raise ValueError(f"{self.path}: the run's folder is closed")
        numbers = {name: float(value) for name, value in values.items()}
        reserved = sorted(set(numbers) & set(_FIXED))
        if reserved:
            raise ValueError(f"{reserved[0]!r} is a column of its own, choose another name")
        seconds = time.monotonic() - self._start
        self._try(METRICS, lambda: self._metrics.append(step, seconds, numbers))
        if not self._scalars_failed:
            self._scalars_failed = not self._try("TensorBoard", lambda: self._log_scalars(step, numbers))

    def close(self) -> None:
        """Let others write into the folder; a second time does nothing."""
        lock, self._lock = self._lock, None
        if lock is not None:
            self._close_scalars()
            lock.release()

    def _log_scalars(self, step: int, numbers: Mapping[str, float]) -> None:
        if self._scalars is None:
            from torch.utils.tensorboard import SummaryWriter  # takes a second to load

            folder = str(self.path / TENSORBOARD)
            self._scalars = SummaryWriter(folder, purge_step=self._purge_step, flush_secs=_FLUSH_S)
        for name, value in numbers.items():
            self._scalars.add_scalar(name, value, step)

    def _close_scalars(self) -> None:
        scalars, self._scalars = self._scalars, None
        if scalars is not None and not self._scalars_failed:  # one that has failed might wait for ever
            self._try("TensorBoard", scalars.close)

    def _try(self, what: str, action: Callable[[], None]) -> bool:
        """Do something that must not stop the training; whether it went well."""
        try:
            action()
        except Exception as error:  # TensorBoard raises what it likes
            if what not in self._told:
                self._told.add(what)
                reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
                with contextlib.suppress(OSError, ValueError):
                    sys.stderr.write(
                        f"rspt: warning: {self.path}: {what} cannot be written ({reason}); the training goes on,"
                        " but some of what it measures is not kept there\n"
                    )
                    sys.stderr.flush()
            return False
        return True


class _Metrics:
    """A table that gets a column when something is measured for the first time.

    Attributes:
        last_seconds: of the last row.
    """

    def __init__(self, path: Path) -> None:
        self.last_seconds = 0.0
        self._path = path
        self._names: list[str] = []
        self._size = 0

    def open(self) -> None:
        """Go on with a table, or begin one; rows that a crash has cut off go."""
        if not self._path.exists():
            self._write([], [])
            return
        table = _read_table(self._path)
        if table is None:
            self._path.replace(self._path.with_name(DAMAGED_METRICS))
            self._write([], [])
            raise ValueError(f"it was no table of measurements and is now called {DAMAGED_METRICS}")
        self._write(table.names, table.rows)

    def rewind(self, step: int) -> None:
        """Drop the rows after a step, and the columns that are empty then."""
        table = _read_table(self._path) or _Table([], [])
        rows = [row for row in table.rows if int(row["step"]) <= step]
        self._write([name for name in table.names if any(row[name] for row in rows)], rows)

    def append(self, step: int, seconds: float, numbers: Mapping[str, float]) -> None:
        """Add a row."""
        row = {"step": str(int(step)), "seconds": f"{seconds:.3f}"}
        row |= {name: repr(value) for name, value in numbers.items()}
        new = [name for name in numbers if name not in self._names]
        if new or not self._path.exists():
            table = _read_table(self._path) or _Table([], [])
            self._write([*self._names, *new], [*table.rows, row])
            return
        text = _text([[row.get(name, "") for name in (*_FIXED, *self._names)]]).encode()
        try:
            with self._path.open("ab") as file:
                file.write(text)
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(self._path, self._size)  # half a row would spoil the next one
            raise
        self._size += len(text)

    def _write(self, names: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
        header = [*_FIXED, *names]
        text = _text([header, *([row.get(name, "") for name in header] for row in rows)])
        _replace(self._path, text)
        self._names, self._size = list(names), len(text.encode())
        self.last_seconds = float(rows[-1]["seconds"]) if rows else 0.0


class _Table(NamedTuple):
    """What is in metrics.csv.

    Attributes:
        names: of the columns after step and seconds.
        rows: by the names of the columns; empty where nothing was measured.
    """

    names: list[str]
    rows: list[dict[str, str]]


def _read_table(path: Path) -> _Table | None:
    """The whole rows of a table; None if it is none."""
    try:
        text = path.read_bytes().decode()
        header, *lines = csv.reader(StringIO(text[: text.rfind("\n") + 1]))  # without the row that was cut off
    except (FileNotFoundError, ValueError, csv.Error):
        return None
    if tuple(header[:2]) != _FIXED or len(set(header)) != len(header):
        return None
    rows = [dict(zip(header, line, strict=True)) for line in lines if len(line) == len(header)]
    return _Table(header[2:], [row for row in rows if _is_row(row)])


def _is_row(row: Mapping[str, str]) -> bool:
    try:
        int(row["step"])
        float(row["seconds"])
    except ValueError:
        return False
    return True


def _text(rows: Sequence[Sequence[str]]) -> str:
    buffer = StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


class _Lock:
    """The right of one process to write into a folder; it ends with the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._by_file = fcntl is None
        self._descriptor = self._create() if self._by_file else self._lock()
        try:
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode())
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Let others have it."""
        os.close(self._descriptor)
        if self._by_file:  # otherwise it stays: who waits for it would lock a file that is no longer there
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _lock(self) -> int:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise self._taken("") from None
        except OSError:  # some network disks have no locks
            os.close(descriptor)
            raise
        return descriptor

    def _create(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        try:
            return os.open(self._path, flags, 0o666)
        except FileExistsError:
            pid, host = self._owner()
            if host != socket.gethostname() or _alive(pid):
                raise self._taken(f"; if that process is gone, remove {self._path}") from None
            self._path.unlink(missing_ok=True)
        try:
            return os.open(self._path, flags, 0o666)
        except FileExistsError:  # another one was faster
            raise self._taken("") from None

    def _owner(self) -> tuple[int, str]:
        """Process and host that have it; 0 and nothing if they have not written their names yet."""
        try:
            pid, host = self._path.read_text().split()
            return int(pid), host
        except (OSError, ValueError):
            return 0, ""

    def _taken(self, advice: str) -> UsageError:
        pid, host = self._owner()
        who = f"the process {pid} on {host}" if pid else "another process"
        return UsageError(f"{self._path.parent}: {who} is at work in this folder; stop it or choose another{advice}")


def _alive(pid: int) -> bool:
    """Whether there is such a process; True where one cannot ask."""
    if os.name != "posix":  # elsewhere the question would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _holds_run(path: Path) -> bool:
    checkpoints = path / CHECKPOINTS
    return any((path / name).exists() for name in (CONFIG, RUN, METRICS)) or (
        checkpoints.is_dir() and any(checkpoints.iterdir())
    )


def _check_same(path: Path, recorded: Settings, config: dict[str, Any]) -> None:
    before, now = _flat(recorded.model_dump(mode="json")), _flat(config)
    changed = [key for key in dict.fromkeys([*before, *now]) if before.get(key) != now.get(key)]
    if not changed:
        return
    told = [
        f"{key} was {before.get(key, 'not there')!r} and is {now.get(key, 'not there')!r}"
        for key in changed[:_DIFFERENCES_TOLD]
    ]
    more = len(changed) - len(told)
    also = f" (and {more} more)" if more else ""
    raise UsageError(
        f"{path}: the run was started with other settings: {'; '.join(told)}{also};"
        " resume it with those, or begin a new run in another folder"
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one mapping with keys such as worlds.noise."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _run_record(path: Path, *, resumed: bool) -> dict[str, Any]:
    """What run.json tells; of a resumed run what it told, and one time more."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    if resumed:
        with contextlib.suppress(OSError, ValueError):
            told = json.loads(path.read_bytes())
            if isinstance(told, dict):
                earlier = told.get("resumed")
                return told | {"resumed": [*(earlier if isinstance(earlier, list) else []), now]}
    return {
        "command": sys.argv,
        "versions": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "git": _git(),
        "started": now,
        "resumed": [now] if resumed else [],
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return rspt.__version__ if name == "rspt" else None


def _git() -> dict[str, Any] | None:
    """The commit of the working directory, and whether files differ from it; None if it is no checkout."""
    commit = _git_says("rev-parse", "HEAD")
    changes = _git_says("status", "--porcelain", "--untracked-files=no")
    return None if commit is None or changes is None else {"commit": commit, "dirty": bool(changes)}


def _git_says(*command: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *command],
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},  # to ask must change nothing
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _replace(path: Path, text: str) -> None:
    """Write a file that appears only when it is whole."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
