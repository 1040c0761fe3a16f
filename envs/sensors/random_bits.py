"""Counter-based randomness for kernels: the same key and counter give the same bits, in any order and batch."""

import numpy as np

from envs.jit import kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@kernel
def hash_bits(state: np.uint64) -> np.uint64:
    """64 well-mixed bits (the finaliser of splitmix64 after one increment; Steele, Lea and Flood 2014)."""
    z = state + GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))  # type: ignore[no-any-return]


@kernel
def uniform(bits: np.uint64) -> float:
    """A number in [0, 1) from the upper 53 bits."""
    return float(bits >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@kernel
def normal(bits: np.uint64) -> float:
    """A normal number from 64 bits (Box and Muller), at most 6.6 in size."""
    radius = np.sqrt(-2.0 * np.log((float(bits >> np.uint64(32)) + 0.5) * (1.0 / 4294967296.0)))
    return float(radius * np.cos(2.0 * np.pi * float(bits & np.uint64(0xFFFFFFFF)) * (1.0 / 4294967296.0)))
