"""Suites: frozen lists of episodes, the same for every tracker."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from envs.errors import LayoutError
from envs.layouts import DENSITY_MAX, FAMILIES, check_density
from envs.layouts.source import PlaceSource
from envs.seeds import LAYOUT, episode_seed
from envs.sensors.noise import PRESETS, NoiseSettings
from envs.settings import Settings, unknown
from envs.world_settings import MAX_DISTRACTORS, MAX_LATENCY_STEPS, RandomizeSettings
from rspt.config import ConfigError, configs_folder, load_config
from rspt.perception.pipeline import LocalizerName
from rspt.target import LEARNED, SCRIPTS

EPISODES_MAX = 400
"""So many episodes of each layout family a suite lists; an evaluation plays the first ones."""
_HASH_LETTERS = 8
_HASHES = "layouts.txt"
_STRENGTHS = ("depth_sigma", "mask_miss_rate", "odometry_drift")
"""What a condition may say of single kinds of noise."""
_BODY = ("latency_steps", "camera_height_m", "hfov_deg")
"""What it may say of the tracker's body."""

Name = Annotated[str, Field(pattern=r"^[\w.]+(-[\w.]+)*$", max_length=40)]


class Condition(Settings):
    """What a group of episodes has in common beside its layout."""

    target: str = "goal"
    """Who acts for the target: a script, `learned`, `learned-heldout`, or the path of a learned target."""
    speed_ratio: float = Field(0.7, ge=0.05, le=2.0)
    """The target's greatest speed as a share of the tracker's."""
    noise: str = "none"
    """Preset of the noise of sensors, odometry and wheels."""
    depth_sigma: float | None = Field(None, ge=0.0, le=0.1)
    """Standard deviation of the depth at 1 m, in metres, instead of the preset's; it grows with the depth's square."""
    mask_miss_rate: float | None = Field(None, ge=0.0, le=1.0)
    """Probability per step that the mask is lost for one to five steps, instead of the preset's."""
    odometry_drift: float | None = Field(None, ge=0.0, le=0.2)
    """Drift of the odometry as a share of distance and turn, instead of the preset's."""
    latency_steps: int | None = Field(None, ge=0, le=MAX_LATENCY_STEPS)
    """Steps of 0.1 s by which the tracker's actions come late, instead of the preset's."""
    camera_height_m: float | None = Field(None, ge=0.1, le=2.0)
    """Height of the tracker's camera in metres; that of the worlds if null."""
    hfov_deg: float | None = Field(None, ge=30.0, le=150.0)
    """Horizontal field of view of the tracker's camera in degrees; that of the worlds if null."""
    layout_density: float | None = Field(None, ge=0.0, le=DENSITY_MAX)
    """Factor of the number of things that stand in layouts of `blocks`, `pillars` and `mixed`; 1 if null."""
    distractors: int = Field(0, ge=0, le=MAX_DISTRACTORS)
    """Further movers, which look like the target."""
    mask: Literal["identity", "class"] = "identity"
    """What the target's mask shows: the target alone, or everything that looks like it."""
    localizer: LocalizerName = "mask"
    """Who finds the target."""

    @field_validator("target")
    @classmethod
    def _target(cls, value: str) -> str:
        if value not in (*SCRIPTS, *LEARNED) and not Path(value).exists():
            raise ValueError(f"unknown target {unknown(value, [*SCRIPTS, *LEARNED])}, or the path of a learned one")
        return value

    @field_validator("noise")
    @classmethod
    def _noise(cls, value: str) -> str:
        if value not in PRESETS:
            raise ValueError(f"unknown noise {unknown(value, list(PRESETS))}")
        return value

    @property
    def renderer(self) -> Literal["raycast", "bullet"]:
        """The camera: colours to find the target by come from PyBullet's renderer."""
        return "bullet" if self.localizer == "video" else "raycast"

    @property
    def noise_settings(self) -> NoiseSettings:
        """The preset with what the condition changes of it."""
        return PRESETS[self.noise].model_copy(update=self._told(_STRENGTHS))

    @property
    def body(self) -> RandomizeSettings:
        """What the condition changes of the tracker's body: ranges of one value."""
        return RandomizeSettings(**{name: (value, value) for name, value in self._told(_BODY).items()})

    @property
    def density(self) -> float:
        """The factor of the clutter's number."""
        return 1.0 if self.layout_density is None else self.layout_density

    @property
    def changes(self) -> dict[str, float]:
        """What it says of noise, body and clutter beyond the preset, by name."""
        return self._told((*_STRENGTHS, *_BODY, "layout_density"))

    def _told(self, names: Sequence[str]) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


