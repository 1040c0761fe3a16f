"""The curves of a training as a picture."""

import csv
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Steps (n,) and values (n,)."""
_SMOOTHED = 0.02
"""Share of a curve over which its values are averaged."""


class _Panel(NamedTuple):
    title: str
    curves: dict[str, str]
    """Columns of metrics.csv and what they are called; those without values are left out."""


_PANELS = (
    _Panel(
        "share of the episodes",
        {
            "train/success": "target kept, training",
            "escape/rate": "target lost, escape",
            "validation/success": "target kept, validation",
            "validation/success_safe": "and nothing touched, validation",
        },
    ),
    _Panel("return", {"train/return": "training", "validation/total_reward": "validation (AR)"}),
    _Panel("cost of the tracker's actions beyond the teacher's best", {"teacher/regret": "teacher stage"}),
    _Panel("reward of a step", {"reward_tracker": "tracker", "reward_target": "learning target"}),
    _Panel(
        "explained variance of the critics",
        {"tracker/explained_variance": "tracker", "target/explained_variance": "target"},
    ),
)


def draw_curves(metrics: Path, picture: Path) -> None:
    """Draw what a run has measured.

    Args:
        metrics: the run's metrics.csv.
        picture: a .png to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to load
    from matplotlib.figure import Figure

    curves = _read(metrics)
    panels = [panel for panel in _PANELS if any(name in curves for name in panel.curves)]
    if not panels:
        return
    figure = Figure(figsize=(8.0, 2.2 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for ax, panel in zip(axes, panels, strict=True):
        for name, label in panel.curves.items():
            if name in curves:
                steps, values = _smooth(curves[name])
                ax.plot(steps / 1e6, values, label=label, marker="." if len(steps) < 40 else None)
        ax.set_title(panel.title, fontsize=10, loc="left")
        ax.grid(alpha=0.3)
        ax.legend(fontsize=8, frameon=False)
    axes[-1].set_xlabel("steps of the worlds, millions")
    figure.set_layout_engine("constrained")
    with io.BytesIO() as buffer:
        FigureCanvasAgg(figure).print_png(buffer)  # type: ignore[no-untyped-call]
        picture.write_bytes(buffer.getvalue())


def _read(path: Path) -> dict[str, Curve]:
    """The columns of metrics.csv that have values."""
    rows: dict[str, list[tuple[float, float]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            for name, text in row.items():
                if text and name not in ("step", "seconds"):
                    rows.setdefault(name, []).append((float(row["step"]), float(text)))
    return {name: (np.array(pairs)[:, 0], np.array(pairs)[:, 1]) for name, pairs in rows.items()}


def _smooth(curve: Curve) -> Curve:
    """A moving mean over a small share of a long curve."""
    steps, values = curve
    width = max(1, round(_SMOOTHED * len(values)))
    kernel = np.full(width, 1.0 / width)
    return np.convolve(steps, kernel, mode="valid"), np.convolve(values, kernel, mode="valid")
