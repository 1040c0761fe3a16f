"""Those that a target learns to escape from: trained trackers, and the ones that are not learned."""

from typing import NamedTuple

from agents.agent import Agent, Share
from agents.baselines import BASELINES
from agents.learned import LearnedAgent
from rspt.actors import digest, load_player
from rspt.build import make_agent


class Escaped(NamedTuple):
    """A tracker that does not learn.

    Attributes:
        digest: SHA-256 of its weights, or its name if it has none.
        agent: it.
    """

    digest: str
    agent: Agent


def escaped(name: str, share: Share | None = None) -> Escaped:
    """A tracker by its name: one of BASELINES, `pretrained`, or a path.

    Args:
        name: of the tracker.
        share: runs a planner's work on parts of the worlds; one after another in this thread if None.

    Raises:
        UsageError: if there is no such tracker, or if it cannot be read.
    """
    if name in BASELINES:
        return Escaped(name, make_agent(name, share=share))
    actor = load_player(name, "tracker").actor
    return Escaped(digest(actor), LearnedAgent(actor))
