"""What one episode is made of, drawn from its seed before any physics."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.errors import LayoutError
from envs.layouts.layout import PALETTE
from envs.layouts.source import Place, PlaceSource
from envs.robots import TARGET, RobotSettings
from envs.seeds import BODY, LAYOUT, MOVERS, NOISE, START, EpisodeSeed
from envs.sensors.camera import CameraSettings
from envs.spawn import draw_start
from envs.targets.policy import Policy
from envs.targets.replay import ReplayPolicy
from envs.world_settings import RandomizeSettings, WorldSettings

START_TRIES = 16
"""Layouts that are drawn, one after the other, until everybody can be placed."""


class Episode(NamedTuple):
    """The fixed part of an episode.

    Attributes:
        seed: of the episode and its layout.
        place: layout and free space.
        poses: (M, 3) where everybody starts.
        robots: of all movers, the tracker first.
        wheel_gain: speed and turn rate of the tracker come out as this multiple of what is commanded.
        latency_steps: delay of the tracker's actions.
        camera: the tracker's.
        looks: (M,) palette colours.
        policies: (M - 1) of target and distractors; None where the second player acts.
        movers_rng: generator of the scripted movers.
        noise_key: key of the sensors' noise.
    """

    seed: EpisodeSeed
    place: Place
    poses: NDArray[np.float64]
    robots: tuple[RobotSettings, ...]
    wheel_gain: float
    latency_steps: int
    camera: CameraSettings
    looks: NDArray[np.uint8]
    policies: tuple[Policy | None, ...]
    movers_rng: np.random.Generator
    noise_key: int

    @property
    def body(self) -> dict[str, float]:
        """What a robot knows of its own body, by the names in `envs.arrays.BODY`."""
        tracker, camera = self.robots[0], self.camera
        return {
            "speed_max_mps": tracker.speed_max_mps,
            "turn_max_radps": tracker.turn_max_radps,
            "hfov_deg": camera.hfov_deg,
            "camera_height_m": camera.height_m,
        }


def draw_episode(
    settings: WorldSettings, source: PlaceSource, seed: EpisodeSeed, *, target_policy: Policy | None
) -> Episode:
    """Draw an episode; layouts in which nobody can be placed are drawn again, a few times.

    Raises:
        LayoutError: if no layout with a start was found.
    """
    layouts, starts, body = seed.generator(LAYOUT), seed.generator(START), seed.generator(BODY)
    for attempt in range(START_TRIES):
        place = source.draw(layouts)
        try:
            policy, poses = _placed(settings, place, target_policy, starts)
            break
        except LayoutError:
            if attempt == START_TRIES - 1:
                raise
            if settings.layout_count is not None:  # the next try is of the same set, not of a layout beside it
                another = (seed.layout + attempt + 1) % settings.layout_count
                layouts = seed._replace(layout=another).generator(LAYOUT)
    drawn = settings.randomize
    if drawn.share < 1.0 and body.random() >= drawn.share:
        drawn = RandomizeSettings()
    speed = _draw(body, drawn.speed_max_mps, settings.tracker.speed_max_mps)
    camera = settings.camera.model_copy(
        update={
            "hfov_deg": _draw(body, drawn.hfov_deg, settings.camera.hfov_deg),
            "height_m": _draw(body, drawn.camera_height_m, settings.camera.height_m),
        }
    )
    wheel_gain = _draw(body, drawn.wheel_gain, 1.0)
    nominal = (settings.noise.latency_steps,) * 2
    low, high = drawn.latency_steps or nominal
    latency_steps = int(body.integers(low, high + 1))
    ratio = _draw(body, settings.target_speed_ratio, 1.0)
    tracker = settings.tracker.model_copy(update={"speed_max_mps": speed})
    target = TARGET.model_copy(update={"speed_max_mps": ratio * speed})
    return Episode(
        seed=seed,
        place=place,
        poses=poses,
        robots=(tracker, *[target] * (1 + settings.distractors)),
        wheel_gain=wheel_gain,
        latency_steps=latency_steps,
        camera=camera,
        looks=_looks(settings, body),
        policies=(policy, *[settings.distractor_policy] * settings.distractors),
        movers_rng=seed.generator(MOVERS),
        noise_key=int(seed.generator(NOISE).integers(2**63)),
    )


def _placed(
    settings: WorldSettings, place: Place, policy: Policy | None, rng: np.random.Generator
) -> tuple[Policy | None, NDArray[np.float64]]:
    """Poses (M, 3) of everybody; a recorded track is laid into the free space first and says where the target is."""
    target_pose = None
    if isinstance(policy, ReplayPolicy):
        policy = policy.placed(place.space, rng)
        target_pose = policy.start_pose()
    poses = draw_start(
        place.space,
        settings.start,
        num_distractors=settings.distractors,
        rng=rng,
        name=place.layout.name,
        target_pose=target_pose,
        given=place.start if target_pose is None else None,
    )
    return policy, poses


def _draw(rng: np.random.Generator, limits: tuple[float, float] | None, nominal: float) -> float:
    # the number is drawn in any case, so that the streams of nominal and randomised worlds stay in step
    share = float(rng.random())
    return nominal if limits is None else limits[0] + share * (limits[1] - limits[0])


def _looks(settings: WorldSettings, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Colours out of the palette that clutter uses; 0 belongs to walls."""
    own, other = (rng.permutation(len(PALETTE) - 1)[:2] + 1).tolist()
    looks = np.full(settings.num_movers, own, dtype=np.uint8)
    same = rng.random(settings.distractors) < {"same": 1.0, "other": 0.0, "mixed": 0.5}[settings.distractor_look]
    looks[2:] = np.where(same, own, other)
    return looks
