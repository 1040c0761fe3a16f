"""Known answers for the privileged vector."""

import numpy as np

from envs.batch import WorldBatch
from envs.layouts.layout import Layout, Prisms
from envs.threads import Threads
from envs.world_settings import world_settings
from rspt.privileged import PRIVILEGED_ENTRIES, PRIVILEGED_WIDTH, privileged_vectors


def entry(vectors, name):
    start = 0
    for item in PRIVILEGED_ENTRIES:
        if item.name == name:
            return vectors[:, start : start + item.width] * item.scale
        start += item.width
    raise AssertionError(name)


def test_what_a_drawn_room_gives():
    room = Layout("room", (0.0, 0.0, 10.0, 10.0), Prisms.boxes([[5.0, 8.0]], (0.5, 0.5), z=(0.0, 2.0)))
    batch = WorldBatch(world_settings(layout=room), 1)
    batch.reset([0])
    view = batch.privileged_view()
    view.poses[0, 0] = 5.0, 2.0, np.pi / 2
    view.poses[0, 1] = 5.0, 5.0, np.pi / 2
    view.velocities[0] = [[1.0, 0.5], [0.7, -0.5]]
    vectors = privileged_vectors(view, {"visible_share": np.array([0.6]), "hidden_steps": np.array([25])})
    assert vectors.shape == (1, PRIVILEGED_WIDTH)
    np.testing.assert_allclose(entry(vectors, "target_position")[0], [3.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(entry(vectors, "target_heading")[0], [1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(entry(vectors, "target_velocity")[0], [0.7, -0.5], atol=1e-6)
    np.testing.assert_allclose(entry(vectors, "velocity")[0], [1.0, 0.5], atol=1e-6)
    np.testing.assert_allclose(entry(vectors, "visible_share")[0], 0.6, atol=1e-6)
    np.testing.assert_allclose(entry(vectors, "hidden_steps")[0], 25, atol=1e-4)
    np.testing.assert_allclose(entry(vectors, "tracker_clearance")[0], 1.0)
    rays = entry(vectors, "target_rays")[0]
    np.testing.assert_allclose(rays[0], 2.5, atol=0.15)  # the box ahead
    np.testing.assert_allclose(rays[8], 5.0, atol=0.15)  # the bounds behind
    np.testing.assert_allclose(rays[4], 5.0, atol=0.15)  # and to the left
    np.testing.assert_allclose(entry(vectors, "tracker_rays")[0, 8], 2.0, atol=0.15)


def test_every_value_stays_in_its_range():
    batch = WorldBatch(world_settings(layout=("maze", "mixed")), 6)
    batch.reset(list(range(6)))
    for _ in range(30):
        out = batch.step(np.tile([1.0, 0.4], (6, 1)))
        vectors = privileged_vectors(batch.privileged_view(), out.info)
        assert np.isfinite(vectors).all()
        assert np.abs(vectors).max() <= 1.0


def test_threads_change_nothing():
    batch, threads = WorldBatch(world_settings(layout="mixed"), 32), Threads(2)
    try:
        out = batch.reset(list(range(32)))
        told = batch.privileged_view(), out.info
        np.testing.assert_array_equal(privileged_vectors(*told), privileged_vectors(*told, share=threads.share))
    finally:
        threads.close()
        batch.close()
