"""The summary of an evaluation as tables, for a terminal, for Markdown and for other programs."""

import csv
import io
import textwrap
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from rspt.evaluation.results import Results
from rspt.evaluation.statistics import Interval
from rspt.evaluation.summary import Difference, Row, Summary, is_summed

HEADS = (
    "layouts", "agent", "layouts are", "n", "SR", "untouched", "AR", "EL", "visible", "distance (m)", "bearing (°)",
    "contacts per 100 m", "worst layouts",
)  # fmt: skip
_SHORT = ("layouts", "agent", "n", "SR", "untouched", "AR", "EL")
"""Those that fit a terminal of 80 columns."""
_DIFFERENCES = (
    "Brackets: 95 % intervals of the bootstrap over layouts. p: two-sided, by flipping the signs of pairs, corrected"
    " after Holm within a condition and a measure."
)
_DEGREES = 57.29577951308232


def table_of(summary: Summary, results: Results, *, brief: bool = False) -> Group:
    """For a terminal: one table for each condition with what fits, and what the numbers mean.

    Args:
        summary: what it tells.
        results: of which.
        brief: whether layouts by themselves are left out where several are summed up.
    """
    summed = {row.condition for row in summary.rows if is_summed(row.ground)}
    tables: list[Table | Text] = []
    several = len({row.agent for row in summary.rows}) > 1
    for condition in dict.fromkeys(row.condition for row in summary.rows):
        table = Table(title=f"{results.about['suite']['version']}, {condition}", title_justify="left", box=SIMPLE_HEAD)
        for head in _SHORT:
            names = head in ("layouts", "agent")
            table.add_column(head, justify="left" if names else "right", no_wrap=not names)
        before = None
        for row in summary.rows:
            if row.condition == condition and (is_summed(row.ground) or not brief or condition not in summed):
                if before not in (None, row.ground) and (several or is_summed(row.ground)):
                    table.add_section()
                before = row.ground
                cells = cells_of(row)
                if row.trained_on != "unseen":
                    cells["agent"] += " (trained there)" if row.trained_on == "seen" else " (training unknown)"
                cells |= {head: cells[head].split(" [")[0] for head in ("untouched", "AR")}
                table.add_row(*(cells[head] for head in _SHORT), style="bold" if is_summed(row.ground) else None)
        tables.append(table)
    tables.append(Text(textwrap.fill(notes_of(summary, results, marked=False), 100)))
    return Group(*tables)


def markdown_of(summary: Summary, results: Results) -> str:
    """All columns in Markdown."""
    parts = []
    for condition in dict.fromkeys(row.condition for row in summary.rows):
        rows = [list(cells_of(row).values()) for row in summary.rows if row.condition == condition]
        parts.append(f"## {results.about['suite']['version']}, {condition}\n\n{markdown_table(HEADS, rows)}\n")
    if summary.baseline is not None:
        told = markdown_table(difference_heads(summary.baseline), difference_rows(summary.differences))
        parts.append(f"## Differences from {summary.baseline}, on the same episodes\n\n{told}\n\n{_DIFFERENCES}\n")
    return "\n".join([*parts, notes_of(summary, results)]) + "\n"


def difference_heads(baseline: str) -> tuple[str, ...]:
    """Of a table with `difference_rows`."""
    return "condition", "layouts", f"agent minus {baseline}", "SR", "AR"


def difference_rows(differences: Sequence[Difference], *, summed: bool = False) -> list[list[str]]:
    """The cells of a table of differences; where `summed`, of several layouts together alone."""
    cells: dict[tuple[str, str, str], dict[str, str]] = {}
    for found in differences:
        if is_summed(found.ground) or not summed:
            digits = 0 if found.measure == "episode_return" else 2
            value, low, high = found.interval
            told = f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}], p {found.p_holm:.3f}"
            cells.setdefault((found.condition, found.ground, found.agent), {})[found.measure] = told
    return [[*key, made["success"], made["episode_return"]] for key, made in cells.items()]


def csv_of(summary: Summary) -> str:
    """All rows and measures as CSV: `NAME`, `NAME_low` and `NAME_high`, empty where there is nothing to measure."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in summary.rows for name in row.measures))
    heads = ["condition", "layouts", "agent", "trained_on", "n", "errors"]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*heads, *(f"{name}{end}" for name in names for end in ("", "_low", "_high"))])
    for row in summary.rows:
        told = [row.condition, row.ground, row.agent, row.trained_on, row.n, row.errors]
        writer.writerow([*told, *(cell for name in names for cell in _csv_cells(row.measures[name]))])
    return text.getvalue()


def _csv_cells(interval: Interval | None) -> tuple[str, ...]:
    return ("", "", "") if interval is None else tuple(f"{number:.6g}" for number in interval)


def cells_of(row: Row) -> dict[str, str]:
    """The cells of a row by HEADS."""
    shown = row.measures
    cells = (
        row.ground,
        row.agent,
        row.trained_on,
        str(row.n) + (f" ({row.errors} error{'s' * (row.errors > 1)})" if row.errors else ""),
        _told(shown["success"], 2),
        _told(shown["success_safe"], 2),
        _told(shown["episode_return"], 0),
        _told(shown["length"], 0, interval_shown=False),
        _told(shown["visible_share"], 3, interval_shown=False),
        _told(shown["mean_distance_error_m"], 2, interval_shown=False),
        _told(shown["mean_bearing_error_rad"], 1, interval_shown=False, scale=_DEGREES),
        _told(shown["contacts_per_100m"], 2, interval_shown=False),
        "" if row.worst is None else f"{row.worst[0]} {row.worst[1]:.2f}",
    )
    return dict(zip(HEADS, cells, strict=True))


def notes_of(summary: Summary, results: Results, *, marked: bool = True) -> str:
    """What the columns mean; `marked` if one tells whether an agent was trained there."""
    localizers = sorted({line["localizer"] for line in results.lines})
    return (
        f"Localizer: {', '.join(localizers)}. SR: share of the episodes in which the target was kept to the end;"
        " untouched: and the tracker touched nothing; AR: sum of r1; EL: steps. Brackets: 95 % intervals, Wilson's for"
        " shares, else the bootstrap over layouts."
    ) + (" Layouts are: seen in the agent's training, as far as it says, or not." if marked else "")


def _told(interval: Interval | None, digits: int, *, interval_shown: bool = True, scale: float = 1.0) -> str:
    if interval is None:
        return "-"
    value, low, high = (scale * number for number in interval)
    told = f"{value:.{digits}f}"
    return f"{told} [{low:.{digits}f}, {high:.{digits}f}]" if interval_shown else told


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    table = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in table)
