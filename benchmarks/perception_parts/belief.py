"""How much of what is believed about an unseen target is right: the share of the belief near its true place.

    cd benchmarks; python -m perception_parts.belief [--episodes N] [--seed N]

Evading targets in validation families, with realistic noise; half of them are followed by `pid`, which loses them soon,
half by `planner`, which looks for them. The belief is compared with the track's filter, which coasts on and knows
nothing of walls and of what was not seen, and with an even share of all places that the target can have reached.
"""

import argparse
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from perception_parts.prediction import interval

from envs.batch import WorldBatch
from envs.world_settings import world_settings
from rspt.build import make_agent
from rspt.perceiver import Perceiver, PerceptionSettings
from rspt.perception.belief import PARTICLES, WEIGHT
from rspt.perception.track import SEARCHING

FAMILIES = ("rooms", "office")
AGES_S = (0.5, 1.0, 2.0, 3.0, 4.0)
NEAR_M = 1.5
SPEED_MPS = 1.4
STEPS = 400
NAMES = ("belief", "filter", "reach")


class Moments(NamedTuple):
    """Shares within NEAR_M of the truth at n moments.

    Attributes:
        share: (n, 3) of NAMES.
        age_s: (n,) seconds since the target was seen.
        episode: (n,) numbers of the episodes.
    """

    share: NDArray[np.float64]
    age_s: NDArray[np.float64]
    episode: NDArray[np.int64]


def measure(*, episodes: int, seed: int) -> dict[str, float]:
    """Print the table and return its figures; `episodes` of each family."""
    parts = [_family(family, episodes, seed) for family in FAMILIES]
    share, age_s = np.concatenate([part.share for part in parts]), np.concatenate([part.age_s for part in parts])
    episode = np.concatenate([part.episode + number * episodes for number, part in enumerate(parts)])
    figures = {}
    print(f"{'unseen for':>10} {'moments':>8}" + "".join(f"{name:>22}" for name in NAMES))
    for age in AGES_S:
        chosen = np.abs(age_s - age) < 0.051
        cells = []
        for column, name in enumerate(NAMES):
            mean, low, high = interval(share[chosen, column], episode[chosen])
            cells.append(f"{mean:.3f} [{low:.3f}, {high:.3f}]")
            figures[f"near_{age}s_{name}"] = mean
        print(f"{age:8.1f} s {chosen.sum():8}" + "".join(f"{cell:>22}" for cell in cells))
    return figures


def _family(family: str, episodes: int, seed: int) -> Moments:
    settings = world_settings(
        layout=family, target_policy="evade", noise="realistic", lost_after_steps=100_000, episode_steps=STEPS + 1
    )
    worlds = WorldBatch(settings, episodes)
    perceiver = Perceiver(worlds, PerceptionSettings())
    agents = [make_agent("pid"), make_agent("planner")]
    found: list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]] = []
    try:
        worlds.reset([seed + world for world in range(episodes)])
        perceiver.begin()
        origin = worlds.out.status.poses[:, 0].copy()
        for agent in agents:
            agent.reset(np.ones(episodes, dtype=np.bool_))
        for _ in range(STEPS):
            actions = np.where(
                (np.arange(episodes) % 2 == 0)[:, None], *(agent.act(perceiver.state) for agent in agents)
            )
            worlds.step(actions)
            perceiver.follow(actions)
            track = perceiver.perception.track
            use = np.flatnonzero((track.age_s > 0.0) & (track.status != SEARCHING) & (track.age_s < AGES_S[-1] + 0.2))
            if len(use):
                target = worlds.out.status.poses[use, 1, :2]
                found.append((_shares(perceiver, use, _in_odometry(target, origin[use])), track.age_s[use], use))
    finally:
        perceiver.close()
        worlds.close()
    return Moments(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))


def _in_odometry(places: NDArray[np.float64], origin: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places (n, 2) of the world as odometry that does not drift would have them; origin (n, 3) is where it began."""
    off, cos, sin = places - origin[:, :2], np.cos(origin[:, 2]), np.sin(origin[:, 2])
    return np.stack([cos * off[:, 0] + sin * off[:, 1], cos * off[:, 1] - sin * off[:, 0]], axis=1)


def _shares(perceiver: Perceiver, use: NDArray[np.int64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the belief, of the filter and of the reach, within NEAR_M of the truth (n, 2)."""
    perception = perceiver.perception
    track, particles = perception.track, perception.belief.particles[use]
    near = np.linalg.norm(particles[:, :, :2] - truth[:, None], axis=2) < NEAR_M
    belief = (near * particles[:, :, WEIGHT]).sum(axis=1)
    drawn = np.random.default_rng(0).standard_normal((4 * PARTICLES, 2))
    places = track.position[use][:, None] + np.sqrt(track.covariance[use, 0])[:, None, None] * drawn
    filtered = (np.linalg.norm(places - truth[:, None], axis=2) < NEAR_M).mean(axis=1)
    reach = np.minimum(1.0, NEAR_M**2 / (NEAR_M + SPEED_MPS * track.age_s[use]) ** 2)
    return np.stack([belief, filtered, reach], axis=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=16, help="of each family (default: 16)")
    parser.add_argument("--seed", type=int, default=0, help="of the first episode (default: 0)")
    options = parser.parse_args()
    measure(episodes=options.episodes, seed=options.seed)
