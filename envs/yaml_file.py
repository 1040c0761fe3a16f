"""YAML files as mappings: safe, small, without duplicate keys, and with errors that name file and line."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from envs.reading import read_text

SIZE_LIMIT_BYTES = 65_536


def load_yaml(path: str | Path, *, error: type[Exception] = ValueError) -> dict[str, Any]:
    """Read a mapping with text keys from a YAML file.

    Args:
        path: the file.
        error: the exception to raise when the file is missing, larger than SIZE_LIMIT_BYTES, no valid YAML, not a
            mapping, or has a key twice. Merge keys (`<<`) are refused, since they multiply without limit.
    """
    path = Path(path)
    text = read_text(path, limit_bytes=SIZE_LIMIT_BYTES, error=error)
    try:
        content = yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as problem:
        raise error(f"{path}{_described(problem)}") from None
    except RecursionError:
        raise error(f"{path}: nested too deeply") from None
    except (ValueError, OverflowError) as problem:  # a date such as 2020-13-45
        raise error(f"{path}: {problem}") from None
    if not isinstance(content, dict):
        found = "an empty file" if content is None else f"a {type(content).__name__}"
        raise error(f"{path}: holds {found}, a mapping (`key: value` lines) is needed")
    for key in content:
        if not isinstance(key, str):
            raise error(f"{path}: the key {_short(key)} is a {type(key).__name__}, keys must be text")
    return content


class _StrictLoader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, "merge keys are not allowed", key_node.start_mark)
            key = (key_node.tag, key_node.value) if isinstance(key_node, yaml.ScalarNode) else None
            if key is not None and key in seen:
                reason = f"the key {key_node.value!r} of line {seen[key]} is there twice"
                raise yaml.constructor.ConstructorError(None, None, reason, key_node.start_mark)
            seen[key] = line
        return super().construct_mapping(node, deep=deep)


# deep, so that a mapping that holds itself is an error
def _construct_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


def _described(problem: yaml.YAMLError) -> str:
    mark = getattr(problem, "problem_mark", None)
    reason = getattr(problem, "problem", None) or str(problem).splitlines()[0]
    if "'\\t'" in reason:
        reason = "a tab stands where YAML wants spaces"
    return f": line {mark.line + 1}, column {mark.column + 1}: {reason}" if mark else f": {reason}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
