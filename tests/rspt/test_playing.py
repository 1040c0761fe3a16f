"""Episodes of an evaluation: counted rightly, whoever plays beside."""

import numpy as np
import pytest

from envs.sensors.noise import PRESETS, NoiseSettings
from envs.world_settings import RandomizeSettings
from rspt.agent import LoadedAgent, load_agent
from rspt.evaluation.playing import Cell, play
from rspt.evaluation.suite import drawn_hash
from rspt.perceiver import PerceptionSettings
from rspt.target import LearnedTarget
from rspt.training.clone import new_target

SHORT = Cell("blocks", perception=PerceptionSettings(predictor="kalman"), episode_steps=60)


def test_an_episode_is_the_same_alone_and_among_others():
    alone = play(load_agent("pretrained"), SHORT, [7])
    among = play(load_agent("pretrained"), SHORT, [5, 6, 7, 8])
    assert alone[0] == among[2]
    assert len({episode.layout_hash for episode in among}) == 4
    assert all(episode.length == 60 and episode.end_reason == "time" for episode in among if episode.success)


def test_who_does_not_follow_loses_and_is_counted_until_then():
    class Stone:
        privileged = False

        def reset(self, which):
            pass

        def act(self, observation, view=None):
            return np.zeros((len(observation["map"]), 2))

    cell = SHORT._replace(episode_steps=500, lost_after_steps=30)
    episodes = play(LoadedAgent("stone", Stone()), cell, range(6))
    lost = [episode for episode in episodes if not episode.success]
    assert lost
    for episode in lost:
        assert episode.end_reason == "lost"
        assert 30 < episode.length < 500
        assert not episode.success_strict
        assert episode.distance_travelled_m < 0.01
        assert episode.visible_share <= 1.0 - 30 / episode.length
        assert 0.0 <= episode.mean_too_near_m <= episode.mean_distance_error_m
    assert np.mean([e.mean_too_near_m for e in lost]) < 0.5 * np.mean([e.mean_distance_error_m for e in lost])
    rewards = [episode.episode_return for episode in episodes]
    assert min(rewards) < 0.5 * max(episode.length for episode in episodes)


def test_the_oracle_keeps_its_distance_and_a_learned_target_plays():
    near, far = play(load_agent("oracle"), SHORT, [1, 2]), play(load_agent("random"), SHORT, [1, 2])
    assert np.mean([e.mean_distance_error_m for e in near]) < np.mean([e.mean_distance_error_m for e in far])
    ways = [play(load_agent("oracle"), SHORT._replace(target=target), [1])[0] for target in (learned(), "goal")]
    assert ways[0].episode_return != ways[1].episode_return


def learned() -> LearnedTarget:
    return LearnedTarget("untaught", new_target(0))


@pytest.mark.parametrize(
    "change",
    [
        {"randomize": RandomizeSettings(latency_steps=(5, 5))},
        {"randomize": RandomizeSettings(camera_height_m=(0.4, 0.4))},
        {"randomize": RandomizeSettings(hfov_deg=(50.0, 50.0))},
        {"noise": NoiseSettings(odometry_drift=0.1)},
        {"noise": NoiseSettings(depth_sigma=0.05)},
        {"noise": NoiseSettings(mask_miss_rate=0.2)},
    ],
)
def test_what_is_changed_of_body_and_sensors_changes_the_play_but_not_the_layouts(change):
    plain, changed = (play(load_agent("planner"), cell, [1, 2]) for cell in (SHORT, SHORT._replace(**change)))
    assert [episode.layout_hash for episode in plain] == [episode.layout_hash for episode in changed]
    assert all(one.episode_return != other.episode_return for one, other in zip(plain, changed, strict=True))


def test_nothing_changed_is_nothing_changed():
    same = SHORT._replace(noise=PRESETS["none"], randomize=RandomizeSettings(hfov_deg=(90.0, 90.0)), layout_density=1.0)
    assert play(load_agent("planner"), same, [1, 2]) == play(load_agent("planner"), SHORT, [1, 2])


def test_denser_clutter_is_another_layout():
    dense = play(load_agent("pid"), SHORT._replace(layout_density=4.0), [1])
    assert dense[0].layout_hash.startswith(drawn_hash("blocks", 1, 4.0))
    assert dense[0].layout_hash != play(load_agent("pid"), SHORT, [1])[0].layout_hash


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match="noise"):
        play(load_agent("pid"), SHORT._replace(noise="loud"), [1])
