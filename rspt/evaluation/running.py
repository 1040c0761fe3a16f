"""Plays the pieces of an evaluation in this process or in several, with the same results."""

import multiprocessing
import os
import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.batch import WorldBatch
from envs.errors import WorkerError
from rspt.agent import LoadedAgent, load_agent
from rspt.evaluation.plan import Entry, Piece
from rspt.evaluation.playing import Cell, Stopped, play
from rspt.evaluation.tally import Episode
from rspt.evaluation.tape import Tape, Track
from rspt.guests import FRAME_ID
from rspt.perceiver import Perceiver, perception_settings
from rspt.perception.state import State
from rspt.signals import StopRequest
from rspt.target import LearnedTarget, RecordedTarget, named_target

_POLL_S = 0.2


class Played(NamedTuple):
    """The episodes of a piece.

    Attributes:
        episodes: one for each seed.
        tracks: by seed.
        seconds: that it took.
    """

    episodes: list[Episode]
    tracks: dict[int, Track]
    seconds: float


def play_pieces(pieces: Sequence[Piece], *, workers: int, stop: StopRequest) -> Iterator[tuple[Piece, Played]]:
    """Play pieces, and yield them in their order; it ends early when a stop is requested.

    Args:
        pieces: what to play.
        workers: processes that play; this one alone if 1.
        stop: the request.

    Raises:
        WorkerError: if a process dies.
    """
    if workers == 1 or len(pieces) < 2:
        for piece in pieces:
            try:
                yield piece, play_piece(piece, stop=lambda: bool(stop))
            except Stopped:
                return
        return
    context = multiprocessing.get_context("spawn")
    ask_to_stop = context.Event()
    threads = max(1, (os.cpu_count() or 1) // workers)
    pool = ProcessPoolExecutor(
        min(workers, len(pieces)), mp_context=context, initializer=_begin_worker, initargs=(ask_to_stop, threads)
    )
    try:
        futures = [(piece, pool.submit(_play_in_worker, piece)) for piece in pieces]
        for piece, future in futures:
            played = _awaited(future, stop)
            if played is None:
                return
            yield piece, played
    except BrokenProcessPool:
        raise WorkerError("a process that plays episodes has died; --resume goes on with what is kept") from None
    finally:
        ask_to_stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def play_piece(piece: Piece, *, stop: Any = lambda: False, threads: int | None = None) -> Played:
    """Play one piece with a tracker that is loaded for it.

    If an exception ends it, each of its episodes is played alone: one that fails again is the record of a failure.

    Raises:
        Stopped: if asked to stop.
    """
    start = time.perf_counter()
    try:
        episodes, tracks = _played_together(piece, list(piece.seeds), stop, threads)
    except Stopped:
        raise
    except Exception:
        episodes, tracks = [], {}
        for seed in piece.seeds:
            one, track = _played_together(piece, [seed], stop, threads)
            episodes += one
            tracks |= track
    return Played(episodes, tracks, time.perf_counter() - start)


def _played_together(
    piece: Piece, seeds: list[int], stop: Any, threads: int | None
) -> tuple[list[Episode], dict[int, Track]]:
    agent = load_agent(piece.entry.source, trust_pickle=piece.trust_pickle)
    tape = Tape()
    episodes = play(agent, cell_of(piece, agent), seeds, watcher=tape, stop=stop, threads=threads)
    return episodes, dict(zip(seeds, tape.tracks(), strict=True))


def milliseconds_per_action(entry: Entry, *, trust_pickle: bool = False) -> float | None:
    """How long it takes on this machine from a frame to the action, in one world, as on a robot: the median of 60.

    For a tracker that is given the state, what makes that of the frame is counted too. None of one that fails before.
    """
    agent = load_agent(entry.source, trust_pickle=trust_pickle)
    perception = perception_settings(predictor=agent.predictor, ablation=agent.ablation)
    watch = _Stopwatch(agent)
    play(agent, Cell("blocks", perception=perception, lost_after_steps=100, episode_steps=80), [0], watcher=watch)
    took = watch.took
    return statistics.median(took[20:]) if len(took) > 20 else None  # the first ones compile and load


class _Stopwatch:
    """Times a tracker, and where it is given the state what makes that; it is to look on while it is played.

    Args:
        agent: the tracker; its methods are exchanged.

    Attributes:
        took: milliseconds for each action, the first one's without perception.
    """

    def __init__(self, agent: LoadedAgent) -> None:
        self.agent, self.took = agent, list[float]()
        self._perceived = 0.0
        act = agent.act

        def timed(*given: Any) -> Any:
            start = time.perf_counter()
            action = act(*given)
            self.took.append(1000.0 * (time.perf_counter() - start) + self._perceived)
            return action

        agent.act = timed  # type: ignore[method-assign, assignment]

    def begin(self, batch: WorldBatch, perceiver: Perceiver) -> None:
        """Time the perception from here on."""
        if self.agent.env_id == FRAME_ID or self.agent.privileged:  # has no use for it
            return
        follow = perceiver.follow

        def timed(actions: NDArray[Any]) -> State:
            start = time.perf_counter()
            state = follow(actions)
            self._perceived = 1000.0 * (time.perf_counter() - start)
            return state

        perceiver.follow = timed  # type: ignore[method-assign]

    def follow(self, batch: WorldBatch, perceiver: Perceiver, playing: NDArray[np.bool_]) -> None:
        """Nothing is to be seen here."""


def cell_of(piece: Piece, agent: LoadedAgent) -> Cell:
    """What the episodes of a piece have in common."""
    condition = piece.condition
    return Cell(
        layout=piece.ground.source,  # a file may say more than its layout: where episodes start
        target=_target(condition.target),
        speed_ratio=condition.speed_ratio,
        noise=condition.noise_settings,
        randomize=condition.body,
        layout_density=condition.density,
        perception=perception_settings(
            localizer=condition.localizer, predictor=agent.predictor, ablation=agent.ablation
        ),
        distractors=condition.distractors,
        mask=condition.mask,
        renderer=condition.renderer,
    )


@lru_cache(maxsize=4)
def _target(name: str) -> LearnedTarget | RecordedTarget | str:
    return named_target(name)


def _awaited(future: "Future[Played]", stop: StopRequest) -> Played | None:
    """The result, or None if a stop is requested before it is there."""
    while not stop:
        try:
            return future.result(timeout=_POLL_S)
        except NotYet:
            if future.done():  # an exception of the piece's own
                raise
    return None


_ask_to_stop: Any = None
_threads: int | None = None


def _begin_worker(ask_to_stop: Any, threads: int) -> None:
    """In a process that is to play: Ctrl-C is for the parent to handle."""
    global _ask_to_stop, _threads
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)  # faster for networks this small, and the same bits on every machine
    _ask_to_stop, _threads = ask_to_stop, threads


def _play_in_worker(piece: Piece) -> Played:
    return play_piece(piece, stop=_ask_to_stop.is_set, threads=_threads)
