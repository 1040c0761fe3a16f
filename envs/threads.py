"""A few threads that share out the worlds of compiled kernels, which do not hold the interpreter lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

_WORLDS_PER_THREAD_MIN = 8


class Threads:
    """Runs a function over parts of the worlds; makes its threads at first use, and anew in a forked child.

    Args:
        count: threads at the most; the number of cores if None.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = count or available_cores()
        self._pool: ThreadPoolExecutor | None = None
        self._owner = 0

    def share(self, function: Callable[[NDArray[np.int64]], object], worlds: NDArray[np.int64]) -> None:
        """Call the function with parts of the worlds (n,) until all are done; the first error is raised."""
        parts = min(self.count, len(worlds) // _WORLDS_PER_THREAD_MIN)
        if parts < 2:
            function(worlds)
            return
        if self._pool is None or self._owner != os.getpid():
            self._pool, self._owner = ThreadPoolExecutor(self.count - 1, thread_name_prefix="rspt"), os.getpid()
        first, *others = np.array_split(worlds, parts)
        futures = [self._pool.submit(function, part) for part in others]
        function(first)
        for future in futures:
            future.result()

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None and self._owner == os.getpid():
            self._pool.shutdown()
        self._pool = None


def available_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
