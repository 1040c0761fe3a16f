"""Counts what happens in the episodes of many worlds."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from envs.batch import WorldBatch
from envs.faults import FAULTS
from envs.layouts.layout import Layout

STRICT_LOST_STEPS = 20
"""Steps out of sight after which the strict measure holds a target for lost."""
RECENT_STEPS, RECENT_SEEN = 10, 3
"""The success of the literature: the target is seen in so many of the last steps."""
_SUMS = (
    "return", "steps", "visible", "contact", "rammed", "collided", "way", "distance", "near", "bearing",
    "hidden_spells", "back", "back_steps",
)  # fmt: skip


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
        success_recent: it was kept, and seen in 3 of the last 10 steps.
        visible_share: share of the steps in which it was visible.
        contacts: steps in which the tracker touched anything.
        rammed: steps in which tracker and target touched.
        target_collided: steps in which the target touched clutter.
        distance_travelled_m: by the tracker.
        mean_distance_error_m: mean difference from the wanted distance.
        mean_too_near_m: the part of it by which the target was too near.
        mean_bearing_error_rad: mean bearing of the target off the axis.
        hidden_spells: times that it went out of sight.
        reacquisitions: times that it came back into sight.
        reacquisition_steps: mean steps that this took; None if it never did.
        terminated: the target was lost.
        truncated: time was up, or a fault.
        end_reason: `time`, `lost`, `error`, or the name of a fault.
        error: the exception that ended it, if one did.
    """

    seed: int
    layout: str
    layout_hash: str
    episode_return: float
    length: int
    success: bool
    success_safe: bool
    success_strict: bool
    success_recent: bool
    visible_share: float
    contacts: int
    rammed: int
    target_collided: int
    distance_travelled_m: float
    mean_distance_error_m: float
    mean_too_near_m: float
    mean_bearing_error_rad: float
    hidden_spells: int
    reacquisitions: int
    reacquisition_steps: float | None
    terminated: bool
    truncated: bool
    end_reason: str
    error: str | None = None


class Tally:
    """What has been counted of W episodes so far.

    Args:
        batch: the worlds, just reset.

    Attributes:
        playing: (W,) whose episode is under way.
    """

    def __init__(self, batch: WorldBatch) -> None:
        worlds = batch.num_worlds
        self._distance_m = batch.settings.reward.distance_m
        self.playing = np.ones(worlds, dtype=np.bool_)
        self._sums = {name: np.zeros(worlds) for name in _SUMS}
        self._hidden_most = np.zeros(worlds, dtype=np.int64)
        self._recent = np.zeros((worlds, RECENT_STEPS), dtype=np.bool_)
        self._before = batch.out.status.poses[:, 0, :2].copy()
        self._was_visible = np.ones(worlds, dtype=np.bool_)
        self._hidden_before = np.zeros(worlds, dtype=np.int64)
        self._terminated, self._truncated = (np.zeros(worlds, dtype=np.bool_) for _ in range(2))
        self._fault = np.zeros(worlds, dtype=np.int64)

    def note(self, batch: WorldBatch) -> None:
        """Count a step of the worlds that are still playing."""
        out, status = batch.out, batch.out.status
        back = status.visible & ~self._was_visible
        counted: dict[str, Any] = {
            "return": out.reward,
            "steps": 1.0,
            "visible": status.visible,
            "contact": status.contact | status.contact_target | status.contact_distractor,
            "rammed": status.contact_target,
            "collided": status.target_contact,
            "way": np.hypot(*(status.poses[:, 0, :2] - self._before).T),
            "distance": np.abs(status.distance_m - self._distance_m),
            "near": np.maximum(self._distance_m - status.distance_m, 0.0),
            "bearing": np.abs(status.bearing_rad),
            "hidden_spells": ~status.visible & self._was_visible,
            "back": back,
            "back_steps": np.where(back, self._hidden_before, 0),
        }
        for name, values in counted.items():
            self._sums[name] += np.where(self.playing, values, 0.0)
        self._before = status.poses[:, 0, :2].copy()
        self._was_visible, self._hidden_before = status.visible.copy(), status.hidden_steps.copy()
        playing = self.playing
        self._hidden_most[playing] = np.maximum(self._hidden_most, status.hidden_steps)[playing]
        self._recent[playing] = np.concatenate([self._recent[:, 1:], status.visible[:, None]], axis=1)[playing]
        ended = playing & out.done
        self._terminated[ended], self._truncated[ended] = out.terminated[ended], out.truncated[ended]
        self._fault[ended] = status.fault[ended]
        self.playing = playing & ~out.done

    def episodes(
        self, seeds: Sequence[int], layouts: Sequence[Layout], error: Exception | None = None
    ) -> list[Episode]:
        """The records; a fault of the engine is a failure, and so is the exception that ended what was under way."""
        return [
            self._episode(world, int(seed), layout, error if self.playing[world] else None)
            for world, (seed, layout) in enumerate(zip(seeds, layouts, strict=True))
        ]

    def _episode(self, world: int, seed: int, layout: Layout, error: Exception | None) -> Episode:
        sums = {name: float(values[world]) for name, values in self._sums.items()}
        steps, fault, lost = max(sums["steps"], 1.0), int(self._fault[world]), bool(self._terminated[world])
        success = not lost and fault == 0 and error is None
        ends = {"lost": lost, FAULTS[fault]: fault != 0, "error": error is not None}
        return Episode(
            seed=seed,
            layout=layout.name,
            layout_hash=layout.hash,
            episode_return=sums["return"],
            length=int(sums["steps"]),
            success=success,
            success_safe=success and sums["contact"] == 0.0,
            success_strict=success and int(self._hidden_most[world]) <= STRICT_LOST_STEPS,
            success_recent=success and int(self._recent[world].sum()) >= RECENT_SEEN,
            visible_share=sums["visible"] / steps,
            contacts=int(sums["contact"]),
            rammed=int(sums["rammed"]),
            target_collided=int(sums["collided"]),
            distance_travelled_m=sums["way"],
            mean_distance_error_m=sums["distance"] / steps,
            mean_too_near_m=sums["near"] / steps,
            mean_bearing_error_rad=sums["bearing"] / steps,
            hidden_spells=int(sums["hidden_spells"]),
            reacquisitions=int(sums["back"]),
            reacquisition_steps=sums["back_steps"] / sums["back"] if sums["back"] else None,
            terminated=lost,
            truncated=bool(self._truncated[world]),
            end_reason=next((reason for reason, so in ends.items() if so), "time"),
            error=None if error is None else f"{type(error).__name__}: {error}",
        )
