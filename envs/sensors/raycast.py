"""The ray-casting camera: depth, target mask, instance ids and flat-shaded colours of many worlds."""

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.layouts.free_space import BODY_RADIUS_M
from envs.sensors.camera import CX, FX, RANGE_MAX_M
from envs.sensors.canvas import NO_CODE, Canvas, clear, make_canvas, unroll
from envs.sensors.images import Images, MaskMode, Movers
from envs.sensors.scene import HALF_X, HALF_Y, Z_HIGH, Z_LOW, Scene, SceneArrays, X, Y
from envs.sensors.shading import LEVELS, SURFACES, shade, shade_table
from envs.sensors.solids import paint_box, paint_cylinder
from envs.sensors.view import strip_extent, view_triangle

FIRST_PRISM_ID = 16


class RaycastCamera:
    """Renders W worlds with M movers each, exactly for the prisms of layouts.

    `render` holds no state between calls and frees the interpreter lock: a caller may share the worlds out to threads.

    Args:
        num_worlds: W.
        num_movers: M, with the tracker.
        scene: static geometry of the worlds.
        cameras: (W, 7) rows of `camera_row`; kept by reference, so a world's camera may change between episodes.
        height: rows of the images.
        width: columns of the images.
        mask: `identity` marks the target alone, `class` every mover of its look.

    Attributes:
        movers: heights and looks of the bodies.

    Raises:
        ValueError: if sizes disagree or the mask is unknown.
    """

    def __init__(
        self,
        num_worlds: int,
        num_movers: int,
        scene: Scene,
        cameras: NDArray[np.float64],
        height: int,
        width: int,
        *,
        mask: MaskMode = "identity",
    ) -> None:
        if scene.num_worlds != num_worlds:
            raise ValueError(f"the scene holds {scene.num_worlds} worlds, the camera {num_worlds}")
        self.movers = Movers(num_worlds, num_movers)
        self._images = Images(num_worlds, num_movers, cameras, height, width, mask)
        self._scene = scene
        self._table = shade_table()

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

        Args:
            worlds: (n,) indices.
            poses: (W, M, 3) x, y in metres, yaw in radians.
            depth_out: (W, H, W') metres.
            mask_out: (W, H, W') 0 or 1.
            rgb_out: (W, H, W', 3), or None.
            ids_out: (W, H, W') -1 nothing, 0 floor, m for mover m, 16 + i for prism i of the layout; or None.

        Raises:
            ValueError: if an array has another shape or type, or is not contiguous.
            IndexError: if a world does not exist.
        """
        images = self._images
        images.check(worlds, poses, depth_out, mask_out, rgb_out, ids_out)
        _render(
            worlds,
            poses,
            self.movers.heights,
            self.movers.looks,
            images.mask == "class",
            images.cameras,
            self._scene.arrays,
            self._scene.max_prisms,
            self._table,
            depth_out,
            mask_out,
            images.no_rgb if rgb_out is None else rgb_out,
            images.no_ids if ids_out is None else ids_out,
        )


@kernel
def _render(
    worlds: NDArray[np.int64],
    poses: NDArray[np.float64],
    heights: NDArray[np.float64],
    looks: NDArray[np.uint8],
    by_class: bool,
    cameras: NDArray[np.float64],
    scene: SceneArrays,
    max_prisms: int,
    table: NDArray[np.int32],
    depth: NDArray[np.float32],
    mask: NDArray[np.uint8],
    rgb: NDArray[np.uint8],
    ids: NDArray[np.int32],
) -> None:
    canvas = make_canvas(depth.shape[1], depth.shape[2])
    seen = np.full(max_prisms, -1, dtype=np.int64)
    wants_surface = len(rgb) > 0 or len(ids) > 0
    for stamp, world in enumerate(worlds):
        camera, eye = cameras[world], poses[world, 0]
        pose = (eye[0], eye[1], np.cos(eye[2]), np.sin(eye[2]))
        clear(canvas, camera)
        _paint_prisms(canvas, camera, pose, scene, world, seen, stamp, wants_surface)
        _paint_movers(canvas, camera, pose, poses[world], heights[world], looks[world], by_class, mask[world])
        unroll(canvas.depth, depth[world])
        if len(rgb) > 0:
            shade(canvas.surface, canvas.depth, camera, eye, table, rgb[world])
        if len(ids) > 0:
            for row in range(ids.shape[1]):
                for column in range(ids.shape[2]):
                    ids[world, row, column] = canvas.surface[column, row] // SURFACES - 1


@kernel
def _paint_movers(
    canvas: Canvas,
    camera: NDArray[np.float64],
    pose: tuple[float, float, float, float],
    bodies: NDArray[np.float64],
    heights: NDArray[np.float64],
    looks: NDArray[np.uint8],
    by_class: bool,
    mask: NDArray[np.uint8],
) -> None:
    """Paint every body but the tracker's and mark the pixels of the target (H, W)."""
    mask[:] = 0
    canvas.far[:] = camera[RANGE_MAX_M]  # what hides every prism behind it need not hide a body, which may be taller
    first, last = len(canvas.depth), 0
    for mover in range(1, len(bodies)):
        code = (mover + 1) * SURFACES + np.int64(looks[mover]) * LEVELS
        body = (bodies[mover, 0], bodies[mover, 1], BODY_RADIUS_M, 0.0, heights[mover])
        column_from, column_to = paint_cylinder(canvas, camera, pose, body, np.inf, camera[RANGE_MAX_M], code)
        if column_from < column_to:
            first, last = min(first, column_from), max(last, column_to)
    for column in range(first, last):
        for row in range(len(mask)):
            mover = canvas.surface[column, row] // SURFACES - 1
            if 1 <= mover < len(bodies):
                mask[row, column] = mover == 1 or (by_class and looks[mover] == looks[1])


@kernel
def _paint_prisms(
    canvas: Canvas,
    camera: NDArray[np.float64],
    pose: tuple[float, float, float, float],
    scene: SceneArrays,
    world: int,
    seen: NDArray[np.int64],
    stamp: int,
    wants_surface: bool,
) -> None:
    """Paint the prisms in view, strip by strip of the grid, until every column is closed."""
    columns, rows = scene.places[world, 0], scene.places[world, 1]
    first_prism, first_start, first_item = scene.places[world, 2], scene.places[world, 3], scene.places[world, 4]
    z_top, pitch = scene.frames[world, 3], columns + 2
    lateral = max(camera[CX], len(canvas.depth) - camera[CX]) / camera[FX]
    frame = (scene.frames[world, 0], scene.frames[world, 1], scene.frames[world, 2])
    along_x, triangle = view_triangle(frame, pose, lateral, camera[RANGE_MAX_M])
    strips, cells = (columns, rows) if along_x else (rows, columns)
    low = min(triangle[0][0], triangle[1][0], triangle[2][0])
    high = max(triangle[0][0], triangle[1][0], triangle[2][0])
    if not (low < strips and high >= 0.0):
        return
    strip_low, strip_high = int(max(low, 0.0)), int(min(high, strips - 1.0))
    forward = pose[2] > 0.0 if along_x else pose[3] > 0.0
    for k in range(strip_high - strip_low + 1):
        strip = strip_low + k if forward else strip_high - k
        left, right, share = strip_extent(triangle, strip)
        farthest = canvas.far.max()
        is_ahead = strip >= triangle[0][0] if forward else strip + 1 <= triangle[0][0]
        if is_ahead and share * camera[RANGE_MAX_M] >= farthest:
            return
        if not (left < cells and right >= 0.0):
            continue
        for cell in range(int(max(left - 1e-6, 0.0)), int(min(right + 1e-6, cells - 1.0)) + 1):
            row, column = (cell, strip) if along_x else (strip, cell)
            place = first_start + (row + 1) * pitch + column + 1
            for item in range(first_item + scene.starts[place], first_item + scene.starts[place + 1]):
                prism = scene.items[item]
                if seen[prism] == stamp:
                    continue
                seen[prism] = stamp
                record = scene.records[first_prism + prism]
                code = NO_CODE
                if wants_surface:
                    code = (FIRST_PRISM_ID + 1 + prism) * SURFACES + np.int64(
                        scene.colors[first_prism + prism]
                    ) * LEVELS
                if record[HALF_Y] < 0.0:
                    body = (record[X], record[Y], record[HALF_X], record[Z_LOW], record[Z_HIGH])
                    paint_cylinder(canvas, camera, pose, body, z_top, farthest, code)
                else:
                    paint_box(canvas, camera, pose, record, z_top, farthest, code)
