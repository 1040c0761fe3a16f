"""What the environments of the state show: the robot's view, its map, and the scene from above, side by side."""

import numpy as np
from numpy.typing import NDArray

from envs.view import HEIGHT, VIEW_WIDTH
from rspt.perception.drawing import draw_perception
from rspt.perception.pipeline import Perception

Picture = NDArray[np.uint8]


def state_picture(picture: Picture, perception: Perception, world: int) -> Picture:
    """The picture (480, 1600, 3) of a world: that of `envs.view` with the robot's map between its two halves."""
    middle = draw_perception(perception, world, pixels=HEIGHT)
    return np.concatenate([picture[:, :VIEW_WIDTH], middle, picture[:, VIEW_WIDTH:]], axis=1)
