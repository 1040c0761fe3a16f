"""What the environments of the state show: the robot's view, its map, and the scene from above, side by side."""

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.view import HEIGHT, VIEW_WIDTH
from rspt.perceiver import Perceiver
from rspt.perception.drawing import TARGET_COLOR, UNKNOWN_COLOR, draw_perception

Picture = NDArray[np.uint8]


def state_picture(picture: Picture, perceiver: Perceiver, world: int) -> Picture:
    """The picture (480, 1600, 3) of a world: that of `envs.view` with what the robot knows between its two halves."""
    middle = known_picture(perceiver, world, pixels=HEIGHT)
    return np.concatenate([picture[:, :VIEW_WIDTH], middle, picture[:, VIEW_WIDTH:]], axis=1)


def known_picture(perceiver: Perceiver, world: int, *, pixels: int) -> Picture:
    """What the robot of a world knows, (pixels, pixels, 3): its map, or its last frame if it knows nothing else."""
    if not perceiver.knows_frames_only:
        return draw_perception(perceiver.perception, world, pixels=pixels)
    depth, mask = perceiver.state["map"][world]
    gray = np.repeat(np.uint8(255.0 * (1.0 - depth))[..., None], 3, axis=2)
    gray[depth == 0.0] = UNKNOWN_COLOR
    gray[mask > 0.0] = TARGET_COLOR
    height = round(pixels * len(gray) / gray.shape[1])
    shown = cv2.resize(gray, (pixels, min(height, pixels)), interpolation=cv2.INTER_NEAREST)
    canvas = np.full((pixels, pixels, 3), UNKNOWN_COLOR, dtype=np.uint8)
    top = (pixels - len(shown)) // 2
    canvas[top : top + len(shown)] = shown
    return canvas
