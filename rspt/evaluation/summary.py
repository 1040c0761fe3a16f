"""What the episodes of an evaluation say: shares, means and paired differences, with intervals."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rspt.errors import UsageError
from rspt.evaluation.results import Line, Results
from rspt.evaluation.statistics import Interval, bootstrap_mean, holm, paired_difference, sign_flip_p, wilson

SHARES = ("success", "success_safe", "success_strict", "success_recent")
"""Measures that are a share of the episodes."""
MEANS = (
    "episode_return",
    "length",
    "visible_share",
    "mean_distance_error_m",
    "mean_bearing_error_rad",
)
"""Measures that are a mean over the episodes."""
ALL = "all"
"""The row over all grounds."""


def is_summed(ground: str) -> bool:
    """Whether a row is over several grounds: all, or all of one kind."""
    return ground == ALL or ground.startswith(f"{ALL} ")  # labels have no spaces


class Row(NamedTuple):
    """One agent on one ground, or on all of them, under one condition.

    Attributes:
        condition: its name.
        ground: its label, or ALL.
        agent: its label.
        trained_on: `seen` if the agent was trained on what it plays here, `unseen` if not, `unknown` if nobody says.
        n: episodes.
        errors: of them, those that an exception or a fault of the engine ended; they count as failures.
        measures: each of SHARES and MEANS, `contacts_per_100m`, `reacquired_share`, `reacquisition_s`; None where there
            is nothing to measure.
        worst: the ground with the lowest success, and that; for ALL.
    """

    condition: str
    ground: str
    agent: str
    trained_on: str
    n: int
    errors: int
    measures: dict[str, Interval | None]
    worst: tuple[str, float] | None


class Difference(NamedTuple):
    """One agent minus the baseline, on the same episodes.

    Attributes:
        condition: its name.
        ground: its label, or ALL.
        agent: its label.
        measure: `success` or `episode_return`.
        interval: the mean difference with its 95 % interval.
        p: two-sided, by flipping signs of the pairs at random.
        p_holm: corrected for all agents and grounds of the condition and measure.
    """

    condition: str
    ground: str
    agent: str
    measure: str
    interval: Interval
    p: float
    p_holm: float


class Summary(NamedTuple):
    """All rows, and the differences from a baseline.

    Attributes:
        rows: in the order of conditions, grounds and agents.
        baseline: the agent that the others are compared with; None if there is but one.
        differences: likewise.
    """

    rows: list[Row]
    baseline: str | None
    differences: list[Difference]


def check_baseline(baseline: str | None, agents: Sequence[str]) -> None:
    """Refuse, for a command, to compare with somebody who is not there.

    Raises:
        UsageError: if the baseline is none of the agents.
    """
    if baseline is not None and baseline not in agents:
        raise UsageError(f"--baseline {baseline}: is none of the agents, {', '.join(agents)}")


def summarize(results: Results, *, baseline: str | None = None) -> Summary:
    """The summary of an evaluation.

    Args:
        results: of it.
        baseline: label of the agent that the others are compared with; the first one if None.

    Raises:
        ValueError: if there is no such agent.
    """
    cells: dict[tuple[str, str, str], list[Line]] = {}
    for line in results.lines:
        cells.setdefault((line["condition"], line["ground"], line["agent"]), []).append(line)
    agents = list(dict.fromkeys(agent for _, _, agent in cells))
    if baseline is not None and baseline not in agents:
        raise ValueError(f"there is no agent {baseline!r} to compare with, there are {', '.join(agents)}")
    base = baseline or (agents[0] if len(agents) > 1 else None)
    rows: list[Row] = []
    differences: list[Difference] = []
    for condition in dict.fromkeys(name for name, _, _ in cells):
        grounds = list(dict.fromkeys(ground for name, ground, _ in cells if name == condition))
        here: dict[tuple[str, str], list[Line]] = {
            (ground, agent): cells.get((condition, ground, agent), []) for ground in grounds for agent in agents
        }
        for name, some in _together(grounds, results).items():
            here |= {(name, agent): [line for g in some for line in here[g, agent]] for agent in agents}
        for (ground, agent), lines in here.items():
            if lines:
                rows.append(_row(condition, ground, agent, lines, results.about["agents"].get(agent, {})))
        if base is not None:
            differences += _differences(condition, here, base)
    return Summary(rows, base, differences)


def as_json(summary: Summary, results: Results) -> str:
    """The text of summary.json."""
    told = {
        "suite_version": results.about["suite"]["version"],
        "episodes": len(results.lines),
        "agents": results.about["agents"],
        "rows": [_row_json(row) for row in summary.rows],
        "baseline": summary.baseline,
        "differences": [
            {**difference._asdict(), "interval": list(difference.interval)} for difference in summary.differences
        ],
    }
    return json.dumps(told, indent=1, allow_nan=False) + "\n"


def _row_json(row: Row) -> dict[str, Any]:
    measures = {name: None if value is None else list(value) for name, value in row.measures.items()}
    return {**row._asdict(), "measures": measures}


def trained_on(lines: Sequence[Line], record: Mapping[str, str] | None) -> str:
    """Whether an agent was trained on the families or the layouts of these episodes, by what it says."""
    if record is None:
        return "unknown"
    families = set(filter(None, record.get("families", "").split(",")))
    hashes = set(json.loads(record.get("layout_files", "{}")).values())
    seen = any(line["ground"] in families or line["layout_hash"] in hashes for line in lines)
    return "seen" if seen else "unseen"


def _together(grounds: Sequence[str], results: Results) -> dict[str, list[str]]:
    """What is summed up: all grounds, and before that those of one kind where there are several kinds."""
    kinds: dict[str, list[str]] = {}
    for ground in results.about["grounds"]:
        if ground["label"] in grounds and ground.get("kind"):
            kinds.setdefault(f"{ALL} {ground['kind']}", []).append(ground["label"])
    together = kinds if len(kinds) > 1 else {}
    return {**together, ALL: list(grounds)} if len(grounds) > 1 else {}


def _row(condition: str, ground: str, agent: str, lines: Sequence[Line], contestant: Mapping[str, Any]) -> Row:
    groups = _groups(lines)
    measures: dict[str, Interval | None] = {
        name: wilson(sum(bool(line[name]) for line in lines), len(lines)) for name in SHARES
    }
    measures |= {name: bootstrap_mean(_column(lines, name), groups=groups) for name in MEANS}
    measures["contacts_per_100m"] = _ratio(_column(lines, "contacts"), _column(lines, "distance_travelled_m") / 100.0)
    measures["reacquired_share"] = _ratio(_column(lines, "reacquisitions"), _column(lines, "hidden_spells"))
    times = [line["reacquisition_steps"] for line in lines if line["reacquisition_steps"] is not None]
    measures["reacquisition_s"] = bootstrap_mean(0.1 * np.array(times)) if times else None
    worst = None
    if is_summed(ground):
        shares = {
            name: float(np.mean([line["success"] for line in lines if line["ground"] == name]))
            for name in dict.fromkeys(line["ground"] for line in lines)
        }
        name = min(shares, key=lambda label: shares[label])
        worst = name, shares[name]
    errors = sum(line["end_reason"] not in ("time", "lost") for line in lines)
    marked = trained_on(lines, contestant.get("record"))
    return Row(condition, ground, agent, marked, len(lines), errors, measures, worst)


def _differences(condition: str, here: Mapping[tuple[str, str], Sequence[Line]], base: str) -> list[Difference]:
    found: list[Difference] = []
    for measure in ("success", "episode_return"):
        some: list[tuple[str, str, Interval, float]] = []
        for (ground, agent), lines in here.items():
            if agent == base:
                continue
            ours = {(line["ground"], line["seed"]): line for line in lines}
            theirs = {(line["ground"], line["seed"]): line for line in here[ground, base]}
            both = [key for key in ours if key in theirs]
            if both:
                pair = [_column([of[key] for key in both], measure) for of in (ours, theirs)]
                groups = _groups([ours[key] for key in both])
                some.append((ground, agent, paired_difference(*pair, groups=groups), sign_flip_p(pair[0] - pair[1])))
        corrected = holm([p for *_, p in some])
        found += [
            Difference(condition, ground, agent, measure, interval, p, p_holm)
            for (ground, agent, interval, p), p_holm in zip(some, corrected, strict=True)
        ]
    return found


def _column(lines: Sequence[Line], name: str) -> NDArray[np.float64]:
    return np.array([line[name] for line in lines], dtype=np.float64)


def _groups(lines: Sequence[Line]) -> list[object]:
    """What is resampled as a whole: the episodes of one layout; of one building, where maps say which."""
    return [line.get("building") or line["layout_hash"] for line in lines]


def _ratio(numbers: NDArray[np.float64], per: NDArray[np.float64]) -> Interval | None:
    """The sum of numbers per sum of what they are counted by, with a bootstrap interval over the episodes."""
    if per.sum() <= 0.0:
        return None
    rows = np.random.default_rng(0).integers(len(numbers), size=(2000, len(numbers)))
    below = per[rows].sum(axis=1)
    ratios = numbers[rows].sum(axis=1)[below > 0.0] / below[below > 0.0]
    low, high = np.quantile(ratios, (0.025, 0.975))
    return Interval(float(numbers.sum() / per.sum()), float(low), float(high))
