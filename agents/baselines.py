"""The trackers that are not learned, by their names."""

from collections.abc import Callable

from agents.agent import Agent, Reader
from agents.oracle import Oracle, Search
from agents.pid import Pid, Random
from agents.planner import Planner

_MAKERS: dict[str, Callable[[Reader, Search], Agent]] = {
    "random": lambda read, search: Random(),
    "pid": lambda read, search: Pid(read),
    "pid_kalman": lambda read, search: Pid(read, expects=True),
    "planner": Planner,
    "oracle": lambda read, search: Oracle(search),
}
BASELINES = tuple(_MAKERS)
"""Their names."""


def make_baseline(name: str, *, read: Reader, search: Search) -> Agent:
    """A tracker by its name, one of BASELINES.

    Args:
        name: of the tracker.
        read: reads observations.
        search: finds paths.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in _MAKERS:
        raise ValueError(f"the agent {name!r} is unknown; allowed: {', '.join(BASELINES)}")
    return _MAKERS[name](read, search)
