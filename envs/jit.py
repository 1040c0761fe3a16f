"""How the package compiles its Numba kernels: cached on disk, free of the interpreter lock, deterministic."""

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])

_ANNOUNCE_AFTER_S = 1.0


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
    return compiled  # type: ignore[no-any-return]


@contextmanager
def announced_compilation() -> Iterator[None]:
    """Say on stderr what the program waits for when the kernels inside are not in the cache yet."""

    def announce() -> None:
        sys.stderr.write("rspt: compiling the Numba kernels (first start only, about 10 s) ...\n")
        sys.stderr.flush()

    timer = threading.Timer(_ANNOUNCE_AFTER_S, announce)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
