"""The picture of best responses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from best_response_parts.curves import Curve
from best_response_parts.rows import ALL, EVADE, Row


def draw(rows: Sequence[Row], curves: Sequence[Curve], picture: Path) -> None:
    """Above how the responses learned, below what the trackers keep of their strongest opponents and of the script."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    colors = {tracker: f"C{number}" for number, tracker in enumerate(dict.fromkeys(row.tracker for row in rows))}
    ratios = sorted({row.ratio for row in rows})
    families = [name for name in dict.fromkeys(row.families for row in rows) if name != ALL]
    figure = Figure(figsize=(10.0, 7.0), layout="constrained")
    above, below = figure.subfigures(2, 1)
    panels = above.subplots(1, len(ratios), sharey=True, squeeze=False)[0]
    for ax, ratio in zip(panels, ratios, strict=True):
        _draw_learning(ax, [curve for curve in curves if curve.of.ratio == ratio], colors)
        ax.set_title(f"responses at a speed ratio of {ratio:g}", fontsize=10, loc="left")
    panels[0].set_ylabel("target got away (escape rate)", fontsize=9)
    most = max(panels, key=lambda ax: len(ax.get_legend_handles_labels()[1]))  # one with curves of all trackers
    most.legend(fontsize=8, frameon=False, loc="lower right")
    panels = below.subplots(1, len(families), sharey=True, squeeze=False)[0]
    for ax, name in zip(panels, families, strict=True):
        _draw_kept(ax, [row for row in rows if row.families == name], colors)
        ax.set_title(f"layouts of the suite `{name}`", fontsize=10, loc="left")
        ax.set_xticks(ratios)
    panels[0].set_ylabel("target kept (SR)", fontsize=9)
    handles, labels = panels[0].get_legend_handles_labels()
    below.legend(handles, labels, fontsize=8, frameon=False, loc="outside lower center", ncols=2 * len(colors))
    with picture.open("wb") as file:
        FigureCanvasAgg(figure).print_png(file)


def _draw_learning(ax: Any, curves: Sequence[Curve], colors: dict[str, str]) -> None:
    """Escape rates of the last 200 episodes, and as dots those by which the trainings end."""
    named: set[str] = set()
    for curve in curves:
        label, color = curve.of.tracker.label, colors[curve.of.tracker.label]
        told = None if label in named else label
        ax.plot(np.array(curve.steps) / 1e6, curve.escape_rate, color=color, linewidth=1.0, label=told)
        named.add(label)
        if curve.flat:
            steps, rates = np.array(curve.flat).T
            ax.plot(steps / 1e6, rates, "o", color=color, markersize=4)
    if curves and curves[0].annealed_steps is not None:
        ax.axvline(curves[0].annealed_steps / 1e6, color="0.6", linestyle=":", linewidth=1.0)
    ax.set_xlabel("steps of the worlds, millions", fontsize=9)
    ax.set_ylim(0.0, 1.0)
    ax.grid(alpha=0.3)


def _draw_kept(ax: Any, rows: Sequence[Row], colors: dict[str, str]) -> None:
    """What each tracker keeps at each ratio, with Wilson's intervals."""
    for number, (tracker, color) in enumerate(colors.items()):
        own = [row for row in rows if row.tracker == tracker]
        against = {
            "strongest opponent": ("-o", [row for row in own if row.strongest]),
            EVADE: ("--s", [row for row in own if row.opponent == EVADE]),
        }
        for told, (style, some) in against.items():
            # side by side, for intervals hide each other
            x = np.array([row.ratio for row in some]) + 0.004 * (number - 0.5 * (len(colors) - 1))
            value, low, high = np.array([row.success for row in some]).T
            bars = np.maximum([value - low, high - value], 0.0)  # rounding puts an estimate of 1 beyond its interval
            label = f"{tracker}, {told}"
            ax.errorbar(x, value, bars, fmt=style, color=color, capsize=3, markersize=4, linewidth=1.2, label=label)
    ax.set_xlabel("target's greatest speed as a share of the tracker's", fontsize=9)
    ax.set_ylim(0.0, 1.03)
    ax.grid(alpha=0.3)
