"""Trainings that a benchmark needs, several at a time, each in a process of its own with a log beside its folder."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rspt.signals import StopRequest

_LOOK_S = 1.0
"""Between two looks at what became of a training, and at what may begin."""


class Training(NamedTuple):
    """A training by `rspt train`.

    Attributes:
        folder: what it writes; its log lies beside it.
        options: of `rspt train`, without `--out` and `--resume`.
        may_begin: whether that which it begins with is there.
    """

    folder: Path
    options: Sequence[str]
    may_begin: Callable[[], bool] = lambda: True

    @property
    def command(self) -> list[str]:
        """For `python -m`: begins the training, or goes on with it."""
        command = ["rspt", "train", *self.options, "--out", str(self.folder)]
        return [*command, "--resume"] if self.folder.exists() else command


def run_trainings(trainings: Sequence[Training], jobs: int, stop: StopRequest) -> bool:
    """Run trainings to their ends, so many at a time, in their order as far as they may begin.

    When one is stopped or fails, no further one is begun. A request to stop is handed on to those that run.

    Returns:
        Whether all came to their ends.
    """
    waiting = list(trainings)
    lock, failed = threading.Lock(), threading.Event()

    def next_one() -> Training | None:
        with lock:
            chosen = next((training for training in waiting if training.may_begin()), None)
            if chosen is not None:
                waiting.remove(chosen)
            return chosen

    def work() -> None:
        while waiting and not failed.is_set() and not stop:
            training = next_one()
            if training is None:  # another one must come to its end first
                time.sleep(_LOOK_S)
                continue
            print(" ".join(training.command), flush=True)
            code = _run(training, stop)
            if code:
                print(f"{_log_of(training)}: stopped or failed with {code}", flush=True)
                failed.set()

    workers = [threading.Thread(target=work) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return not waiting and not failed.is_set()


def _run(training: Training, stop: StopRequest) -> int:
    """The exit code of a training."""
    log = _log_of(training)
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", *training.command]
    with log.open("a") as file, subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT) as process:
        while process.poll() is None and not stop:
            time.sleep(_LOOK_S)
        if stop:
            process.terminate()  # asks for a checkpoint; Ctrl-C in a terminal has asked already, to the same end
        return process.wait()


def _log_of(training: Training) -> Path:
    return training.folder.with_name(f"{training.folder.name}.log")
