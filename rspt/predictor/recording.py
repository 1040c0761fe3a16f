"""Tracks from simulated worlds: trackers of different skill follow targets, perception looks on, hindsight tells."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from envs.batch import WorldBatch
from envs.world_settings import world_settings
from rspt.build import make_agent
from rspt.perceiver import Perceiver, PerceptionSettings
from rspt.perception.frame import to_ego, to_odometry
from rspt.perception.inputs import SLOT_S, SLOTS, Inputs, in_frames, inputs_of
from rspt.perception.localization import Localization
from rspt.perception.prediction import STEP_S
from rspt.perception.track import Track
from rspt.predictor.masking import blackouts, sparse
from rspt.predictor.samples import BLACKOUT, NATURAL, SPARSE, Samples
from rspt.predictor.settings import RecordingSettings

_DT_S = 0.1
_AHEAD_STEPS, _BEFORE_STEPS = round(STEP_S / _DT_S), round(SLOT_S / _DT_S)
_FIRST_STEP = 4
_KINDS = (NATURAL, BLACKOUT, SPARSE)
_EXTRA_NOISE_M = (0.0, 0.05)
"""Range of the standard deviation by which sightings are disturbed beyond what the localizer errs."""
_DECEIVED_M = 0.5
"""A last sighting that is so far off was of something else, from which nothing can be learnt."""
_SLIP_RATES = (0.0, 0.01, 0.03)
"""A tracker does something else for a while, so that it loses its target; one of these probabilities per step."""
_SLIP_STEPS = (5, 30)
_BATCHES_MAX = 1000


def record(
    settings: RecordingSettings, families: tuple[str, ...], *, batch: int, steps_ahead: int, masked: bool
) -> Samples:
    """The samples of one batch of worlds.

    Args:
        settings: of the recording.
        families: of the layouts.
        batch: number of the batch; odd ones have realistic noise.
        steps_ahead: K, steps of 0.2 s that a future has.
        masked: whether sightings are also taken out; False leaves them as the robot had them.
    """
    rng = np.random.default_rng([settings.seed, batch, len(families), *(ord(name[0]) for name in families)])
    worlds = WorldBatch(
        world_settings(
            layout=families,
            target_policy=settings.target_policies,
            target_speed_ratio=settings.speed_ratio,
            noise="realistic" if batch % 2 else "none",
            lost_after_steps=100_000,
            episode_steps=settings.steps + 1,
            randomize={"hfov_deg": (60.0, 90.0), "camera_height_m": (0.4, 1.2)},
        ),
        settings.worlds,
    )
    perceiver = Perceiver(worlds, PerceptionSettings(localizer="mask", predictor="constant_position"))
    kinds = _KINDS if masked else (NATURAL,)
    parts = []
    try:
        for episode in range(settings.episodes):
            first = ((settings.seed * _BATCHES_MAX + batch) * settings.episodes + episode) * settings.worlds
            worlds.reset([(first + world) % 2**31 for world in range(settings.worlds)])
            parts.append(_episode(settings, worlds, perceiver, kinds, steps_ahead, rng))
    finally:
        perceiver.close()
        worlds.close()
    return Samples.joined(parts)


def _episode(
    settings: RecordingSettings,
    worlds: WorldBatch,
    perceiver: Perceiver,
    kinds: tuple[int, ...],
    steps_ahead: int,
    rng: np.random.Generator,
) -> Samples:
    """One episode of all worlds of a batch."""
    steps, count = settings.steps, settings.worlds
    perceiver.begin()
    watchers = _Watchers(kinds, steps, count, rng)
    target, robot, odometry = np.zeros((steps, count, 2)), np.zeros((steps, count, 3)), np.zeros((steps, count, 3))
    broken = np.zeros(count, dtype=np.bool_)
    looks: list[tuple[int, NDArray[np.int64], NDArray[np.float64], Inputs]] = []
    for step, actions in enumerate(_driven(worlds, perceiver, rng)):
        frame, poses = perceiver.perception.frame, worlds.out.status.poses
        assert frame is not None
        target[step], robot[step], odometry[step] = poses[:, 1, :2], poses[:, 0], frame.pose
        truth = to_odometry(to_ego(poses[:, 1:2, :2], poses[:, 0]), frame.pose)[:, 0]
        watchers.watch(step, perceiver, truth)
        due = step >= _FIRST_STEP and (step - _FIRST_STEP) % settings.every_steps == 0
        if due and step + _AHEAD_STEPS * steps_ahead < steps:
            looks.append((step, *watchers.look(perceiver)))
        if step == steps - 1:
            break
        worlds.step(actions)
        broken |= worlds.out.restarted | worlds.out.done
        perceiver.follow(actions)
    parts = []
    for step, rows, age_s, inputs in looks:
        world = rows // len(kinds)
        after = step + _AHEAD_STEPS * np.arange(1, steps_ahead + 1)  # (K,)
        before = (step - np.rint(age_s / _DT_S).astype(np.int64))[:, None] - _BEFORE_STEPS * np.arange(
            SLOTS
        )  # (n, SLOTS)
        past = np.where((before >= 0)[..., None], target[np.maximum(before, 0), world[:, None]], np.nan)
        future, past = (
            in_frames(to_odometry(to_ego(places, robot[step, world]), odometry[step, world]), inputs.frames)
            for places in (target[after].transpose(1, 0, 2)[world], past)
        )
        kind = np.asarray(kinds, dtype=np.uint8)[rows % len(kinds)]
        part = Samples(
            inputs.numbers,
            inputs.rays.astype(np.float16),
            future.astype(np.float32),
            past.astype(np.float32),
            kind,
            world,
        )
        parts.append(part.chosen(~broken[world]))
    return Samples(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


class _Watchers:
    """For each world one track of the target for each kind of mask; row world * kinds + kind."""

    def __init__(self, kinds: tuple[int, ...], steps: int, worlds: int, rng: np.random.Generator) -> None:
        self._kinds, self._rng = len(kinds), rng
        masks = {NATURAL: np.ones((steps, worlds), dtype=np.bool_)}
        masks |= {BLACKOUT: blackouts(steps, worlds, rng), SPARSE: sparse(steps, worlds, rng)}
        self._kept = np.stack([masks[kind] for kind in kinds], axis=-1).reshape(steps, -1)  # (T, W * kinds)
        rows = worlds * self._kinds
        self._track, self._rows = Track(rows), np.arange(rows)
        self._deceived = np.zeros(rows, dtype=np.bool_)
        self._noise_m = rng.uniform(*_EXTRA_NOISE_M, rows)
        self._noise_m[np.asarray(kinds * worlds) == NATURAL] = 0.0

    def watch(self, step: int, perceiver: Perceiver, truth: NDArray[np.float64]) -> None:
        """Take in what the robots see of targets that are at `truth` (W, 2) in the odometry frame."""
        seen, frame = perceiver.perception.localization, perceiver.perception.frame
        assert frame is not None
        given = Localization.empty(len(self._rows))
        noise = self._noise_m[:, None] * self._rng.normal(size=(len(self._rows), 2))
        given.position_ego[:] = seen.position_ego[self._world] + noise
        given.found[:] = seen.found[self._world] & self._kept[step]
        given.confidence[:] = seen.confidence[self._world]
        stamps, pose = frame.stamp_s[self._world], frame.pose[self._world]
        self._track.advance(self._rows, stamps)
        self._track.observe(self._rows, stamps, pose, given)
        off_m = np.linalg.norm(self._track.position - truth[self._world], axis=1)
        self._deceived = np.where(self._track.age_s <= 0.0, off_m > _DECEIVED_M, self._deceived)

    def look(self, perceiver: Perceiver) -> tuple[NDArray[np.int64], NDArray[np.float64], Inputs]:
        """Rows (n,) of the targets that have been seen, and not elsewhere at last, since when, and their inputs."""
        rows = self._rows[np.isfinite(self._track.position[:, 0]) & ~self._deceived]
        frame = perceiver.perception.frame
        assert frame is not None
        pose = frame.pose[self._world]
        age_s = self._track.age_s[rows]
        return rows, age_s, inputs_of(rows, self._track, perceiver.perception.local_map, self._world, pose)

    @property
    def _world(self) -> NDArray[np.int64]:
        return self._rows // self._kinds


def _driven(worlds: WorldBatch, perceiver: Perceiver, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Actions (W, 2): half of the trackers follow the state, half know the truth, all slip now and then."""
    count = worlds.num_worlds
    pid, oracle = make_agent("pid"), make_agent("oracle")
    knowing = np.sort(rng.permutation(count)[: count // 2])
    pid.reset(np.ones(count, dtype=np.bool_))
    oracle.reset(np.ones(len(knowing), dtype=np.bool_))
    rate = rng.choice(_SLIP_RATES, count)
    left, slip = np.zeros(count, dtype=np.int64), np.zeros((count, 2))
    while True:
        view = worlds.privileged_view()
        actions = pid.act(perceiver.state)
        actions[knowing] = oracle.act({}, view.of(knowing))
        slips = (left == 0) & (rng.random(count) < rate)
        left[slips] = rng.integers(*_SLIP_STEPS, slips.sum())
        slip[slips] = rng.uniform((-0.3, -1.0), (1.0, 1.0), (slips.sum(), 2))
        actions[left > 0] = slip[left > 0]
        left = np.maximum(left - 1, 0)
        yield actions
