"""Broken physics ends the episode, is counted, and leaves no trace; memory stays flat."""

import gc

import gymnasium
import numpy as np
import psutil
import pybullet
import pytest

import envs  # noqa: F401
from envs.batch import WorldBatch
from envs.faults import FAULTS, fault_codes
from envs.world_settings import world_settings

STAY = np.zeros(2, dtype=np.float32)


@pytest.fixture(params=["within_reach", "always"])
def environment(request):
    environment = gymnasium.make("RSPT/Track-v0", layout="blocks", engine=request.param).unwrapped
    environment.reset(seed=0)
    yield environment
    environment.close()


def touch(environment) -> None:
    """Drive the tracker into the target, so that the engine steps whatever its setting is."""
    status = environment._world.batch.out.status
    status.poses[0, 0, :2] = status.poses[0, 1, :2] - [0.515, 0.0]
    status.poses[0, 0, 2] = 0.0
    environment._world.batch._worlds[0].physics.place(status.poses[0])
    environment.step(np.array([0.1, 0.0], dtype=np.float32))


def put(environment, mover, position):
    physics = environment._world.batch._worlds[0].physics
    pybullet.resetBasePositionAndOrientation(physics._movers[mover], position, (0, 0, 0, 1), physics._client)


@pytest.mark.parametrize("mover", [0, 1])
def test_a_blow_up_truncates_with_finite_numbers_and_the_next_episode_is_clean(environment, mover):
    expected, _ = environment.reset(seed=8)
    environment.reset(seed=0)
    touch(environment)
    put(environment, mover, (np.nan, 0.0, 0.9))
    observation, reward, terminated, truncated, info = environment.step(STAY)
    assert truncated
    assert not terminated
    assert FAULTS[info["fault"]] == "not finite"
    assert info["faults"] == 1
    assert np.isfinite(reward)
    assert environment.observation_space.contains(observation)
    assert all(np.isfinite(value) for value in info.values())
    again, info = environment.reset(seed=8)
    assert info["fault"] == 0
    assert info["faults"] == 1
    assert all((again[name] == expected[name]).all() for name in expected)
    environment.step(STAY)


def test_a_force_that_is_not_finite_is_a_fault(environment):
    touch(environment)
    physics = environment._world.batch._worlds[0].physics
    pybullet.applyExternalForce(
        physics._movers[0], -1, (np.nan, 0, 0), (0, 0, 0), pybullet.LINK_FRAME, physicsClientId=physics._client
    )
    *_, truncated, info = environment.step(STAY)
    assert truncated
    assert FAULTS[info["fault"]] == "not finite"


def test_a_leap_is_too_fast(environment):
    touch(environment)
    poses = environment.privileged_view().poses[0]
    put(environment, 0, (*(poses[0, :2] + [1.5, 0.0]), 0.475))
    *_, truncated, info = environment.step(STAY)
    assert truncated
    assert FAULTS[info["fault"]] == "too fast"


def test_a_body_outside_the_walls_is_a_fault(environment):
    touch(environment)
    put(environment, 1, (0.0, 5000.0, 0.9))
    *_, truncated, info = environment.step(STAY)
    assert truncated
    assert FAULTS[info["fault"]] in ("too fast", "outside the arena")


def test_codes_on_paper():
    poses = np.zeros((4, 2, 3))
    poses[1, 0, 0] = np.nan
    poses[2, 1, 0] = 5.6
    velocities = np.zeros((4, 2, 2))
    velocities[3, 1, 0] = -11.0
    bounds = np.tile([-5.0, -5.0, 5.0, 5.0], (4, 1))
    assert [FAULTS[code] for code in fault_codes(poses, velocities, bounds)] == [
        "none",
        "not finite",
        "outside the arena",
        "too fast",
    ]


def test_a_fault_in_one_world_does_not_touch_the_others():
    settings = world_settings(layout="blocks", engine="always")
    batches = [WorldBatch(settings, 3) for _ in range(2)]
    for batch in batches:
        batch.reset([1, 2, 3])
    physics = batches[0]._worlds[1].physics
    pybullet.resetBasePositionAndOrientation(physics._movers[0], (np.nan, 0, 0), (0, 0, 0, 1), physics._client)
    for step in range(4):
        broken, whole = (batch.step(np.zeros((3, 2))) for batch in batches)
        assert broken.truncated.tolist() == [False, step == 0, False]
        for world in (0, 2):
            assert (broken.observation["depth"][world] == whole.observation["depth"][world]).all()
        assert np.isfinite(broken.observation["depth"]).all()
    assert broken.info["faults"].tolist() == [0, 1, 0]
    for batch in batches:
        batch.close()


@pytest.mark.timeout(280)
def test_memory_stays_flat_over_20000_steps_and_200_resets():
    batch = WorldBatch(world_settings(layout="mixed", layout_size_m=20.0, distractors=1), 4, autoreset="disabled")
    process, rng = psutil.Process(), np.random.default_rng(0)

    def play(resets: int, steps: int) -> float:
        for _ in range(resets):
            batch.reset()
            for _ in range(steps):
                if batch.out.done.any():
                    batch.reset(which=batch.out.done)
                batch.step(rng.uniform(-1, 1, (4, 2)))
        gc.collect()
        return process.memory_info().rss / 2**20

    warm = play(resets=25, steps=50)
    grown = play(resets=50, steps=100) - warm  # 200 resets and 20,000 steps of single worlds
    batch.close()
    assert grown < 5.0, f"{grown:.1f} MiB"
