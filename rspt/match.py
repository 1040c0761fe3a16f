"""One tracker against one target in one world: what `rspt play` and the demo show."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from envs.jit import announced_compilation
from envs.layouts.layout import Layout
from rspt.agent import LoadedAgent
from rspt.duel_state_v0 import DuelStateEnv
from rspt.signals import StopRequest
from rspt.target import LearnedTarget, RecordedTarget
from rspt.video import VideoWriter


class Outcome(NamedTuple):
    """One episode.

    Attributes:
        total_reward: sum of r1 (AR).
        length: steps played (EL).
        success: whether the target was kept to the end; None if the episode was cut short.
        visible_share: mean over the steps.
        contacts: steps in which the tracker touched anything.
    """

    total_reward: float
    length: int
    success: bool | None
    visible_share: float
    contacts: int


class Match:
    """A tracker and a target in one world.

    Args:
        tracker: who tracks.
        target: the name of a script, a learned target, or a recorded one, of whose tracks the first is replayed.
        layout: a family's name, a map file or a layout.
        render_mode: `rgb_array`, `human` (PyBullet's window) or None.
        arguments: further ones of `rspt.duel_state_v0.parallel_env`.
    """

    def __init__(
        self,
        tracker: LoadedAgent,
        target: LearnedTarget | RecordedTarget | str,
        layout: str | Layout,
        *,
        render_mode: str | None = "rgb_array",
        **arguments: Any,
    ) -> None:
        self._tracker, self._target = tracker, target
        script: Any = target if isinstance(target, str) else "external"
        if isinstance(target, RecordedTarget):
            script = target.policies([0])
        arguments = {"ablation": tracker.ablation, "predictor": tracker.predictor, **arguments}
        self.env = DuelStateEnv(layout=layout, target_policy=script, render_mode=render_mode, **arguments)

    def play(
        self,
        seed: int,
        *,
        steps: int,
        stop: StopRequest,
        shown: Callable[[Any], object] = lambda picture: None,
        tick: Callable[[], object] = lambda: None,
    ) -> Outcome:
        """Play the episode of a seed, or its first steps; it ends early when a stop is requested.

        Args:
            seed: of the episode.
            steps: at most so many.
            stop: the request.
            shown: is given each picture, if there are pictures.
            tick: called after each step.
        """
        observations, infos = self.env.reset(seed=seed)
        self._tracker.reset()
        total_reward, visible, contacts, length, lost, over = 0.0, 0.0, 0, 0, False, False
        with announced_compilation():
            actions = self._chosen(observations, infos)
        self._show(shown)
        while length < steps and not (lost or over or stop):
            observations, rewards, ended, cut, infos = self.env.step(actions)
            lost, over, info = ended["tracker"], cut["tracker"], infos["tracker"]
            self._show(shown)
            actions = self._chosen(observations, infos)
            total_reward += float(rewards["tracker"])
            visible += float(info["visible_share"])
            contacts += bool(info["contact"] or info["contact_target"] or info["contact_distractor"])
            length += 1
            tick()
        success = None if stop and not (lost or over) else not lost
        return Outcome(total_reward, length, success, visible / max(length, 1), contacts)

    def close(self) -> None:
        """Free the world."""
        self.env.close()

    def _chosen(self, observations: dict[str, Any], infos: dict[str, dict[str, Any]]) -> dict[str, Any]:
        view, info = self.env.privileged_view(), infos["tracker"]
        state = {name: array[None] for name, array in observations["tracker"].items()}
        tracker = self._tracker.act(state, view)
        target = np.zeros(2, dtype=np.float32)
        if isinstance(self._target, LearnedTarget):
            seen = np.array([info["visible_share"]]), np.array([info["hidden_steps"]])
            target = self._target.act(view, tracker, *seen)[0].astype(np.float32)
        return {"tracker": tracker[0], "target": target}

    def _show(self, shown: Callable[[Any], object]) -> None:
        picture = self.env.render()
        if picture is not None:
            shown(picture)


def filmed(
    match: Match, path: Path, seed: int, *, steps: int, stop: StopRequest, tick: Callable[[], object]
) -> Outcome:
    """Play an episode into a video, at twice the speed of life; what was played until a stop is kept."""
    with VideoWriter(path, fps=2 * match.env.metadata["render_fps"]) as video:
        return match.play(seed, steps=steps, stop=stop, shown=video.add, tick=tick)
