"""Plays the episodes of an evaluation, many at a time, and says what became of each."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.agent import Agent
from envs.batch import WorldBatch
from envs.faults import FAULTS
from envs.layouts.layout import Layout
from envs.world_settings import world_settings
from rspt.perceiver import Perceiver, PerceptionSettings
from rspt.target import LearnedTarget

STRICT_LOST_STEPS = 20
"""Steps out of sight after which the strict measure holds a target for lost."""


class Cell(NamedTuple):
    """What a group of episodes has in common.

    Attributes:
        layout: a family's name, a map file or a layout.
        target: the name of a script, or a learned target.
        speed_ratio: the target's greatest speed as a share of the tracker's.
        noise: preset of the sensors' noise.
        perception: how the state is made.
        lost_after_steps: steps out of sight after which the target is lost and the episode ends.
        episode_steps: steps of 0.1 s of a full episode.
    """

    layout: str | Layout
    target: str | LearnedTarget = "goal"
    speed_ratio: float = 0.7
    noise: str = "none"
    perception: PerceptionSettings = PerceptionSettings()
    lost_after_steps: int = 50
    episode_steps: int = 500


class Episode(NamedTuple):
    """What became of one episode.

    Attributes:
        seed: of the episode and its layout.
        layout: name of the layout.
        layout_hash: of what is in it.
        episode_return: sum of r1 (AR).
        length: steps (EL).
        success: the target was kept to the end (SR).
        success_safe: and the tracker touched nothing.
        success_strict: it was kept, and never out of sight for more than 20 steps on end.
        visible_share: share of the steps in which it was visible.
        contacts: steps in which the tracker touched anything.
        rammed: steps in which tracker and target touched.
        target_collided: steps in which the target touched clutter.
        distance_travelled_m: by the tracker.
        mean_distance_error_m: mean difference from the wanted distance.
        mean_too_near_m: the part of it by which the target was too near.
        mean_bearing_error_rad: mean bearing of the target off the axis.
        reacquisitions: times that it came back into sight.
        end_reason: `time`, `lost`, or the name of a fault.
    """

    seed: int
    layout: str
    layout_hash: str
    episode_return: float
    length: int
    success: bool
    success_safe: bool
    success_strict: bool
    visible_share: float
    contacts: int
    rammed: int
    target_collided: int
    distance_travelled_m: float
    mean_distance_error_m: float
    mean_too_near_m: float
    mean_bearing_error_rad: float
    reacquisitions: int
    end_reason: str


def play(agent: Agent, cell: Cell, seeds: Sequence[int]) -> list[Episode]:
    """Play one episode for each seed, all of them together.

    Raises:
        ValueError: for settings that are unknown or out of range.
        LayoutError: for a layout that cannot be played.
    """
    script = cell.target if isinstance(cell.target, str) else "external"
    settings = world_settings(
        layout=cell.layout,
        target_policy=script,
        target_speed_ratio=cell.speed_ratio,
        noise=cell.noise,
        lost_after_steps=cell.lost_after_steps,
        episode_steps=cell.episode_steps,
    )
    batch = WorldBatch(settings, len(seeds))
    try:
        perceiver = Perceiver(batch, cell.perception)
        try:
            return _played(agent, cell, batch, perceiver, seeds)
        finally:
            perceiver.close()
    finally:
        batch.close()


def _played(agent: Agent, cell: Cell, batch: WorldBatch, perceiver: Perceiver, seeds: Sequence[int]) -> list[Episode]:
    batch.reset(list(seeds))
    perceiver.begin()
    agent.reset(np.ones(len(seeds), dtype=np.bool_))
    layouts = [episode.place.layout for episode in batch.episodes]  # before any world begins its next one
    tally = _Tally(len(seeds), batch.settings.reward.distance_m)
    status, info = batch.out.status, batch.out.info
    before = status.poses[:, 0, :2].copy()
    while tally.playing.any():
        view = batch.privileged_view()
        actions = agent.act(perceiver.state, view if agent.privileged else None)
        targets = None
        if isinstance(cell.target, LearnedTarget):
            targets = cell.target.act(view, actions, info["visible_share"], info["hidden_steps"])
        batch.step(actions, targets)
        perceiver.follow(actions)
        tally.note(batch, before)
        before = status.poses[:, 0, :2].copy()
    return tally.episodes(seeds, layouts)


class _Tally:
    """What has been counted of W episodes so far."""

    def __init__(self, worlds: int, distance_m: float) -> None:
        self._distance_m = distance_m
        self.playing = np.ones(worlds, dtype=np.bool_)
        self._sums = {
            name: np.zeros(worlds)
            for name in (
                "return", "steps", "visible", "contact", "rammed", "collided", "way", "distance", "near", "bearing",
                "back",
            )
        }  # fmt: skip
        self._hidden_most = np.zeros(worlds, dtype=np.int64)
        self._was_visible = np.ones(worlds, dtype=np.bool_)
        self._lost, self._fault = np.zeros(worlds, dtype=np.bool_), np.zeros(worlds, dtype=np.int64)

    def note(self, batch: WorldBatch, before: NDArray[np.float64]) -> None:
        """Count a step of the worlds that are still playing."""
        out, status = batch.out, batch.out.status
        touching = status.contact | status.contact_target | status.contact_distractor
        way = np.hypot(*(status.poses[:, 0, :2] - before).T)
        counted = {
            "return": out.reward,
            "steps": 1.0,
            "visible": status.visible,
            "contact": touching,
            "rammed": status.contact_target,
            "collided": status.target_contact,
            "way": way,
            "distance": np.abs(status.distance_m - self._distance_m),
            "near": np.maximum(self._distance_m - status.distance_m, 0.0),
            "bearing": np.abs(status.bearing_rad),
            "back": status.visible & ~self._was_visible,
        }
        for name, values in counted.items():
            self._sums[name] += np.where(self.playing, values, 0.0)
        self._was_visible = status.visible.copy()
        self._hidden_most = np.where(
            self.playing, np.maximum(self._hidden_most, status.hidden_steps), self._hidden_most
        )
        ended = self.playing & out.done
        self._lost[ended] = out.terminated[ended]
        self._fault[ended] = status.fault[ended]
        self.playing &= ~out.done

    def episodes(self, seeds: Sequence[int], layouts: Sequence[Layout]) -> list[Episode]:
        """The records; a fault of the engine counts as a failure."""
        told = []
        for world, (seed, layout) in enumerate(zip(seeds, layouts, strict=True)):
            sums = {name: float(values[world]) for name, values in self._sums.items()}
            steps, fault = sums["steps"], int(self._fault[world])
            success = not self._lost[world] and fault == 0
            told.append(
                Episode(
                    seed=int(seed),
                    layout=layout.name,
                    layout_hash=layout.hash,
                    episode_return=sums["return"],
                    length=int(steps),
                    success=bool(success),
                    success_safe=bool(success and sums["contact"] == 0.0),
                    success_strict=bool(success and self._hidden_most[world] <= STRICT_LOST_STEPS),
                    visible_share=sums["visible"] / steps,
                    contacts=int(sums["contact"]),
                    rammed=int(sums["rammed"]),
                    target_collided=int(sums["collided"]),
                    distance_travelled_m=sums["way"],
                    mean_distance_error_m=sums["distance"] / steps,
                    mean_too_near_m=sums["near"] / steps,
                    mean_bearing_error_rad=sums["bearing"] / steps,
                    reacquisitions=int(sums["back"]),
                    end_reason=FAULTS[fault] if fault else ("lost" if self._lost[world] else "time"),
                )
            )
        return told
