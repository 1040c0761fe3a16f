"""Active object tracking: reconstruct the surroundings, predict the target's trajectory, train in a duel.

Importing this package registers its Gymnasium id and those of `envs`; it loads neither torch nor PyBullet.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rspt.agent import LoadedAgent

__version__ = "0.1.0"

for _name in ("envs", "agents"):
    _spec, _expected = find_spec(_name), Path(__file__).resolve().parents[1] / _name
    _found = Path(_spec.origin).resolve().parent if _spec and _spec.origin else None
    if _found != _expected:
        raise ImportError(
            f"rspt needs its own package {_name!r} from {_expected}, but Python finds {_found or 'none'}:"
            f" rename or uninstall the other {_name!r}, or start Python from another folder"
        )

import gymnasium as _gymnasium  # noqa: E402

import envs as _envs  # noqa: E402, F401  the import registers the ids

if "RSPT/TrackState-v0" not in _gymnasium.registry:
    _gymnasium.register(
        id="RSPT/TrackState-v0",
        entry_point="rspt.track_state:TrackStateEnv",
        vector_entry_point="rspt.track_state_vector:TrackStateVectorEnv",
    )


def load_agent(name_or_path: "str | Path", *, trust_pickle: bool = False) -> "LoadedAgent":
    """A tracker to use, by name or by path; see `rspt.agent.load_agent`."""
    from rspt.agent import load_agent as load  # loads Numba, and torch for a trained one

    return load(name_or_path, trust_pickle=trust_pickle)
