"""How the package compiles its Numba kernels: cached on disk, free of the interpreter lock, deterministic."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import event

Function = TypeVar("Function", bound=Callable[..., Any])
_FILES = sorted(Path(__file__).parent.rglob("*.py"))
_SOURCES = hashlib.sha256(b"".join(path.read_bytes() for path in _FILES)).hexdigest()


def kernel(function: Function) -> Function:
    """Compile a function with Numba at its first call and cache the machine code beside the source.

    `fastmath` stays off and no parallel region is opened: the same input gives the same bits on any number of threads,
    and a process may fork (GNU OpenMP, Numba's parallel back end on Linux, aborts in a forked child).
    """
    options = {"nogil": True, "error_model": "numpy"}
    try:
        compiled = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package folder nor the home folder can be written
        folder = Path(tempfile.gettempdir()) / f"rspt-numba-{os.getuid() if hasattr(os, 'getuid') else 0}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        numba.config.CACHE_DIR = str(folder)
        compiled = numba.njit(cache=True, **options)(function)
    # Numba asks whether the function's own file has changed, but not those of the kernels and constants that it uses
    cache: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(cache, "_source_stamp"):
        cache._source_stamp = (cache._source_stamp, _SOURCES)
    return compiled  # type: ignore[no-any-return]


class _Announcer(event.Listener):  # type: ignore[misc]
    """Says once that a kernel is being compiled; kernels out of the cache do not reach it."""

    def __init__(self) -> None:
        self._said = False

    def on_start(self, event: Any) -> None:
        if not self._said:
            self._said = True
            sys.stderr.write(
                "rspt: compiling Numba kernels, for up to a minute; the next start finds them in the cache ...\n"
            )
            sys.stderr.flush()

    def on_end(self, event: Any) -> None:
        pass


_ANNOUNCER = _Announcer()


@contextmanager
def announced_compilation() -> Iterator[None]:
    """Say on stderr, once in a process, what the program waits for if a kernel inside is not in the cache yet."""
    with event.install_listener("numba:compile", _ANNOUNCER):
        yield
