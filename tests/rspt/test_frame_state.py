"""Frames in the place of the state, for rivals that learn from pixels to actions."""

import gymnasium as gym
import numpy as np
import pytest

from rspt.perception.state import OFFSETS, VECTOR_ENTRIES, entry_of
from rspt.training.worlds import TrainingWorlds, TrainingWorldsSettings

KNOWN = ("velocity", "last_action", "speed_max", "turn_max", "hfov", "camera_height", "frame_usable")


@pytest.fixture
def environment():
    made = gym.make(
        "rspt:RSPT/TrackState-v0", ablation="frames", layout="blocks", noise="realistic", render_mode="rgb_array"
    )
    yield made
    made.close()


def test_the_frames_are_what_the_sensors_deliver(environment):
    state, _ = environment.reset(seed=3)
    assert state["map"][1].any()
    world = environment.unwrapped._world.batch.out
    for _ in range(20):
        action = np.array([0.5, -0.25], dtype=np.float32)
        state, *_ = environment.step(action)
        assert environment.observation_space.contains(state)
        depth, mask = state["map"]
        delivered = world.observation["depth"][0]
        np.testing.assert_allclose(depth, np.clip(np.nan_to_num(delivered, posinf=8.0), 0.0, 8.0) / 8.0, atol=1e-6)
        np.testing.assert_array_equal(mask, world.observation["target_mask"][0])
        np.testing.assert_allclose(entry_of(state["vector"], "velocity"), world.observation["velocity"][0], atol=1e-6)
        np.testing.assert_allclose(entry_of(state["vector"], "last_action"), action)
    assert entry_of(state["vector"], "speed_max") == pytest.approx(2.0)
    assert entry_of(state["vector"], "hfov") == pytest.approx(np.pi / 2)
    assert entry_of(state["vector"], "camera_height") == pytest.approx(0.8)


def test_nothing_is_told_of_where_the_target_is_but_its_pixels(environment):
    environment.reset(seed=3)
    state, *_ = environment.step(np.array([0.5, 0.0], dtype=np.float32))
    for entry in VECTOR_ENTRIES:
        first = OFFSETS[entry.name]
        assert state["vector"][first : first + entry.width].any() <= (entry.name in KNOWN), entry.name


def test_the_picture_shows_the_frame(environment):
    environment.reset(seed=3)
    picture = environment.render()
    assert picture.shape == (480, 1600, 3)
    middle = picture[:, 640:1120]
    assert (middle == (214, 40, 40)).all(axis=2).any()  # the target


def test_there_is_no_map_to_ask_for(environment):
    with pytest.raises(ValueError, match=r"frames.*no map"):
        _ = environment.unwrapped.perceiver.perception


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"localizer": "box"}, "localizer='mask', not 'box'"),
        ({"resolution": (60, 48)}, r"multiples of 8, got \(60, 48\)"),
    ],
)
def test_what_does_not_fit_frames_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        gym.make("rspt:RSPT/TrackState-v0", ablation="frames", layout="blocks", **arguments)


def test_new_episodes_begin_with_frames_of_their_own():
    settings = TrainingWorldsSettings(worlds=4, layouts=("blocks",), episode_steps=5)
    settings = settings.model_copy(update={"perception": settings.perception.model_copy(update={"ablation": "frames"})})
    worlds = TrainingWorlds(settings, seed=0)
    try:
        worlds.begin(0)
        assert worlds.state_space["map"].shape == worlds.state["map"].shape[1:] == (2, 48, 64)
        for step in range(5):
            before = worlds.state["map"].copy()
            stepped = worlds.step(np.tile([0.5, 0.3], (4, 1)))
            assert stepped.done.all() == (step == 4)
        assert (worlds.final_state["map"] != worlds.state["map"]).any(axis=(1, 2, 3)).all()
        assert (np.abs(worlds.final_state["map"] - before).mean(axis=(1, 2, 3)) < 0.2).all()
        assert not entry_of(worlds.state["vector"], "last_action").any()
    finally:
        worlds.close()
