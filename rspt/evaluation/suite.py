"""Suites: frozen lists of episodes, the same for every tracker."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from envs.layouts import FAMILIES
from envs.layouts.source import PlaceSource
from envs.seeds import LAYOUT, episode_seed
from envs.sensors.noise import PRESETS
from envs.settings import Settings, unknown
from envs.world_settings import MAX_DISTRACTORS
from rspt.config import ConfigError, configs_folder, load_config
from rspt.perception.pipeline import LocalizerName
from rspt.target import SCRIPTS

EPISODES_MAX = 400
"""So many episodes of each layout family a suite lists; an evaluation plays the first ones."""
_HASH_LETTERS = 8
_HASHES = "layouts.txt"

Name = Annotated[str, Field(pattern=r"^[\w.]+(-[\w.]+)*$", max_length=40)]


class Condition(Settings):
    """What a group of episodes has in common beside its layout."""

    target: str = "goal"
    """Who acts for the target: a script, `learned`, or the path of a learned target."""
    speed_ratio: float = Field(0.7, ge=0.05, le=2.0)
    """The target's greatest speed as a share of the tracker's."""
    noise: str = "none"
    """Preset of the noise of sensors, odometry and wheels."""
    distractors: int = Field(0, ge=0, le=MAX_DISTRACTORS)
    """Further movers, which look like the target."""
    mask: Literal["identity", "class"] = "identity"
    """What the target's mask shows: the target alone, or everything that looks like it."""
    localizer: LocalizerName = "mask"
    """Who finds the target."""

    @field_validator("target")
    @classmethod
    def _target(cls, value: str) -> str:
        if value not in (*SCRIPTS, "learned") and not Path(value).exists():
            raise ValueError(f"unknown target {unknown(value, [*SCRIPTS, 'learned'])}, or the path of a learned one")
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
        return self

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


def drawn_hash(family: str, seed: int) -> str:
    """The hash of the layout that an episode of a family has."""
    source = PlaceSource([family], size_m=None, cell_m=None)
    return source.draw(episode_seed(seed, 0).generator(LAYOUT)).layout.hash


def frozen_hashes() -> dict[tuple[str, int], str]:
    """The beginnings of the hashes of all layouts that the suites list, by family and seed.

    They are what makes a suite frozen: a generator that draws other layouts is noticed.
    """
    frozen = {}
    for line in (configs_folder() / "eval" / _HASHES).read_text().splitlines():
        family, seed, letters = line.split()
        frozen.update({(family, int(seed) + k): part for k, part in enumerate(_parts(letters))})
    return frozen


def freeze() -> str:
    """The text of that file, for a new version of a suite."""
    lists = {(family, suite.first_seed) for suite in map(load_suite, suites()) for family in suite.layouts}
    lines = []
    for family, first in sorted(lists):
        hashes = [drawn_hash(family, seed)[:_HASH_LETTERS] for seed in range(first, first + EPISODES_MAX)]
        lines.append(f"{family} {first} {''.join(hashes)}\n")
    return "".join(lines)


def _parts(letters: str) -> list[str]:
    return [letters[at : at + _HASH_LETTERS] for at in range(0, len(letters), _HASH_LETTERS)]
