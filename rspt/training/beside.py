"""A thread in which one learner updates while something else goes on."""

from concurrent.futures import ThreadPoolExecutor

import torch


def thread_beside(name: str) -> ThreadPoolExecutor:
    """One further thread, in which torch uses as many threads as here: it counts them anew in each."""
    return ThreadPoolExecutor(1, name, torch.set_num_threads, (torch.get_num_threads(),))
