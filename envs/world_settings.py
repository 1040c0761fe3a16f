"""Everything that can be set about a tracking world."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator
from typing_extensions import Self

from envs.layouts import DENSITY_MAX, SIZE_LIMITS_M
from envs.layouts.layout import Layout
from envs.rewards import RewardSettings
from envs.robots import RobotSettings
from envs.sensors.camera import CameraSettings
from envs.sensors.noise import NoiseSettings, noise_of
from envs.settings import Settings, sentence, unknown
from envs.spawn import StartSettings
from envs.targets.policy import Policy, policy_of

LayoutSource = str | Path | Layout


class RandomizeSettings(Settings):
    """Ranges (low, high) from which each episode draws the tracker's body; None keeps the nominal value."""

    hfov_deg: tuple[float, float] | None = None
    """Horizontal field of view in degrees."""
    camera_height_m: tuple[float, float] | None = None
    """Height of the camera in metres."""
    speed_max_mps: tuple[float, float] | None = None
    """Greatest forward speed of the tracker in m/s."""
    wheel_gain: tuple[float, float] | None = None
    """Speed and turn rate come out as this multiple of what was commanded."""
    latency_steps: tuple[int, int] | None = None
    """Control steps by which the tracker's actions come late."""
    share: float = Field(1.0, ge=0.0, le=1.0)
    """Share of the episodes that draw; in the others all is nominal."""

    @model_validator(mode="after")
    def _inside(self) -> Self:
        allowed = {
            "hfov_deg": (30.0, 150.0),
            "camera_height_m": (0.1, 2.0),
            "speed_max_mps": (0.1, 5.0),
            "wheel_gain": (0.5, 1.5),
            "latency_steps": (0, MAX_LATENCY_STEPS),
        }
        for name, (least, most) in allowed.items():
            value = getattr(self, name)
            if value is not None and not least <= value[0] <= value[1] <= most:
                raise ValueError(f"{name} must be a range low <= high within {least} to {most}, got {value}")
        return self


MAX_LATENCY_STEPS = 10
MAX_DISTRACTORS = 8


