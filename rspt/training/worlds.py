"""The worlds of a training: what an episode draws, and the state that is made of it."""

from collections.abc import Sequence
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import Field, field_validator

from envs.arrays import StepArrays
from envs.batch import PrivilegedView, WorldBatch
from envs.layouts import FAMILIES, check_family
from envs.layouts.files import is_layout_path
from envs.rewards import RewardSettings
from envs.settings import Settings
from envs.spawn import StartSettings
from envs.speed_ratio import SpeedRatioRange
from envs.world_settings import RandomizeSettings, world_settings
from rspt.perceiver import Perceiver, PerceptionSettings
from rspt.perception.state import State


class TrainingWorldsSettings(Settings):
    """The worlds of a training."""

    worlds: int = Field(64, ge=1, le=1024)
    """Worlds that step together."""
    layouts: tuple[str, ...] = Field(("blocks", "pillars", "mixed"), min_length=1)
    """Families of layouts; each episode draws one."""
    layout_size_m: tuple[float, float] | None = (8.0, 30.0)
    """Range of their side length; that of the family if null. In small ones walls stand where the tracker backs off."""
    layout_count: int | None = Field(None, ge=1, le=1_000_000)
    """The episodes draw from so many different layouts, the same ones in every stage and for every seed; unlimited if
    null."""
    noise: tuple[str, ...] = Field(("none", "realistic"), min_length=1)
    """Presets of noise; the worlds are shared out among them."""
    target_policies: tuple[str, ...] = Field(("goal", "evade", "goal", "wander"), min_length=1)
    """Who acts for the target; one world after the other takes the next."""
    speed_ratio: SpeedRatioRange = (0.4, 1.0)
    """Range of the target's greatest speed as a share of the tracker's."""
    start: StartSettings = StartSettings(distance_m=(1.5, 4.0), bearing_deg=(-35.0, 35.0), hidden_share=0.3)
    """Where the tracker starts."""
    randomize: RandomizeSettings = RandomizeSettings(
        hfov_deg=(60.0, 90.0),
        camera_height_m=(0.4, 1.2),
        speed_max_mps=(0.7, 2.0),
        wheel_gain=(0.9, 1.1),
        latency_steps=(0, 3),
        share=0.5,
    )
    """What each episode draws of the tracker's body."""
    reward: RewardSettings = RewardSettings()
    """Rewards of both players."""
    perception: PerceptionSettings = PerceptionSettings()
    """How the state is made."""
    lost_after_steps: int = Field(50, ge=1, le=10_000)
    """The episode ends when the target was not visible for so many steps on end."""
    episode_steps: int = Field(500, ge=1, le=100_000)
    """Steps of 0.1 s after which an episode is cut."""

    @field_validator("layouts")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:  # here, for a training may have hours of other stages before it makes worlds
            if name in FAMILIES or not is_layout_path(name):
                check_family(name)
            elif not Path(name).is_file():
                raise ValueError(f"{name}: no such file")
        return value


class Truth(NamedTuple):
    """What is true of W worlds.

    Attributes:
        view: bodies and maps.
        visible_share: (W,) of the targets.
        hidden_steps: (W,) since they were visible.
    """

    view: PrivilegedView
    visible_share: NDArray[np.float64]
    hidden_steps: NDArray[np.int64]

    @property
    def info(self) -> dict[str, NDArray[Any]]:
        """As `rspt.privileged.privileged_vectors` takes it."""
        return {"visible_share": self.visible_share, "hidden_steps": self.hidden_steps}


class Stepped(NamedTuple):
    """What a step yields for W worlds.

    Attributes:
        reward: (W,) of the tracker.
        target_reward: (W,)
        terminated: (W,) the target is lost.
        truncated: (W,) time is up.
        visible: (W,) whether the target was visible after the step.
        contact: (W,) whether the tracker touched anything.
    """

    reward: NDArray[np.float64]
    target_reward: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    visible: NDArray[np.bool_]
    contact: NDArray[np.bool_]

    @property
    def done(self) -> NDArray[np.bool_]:
        """(W,) whether an episode ended; the state is already that of the next one."""
        return self.terminated | self.truncated


