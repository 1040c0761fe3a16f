"""Drives: action scales, acceleration limits, exact arcs, and what is measured afterwards."""

import numpy as np
import pytest

from envs.robots import Limits, RobotSettings, commanded_velocities, measured_velocities, twists, wrapped

DT_S = 0.1


@pytest.fixture
def limits():
    limits = Limits.zeros((1, 1))
    limits.set((0, 0), RobotSettings())
    return limits


def command(limits, action, velocity=(0.0, 0.0)):
    return commanded_velocities(np.array([[action]]), np.array([[velocity]], dtype=float), limits, dt_s=DT_S)[0, 0]


@pytest.mark.parametrize(
    ("action", "velocity", "expected"),
    [
        ((1.0, 1.0), (2.0, 2.0), (2.0, 2.0)),
        ((-1.0, -1.0), (-0.5, -2.0), (-0.5, -2.0)),
        ((0.5, 0.25), (1.0, 0.5), (1.0, 0.5)),
        ((1.0, 1.0), (0.0, 0.0), (0.4, 0.8)),  # 4 m/s² and 8 rad/s² for 0.1 s
        ((0.0, 0.0), (2.0, -2.0), (1.6, -1.2)),
        ((-1.0, 0.0), (0.1, 0.0), (-0.3, 0.0)),
    ],
)
def test_actions_become_velocities_within_the_limits(limits, action, velocity, expected):
    assert command(limits, action, velocity) == pytest.approx(expected)


def test_a_quarter_circle_ends_where_the_arc_ends():
    radius, turn = 1.5, 1.0
    pose = np.array([[[0.0, 0.0, 0.0]]])
    steps = 100
    for _ in range(steps):
        step = twists(pose, np.array([[[radius * turn, turn]]]), dt_s=np.pi / 2 / steps)
        pose = pose + step * (np.pi / 2 / steps)
    assert pose[0, 0] == pytest.approx([radius, radius, np.pi / 2], abs=1e-12)


@pytest.mark.parametrize("velocity", [(2.0, 0.0), (-0.5, 2.0), (1.0, -2.0), (0.0, 1.0)])
@pytest.mark.parametrize("yaw", [0.0, 3.1, -3.1])
def test_what_was_commanded_is_measured(velocity, yaw):
    before = np.array([[[1.0, -2.0, yaw]]])
    after = before + twists(before, np.array([[velocity]], dtype=float), dt_s=DT_S) * DT_S
    after[..., 2] = wrapped(after[..., 2])
    assert measured_velocities(before, after, dt_s=DT_S)[0, 0] == pytest.approx(velocity, abs=1e-12)


def test_a_body_that_was_stopped_measures_zero():
    pose = np.array([[[1.0, 2.0, 0.7]]])
    assert (measured_velocities(pose, pose, dt_s=DT_S) == 0).all()


def test_wrapped_angles():
    angles = np.array([0.0, np.pi, -np.pi, 3 * np.pi, 2 * np.pi + 0.1, -0.1])
    assert wrapped(angles) == pytest.approx([0.0, np.pi, np.pi, np.pi, 0.1, -0.1])
