"""How well trackers track: plays episodes, keeps one line of JSON for each, and tells how many were kept in view.

python benchmarks/tracking.py --agents pretrained planner --targets goal evade --out runs/tracking.jsonl

What the file already holds is not played again. `benchmarks/tracking_tables.py` makes tables of it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from envs.layouts import FAMILIES
from rspt.agent import load_agent
from rspt.evaluation.playing import Cell, Episode, play
from rspt.evaluation.statistics import wilson
from rspt.perceiver import perception_settings
from rspt.target import named_target

FIRST_SEED = 1_000_000
"""Far from the seeds that trainings draw from."""

Key = tuple[object, ...]
_KEYS = ("agent", "agent_sha256", "target", "target_sha256", "family", "noise", "speed_ratio", "predictor")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", nargs="+", default=["pretrained", "planner"], help="names, or label=path")
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument("--targets", nargs="+", default=["goal"])
    parser.add_argument("--noise", nargs="+", default=["none"])
    parser.add_argument("--speed-ratio", nargs="+", type=float, default=[0.7])
    parser.add_argument("--predictor", default="learned")
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--out", type=Path, required=True, help="file for one line of JSON per episode")
    options = parser.parse_args()
    torch.set_num_threads(1)  # faster for networks this small, and the same bits on every machine
    seeds = range(options.first_seed, options.first_seed + options.episodes)
    kept = kept_episodes(options.out)
    for target_name in options.targets:
        target = named_target(target_name)
        for label, path in (name.split("=", 1) if "=" in name else (name, name) for name in options.agents):
            agent = load_agent(path)
            perception = perception_settings(predictor=options.predictor, ablation=agent.ablation)
            for noise in options.noise:
                for ratio in options.speed_ratio:
                    for family in options.families:
                        of_target = None if isinstance(target, str) else target.sha256
                        about = dict(
                            zip(
                                _KEYS,
                                (label, agent.sha256, target_name, of_target, family, noise, ratio, options.predictor),
                                strict=True,
                            )
                        )
                        done = kept.get(tuple(about.values()), set())
                        missing = [seed for seed in seeds if seed not in done]
                        if missing:
                            episodes = play(agent, Cell(family, target, ratio, noise, perception), missing)
                            _keep(options.out, about, episodes)
                            print(_told(about, episodes), flush=True)


def kept_episodes(path: Path) -> dict[Key, set[int]]:
    """The seeds that a file holds of each cell."""
    kept: dict[Key, set[int]] = {}
    for line in lines_of(path):
        kept.setdefault(tuple(line[key] for key in _KEYS), set()).add(line["seed"])
    return kept


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The episodes of a file; none if there is no such file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _told(about: dict[str, Any], episodes: list[Episode]) -> str:
    n = len(episodes)
    kept, untouched = (wilson(sum(bool(getattr(e, name)) for e in episodes), n) for name in ("success", "success_safe"))
    mean = f"AR {np.mean([e.episode_return for e in episodes]):.0f}, EL {np.mean([e.length for e in episodes]):.0f}"
    where = " ".join(str(about[key]) for key in ("target", "agent", "family", "noise", "speed_ratio"))
    return f"{where}: SR {kept}, untouched {untouched}, {mean}, n {n}"


def _keep(path: Path, about: dict[str, Any], episodes: list[Episode]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(json.dumps({**about, **episode._asdict()}) + "\n" for episode in episodes)


if __name__ == "__main__":
    main()