class Suite(Settings):
    """A frozen list of episodes: so many of each layout under each condition."""

    kind: Literal["suite"] = "suite"
    """What the file is."""
    version: Name
    """Changes with the list: results of one version are of the same episodes."""
    title: str = Field(min_length=1, max_length=80)
    """For headings."""
    layouts: tuple[str, ...] = ()
    """Families; if none, layouts are named on the command line."""
    conditions: dict[Name, Condition] = Field(min_length=1)
    """By their names."""
    first_seed: int = Field(ge=0, lt=2**31 - EPISODES_MAX)
    """Seed of the first episode of each layout and its target; the others count on."""

    @model_validator(mode="after")
    def _families(self) -> Self:
        for name in self.layouts:
            if name not in FAMILIES:
                raise ValueError(f"layouts: unknown family {unknown(name, list(FAMILIES))}")
        try:
            self.check_densities(self.layouts)
        except LayoutError as error:
            raise ValueError(str(error)) from None
        return self

    def check_densities(self, layouts: Sequence[str]) -> None:
        """Refuse layouts that cannot have the density of a condition.

        Raises:
            LayoutError: naming the condition, the layout and what is allowed.
        """
        for condition_name, condition in self.conditions.items():
            for layout in layouts:
                try:
                    check_density(layout, condition.density)
                except LayoutError as error:
                    raise LayoutError(f"condition {condition_name}: {error}") from None

    def seeds(self, episodes: int) -> range:
        """The seeds of the first episodes."""
        return range(self.first_seed, self.first_seed + episodes)


def suites() -> list[str]:
    """The names of the suites that come with the package."""
    return sorted(path.stem for path in (configs_folder() / "eval").glob("*.yaml"))


def load_suite(name_or_path: str) -> Suite:
    """A suite by its name or its file.

    Raises:
        ConfigError: if there is none, or it is none.
    """
    as_path = Path(name_or_path)
    if as_path.suffix not in (".yaml", ".yml"):
        if name_or_path not in suites():
            raise ConfigError(f"unknown suite {unknown(name_or_path, suites())}, or the path of a .yaml")
        as_path = configs_folder() / "eval" / f"{name_or_path}.yaml"
    return load_config(Suite, str(as_path))


def drawn_hash(family: str, seed: int, density: float = 1.0) -> str:
    """The hash of the layout that an episode of a family has."""
    source = PlaceSource([family], size_m=None, cell_m=None, density=density)
    return source.draw(episode_seed(seed, 0).generator(LAYOUT)).layout.hash


def frozen_name(family: str, density: float) -> str:
    """What a family is called in the file of the frozen layouts; `blocks*2` if it is twice as dense."""
    return family if density == 1.0 else f"{family}*{density:g}"


def frozen_hashes() -> dict[tuple[str, int], str]:
    """The beginnings of the hashes of all layouts that the suites list, by `frozen_name` and seed.

    They are what makes a suite frozen: a generator that draws other layouts is noticed.
    """
    frozen = {}
    for line in (configs_folder() / "eval" / _HASHES).read_text().splitlines():
        family, seed, letters = line.split()
        frozen.update({(family, int(seed) + k): part for k, part in enumerate(_parts(letters))})
    return frozen


def freeze() -> str:
    """The text of that file, for a new version of a suite."""
    lines = []
    for family, density, first in layout_lists():
        hashes = [drawn_hash(family, seed, density)[:_HASH_LETTERS] for seed in range(first, first + EPISODES_MAX)]
        lines.append(f"{frozen_name(family, density)} {first} {''.join(hashes)}\n")
    return "".join(lines)


def layout_lists() -> list[tuple[str, float, int]]:
    """Family, density and first seed of all lists of layouts that the suites play."""
    return sorted(
        {
            (family, condition.density, suite.first_seed)
            for suite in map(load_suite, suites())
            for family in suite.layouts
            for condition in suite.conditions.values()
        }
    )


def _parts(letters: str) -> list[str]:
    return [letters[at : at + _HASH_LETTERS] for at in range(0, len(letters), _HASH_LETTERS)]
