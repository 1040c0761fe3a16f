"""Train a tracker with stable-baselines3, and evaluate it on the frozen episodes.

    python examples/train_sb3.py --steps 200000 --out sb3_tracker.zip
    rspt evaluate --agents sb3_tracker.zip pid --trust-pickle

It learns from scratch: docs/experiments.md tells how far that carries. Any algorithm for continuous actions will do.
"""

import argparse
from pathlib import Path

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import rspt  # registers the environments

WORLDS = 16


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    torch.set_num_threads(1)  # faster for networks this small
    worlds = make_vec_env(
        "RSPT/TrackState-v0",
        n_envs=WORLDS,
        seed=options.seed,
        env_kwargs={"layout": options.layouts, "target_speed_ratio": (0.3, 0.8)},
    )
    rollout = min(128, max(options.steps // WORLDS, 2))
    model = PPO(
        "MultiInputPolicy",
        worlds,
        n_steps=rollout,
        batch_size=min(256, rollout * WORLDS),
        gamma=0.97,
        seed=options.seed,
        verbose=1,
        device="cpu",
    )
    model.learn(options.steps)
    model.save(options.out)
    worlds.close()
    print(f"{options.out}: rspt {rspt.__version__} evaluates it with --agents {options.out} --trust-pickle")
    return 0


def parser() -> argparse.ArgumentParser:
    new = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    new.add_argument("--steps", type=int, default=200_000, help="of all worlds together (default: 200000)")
    new.add_argument("--layouts", nargs="+", default=["blocks", "pillars"], help="families (default: blocks pillars)")
    new.add_argument("--seed", type=int, default=0, help="of everything (default: 0)")
    new.add_argument("--out", type=Path, default=Path("sb3_tracker.zip"), help="the model (default: sb3_tracker.zip)")
    return new


if __name__ == "__main__":
    raise SystemExit(main())
