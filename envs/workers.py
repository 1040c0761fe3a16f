"""Worlds shared out to processes that write their steps into shared memory."""

import multiprocessing
import os
import signal
import traceback
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory
from typing import Any, NamedTuple

import cv2
import numpy as np
from gymnasium.error import ClosedEnvironmentError
from numpy.typing import NDArray

from envs.actions import checked_actions
from envs.arrays import StepArrays, allocate, assembled, size_of, step_fields
from envs.batch import Autoreset, WorldBatch
from envs.errors import WorkerError
from envs.view import View
from envs.warmup import warm_up
from envs.world_settings import WorldSettings

_ANSWER_TIMEOUT_S = 120.0
_START_TIMEOUT_S = 300.0
_ACTION_FIELDS = {"tracker": ((2,), np.float64), "target": ((2,), np.float64)}


class _Worker(NamedTuple):
    process: BaseProcess
    pipe: Connection
    worlds: slice


class ShardedBatch:
    """W worlds in several processes with the interface of `WorldBatch`; the results are the same, bit for bit.

    This process steps the first share of the worlds itself: it would only wait else, and no core idles when there are
    as many workers as cores. The other processes are spawned, so that nothing of the parent's state reaches them: a
    script that makes one needs the usual `if __name__ == "__main__":`. They end with the parent, whatever ends it.

    Args:
        settings: of every world.
        num_worlds: W.
        num_workers: processes, this one among them; each steps a run of neighbouring worlds.
        autoreset: as in `WorldBatch`.

    Raises:
        ValueError: if there are more workers than worlds.
        LayoutError: for a layout that cannot be played.
        WorkerError: if a process does not start.
    """

    def __init__(
        self, settings: WorldSettings, num_worlds: int, *, num_workers: int, autoreset: Autoreset = "next_step"
    ) -> None:
        if not 1 <= num_workers <= num_worlds:
            raise ValueError(f"num_workers must be 1 to the number of worlds {num_worlds}, got {num_workers}")
        self.settings, self.num_worlds, self.autoreset = settings, num_worlds, autoreset
        fields = step_fields(settings, final=autoreset == "same_step")
        self._memory = SharedMemory(create=True, size=size_of(fields, num_worlds))
        self._action_memory = SharedMemory(create=True, size=size_of(_ACTION_FIELDS, num_worlds))
        self._workers: list[_Worker] = []
        self._finalizer = weakref.finalize(self, _shut_down, self._workers, [self._memory, self._action_memory])
        arrays = allocate(fields, num_worlds, self._memory.buf)
        self.out: StepArrays = assembled(arrays)
        self._actions = allocate(_ACTION_FIELDS, num_worlds, self._action_memory.buf)
        edges = np.linspace(0, num_worlds, num_workers + 1).round().astype(int).tolist()
        names = (self._memory.name, self._action_memory.name)
        mine = {name: array[: edges[1]] for name, array in arrays.items()}
        try:
            # first, so that a layout that cannot be played is reported by its own error and no process is started
            self._own = WorldBatch(settings, edges[1], autoreset=autoreset, arrays=mine, threads=1)
            for first, end in pairwise(edges[1:]):
                self._workers.append(_started((settings, num_worlds, first, end, autoreset, names)))
            warm_up()  # while the others start, who then find the compiled kernels in the cache
            self._answers(_START_TIMEOUT_S)
        except WorkerError as error:
            self.close()
            raise WorkerError(
                f"{error}\nWorker processes are spawned: they import the script anew, which must be a file and make the"
                ' environment under `if __name__ == "__main__":`'
            ) from None
        except BaseException:
            self.close()
            raise
        self._own_view: View | None = None
        self.external = np.array([settings.policy_of_world(world) is None for world in range(num_worlds)])

    def reset(
        self,
        seeds: Sequence[int | None] | None = None,
        *,
        layout_seed: int | None = None,
        which: NDArray[np.bool_] | None = None,
    ) -> StepArrays:
        """Begin new episodes, see `WorldBatch.reset`."""

        def share(worlds: slice) -> tuple[Any, ...]:
            part = None if seeds is None else list(seeds[worlds])
            return part, layout_seed, None if which is None else np.asarray(which)[worlds]

        for worker in self._workers:
            self._tell(worker, ("reset", *share(worker.worlds)))
        with self._awaited():
            part, _, mask = share(slice(0, self._own.num_worlds))
            self._own.reset(part, layout_seed=layout_seed, which=mask)
            if self._own_view is not None:
                self._own_view.begin()
        return self.out

    def step(self, tracker_actions: NDArray[Any], target_actions: NDArray[Any] | None = None) -> StepArrays:
        """Move every world by one control step, see `WorldBatch.step`."""
        self._check_open()
        self._actions["tracker"][:] = checked_actions(tracker_actions, num_worlds=self.num_worlds, player="tracker")
        if self.external.any() and target_actions is not None:
            self._actions["target"][:] = checked_actions(target_actions, num_worlds=self.num_worlds, player="target")
        for worker in self._workers:
            self._tell(worker, ("step", target_actions is not None))
        with self._awaited():
            mine = slice(0, self._own.num_worlds)
            target = None if target_actions is None else self._actions["target"][mine]
            self._own.step(self._actions["tracker"][mine], target)
            if self._own_view is not None:
                self._own_view.follow()
        return self.out

    def pictures(self) -> list[NDArray[np.uint8]]:
        """One picture (H, W, 3) of each world."""
        for worker in self._workers:
            self._tell(worker, ("pictures",))
        with self._awaited() as answers:
            self._own_view = self._own_view or View(self._own)
            pictures = [self._own_view.picture(world) for world in range(self._own.num_worlds)]
        return pictures + [picture for part in answers for picture in part]

    def close(self) -> None:
        """End the processes and free the shared memory; a second call does nothing."""
        if hasattr(self, "_own"):
            self._own.close()
        # the arrays look into the shared memory, which cannot be closed before they are gone
        for name in ("out", "_actions", "_own", "_own_view"):
            self.__dict__.pop(name, None)
        self._finalizer()

    def _check_open(self) -> None:
        if not self._finalizer.alive:
            raise ClosedEnvironmentError("the environment is closed")

    def _tell(self, worker: _Worker, message: tuple[Any, ...]) -> None:
        self._check_open()
        try:
            worker.pipe.send(message)
        except (BrokenPipeError, ConnectionResetError):
            raise self._death(worker) from None

    @contextmanager
    def _awaited(self) -> Iterator[list[Any]]:
        """Do something meanwhile; the list holds the answers of the workers afterwards.

        They are awaited even if this process fails, so that none is left in a pipe.
        """
        answers: list[Any] = []
        try:
            yield answers
        finally:
            answers += self._answers(_ANSWER_TIMEOUT_S)

    def _answers(self, timeout_s: float) -> list[Any]:
        """The answers of all workers; each is awaited, so that none is left in a pipe when one reports an error."""
        answers, problem = [], None
        for worker in self._workers:
            try:
                answers.append(self._answer(worker, timeout_s))
            except WorkerError as error:
                problem = problem or error
        if problem is not None:
            raise problem
        return answers

    def _answer(self, worker: _Worker, timeout_s: float) -> Any:
        try:
            if not worker.pipe.poll(timeout_s):
                worker.process.kill()
                raise WorkerError(f"{_name(worker)} gave no answer for {timeout_s:.0f} s and was ended")
            good, answer = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            raise self._death(worker) from None
        if not good:
            raise WorkerError(f"{_name(worker)}: {answer}")
        return answer

    def _death(self, worker: _Worker) -> WorkerError:
        worker.process.join(5.0)
        return WorkerError(f"{_name(worker)} died with exit code {worker.process.exitcode}; close the environment")


