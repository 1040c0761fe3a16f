"""Several evaluations of the same episodes as one."""

from collections.abc import Sequence
from typing import Any

from rspt.errors import UsageError
from rspt.evaluation.results import Line, Results, tracks_of
from rspt.evaluation.tape import Track


def joined(several: Sequence[Results]) -> Results:
    """One that holds the agents of all; those that have one label in several get the folder's name behind it.

    Raises:
        UsageError: if they are not of the same suite and layouts, or a track is missing.
    """
    first = several[0]
    if len(several) == 1:
        return first
    for other in several[1:]:
        _check_same(first, other)
    taken = [label for results in several for label in results.about["agents"]]
    agents: dict[str, Any] = {}
    lines: list[Line] = []
    tracks: list[Track] = []
    run = {**first.about["run"], "milliseconds_per_action": {}}
    for results in several:
        own_tracks = tracks_of(results)
        for label, contestant in results.about["agents"].items():
            name = _name(label, results, taken, agents)
            agents[name] = contestant
            took = results.about["run"].get("milliseconds_per_action", {})
            if label in took:
                run["milliseconds_per_action"][name] = took[label]
            for line, track in zip(results.lines, own_tracks, strict=True):
                if line["agent"] == label:
                    lines.append({**line, "agent": name})
                    tracks.append(track)
    about = {**first.about, "agents": agents, "run": run}
    return Results(first.path, about, lines, tracks)


def _check_same(one: Results, other: Results) -> None:
    for key in ("suite", "grounds", "targets"):
        if one.about[key] != other.about[key]:
            versions = [results.about["suite"]["version"] for results in (one, other)]
            raise UsageError(
                f"{other.path}: was evaluated on other episodes than {one.path} (another {key}: {versions[1]} and"
                f" {versions[0]}): only the same ones can be compared"
            )


def _name(label: str, results: Results, taken: Sequence[str], agents: dict[str, Any]) -> str:
    """The label, or one that says which folder it is from."""
    if taken.count(label) == 1:
        return label
    names = [f"{label} ({part})" for part in (results.path.name, str(results.path))]
    return next((name for name in names if name not in agents), names[-1])
