"""The trackers that are not learned, by their names."""

from collections.abc import Callable

from agents.agent import Agent, Reader, Share
from agents.oracle import Oracle, Search
from agents.pid import Pid, Random
from agents.planner import Planner

_MAKERS: dict[str, Callable[[Reader, Search, Share | None], Agent]] = {
    "random": lambda read, search, share: Random(),
    "pid": lambda read, search, share: Pid(read),
    "pid_kalman": lambda read, search, share: Pid(read, expects=True),
    "planner": lambda read, search, share: Planner(read, search),
    "oracle": lambda read, search, share: Oracle(search, share=share),
}
BASELINES = tuple(_MAKERS)
"""Their names."""


def make_baseline(name: str, *, read: Reader, search: Search, share: Share | None = None) -> Agent:
    """A tracker by its name, one of BASELINES.

    Args:
        name: of the tracker.
        read: reads observations.
        search: finds paths.
        share: runs the work on parts of the worlds; one after another in this thread if None.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in _MAKERS:
        raise ValueError(f"the agent {name!r} is unknown; allowed: {', '.join(BASELINES)}")
    return _MAKERS[name](read, search, share)
