"""Which layouts a training sees."""

import numpy as np
import pytest

from envs import episode as episode_module
from envs.batch import WorldBatch
from envs.errors import LayoutError
from envs.world_settings import world_settings
from rspt.perceiver import PerceptionSettings
from rspt.training.worlds import TrainingWorlds, TrainingWorldsSettings

FEW = TrainingWorldsSettings(
    worlds=6,
    layout_size_m=(8.0, 12.0),
    perception=PerceptionSettings(predictor="kalman"),
    lost_after_steps=2,
    episode_steps=4,
)


def layouts_of(settings: TrainingWorldsSettings, *, seed: int, segment: int = 0, steps: int = 24) -> list[str]:
    """The hashes of all layouts of a rollout, in their order."""
    worlds = TrainingWorlds(settings, seed=seed)
    try:
        worlds.begin(segment)
        hashes = hashes_of(worlds)
        for _ in range(steps):
            if worlds.step(np.zeros((settings.worlds, 2))).done.any():
                hashes += hashes_of(worlds)
    finally:
        worlds.close()
    return hashes


def hashes_of(worlds: TrainingWorlds) -> list[str]:
    return [episode.place.layout.hash for batch in worlds._batches for episode in batch.episodes]


def test_a_training_has_as_many_different_layouts_as_it_is_told():
    few = FEW.model_copy(update={"layout_count": 3})
    seen = {hash_ for seed in (0, 9) for hash_ in layouts_of(few, seed=seed)}
    assert len(seen) == 3
    more = set(layouts_of(FEW.model_copy(update={"layout_count": 5}), seed=0))
    assert len(more) == 5
    assert seen < more  # the first ones are the same


def test_without_a_count_each_episode_has_its_own_layout():
    hashes = layouts_of(FEW, seed=0, steps=0)
    assert len(set(hashes)) == FEW.worlds
    told = {"layout": FEW.layouts, "layout_size_m": FEW.layout_size_m, "randomize": FEW.randomize, "start": FEW.start}
    batch = WorldBatch(world_settings(**told), 1)
    drawn = int(np.random.SeedSequence([0, 0]).generate_state(FEW.worlds, np.uint64)[0] >> np.uint64(2))
    try:
        batch.reset([drawn])  # as without the training's settings
        assert batch.episodes[0].place.layout.hash == hashes[0]
        assert batch.out.info["layout_seed"][0] == batch.out.info["episode_seed"][0] == drawn
    finally:
        batch.close()


def test_a_segment_of_a_training_has_its_layouts_again():
    few = FEW.model_copy(update={"layout_count": 4})
    first = layouts_of(few, seed=1, segment=512)
    assert layouts_of(few, seed=1, segment=512) == first
    assert layouts_of(few, seed=1, segment=1024) != first


def test_who_fits_nowhere_is_placed_in_another_layout_of_the_set(monkeypatch):
    placed, refused = episode_module._placed, []

    def failing(settings, place, policy, rng):
        if not refused:
            refused.append(place.layout.hash)
            raise LayoutError("no place")
        return placed(settings, place, policy, rng)

    hashes = []
    for seed in range(3):
        batch = WorldBatch(world_settings(layout="blocks", layout_count=3), 1)
        batch.reset([seed])
        hashes.append(batch.episodes[0].place.layout.hash)
        batch.close()
    monkeypatch.setattr(episode_module, "_placed", failing)
    batch = WorldBatch(world_settings(layout="blocks", layout_count=3), 1)
    batch.reset([2])
    assert (refused[0], batch.episodes[0].place.layout.hash) == (hashes[2], hashes[0])
    batch.close()


@pytest.mark.parametrize("count", [0, 1.5])
def test_a_count_that_is_none_is_told(count):
    with pytest.raises(ValueError, match="layout_count"):
        TrainingWorldsSettings(layout_count=count)
