"""Tables, as Markdown, of the episodes that `benchmarks/tracking.py` has kept.

python benchmarks/tracking_tables.py runs/tracking.jsonl > tables.md
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tracking import lines_of

from envs.layouts import SPLITS
from rspt.evaluation.statistics import Interval, bootstrap_mean, paired_difference, wilson

UNSEEN = SPLITS["validation"] + SPLITS["test"]
RIVALS = ("planner", "pid_kalman")

Episodes = list[dict[str, Any]]
Value = Callable[[dict[str, Any]], float]


class Kept:
    """Episodes by cell.

    Args:
        lines: one for each episode.
    """

    def __init__(self, lines: Iterable[dict[str, Any]]) -> None:
        self._cells: dict[tuple[Any, ...], dict[tuple[str, int], dict[str, Any]]] = {}
        for line in lines:
            key = (line["agent"], line["target"], line["noise"], line["speed_ratio"])
            self._cells.setdefault(key, {})[line["family"], line["seed"]] = line

    def agents(self, target: str, noise: str = "none", ratio: float = 0.7) -> list[str]:
        """Those that played against a target, in the order of the file."""
        return [name for name, of, disturbed, fast in self._cells if (of, disturbed, fast) == (target, noise, ratio)]

    def targets(self) -> list[str]:
        """In the order of the file."""
        return list(dict.fromkeys(target for _, target, _, _ in self._cells))

    def of(
        self, agent: str, target: str, families: Sequence[str], *, noise: str = "none", ratio: float = 0.7
    ) -> Episodes:
        """Episodes in some families, in the order of families and seeds."""
        cell = self._cells.get((agent, target, noise, ratio), {})
        return [cell[key] for key in sorted(cell, key=lambda key: (key[0], key[1])) if key[0] in families]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    kept = Kept(line for path in parser.parse_args().files for line in lines_of(path))
    for title, rows in (
        *((f"Kept to the end (SR), target `{target}`", success(kept, target)) for target in kept.targets()),
        *(
            (f"SR of `pretrained` minus a rival's, target `{target}`", rivals(kept, target))
            for target in kept.targets()
        ),
        ("Quality, target `goal`", quality(kept, "goal")),
        ("Quality, target `evade`", quality(kept, "evade")),
        ("What makes it harder", harder(kept)),
        ("The tracker after the duel minus the one before it", compared(kept, "before_duel", "pretrained")),
        ("The teacher stage with the map minus the one without it", compared(kept, "no_map", "before_duel")),
        ("The learned target as an opponent, unseen families together", opponent(kept)),
    ):
        if len(rows) > 1:
            print(f"### {title}\n\n{markdown(rows)}\n")


def success(kept: Kept, target: str) -> list[list[str]]:
    """Share of the episodes that each agent kept, by family and group of families."""
    agents = kept.agents(target)
    rows = [["family", *agents]]
    for group, families in SPLITS.items():
        for family in families:
            rows.append([family, *(_share(kept.of(agent, target, [family])) for agent in agents)])
        rows.append([f"**{group}**", *(_share(kept.of(agent, target, families)) for agent in agents)])
    rows.append(["**unseen** (validation and test)", *(_share(kept.of(agent, target, UNSEEN)) for agent in agents)])
    return [row for row in rows if any(row[1:])]


def rivals(kept: Kept, target: str) -> list[list[str]]:
    """Paired differences of the pretrained tracker and its rivals."""
    agents = kept.agents(target)
    shown = [rival for rival in RIVALS if rival in agents] if "pretrained" in agents else []
    rows = [["family", *shown]]
    for name, families in (*((family, (family,)) for family in UNSEEN), ("**unseen**", UNSEEN)):
        ours = kept.of("pretrained", target, families)
        rows.append([name, *(_difference(ours, kept.of(rival, target, families), _kept) for rival in shown)])
    return rows if shown else rows[:1]


def quality(kept: Kept, target: str) -> list[list[str]]:
    """Return, length, safety and errors of each agent by group of families."""
    rows = [
        ["families", "agent", "AR", "AR / oracle's", "EL", "untouched", "contacts per 100 m", "distance error (m)",
         "of it too near", "bearing error (°)", "visible"]
    ]  # fmt: skip
    for group, families in {**SPLITS, "unseen": UNSEEN}.items():
        for agent in kept.agents(target):
            episodes = kept.of(agent, target, families)
            if not episodes:
                continue
            best = kept.of("oracle", target, families)
            way = sum(e["distance_travelled_m"] for e in episodes)
            rows.append(
                [
                    group,
                    agent,
                    f"{_mean(episodes, 'episode_return'):.0f}",
                    f"{_mean(episodes, 'episode_return') / _mean(best, 'episode_return'):.2f}" if best else "",
                    f"{_mean(episodes, 'length'):.0f}",
                    str(wilson(sum(e["success_safe"] for e in episodes), len(episodes))),
                    f"{100.0 * sum(e['contacts'] for e in episodes) / max(way, 1.0):.2f}",
                    f"{_mean(episodes, 'mean_distance_error_m'):.2f}",
                    f"{_mean(episodes, 'mean_too_near_m'):.2f}",
                    f"{np.degrees(_mean(episodes, 'mean_bearing_error_rad')):.1f}",
                    f"{_mean(episodes, 'visible_share'):.3f}",
                ]
            )
    return rows


def harder(kept: Kept) -> list[list[str]]:
    """What noise, and a shorter time out of sight, cost each agent."""
    rows = [["target", "families", "agent", "SR", "20 steps to be lost: SR minus", "noise `realistic`: SR minus"]]
    for target in kept.targets():
        for group, families in {"validation": SPLITS["validation"], "test": SPLITS["test"], "unseen": UNSEEN}.items():
            for agent in kept.agents(target):
                plain = kept.of(agent, target, families)
                noisy = kept.of(agent, target, families, noise="realistic")
                strict = [float(e["success_strict"]) - float(e["success"]) for e in plain]
                if plain and agent in kept.agents(target, "realistic"):
                    rows.append(
                        [target, group, agent, _share(plain), str(bootstrap_mean(strict)),
                         _difference(noisy, plain, _kept)]
                    )  # fmt: skip
    return rows


def compared(kept: Kept, first: str, second: str) -> list[list[str]]:
    """What the second agent is better at than the first, in the episodes that both have played."""
    rows = [
        ["target", "families", f"SR {first}", f"SR {second}", "SR", f"AR {first}", f"AR {second}", "AR", "untouched"]
    ]
    for target in kept.targets():
        for group, families in {**SPLITS, "unseen": UNSEEN}.items():
            before, after = (kept.of(agent, target, families) for agent in (first, second))
            if before and after:
                returns = [f"{_mean(episodes, 'episode_return'):.0f}" for episodes in (before, after)]
                rows.append(
                    [target, group, _share(before), _share(after), _difference(after, before, _kept), *returns,
                     _difference(after, before, _return, digits=1), _difference(after, before, _untouched)]
                )  # fmt: skip
    return rows


def opponent(kept: Kept) -> list[list[str]]:
    """How often agents keep the learned target and scripts that are as fast."""
    rows = [
        ["speed ratio", "agent", "target", "SR", "EL", "visible", "steps touched by the target", "learned minus it"]
    ]
    for ratio in (0.7, 0.85, 1.0):
        agents = kept.agents("learned", ratio=ratio)
        for agent in agents:
            learned = kept.of(agent, "learned", UNSEEN, ratio=ratio)
            for target in ("goal", "evade", "learned"):
                episodes = kept.of(agent, target, UNSEEN, ratio=ratio)
                if not episodes:
                    continue
                rows.append(
                    [
                        f"{ratio:g}",
                        agent,
                        target,
                        _share(episodes),
                        f"{_mean(episodes, 'length'):.0f}",
                        f"{_mean(episodes, 'visible_share'):.2f}",
                        f"{_mean(episodes, 'rammed'):.1f}",
                        "" if target == "learned" else _difference(learned, episodes, _kept),
                    ]
                )
    return rows


def markdown(rows: list[list[str]]) -> str:
    """Rows, the first of which is the head."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _kept(episode: dict[str, Any]) -> float:
    return float(episode["success"])


def _untouched(episode: dict[str, Any]) -> float:
    return float(episode["success_safe"])


def _return(episode: dict[str, Any]) -> float:
    return float(episode["episode_return"])


def _mean(episodes: Episodes, name: str) -> float:
    return float(np.mean([episode[name] for episode in episodes]))


def _share(episodes: Episodes) -> str:
    return str(wilson(sum(e["success"] for e in episodes), len(episodes))) if episodes else ""


def _difference(ours: Episodes, theirs: Episodes, value: Value, *, digits: int = 2) -> str:
    """Ours minus theirs, of the episodes that both have played, with its interval."""
    others = {(e["family"], e["seed"]): e for e in theirs}
    pairs = [(value(e), value(others[key])) for e in ours if (key := (e["family"], e["seed"])) in others]
    if not pairs:
        return ""
    found: Interval = paired_difference(*np.array(pairs).T)
    return f"{found.value:+.{digits}f} [{found.low:+.{digits}f}, {found.high:+.{digits}f}]"


if __name__ == "__main__":
    main()
