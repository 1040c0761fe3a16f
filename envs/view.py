"""What `render()` shows: the robot's view beside the scene from above."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.batch import WorldBatch
from envs.drawing import TopDown
from envs.physics import has_display
from envs.robot_view import RobotView

Picture = NDArray[np.uint8]
RENDER_MODES = ("rgb_array", "human")
HEIGHT, VIEW_WIDTH, MAP_WIDTH = 480, 640, 480
"""Pixels of the picture: always the same, so that a video may span episodes."""
_PAPER = (247, 246, 242)
_INK = (36, 38, 42)
_BAR = 26
_PATH_STEPS_MAX = 5000


class View:
    """Pictures of the worlds of a batch; remembers the paths of the present episodes.

    `begin` after every reset of the batch, `follow` after every step.
    """

    def __init__(self, batch: WorldBatch) -> None:
        self._batch = batch
        self._maps: list[TopDown | None] = [None] * batch.num_worlds
        self._robot_view = RobotView(batch, HEIGHT, VIEW_WIDTH)
        self._paths: list[list[NDArray[np.float64]]] = [[] for _ in range(batch.num_worlds)]
        self.follow()

    def begin(self) -> None:
        """Forget the paths of the worlds that stand at the start of an episode."""
        for world in np.flatnonzero(self._batch.out.info["step"] == 0).tolist():
            self._maps[world], self._paths[world] = None, []
        self.follow()

    def follow(self) -> None:
        """Take down where everybody is."""
        out = self._batch.out
        for world in range(self._batch.num_worlds):
            if out.restarted[world]:
                self._maps[world], self._paths[world] = None, []
            self._paths[world].append(out.status.poses[world, :, :2].copy())
            del self._paths[world][:-_PATH_STEPS_MAX]

    def picture(self, world: int) -> Picture:
        """The picture (480, 1120, 3) of one world."""
        picture = np.empty((HEIGHT, VIEW_WIDTH + MAP_WIDTH, 3), dtype=np.uint8)
        picture[:] = _PAPER
        picture[:, :VIEW_WIDTH] = self._robot_view.picture(world)
        map_picture = self._map(world)
        height, width = map_picture.shape[:2]
        top, left = (HEIGHT - height) // 2, VIEW_WIDTH + (MAP_WIDTH - width) // 2
        picture[top : top + height, left : left + width] = map_picture
        self._caption(picture, world)
        return picture

    def _map(self, world: int) -> Picture:
        episode = self._batch.episodes[world]
        drawing = self._maps[world]
        if drawing is None:
            drawing = TopDown(episode.place.layout, pixels=MAP_WIDTH, space=episode.place.space)
            self._maps[world] = drawing
        paths = np.stack(self._paths[world])  # (T, M, 2)
        return drawing.draw(
            self._batch.out.status.poses[world],
            paths=list(paths.transpose(1, 0, 2)),
            hfov_rad=float(np.radians(episode.camera.hfov_deg)),
            range_m=episode.camera.range_max_m,
            looks=episode.looks.tolist(),
        )

    def _caption(self, picture: Picture, world: int) -> None:
        out = self._batch.out
        bar = picture[HEIGHT - _BAR :, :VIEW_WIDTH]
        bar[:] = (bar * 0.25).astype(np.uint8)
        hidden = int(out.status.hidden_steps[world])
        sight = f"visible {out.status.visible_share[world]:.0%}" if not hidden else f"hidden for {0.1 * hidden:.1f} s"
        contact = "   CONTACT" if out.status.contact[world] or out.status.contact_target[world] else ""
        text = (
            f"{0.1 * out.info['step'][world]:5.1f} s   {out.status.distance_m[world]:.1f} m"
            f"   {np.degrees(out.status.bearing_rad[world]):+.0f} deg   {sight}{contact}"
        )
        color = (255, 120, 100) if hidden or contact else (235, 238, 240)
        cv2.putText(picture, text, (10, HEIGHT - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, color, 1, cv2.LINE_AA)
        name = self._batch.episodes[world].place.layout.name
        cv2.putText(picture, name, (VIEW_WIDTH + 8, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)


def checked_render_mode(mode: str | None, allowed: Sequence[str] = RENDER_MODES) -> str | None:
    """The mode, if it exists.

    Raises:
        ValueError: naming the mode and those that exist.
    """
    if mode is not None and mode not in allowed:
        raise ValueError(f"render_mode must be one of {list(allowed)} or None, got {mode!r}")
    return mode


def usable_render_modes() -> list[str]:
    """The render modes that work on this machine: a window needs a display."""
    return [mode for mode in RENDER_MODES if mode != "human" or has_display()]
