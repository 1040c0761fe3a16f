"""The picture of the study: how many targets each rival and ablation keeps, beside the full system.

python benchmarks/study_picture.py   # docs/images/study.png and .svg, from docs/results/study.csv
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from figures import DOCS, saved
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from study_parts.rows import BASE

TITLES = {"goal": "walking target", "evade": "evading target", "learned": "learned target"}
_FULL, _ROW, _GRAY, _BAND = "#D55E00", "#0072B2", "#6a6f78", "#fbe9dd"
_NOTE = "Circles: target kept; diamonds: and nothing touched. Lines: 95 % intervals over trainings, then layouts."


def main() -> None:
    with (DOCS / "results" / "study.csv").open(newline="", encoding="utf-8") as file:
        for path in draw(list(csv.DictReader(file)), DOCS / "images" / "study"):
            print(path)


def draw(rows: Sequence[dict[str, Any]], path: Path) -> list[Path]:
    """A panel for each condition, a line for each row of the study; as PNG and SVG."""
    conditions = list(dict.fromkeys(row["condition"] for row in rows))
    names = list(dict.fromkeys(row["row"] for row in rows))
    with mpl.rc_context({"svg.hashsalt": path.name, "font.family": "DejaVu Sans", "font.size": 8.5}):
        figure = Figure(figsize=(2.7 * len(conditions) + 1.3, 0.27 * len(names) + 1.1))
        figure.set_layout_engine("constrained")
        panels = figure.subplots(1, len(conditions), sharey=True, squeeze=False)[0]
        for ax, condition in zip(panels, conditions, strict=True):
            _panel(ax, [row for row in rows if row["condition"] == condition], names)
            ax.set_title(TITLES.get(condition, condition), fontsize=9.0, loc="left", fontweight="bold")
        panels[0].set_yticks(range(len(names)), [f"{name} ({_seeds(rows, name)})" for name in names])
        panels[0].invert_yaxis()
        figure.supxlabel("% of the episodes. " + _NOTE, x=0.01, ha="left", fontsize=7.5, color=_GRAY)
        return saved(figure, path)


def _panel(ax: Axes, rows: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    for row in rows:
        place, color = names.index(row["row"]), _FULL if row["row"] == BASE else _ROW
        if row["row"] == BASE:
            low, high = (100.0 * float(row[f"success_{end}"]) for end in ("low", "high"))
            ax.axvspan(low, high, color=_BAND, linewidth=0, zorder=0)
        for measure, marker, off in (("success", "o", -0.14), ("success_safe", "D", 0.18)):
            value, low, high = (100.0 * float(row[f"{measure}{end}"]) for end in ("", "_low", "_high"))
            pale = 1.0 if measure == "success" else 0.45
            ax.plot([low, high], [place + off] * 2, color=color, linewidth=1.5, alpha=pale, zorder=2)
            ax.plot(
                value, place + off, marker=marker, markersize=4.5 if marker == "o" else 3.2, color=color, alpha=pale
            )
    ax.set_xlim(-2.0, 102.0)
    ax.grid(axis="x", color="#e3e6ea", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(length=2.5)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def _seeds(rows: Sequence[dict[str, Any]], name: str) -> str:
    seeds = int(next(row["seeds"] for row in rows if row["row"] == name))
    return f"{seeds} seed{'s' if seeds > 1 else ''}"


if __name__ == "__main__":
    main()
