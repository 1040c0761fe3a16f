"""How trackers do against their opponents, and what became of the attacks."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rspt.evaluation.results import Line
from rspt.evaluation.statistics import Interval, paired_difference, wilson

EVADE, ALL = "evade", "all"


class Row(NamedTuple):
    """How a tracker does against one opponent; the columns of best_responses.csv."""

    tracker: str
    ratio: float
    families: str
    opponent: str
    seed: int | None
    n: int
    success: Interval
    length: float
    minus_evade: Interval | None
    strongest: bool

    @property
    def beats_evade(self) -> bool:
        """Whether a response is more than chance away from the script."""
        return self.minus_evade is not None and self.minus_evade.high < 0.0


def condition_name(ratio: float, opponent: str) -> str:
    """Of the episodes with an opponent; `rows_of` reads it."""
    return f"{ratio:g}-{opponent}"


def rows_of(tracker: str, lines: dict[str, list[Line]]) -> list[Row]:
    """The rows of one tracker, given the episodes by suites; the strongest opponent is that of all suites together."""
    found: dict[tuple[float, str], dict[tuple[str, str, int], Line]] = {}
    for suite, some in lines.items():
        for line in some:
            ratio, _, opponent = line["condition"].partition("-")
            found.setdefault((float(ratio), opponent), {})[suite, line["ground"], line["seed"]] = line
    rows = []
    for ratio in sorted({ratio for ratio, _ in found}):
        here = {opponent: episodes for (other, opponent), episodes in found.items() if other == ratio}
        kept = {opponent: share(list(episodes.values())) for opponent, episodes in here.items()}
        strongest = min(kept, key=lambda opponent: kept[opponent])  # the script, which is first, where one is as strong
        for families in (*lines, ALL):
            for opponent, episodes in here.items():
                own = {key: line for key, line in episodes.items() if families in (key[0], ALL)}
                script = {key: here[EVADE][key] for key in own}
                rows.append(row(tracker, ratio, families, opponent, own, script, opponent == strongest))
    return rows


def row(
    tracker: str, ratio: float, families: str, opponent: str, episodes: dict[Any, Line], script: dict[Any, Line],
    strongest: bool,
) -> Row:  # fmt: skip
    kept, with_script = ([bool(line["success"]) for line in some.values()] for some in (episodes, script))
    return Row(
        tracker=tracker,
        ratio=ratio,
        families=families,
        opponent=opponent,
        seed=None if opponent == EVADE else int(opponent.rpartition("-")[2]),
        n=len(kept),
        success=wilson(sum(kept), len(kept)),
        length=float(np.mean([line["length"] for line in episodes.values()])),
        minus_evade=None if opponent == EVADE else paired_difference(kept, with_script),
        strongest=strongest,
    )


def share(lines: Sequence[Line]) -> float:
    return sum(bool(line["success"]) for line in lines) / len(lines)


def verdicts(rows: Sequence[Row]) -> list[str]:
    """A line for each tracker and ratio: its strongest opponent, and what became of the attack."""
    told = []
    together = [row for row in rows if row.families == ALL]
    for tracker, ratio in dict.fromkeys((row.tracker, row.ratio) for row in together):
        here = [row for row in together if (row.tracker, row.ratio) == (tracker, ratio)]
        script, best = (
            next(row for row in here if of(row)) for of in (lambda r: r.seed is None, lambda r: r.strongest)
        )
        responses = [row for row in here if row.seed is not None]
        beat = [row for row in responses if row.beats_evade]
        shown = f"{tracker} at {ratio:g}: strongest is {best.opponent}, SR {best.success} (n {best.n})"
        if beat:
            told.append(f"{shown}; {len(beat)} of {len(responses)} responses beat evade, SR {script.success}")
        else:
            told.append(f"{shown}; FAILED ATTACK: none of {len(responses)} responses beats evade, SR {script.success}")
    return told


def row_table(rows: Sequence[Row]) -> list[list[Any]]:
    heads = ["tracker", "ratio", "families", "opponent", "seed", "n", "SR", "SR_low", "SR_high", "EL"]
    heads += ["SR_minus_evade", "SR_minus_evade_low", "SR_minus_evade_high", "beats_evade", "strongest"]
    table: list[list[Any]] = [heads]
    for row in rows:
        numbers = [*row.success, row.length, *(row.minus_evade or [None] * 3)]
        beats = "" if row.seed is None else row.beats_evade
        seed = "" if row.seed is None else row.seed
        shown = ["" if number is None else f"{number:.6g}" for number in numbers]
        named = [row.tracker, f"{row.ratio:g}", row.families, row.opponent, seed, row.n]
        table.append([*named, *shown, beats, row.strongest])
    return table
