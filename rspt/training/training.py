"""The training program of the tracker: stages, checkpoints, validation, what it says and what it writes."""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from tqdm import tqdm

from agents.learned import LearnedAgent
from agents.networks import Actor, Sizes
from envs.jit import announced_compilation
from envs.threads import Threads
from rspt.build import make_agent
from rspt.perceiver import state_space
from rspt.signals import StopRequest
from rspt.training.checkpoints import AgentWeights, Checkpoint, Checkpoints, save_agent_weights
from rspt.training.run_folder import RunFolder
from rspt.training.settings import TrackerSettings
from rspt.training.teacher import Round, TeacherStage
from rspt.training.validation import Score, validate
from rspt.training.worlds import TrainingWorlds

WEIGHTS = "tracker.safetensors"
"""The best tracker of a run, in its folder."""
_EPISODES_TOLD = 200


def train(settings: TrackerSettings, out: Path, *, resume: bool, stop: StopRequest, console: Console) -> bool:
    """Train into the folder `out`.

    Returns:
        Whether the training came to its end; False if it was asked to stop before, with a checkpoint to resume from.

    Raises:
        UsageError: if the folder cannot be used, or a checkpoint cannot be written.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # faster for networks this small, and the same bits on every machine with as many
    try:
        with RunFolder.begin(out, settings, resume=resume) as run, announced_compilation():
            training = _Training(settings, run, console)
            try:
                return training.run(stop)
            finally:
                training.close()
    finally:
        torch.set_num_threads(threads)


class _Training:
    def __init__(self, settings: TrackerSettings, run: RunFolder, console: Console) -> None:
        self._settings, self._run, self._console = settings, run, console
        self._checkpoints = Checkpoints(run.checkpoints_folder, keep_last=settings.keep_last)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self._actor = Actor(_sizes(settings))
        self._threads = Threads()
        self._worlds = TrainingWorlds(settings.worlds, seed=settings.seed)
        teacher = make_agent("oracle", share=self._threads.share)
        self._stage = TeacherStage(settings.teacher, self._worlds, self._actor, teacher, seed=settings.seed)
        self._best = -np.inf
        self._ended: list[tuple[float, int, bool]] = []

    def run(self, stop: StopRequest) -> bool:
        """Learn until the end, or until asked to stop."""
        settings, stage = self._settings, self._stage
        self._restore()
        total = settings.teacher.total_steps
        bar = tqdm(total=total, initial=stage.driven, unit="step", disable=None, file=sys.stderr, smoothing=0.05)
        stage.begin(stage.driven // settings.checkpoint_steps)
        with bar:
            while not stage.finished:
                start, before = time.perf_counter(), stage.driven
                done = stage.round()
                rate = (stage.driven - before) / (time.perf_counter() - start)
                bar.update(stage.driven - before)
                self._log(done, rate)
                bar.set_postfix_str(self._told())
                if stop:
                    self._save(None, exact=False)
                    return False
                segment = stage.driven // settings.checkpoint_steps
                if segment > before // settings.checkpoint_steps or stage.finished:
                    self._judge(bar)
                    stage.begin(segment)
        return True

    def close(self) -> None:
        """Free the worlds and threads."""
        self._worlds.close()
        self._threads.close()

    def _log(self, done: Round, rate: float) -> None:
        self._ended = (self._ended + done.episodes)[-_EPISODES_TOLD:]
        values = {"teacher/loss": done.loss, "speed/steps_per_second": rate}
        if self._ended:
            names = ("return", "length", "success")
            values |= {f"train/{name}": value for name, value in zip(names, self._means(), strict=True)}
        self._run.log(done.driven, values)

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
        """Validate, log and save a checkpoint from which the training goes on exactly."""
        score: Score | None = None
        if self._settings.validation.episodes:
            score = validate(LearnedAgent(self._actor), self._settings.validation, self._settings.worlds)
            self._run.log(self._stage.driven, {f"validation/{name}": value for name, value in score._asdict().items()})
            line = (
                f"{self._stage.driven:>10,} steps: validation success {score.success:.2f}, safe"
                f" {score.success_safe:.2f}, return {score.total_reward:.0f}; training {self._told()}"
            )
            if bar.disable:
                self._console.print(line, highlight=False)
            else:
                bar.write(line)
        self._save(score, exact=True)

    def _save(self, score: Score | None, *, exact: bool) -> None:
        """Write a checkpoint; the best one's tracker also lies in the run's folder."""
        judged = None if score is None else score.success + score.success_safe + score.total_reward / 500.0
        weights = self._weights()
        if judged is None or judged > self._best or not (self._run.path / WEIGHTS).exists():
            self._best = max(self._best, -np.inf if judged is None else judged)
            if exact:
                about = {"steps": str(self._stage.driven)}
                save_agent_weights(self._run.path / WEIGHTS, weights, about=about)
        self._checkpoints.save(
            self._stage.driven,
            {"tracker": weights},
            {"teacher": self._stage.state(), "best": self._best},
            self._run.config,
            exact=exact,
            score=judged,
        )

    def _weights(self) -> AgentWeights:
        return AgentWeights("tracker", self._actor.sizes._asdict(), dict(self._actor.state_dict()))

    def _restore(self) -> None:
        """Go on with the newest checkpoint, if there is one."""
        checkpoint: Checkpoint | None = self._checkpoints.newest()
        for problem in self._checkpoints.problems:
            self._console.print(f"skipped: {problem}", highlight=False)
        if checkpoint is None:
            return
        self._actor.load_state_dict(checkpoint.weights["tracker"].tensors)
        self._stage.restore(checkpoint.trainer["teacher"])
        self._best = float(checkpoint.trainer["best"])
        self._run.rewind(checkpoint.step)
        exactly = "exactly as if it had not stopped" if checkpoint.exact else "with new episodes"
        self._console.print(f"Going on after {checkpoint.step:,} steps, {exactly}.", highlight=False)


def _sizes(settings: TrackerSettings) -> Sizes:
    space = state_space()
    maps, vector = space["map"].shape, space["vector"].shape
    assert maps is not None
    assert vector is not None
    return settings.network.sizes(channels=maps[0], cells=maps[1], numbers=vector[0])
