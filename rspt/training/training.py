"""The training program of the tracker: stages, checkpoints, validation, what it says and what it writes."""

import contextlib
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from rich.console import Console
from tqdm import tqdm

from agents.baselines import BASELINES
from agents.learned import LearnedAgent
from agents.networks import Actor, Sizes
from agents.one_thread import one_thread
from envs.jit import announced_compilation
from rspt.actors import Player, load_player
from rspt.errors import UsageError
from rspt.predictor import training as predictor_training
from rspt.signals import StopRequest
from rspt.training.about import stages_told, told_of
from rspt.training.agent_weights import AgentWeights, Role, save_agent_weights
from rspt.training.checkpoint_files import Checkpoint
from rspt.training.checkpoints import Checkpoints
from rspt.training.curves import draw_curves
from rspt.training.failure import NotFiniteError, dump, not_finite
from rspt.training.run_folder import METRICS, RunFolder
from rspt.training.settings import TrackerSettings
from rspt.training.stage import Actors, Round, Stage
from rspt.training.stages import TRACKER_STAGES, make_stage, new_tracker
from rspt.training.validation import Score, validate

WEIGHTS = "tracker.safetensors"
"""The tracker that a run has come to, in its folder: the last one that validated as well as any of its stage."""
TARGET_WEIGHTS = "target.safetensors"
"""The learning target as it was at the end, likewise."""
CURVES = "curves.png"
"""The learning curves, likewise."""
PREDICTOR = "predictor"
"""Folder of the predictor's training in that of the run."""
_EPISODES_TOLD = 200
_AS_WELL = 0.1
"""A score that is less than this below the best is as good: that much hangs on the luck of two or three episodes."""
_LATER_STAGE = 10.0
"""More than scores can differ by: what a later stage has made of a tracker counts above what it began with."""


def train(
    settings: TrackerSettings,
    out: Path,
    *,
    resume: bool,
    stop: StopRequest,
    console: Console,
    device: str = "cpu",
) -> bool:
    """Train into the folder `out`.

    Returns:
        Whether the training came to its end; False if it was asked to stop before, with a checkpoint to resume from.

    Raises:
        UsageError: if the folder cannot be used, or a checkpoint cannot be written.
        NotFiniteError: if a number is no longer finite; what is needed to look into it is in the folder.
    """
    given = _given_players(settings)
    with one_thread(), RunFolder.begin(out, settings, resume=resume) as run, announced_compilation():
        trained = _with_predictor(settings, out, stop, console)
        if trained is None:
            return False
        finished = _Training(trained, given, run, console, device).run(stop)
        with contextlib.suppress(OSError):  # the picture can be drawn again
            draw_curves(out / METRICS, out / CURVES)
        return finished


def _with_predictor(
    settings: TrackerSettings, out: Path, stop: StopRequest, console: Console
) -> TrackerSettings | None:
    """The settings with the predictor that was trained for them; None if asked to stop before it was ready."""
    if settings.predictor is None:
        return settings
    folder = out / PREDICTOR
    begun = any((folder / name).exists() for name in (predictor_training.CHECKPOINT, predictor_training.TRACKS))
    if not predictor_training.train(settings.predictor, folder, resume=begun, stop=stop, console=console):
        return None
    weights = str(folder / predictor_training.WEIGHTS)
    perception = settings.worlds.perception.model_copy(update={"predictor": weights})
    return settings.model_copy(update={"worlds": settings.worlds.model_copy(update={"perception": perception})})


def _given_players(settings: TrackerSettings) -> dict[Role, Player]:
    """Those that a training begins with, before it makes a folder."""
    given: dict[Role, Player] = {}
    wanted: dict[Role, tuple[str, str | None]] = {
        "tracker": ("start-from", settings.start_from),
        "target": ("target-from", settings.target_from),
    }
    for role, (key, name) in wanted.items():
        if name is not None:
            given[role] = _given_player(key, name, role)
    if "tracker" in given:
        _check_sight("start-from", str(settings.start_from), given["tracker"], settings)
    for name in () if settings.escape is None else settings.escape.trackers:
        if name not in BASELINES:
            _check_sight("escape.trackers", name, _given_player("escape.trackers", name, "tracker"), settings)
    return given


def _check_sight(key: str, name: str, tracker: Player, settings: TrackerSettings) -> None:
    """Refuse a tracker that would be shown another state than it was trained on, and one whose memory fits nothing."""
    trained_on, ablation = tracker.record.get("ablation", "none"), settings.worlds.perception.ablation
    learns = settings.teacher is not None or settings.duel is not None
    if trained_on != ablation and (not learns or key != "start-from" or "frames" in (trained_on, ablation)):
        raise UsageError(
            f"--{key} {name}: was trained with worlds.perception.ablation {trained_on!r}, here it would be shown"
            f" {ablation!r}"
        )
    if tracker.actor.sizes.memory:
        told = settings.network.model_copy(update={"memory": tracker.actor.sizes.memory})
        try:
            TrackerSettings.model_validate(settings.model_copy(update={"network": told}).model_dump())
        except ValidationError as error:
            raise UsageError(f"--{key} {name}: has a memory; {error.errors()[0]['msg']}") from None


