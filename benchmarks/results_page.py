"""The tables of docs/results.md, from the folders that `rspt evaluate` has left.

    python benchmarks/results_page.py runs/tables

The page says by which commands the folders are made. Each of its tables stands between two comments that name it and is
written anew; `docs/results/` gets the numbers as CSV, those of the curves too, which `benchmarks/figures.py` draws. A
folder that is not there leaves its tables as they are.
"""

import argparse
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rspt.evaluation.results import ABOUT, ROWS, SUMMARY
from rspt.evaluation.summary import Difference, Row, is_summed
from rspt.evaluation.table import HEADS, cells_of, difference_heads, difference_rows, markdown_table

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
SHOWN = tuple(head for head in HEADS if head not in ("layouts are", "worst layouts"))
"""Columns of the full tables."""
SHORT = ("n", "SR", "untouched", "AR", "EL", "visible", "contacts per 100 m", "worst layouts")
"""Columns where each condition has one row."""
KINDS = {"real-scan": "real scans", "simulated-scan": "simulated scans", "drawn-plan": "drawn plans"}


class Evaluation(NamedTuple):
    """What a folder holds: its rows, the differences from its baseline, and what it is of."""

    rows: list[Row]
    differences: list[Difference]
    baseline: str
    about: dict[str, Any]

    def of(self, condition: str, *, summed: bool | None = None) -> list[Row]:
        """The rows of a condition, all of them, or those over several layouts, or the others."""
        rows = [row for row in self.rows if row.condition == condition]
        return [row for row in rows if summed is None or is_summed(row.ground) == summed]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder",
        type=Path,
        help="with the folders unseen, real, stress, video, validation, seeds, seen, duel, layout_count, heldout,"
        " replay, robustness, density",
    )
    folder = parser.parse_args().folder
    text = PAGE.read_text()
    (PAGE.parent / PAGE.stem).mkdir(exist_ok=True)
    tables: dict[str, dict[str, Callable[[Evaluation], str]]] = {
        "unseen": {"unseen-goal": full("goal"), "unseen-evade": full("evade"), "unseen-differences": differences()},
        "validation": {"validation": by_condition},
        "seeds": {"seeds": by_condition},
        "seen": {"seen": by_condition},
        "stress": {"stress": by_condition},
        "video": {"video": by_condition},
        "duel": {"duel": by_condition, "duel-differences": differences(summed=True)},
        "layout_count": {"layout-count": by_condition},
        "heldout": {"heldout": by_condition},
        "replay": {"replay": by_condition},
        "robustness": {},
        "density": {},
        "real": {"real": full("goal", summed=True), "real-maps": by_map},
    }
    for name, made in tables.items():
        if not (folder / name / SUMMARY).exists():
            print(f"{folder / name}: no evaluation, its tables stay as they are")
            continue
        evaluation = read(folder / name)
        shutil.copy(folder / name / ROWS, PAGE.parent / PAGE.stem / f"{name}.csv")
        for mark, table in made.items():
            text = replaced(text, mark, table(evaluation))
    PAGE.write_text(text)


def read(folder: Path) -> Evaluation:
    """The summary of a folder."""
    told = json.loads((folder / SUMMARY).read_text())
    about = json.loads((folder / ABOUT).read_text())
    differences = [Difference(**found) for found in told["differences"]]
    return Evaluation([Row(**row) for row in told["rows"]], differences, told["baseline"], about)


def replaced(text: str, mark: str, table: str) -> str:
    """The page with another table between the comments that name it."""
    pattern = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"{PAGE}: has no place for {mark}")
    return pattern.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


def full(condition: str, *, summed: bool | None = None) -> Callable[[Evaluation], str]:
    """A table of all layouts under one condition."""

    def table(evaluation: Evaluation) -> str:
        rows = [cells_of(row) for row in evaluation.of(condition, summed=summed)]
        return markdown_table(SHOWN, [[row[head] for head in SHOWN] for row in rows])

    return table


def by_condition(evaluation: Evaluation) -> str:
    """All layouts together, a row for each condition and agent."""
    rows = []
    for condition in dict.fromkeys(row.condition for row in evaluation.rows):
        for row in evaluation.of(condition, summed=True):
            cells = cells_of(row)
            rows.append([condition, row.agent, *(cells[head] for head in SHORT)])
    return markdown_table(("condition", "agent", *SHORT), rows)


def differences(*, summed: bool = False) -> Callable[[Evaluation], str]:
    """Each agent minus the baseline, for each layout and all together, or for these alone."""

    def table(evaluation: Evaluation) -> str:
        return markdown_table(
            difference_heads(evaluation.baseline), difference_rows(evaluation.differences, summed=summed)
        )

    return table


def by_map(evaluation: Evaluation) -> str:
    """A row for each map, a column for each agent."""
    agents = list(dict.fromkeys(row.agent for row in evaluation.rows))
    kinds = {ground["label"]: (ground["kind"], ground["building"]) for ground in evaluation.about["grounds"]}
    shown: dict[str, dict[str, Row]] = {}
    for row in evaluation.of("goal", summed=False):
        shown.setdefault(row.ground, {})[row.agent] = row
    rows = []
    for name in sorted(shown, key=lambda name: (list(KINDS).index(kinds[name][0]), name)):
        cells = []
        for agent in agents:
            told = cells_of(shown[name][agent])
            success, safe, total = (told[head].split(" [")[0] for head in ("SR", "untouched", "AR"))
            cells.append(f"{success} ({safe}) {total}")
        rows.append([name, KINDS[kinds[name][0]], kinds[name][1], *cells])
    return markdown_table(("map", "kind", "building", *(f"{agent}: SR (untouched) AR" for agent in agents)), rows)


if __name__ == "__main__":
    main()
