"""What scripted trackers read of the state."""

import numpy as np
import pytest

from rspt.percept import room_behind


@pytest.mark.parametrize(
    ("seen_rows", "room_m"),
    # 8 rows of 0.3 m lie behind the robot, whose rear is 0.25 m behind its axis
    [(0, 0.0), (1, 0.05), (4, 0.95), (8, 2.15)],
)
def test_the_room_behind_is_what_was_seen_without_a_gap(seen_rows, room_m):
    maps = np.zeros((2, 6, 32, 32), dtype=np.float32)
    maps[0, 1, 24 : 24 + seen_rows] = 0.9
    maps[1, 1, 25:] = 0.9  # behind a gap right behind the robot
    np.testing.assert_allclose(room_behind(maps), [room_m, 0.0], atol=1e-6)


def test_one_side_alone_is_no_room():
    maps = np.zeros((1, 6, 32, 32), dtype=np.float32)
    maps[0, 1, 24:, :16] = 0.9
    assert room_behind(maps)[0] == 0.0
