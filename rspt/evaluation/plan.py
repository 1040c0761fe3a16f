"""What an evaluation plays: pieces of work, the same whoever does them and in whatever order."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

from envs.errors import LayoutError
from envs.layouts import FAMILIES
from envs.layouts.files import SUFFIXES, is_layout_path, load_layout
from envs.settings import unknown
from rspt.errors import UsageError
from rspt.evaluation.suite import EPISODES_MAX, Condition, Suite, load_suite
from rspt.perception.pipeline import LocalizerName
from rspt.target import named_target

LOCALIZERS: tuple[str, ...] = get_args(LocalizerName)
PIECE = 50
"""Episodes that are played together. The number is fixed, and each piece begins with a tracker that is loaded anew:
whatever a tracker keeps from one episode to the next, the results do not hang on who plays what."""


class Ground(NamedTuple):
    """Where episodes take place.

    Attributes:
        label: the family's name, or one of the map.
        source: the family's name, or the path of the map.
        hash: of the map; None for a family, whose episodes have a layout each.
        building: that the map is of, where somebody says so: maps of one building are not independent.
        kind: how the map came about, likewise; kinds are summed up apart.
    """

    label: str
    source: str
    hash: str | None = None
    building: str | None = None
    kind: str | None = None


class Entry(NamedTuple):
    """A tracker that is evaluated.

    Attributes:
        label: for tables and file names.
        source: what `rspt.load_agent` takes.
    """

    label: str
    source: str


class Piece(NamedTuple):
    """Some episodes of one tracker on one ground under one condition."""

    entry: Entry
    ground: Ground
    condition_name: str
    condition: Condition
    seeds: range
    trust_pickle: bool = False

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.entry.label}--{self.ground.label}--{self.condition_name}--{self.seeds.start}"


class Plan(NamedTuple):
    """All that is to be played.

    Attributes:
        suite: whose episodes they are.
        entries: the trackers.
        grounds: the layouts.
        episodes: of each tracker on each ground under each condition.
        trust_pickle: whether models may be loaded that can run code.
    """

    suite: Suite
    entries: tuple[Entry, ...]
    grounds: tuple[Ground, ...]
    episodes: int
    trust_pickle: bool = False

    def pieces(self) -> Iterator[Piece]:
        """In the order in which their results are kept: all trackers on one ground after another."""
        seeds = self.suite.seeds(self.episodes)
        for name, condition in self.suite.conditions.items():
            for ground in self.grounds:
                for entry in self.entries:
                    for first in range(0, self.episodes, PIECE):
                        yield Piece(entry, ground, name, condition, seeds[first : first + PIECE], self.trust_pickle)


def plan_of(
    suite_name: str = "unseen",
    agents: Sequence[str] = ("pretrained",),
    *,
    episodes: int = 100,
    layouts: Sequence[str] | None = None,
    buildings: Path | None = None,
    targets: Sequence[str] | None = None,
    localizer: str | None = None,
    trust_pickle: bool = False,
) -> tuple[Plan, list[str]]:
    """What is to be played, and why some maps of a folder are not.

    Args:
        suite_name: a suite's name or file.
        agents: names, paths or `module:factory`, each also `label=name`.
        episodes: on each layout under each condition.
        layouts: families, maps or folders of maps instead of the suite's.
        buildings: a CSV file that says which building each map is of.
        targets: instead of the suite's.
        localizer: instead of the suite's.
        trust_pickle: whether models may be loaded that can run code.

    Raises:
        UsageError: for arguments that do not fit.
        LayoutError: for layouts that cannot be played.
    """
    suite = load_suite(suite_name)
    if not 1 <= episodes <= EPISODES_MAX:
        raise UsageError(f"--episodes {episodes}: a suite has from 1 to {EPISODES_MAX} of each layout")
    names = layouts or suite.layouts
    if not names:
        raise UsageError(f"--suite {suite_name}: names no layouts; say --layouts MAP.yaml or a folder of maps")
    grounds, skipped = grounds_of(names)
    if buildings is not None:
        grounds = with_buildings(grounds, buildings)
    suite = _changed(suite, targets, localizer, grounds)
    suite.check_densities([ground.source for ground in grounds])
    return Plan(suite, entries_of(agents), tuple(grounds), episodes, trust_pickle), skipped


def _changed(suite: Suite, targets: Sequence[str] | None, localizer: str | None, grounds: Sequence[Ground]) -> Suite:
    """The suite with what the command line changes; its version says so."""
    conditions, changes = dict(suite.conditions), []
    if targets:
        for target in targets:
            named_target(target)  # raises, naming the nearest one
        first = next(iter(conditions.values()))
        conditions = {
            _condition_name(target): Condition.model_validate({**first.model_dump(), "target": target})
            for target in targets
        }
        changes.append("targets")
    if localizer:
        if localizer not in LOCALIZERS:
            raise UsageError(f"--localizer {localizer}: allowed are {', '.join(LOCALIZERS)}")
        conditions = {
            name: condition.model_copy(update={"localizer": localizer}) for name, condition in conditions.items()
        }
        changes.append(localizer)
    if suite.layouts and [ground.source for ground in grounds] != list(suite.layouts):
        changes.append("layouts")
        labels = [ground.label for ground in grounds]
        title = f"Layouts {', '.join(labels)}" if len(labels) < 4 else f"{len(labels)} layouts"
        suite = suite.model_copy(update={"title": title})
    version = ".".join([suite.version, *changes])
    return suite.model_copy(update={"version": version, "conditions": conditions})


def _condition_name(target: str) -> str:
    return entries_of([target])[0].label


def entries_of(names: Sequence[str]) -> tuple[Entry, ...]:
    """Trackers by their names, `label=name` for a label of one's own.

    Raises:
        UsageError: if two have one label.
    """
    entries: list[Entry] = []
    for name in names:
        label, equals, source = name.partition("=")
        entry = Entry(_plain(label), source) if equals and _plain(label) else Entry(_label_of(name), name)
        if entry.label in [other.label for other in entries]:
            raise UsageError(
                f"--agents {name}: there is another agent {entry.label!r}; a label tells them apart: label={name}"
            )
        entries.append(entry)
    return tuple(entries)


def _label_of(source: str) -> str:
    """The name; of a path what tells most: `runs/x/tracker.safetensors` and `runs/x` are x."""
    path = Path(source)
    parts = [part for part in path.parts if part not in ("/", ".", "..")]
    if path.exists() and path.stem in ("tracker", "target") and len(parts) > 1:
        return _plain(parts[-2])
    return _plain(path.stem if path.is_file() else (parts or [source])[-1])


def _plain(text: str) -> str:
    """What stands in names of files, in which two dashes part what they are made of."""
    return re.sub(r"-{2,}", "-", re.sub(r"[^\w.-]+", "_", text))[:40].strip("_-")


def grounds_of(names: Sequence[str]) -> tuple[list[Ground], list[str]]:
    """Grounds by families, map files and folders of maps.

    Returns:
        The grounds, and for each map of a folder of maps that cannot be played a line that says why.

    Raises:
        LayoutError: for an unknown name, a map that cannot be played and was named by itself, or no map at all.
    """
    grounds: list[Ground] = []
    skipped: list[str] = []
    for name in names:
        if name in FAMILIES:
            grounds.append(Ground(name, name))
            continue
        if not is_layout_path(name):
            known = unknown(name, list(FAMILIES))
            raise LayoutError(f"unknown layout family {known}, or a map file, or a folder of maps")
        several = _maps_in(Path(name))
        for path in several or [Path(name)]:
            try:
                layout = load_layout(path)
            except LayoutError as error:
                if not several:
                    raise
                skipped.append(str(error))
                continue
            label = _plain(path.parent.name if path.stem == "map" else (path.stem if path.is_file() else path.name))
            grounds.append(Ground(_unused(label, grounds), str(path), layout.hash))
        if several and not any(Path(ground.source) in several for ground in grounds):
            raise LayoutError(f"{name}: none of its {len(several)} maps can be played; {skipped[-1]}")
    if not grounds:
        raise LayoutError("no layout is named; --layouts takes families, map files and folders of maps")
    twice = [ground.label for ground in grounds if [other.source for other in grounds].count(ground.source) > 1]
    if twice:
        raise LayoutError(f"--layouts: {twice[0]} is named twice")
    return grounds, skipped


def with_buildings(grounds: Sequence[Ground], path: Path) -> list[Ground]:
    """The grounds with what a CSV file says of them: the columns `map` (the label), `building`, and `kind` perhaps.

    Raises:
        UsageError: if the file cannot be read, lacks a column, or says nothing of a map.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"--buildings {path}: cannot be read ({error})") from None
    for column in ("map", "building"):
        if not rows or not all(row.get(column) for row in rows):
            raise UsageError(f"--buildings {path}: the column {column!r} is needed in every row (map, building, kind)")
    told = {row["map"]: row for row in rows}
    for ground in grounds:
        if ground.hash is not None and ground.label not in told:
            raise UsageError(f"--buildings {path}: says nothing of the map {unknown(ground.label, list(told))}")
    return [
        ground
        if ground.hash is None
        else ground._replace(building=told[ground.label]["building"], kind=told[ground.label].get("kind") or None)
        for ground in grounds
    ]


def _maps_in(folder: Path) -> list[Path]:
    """The maps of a folder of maps; none if it is a map itself."""
    if not folder.is_dir() or any((folder / name).exists() for name in ("map.yaml", "map.yml")):
        return []
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    files = [path for path in inside if path.is_file() and path.suffix.lower() in SUFFIXES and path.suffix != ".txt"]
    return [path for path in inside if path.is_dir() and _is_map(path)] + files


def _is_map(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("map.yaml", "map.yml"))


def _unused(label: str, grounds: Sequence[Ground]) -> str:
    taken = [ground.label for ground in grounds]
    names = [label, *(f"{label}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)
