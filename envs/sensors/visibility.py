"""What a camera could see in truth: geometry alone, the same for every renderer, resolution and noise."""

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.layouts.free_space import BODY_RADIUS_M
from envs.sensors.camera import CX, CY, FX, FY, HEIGHT_M, RANGE_MAX_M, RANGE_MIN_M
from envs.sensors.crossing import Crossings, cross, enter_circle, make_crossings
from envs.sensors.images import Movers, check_array, check_worlds
from envs.sensors.scene import Z_HIGH, Z_LOW, Scene, SceneArrays

LATERAL_POINTS = 5
HEIGHT_POINTS = 6
"""Sample points: the middles of equal parts of the silhouette, across and from feet to head."""


class Visibility:
    """The share of the target's body that each tracker's camera could see.

    Args:
        scene: static geometry of the worlds.
        cameras: (W, 7) rows of `camera_row`, kept by reference.
        movers: heights of the bodies, kept by reference.
        height: rows of the image; with the camera row they give the field of view.
        width: columns of the image.
    """

    def __init__(self, scene: Scene, cameras: NDArray[np.float64], movers: Movers, height: int, width: int) -> None:
        check_array("cameras", cameras, (scene.num_worlds, 7), np.float64)
        self._scene, self._cameras, self._movers = scene, cameras, movers
        self._image = (height, width)

    def shares(self, worlds: NDArray[np.int64], poses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share (n,) of the target's sample points in view, in range and not hidden, for worlds (n,).

        Raises:
            ValueError: if an array has another shape or type.
            IndexError: if a world does not exist.
        """
        check_worlds(worlds, self._scene.num_worlds)
        check_array("poses", poses, (*self._movers.heights.shape, 3), np.float64)
        shares = np.empty(len(worlds))
        scene = self._scene
        _shares(worlds, poses, self._movers.heights, self._cameras, self._image, scene.arrays, scene.max_prisms, shares)
        return shares


def line_of_sight(scene: Scene, world: int, start: tuple[float, float, float], end: tuple[float, float, float]) -> bool:
    """Whether no prism of a world touches the segment between two points x, y, z in metres."""
    if not 0 <= world < scene.num_worlds:
        raise IndexError(f"world {world} is not among the {scene.num_worlds} worlds of the scene")
    return bool(segment_is_free(scene.arrays, world, start, end, make_crossings(scene.max_prisms), 0))


@kernel
def segment_is_free(
    scene: SceneArrays,
    world: int,
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    found: Crossings,
    stamp: int,
) -> bool:
    """The same for kernels, which hand in scratch and a number that no other ray of it has."""
    rise = end[2] - start[2]
    ray = (start[0], start[1], end[0] - start[0], end[1] - start[1])
    count = cross(scene, world, ray, 1.0, (start[2], rise, rise), found, stamp)
    first_prism = scene.places[world, 2]
    for k in range(count):
        prism = first_prism + found.prism[k]
        at_enter, at_leave = start[2] + rise * found.enter[k], start[2] + rise * min(found.leave[k], 1.0)
        if (
            max(at_enter, at_leave) >= scene.records[prism, Z_LOW]
            and min(at_enter, at_leave) <= scene.records[prism, Z_HIGH]
        ):
            return False
    return True


@kernel
def _shares(
    worlds: NDArray[np.int64],
    poses: NDArray[np.float64],
    heights: NDArray[np.float64],
    cameras: NDArray[np.float64],
    image: tuple[int, int],
    scene: SceneArrays,
    max_prisms: int,
    shares: NDArray[np.float64],
) -> None:
    found = make_crossings(max_prisms)
    stamp = 0
    for k in range(len(worlds)):
        world = worlds[k]
        camera, eye, target = cameras[world], poses[world, 0], poses[world, 1]
        to_x, to_y = target[0] - eye[0], target[1] - eye[1]
        distance = np.sqrt(to_x * to_x + to_y * to_y)
        shares[k] = 0.0
        if not distance > 0.0:  # also where a pose is not finite
            continue
        points = 0
        for lateral in range(LATERAL_POINTS):
            offset = ((2 * lateral + 1) / LATERAL_POINTS - 1.0) * BODY_RADIUS_M / distance
            ray = (eye[0], eye[1], to_x - offset * to_y, to_y + offset * to_x)
            in_view = _points_in_view(camera, image, eye[2], ray, heights[world, 1])
            if in_view:
                in_view = _without_hidden_by_prisms(in_view, scene, world, camera, ray, heights[world, 1], found, stamp)
                stamp += 1
            for mover in range(2, poses.shape[1]):
                if in_view:
                    body = (poses[world, mover, 0], poses[world, mover, 1], heights[world, mover])
                    in_view = _without_hidden_by_mover(in_view, camera, ray, heights[world, 1], body)
            while in_view:
                points += in_view & 1
                in_view >>= 1
        shares[k] = points / (LATERAL_POINTS * HEIGHT_POINTS)


@kernel
def _points_in_view(
    camera: NDArray[np.float64],
    image: tuple[int, int],
    yaw: float,
    ray: tuple[float, float, float, float],
    height: float,
) -> int:
    """Bit i is set if the point at height i above the end of the ray lies in range and in the field of view."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    depth, right = cos * ray[2] + sin * ray[3], sin * ray[2] - cos * ray[3]
    if not (camera[RANGE_MIN_M] <= depth <= camera[RANGE_MAX_M]):
        return 0
    if not (0.0 <= camera[CX] + camera[FX] * right / depth <= image[1]):
        return 0
    points = 0
    for i in range(HEIGHT_POINTS):
        z = (i + 0.5) / HEIGHT_POINTS * height
        if 0.0 <= camera[CY] + camera[FY] * (camera[HEIGHT_M] - z) / depth <= image[0]:
            points |= 1 << i
    return points


@kernel
def _without_hidden_by_prisms(
    points: int,
    scene: SceneArrays,
    world: int,
    camera: NDArray[np.float64],
    ray: tuple[float, float, float, float],
    height: float,
    found: Crossings,
    stamp: int,
) -> int:
    eye = camera[HEIGHT_M]
    lowest, highest = 0.5 / HEIGHT_POINTS * height, (HEIGHT_POINTS - 0.5) / HEIGHT_POINTS * height
    count = cross(scene, world, ray, 1.0, (eye, lowest - eye, highest - eye), found, stamp)
    first_prism = scene.places[world, 2]
    for k in range(count):
        record = scene.records[first_prism + found.prism[k]]
        span = (found.enter[k], min(found.leave[k], 1.0))
        points = _without_hidden(points, eye, height, span, record[Z_LOW], record[Z_HIGH])
    return points


@kernel
def _without_hidden_by_mover(
    points: int,
    camera: NDArray[np.float64],
    ray: tuple[float, float, float, float],
    height: float,
    body: tuple[float, float, float],
) -> int:
    enter, leave = enter_circle(ray[0] - body[0], ray[1] - body[1], ray[2], ray[3], BODY_RADIUS_M)
    enter, leave = max(enter, 0.0), min(leave, 1.0)
    if leave <= enter:
        return points
    return _without_hidden(points, camera[HEIGHT_M], height, (enter, leave), 0.0, body[2])


@kernel
def _without_hidden(points: int, eye: float, height: float, span: tuple[float, float], low: float, high: float) -> int:
    """Drop the points whose sight line passes between two heights somewhere along a span of the ray."""
    for i in range(HEIGHT_POINTS):
        rise = (i + 0.5) / HEIGHT_POINTS * height - eye
        at_enter, at_leave = eye + rise * span[0], eye + rise * span[1]
        if max(at_enter, at_leave) >= low and min(at_enter, at_leave) <= high:
            points &= ~(1 << i)
    return points
