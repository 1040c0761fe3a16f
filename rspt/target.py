"""Targets that are more than a script's name: learned ones, and recorded tracks."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from envs.batch import PrivilegedView
from envs.settings import unknown
from envs.targets.policy import POLICY_NAMES
from envs.targets.replay import ReplayPolicy
from envs.targets.tracks import ReplayTrack
from rspt.errors import UsageError
from rspt.target_state import target_states

if TYPE_CHECKING:
    from agents.networks import Actor

SCRIPTS = tuple(name for name in POLICY_NAMES if name not in ("external", "replay"))
"""Targets that need no more than a name."""
TRACK_SUFFIXES = (".txt", ".csv")
"""Of files with recorded tracks."""
TRACK_S = 8.0
"""Tracks of a file that last less, in seconds, are left out."""
LEARNED = {"learned": "target.safetensors", "learned-heldout": "target-v1.safetensors"}
"""Learned targets that come with the package, and their files. `learned` comes out of the duel of an earlier tracker;
the shipped one never met it. `learned-heldout` has learned to escape several others, and no training meets it."""


class LearnedTarget:
    """A target that has learnt to escape; it sees the truth and the tracker's action of the same step.

    Args:
        name: as it was loaded.
        actor: its network.

    Attributes:
        name: as it was loaded.
        sha256: of what it has learnt.
    """

    def __init__(self, name: str, actor: "Actor") -> None:
        from agents.learned import LearnedAgent  # loads torch
        from rspt.actors import digest

        self.name, self.sha256, self._agent = name, digest(actor), LearnedAgent(actor)

    def act(
        self,
        view: PrivilegedView,
        tracker_actions: NDArray[Any],
        visible_share: NDArray[Any],
        hidden_steps: NDArray[Any],
    ) -> NDArray[np.float64]:
        """Actions (B, 2) of the targets of B worlds.

        Args:
            view: the truth before the step.
            tracker_actions: (B, 2) that the trackers have chosen for the step.
            visible_share: (B,) of the targets.
            hidden_steps: (B,) since they were visible.
        """
        return self._agent.act(target_states(view, tracker_actions, visible_share, hidden_steps))


class RecordedTarget:
    """Somebody who was recorded: each episode replays one of the tracks of a file, turned and moved to fit.

    Args:
        path: of the file, see `envs.targets.tracks.ReplayTrack`.

    Attributes:
        name: the path.
        sha256: of the file.

    Raises:
        TrackError: if the file holds no track that lasts long enough.
    """

    def __init__(self, path: str | Path) -> None:
        self.name, self.sha256 = str(path), hashlib.sha256(Path(path).read_bytes()).hexdigest()
        self._tracks = ReplayTrack.all_from_file(path, least_s=TRACK_S)

    def policies(self, seeds: Sequence[int]) -> tuple[ReplayPolicy, ...]:
        """The track of each episode, by its seed."""
        return tuple(ReplayPolicy(track=self._tracks[seed % len(self._tracks)]) for seed in seeds)


def load_target(name_or_path: str | Path) -> LearnedTarget:
    """A learned target: one of LEARNED, which come with the package, or one of a run, checkpoint or file.

    Raises:
        UsageError: if there is none, or it cannot be used.
    """
    from rspt.actors import load_player  # loads torch

    return LearnedTarget(str(name_or_path), load_player(name_or_path, "target").actor)


def is_recorded(name: str) -> bool:
    """Whether a name is that of a file of recorded tracks."""
    return Path(name).suffix in TRACK_SUFFIXES and Path(name).is_file()


def named_target(name: str) -> "LearnedTarget | RecordedTarget | str":
    """The name of a script, or a learned or recorded target.

    Raises:
        UsageError: if there is no such target.
        TrackError: for a file of tracks that cannot be used.
    """
    if name in SCRIPTS:
        return name
    if is_recorded(name):
        return RecordedTarget(name)
    if name in LEARNED or Path(name).exists():
        return load_target(name)
    raise UsageError(
        f"unknown target policy {unknown(name, [*SCRIPTS, *LEARNED])}, or the path of a learned target or of recorded"
        f" tracks ({', '.join(TRACK_SUFFIXES)})"
    )
