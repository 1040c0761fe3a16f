"""What trackers do out of sight: which steps count, and how fast they are."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from rspt.evaluation.tape import VISIBLE, Track

FILE = Path(__file__).parents[2] / "benchmarks" / "out_of_sight.py"


@pytest.fixture(scope="module")
def out_of_sight():
    spec = importlib.util.spec_from_file_location("out_of_sight", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_speed_of_each_step_that_begins_out_of_sight(out_of_sight):
    poses = np.zeros((5, 2, 3), dtype=np.int16)
    poses[:, 0, 0] = [0, 10, 10, 40, 90]  # cm
    poses[:, 1, 1] = [0, 500, 0, 500, 0]
    events = np.array([VISIBLE, 0, 0, VISIBLE, 0], dtype=np.uint8)  # the last one begins no step
    seen = Track(poses, np.full(5, VISIBLE, dtype=np.uint8))
    speeds = out_of_sight.hidden_speeds([Track(poses, events), seen])
    np.testing.assert_allclose(speeds, [0.0, 3.0])
    assert len(out_of_sight.hidden_speeds([])) == 0
