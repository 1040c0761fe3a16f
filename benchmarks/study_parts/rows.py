"""The rows of the study: what is trained, for how long, and with which seeds."""

from typing import Literal, NamedTuple

TEACHER, CLONE, ESCAPE, DUEL = 250_000, 50_000, 100_000, 350_000
FULL = {"teacher": TEACHER, "clone": CLONE, "escape": ESCAPE, "duel": DUEL}
BUDGET = sum(FULL.values())
LONG = {"teacher": 1_000_000, "clone": 100_000, "escape": 300_000, "duel": 1_200_000}
"""Of the recipe `rspt` itself: the one row with more than the budget, as what trackers that ship have."""
BASE = "full"
SEEDS = (0, 1, 2)


class Variant(NamedTuple):
    """One row of the study.

    Attributes:
        config: the recipe.
        told: what it is, for the table.
        seeds: of its trainings.
        lengths: steps of its stages.
        taught: whether it begins with the tracker of the full system's teacher stage.
        hindsight: of the lessons of its stages. With the budget of the study `always` is worth some AR, which long
            trainings lose again (docs/experiments.md, "Hindsight in long trainings").
    """

    config: str
    told: str
    seeds: tuple[int, ...] = (0,)
    lengths: dict[str, int] = FULL
    taught: bool = False
    hindsight: Literal["never", "always"] = "always"


ROWS = {
    BASE: Variant("rspt", "the full system", SEEDS),
    "long": Variant("rspt", "the recipe `rspt` at its own length", SEEDS, LONG, hindsight="never"),
    "no_map": Variant("no_map", "no surroundings", SEEDS),
    "no_prediction": Variant("no_prediction", "no predicted path, no belief", SEEDS),
    "no_duel": Variant("no_duel", "PPO against scripts instead of the duel", SEEDS, {"duel": BUDGET - TEACHER}, True),
    "e2e_teacher": Variant("e2e_teacher", "pixels, recurrent, teacher and duel", SEEDS),
    "e2e_duel": Variant("e2e_duel", "pixels, recurrent, duel alone", SEEDS, {"clone": CLONE, "duel": BUDGET - CLONE}),
    "state_gru": Variant("state_gru", "a memory instead of the map"),
    "single_frame": Variant("single_frame", "map not fused over time"),
    "no_belief": Variant("no_belief", "no belief about an unseen target"),
    "kalman": Variant("kalman", "Kalman filter predicts"),
    "true_map": Variant("true_map", "true surroundings"),
    "true_future": Variant("true_future", "true path"),
    "no_hindsight": Variant("rspt", "the teacher guesses how the target goes on", hindsight="never"),
    "no_teacher": Variant(
        "no_teacher", "the duel from nothing", lengths={"clone": CLONE, "duel": BUDGET - CLONE}
    ),
    "zero_sum": Variant(
        "zero_sum", "plain zero-sum duel", lengths={"clone": CLONE, "duel": BUDGET - TEACHER - CLONE}, taught=True
    ),
}  # fmt: skip
"""By their names."""
