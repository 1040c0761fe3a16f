"""On a robot: perception and an actor where neither the simulator nor the learners are installed."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys

for name in ("pybullet", "stable_baselines3", "torch"):
    sys.modules[name] = None  # importing it raises ModuleNotFoundError

import numpy as np

from agents.pid import Pid
from rspt.perception import CameraModel, Perception, mounted
from rspt.perception.drawing import draw_perception
from rspt.perception.recording import RecordingWriter, read_recording
from rspt.percept import percept_of

camera = CameraModel.preset("d435", base_from_camera=mounted(0.6, pitch_rad=0.1))
perception = Perception(camera=camera, num_worlds=1, localizer=LOCALIZER, predictor=PREDICTOR)
perception.reset()
target = np.zeros((480, 640), dtype=bool)
target[180:300, 250:280] = True  # a body 2 m ahead, to the left
depth = np.where(target, 1800, 5000).astype(np.uint16)
given = {"mask": {"target_mask": target}, "box": {"target_box_xyxy": [250, 180, 280, 300]}}[LOCALIZER]
for stamp_s in (0.0, 0.033, 0.1):
    state = perception.update(stamp_s=stamp_s, depth=depth, pose=(0.0, 0.0, 0.0), **given)
position = perception.localization.position_ego
assert np.isfinite(state["map"]).all() and np.isfinite(state["vector"]).all()
assert np.abs(position - [[2.1, 0.3]]).max() < 0.2, position
assert state["map"][0, 1].max() > 0.0  # free ground
assert draw_perception(perception).shape == (480, 480, 3)

actor = Pid(percept_of, distance_m=1.0)
actor.reset(np.ones(1, dtype=bool))
forward, left = actor.act(state)[0]
assert forward > 0.0 and left > 0.0, (forward, left)

present = [name for name, module in sys.modules.items() if module is not None]
unwanted = ("envs.", "pybullet", "stable_baselines3", "torch")  # envs itself only registers ids
assert not [name for name in present if name.startswith(unwanted)]
"""


@pytest.mark.parametrize(("localizer", "predictor"), [("mask", "kalman"), ("box", "kalman"), ("mask", "learned")])
def test_a_robot_needs_neither_the_simulator_nor_the_learners(localizer, predictor):
    program = f"LOCALIZER, PREDICTOR = {localizer!r}, {predictor!r}\n{PROGRAM}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
