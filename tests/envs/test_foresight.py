"""Targets go where they were foreseen to go, as long as nothing comes between."""

import numpy as np
import pytest

from envs.batch import WorldBatch
from envs.world_settings import world_settings


@pytest.mark.parametrize("policy", ["goal", "wander"])
def test_a_target_that_nobody_hinders_goes_where_it_was_foreseen(policy):
    batch = WorldBatch(world_settings(layout="blocks", target_policy=policy), 6, autoreset="disabled")
    batch.reset([3, 4, 5, 6, 7, 8])
    still = np.zeros((6, 2))
    for _ in range(15):
        batch.step(still)
    before = {name: array.copy() for name, array in batch.out.info.items()}
    foreseen = batch.foreseen(24)
    assert foreseen.shape == (6, 24, 2)
    free = np.ones(6, dtype=np.bool_)
    for step in range(24):
        batch.step(still)
        free &= ~batch.out.status.target_contact & ~batch.out.done
        np.testing.assert_allclose(batch.out.status.poses[free, 1, :2], foreseen[free, step], atol=1e-6)
        if batch.out.done.any():
            break
    assert free.sum() >= 3
    assert (before["step"] == 15).all()


def test_looking_ahead_changes_nothing():
    def run(look: bool) -> np.ndarray:
        batch = WorldBatch(world_settings(layout="rooms", target_policy="evade"), 3, autoreset="next_step")
        batch.reset([0, 1, 2])
        for _ in range(60):
            if look:
                batch.foreseen(20)
            batch.step(np.tile([0.3, 0.1], (3, 1)))
        return batch.out.status.poses.copy()

    np.testing.assert_array_equal(run(True), run(False))


def test_a_second_player_keeps_its_velocity_and_then_stands():
    batch = WorldBatch(world_settings(layout="blocks", target_policy="external"), 1)
    batch.reset([1])
    for _ in range(5):
        batch.step(np.zeros((1, 2)), np.array([[1.0, 0.0]]))
    start, speed = batch.out.status.poses[0, 1].copy(), batch.out.status.velocities[0, 1, 0]
    foreseen = batch.foreseen(10)[0]
    walked = np.hypot(*(foreseen - start[:2]).T)
    np.testing.assert_allclose(walked[:5], speed * 0.1 * np.arange(1, 6), atol=1e-6)
    np.testing.assert_allclose(walked[5:], walked[4])


def test_the_view_before_the_reset_is_kept():
    batch = WorldBatch(world_settings(layout="blocks", episode_steps=5), 2, autoreset="same_step")
    batch.reset([0, 1])
    for _ in range(4):
        batch.step(np.zeros((2, 2)))
    last = batch.privileged_view()
    batch.step(np.zeros((2, 2)))
    assert batch.out.truncated.all()
    final, now = batch.final_view(), batch.privileged_view()
    for world in range(2):
        assert final.free_spaces[world] is last.free_spaces[world]
        assert now.free_spaces[world] is not last.free_spaces[world]
    assert np.abs(final.poses - last.poses)[..., :2].max() < 0.3
    assert np.abs(now.poses - last.poses)[:, 1, :2].max() > 0.3
    other = WorldBatch(world_settings(layout="blocks"), 1)
    other.reset([0])
    with pytest.raises(ValueError, match="same_step"):
        other.final_view()


def test_the_body_is_what_the_episode_drew():
    randomize = {"hfov_deg": (60.0, 90.0), "camera_height_m": (0.4, 1.2), "speed_max_mps": (0.7, 2.0)}
    batch = WorldBatch(world_settings(layout="blocks", randomize=randomize), 4)
    body = batch.reset([0, 1, 2, 3]).body
    for world, episode in enumerate(batch.episodes):
        assert body["hfov_deg"][world] == episode.camera.hfov_deg
        assert body["camera_height_m"][world] == episode.camera.height_m
        assert body["speed_max_mps"][world] == episode.robots[0].speed_max_mps
    assert len(set(body["hfov_deg"].tolist())) == 4
