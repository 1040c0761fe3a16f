"""The curves of docs/results: how many targets are kept when one thing is changed at a time.

    python benchmarks/results_page.py runs/tables   # docs/results/*.csv, from what `rspt evaluate` has left
    python benchmarks/figures.py                    # docs/images/robustness.png and .svg, density likewise

The condition `latency-3` of a CSV file is the point 3 of the panel `latency`; `goal` and `evade` are the points of all
panels at which nothing is changed, `video` of those with the video localizer. The same numbers give the same files,
byte for byte.
"""

import argparse
import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rspt.evaluation.summary import ALL

DOCS = Path(__file__).parents[1] / "docs"
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's, which people who confuse colours can tell apart; markers tell them apart in print."""
MARKERS = "osD^vP"
_COLUMNS = 3
_LABEL_GAP = 0.085
"""Least distance between two labels, as a share of a panel's height."""
_NOTE = "Bands: 95 % intervals (Wilson). Dotted: nothing is changed."
_NOTE_TRAINED = " Grey ground: what training draws from."
_INK, _GRAY, _TRAINED = "#22252b", "#6a6f78", "#eef1f5"


class Panel(NamedTuple):
    """One thing that is changed.

    Attributes:
        name: of its conditions, before the dash.
        title: what is changed.
        axis: its unit.
        nominal: its value where nothing is changed.
        trained: the range that the recipe `rspt` draws from; None if it draws that one value.
        base: the condition in which nothing is changed.
        scale: of the shown number to that of the condition's name.
        root: whether the axis is drawn by square roots, which parts small values.
    """

    name: str
    title: str
    axis: str
    nominal: float
    trained: tuple[float, float] | None = None
    base: str = "goal"
    scale: float = 1.0
    root: bool = False


class Point(NamedTuple):
    """A point of a curve: the value, the share of targets that were kept, and the interval of it."""

    value: float
    share: float
    low: float
    high: float


