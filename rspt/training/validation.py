"""How good a tracker is on layouts that it was not trained on."""

from typing import NamedTuple

import numpy as np
from pydantic import Field

from agents.agent import Agent
from envs.settings import Settings
from envs.spawn import StartSettings
from envs.world_settings import RandomizeSettings
from rspt.training.worlds import TrainingWorlds, TrainingWorldsSettings

FIRST_SEED = 2_000_000_000
"""Far from all seeds that a training draws."""


class ValidationSettings(Settings):
    """Episodes on held-out seeds of the training families, all alike for every checkpoint."""

    episodes: int = Field(48, ge=0, le=10_000)
    """How many; 0 leaves the validation out."""
    target_policies: tuple[str, ...] = Field(("goal", "evade"), min_length=1)
    """Who acts for the target; one world after the other takes the next."""
    speed_ratio: tuple[float, float] = (0.7, 0.85)
    """Range of the target's greatest speed as a share of the tracker's."""


class Score(NamedTuple):
    """Means over the episodes of a validation.

    Attributes:
        success: share of the episodes in which the target was kept to the end.
        success_safe: the same without any contact of the tracker.
        total_reward: sum of r1 (AR).
        length: steps (EL).
        visible: share of the steps in which the target was visible.
    """

    success: float
    success_safe: float
    total_reward: float
    length: float
    visible: float


def validate(agent: Agent, settings: ValidationSettings, worlds: TrainingWorldsSettings) -> Score:
    """Play the episodes; worlds without the randomisation of training."""
    played = TrainingWorldsSettings(
        worlds=settings.episodes,
        layouts=worlds.layouts,
        layout_size_m=None,
        noise=worlds.noise,
        target_policies=settings.target_policies,
        speed_ratio=settings.speed_ratio,
        start=StartSettings(),
        randomize=RandomizeSettings(),
        perception=worlds.perception,
        lost_after_steps=worlds.lost_after_steps,
        episode_steps=worlds.episode_steps,
    )
    batch = TrainingWorlds(played, seed=FIRST_SEED)
    try:
        batch.reset()
        agent.reset(np.ones(batch.num_worlds, dtype=np.bool_))
        playing = np.ones(batch.num_worlds, dtype=np.bool_)
        kept, touched = np.zeros_like(playing), np.zeros_like(playing)
        total, length, visible = (np.zeros(batch.num_worlds) for _ in range(3))
        for _ in range(worlds.episode_steps):
            view = batch.privileged_view() if agent.privileged else None
            stepped = batch.step(agent.act(batch.state, view))
            total += playing * stepped.reward
            length += playing
            visible += playing & stepped.visible
            touched |= playing & stepped.contact
            kept |= playing & stepped.truncated
            playing &= ~stepped.done
            agent.reset(stepped.done)
            if not playing.any():
                break
    finally:
        batch.close()
    return Score(
        success=float(kept.mean()),
        success_safe=float((kept & ~touched).mean()),
        total_reward=float(total.mean()),
        length=float(length.mean()),
        visible=float(visible.sum() / length.sum()),
    )
