"""The folder of a training run: who may write into it, what it was started with, and what it has measured."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from envs.settings import Settings
from rspt.config import load_config
from rspt.errors import UsageError
from rspt.training.folder_lock import FolderLock
from rspt.training.metrics_table import FIXED, MetricsTable
from rspt.training.run_record import run_record
from rspt.training.whole_files import replace_whole

CONFIG, RUN, METRICS, LOCK = "config.yaml", "run.json", "metrics.csv", ".lock"
TENSORBOARD, CHECKPOINTS = "tensorboard", "checkpoints"
_DIFFERENCES_TOLD = 3
_FLUSH_S = 10
"""So much of what TensorBoard gets is lost when the process is killed."""


class RunFolder:
    """A run's folder: who may write into it, what it was started with, and what it has measured.

    Attributes:
        path: the folder.
        checkpoints_folder: where its checkpoints belong.
        config: the settings as JSON has them.
    """

    def __init__(self, path: Path, config: dict[str, Any], lock: FolderLock) -> None:
        self.path = path
        self.checkpoints_folder = path / CHECKPOINTS
        self.config = config
        self._lock: FolderLock | None = lock
        self._told: set[str] = set()
        self._metrics = MetricsTable(path / METRICS)
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
            lock = FolderLock(path / LOCK)
            try:
                return cls._begin_locked(path, settings, lock, resume=resume)
            except BaseException:
                lock.release()
                raise
        except OSError as error:
            raise UsageError(f"{path}: cannot be written ({error.strerror or error}); choose another folder") from None

    @classmethod
    def _begin_locked(cls, path: Path, settings: Settings, lock: FolderLock, *, resume: bool) -> "RunFolder":
        config = settings.model_dump(mode="json")
        if _holds_run(path):
            if not resume:
                raise UsageError(f"{path}: holds another run; go on with it by --resume, or choose another folder")
            if (path / CONFIG).is_file():
                _check_same(path / CONFIG, load_config(type(settings), str(path / CONFIG)), config)
        for folder in (TENSORBOARD, CHECKPOINTS):
            (path / folder).mkdir(exist_ok=True)
        if not (path / CONFIG).is_file():
            replace_whole(path / CONFIG, yaml.safe_dump(config, sort_keys=False, allow_unicode=True).encode())
        replace_whole(path / RUN, (json.dumps(run_record(path / RUN, resumed=resume), indent=2) + "\n").encode())
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
        reserved = sorted(set(numbers) & set(FIXED))
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
