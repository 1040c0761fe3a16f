"""Trainings that a benchmark needs, several at a time, each in a process of its own with a log beside its folder."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple


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


def run_trainings(trainings: Sequence[Training], jobs: int) -> bool:
    """Run trainings to their ends, so many at a time, in their order as far as they may begin.

    When one is stopped or fails, no further one is begun.

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
        while waiting and not failed.is_set():
            training = next_one()
            if training is None:  # another one must come to its end first
                time.sleep(5.0)
                continue
            print(" ".join(training.command), flush=True)
            code = _run(training)
            if code:
                print(f"{_log_of(training)}: stopped or failed with {code}", flush=True)
                failed.set()

    workers = [threading.Thread(target=work) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return not failed.is_set()


def _run(training: Training) -> int:
    log = _log_of(training)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        command = [sys.executable, "-m", *training.command]
        return subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode


def _log_of(training: Training) -> Path:
    return training.folder.with_name(f"{training.folder.name}.log")