class WorldSettings(Settings):
    """A world with a tracker, a target and distractors; defaults are those of `RSPT/Track-v0`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    layout: tuple[LayoutSource, ...] = ("blocks",)
    """Families, map files or Layout objects; each episode draws one."""
    layout_size_m: float | tuple[float, float] | None = None
    """Side length of generated layouts in metres, or the range that each episode draws it from; the family's range if
    not given."""
    layout_cell_m: float | None = Field(None, gt=0.0, le=10.0)
    """Metres per cell of map files without a scale of their own (MovingAI)."""
    layout_density: float = Field(1.0, ge=0.0, le=DENSITY_MAX)
    """Factor of the number of things that stand in layouts of the families `blocks`, `pillars` and `mixed`; others have
    1."""
    layout_count: int | None = Field(None, ge=1, le=1_000_000)
    """The episodes share so many layouts, the same ones whatever the worlds are seeded with; each has its own if not
    given."""
    target_policy: tuple[Policy | None, ...] = Field((policy_of("goal"),), min_length=1)
    """Who acts for the target; world i takes entry i modulo their number. None is the second player."""
    distractors: int = Field(0, ge=0, le=MAX_DISTRACTORS)
    """Further movers."""
    distractor_policy: Policy | None = Field(default_factory=lambda: policy_of("goal"))
    """Who acts for the distractors."""
    distractor_look: Literal["same", "other", "mixed"] = "same"
    """Whether distractors look like the target."""
    renderer: Literal["raycast", "bullet", "egl"] = "raycast"
    """Camera: the ray caster, PyBullet's software renderer, or PyBullet's EGL plug-in."""
    noise: NoiseSettings = Field(default_factory=lambda: noise_of("none"))
    """Noise of sensors, odometry and actuation."""
    mask: Literal["identity", "class"] = "identity"
    """What the target mask shows: the target alone, or every mover of its look."""
    rgb: bool = False
    """Whether the observation has colours."""
    camera: CameraSettings = CameraSettings()
    """The tracker's camera."""
    tracker: RobotSettings = RobotSettings()
    """The tracker's body."""
    target_speed_ratio: tuple[float, float] = (0.7, 0.7)
    """Range of the target's greatest speed as a share of the tracker's; drawn per episode."""
    engine: Literal["within_reach", "always"] = "within_reach"
    """When PyBullet steps a world: where a body can touch something within the step, or always. The motion is the same
    but for rounding: out of reach of everything a driven body moves uniformly. A contact that hangs on rounding may
    turn out otherwise."""
    start: StartSettings = StartSettings()
    """Where the tracker starts."""
    randomize: RandomizeSettings = RandomizeSettings()
    """What each episode draws anew."""
    reward: RewardSettings = RewardSettings()
    """Rewards of both players."""
    lost_after_steps: int = Field(50, ge=1, le=100_000)
    """The episode ends at the step after this many consecutive ones in which the target is not visible."""
    episode_steps: int = Field(500, ge=1, le=1_000_000)
    """The episode is truncated at this step."""

    @field_validator("layout", mode="before")
    @classmethod
    def _several_layouts(cls, value: Any) -> Any:
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        if not items or not all(isinstance(item, (str, Path, Layout)) for item in items):
            raise ValueError("must be a family, a map file, a Layout, or a list of them")
        return items

    @field_validator("layout_size_m")
    @classmethod
    def _size(cls, value: float | tuple[float, float] | None) -> float | tuple[float, float] | None:
        if value is not None:
            (least, most), (low, high) = SIZE_LIMITS_M, value if isinstance(value, tuple) else (value, value)
            if not least <= low <= high <= most:
                raise ValueError(f"must be a side, or a range low <= high, within {least:g} to {most:g} m")
        return value

    @field_validator("target_policy", mode="before")
    @classmethod
    def _policies(cls, value: Any) -> Any:
        items = value if isinstance(value, (list, tuple)) else (value,)
        try:
            return tuple(item if item is None else policy_of(item) for item in items)
        except ValidationError as error:  # of a mapping's settings
            problems = error.errors()
        raise ValueError("; ".join(f"{problem['loc'][-1]}: {problem['msg']}" for problem in problems))

    @field_validator("distractor_policy", mode="before")
    @classmethod
    def _policy(cls, value: Any) -> Any:
        policy = policy_of(value)
        if policy is None:
            raise ValueError("distractor_policy must act by itself; 'external' is for the target")
        return policy

    @field_validator("noise", mode="before")
    @classmethod
    def _noise(cls, value: Any) -> Any:
        return value if isinstance(value, Mapping) else noise_of(value)

    @field_validator("target_speed_ratio", mode="before")
    @classmethod
    def _ratio(cls, value: Any) -> Any:
        low, high = value if isinstance(value, (list, tuple)) and len(value) == 2 else (value, value)
        if not all(isinstance(v, (int, float)) and 0.05 <= v <= 2.0 for v in (low, high)) or low > high:
            raise ValueError(f"target_speed_ratio must be a number or a range within 0.05 to 2.0, got {value!r}")
        return (float(low), float(high))

    def policy_of_world(self, world: int) -> Policy | None:
        """Who acts for the target of a world; None is the second player."""
        return self.target_policy[world % len(self.target_policy)]

    @property
    def num_movers(self) -> int:
        """Tracker, target and distractors."""
        return 2 + self.distractors

    @property
    def latency_max_steps(self) -> int:
        """The longest delay that an episode may draw."""
        drawn = self.randomize.latency_steps
        nominal: int = self.noise.latency_steps
        return max(nominal, drawn[1] if drawn else 0)


def world_settings(*also: str, **arguments: Any) -> WorldSettings:
    """Settings from keyword arguments.

    `resolution=(width, height)` is short for the camera's size.

    Args:
        also: names that the caller takes itself, for the message about an unknown one.
        arguments: fields of WorldSettings.

    Raises:
        ValueError: naming the argument, its value and what is allowed.
    """
    if "resolution" in arguments:
        arguments["camera"] = _resized(arguments.get("camera"), arguments.pop("resolution"))
    known = [*also, *WorldSettings.model_fields, "resolution"]
    for name in set(arguments) - set(known):
        raise ValueError(f"unknown argument {unknown(name, known)}")
    try:
        return WorldSettings(**arguments)
    except ValidationError as error:
        raise ValueError("; ".join(sentence(WorldSettings, problem) for problem in error.errors())) from None


def _resized(camera: Any, resolution: Any) -> CameraSettings:
    try:
        width, height = (int(value) for value in resolution)
    except (TypeError, ValueError):
        raise ValueError(f"resolution must be (width, height) in pixels, got {resolution!r}") from None
    base = camera if isinstance(camera, CameraSettings) else CameraSettings(**(camera or {}))
    try:
        return CameraSettings(**{**base.model_dump(), "width": width, "height": height})
    except ValidationError as error:
        raise ValueError(
            f"resolution {resolution!r}: " + "; ".join(sentence(CameraSettings, problem) for problem in error.errors())
        ) from None
