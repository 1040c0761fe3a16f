import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from envs.layouts.rectangles import rectangles_by_blocks, rectangles_of

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12))


def cover_count(rectangles, shape):
    count = np.zeros(shape, dtype=int)
    for row_from, column_from, row_to, column_to in rectangles:
        count[row_from:row_to, column_from:column_to] += 1
    return count


@settings(max_examples=150, deadline=None)
@given(MASKS)
def test_every_cell_of_the_mask_is_covered_once_and_no_other(mask):
    rectangles = rectangles_of(mask)
    assert rectangles.shape == (len(rectangles), 4)
    np.testing.assert_array_equal(cover_count(rectangles, mask.shape), mask.astype(int))


@settings(max_examples=150, deadline=None)
@given(MASKS, st.integers(1, 5))
def test_covering_by_blocks_is_exact_too(mask, block):
    np.testing.assert_array_equal(cover_count(rectangles_by_blocks(mask, block), mask.shape), mask.astype(int))


def test_a_full_mask_is_one_rectangle():
    np.testing.assert_array_equal(rectangles_of(np.ones((7, 5))), [[0, 0, 7, 5]])


def test_an_empty_mask_has_none():
    assert rectangles_of(np.zeros((4, 4))).shape == (0, 4)


def test_an_l_shape_needs_two():
    mask = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 1]])
    assert len(rectangles_of(mask)) == 2


def test_the_better_of_both_directions_is_taken():
    comb = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [1, 0, 1, 0, 1]])
    assert len(rectangles_of(comb)) == len(rectangles_of(comb.T)) == 4


def test_blocks_keep_slivers_short():
    mask = np.ones((8, 9), dtype=bool)
    mask[::2, 8] = False  # a comb at the right border
    rectangles = rectangles_by_blocks(mask, 4)
    assert [0, 0, 8, 8] in rectangles.tolist()
    assert len(rectangles) == 5
