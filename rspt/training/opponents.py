"""Who moves the targets of a duel: scripts, the learning target, and snapshots of what it was."""

import copy
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from agents.networks import Actor
from rspt.training.duel_settings import DuelSettings

Opponent = Literal["scripted", "learner", "pool"]


def opponents_of(settings: DuelSettings, worlds: int) -> list[Opponent]:
    """Who moves the target of each world; the kinds are spread evenly over the worlds."""
    scripted, pool = settings.scripted_share, settings.pool_share
    dealt: dict[Opponent, float] = {"scripted": 0.0, "pool": 0.0, "learner": 0.0}
    shares: dict[Opponent, float] = {"scripted": scripted, "pool": pool, "learner": max(1.0 - scripted - pool, 0.0)}
    opponents: list[Opponent] = []
    for number in range(worlds):
        # whoever lags most behind its share is next
        owed = {kind: share * (number + 1) - dealt[kind] for kind, share in shares.items()}
        kind = max(owed, key=lambda name: owed[name])
        dealt[kind] += 1.0
        opponents.append(kind)
    return opponents


class Pool:
    """Past snapshots of the learning target; each world of the pool plays against one of them for an episode.

    Args:
        worlds: n, that the pool plays in.
        size: snapshots that are kept.
        seed: of what is drawn.
    """

    def __init__(self, worlds: int, size: int, *, seed: int) -> None:
        self._size = size
        self._snapshots: list[Actor] = []
        self._of_world = np.zeros(worlds, dtype=np.int64)
        self._rng = np.random.default_rng([seed, 2])
        self._random = torch.Generator().manual_seed(seed + 2)

    def __len__(self) -> int:
        return len(self._snapshots)

    def keep(self, actor: Actor) -> None:
        """A copy of the learning target joins the pool; the oldest but the first leaves it when it is full."""
        self._snapshots.append(copy.deepcopy(actor).cpu().eval())
        if len(self._snapshots) > self._size:
            gone = min(1, len(self._snapshots) - 2)
            del self._snapshots[gone]
            self._of_world = np.where(self._of_world > gone, self._of_world - 1, self._of_world)
        self._of_world = np.minimum(self._of_world, len(self._snapshots) - 1)

    def deal(self, which: NDArray[np.bool_] | None = None) -> None:
        """Give the worlds (n,) that are marked another snapshot, or all."""
        chosen = np.ones(len(self._of_world), dtype=np.bool_) if which is None else which
        self._of_world[chosen] = self._rng.integers(len(self._snapshots), size=int(chosen.sum()))

    @torch.no_grad()
    def actions(self, maps: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Actions (n, 2) for the states of its worlds, drawn with the spread that the snapshots had."""
        actions = np.zeros((len(maps), 2), dtype=np.float32)
        for number in np.unique(self._of_world).tolist():
            rows, actor = self._of_world == number, self._snapshots[number]
            mean = actor(torch.from_numpy(maps[rows]), torch.from_numpy(vectors[rows]))
            noise = torch.randn(mean.shape, generator=self._random)
            actions[rows] = torch.clamp(mean + noise * actor.log_spread.exp(), -1.0, 1.0).numpy()
        return actions

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "snapshots": [dict(actor.state_dict()) for actor in self._snapshots],
            "rng": self._rng.bit_generator.state,
            "random": self._random.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what `state` gave; `deal` is to follow."""
        template = self._snapshots[0]
        self._snapshots = [copy.deepcopy(template) for _ in state["snapshots"]]
        for actor, weights in zip(self._snapshots, state["snapshots"], strict=True):
            actor.load_state_dict(weights)
        self._rng.bit_generator.state = state["rng"]
        self._random.set_state(state["random"])
