"""Checkpoints of a training: they appear only when they are whole, and nothing is taken from one that is not.

A checkpoint is a folder `checkpoint-000123456`, named by the environment steps, with the weights of each agent as
safetensors, the rest of the training in trainer.pt, the settings in config.json, and what is in it in manifest.json.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rspt.training import agent_weights
from rspt.training.agent_weights import AgentWeights, CheckpointError, read_agent, read_bytes
from rspt.training.checkpoint_files import (
    FOLDER,
    MANIFEST,
    SET_ASIDE,
    Checkpoint,
    Manifest,
    agent_in,
    aside_of,
    check_sizes,
    contents_of,
    manifest_of,
    read_checkpoint,
    read_manifest,
)
from rspt.training.whole_files import sync_folder, write_whole

_UNFINISHED = ".unfinished-"


class Checkpoints:
    """The checkpoints of one run.

    Kept are the last ones, the one with the greatest score, and always the newest valid one. Those that cannot be read
    are left where they are: they may be of a newer version.

    Attributes:
        folder: where they lie.
        problems: what was wrong with those that the last `newest` or `best` had to skip, and what could not be removed.
    """

    def __init__(self, folder: Path, *, keep_last: int = 3) -> None:
        if keep_last < 1:
            raise ValueError(f"keep_last = {keep_last}: at least 1 must be kept")
        self.folder = folder
        self.problems: list[str] = []
        self._keep_last = keep_last

    def save(
        self,
        step: int,
        weights: Mapping[str, AgentWeights],
        trainer: dict[str, Any],
        config: dict[str, Any],
        *,
        exact: bool,
        score: float | None = None,
    ) -> Path:
        """Write a checkpoint, in place of one of the same step; then remove those that need not be kept.

        Args:
            step: environment steps until now.
            weights: of each agent, by the names that the files get.
            trainer: tensors and numbers, texts, None, dicts, lists and tuples of them.
            config: the settings of the training, as JSON has them.
            exact: whether a training that goes on from it is the one that was never interrupted.
            score: how good the tracker was in validation, if that was measured.

        Raises:
            CheckpointError: if something cannot be kept (a number that is not finite, a kind of object that trainer.pt
                does not take), or the disk does not take it; the checkpoints before are as they were.
        """
        path = self.folder / f"checkpoint-{step:09}"
        if not 0 <= step < 10**18:
            raise CheckpointError(f"{path}: the step is {step}, allowed are whole numbers from 0 to 10^18")
        files = contents_of(path, weights, trainer, config)
        files[MANIFEST] = manifest_of(path, step, files, exact=exact, score=score)
        unfinished = self.folder / f"{_UNFINISHED}{step:09}-{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._clean_up()
            unfinished.mkdir()
            for name, content in files.items():
                write_whole(unfinished / name, content)
            sync_folder(unfinished)
            self._put(unfinished, path)
        except OSError as error:
            raise CheckpointError(
                f"{path}: the checkpoint cannot be written ({error.strerror or error});"
                " the checkpoints before it are as they were"
            ) from None
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)  # there only if something went wrong
        self._prune(step)
        return path

    def newest(self) -> Checkpoint | None:
        """The valid checkpoint of the latest step; None if there is none."""
        self.problems = []
        return self._first_valid(sorted(self._folders().items(), reverse=True))

    def best(self) -> Checkpoint | None:
        """The valid checkpoint with the greatest score, the later of equals; None if none has a score."""
        self.problems = []
        scored = []
        for step, path in self._folders().items():
            try:
                score = read_manifest(path).score
            except CheckpointError as error:
                self.problems.append(str(error))
                continue
            if score is not None:
                scored.append((score, step, path))
        return self._first_valid([(step, path) for _, step, path in sorted(scored, reverse=True)])

    def _first_valid(self, folders: list[tuple[int, Path]]) -> Checkpoint | None:
        for _, path in folders:
            try:
                return read_checkpoint(path)
            except CheckpointError as error:
                self.problems.append(str(error))
        return None

    def _folders(self) -> dict[int, Path]:
        return dict(_steps_in(self.folder))

    def _put(self, unfinished: Path, path: Path) -> None:
        """Give the finished folder its name; a checkpoint of this name stays readable beside it until that is done."""
        aside = aside_of(path)
        if path.exists():
            path.rename(aside)
        try:
            unfinished.rename(path)
        except OSError:
            if aside.exists():
                aside.rename(path)
            raise
        sync_folder(self.folder)
        sync_folder(self.folder.parent)
        self._remove(aside)

    def _clean_up(self) -> None:
        """Finish what a crash has left: half a checkpoint goes, one that was set aside comes back if it was needed."""
        for path in list(self.folder.iterdir()):
            if path.name.startswith(_UNFINISHED):
                self._remove(path)
            elif path.name.startswith(SET_ASIDE):
                replaced_by = self.folder / path.name.removeprefix(SET_ASIDE)
                if replaced_by.exists():
                    self._remove(path)
                else:
                    path.rename(replaced_by)

    def _prune(self, saved: int) -> None:
        """Remove what need not be kept, going by the manifests and sizes: to read everything would take too long."""
        known: dict[int, Manifest] = {}
        folders = self._folders()
        for step, path in folders.items():
            with contextlib.suppress(CheckpointError):
                manifest = read_manifest(path)
                check_sizes(path, manifest.files)
                known[step] = manifest
        kept = {saved, *sorted(known)[-self._keep_last :]}
        scores = [(manifest.score, step) for step, manifest in known.items() if manifest.score is not None]
        if scores:
            kept.add(max(scores)[1])
        for step in set(known) - kept:
            # renamed first: half a checkpoint after a crash would be told as a damaged one
            doomed = self.folder / f"{_UNFINISHED}{step:09}-removed"
            try:
                folders[step].rename(doomed)
            except OSError as error:
                self.problems.append(f"{folders[step]}: cannot be removed ({error.strerror or error})")
                continue
            self._remove(doomed)

    def _remove(self, path: Path) -> None:
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            self.problems.append(f"{path}: cannot be removed ({error.strerror or error})")


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, after its sizes and digests have been compared with its manifest.

    Raises:
        CheckpointError: naming the file, what is wrong, and the checkpoint before if there is one.
    """
    try:
        return read_checkpoint(path)
    except CheckpointError as error:
        raise CheckpointError(f"{error}{_advice(path)}") from None


