"""The folder of an evaluation: what it is of, and one line for each episode, written as it goes."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from rspt.errors import UsageError
from rspt.evaluation.plan import Piece, Plan
from rspt.evaluation.tape import Track, load_tracks, save_tracks
from rspt.training.folder_lock import FolderLock
from rspt.training.run_record import run_record
from rspt.training.whole_files import replace_whole

ABOUT, EPISODES, SUMMARY, TABLES, ROWS = "evaluation.json", "episodes.jsonl", "summary.json", "tables.md", "summary.csv"
TRACKS, LOCK = "tracks", ".lock"
FORMAT, VERSION = "rspt-evaluation", 1
Line = dict[str, Any]
"""One episode; the keys are those of `line_of`."""


class Contestant(NamedTuple):
    """What is known about a tracker that is evaluated.

    Attributes:
        source: what it was loaded from.
        sha256: of what it has learnt; None if that is not known, or nothing.
        privileged: whether it acts on the truth.
        record: what it says of its training; None if it says nothing.
        predictor_sha256: of the file of the predictor that makes its state.
    """

    source: str
    sha256: str | None
    privileged: bool
    record: dict[str, str] | None
    predictor_sha256: str


class Results(NamedTuple):
    """What a folder holds.

    Attributes:
        path: the folder.
        about: see `about_of`.
        lines: the episodes.
        tracks: of the episodes, if they were read already.
    """

    path: Path
    about: dict[str, Any]
    lines: list[Line]
    tracks: list[Track] | None = None


def about_of(
    plan: Plan, contestants: Mapping[str, Contestant], targets: Mapping[str, str], skipped: Sequence[str] = ()
) -> dict[str, Any]:
    """What an evaluation is of, for evaluation.json.

    Args:
        plan: what is played.
        contestants: the trackers by their labels.
        targets: SHA-256 of the learned targets by their names.
        skipped: maps that cannot be played, each with its reason.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "suite": plan.suite.model_dump(mode="json", exclude_none=True),
        "episodes": plan.episodes,
        "grounds": [ground._asdict() for ground in plan.grounds],
        "skipped": list(skipped),
        "targets": dict(targets),
        "agents": {label: contestant._asdict() for label, contestant in contestants.items()},
    }


def read_results(path: Path) -> Results:
    """What a folder holds; a last line that was not written to its end is left out.

    Raises:
        UsageError: if it holds no evaluation, or one of a newer version, or a file is damaged.
    """
    about = _read_about(path)
    lines, _ = _read_lines(path / EPISODES)
    return Results(path, about, lines)


def tracks_of(results: Results) -> list[Track]:
    """The tracks of all episodes, in the order of the lines.

    Raises:
        UsageError: if the folder lacks some.
    """
    if results.tracks is not None:
        return results.tracks
    found: dict[tuple[str, str, str, int], Track] = {}
    for path in sorted((results.path / TRACKS).glob("*.npz")):
        agent, ground, condition, _ = path.stem.split("--")
        found |= {(agent, ground, condition, seed): track for seed, track in load_tracks(path).items()}
    tracks = []
    for line in results.lines:
        track = found.get((line["agent"], line["ground"], line["condition"], line["seed"]))
        if track is None:
            raise UsageError(
                f"{results.path / TRACKS}: the track of {line['agent']} in {line['ground']}, {line['condition']}, seed"
                f" {line['seed']} is missing"
            )
        tracks.append(track)
    return tracks


