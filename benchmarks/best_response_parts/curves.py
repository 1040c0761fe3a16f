"""How responses learned."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rspt.evaluation.plan import Entry
from rspt.training.run_folder import METRICS


class Response(NamedTuple):
    """A target that learns to escape one tracker.

    Attributes:
        tracker: that it escapes.
        ratio: its greatest speed as a share of the tracker's.
        seed: of its training.
        folder: of its training.
    """

    tracker: Entry
    ratio: float
    seed: int
    folder: Path


class Curve(NamedTuple):
    """What a response has measured while it learned.

    Attributes:
        of: the response.
        steps: (n,) of the worlds since the escape began.
        speed_ratio: (n,) that episodes began with.
        escape_rate: (n,) share of the last 200 episodes in which it got away.
        flat: (k, 2) steps, and the share of a whole stretch; by these the training ends.
    """

    of: Response
    steps: list[int]
    speed_ratio: list[float]
    escape_rate: list[float]
    flat: list[tuple[int, float]]

    @property
    def annealed_steps(self) -> int | None:
        """Steps after which the target is as slow as it is to be; None if it always was."""
        if not self.steps or self.speed_ratio[0] == self.speed_ratio[-1]:
            return None
        return self.steps[self.speed_ratio.index(self.speed_ratio[-1])]


def curve_of(response: Response) -> Curve:
    """What metrics.csv has of the escape; the steps before are the imitation of the script."""
    with (response.folder / METRICS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    before = [int(row["step"]) for row in rows if row.get("clone/loss")]
    first = before[-1] if before else 0
    escape = [row for row in rows if int(row["step"]) > first]
    shown = [row for row in escape if row.get("train/success")]
    return Curve(
        response,
        [int(row["step"]) - first for row in shown],
        [float(row.get("escape/speed_ratio") or response.ratio) for row in shown],
        [1.0 - float(row["train/success"]) for row in shown],
        [(int(row["step"]) - first, float(row["escape/rate"])) for row in escape if row.get("escape/rate")],
    )


def curve_table(curves: Sequence[Curve]) -> list[list[Any]]:
    table: list[list[Any]] = [["tracker", "ratio", "seed", "steps", "speed_ratio", "escape_rate"]]
    for curve in curves:
        named = [curve.of.tracker.label, f"{curve.of.ratio:g}", curve.of.seed]
        for steps, ratio, rate in zip(curve.steps, curve.speed_ratio, curve.escape_rate, strict=True):
            table.append([*named, steps, f"{ratio:.4g}", f"{rate:.4g}"])
    return table
