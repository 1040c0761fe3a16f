"""The policies of scripted movers by name."""

import difflib
import reprlib
from collections.abc import Mapping
from typing import Any

from envs.targets.evade import EvadePolicy
from envs.targets.goal import GoalPolicy
from envs.targets.replay import ReplayPolicy, ReplaySettings
from envs.targets.tracks import ReplayTrack
from envs.targets.wander import WanderPolicy

Policy = GoalPolicy | WanderPolicy | EvadePolicy | ReplayPolicy
EXTERNAL = "external"
_BY_NAME: dict[str, type[GoalPolicy] | type[WanderPolicy] | type[EvadePolicy]] = {
    "goal": GoalPolicy,
    "wander": WanderPolicy,
    "evade": EvadePolicy,
}
POLICY_NAMES = (*_BY_NAME, "replay", EXTERNAL)
"""What `policy_of` knows."""


def policy_of(choice: "str | Mapping[str, Any] | Policy | ReplaySettings | ReplayTrack") -> Policy | None:
    """The policy that a name, a mapping with the key `name` and settings, a settings object or a track stands for.

    Returns:
        The policy; None for `external`, whose mover somebody else acts for.

    Raises:
        ValueError: if the name is unknown, a setting is wrong, or `replay` has no track.
        TrackError: if the file of a replayed track is wrong.
    """
    if isinstance(choice, ReplaySettings):
        return choice.load()
    if isinstance(choice, ReplayTrack):
        return ReplayPolicy(track=choice)
    if isinstance(choice, Policy):
        return choice
    if not isinstance(choice, (str, Mapping)):
        raise ValueError(
            f"a policy is a name, a mapping, a settings object or a ReplayTrack, got {reprlib.repr(choice)}"
        )
    settings = {"name": choice} if isinstance(choice, str) else dict(choice)
    name = settings.get("name")
    if name not in POLICY_NAMES:
        close = difflib.get_close_matches(str(name), POLICY_NAMES, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"unknown policy {name!r}; {hint}allowed are {', '.join(POLICY_NAMES)}")
    if name == EXTERNAL:
        if len(settings) > 1:
            raise ValueError(f"the policy 'external' has no settings, got {sorted(set(settings) - {'name'})}")
        return None
    if name == "replay":
        if "file" not in settings:
            raise ValueError(
                "the policy 'replay' needs a track: {'name': 'replay', 'file': ...}, or hand in a ReplayTrack"
            )
        return ReplaySettings.model_validate(settings).load()
    return _BY_NAME[name].model_validate(settings)
