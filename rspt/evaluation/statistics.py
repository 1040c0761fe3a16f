"""Intervals of shares, means and paired differences."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Z95 = 1.959963984540054
_RESAMPLES = 10_000


class Interval(NamedTuple):
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def wilson(successes: int, n: int) -> Interval:
    """A share and its Wilson score interval.

    Raises:
        ValueError: unless 0 <= successes <= n and n > 0.
    """
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} successes of {n} are no share")
    share, z2 = successes / n, _Z95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Interval(share, max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def bootstrap_mean(values: ArrayLike, *, groups: Sequence[object] | None = None, seed: int = 0) -> Interval:
    """A mean and its percentile bootstrap interval.

    Args:
        values: (n,) one for each episode.
        groups: (n,) what is resampled as a whole, such as the building; each value by itself if None, or if all are of
            one group, of which alone the interval tells then.
        seed: of the resampling.
    """
    array = np.asarray(values, dtype=np.float64)
    sums, counts = _by_group(array, groups)
    rng = np.random.default_rng(seed)
    rows = rng.integers(len(sums), size=(_RESAMPLES, len(sums)))
    means = sums[rows].sum(axis=1) / counts[rows].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(array.mean()), float(low), float(high))


def paired_difference(
    ours: ArrayLike, theirs: ArrayLike, *, groups: Sequence[object] | None = None, seed: int = 0
) -> Interval:
    """The mean of ours minus theirs on the same episodes (n,), with its bootstrap interval; groups as above."""
    return bootstrap_mean(
        np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64), groups=groups, seed=seed
    )


def _by_group(
    values: NDArray[np.float64], groups: Sequence[object] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum and number of the values of each group."""
    if groups is None:
        return values, np.ones(len(values))
    names, numbers = np.unique([str(group) for group in groups], return_inverse=True)
    if len(names) == 1:
        return values, np.ones(len(values))
    return np.bincount(numbers, weights=values).astype(np.float64), np.bincount(numbers).astype(np.float64)


def sign_flip_p(differences: ArrayLike, *, seed: int = 0) -> float:
    """Two-sided p of paired differences (n,) whose signs would be a toss if there were none.

    Never 0: the sample itself is one of the tosses.
    """
    array = np.asarray(differences, dtype=np.float64)
    array = array[array != 0.0]
    if not len(array):
        return 1.0
    rng = np.random.default_rng(seed)
    signs = rng.integers(0, 2, size=(_RESAMPLES, len(array)), dtype=np.int8) * 2 - 1
    extreme = np.abs(signs @ array) >= abs(array.sum()) - 1e-12
    return float((extreme.sum() + 1) / (_RESAMPLES + 1))


def holm(ps: Sequence[float]) -> list[float]:
    """The p values corrected for their number (Holm 1979), in the same order."""
    corrected, before = [1.0] * len(ps), 0.0
    for rank, index in enumerate(np.argsort(ps, kind="stable").tolist()):
        before = max(before, min(1.0, (len(ps) - rank) * ps[index]))
        corrected[index] = before
    return corrected


def mean_over_seeds(values: ArrayLike, *, seed: int = 0) -> Interval:
    """A mean over trainings and episodes, with its bootstrap interval over trainings, then layouts.

    Args:
        values: (S, n) of trainings with S seeds, each on the same n layouts.
        seed: of the resampling.
    """
    array = np.atleast_2d(np.asarray(values, dtype=np.float64))
    rng = np.random.default_rng(seed)
    means = _resampled(array, _drawn(rng, array.shape[0]), _drawn(rng, array.shape[1]))
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(array.mean()), float(low), float(high))


def ratio_over_seeds(numbers: ArrayLike, per: ArrayLike, *, seed: int = 0) -> Interval:
    """The sum of numbers per sum of what they are counted by, with its bootstrap interval as of `mean_over_seeds`.

    Args:
        numbers: (S, n) of trainings with S seeds, each on the same n layouts, such as how often something was found.
        per: (S, n) such as how often it was lost.
        seed: of the resampling.

    Returns:
        The ratio; NaN if there is nothing to count by. Resamples with nothing to count by are left out of the interval.
    """
    above, below = (np.atleast_2d(np.asarray(values, dtype=np.float64)) for values in (numbers, per))
    if below.sum() <= 0.0:
        return Interval(np.nan, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    trainings, layouts = _drawn(rng, above.shape[0]), _drawn(rng, above.shape[1])
    counted = _resampled(below, trainings, layouts)
    known = counted > 0.0
    low, high = np.quantile(_resampled(above, trainings, layouts)[known] / counted[known], (0.025, 0.975))
    return Interval(float(above.sum() / below.sum()), float(low), float(high))


def difference_over_seeds(ours: ArrayLike, theirs: ArrayLike, *, seed: int = 0) -> tuple[Interval, float]:
    """The mean of ours minus theirs on the same layouts, each of several trainings.

    Args:
        ours: (S, n)
        theirs: (T, n) on the same n layouts.
        seed: of the resampling.

    Returns:
        The difference with its bootstrap interval over trainings, of each side by itself, then layouts, of both
        together; and twice the smaller share of resamples on one side of 0, which is never 0.
    """
    one, other = (np.atleast_2d(np.asarray(values, dtype=np.float64)) for values in (ours, theirs))
    rng = np.random.default_rng(seed)
    layouts = _drawn(rng, one.shape[1])
    differences = _resampled(one, _drawn(rng, len(one)), layouts) - _resampled(other, _drawn(rng, len(other)), layouts)
    low, high = np.quantile(differences, (0.025, 0.975))
    below, above = (differences <= 0.0).sum(), (differences >= 0.0).sum()
    p = min(1.0, 2.0 * (float(min(below, above)) + 1.0) / (_RESAMPLES + 1.0))
    return Interval(float(one.mean() - other.mean()), float(low), float(high)), p


def _drawn(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """How often each of some is drawn (RESAMPLES, count), as a share."""
    return rng.multinomial(count, np.full(count, 1.0 / count), size=_RESAMPLES) / count


def _resampled(
    values: NDArray[np.float64], seeds: NDArray[np.float64], layouts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Means (RESAMPLES,) of values (S, n) by shares of both."""
    means: NDArray[np.float64] = ((seeds @ values) * layouts).sum(axis=1)
    return means
