"""Films of episodes: the robot's view, and beside it what the robot knows."""

import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.one_thread import one_thread
from envs.batch import WorldBatch
from envs.robot_view import RobotView
from rspt.agent import load_agent
from rspt.evaluation.plan import Entry, Ground, Piece
from rspt.evaluation.playing import play
from rspt.evaluation.results import Line, Results
from rspt.evaluation.running import cell_of
from rspt.evaluation.scenes import EVERY_STEPS
from rspt.evaluation.suite import Condition
from rspt.perceiver import Perceiver
from rspt.state_view import known_picture
from rspt.video import VideoWriter

HEIGHT, VIEW_WIDTH = 208, 272
FPS = 10
_COARSENESS = 34
_TOGETHER = 4
"""Episodes that are filmed together at most: the work is to be shared out evenly."""


class Reel(NamedTuple):
    """Episodes to film that have all but their seeds in common.

    Attributes:
        piece: tracker, ground and condition; its seeds are of no account.
        lines: the episodes as they were.
    """

    piece: Piece
    lines: list[Line]


class Films:
    """Films the episodes of a batch of worlds.

    Args:
        folder: where to.
        seeds: of the worlds, for the files' names.
    """

    def __init__(self, folder: Path, seeds: Sequence[int]) -> None:
        self._writers = [
            VideoWriter(folder / f"{seed}.mp4", fps=FPS, coarseness=_COARSENESS).__enter__() for seed in seeds
        ]
        self._view: RobotView | None = None
        self._steps = 0

    def begin(self, batch: WorldBatch, perceiver: Perceiver) -> None:
        """Film the beginning."""
        self._view = RobotView(batch, HEIGHT, VIEW_WIDTH)
        self._film(perceiver, np.arange(batch.num_worlds))

    def follow(self, batch: WorldBatch, perceiver: Perceiver, playing: NDArray[np.bool_]) -> None:
        """Film each second step, and the last one."""
        self._steps += 1
        due = playing & (batch.out.done | (self._steps % EVERY_STEPS == 0))
        self._film(perceiver, np.flatnonzero(due))

    def close(self) -> None:
        """Finish the files."""
        for writer in self._writers:
            writer.__exit__(None, None, None)

    def _film(self, perceiver: Perceiver, worlds: NDArray[np.int64]) -> None:
        assert self._view is not None
        for world in worlds.tolist():
            known = known_picture(perceiver, world, pixels=HEIGHT)
            self._writers[world].add(np.concatenate([self._view.picture(world), known], axis=1))


def filmed(
    results: Results, lines: Sequence[Line], *, workers: int, trust_pickle: bool = False
) -> Iterator[tuple[Line, bytes | None]]:
    """Play episodes again and film them.

    Args:
        results: of an evaluation.
        lines: episodes of it.
        workers: processes.
        trust_pickle: whether models may be loaded that can run code.

    Yields:
        Each episode with its video (H.264 in MP4), or None if it turned out otherwise than it was: then the tracker
        does not do the same thing twice.
    """
    reels = list(_reels(results, lines, trust_pickle=trust_pickle))
    if workers == 1 or len(reels) < 2:
        for reel in reels:
            yield from zip(reel.lines, _film_reel(reel), strict=True)
        return
    with ProcessPoolExecutor(min(workers, len(reels)), mp_context=multiprocessing.get_context("spawn")) as pool:
        for reel, films in zip(reels, pool.map(_film_reel, reels), strict=True):
            yield from zip(reel.lines, films, strict=True)


def _reels(results: Results, lines: Sequence[Line], *, trust_pickle: bool) -> Iterator[Reel]:
    grounds = {ground["label"]: Ground(**ground) for ground in results.about["grounds"]}
    groups: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines:
        groups.setdefault((line["agent"], line["ground"], line["condition"]), []).append(line)
    for (agent, ground, condition), some in groups.items():
        entry = Entry(agent, results.about["agents"][agent]["source"])
        settings = Condition(**results.about["suite"]["conditions"][condition])
        piece = Piece(entry, grounds[ground], condition, settings, range(0), trust_pickle=trust_pickle)
        for first in range(0, len(some), _TOGETHER):
            yield Reel(piece, some[first : first + _TOGETHER])


@one_thread()
def _film_reel(reel: Reel) -> list[bytes | None]:
    seeds = [line["seed"] for line in reel.lines]
    agent = load_agent(reel.piece.entry.source, trust_pickle=reel.piece.trust_pickle)
    with tempfile.TemporaryDirectory() as name:
        films = Films(Path(name), seeds)
        try:
            episodes = play(agent, cell_of(reel.piece, agent), seeds, watcher=films, threads=1)
        finally:
            films.close()
        return [
            (Path(name) / f"{line['seed']}.mp4").read_bytes()
            if (episode.length, episode.episode_return) == (line["length"], line["episode_return"])
            else None
            for line, episode in zip(reel.lines, episodes, strict=True)
        ]
