"""The stages of a training, in their order."""

from typing import Any

import torch

from agents.networks import Actor
from rspt.perceiver import state_space
from rspt.training.clone import CloneStage
from rspt.training.duel import DuelStage
from rspt.training.escape import EscapeStage
from rspt.training.settings import StageName, TrackerSettings
from rspt.training.stage import Actors, Stage
from rspt.training.teacher import TeacherStage

TRACKER_STAGES: tuple[StageName, ...] = ("teacher", "duel")
"""Those in which the tracker learns."""
_SEED_STEP = 7919
"""Between the seeds of two stages."""


def make_stage(name: StageName, settings: TrackerSettings, actors: Actors, *, device: str) -> Stage:
    """A stage that goes on with the actors that there are; `begin` is to follow."""
    worlds, seed = settings.worlds, settings.seed
    if name == "teacher":
        assert settings.teacher is not None
        return TeacherStage(
            settings.teacher, worlds, actors["tracker"], seed=seed, sequence_steps=settings.network.sequence_steps
        )
    if name == "clone":
        assert settings.clone is not None
        return CloneStage(settings.clone, worlds, actors["tracker"], seed=seed + _SEED_STEP)
    players: dict[str, Any] = {
        "tracker": actors["tracker"],
        "skilled": settings.teacher is not None or settings.start_from is not None,
        "target": actors.get("target"),
        "device": device,
        "sequence_steps": settings.network.sequence_steps,
    }
    if name == "escape":
        assert settings.escape is not None
        trackers = settings.escape.trackers
        return EscapeStage(settings.escape, worlds, seed=seed + 3 * _SEED_STEP, trackers=trackers, **players)
    assert settings.duel is not None
    return DuelStage(settings.duel, worlds, seed=seed + 2 * _SEED_STEP, **players)


def new_tracker(settings: TrackerSettings) -> Actor:
    """A tracker that has learnt nothing."""
    space = state_space(settings.worlds.perception.ablation)
    maps, vector = space["map"].shape, space["vector"].shape
    assert maps is not None
    assert vector is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return Actor(settings.network.sizes(maps, vector[0]))
