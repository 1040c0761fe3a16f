"""One seed, one trajectory, bit for bit."""

import hashlib
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

import envs  # noqa: F401
from envs.batch import WorldBatch
from envs.seeds import episode_seed
from envs.world_settings import world_settings

CASES = {
    "plain": {"layout": "mixed"},
    "noisy": {"layout": ["rooms", "blocks"], "noise": "realistic", "distractors": 2, "distractor_look": "mixed"},
    "evade": {"layout": "pillars", "target_policy": "evade", "rgb": True, "target_speed_ratio": 1.0},
    "wander": {"layout": "maze", "target_policy": "wander", "mask": "class", "distractors": 1},
    "bullet": {"layout": "blocks", "renderer": "bullet"},
}
STEPS = 25


class Roll:
    """A rollout whose steps can be taken one at a time; digest of all that it saw."""

    def __init__(self, case: str, seed: int) -> None:
        self.environment = gymnasium.make("RSPT/Track-v0", episode_steps=15, **CASES[case])
        self.rng = np.random.default_rng(seed)
        self.digest = hashlib.sha256()
        self.take(*self.environment.reset(seed=seed))

    def take(self, observation, info, reward=0.0) -> None:
        for name in sorted(observation):
            self.digest.update(np.ascontiguousarray(observation[name]).tobytes())
        self.digest.update(repr((sorted(info.items()), float(reward))).encode())

    def step(self) -> None:
        observation, reward, terminated, truncated, info = self.environment.step(
            self.rng.uniform(-1, 1, 2).astype(np.float32)
        )
        self.take(observation, info, reward)
        if terminated or truncated:
            self.take(*self.environment.reset())

    def finish(self) -> str:
        self.environment.close()
        return self.digest.hexdigest()


def rollout(case: str, seed: int = 11) -> str:
    roll = Roll(case, seed)
    for _ in range(STEPS):
        roll.step()
    return roll.finish()


@pytest.mark.parametrize("case", CASES)
def test_twice_the_same_and_another_seed_differs(case):
    first = rollout(case)
    assert rollout(case) == first
    assert rollout(case, seed=12) != first


def test_interleaved_environments_do_not_disturb_each_other():
    alone = {case: rollout(case) for case in ("noisy", "evade")}
    rolls = {case: Roll(case, 11) for case in alone}
    for _ in range(STEPS):
        for roll in rolls.values():
            roll.step()
    assert {case: roll.finish() for case, roll in rolls.items()} == alone


def test_global_random_state_is_neither_used_nor_changed():
    expected = rollout("noisy")
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    assert rollout("noisy") == expected
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_a_fresh_process_gives_the_same_bits():
    script = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('rolls', {__file__!r})\n"
        "module = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(module)\n"
        "print('DIGEST', module.rollout('noisy'))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=200, check=True)
    assert done.stdout.split("DIGEST ")[1].strip() == rollout("noisy")


def test_a_world_does_not_depend_on_its_neighbours_or_on_threads():
    settings = world_settings(layout=["mixed", "rooms"], target_policy="evade", noise="realistic", episode_steps=12)

    def roll(num_worlds: int, threads: int) -> np.ndarray:
        batch = WorldBatch(settings, num_worlds, threads=threads)
        batch.reset(list(range(num_worlds)))
        actions = np.random.default_rng(0).uniform(-1, 1, (30, 2))
        rows = []
        for action in actions:
            out = batch.step(np.tile(action, (num_worlds, 1)))
            rows.append([out.observation["depth"][1].copy(), out.status.poses[1].copy(), out.observation["pose"][1]])
        batch.close()
        return np.concatenate([np.concatenate([part.ravel() for part in row]) for row in rows])

    expected = roll(2, 1)
    assert (roll(5, 1) == expected).all()
    assert (roll(40, 4) == expected).all()


def test_episode_seeds_are_counters():
    assert episode_seed(5, 0) == (5, 5)
    later = [episode_seed(base, number).episode for base in range(20) for number in range(1, 20)]
    assert len(set(later)) == len(later)
    assert all(0 <= seed < 2**63 for seed in later)
    assert episode_seed(5, 3, layout_seed=9).layout == 9
    assert episode_seed(5, 3, layout_count=7) == (episode_seed(5, 3).episode, episode_seed(5, 3).episode % 7)
    assert episode_seed(5, 3, layout_count=7, layout_seed=9).layout == 9
    assert episode_seed(5, 3).episode == episode_seed(5, 3, layout_seed=9).episode
