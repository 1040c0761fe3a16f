"""The players in the real worlds."""

import numpy as np

from envs.batch import WorldBatch
from envs.layouts.layout import Layout, Prisms
from envs.world_settings import world_settings
from rspt.build import make_agent

OPEN = Layout("open", (0.0, 0.0, 16.0, 16.0), Prisms.empty())
WORLDS, STEPS = 8, 150


def mean_reward(name: str) -> float:
    """Mean r1 per step of a player behind targets with goals in an empty arena."""
    batch = WorldBatch(world_settings(layout=OPEN, target_policy="goal"), WORLDS)
    player = make_agent(name)
    player.reset(np.ones(WORLDS, dtype=np.bool_))
    batch.reset(list(range(WORLDS)))
    rewards = []
    for _ in range(STEPS):
        batch.step(player.act({}, batch.privileged_view()))
        assert not batch.out.restarted.any()
        rewards.append(batch.out.reward.copy())
    batch.close()
    return float(np.mean(rewards))


def test_the_oracle_keeps_distance_and_bearing_where_nothing_is_in_the_way():
    assert mean_reward("oracle") >= 0.9
