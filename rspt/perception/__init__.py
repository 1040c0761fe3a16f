"""From RGB-D frames and odometry to what a tracker acts on. Nothing here knows a simulator.

`Perception` is the whole; `CameraModel` describes the camera it looks through.
"""

from rspt.perception.camera import CameraModel, mounted
from rspt.perception.pipeline import Perception
from rspt.perception.window import EgoWindow

__all__ = ["CameraModel", "EgoWindow", "Perception", "mounted"]
