"""Torch with one thread for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch with one thread, and then with as many as before.

    For networks this small more threads wait for each other, on a busy machine a hundred times longer than the work
    takes; and the last bits of a result depend on how many there are.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
