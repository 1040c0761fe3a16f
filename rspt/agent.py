"""Trackers to use: the pretrained one, the scripted ones, or one of your own, by name or by path."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agents.agent import Agent, View
from agents.baselines import BASELINES
from envs.settings import unknown
from rspt.build import make_agent
from rspt.errors import UsageError

PRETRAINED = "pretrained"
"""The trained tracker that comes with the package."""


class LoadedAgent:
    """A tracker for one world or for many: begin with `reset`, then ask `act` for each step.

    Attributes:
        name: as it was loaded.
        privileged: whether it acts on the truth: `act` needs the environment's `privileged_view()` then.
        sha256: of what it has learnt; None for a scripted one.
        record: where that comes from: families, seed and more; empty for a scripted one.
    """

    def __init__(
        self, name: str, agent: Agent, sha256: str | None = None, record: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.name, self.privileged, self.sha256, self.record, self._agent = (
            name,
            agent.privileged,
            sha256,
            record,
            agent,
        )
        self._worlds = 0

    @property
    def ablation(self) -> str:
        """What the state that it was trained on lacks or knows, to be given to the environment's `ablation`."""
        return self.record.get("ablation", "none")

    def reset(self, which: ArrayLike | None = None) -> None:
        """Begin new episodes: in all worlds, or in those (B,) that are marked."""
        if which is None:
            self._worlds = 0
            return
        marked = np.asarray(which, dtype=np.bool_)
        if marked.ndim != 1 or (self._worlds and len(marked) != self._worlds):
            raise ValueError(f"which must be ({self._worlds or 'B'},) booleans, not shape {marked.shape}")
        if not self._worlds:
            self._begin(len(marked))
        self._agent.reset(marked)

    def act(self, observation: Mapping[str, NDArray[Any]], view: View | None = None) -> NDArray[np.float32]:
        """Actions for an observation of `RSPT/TrackState-v0`: (2,), or (B, 2) for one with a leading axis B.

        Args:
            observation: `map` (C, G, G) and `vector` (D,), or both with a leading axis.
            view: the truth, for a privileged agent.

        Raises:
            ValueError: if the observation is no such one, or the view is missing.
        """
        missing = {"map", "vector"} - set(observation)
        if missing:
            raise ValueError(
                f"{self.name} acts on the state of RSPT/TrackState-v0; the observation lacks {min(missing)!r}"
            )
        single = np.asarray(observation["map"]).ndim == 3
        batch = {
            name: np.asarray(observation[name])[None] if single else observation[name] for name in ("map", "vector")
        }
        if self.privileged and view is None:
            raise ValueError(f"{self.name} acts on the truth: act(observation, env.unwrapped.privileged_view())")
        if len(batch["map"]) != self._worlds:
            if self._worlds:
                raise ValueError(
                    f"the observation holds {len(batch['map'])} worlds, the one before held {self._worlds}"
                )
            self._begin(len(batch["map"]))
        actions = self._agent.act(batch, view).astype(np.float32)
        return actions[0] if single else actions

    def _begin(self, worlds: int) -> None:
        self._worlds = worlds
        self._agent.reset(np.ones(worlds, dtype=np.bool_))


def load_agent(name_or_path: str | Path) -> LoadedAgent:
    """A tracker: `pretrained`, a scripted one by its name, or a trained one by its run, checkpoint or file.

    Raises:
        UsageError: for an unknown name, or a file that cannot be used.
    """
    name = str(name_or_path)
    if name in BASELINES:
        return LoadedAgent(name, make_agent(name))
    if name != PRETRAINED and not Path(name).exists():
        raise UsageError(f"unknown agent {unknown(name, [PRETRAINED, *BASELINES])}, or the path of a trained one")
    from agents.learned import LearnedAgent  # loads torch
    from rspt.actors import digest, load_player

    player = load_player(name, "tracker")
    return LoadedAgent(name, LearnedAgent(player.actor), digest(player.actor), player.record)
