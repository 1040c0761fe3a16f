"""Both players through PettingZoo: a tracker that comes along against a target of your own.

    python examples/duel_pettingzoo.py --tracker pretrained --episodes 3

The target here runs on and turns at random. Put your own in its place: its observation is the truth around it
(docs/environment.md), and you may pass it the tracker's action of the same step.
"""

import argparse

import numpy as np

import rspt
from rspt import duel_state_v0


class Runner:
    """Runs on, and turns at random."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.turn = 0.0

    def act(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        if self.rng.random() < 0.1:
            self.turn = self.rng.uniform(-0.6, 0.6)
        return np.array([0.9, self.turn], dtype=np.float32)


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    env = duel_state_v0.parallel_env(layout=options.layout, target_speed_ratio=0.8)
    tracker = rspt.load_agent(options.tracker)
    for episode in range(options.episodes):
        observations, _ = env.reset(seed=options.seed + episode)
        tracker.reset()
        target, total = Runner(options.seed + episode), dict.fromkeys(env.agents, 0.0)
        steps = 0
        while env.agents and steps < options.steps:
            view = env.privileged_view() if tracker.privileged else None
            state = {name: array[None] for name, array in observations["tracker"].items()}
            actions = {"tracker": tracker.act(state, view)[0], "target": target.act(observations["target"])}
            observations, rewards, terminated, _, infos = env.step(actions)
            total = {agent: total[agent] + rewards.get(agent, 0.0) for agent in total}
            steps += 1
        lost = any(terminated.values())
        print(
            f"episode {episode}: {steps} steps, {'lost' if lost else 'kept'}, returns"
            f" {', '.join(f'{agent} {value:.0f}' for agent, value in total.items())},"
            f" last distance {infos['tracker']['distance_m']:.1f} m"
        )
    env.close()
    return 0


def parser() -> argparse.ArgumentParser:
    new = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    new.add_argument("--tracker", default="pretrained", help="as `rspt.load_agent` takes it (default: pretrained)")
    new.add_argument("--layout", default="rooms", help="family or map (default: rooms)")
    new.add_argument("--episodes", type=int, default=3)
    new.add_argument("--steps", type=int, default=500, help="of an episode at the most (default: 500)")
    new.add_argument("--seed", type=int, default=0)
    return new


if __name__ == "__main__":
    raise SystemExit(main())
