"""Intervals against values from the literature and against simulation."""

import numpy as np
import pytest

from rspt.evaluation.statistics import (
    Interval,
    bootstrap_mean,
    difference_over_seeds,
    holm,
    mean_over_seeds,
    paired_difference,
    ratio_over_seeds,
    sign_flip_p,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # the score interval of Wilson (1927), as in Brown, Cai and DasGupta (2001)
    [(0, 10, 0.0, 0.277533), (10, 10, 0.722467, 1.0), (95, 100, 0.888250, 0.978457), (1, 4, 0.045587, 0.699358)],
)
def test_wilson_intervals(successes, n, low, high):
    interval = wilson(successes, n)
    assert interval.value == successes / n
    assert interval.low == pytest.approx(low, abs=1e-5)
    assert interval.high == pytest.approx(high, abs=1e-5)


@pytest.mark.parametrize(("successes", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_what_is_no_share_is_refused(successes, n):
    with pytest.raises(ValueError, match="no share"):
        wilson(successes, n)


def test_a_bootstrap_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        interval = bootstrap_mean(rng.normal(3.0, 2.0, 50))
        covered += interval.low <= 3.0 <= interval.high
    assert 0.89 <= covered / 200 <= 0.99


def test_one_group_alone_has_the_interval_of_its_episodes():
    values = np.random.default_rng(0).normal(size=30)
    assert bootstrap_mean(values, groups=["a"] * 30) == bootstrap_mean(values)


def test_groups_that_are_alike_inside_widen_the_interval():
    rng = np.random.default_rng(2)
    buildings = np.repeat(np.arange(10), 20)
    values = rng.normal(0.0, 1.0, 10)[buildings] + rng.normal(0.0, 0.1, 200)
    alone, grouped = bootstrap_mean(values), bootstrap_mean(values, groups=buildings.tolist())
    assert alone.value == grouped.value
    assert grouped.high - grouped.low > 3.0 * (alone.high - alone.low)


def test_pairs_see_a_small_difference_that_the_noise_would_hide():
    rng = np.random.default_rng(3)
    theirs = rng.normal(0.0, 5.0, 100)
    interval = paired_difference(theirs + 0.5 + rng.normal(0.0, 0.1, 100), theirs)
    assert interval.low > 0.4
    assert interval.high < 0.6


def test_flipping_signs_finds_a_difference_and_none_where_there_is_none():
    assert sign_flip_p([1.0] * 10) == pytest.approx(2 / 2**10, abs=2e-3)  # all alike: two of 1024 tosses
    assert sign_flip_p([0.0] * 10) == 1.0
    rng = np.random.default_rng(4)
    ps = [sign_flip_p(rng.normal(0.0, 1.0, 30), seed=number) for number in range(200)]
    assert 0.01 < np.mean(np.array(ps) < 0.05) < 0.1
    assert sign_flip_p(rng.normal(1.0, 1.0, 30)) < 0.001


def test_holm_as_in_the_textbook():
    # 0.01, 0.02, 0.03, 0.04 with m = 4: 0.04, 0.06, 0.06, 0.06
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_an_interval_over_trainings_knows_that_they_differ():
    rng = np.random.default_rng(5)
    alike = rng.normal(0.5, 0.1, (3, 100))
    apart = alike + np.array([[-0.2], [0.0], [0.2]])
    one, other = mean_over_seeds(alike), mean_over_seeds(apart)
    assert one.value == pytest.approx(other.value)
    assert other.high - other.low > 5.0 * (one.high - one.low)
    # of one training alone it is the interval over its layouts
    single, plain = mean_over_seeds(alike[:1]), bootstrap_mean(alike[0])
    assert single == pytest.approx(plain, abs=0.005)


def test_a_ratio_over_trainings_counts_every_loss_once():
    lost = np.array([[4, 0, 0, 1], [0, 2, 0, 3]])
    found = np.array([[1, 0, 0, 1], [0, 2, 0, 1]])
    ratio = ratio_over_seeds(found, lost)
    assert ratio.value == 0.5  # 5 of 10, although the shares of the episodes have a mean of 0.65
    assert 0.0 <= ratio.low < ratio.value < ratio.high <= 1.0
    # where all are found in one training and none in the other, that is what the interval tells
    wide = ratio_over_seeds([[5] * 50, [0] * 50], np.full((2, 50), 5))
    assert (wide.low, wide.high) == (0.0, 1.0)
    assert all(np.isnan(ratio_over_seeds([[0, 0]], [[0, 0]])))


def test_differences_over_trainings_pair_the_layouts():
    rng = np.random.default_rng(6)
    layouts = rng.normal(0.0, 1.0, 200)  # hard and easy ones, for all trainings alike
    theirs = layouts + rng.normal(0.0, 0.1, (3, 200))
    ours = layouts + 0.3 + rng.normal(0.0, 0.1, (2, 200))
    interval, p = difference_over_seeds(ours, theirs)
    assert interval.value == pytest.approx(0.3, abs=0.02)
    assert interval.high - interval.low < 0.06
    assert p < 0.001
    back, _ = difference_over_seeds(theirs, ours)
    assert (back.value, back.low, back.high) == pytest.approx(
        (-interval.value, -interval.high, -interval.low), abs=0.01
    )
    assert difference_over_seeds(theirs, theirs)[1] > 0.5
    assert difference_over_seeds(theirs * 0.0, theirs * 0.0) == (Interval(0.0, 0.0, 0.0), 1.0)
