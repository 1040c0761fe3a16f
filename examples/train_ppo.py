"""PPO in one file, in the manner of CleanRL: a tracker trained from scratch, and entered into the evaluation.

    python examples/train_ppo.py --steps 300000 --out ppo_tracker.pt
    TRACKER=ppo_tracker.pt rspt evaluate --agents examples.train_ppo:tracker pid

The second command asks `tracker()` at the end of this file for an object: that is all that an agent of your own needs.
"""

import argparse
import os
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Normal

import rspt  # noqa: F401  registers the environments

FAMILIES = ("blocks", "pillars")
DEFAULT_FILE = "ppo_tracker.pt"


class Network(nn.Module):
    """Actor and critic on the structure-aware state: map (n, 6, 32, 32) and vector (n, 75)."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            nn.Conv2d(6, 16, 4, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2), nn.ReLU(),
            nn.Conv2d(32, 32, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(128), nn.ReLU(),
        )  # fmt: skip
        self.join = nn.Sequential(nn.LazyLinear(128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh())
        self.mean, self.value = nn.Linear(128, 2), nn.Linear(128, 1)
        self.log_std = nn.Parameter(torch.full((2,), -0.7))
        nn.init.orthogonal_(self.mean.weight, 0.01)
        self(torch.zeros(1, 6, 32, 32), torch.zeros(1, 75))  # the lazy layers find their sizes

    def forward(self, maps: torch.Tensor, vectors: torch.Tensor) -> tuple[Normal, torch.Tensor]:
        joined = self.join(torch.cat([self.maps(maps), vectors], dim=1))
        return Normal(self.mean(joined), self.log_std.exp()), self.value(joined)[:, 0]


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate, eps=1e-5)
    envs = gym.make_vec(
        "RSPT/TrackState-v0",
        num_envs=options.worlds,
        layout=list(FAMILIES),
        target_speed_ratio=(0.3, 0.8),
        autoreset_mode=gym.vector.AutoresetMode.SAME_STEP,
    )
    state, _ = envs.reset(seed=options.seed)
    start, returns, total = time.time(), np.zeros(options.worlds), []
    for update in range(max(options.steps // (options.worlds * options.rollout), 1)):
        kept = []
        for _ in range(options.rollout):
            maps, vectors = tensors(state)
            with torch.no_grad():
                policy, value = network(maps, vectors)
                action = policy.sample()
                log_prob = policy.log_prob(action).sum(dim=1)
            state, reward, terminated, truncated, infos = envs.step(action.clamp(-1.0, 1.0).numpy())
            reward = torch.from_numpy(np.asarray(reward, dtype=np.float32))
            if truncated.any():  # time is up, but the game would go on: the value of the last state stands for the rest
                final = {name: np.where(mask(truncated, array), array, 0) for name, array in infos["final_obs"].items()}
                with torch.no_grad():
                    reward += options.gamma * network(*tensors(final))[1] * torch.from_numpy(truncated)
            done = torch.from_numpy(terminated | truncated)
            kept.append((maps, vectors, action, log_prob, value, reward, done))
            returns += reward.numpy()
            total += returns[done.numpy()].tolist()
            returns[done.numpy()] = 0.0
        learn(network, optimizer, kept, state, options)
        steps = (update + 1) * options.worlds * options.rollout
        told = f"return {np.mean(total[-100:]):.0f}" if total else "no episode has ended yet"
        print(f"{steps:>9,} steps, {told}, {steps / (time.time() - start):.0f} steps/s", flush=True)
    envs.close()
    torch.save(network.state_dict(), options.out)
    print(f"written to {options.out}")
    return 0


def tensors(state: dict[str, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.from_numpy(np.array(state[name], dtype=np.float32)) for name in ("map", "vector"))


def mask(which: np.ndarray, array: np.ndarray) -> np.ndarray:
    return which.reshape(-1, *[1] * (array.ndim - 1))


def learn(network: Network, optimizer: torch.optim.Optimizer, kept: list, state: dict, options) -> None:
    maps, vectors, actions, log_probs, values, rewards, dones = (torch.stack(part) for part in zip(*kept, strict=True))
    with torch.no_grad():
        after = network(*tensors(state))[1]
    advantages, advantage = torch.zeros_like(rewards), torch.zeros(options.worlds)
    for t in reversed(range(options.rollout)):
        goes_on = (~dones[t]).float()
        error = rewards[t] + options.gamma * after * goes_on - values[t]
        advantage = error + options.gamma * options.gae_lambda * goes_on * advantage
        advantages[t], after = advantage, values[t]
    targets = (advantages + values).flatten()
    flat = [part.flatten(0, 1) for part in (maps, vectors, actions, log_probs, advantages)]
    count = len(targets)
    for _ in range(options.epochs):
        for rows in torch.randperm(count).split(options.batch):
            some_maps, some_vectors, action, before, gain = (part[rows] for part in flat)
            policy, value = network(some_maps, some_vectors)
            ratio = (policy.log_prob(action).sum(dim=1) - before).exp()
            gain = (gain - gain.mean()) / (gain.std(unbiased=False) + 1e-8)
            clipped = ratio.clamp(1.0 - options.clip, 1.0 + options.clip)
            loss = -torch.min(ratio * gain, clipped * gain).mean() + 0.5 * (value - targets[rows]).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 0.5)
            optimizer.step()


def parser() -> argparse.ArgumentParser:
    new = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    new.add_argument("--steps", type=int, default=300_000, help="of all worlds together (default: 300000)")
    new.add_argument("--worlds", type=int, default=32)
    new.add_argument("--rollout", type=int, default=64, help="steps of each world between two updates")
    new.add_argument("--epochs", type=int, default=4)
    new.add_argument("--batch", type=int, default=512)
    new.add_argument("--learning-rate", type=float, default=5e-4)
    new.add_argument("--gamma", type=float, default=0.97)
    new.add_argument("--gae-lambda", type=float, default=0.9)
    new.add_argument("--clip", type=float, default=0.2)
    new.add_argument("--seed", type=int, default=0)
    new.add_argument("--out", type=Path, default=Path(DEFAULT_FILE))
    return new


class Tracker:
    """What `rspt evaluate` plays with."""

    env_id = "RSPT/TrackState-v0"
    privileged = False
    train_families = FAMILIES

    def __init__(self, path: str) -> None:
        self.network = Network()
        self.network.load_state_dict(torch.load(path, weights_only=True))

    def reset(self, which: np.ndarray) -> None:
        """Nothing is remembered."""

    @torch.no_grad()
    def act(self, observations: dict[str, np.ndarray]) -> np.ndarray:
        return self.network(*tensors(observations))[0].mean.clamp(-1.0, 1.0).numpy()


def tracker() -> Tracker:
    return Tracker(os.environ.get("TRACKER", DEFAULT_FILE))


if __name__ == "__main__":
    raise SystemExit(main())
