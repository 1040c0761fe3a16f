"""Plays the episodes of an evaluation, many at a time, and says what became of each."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from envs.batch import WorldBatch
from envs.layouts.layout import Layout
from envs.sensors.noise import NoiseSettings
from envs.world_settings import RandomizeSettings, WorldSettings, world_settings
from rspt.agent import LoadedAgent
from rspt.evaluation.tally import Episode, Tally
from rspt.guests import FRAME_ID
from rspt.perceiver import Perceiver, PerceptionSettings, settings_for
from rspt.target import LearnedTarget, RecordedTarget


class Stopped(Exception):  # noqa: N818 - nothing is wrong
    """The evaluation was asked to stop while episodes were under way."""


class Watcher(Protocol):
    """Looks on while episodes are played."""

    def begin(self, batch: WorldBatch, perceiver: Perceiver) -> None:
        """All episodes begin."""

    def follow(self, batch: WorldBatch, perceiver: Perceiver, playing: NDArray[np.bool_]) -> None:
        """A step was made by the worlds (W,) that were playing; the others are beyond their ends."""


class Cell(NamedTuple):
    """What a group of episodes has in common.

    Attributes:
        layout: a family's name, a map file or a layout.
        target: the name of a script, or a learned or recorded target.
        speed_ratio: the target's greatest speed as a share of the tracker's.
        noise: preset of the sensors' noise, or its settings.
        randomize: what differs of the tracker's body.
        layout_density: factor of the number of things that stand in a family's layouts.
        perception: how the state is made.
        distractors: further movers that look like the target.
        mask: what the target's mask shows.
        renderer: the camera.
        lost_after_steps: steps out of sight after which the target is lost and the episode ends.
        episode_steps: steps of 0.1 s of a full episode.
    """

    layout: str | Layout
    target: str | LearnedTarget | RecordedTarget = "goal"
    speed_ratio: float = 0.7
    noise: str | NoiseSettings = "none"
    randomize: RandomizeSettings = RandomizeSettings()
    layout_density: float = 1.0
    perception: PerceptionSettings = PerceptionSettings()
    distractors: int = 0
    mask: Literal["identity", "class"] = "identity"
    renderer: Literal["raycast", "bullet"] = "raycast"
    lost_after_steps: int = 50
    episode_steps: int = 500

    def world_settings(self, seeds: Sequence[int] = (0,)) -> WorldSettings:
        """Of its worlds, one for each seed.

        Raises:
            ValueError: for settings that are unknown or out of range.
        """
        policy: Any = self.target if isinstance(self.target, str) else "external"
        if isinstance(self.target, RecordedTarget):
            policy = self.target.policies(seeds)
        arguments: dict[str, Any] = {
            "layout": self.layout,
            "target_policy": policy,
            "target_speed_ratio": self.speed_ratio,
            "noise": self.noise,
            "randomize": self.randomize,
            "layout_density": self.layout_density,
            "distractors": self.distractors,
            "mask": self.mask,
            "renderer": self.renderer,
            "lost_after_steps": self.lost_after_steps,
            "episode_steps": self.episode_steps,
        }
        return world_settings(**settings_for(self.perception, arguments))


def play(
    agent: LoadedAgent,
    cell: Cell,
    seeds: Sequence[int],
    *,
    watcher: Watcher | None = None,
    stop: Callable[[], bool] = lambda: False,
    threads: int | None = None,
) -> list[Episode]:
    """Play one episode for each seed, all of them together.

    An exception in one of several episodes gives no record at all; of a single one it gives the record of a failure.

    Args:
        agent: the tracker.
        cell: what the episodes have in common.
        seeds: of the episodes.
        watcher: looks on.
        stop: asked at each step whether to stop.
        threads: at most so many for the compiled kernels; one per core if None.

    Raises:
        ValueError: for settings that are unknown or out of range.
        LayoutError: for a layout that cannot be played.
        Stopped: if asked to stop.
    """
    batch = WorldBatch(cell.world_settings(seeds), len(seeds), threads=threads)
    try:
        perceiver = Perceiver(batch, cell.perception, threads=threads)
        try:
            return _played(agent, cell, batch, perceiver, seeds, watcher, stop)
        finally:
            perceiver.close()
    finally:
        batch.close()


def _played(
    agent: LoadedAgent,
    cell: Cell,
    batch: WorldBatch,
    perceiver: Perceiver,
    seeds: Sequence[int],
    watcher: Watcher | None,
    stop: Callable[[], bool],
) -> list[Episode]:
    batch.reset(list(seeds))
    layouts = [episode.place.layout for episode in batch.episodes]  # before any world begins its next one
    tally = Tally(batch)
    try:
        perceiver.begin()
        if watcher is not None:
            watcher.begin(batch, perceiver)
        agent.reset(np.ones(len(seeds), dtype=np.bool_))
        while tally.playing.any():
            if stop():
                raise Stopped
            _step(agent, cell, batch, perceiver)
            if watcher is not None:
                watcher.follow(batch, perceiver, tally.playing)
            tally.note(batch)
    except Stopped:
        raise
    except Exception as error:
        if len(seeds) > 1:  # whose fault it is shows when each is played alone
            raise
        return tally.episodes(seeds, layouts, error)
    return tally.episodes(seeds, layouts)


def _step(agent: LoadedAgent, cell: Cell, batch: WorldBatch, perceiver: Perceiver) -> None:
    view, info = batch.privileged_view(), batch.out.info
    seen = batch.out.observation if agent.env_id == FRAME_ID else perceiver.state
    actions = agent.act(seen, view if agent.privileged else None)
    targets = None
    if isinstance(cell.target, LearnedTarget):
        targets = cell.target.act(view, actions, info["visible_share"], info["hidden_steps"])
    batch.step(actions, targets)
    perceiver.follow(actions)
