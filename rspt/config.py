"""Recipes from `configs/`: found by name or by path, read strictly, checked against their model."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from envs.settings import Settings, merged, sentence
from envs.yaml_file import load_yaml
from rspt.errors import UsageError

Model = TypeVar("Model", bound=Settings)


class ConfigError(UsageError):
    """A recipe that cannot be used; the message names the file, the key, the value and what is allowed."""


def configs_folder() -> Path:
    """Where the recipes lie: inside the package when it was installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def find_config(name_or_path: str) -> Path:
    """The file of a recipe, given by its name or by a path.

    Raises:
        ConfigError: if there is none.
    """
    as_path = Path(name_or_path)
    if as_path.suffix in (".yaml", ".yml") or len(as_path.parts) > 1:
        if not as_path.is_file():
            raise ConfigError(f"{name_or_path}: no such file")
        return as_path
    names = sorted(path.stem for path in configs_folder().glob("*.yaml"))
    if name_or_path not in names:
        near = difflib.get_close_matches(name_or_path, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ";"
        raise ConfigError(f"unknown config {name_or_path!r}{hint} Allowed: {', '.join(names)}, or a path to a .yaml")
    return configs_folder() / f"{name_or_path}.yaml"


def read_config(name_or_path: str) -> dict[str, Any]:
    """The values of a recipe, unchecked; those of the recipe that its key `base` names stand where it says nothing.

    Raises:
        ConfigError: if it is not found, is no valid YAML, or is its own base.
    """
    path = find_config(name_or_path)
    values = load_yaml(path, error=ConfigError)
    read = [path.resolve()]
    while "base" in values:
        base = values.pop("base")
        if not isinstance(base, str):
            raise ConfigError(f"{path}: base = {base!r}: the name of a recipe, or a path, is needed")
        beside = read[-1].parent / base
        base_path = beside if beside.suffix in (".yaml", ".yml") and beside.is_file() else find_config(base)
        if base_path.resolve() in read:
            raise ConfigError(f"{path}: base = {base!r}: the recipe is its own base")
        read.append(base_path.resolve())
        values = merged(load_yaml(base_path, error=ConfigError), values)
    return values


def load_config(model: type[Model], name_or_path: str, overrides: Sequence[str] = ()) -> Model:
    """Read a recipe, change some of its values and check it.

    Args:
        model: what the recipe must fit.
        name_or_path: of the recipe.
        overrides: `--section.key VALUE ...` as on a command line; a value is read as YAML, several are a list.

    Raises:
        ConfigError: if it is not found, is no valid YAML, or holds what the model does not allow.
    """
    path = find_config(name_or_path)
    values = read_config(name_or_path)
    changed = _overridden(values, overrides)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        place = [str(part) for part in problems[0]["loc"]]
        given = next((key for key in changed if place[: len(key)] == key[: len(place)]), None)
        where = str(path) if given is None else f"--{'.'.join(given)}"
        told, more = sentence(model, problems[0]), len(problems) - 1
        if given == place:  # the option has named it
            told = told.removeprefix(f"{'.'.join(place)}: ")
        raise ConfigError(f"{where}: {told}{f' (and {more} more)' if more else ''}") from None


def _value(option: str, text: str) -> Any:
    """What the text after an option says."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"{option}: {text!r} cannot be read as a value") from None


def _overridden(values: dict[str, Any], overrides: Sequence[str]) -> list[list[str]]:
    """Change the values; the keys that were changed."""
    changed, rest = [], list(overrides)
    while rest:
        option = rest.pop(0)
        if not option.startswith("--") or option == "--":
            raise ConfigError(f"{option!r}: an option such as --teacher.batch_size 256 is needed here")
        name, equals, text = option.removeprefix("--").partition("=")
        texts = [text]
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise ConfigError(f"{option}: the value is missing")
            texts = [rest.pop(0)]
            while rest and not rest[0].startswith("--"):
                texts.append(rest.pop(0))
        key = name.replace("-", "_").split(".")
        items = [_value(option, text) for text in texts]
        value = items[0] if len(items) == 1 else items
        section = values
        for part in key[:-1]:
            if not isinstance(section.get(part), dict):
                section[part] = {}
            section = section[part]
        section[key[-1]] = value
        changed.append(key)
    return changed
