"""Many two-player worlds at once: the core that every environment is a view of."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from numpy.typing import NDArray

from envs.actions import checked_actions
from envs.arrays import StepArrays, allocate, assembled, step_fields
from envs.drives import Drives
from envs.episode import Episode, draw_episode
from envs.faults import fault_codes
from envs.foresight import foreseen
from envs.jit import announced_compilation
from envs.layouts.free_space import BODY_RADIUS_M, FreeSpace
from envs.layouts.source import PlaceSource
from envs.motion import Motion
from envs.physics import CONTROL_DT_S
from envs.rewards import rewards_of
from envs.robots import measured_velocities
from envs.seeds import episode_seed, fresh_seed
from envs.senses import Senses
from envs.targets.movers import ScriptedMovers
from envs.warmup import warm_up
from envs.world import World
from envs.world_settings import WorldSettings, world_settings

Autoreset = Literal["next_step", "same_step", "disabled"]


class PrivilegedView(NamedTuple):
    """The truth, for teachers, critics and targets; never part of the tracker's observation.

    Attributes:
        free_spaces: (W) true clearance and free region of each world.
        poses: (W, M, 3) x, y in metres and yaw in radians in the world: tracker, target, distractors.
        velocities: (W, M, 2) forward m/s, turn rad/s.
        limits: (W, 3) of the trackers: speed in m/s and turn rate in rad/s of the action 1, horizontal field of view in
            radians.
        under_way: of each world (L, 2), the tracker's actions that latency holds back, the next one first.
    """

    free_spaces: list[FreeSpace]
    poses: NDArray[np.float64]
    velocities: NDArray[np.float64]
    limits: NDArray[np.float64]
    under_way: list[NDArray[np.float64]]

    def of(self, worlds: NDArray[np.int64]) -> "PrivilegedView":
        """The truth about some of the worlds (n,)."""
        spaces, under_way = ([part[world] for world in worlds] for part in (self.free_spaces, self.under_way))
        return PrivilegedView(spaces, self.poses[worlds], self.velocities[worlds], self.limits[worlds], under_way)


class WorldBatch:
    """W worlds that step together; world i is the same whatever the others are.

    Args:
        settings: of every world.
        num_worlds: W.
        autoreset: `next_step` resets a finished world in the following step, whose action it ignores; `same_step`
            resets it at once and keeps the last observation in `final_observation`; `disabled` leaves it to the caller.
        first_world: number of the first world where this batch is a part of a larger one.
        arrays: where to write, as `allocate(step_fields(...))` makes it; own memory if None.
        gui: show PyBullet's window (one world only).
        threads: at most so many for the compiled kernels; one per core if None.

    Attributes:
        out: what the last reset or step yielded; overwritten by the next.
        external: (W,) whether a second player acts for the target.
        target_actions: (W, 2) what the targets chose in the last step, in [-1, 1].

    Raises:
        LayoutError: for a layout that cannot be played.
        RenderError: for a renderer that does not work here.
    """

    def __init__(
        self,
        settings: WorldSettings,
        num_worlds: int,
        *,
        autoreset: Autoreset = "next_step",
        first_world: int = 0,
        arrays: dict[str, NDArray[Any]] | None = None,
        gui: bool = False,
        threads: int | None = None,
    ) -> None:
        if num_worlds < 1:
            raise ValueError(f"num_worlds must be at least 1, got {num_worlds}")
        self.settings, self.num_worlds, self.autoreset, self.first_world = settings, num_worlds, autoreset, first_world
        self._source = PlaceSource(
            settings.layout,
            size_m=settings.layout_size_m,
            cell_m=settings.layout_cell_m,
            density=settings.layout_density,
        )
        fields = step_fields(settings, final=autoreset == "same_step")
        self.out: StepArrays = assembled(allocate(fields, num_worlds) if arrays is None else arrays)
        self._policies = [settings.policy_of_world(first_world + world) for world in range(num_worlds)]
        self.external = np.array([policy is None for policy in self._policies])
        self._movers = ScriptedMovers(num_worlds, settings.num_movers, dt_s=CONTROL_DT_S)
        self._drives = Drives(
            num_worlds, settings.num_movers, latency_max_steps=settings.latency_max_steps, dt_s=CONTROL_DT_S
        )
        self.target_actions = np.zeros((num_worlds, 2))
        self._bounds = np.zeros((num_worlds, 4))
        self._episodes: list[Episode | None] = [None] * num_worlds
        self._bases: list[int | None] = [None] * num_worlds
        self._final_spaces: dict[int, FreeSpace] = {}
        self._numbers = [0] * num_worlds
        self._seeds = [0] * num_worlds
        self._closed = False
        self._worlds: list[World] = []
        try:
            for _ in range(num_worlds):
                self._worlds.append(World(gui=gui, visuals=settings.renderer != "raycast"))
            self._motion = Motion(
                self._worlds,
                always=settings.engine == "always",
                shown=gui or settings.renderer != "raycast",
            )
            self._senses = Senses(settings, [world.physics for world in self._worlds], threads=threads)
        except BaseException:
            self.close()
            raise

    @property
    def episodes(self) -> list[Episode]:
        """What the present episodes are made of.

        Raises:
            ResetNeeded: before the first reset.
        """
        if any(episode is None for episode in self._episodes):
            raise ResetNeeded("call reset() first")
        return [episode for episode in self._episodes if episode is not None]

    @property
    def handled(self) -> tuple[int, int]:
        """The world that was handled last, counted in the larger batch, and its episode's seed, for error reports."""
        return self.first_world + self._motion.current, self._seeds[self._motion.current]

    @property
    def senses(self) -> Senses:
        """The sensors of all worlds."""
        return self._senses

    def reset(
        self,
        seeds: Sequence[int | None] | None = None,
        *,
        layout_seed: int | None = None,
        which: NDArray[np.bool_] | None = None,
    ) -> StepArrays:
        """Begin new episodes.

        Args:
            seeds: one for each world; a world without one goes on with its next episode.
            layout_seed: the layout of all these episodes; each episode's own seed if None.
            which: (W,) the worlds to reset; all if None.
        """
        self._check_open()
        chosen = np.arange(self.num_worlds) if which is None else np.flatnonzero(which)
        with announced_compilation():
            warm_up()
            for world in chosen.tolist():
                self._begin(world, None if seeds is None else seeds[world], layout_seed)
            self._settle(chosen)
            self._senses.sense(chosen, self.out)
        return self.out

    def step(self, tracker_actions: NDArray[Any], target_actions: NDArray[Any] | None = None) -> StepArrays:
        """Move every world by one control step.

        Args:
            tracker_actions: (W, 2) in [-1, 1]: forward speed, turn rate.
            target_actions: (W, 2); read where the target is external, and needed if any is.

        Raises:
            ValueError: for actions that are not numbers in range.
            ResetNeeded: before the first reset, or after the end of an episode with autoreset disabled.
        """
        tracker, target = self._checked(tracker_actions, target_actions)
        restarting = self._restarting()
        active = np.flatnonzero(~restarting)
        self._act(tracker, target, active=~restarting)
        before = self.out.status.poses.copy()
        self._move(active)
        self._measure(active, before)
        self._judge(active)
        self._restart(np.flatnonzero(restarting))
        self._senses.sense(np.arange(self.num_worlds), self.out)
        if self.autoreset == "same_step" and self.out.done.any():
            self._finish(np.flatnonzero(self.out.done))
        return self.out

    def privileged_view(self) -> PrivilegedView:
        """The truth about all worlds now; copies."""
        status = self.out.status
        spaces = [episode.place.space for episode in self.episodes]
        body = self.out.body
        limits = np.stack([body["speed_max_mps"], body["turn_max_radps"], np.radians(body["hfov_deg"])], axis=1)
        return PrivilegedView(spaces, status.poses.copy(), status.velocities.copy(), limits, self._drives.under_way())

    def final_view(self) -> PrivilegedView:
        """The truth before the reset in the worlds that this step finished, and the present one in the others.

        Raises:
            ValueError: unless the batch resets in the same step.
        """
        view, poses, velocities = self.privileged_view(), self.out.final_poses, self.out.final_velocities
        if poses is None or velocities is None:
            raise ValueError(f"final_view() is for autoreset 'same_step', not {self.autoreset!r}")
        for world in np.flatnonzero(self.out.done).tolist():
            view.free_spaces[world] = self._final_spaces[world]
            view.poses[world], view.velocities[world] = poses[world], velocities[world]
        return view

    def set_speed_ratio(self, limits: tuple[float, float]) -> None:
        """Draw the target's speed ratio from another range in the episodes that begin from now on.

        Args:
            limits: greatest speed of the target as a share of the tracker's, low <= high.

        Raises:
            ValueError: for a range that is not allowed.
        """
        checked = world_settings(target_speed_ratio=limits).target_speed_ratio
        self.settings = self.settings.model_copy(update={"target_speed_ratio": checked})

    def foreseen(self, steps: int) -> NDArray[np.float64]:
        """Where the targets would go in truth, (W, S, 2) metres in the world, see `envs.foresight`."""
        return foreseen(self._movers, self._drives, self.out.status, external=self.external, steps=steps)

    def close(self) -> None:
        """Give every client of the engine back; a second call does nothing."""
        self._closed = True
        for world in self._worlds:
            world.close()
        if hasattr(self, "_senses"):
            self._senses.close()

    def _checked(
        self, tracker_actions: NDArray[Any], target_actions: NDArray[Any] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        self._check_open()
        if any(episode is None for episode in self._episodes):
            raise ResetNeeded("call reset() before step()")
        tracker = checked_actions(tracker_actions, num_worlds=self.num_worlds, player="tracker")
        if not self.external.any():
            return tracker, None
        if target_actions is None:
            raise ValueError("target: a second player acts for the target of some worlds; step() needs target_actions")
        return tracker, checked_actions(target_actions, num_worlds=self.num_worlds, player="target")

    def _restarting(self) -> NDArray[np.bool_]:
        done = self.out.done
        if self.autoreset == "disabled" and done.any():
            raise ResetNeeded(f"the episode of world {int(np.argmax(done))} is over; call reset() before step()")
        if self.autoreset == "same_step":
            return np.zeros(self.num_worlds, dtype=np.bool_)
        return done

    def _act(
        self, tracker: NDArray[np.float64], target: NDArray[np.float64] | None, *, active: NDArray[np.bool_]
    ) -> None:
        """Everybody chooses: scripted movers act on the state before the step, the tracker's actions may come late."""
        status = self.out.status
        others = self._movers.act(status.poses, status.velocities, active)
        if target is not None:
            others[self.external, 0] = target[self.external]
        self.target_actions = others[:, 0].copy()
        self._drives.take(tracker, others, np.flatnonzero(active))

    def _move(self, active: NDArray[np.int64]) -> None:
        """Drive the bodies; what happened to them goes into the status, broken physics as a fault."""
        status = self.out.status
        twists = self._drives.twists(status.poses, status.velocities)
        moved = self._motion.advance(active, status.poses, twists, self._movers.grids, self._senses.scene.arrays)
        velocities = measured_velocities(status.poses[active], moved.poses, dt_s=CONTROL_DT_S)
        fault = fault_codes(moved.poses, velocities, self._bounds[active])
        good = fault == 0
        status.fault[active] = fault
        status.poses[active[good]] = moved.poses[good]
        status.velocities[active[good]] = velocities[good]
        for name in ("contact", "contact_target", "contact_distractor", "target_contact"):
            getattr(status, name)[active] = getattr(moved, name)
        self.out.info["faults"][active] += ~good

    def _measure(self, active: NDArray[np.int64], before: NDArray[np.float64]) -> None:
        status = self.out.status
        self._relate(active)
        self._senses.move(active, before, status)

    def _relate(self, which: NDArray[np.int64]) -> None:
        """What the poses mean: where the target is, how near the clutter is, what is in sight."""
        status = self.out.status
        status.relate(which)
        clearance = self._movers.grids.clearance_of(which, status.poses[which, 0, :2])
        status.room_m[which] = np.maximum(clearance - BODY_RADIUS_M, 0.0)
        status.see(which, self._senses.visible_share(which, status.poses))

    def _judge(self, active: NDArray[np.int64]) -> None:
        """Ends of episodes, then rewards, for the worlds that moved."""
        out, settings = self.out, self.settings
        out.restarted[:] = False
        out.info["step"][active] += 1
        out.info["deadlocked_steps"][active] = self._movers.deadlocked_steps[active, 0]
        step = out.info["step"]
        fault = out.status.fault > 0
        lost = (out.status.hidden_steps > settings.lost_after_steps) & ~fault
        out.terminated[active] = lost[active]
        out.truncated[active] = (fault | (step >= settings.episode_steps) & ~lost)[active]
        rewards = rewards_of(
            out.status,
            lost=out.terminated,
            steps_left=np.maximum(settings.episode_steps - step, 0),
            settings=settings.reward,
        )
        out.reward[active] = rewards.tracker[active]
        out.target_reward[active] = rewards.target[active]
        for prefix, terms in (("reward", rewards.tracker_terms), ("target_reward", rewards.target_terms)):
            for name, values in terms.items():
                out.info[f"{prefix}/{name}"][active] = values[active]

    def _restart(self, which: NDArray[np.int64]) -> None:
        """Begin the next episodes; the step that does so yields no reward."""
        for world in which.tolist():
            self._begin(world, None, None)
        self._settle(which)
        self.out.restarted[which] = True

    def _finish(self, which: NDArray[np.int64]) -> None:
        """Keep the last observation and info of finished worlds and reset them at once; the ends stay as they are."""
        out = self.out
        for last, now in ((out.final_observation, out.observation), (out.final_info, out.info)):
            for name, array in now.items():
                last[name][which] = array[which]
        assert out.final_poses is not None
        assert out.final_velocities is not None
        out.final_poses[which], out.final_velocities[which] = out.status.poses[which], out.status.velocities[which]
        self._final_spaces = {world: self.episodes[world].place.space for world in which.tolist()}
        ends = [array[which] for array in (out.reward, out.target_reward, out.terminated, out.truncated)]
        self._restart(which)
        for array, values in zip((out.reward, out.target_reward, out.terminated, out.truncated), ends, strict=True):
            array[which] = values
        self._senses.sense(which, out)

    def _begin(self, world: int, seed: int | None, layout_seed: int | None) -> None:
        """Draw a world's next episode and build it."""
        self._motion.current = world
        base = self._bases[world]
        if seed is not None or base is None:
            base, self._numbers[world] = (fresh_seed() if seed is None else seed), 0
        else:
            self._numbers[world] += 1
        self._bases[world] = base
        drawn = episode_seed(
            base, self._numbers[world], layout_seed=layout_seed, layout_count=self.settings.layout_count
        )
        self._seeds[world] = drawn.episode
        episode = draw_episode(self.settings, self._source, drawn, target_policy=self._policies[world])
        self._motion.begin(world, episode)
        self._episodes[world] = episode
        self._bounds[world] = episode.place.layout.bounds
        self._drives.begin(world, episode)
        self._movers.reset(
            world,
            policies=episode.policies,
            free_space=episode.place.space,
            poses=episode.poses,
            speed_max_mps=self._drives.limits.speed_max[world],
            turn_max_radps=self._drives.limits.turn_max[world],
            rng=episode.movers_rng,
        )
        self._senses.begin(world, episode)

    def _settle(self, which: NDArray[np.int64]) -> None:
        """The status at the start of episodes."""
        out, status = self.out, self.out.status
        for world in which.tolist():
            episode = self._episodes[world]
            assert episode is not None
            status.poses[world] = episode.poses
            for name, value in episode.body.items():
                out.body[name][world] = value
            out.info["episode_seed"][world] = episode.seed.episode
            out.info["layout_seed"][world] = episode.seed.layout
        zeroed = [status.velocities, status.hidden_steps, status.contact, status.contact_target, status.fault]
        zeroed += [status.contact_distractor, status.target_contact, out.reward, out.target_reward]
        zeroed += [out.terminated, out.truncated, out.restarted, out.info["step"], out.info["deadlocked_steps"]]
        zeroed += [array for name, array in out.info.items() if "reward/" in name]
        for array in zeroed:
            array[which] = 0
        self._relate(which)
        status.hidden_steps[which] = 0

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedEnvironmentError("the environment is closed")
