"""Recipes from `configs/`: found by name or by path, read strictly, checked against their model."""

import difflib
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from envs.settings import Settings
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


def load_config(model: type[Model], name_or_path: str) -> Model:
    """Read a recipe and check it.

    Raises:
        ConfigError: if it is not found, is no valid YAML, or holds what the model does not allow.
    """
    path = find_config(name_or_path)
    values = load_yaml(path, error=ConfigError)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_problem(error, model)}") from None


def _first_problem(error: ValidationError, model: type[Settings]) -> str:
    """One line for the first problem: key, value, what is allowed, and the nearest name of an unknown key."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, model.model_fields, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ";"
        return f"unknown key {key!r}{hint} Allowed: {', '.join(model.model_fields)}"
    if problem["type"] == "missing":
        return f"the key {key!r} is missing"
    more = error.error_count() - 1
    also = f" (and {more} more)" if more else ""
    return f"{key} = {problem['input']!r}: {problem['msg'].removeprefix('Value error, ')}{also}"
