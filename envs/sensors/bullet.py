"""The camera of the physics engine's renderer: the same contract as the ray caster, from meshes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from envs.physics import Physics
from envs.sensors.camera import CX, CY, FX, FY, HEIGHT_M, RANGE_MAX_M, RANGE_MIN_M
from envs.sensors.images import Images, MaskMode, Movers

_SKY = np.array([206, 220, 232], dtype=np.uint8)


class BulletCamera:
    """Renders each world with its own physics client, one after the other.

    Args:
        physics: one client per world, built with visuals; the bodies stand where the poses say.
        movers: heights and looks of the bodies.
        cameras: (W, 7) rows of `camera_row`, kept by reference.
        height: rows of the images.
        width: columns of the images.
        mask: `identity` marks the target alone, `class` every mover of its look.
        hardware: OpenGL instead of the software renderer.

    Raises:
        ValueError: if sizes disagree or the mask is unknown.
    """

    def __init__(
        self,
        physics: Sequence[Physics],
        movers: Movers,
        cameras: NDArray[np.float64],
        height: int,
        width: int,
        *,
        mask: MaskMode = "identity",
        hardware: bool = False,
    ) -> None:
        num_worlds, num_movers = movers.heights.shape
        if len(physics) != num_worlds:
            raise ValueError(f"{len(physics)} physics clients for {num_worlds} worlds")
        self.movers = movers
        self._physics, self._hardware = physics, hardware
        self._images = Images(num_worlds, num_movers, cameras, height, width, mask)
        self._height, self._width = height, width

    def render(
        self,
        worlds: NDArray[np.int64],
        poses: NDArray[np.float64],
        depth_out: NDArray[np.float32],
        mask_out: NDArray[np.uint8],
        rgb_out: NDArray[np.uint8] | None = None,
        ids_out: NDArray[np.int32] | None = None,
    ) -> None:
        """Write the images of the given worlds, and only theirs.

        Arguments and errors are those of the ray caster; ids of clutter are 16 + its colour.
        """
        self._images.check(worlds, poses, depth_out, mask_out, rgb_out, ids_out)
        for world in worlds.tolist():
            camera = self._images.cameras[world]
            projection, near, far = _projection(camera, self._width, self._height)
            rgb, buffer, ids = self._physics[world].camera_image(
                _view(poses[world, 0], camera[HEIGHT_M]),
                projection,
                width=self._width,
                height=self._height,
                hardware=self._hardware,
            )
            depth_out[world], ids = _metric(buffer, ids, camera, near, far)
            mask_out[world] = np.isin(ids, self._images.marked(self.movers.looks[world]))
            if rgb_out is not None:
                rgb_out[world] = np.where((ids < 0)[..., None], _SKY, rgb)
            if ids_out is not None:
                ids_out[world] = ids


def _view(pose: NDArray[np.float64], height_m: float) -> list[float]:
    """The view matrix of a level camera, column by column: its x to the right, its y up, its z backwards."""
    x, y, yaw = pose.tolist()
    cos, sin = float(np.cos(yaw)), float(np.sin(yaw))
    right, up, back = (sin, -cos, 0.0), (0.0, 0.0, 1.0), (-cos, -sin, 0.0)
    position = (x, y, float(height_m))
    shift = [-sum(a * b for a, b in zip(axis, position, strict=True)) for axis in (right, up, back)]
    columns = [value for i in range(3) for value in (right[i], up[i], back[i], 0.0)]
    return [*columns, *shift, 1.0]


def _projection(camera: NDArray[np.float64], width: int, height: int) -> tuple[list[float], float, float]:
    """The projection matrix, column by column, and its near and far plane in metres."""
    fx, fy, cx, cy = (float(camera[i]) for i in (FX, FY, CX, CY))
    near, far = 0.5 * float(camera[RANGE_MIN_M]), 1.05 * float(camera[RANGE_MAX_M])
    matrix = [0.0] * 16
    matrix[0], matrix[5] = 2 * fx / width, 2 * fy / height
    # the renderer samples the corners of pixels: half a pixel makes them centres
    matrix[8], matrix[9] = 1 - 2 * cx / width + 1 / width, 2 * cy / height - 1 + 1 / height
    matrix[10], matrix[11], matrix[14] = -(far + near) / (far - near), -1.0, -2 * far * near / (far - near)
    return matrix, near, far


def _metric(
    buffer: NDArray[np.float32], ids: NDArray[np.int32], camera: NDArray[np.float64], near: float, far: float
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Depth along the optical axis in metres by the rules of the contract, and ids without what lies out of range."""
    depth = (far * near / (far - (far - near) * buffer.astype(np.float64))).astype(np.float32)
    nothing = (ids < 0) | (depth >= camera[RANGE_MAX_M])
    depth[depth < camera[RANGE_MIN_M]] = 0.0
    depth[nothing] = camera[RANGE_MAX_M]
    return depth, np.where(nothing, np.int32(-1), ids)
