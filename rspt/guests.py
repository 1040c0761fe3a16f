"""Trackers that were not made here: a Python object of one's own, or a model of stable-baselines3."""

import hashlib
import importlib
import json
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.agent import Observation, View
from envs.actions import checked_actions, checked_choices
from envs.layouts import FAMILIES
from envs.settings import unknown
from rspt.errors import UsageError

STATE_ID, FRAME_ID = "RSPT/TrackState-v0", "RSPT/Track-v0"
"""Environments whose observations a guest can ask for: the structure-aware state, or what the sensors deliver."""
_ALGORITHMS = {
    "clip_range": "PPO", "target_entropy": "SAC", "target_policy_noise": "TD3", "exploration_fraction": "DQN",
    "gae_lambda": "A2C",
}  # fmt: skip
"""Algorithms of stable-baselines3 by an attribute that their files alone have; the first that is there counts."""


class Guest:
    """A tracker of somebody else's, checked at each step.

    Args:
        name: for messages.
        agent: has `reset(mask)` and `act(observation)`, or `act(observation, view)` if privileged.
        env_id: whose observations it takes.
        privileged: whether it acts on the truth.

    Attributes:
        privileged: likewise.
        env_id: likewise.
    """

    def __init__(self, name: str, agent: Any, env_id: str, *, privileged: bool) -> None:
        self._name, self._agent = name, agent
        self.env_id, self.privileged = env_id, privileged

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Begin new episodes in the worlds (B,) that are marked."""
        self._agent.reset(which)

    def act(self, observation: Observation, view: View | None = None) -> NDArray[np.float64]:
        """Actions (B, 2).

        Raises:
            ValueError: if what the guest answers is no action.
        """
        given = {name: np.array(array) for name, array in observation.items()}  # it may keep and change them
        answer = self._agent.act(given, view) if self.privileged else self._agent.act(given)
        worlds = len(next(iter(given.values())))
        array = np.asarray(answer)
        check = checked_choices if array.ndim == 1 and np.issubdtype(array.dtype, np.integer) else checked_actions
        return check(array, num_worlds=worlds, player=self._name)


def guest_of(name: str) -> tuple[Guest, dict[str, str] | None]:
    """The object that `module:factory` makes, and what it says of its training: None if it says nothing.

    The current folder is looked in, too. The object declares `env_id`, `privileged` (False if it does not say) and
    `train_families`.

    Raises:
        UsageError: if there is no such module or factory, or the object is no tracker.
    """
    module_name, _, factory_name = name.partition(":")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
        if not hasattr(module, factory_name):
            own = {key: value for key, value in vars(module).items() if getattr(value, "__module__", "") == module_name}
            names = [key for key, value in own.items() if callable(value)]
            raise UsageError(f"{name}: {module_name} has no {unknown(factory_name, names)}")
        factory: Callable[[], Any] = getattr(module, factory_name)
        agent = factory()
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"{name}: cannot be made ({type(error).__name__}: {error})") from error
    missing = [method for method in ("reset", "act") if not callable(getattr(agent, method, None))]
    if missing:
        raise UsageError(f"{name}: made a {type(agent).__name__}, which has no method {missing[0]!r}")
    env_id = getattr(agent, "env_id", None)
    if env_id not in (STATE_ID, FRAME_ID):
        raise UsageError(f"{name}: env_id = {env_id!r}: allowed are {STATE_ID!r} and {FRAME_ID!r}")
    return Guest(name, agent, env_id, privileged=bool(getattr(agent, "privileged", False))), _declared(name, agent)


def _declared(name: str, agent: Any) -> dict[str, str] | None:
    families = getattr(agent, "train_families", None)
    if families is None:
        return None
    families = (families,) if isinstance(families, str) else tuple(families)
    for family in families:
        if family not in FAMILIES:
            raise UsageError(f"{name}: train_families: unknown family {unknown(str(family), list(FAMILIES))}")
    return {"families": ",".join(families)}


class _Sb3:
    """A model of stable-baselines3; what a recurrent one remembers is not kept."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Nothing is remembered."""

    def act(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """The best actions."""
        actions: NDArray[Any] = self._model.predict(dict(observation), deterministic=True)[0]
        return actions


def sb3_guest(path: Path, *, trust_pickle: bool) -> tuple[Guest, str]:
    """A model of stable-baselines3 that was trained on `RSPT/TrackState-v0`, and the SHA-256 of its file.

    Raises:
        UsageError: unless the file may be trusted, or if it is no such model.
    """
    if not trust_pickle:
        raise UsageError(
            f"{path}: a model of stable-baselines3 holds pickles, which can run any code when they are loaded;"
            " if you trust who made it, say --trust-pickle; a page of results without films (--films 0) needs none"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            data = json.loads(archive.read("data"))
        algorithm = next(name for key, name in _ALGORITHMS.items() if key in data)
    except (OSError, ValueError, KeyError, StopIteration, zipfile.BadZipFile) as error:
        raise UsageError(f"{path}: is no model of stable-baselines3 ({error!r})") from None
    import stable_baselines3

    from rspt.perceiver import state_space

    try:
        model = getattr(stable_baselines3, algorithm).load(path, device="cpu")
    except Exception as error:
        raise UsageError(f"{path}: cannot be loaded as {algorithm} ({type(error).__name__}: {error})") from error
    if model.observation_space != state_space():
        raise UsageError(
            f"{path}: sees {model.observation_space}, and not the state of {STATE_ID}, {state_space()}; for other"
            " observations write an object of your own (module:factory)"
        )
    return Guest(str(path), _Sb3(model), STATE_ID, privileged=False), hashlib.sha256(path.read_bytes()).hexdigest()