def load_agent_weights(path: Path, *, role: str, name: str | None = None) -> AgentWeights:
    """The weights of one agent; the rest of the training is not read.

    Args:
        path: a checkpoint, or one file of weights.
        role: who they must be for, tracker or target.
        name: which weights of the checkpoint; those named as the role if it is None. A file has only one.

    Raises:
        CheckpointError: if there are none, they are damaged, or they are for another role.
    """
    if path.suffix == ".safetensors" and not path.is_dir():
        weights = read_agent(path, read_bytes(path, agent_weights.BYTES_MAX))
    else:
        try:
            weights = agent_in(path, name or role)
        except CheckpointError as error:
            raise CheckpointError(f"{error}{_advice(path)}") from None
    if weights.role != role:
        raise CheckpointError(f"{path}: these are weights of a {weights.role}, those of a {role} are needed")
    return weights


def _steps_in(folder: Path) -> Iterator[tuple[int, Path]]:
    """Steps and folders of the checkpoints that are there, valid or not."""
    if not folder.is_dir():
        return
    for name in {path.name.removeprefix(SET_ASIDE) for path in folder.iterdir()}:
        match = FOLDER.fullmatch(name)
        if match:
            yield int(match[1]), folder / name


def _advice(path: Path) -> str:
    """What to use in place of a checkpoint that cannot be used."""
    match = FOLDER.fullmatch(path.name)
    if match is None:
        inside = sorted(_steps_in(path)) or sorted(_steps_in(path / "checkpoints"))
        return f"; it holds checkpoints, name one of them, such as {inside[-1][1]}" if inside else ""
    for step, before in sorted(_steps_in(path.parent), reverse=True):
        if step < int(match[1]):
            with contextlib.suppress(CheckpointError):
                check_sizes(before, read_manifest(before).files)
                return f"; use the checkpoint before: {before}"
    return ""
