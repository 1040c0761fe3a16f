"""Trackers to use: the pretrained one, the scripted ones, or one of your own, by name or by path."""

import re
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
from rspt.guests import FRAME_ID, STATE_ID, guest_of, sb3_guest

PRETRAINED = "pretrained"
"""The trained tracker that comes with the package."""
_NEEDED = {STATE_ID: ("map", "vector"), FRAME_ID: ("depth", "target_mask", "pose", "velocity")}
_KEY_AXES = {STATE_ID: ("map", 3), FRAME_ID: ("depth", 2)}
"""An entry of the observations, and how many axes it has for one world."""


class LoadedAgent:
    """A tracker for one world or for many: begin with `reset`, then ask `act` for each step.

    Attributes:
        name: as it was loaded.
        privileged: whether it acts on the truth: `act` needs the environment's `privileged_view()` then.
        sha256: of what it has learnt; None for a scripted one.
        record: where that comes from: families, seed and more; empty for a scripted one, None if nobody says.
        env_id: of the environment whose observations it takes.
        predictor: that it was trained with, to be given to the environment's `predictor`: `learned`, or the file of the
            run that trained one for it.
    """

    def __init__(
        self,
        name: str,
        agent: Agent,
        sha256: str | None = None,
        record: Mapping[str, str] | None = MappingProxyType({}),
        predictor: str = "learned",
    ) -> None:
        self.name, self.privileged, self.sha256, self.record = name, agent.privileged, sha256, record
        self.env_id: str = getattr(agent, "env_id", STATE_ID)
        self.predictor = predictor
        self._agent = agent
        self._worlds = 0

    @property
    def ablation(self) -> str:
        """What the state that it was trained on lacks or knows, to be given to the environment's `ablation`."""
        return (self.record or {}).get("ablation", "none")

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
            observation: `map` (C, G, G) and `vector` (D,), or both with a leading axis; what the sensors deliver for
                one that says so by its `env_id`.
            view: the truth, for a privileged agent.

        Raises:
            ValueError: if the observation is no such one, or the view is missing.
        """
        key, axes = _KEY_AXES[self.env_id]
        missing = {*_NEEDED[self.env_id]} - set(observation)
        if missing:
            raise ValueError(f"{self.name} acts on the state of {self.env_id}; the observation lacks {min(missing)!r}")
        single = np.asarray(observation[key]).ndim == axes
        batch = {name: np.asarray(array)[None] if single else array for name, array in observation.items()}
        if self.privileged and view is None:
            raise ValueError(f"{self.name} acts on the truth: act(observation, env.unwrapped.privileged_view())")
        worlds = len(batch[key])
        if worlds != self._worlds:
            if self._worlds:
                raise ValueError(f"the observation holds {worlds} worlds, the one before held {self._worlds}")
            self._begin(worlds)
        actions = self._agent.act(batch, view).astype(np.float32)
        return actions[0] if single else actions

    def _begin(self, worlds: int) -> None:
        self._worlds = worlds
        self._agent.reset(np.ones(worlds, dtype=np.bool_))


def load_agent(name_or_path: str | Path, *, trust_pickle: bool = False) -> LoadedAgent:
    """A tracker.

    Args:
        name_or_path: `pretrained`; a scripted one by its name; a trained one by its run, checkpoint or file;
            `module:factory` for an object of one's own; or a .zip of stable-baselines3.
        trust_pickle: whether such a .zip may be loaded, which can run any code.

    Raises:
        UsageError: for an unknown name, or a file that cannot be used.
    """
    name = str(name_or_path)
    if name in BASELINES:
        return LoadedAgent(name, make_agent(name))
    exists = Path(name).exists()
    if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", name) and not exists:
        guest, record = guest_of(name)
        return LoadedAgent(name, guest, record=record)
    if name != PRETRAINED and not exists:
        if len(Path(name).parts) > 1 or Path(name).suffix in (".safetensors", ".zip"):
            raise UsageError(f"{name}: no such file or folder")
        known = unknown(name, [PRETRAINED, *BASELINES])
        raise UsageError(f"unknown agent {known}, the path of a trained one, or module:factory")
    if Path(name).suffix == ".zip" and name != PRETRAINED:
        guest, sha256 = sb3_guest(Path(name), trust_pickle=trust_pickle)
        return LoadedAgent(name, guest, sha256, None)
    from agents.learned import LearnedAgent  # loads torch
    from rspt.actors import digest, load_player, predictor_beside

    player = load_player(name, "tracker")
    own = None if name == PRETRAINED else predictor_beside(Path(name))
    predictor = "learned" if own is None else str(own)
    return LoadedAgent(name, LearnedAgent(player.actor), digest(player.actor), player.record, predictor)
