"""The base of every config model, and what is said of values that do not fit one."""

import difflib
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Settings(BaseModel):
    """Frozen settings: unknown keys, NaN and infinity are errors.

    A section that is given in part, as a mapping, is otherwise what this model has there by default, which may be
    something else than the defaults of the section's own model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _in_part(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        filled = dict(values)
        for name, field in cls.model_fields.items():
            if isinstance(field.default, BaseModel) and isinstance(filled.get(name), Mapping):
                filled[name] = merged(field.default.model_dump(), filled[name])
        return filled


def merged(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, and what they leave open as the base has it, in nested sections too."""
    both = dict(base)
    for key, value in values.items():
        before = both.get(key)
        both[key] = merged(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return both


def unknown(name: str, known: Sequence[str]) -> str:
    """The name, the nearest known one if any is near, and all that are known."""
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f", did you mean {nearest[0]!r}?" if nearest else ""
    return f"{name!r}{hint} (known: {', '.join(known)})"


def sentence(model: type[BaseModel], problem: Mapping[str, Any]) -> str:
    """One problem of a ValidationError in words: the field, what is allowed, the value."""
    place = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        fields = _model_at(model, place[:-1])
        known = list(fields.model_fields) if fields is not None else []
        section = f"{'.'.join(place[:-1])}: " if place[:-1] else ""
        return f"{section}unknown key {unknown(place[-1], known)}"
    if problem["type"] == "missing":
        return f"the key {'.'.join(place)!r} is missing"
    text = problem["msg"].removeprefix("Value error, ")
    # fields that contradict each other are named in the text; the whole section would bury it
    several = problem["type"] == "value_error" and isinstance(problem["input"], dict)
    value = "" if several or repr(problem["input"]) in text else f" (got {problem['input']!r})"
    return f"{'.'.join(place) or 'settings'}: {text}{value}"


def described(model: type[BaseModel]) -> str:
    """The fields of a model as a Markdown table: name, default, meaning."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        default = field.get_default(call_default_factory=True)
        shown = "see below" if isinstance(default, BaseModel) else f"`{default!r}`"
        rows.append(f"| `{name}` | {shown} | {meaning} |")
    return "\n".join(rows)


def _model_at(model: type[BaseModel], path: Sequence[str]) -> type[BaseModel] | None:
    """The nested model at a path of field names, and of keys where a field is a mapping of models."""
    parts = iter(path)
    for part in parts:
        field = model.model_fields.get(part)
        kinds = [] if field is None else [field.annotation, *typing.get_args(field.annotation)]
        nested = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if len(nested) != 1:
            return None
        model = nested[0]
        if field is not None and typing.get_origin(field.annotation) is dict:
            next(parts, None)  # its key
    return model
