"""What a training consists of: stages that play worlds and learn, one after the other."""

from typing import Any, NamedTuple, Protocol

from agents.networks import Actor
from rspt.training.agent_weights import Role

Actors = dict[Role, Actor]
"""Who has been trained so far."""


class Round(NamedTuple):
    """What one round of playing and learning gave.

    Attributes:
        metrics: by name, such as `teacher/regret`.
        episodes: return, length and success of each that ended.
    """

    metrics: dict[str, float]
    episodes: list[tuple[float, int, bool]]


class Stage(Protocol):
    """A stage of a training; its rounds go on where `restore` has put it, after `begin`.

    Attributes:
        driven: steps of the worlds so far.
        total_steps: after so many it has come to its end; a stage that sees that it is there lowers it.
    """

    driven: int
    total_steps: int

    def begin(self) -> None:
        """Begin new episodes in all worlds, which only the settings and `driven` determine."""

    def round(self) -> Round:
        """Play for a while, then learn."""

    def actors(self) -> Actors:
        """Who learns here, as far as they have come."""

    def state(self) -> dict[str, Any]:
        """What `restore` needs: tensors and numbers, texts, None, dicts and lists of them."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what `state` gave; `begin` is to follow."""

    def close(self) -> None:
        """Free the worlds."""