def _name(worker: _Worker) -> str:
    return f"worker process {worker.process.pid} (worlds {worker.worlds.start} to {worker.worlds.stop - 1})"


def _started(arguments: tuple[Any, ...]) -> _Worker:
    """A new process with its worlds."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours, slice(arguments[2], arguments[3]))


def _serve(
    pipe: Connection,
    settings: WorldSettings,
    num_worlds: int,
    first: int,
    end: int,
    autoreset: Autoreset,
    names: tuple[str, str],
) -> None:
    """The life of a worker: build its worlds, then answer until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    os.environ["OMP_NUM_THREADS"] = "1"
    if hasattr(os, "SCHED_BATCH"):  # a worker that wakes up must not push the parent aside, who has work of its own
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    cv2.setNumThreads(0)
    memories = [SharedMemory(name=name) for name in names]
    fields = step_fields(settings, final=autoreset == "same_step")
    arrays = {name: array[first:end] for name, array in allocate(fields, num_worlds, memories[0].buf).items()}
    actions = {name: array[first:end] for name, array in allocate(_ACTION_FIELDS, num_worlds, memories[1].buf).items()}
    batch: WorldBatch | None = None
    try:
        batch = WorldBatch(settings, end - first, autoreset=autoreset, first_world=first, arrays=arrays, threads=1)
        pipe.send((True, None))
        view: View | None = None
        while True:
            message = pipe.recv()
            try:
                answer: Any = None
                if message[0] == "reset":
                    batch.reset(message[1], layout_seed=message[2], which=message[3])
                    if view is not None:
                        view.begin()
                elif message[0] == "step":
                    batch.step(actions["tracker"], actions["target"] if message[1] else None)
                    if view is not None:
                        view.follow()
                else:
                    view = view or View(batch)
                    answer = [view.picture(world) for world in range(batch.num_worlds)]
            except Exception:
                pipe.send((False, _report(batch)))
            else:
                pipe.send((True, answer))
    except (EOFError, OSError):
        pass  # the parent has gone
    except Exception:
        pipe.send((False, _report(batch)))
    finally:
        if batch is not None:
            batch.close()


def _report(batch: WorldBatch | None) -> str:
    """The traceback of the present error and the world that was being handled."""
    place = "while it was made" if batch is None else "world {}, seed {}".format(*batch.handled)
    return f"{place}\n{traceback.format_exc()}"


def _shut_down(workers: list[_Worker], memories: list[SharedMemory]) -> None:
    for worker in workers:
        worker.pipe.close()
    for worker in workers:
        worker.process.join(5.0)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join(5.0)
    for memory in memories:
        with suppress(BufferError):  # somebody still holds an array of the last step; the pages live on with it
            memory.close()
        memory.unlink()
