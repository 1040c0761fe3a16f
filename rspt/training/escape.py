"""The escape: a target learns to get away from trackers that do not learn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from agents.networks import Actor
from agents.seat import Chosen
from rspt.errors import UsageError
from rspt.training.duel import DuelStage, State
from rspt.training.duel_settings import EscapeSettings
from rspt.training.escape_rate import EscapeRate
from rspt.training.escaped import escaped
from rspt.training.stage import Round
from rspt.training.worlds import TrainingWorldsSettings


class EscapeStage(DuelStage):
    """A duel in which the target alone learns, perhaps from several trackers, and until it gains nothing any more.

    Args:
        settings: of the stage.
        worlds: settings of the worlds; their speed ratio is the one that is come to.
        tracker: to escape, if there are no `trackers`.
        skilled: whether it knows something.
        target: the actor to begin with, a new one if None.
        seed: of everything that is drawn.
        device: where the target learns.
        sequence_steps: as in the duel.
        trackers: names of those to escape; one world after the other takes the next.
    """

    def __init__(
        self,
        settings: EscapeSettings,
        worlds: TrainingWorldsSettings,
        *,
        tracker: Actor,
        skilled: bool,
        target: Actor | None,
        seed: int,
        device: str = "cpu",
        sequence_steps: int = 1,
        trackers: Sequence[str] = (),
    ) -> None:
        super().__init__(
            settings,
            worlds,
            tracker=tracker,
            skilled=skilled,
            target=target,
            seed=seed,
            device=device,
            sequence_steps=sequence_steps,
        )
        self._anneal_from, self._anneal_steps = settings.anneal_from, settings.anneal_steps
        self._ratio = self._last_ratio = worlds.speed_ratio
        self._trackers = [escaped(name, self._threads.share) for name in trackers]
        self._rate: EscapeRate | None = None
        if settings.flat_steps is not None:
            first = 0 if settings.anneal_from is None else settings.anneal_steps
            self._rate = EscapeRate(first, settings.flat_steps, tolerance=settings.flat_tolerance)

    def begin(self) -> None:
        """Begin new episodes in all worlds; the rest is what `state` says."""
        self._anneal()
        super().begin()

    def round(self) -> Round:
        """Play a rollout, then let the target learn; the stage ends with it if nothing is gained any more."""
        self._anneal()
        begun = self.driven
        done = super().round()
        metrics = dict(done.metrics)
        if self._anneal_from is not None:
            metrics["escape/speed_ratio"] = float(np.mean(self._ratio))
        if self._rate is not None:
            before = self._rate.rates(begun)
            self._rate.note(begun, done.episodes)
            rates = self._rate.rates(self.driven)
            if len(rates) > len(before) and rates[-1] is not None:
                metrics["escape/rate"] = rates[-1]
            self._end_if_flat()
        return Round(metrics, done.episodes)

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        counts = None if self._rate is None else self._rate.state()
        return {**super().state(), "escapes": counts, "trackers": [one.digest for one in self._trackers]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what `state` gave; `begin` is to follow.

        Raises:
            UsageError: if the trackers to escape are no longer those that it was learnt from.
        """
        super().restore(state)
        # a checkpoint from before there were several trackers has neither entry
        if state.get("trackers", []) != [one.digest for one in self._trackers]:
            raise UsageError("escape.trackers: they have changed since the training began; begin a new one")
        if self._rate is not None:
            self._rate.restore(state.get("escapes") or [])
            self._end_if_flat()

    def _anneal(self) -> None:
        """Bring the speed ratio of the episodes that begin from now on to where it is to be after the steps so far."""
        if self._anneal_from is None:
            return
        share = min(1.0, self.driven / self._anneal_steps)
        low, high = (self._anneal_from + share * (last - self._anneal_from) for last in self._last_ratio)
        self._ratio = (low, high)
        self.worlds.set_speed_ratio(self._ratio)

    def _end_if_flat(self) -> None:
        assert self._rate is not None
        if self._rate.flat(self.driven):
            self.total_steps = self.driven

    def _best(self, seen: State) -> Chosen:
        """What the trackers do, each in its own worlds."""
        if not self._trackers:
            return super()._best(seen)
        actions, number = np.zeros((self.worlds.num_worlds, 2), dtype=np.float32), len(self._trackers)
        for first, (_, agent) in enumerate(self._trackers):
            own = np.arange(first, len(actions), number)
            agent.reset(self.worlds.began[own])
            view = self._truth.view.of(own) if agent.privileged else None
            actions[own] = agent.act({name: seen[name][own] for name in ("map", "vector")}, view)
        nothing = torch.zeros(len(actions))
        return Chosen(torch.from_numpy(actions), nothing[:, None], nothing)