PICTURES: dict[str, tuple[Panel, ...]] = {
    "robustness": (
        Panel("speed", "Speed, target goal", "target's top speed / tracker's", 0.7, (0.4, 1.0)),
        Panel("evade_speed", "Speed, target evade", "target's top speed / tracker's", 0.7, (0.4, 1.0), base="evade"),
        Panel("latency", "Latency of the actions", "steps of 0.1 s", 0.0, (0.0, 3.0)),
        Panel("drift", "Drift of the odometry", "% of distance and turn", 0.0, (0.0, 0.5), scale=100.0, root=True),
        Panel("depth_noise", "Depth noise", "σ at 1 m (mm)", 0.0, (0.0, 2.5), scale=1e3, root=True),
        Panel("mask_misses", "Lost masks", "chance per step (%)", 0.0, (0.0, 1.0), scale=100.0, root=True),
        Panel("camera_height", "Height of the camera", "metres", 0.8, (0.4, 1.2)),
        Panel("hfov", "Horizontal field of view", "degrees", 90.0, (60.0, 90.0)),
        Panel("distractors", "Look-alikes in the mask", "number of them", 0.0),
        Panel("video_distractors", "Look-alikes, video localizer", "number of them", 0.0, base="video"),
    ),
    "density": (
        Panel("density", "Clutter, target goal", "times that of training", 1.0, root=True),
        Panel("evade_density", "Clutter, target evade", "times that of training", 1.0, base="evade", root=True),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=DOCS / "results", help="folder of robustness.csv, density.csv")
    parser.add_argument("--images", type=Path, default=DOCS / "images", help="folder to write to")
    options = parser.parse_args()
    for name, panels in PICTURES.items():
        table = options.results / f"{name}.csv"
        if not table.exists():
            print(f"{table}: not there, its picture stays as it is")
            continue
        for path in draw(read_shares(table), panels, options.images / name):
            print(path)


def read_shares(path: Path) -> dict[tuple[str, str], Point]:
    """The share of targets kept over all layouts, by condition and agent; the values of the points are still 0."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["layouts"] == ALL]
    if not rows:
        raise SystemExit(f"{path}: has no row over {ALL} layouts")
    return {
        (row["condition"], row["agent"]): Point(0.0, *(float(row[f"success{end}"]) for end in ("", "_low", "_high")))
        for row in rows
    }


def curve_of(shares: Mapping[tuple[str, str], Point], panel: Panel, agent: str) -> list[Point]:
    """The points of an agent in a panel, by their values."""
    points = []
    for (condition, who), point in shares.items():
        name, dash, value = condition.rpartition("-")
        if who == agent and dash and name == panel.name:
            points.append(point._replace(value=panel.scale * float(value)))
        elif who == agent and condition == panel.base:
            points.append(point._replace(value=panel.scale * panel.nominal))
    return sorted(points)


def draw(shares: Mapping[tuple[str, str], Point], panels: Sequence[Panel], path: Path) -> list[Path]:
    """Small multiples, one for each panel that has points, as PNG and SVG.

    Args:
        shares: see `read_shares`.
        panels: in reading order.
        path: of the files, without a suffix.
    """
    agents = list(dict.fromkeys(agent for _, agent in shares))
    if len(agents) > len(COLORS):
        raise SystemExit(f"{path}: {len(agents)} agents, at most {len(COLORS)} can be told apart")
    shown = [panel for panel in panels if any(len(curve_of(shares, panel, agent)) > 1 for agent in agents)]
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    with mpl.rc_context({"svg.hashsalt": path.name, "font.family": "DejaVu Sans", "font.size": 8.5}):
        figure = Figure(figsize=(2.85 * columns + 1.0, 2.3 * rows + 0.3))
        figure.set_layout_engine("constrained", hspace=0.06)
        axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for number, ax in enumerate(axes.flat):
            if number >= len(shown):
                ax.set_axis_off()
                continue
            curves = {agent: curve_of(shares, shown[number], agent) for agent in agents}
            _draw_panel(ax, shown[number], curves)
            if number % columns == columns - 1 or number == len(shown) - 1:
                _label(ax, curves)
            if number % columns == 0:
                ax.set_ylabel("targets kept (%)")
        note = _NOTE + (_NOTE_TRAINED if any(panel.trained is not None for panel in shown) else "")
        figure.supxlabel(note, x=0.01, ha="left", fontsize=8.0, color=_GRAY)
        return saved(figure, path)


def saved(figure: Figure, path: Path) -> list[Path]:
    """Write a figure as PNG and SVG, without what tells of the day and the program: that would differ each time."""
    made = [path.with_suffix(".png"), path.with_suffix(".svg")]
    figure.savefig(made[0], dpi=160, metadata={"Software": None})
    figure.savefig(made[1], metadata={"Date": None, "Creator": None})
    return made


def _draw_panel(ax: Axes, panel: Panel, curves: Mapping[str, Sequence[Point]]) -> None:
    place = _root if panel.root else _plain
    if panel.trained is not None:
        ax.axvspan(*map(place, panel.trained), color=_TRAINED, linewidth=0, zorder=0)
    ax.axvline(place(panel.scale * panel.nominal), color=_GRAY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    for (agent, points), color, marker in zip(curves.items(), COLORS, MARKERS, strict=False):
        if not points:
            continue
        values = [place(point.value) for point in points]
        low, high = [100.0 * point.low for point in points], [100.0 * point.high for point in points]
        ax.fill_between(values, low, high, color=color, alpha=0.16, linewidth=0, zorder=2)
        shares = [100.0 * point.share for point in points]
        ax.plot(values, shares, color=color, marker=marker, markersize=3.6, linewidth=1.4, label=agent, zorder=3)
    ticks = sorted({point.value for points in curves.values() for point in points})
    ax.set_xticks([place(value) for value in ticks], [f"{value:.4g}" for value in ticks])
    ax.set_ylim(-3.0, 103.0)
    ax.set_yticks([0, 25, 50, 75, 100])
    ax.set_title(panel.title, fontsize=9.0, loc="left", color=_INK, fontweight="bold")
    ax.set_xlabel(panel.axis + (", √ scale" if panel.root else ""), color=_INK)
    ax.grid(axis="y", color="#d9dce1", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(colors=_INK, length=2.5)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _label(ax: Axes, curves: Mapping[str, Sequence[Point]]) -> None:
    """The agents' names beside the ends of their curves, moved apart where these lie close."""
    ends = [
        (points[-1].share, agent, color)
        for (agent, points), color in zip(curves.items(), COLORS, strict=False)
        if points
    ]
    ends.sort()
    places = apart([share for share, _, _ in ends], _LABEL_GAP)
    for place, (_, agent, color) in zip(places, ends, strict=True):
        at = (100.0 * place + 3.0) / 106.0
        ax.annotate(
            agent, (1.03, at), xycoords="axes fraction", color=color, va="center", fontsize=8.5, annotation_clip=False
        )


def apart(places: Sequence[float], gap: float) -> list[float]:
    """Ascending places in 0 to 1, moved as little as keeps them a gap apart and inside."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    top = 1.0
    for number in reversed(range(len(moved))):
        moved[number] = min(moved[number], top)
        top = moved[number] - gap
    return moved


def _plain(value: float) -> float:
    return value


def _root(value: float) -> float:
    return math.sqrt(value)


if __name__ == "__main__":
    main()
