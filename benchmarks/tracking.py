"""How well trackers track: success, safety and return by family and target, with intervals, as a Markdown table.

python benchmarks/tracking.py --agents pretrained planner --families rooms office --targets goal evade --episodes 100
"""

import argparse
import json
from pathlib import Path

import numpy as np

from envs.layouts import FAMILIES
from rspt.agent import load_agent
from rspt.evaluation.playing import Cell, Episode, play
from rspt.evaluation.statistics import paired_difference, wilson
from rspt.perceiver import PerceptionSettings
from rspt.play import named_target

FIRST_SEED = 1_000_000
"""Far from the seeds that trainings draw from."""
SHOWN = ("success", "success_safe", "success_strict")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", nargs="+", default=["pretrained", "planner"])
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument("--targets", nargs="+", default=["goal"])
    parser.add_argument("--noise", default="none")
    parser.add_argument("--speed-ratio", type=float, default=0.7)
    parser.add_argument("--predictor", default="learned")
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--out", type=Path, help="file for one JSON line per episode")
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.episodes)
    perception = PerceptionSettings(predictor=options.predictor)
    print(
        f"{options.episodes} episodes per row, seeds from {options.first_seed}, noise {options.noise}, speed ratio"
        f" {options.speed_ratio}, localizer mask, predictor {options.predictor}; share of episodes [95 % interval]\n"
    )
    print("| target | family | agent | kept (SR) | untouched | strict | AR | EL | contacts per 100 m | SR - first |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    means: dict[tuple[str, str], list[list[Episode]]] = {}
    for target in options.targets:
        for family in options.families:
            cell = Cell(family, named_target(target), options.speed_ratio, options.noise, perception)
            first: list[Episode] = []
            for name in options.agents:
                episodes = play(load_agent(name), cell, seeds)
                first = first or episodes
                means.setdefault((target, name), []).append(episodes)
                print(_row(target, family, name, episodes, first), flush=True)
                if options.out is not None:
                    _keep(options.out, episodes, agent=name, target=target, family=family, options=options)
    for (target, name), groups in means.items():
        together = [episode for group in groups for episode in group]
        print(_row(target, "all", name, together, [e for g in means[target, options.agents[0]] for e in g]))


def _row(target: str, family: str, agent: str, episodes: list[Episode], first: list[Episode]) -> str:
    shares = [wilson(sum(getattr(e, field) for e in episodes), len(episodes)) for field in SHOWN]
    ways = sum(e.distance_travelled_m for e in episodes)
    cells = [
        target,
        family,
        agent,
        *(f"{share}" for share in shares),
        f"{np.mean([e.episode_return for e in episodes]):.0f}",
        f"{np.mean([e.length for e in episodes]):.0f}",
        f"{100.0 * sum(e.contacts for e in episodes) / max(ways, 1.0):.2f}",
        "" if episodes is first or len(first) != len(episodes) else str(_difference(episodes, first)),
    ]
    return f"| {' | '.join(cells)} |"


def _difference(episodes: list[Episode], first: list[Episode]) -> object:
    return paired_difference([e.success for e in episodes], [e.success for e in first])


def _keep(path: Path, episodes: list[Episode], **about: object) -> None:
    options = about.pop("options")
    told = {**about, "noise": options.noise, "speed_ratio": options.speed_ratio}  # type: ignore[attr-defined]
    with path.open("a") as file:
        for episode in episodes:
            file.write(json.dumps({**told, **episode._asdict()}) + "\n")


if __name__ == "__main__":
    main()