def _given_player(key: str, name: str, role: Role) -> Player:
    try:
        return load_player(name, role)
    except UsageError as error:
        raise UsageError(f"--{key} {name}: {str(error).removeprefix(f'{name}: ')}") from None


class _Training:
    def __init__(
        self,
        settings: TrackerSettings,
        given: Mapping[Role, Player],
        run: RunFolder,
        console: Console,
        device: str,
    ) -> None:
        self._settings, self._run, self._console, self._device = settings, run, console, device
        self._checkpoints = Checkpoints(run.checkpoints_folder, keep_last=settings.keep_last)
        self._told_before: Mapping[str, str] = given["tracker"].record if "tracker" in given else {}
        self._actors: Actors = {"tracker": new_tracker(settings)}
        self._actors |= {role: player.actor for role, player in given.items()}
        self._names = list(settings.stages)
        self._about = told_of(settings, self._told_before)
        self._done: dict[str, int] = {}
        self._best = -np.inf
        self._ended: list[tuple[float, int, bool]] = []
        self._stage: Stage
        self._cpu_before = 3600.0 * float(self._told_before.get("cpu_hours", 0.0))
        self._cpu_start = time.process_time()

    @property
    def _driven(self) -> int:
        """Steps of the worlds in all stages so far."""
        return sum(self._done.values()) + self._stage.driven

    @property
    def _total_steps(self) -> int:
        """Steps of the worlds in all stages, as far as is known: one may end before its time."""
        later = list(self._settings.stages.values())[len(self._done) + 1 :]
        return sum(self._done.values()) + self._stage.total_steps + sum(stage.total_steps for stage in later)

    @property
    def _whole_episodes_end(self) -> bool:
        """Whether an episode can be played to its end between two checkpoints.

        They cut all that are under way: if not, those that end are those that are lost, and say nothing of the others.
        """
        worlds = self._settings.worlds
        return self._settings.checkpoint_steps >= 2 * worlds.worlds * worlds.episode_steps

    @property
    def _name(self) -> str:
        """The stage that is under way."""
        return self._names[len(self._done)]

    def run(self, stop: StopRequest) -> bool:
        """Learn until the end, or until asked to stop."""
        state = self._restore()
        bar = tqdm(total=self._settings.total_steps, unit="step", disable=None, file=sys.stderr, smoothing=0.05)
        bar.update(sum(self._done.values()) + (0 if state is None else int(state["driven"])))
        with bar:
            for name in self._names[len(self._done) :]:
                self._stage = make_stage(name, self._settings, self._actors, device=self._device)
                try:
                    if state is not None:
                        self._stage.restore(state)
                        state = None
                    if not self._play(bar, stop):
                        return False
                    self._actors |= self._stage.actors()
                    self._keep_learners(name)
                    self._done[name] = self._stage.driven
                finally:
                    self._stage.close()
        return True

    def _keep_learners(self, stage: str) -> None:
        """What the learners of a stage are at its end, to be compared with what they become."""
        for role, actor in self._stage.actors().items():
            path = self._run.path / f"{role}-after-{stage}.safetensors"
            save_agent_weights(path, self._weights(role, actor))

    def _play(self, bar: "tqdm[Any]", stop: StopRequest) -> bool:
        """Play one stage to its end; False if asked to stop before."""
        stage, every = self._stage, self._settings.checkpoint_steps
        stage.begin()
        while stage.driven < stage.total_steps:
            start, before = time.perf_counter(), self._driven
            done = stage.round()
            rate = (self._driven - before) / (time.perf_counter() - start)
            self._log(done, rate)
            self._check(done)
            bar.total = self._total_steps
            bar.update(self._driven - before)
            bar.set_postfix_str(f"{self._name}: {self._told()}" if self._ended else self._name)
            if stop:
                self._save(None, exact=False)
                return False
            if self._driven // every > before // every or stage.driven >= stage.total_steps:
                self._judge(bar)
                stage.begin()
        return True

    def _log(self, done: Round, rate: float) -> None:
        if self._whole_episodes_end:
            self._ended = (self._ended + done.episodes)[-_EPISODES_TOLD:]
        values = {**done.metrics, "speed/steps_per_second": rate}
        if self._ended:
            names = ("return", "length", "success")
            values |= {f"train/{name}": value for name, value in zip(names, self._means(), strict=True)}
        self._run.log(self._driven, {name: value for name, value in values.items() if math.isfinite(value)})

    def _check(self, done: Round) -> None:
        """Stop at the first number that is not finite, before it gets into a checkpoint."""
        wrong = not_finite(done.metrics, self._stage.actors())
        if wrong:
            newest = self._checkpoints.newest()
            path = dump(self._run.path, self._driven, wrong, self._stage, newest)
            raise NotFiniteError(wrong, path, newest)

    def _told(self) -> str:
        if not self._ended:
            return ""
        total, length, success = self._means()
        return f"return {total:.0f}, length {length:.0f}, success {success:.2f}"

    def _means(self) -> list[float]:
        """Mean return and length of the last episodes, and the share that was kept to the end."""
        means: list[float] = [float(column.mean()) for column in np.array(self._ended, dtype=np.float64).T]
        return means

    def _judge(self, bar: "tqdm[Any]") -> None:
        """Validate where the tracker learns, log, and save a checkpoint from which the training goes on exactly."""
        score: Score | None = None
        told = [f"training {self._told()}"] if self._ended else []
        if self._settings.validation.episodes and self._name in TRACKER_STAGES:
            tracker = self._now()["tracker"]
            score = validate(LearnedAgent(tracker), self._settings.validation, self._settings.worlds)
            self._run.log(self._driven, {f"validation/{name}": value for name, value in score._asdict().items()})
            told.insert(
                0,
                f"validation success {score.success:.2f}, safe {score.success_safe:.2f},"
                f" return {score.total_reward:.0f}",
            )
        line = f"{self._driven:>10,} steps ({self._name}){': ' if told else ''}{'; '.join(told)}"
        if bar.disable:
            self._console.print(line, highlight=False)
        else:
            bar.write(line)
        self._save(score, exact=True)

    def _now(self) -> Actors:
        """All actors as they are now."""
        return {**self._actors, **self._stage.actors()}

    def _save(self, score: Score | None, *, exact: bool) -> None:
        """Write a checkpoint; the tracker that is to be used and the last target also lie in the run's folder."""
        judged = None if score is None else self._judged(score)
        weights = {role: self._weights(role, actor) for role, actor in self._now().items()}
        learning = self._name in TRACKER_STAGES and (judged is None or judged > self._best - _AS_WELL)
        if exact and (learning or not (self._run.path / WEIGHTS).exists()):
            save_agent_weights(self._run.path / WEIGHTS, weights["tracker"])
        if exact and "target" in weights:
            save_agent_weights(self._run.path / TARGET_WEIGHTS, weights["target"])
        self._best = max(self._best, -np.inf if judged is None else judged)
        self._checkpoints.save(
            self._driven,
            {str(role): agent for role, agent in weights.items()},
            {
                "done": dict(self._done),
                "state": self._stage.state(),
                "best": self._best,
                "ended": [list(episode) for episode in self._ended],
                "finished": self._stage.driven >= self._stage.total_steps,
            },
            self._run.config,
            exact=exact,
            score=judged,
        )

    def _judged(self, score: Score) -> float:
        stages = sum(name in TRACKER_STAGES for name in [*self._done, self._name])
        return _LATER_STAGE * stages + score.success + score.success_safe + score.total_reward / 500.0

    def _weights(self, role: Role, actor: Actor) -> AgentWeights:
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in actor.state_dict().items()}
        done = {**self._done, self._name: self._stage.driven}
        cpu_hours = (self._cpu_before + time.process_time() - self._cpu_start) / 3600.0
        about = {
            **self._about,
            "steps": str(self._driven),
            "stages": stages_told(done, self._told_before),
            "cpu_hours": f"{cpu_hours:.4f}",
        }
        return AgentWeights(role, actor.sizes._asdict(), tensors, about)

    def _restore(self) -> dict[str, Any] | None:
        """Go on with the newest checkpoint, if there is one: the state of the stage that it is in."""
        checkpoint: Checkpoint | None = self._checkpoints.newest()
        for problem in self._checkpoints.problems:
            self._console.print(f"skipped: {problem}", highlight=False)
        if checkpoint is None:
            return None
        self._actors = {weights.role: _actor(weights) for weights in checkpoint.weights.values()}
        found, wanted = self._actors["tracker"].sizes, new_tracker(self._settings).sizes
        if (found.map_shape, found.numbers) != (wanted.map_shape, wanted.numbers):
            raise UsageError(
                f"{self._run.path}: its tracker sees maps {found.map_shape} and vectors ({found.numbers},), this"
                f" version of rspt makes {wanted.map_shape} and ({wanted.numbers},); train anew, into another folder"
            )
        about = next(iter(checkpoint.weights.values())).about
        self._cpu_before = 3600.0 * float(about.get("cpu_hours", 0.0))
        trainer = checkpoint.trainer
        self._done = {str(name): int(steps) for name, steps in trainer["done"].items()}
        self._best = float(trainer["best"])
        self._ended = [(total, length, success) for total, length, success in trainer["ended"]]
        self._run.rewind(checkpoint.step)
        exactly = "exactly as if it had not stopped" if checkpoint.exact else "with new episodes"
        told = f"Going on after {checkpoint.step:,} steps, {exactly}."
        last = len(self._done) + 1 == len(self._names)
        # checkpoints of before do not say whether their stage came to its end
        if last and trainer.get("finished", checkpoint.step >= self._settings.total_steps):
            told = f"All {checkpoint.step:,} steps are done, nothing is left to train."
        self._console.print(told, highlight=False)
        state: dict[str, Any] = trainer["state"]
        return state


def _actor(weights: AgentWeights) -> Actor:
    actor = Actor(Sizes.of(weights.architecture))
    actor.load_state_dict(weights.tensors)
    return actor