class ResultsFolder:
    """The folder of an evaluation that is under way.

    Args:
        path: the folder.
        plan: what is played.
        about: what it is of.
        resume: whether to go on with what the folder holds.

    Attributes:
        path: the folder.
        done: the names of the pieces that are played.
        told: what was noticed about what the folder held.

    Raises:
        UsageError: if the folder holds something else, or nothing to resume, or another process is at work in it.
    """

    def __init__(self, path: Path, plan: Plan, about: dict[str, Any], *, resume: bool) -> None:
        self.path, self.done, self.told = path, set[str](), list[str]()
        self._plan = plan
        holds = (path / ABOUT).exists() or (path / EPISODES).exists()
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path}: is a file, a folder is needed")
        if holds and not resume:
            _check_same(path, _read_about(path), about)
            raise UsageError(f"{path}: holds this evaluation already, or a part; --resume goes on with it")
        if resume and not holds:
            raise UsageError(f"{path}: holds no evaluation to resume; without --resume a new one begins")
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(path / LOCK)
        except OSError as error:
            raise UsageError(f"{path}: cannot be written ({error.strerror or error}); choose another folder") from None
        try:
            if holds:
                about = _joined(path, _read_about(path), about)
                self._drop_unfinished()
            self._about = {**about, "run": run_record(path / ABOUT, resumed=False)}
            self._write_about()
            self._file = (path / EPISODES).open("ab")
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> "ResultsFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        finally:
            self._lock.release()

    def keep(self, piece: Piece, lines: Sequence[Line], tracks: Mapping[int, Track]) -> None:
        """Keep the episodes of a piece: all or none of them.

        Raises:
            OSError: if the disk does not take them.
        """
        save_tracks(self.path / TRACKS / f"{piece.name}.npz", dict(tracks))
        size = self._file.tell()
        try:
            self._file.write("".join(json.dumps(line, allow_nan=False) + "\n" for line in lines).encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError:
            os.truncate(self.path / EPISODES, size)
            raise
        self.done.add(piece.name)

    def tell(self, **what: Any) -> None:
        """Keep something about how it was made."""
        self._about["run"] |= what
        self._write_about()

    def _write_about(self) -> None:
        replace_whole(self.path / ABOUT, (json.dumps(self._about, indent=1) + "\n").encode())

    def _drop_unfinished(self) -> None:
        """Find out what is played, and take out the lines of a piece that was not kept to its end."""
        path = self.path / EPISODES
        lines, whole = _read_lines(path)
        found: dict[tuple[Any, ...], set[int]] = {}
        for line in lines:
            found.setdefault(_place(line), set()).add(line["seed"])
        wanted = {}
        for piece in self._plan.pieces():
            key = (piece.entry.label, piece.ground.label, piece.condition_name)
            seeds = set(piece.seeds)
            here = found.get(key, set()) & seeds
            if here == seeds:
                self.done.add(piece.name)
            elif here:
                wanted[key] = seeds
        kept = [line for line in lines if line["seed"] not in wanted.get(_place(line), ())]
        if len(kept) < len(lines) or not whole:
            again = len(lines) - len(kept)
            self.told.append(f"{path}: {again} episodes of a piece that was cut short are played again")
            replace_whole(path, "".join(json.dumps(line) + "\n" for line in kept).encode())


def _place(line: Line) -> tuple[Any, ...]:
    return (line["agent"], line["ground"], line["condition"])


def _read_about(path: Path) -> dict[str, Any]:
    file = path / ABOUT
    try:
        about = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"{path}: holds no evaluation (there is no {ABOUT} in it)") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: cannot be read ({error})") from None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise UsageError(f"{file}: is no evaluation of rspt")
    if about.get("version") != VERSION:
        raise UsageError(f"{file}: has the version {about.get('version')!r}, this rspt reads {VERSION}")
    return about


def _read_lines(path: Path) -> tuple[list[Line], bool]:
    """The lines, and whether the last one is whole."""
    if not path.exists():
        return [], True
    content = path.read_bytes()
    *whole, rest = content.split(b"\n")
    lines = []
    for number, text in enumerate(whole, start=1):
        try:
            line = json.loads(text)
            lines.append({**line, "agent": line["agent"], "ground": line["ground"], "seed": int(line["seed"])})
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path}: line {number} is no episode ({error!r}); remove it, and --resume plays it again"
            ) from None
    return lines, not rest


def _joined(path: Path, before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What the folder is of, with agents that are new in it."""
    _check_same(path, before, now)
    return {**now, "agents": {**before["agents"], **now["agents"]}}


def _check_same(path: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse what is of other episodes, or of other agents of the same names."""
    for key in ("suite", "episodes", "grounds", "targets"):
        if before.get(key) != now[key]:
            raise UsageError(
                f"{path}: holds an evaluation with another {key}: {_short(before.get(key))}, now {_short(now[key])};"
                " resume it with that, or choose another folder"
            )
    for label, contestant in now["agents"].items():
        known = before["agents"].get(label)
        for key, what in (("sha256", repr(label)), ("predictor_sha256", f"predictor for {label!r}")):
            if known is not None and known.get(key) != contestant[key]:
                raise UsageError(
                    f"{path}: holds episodes of another {what} (SHA-256 {known.get(key)}, now {contestant[key]});"
                    " give the new one a label of its own, label=path, or choose another folder"
                )


def _short(value: object) -> str:
    if isinstance(value, dict) and "version" in value:
        return str(value["version"])
    text = json.dumps(value)
    return text if len(text) < 80 else text[:77] + "..."