class TrainingWorlds:
    """Worlds of several kinds that step together and reset at once when an episode ends.

    Args:
        settings: of the worlds.
        seed: of the first world; the others count on.
        target_policies: (W,) who acts for the target of each world, `external` for a learner; those of the settings in
            turn if None.

    Attributes:
        state: `map` (W, C, G, G) and `vector` (W, D) after the last step.
        final_state: the last state of the episodes that ended with it; the rows of the others mean nothing.
        began: (W,) whether the state is the first one of an episode.
    """

    def __init__(
        self, settings: TrainingWorldsSettings, *, seed: int, target_policies: Sequence[str] | None = None
    ) -> None:
        policies = list(islice(cycle(target_policies or settings.target_policies), settings.worlds))
        self.settings, self.num_worlds, self._seed = settings, settings.worlds, seed
        shares = [len(part) for part in np.array_split(np.arange(settings.worlds), len(settings.noise))]
        edges = np.cumsum([0, *shares])
        self._slices = [slice(a, b) for a, b in pairwise(edges.tolist()) if b > a]
        self._batches: list[WorldBatch] = []
        self._perceivers: list[Perceiver] = []
        try:
            for part, noise in zip(self._slices, settings.noise, strict=False):
                batch = WorldBatch(
                    world_settings(
                        layout=settings.layouts,
                        layout_size_m=settings.layout_size_m,
                        layout_count=settings.layout_count,
                        noise=noise,
                        target_policy=policies[part],
                        target_speed_ratio=settings.speed_ratio,
                        start=settings.start,
                        randomize=settings.randomize,
                        reward=settings.reward,
                        lost_after_steps=settings.lost_after_steps,
                        episode_steps=settings.episode_steps,
                    ),
                    part.stop - part.start,
                    autoreset="same_step",
                )
                self._batches.append(batch)
                self._perceivers.append(Perceiver(batch, settings.perception))
        except BaseException:
            self.close()
            raise
        self._returns, self._lengths = np.zeros(self.num_worlds), np.zeros(self.num_worlds, dtype=np.int64)
        self._ended: list[tuple[float, int, bool]] = []
        self.state: State = {}
        self.final_state: State = {}
        self.began = np.ones(self.num_worlds, dtype=np.bool_)

    def begin(self, segment: int) -> None:
        """Begin new episodes everywhere, those of a segment of the training."""
        drawn = np.random.SeedSequence([self._seed, segment]).generate_state(self.num_worlds, np.uint64)
        self.reset((drawn >> np.uint64(2)).tolist())

    def reset(self, seeds: Sequence[int] | None = None) -> None:
        """Begin new episodes everywhere; the worlds' own seeds if None."""
        seeds = [self._seed + world for world in range(self.num_worlds)] if seeds is None else seeds
        for part, batch, perceiver in self._parts():
            batch.reset(list(seeds[part]))
            perceiver.begin()
        self._returns[:], self._lengths[:] = 0.0, 0
        self.began = np.ones(self.num_worlds, dtype=np.bool_)
        self._gather()

    def set_speed_ratio(self, limits: tuple[float, float]) -> None:
        """Draw the target's speed ratio from another range in the episodes that begin from now on."""
        for batch in self._batches:
            batch.set_speed_ratio(limits)

    def step(self, actions: NDArray[Any], target_actions: NDArray[Any] | None = None) -> Stepped:
        """Move all worlds by the actions (W, 2) of trackers and of targets, which count where these are external."""
        for part, batch, perceiver in self._parts():
            batch.step(actions[part], None if target_actions is None else target_actions[part])
            perceiver.follow(actions[part])
        self._gather()
        outs = [batch.out for batch in self._batches]
        contacts = ("contact", "contact_target", "contact_distractor")
        stepped = Stepped(
            reward=np.concatenate([out.reward for out in outs]),
            target_reward=np.concatenate([out.target_reward for out in outs]),
            terminated=np.concatenate([out.terminated for out in outs]),
            truncated=np.concatenate([out.truncated for out in outs]),
            visible=np.concatenate([_at_end(out, "visible") for out in outs]).astype(np.bool_),
            contact=np.any([np.concatenate([_at_end(out, name) for out in outs]) for name in contacts], axis=0),
        )
        self.began = stepped.done
        self._returns += stepped.reward
        self._lengths += 1
        for world in np.flatnonzero(stepped.done).tolist():
            self._ended.append(
                (float(self._returns[world]), int(self._lengths[world]), not bool(stepped.terminated[world]))
            )
            self._returns[world], self._lengths[world] = 0.0, 0
        return stepped

    @property
    def state_space(self) -> spaces.Dict:
        """Of the state of one world."""
        return self._perceivers[0].state_space

    @property
    def target_actions(self) -> NDArray[np.float64]:
        """(W, 2) what the targets chose in the last step, in [-1, 1]."""
        return np.concatenate([batch.target_actions for batch in self._batches])

    def truth(self) -> Truth:
        """The truth after the last step; where an episode ended, that of the next one."""
        outs = [batch.out for batch in self._batches]
        return Truth(
            self.privileged_view(),
            np.concatenate([out.status.visible_share for out in outs]),
            np.concatenate([out.status.hidden_steps for out in outs]),
        )

    def final_truth(self) -> Truth:
        """The truth before the reset where the last step ended an episode; that of now elsewhere."""
        outs = [batch.out for batch in self._batches]
        entries = [
            np.concatenate([np.where(out.done, out.final_info[name], out.info[name]) for out in outs])
            for name in ("visible_share", "hidden_steps")
        ]
        return Truth(_joined([batch.final_view() for batch in self._batches]), *entries)

    def privileged_view(self) -> PrivilegedView:
        """The truth about all worlds."""
        return _joined([batch.privileged_view() for batch in self._batches])

    def drain(self) -> list[tuple[float, int, bool]]:
        """Return, length and success of the episodes that ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Free everything."""
        for perceiver in self._perceivers:
            perceiver.close()
        for batch in self._batches:
            batch.close()

    def _parts(self) -> list[tuple[slice, WorldBatch, Perceiver]]:
        return list(zip(self._slices, self._batches, self._perceivers, strict=True))

    def _gather(self) -> None:
        states = [perceiver.state for perceiver in self._perceivers]
        finals = [perceiver.final_state for perceiver in self._perceivers]
        self.state = {name: np.concatenate([state[name] for state in states]) for name in states[0]}
        self.final_state = {name: np.concatenate([state[name] for state in finals]) for name in finals[0]}


def _at_end(out: StepArrays, name: str) -> NDArray[Any]:
    """An entry of info (W,) after the step; before the reset where the episode ended with it."""
    ends: NDArray[Any] = np.where(out.done, out.final_info[name], out.info[name])
    return ends


def _joined(views: list[PrivilegedView]) -> PrivilegedView:
    return PrivilegedView(
        [space for view in views for space in view.free_spaces],
        np.concatenate([view.poses for view in views]),
        np.concatenate([view.velocities for view in views]),
        np.concatenate([view.limits for view in views]),
        [late for view in views for late in view.under_way],
    )
