"""How the baselines compile their kernels."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])
_FILES = sorted(Path(__file__).parent.glob("*.py"))
_SOURCES = hashlib.sha256(b"".join(path.read_bytes() for path in _FILES)).hexdigest()


def kernel(function: Function) -> Function:
    """Compile a function with Numba at its first call and cache the machine code; serial, so that bits repeat."""
    return _compiled(function, counts=True)


def uncounted_kernel(function: Function) -> Function:
    """Compile as `kernel` does, but count no references to arrays: for what a kernel calls thousands of times.

    Numba counts each array that is read from a scene, with instructions that lock the bus: 0.4 of a planner's time.
    The function makes no array, returns none and calls nothing that does: numbers out of arrays that its caller holds.
    """
    return _compiled(function, counts=False)


def _compiled(function: Function, *, counts: bool) -> Function:
    options = {"nogil": True, "error_model": "numpy", "_nrt": counts}
    try:
        compiled = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache can be written
        return numba.njit(**options)(function)  # type: ignore[no-any-return]
    # Numba asks whether the function's own file has changed, but not those of the kernels and constants that it uses
    cache: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(cache, "_source_stamp"):
        cache._source_stamp = (cache._source_stamp, _SOURCES)
    return compiled  # type: ignore[no-any-return]
