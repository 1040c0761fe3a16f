"""Painting boxes and cylinders: which columns they cover, and where each column's ray enters and leaves them.

One over the depth of a plane is linear in the column, so a face costs a multiplication per column.
"""

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.sensors.camera import CX, FX, HEIGHT_M
from envs.sensors.canvas import Canvas, paint_column
from envs.sensors.crossing import enter_circle
from envs.sensors.scene import COS, HALF_X, HALF_Y, SIN, Z_HIGH, Z_LOW, X, Y
from envs.sensors.shading import side_level

_TINY = 1e-9
_NEAREST_INVERSE = 1e6
"""One over the depth, in 1/m, at which a ray enters a prism that the camera stands in, over or under."""


@kernel
def paint_box(
    canvas: Canvas,
    camera: NDArray[np.float64],
    pose: tuple[float, float, float, float],
    record: NDArray[np.float64],
    z_top: float,
    farthest: float,
    code: int,
) -> None:
    """Paint a box.

    Args:
        canvas: where.
        camera: row of the camera.
        pose: of the camera: x, y in metres, cosine and sine of the yaw.
        record: the box.
        z_top: height of the highest prism of the world, metres.
        farthest: depth in metres beyond which nothing is seen in any column.
        code: surface without brightness, or NO_CODE.
    """
    offset_x, offset_y = pose[0] - record[X], pose[1] - record[Y]
    cos, sin = record[COS], record[SIN]
    # in the box's frame: the camera's position and its optical axis; its right is (axis_across, -axis_along)
    along, across = cos * offset_x + sin * offset_y, cos * offset_y - sin * offset_x
    axis_along, axis_across = cos * pose[2] + sin * pose[3], cos * pose[3] - sin * pose[2]
    column_from, column_to = _columns_of_box(
        canvas, camera, along, across, axis_along, axis_across, record[HALF_X], record[HALF_Y], farthest
    )
    if column_from >= column_to:
        return
    sign_along, near_along, plus_along, minus_along = _slab(along, record[HALF_X])
    sign_across, near_across, plus_across, minus_across = _slab(across, record[HALF_Y])
    heights = (record[Z_LOW] - camera[HEIGHT_M], record[Z_HIGH] - camera[HEIGHT_M], z_top - camera[HEIGHT_M])
    level_along = level_across = 0
    if code >= 0:
        level_along = side_level(sign_along * cos, sign_along * sin)
        level_across = side_level(-sign_across * sin, sign_across * cos)
    for column in range(column_from, column_to):
        lateral = (column + 0.5 - camera[CX]) / camera[FX]
        ray_along, ray_across = axis_along + lateral * axis_across, axis_across - lateral * axis_along
        enter_along = ray_along * near_along if sign_along != 0.0 else _NEAREST_INVERSE
        enter_across = ray_across * near_across if sign_across != 0.0 else _NEAREST_INVERSE
        leave_along = max(ray_along * plus_along, ray_along * minus_along)
        leave_across = max(ray_across * plus_across, ray_across * minus_across)
        enter, leave = min(enter_along, enter_across), max(leave_along, leave_across)
        if enter > leave and enter * canvas.far[column] > 1.0:
            level = level_along if enter_along < enter_across else level_across
            paint_column(canvas, camera, column, (enter, leave), heights, code, level)


@kernel
def paint_cylinder(
    canvas: Canvas,
    camera: NDArray[np.float64],
    pose: tuple[float, float, float, float],
    body: tuple[float, float, float, float, float],
    z_top: float,
    farthest: float,
    code: int,
) -> tuple[int, int]:
    """Paint a cylinder `body`: x, y, radius, lower and upper end in metres; other arguments as for a box.

    Returns:
        The columns, first and last plus one, that it may have touched.
    """
    offset_x, offset_y, radius = body[0] - pose[0], body[1] - pose[1], body[2]
    forward, right = pose[2] * offset_x + pose[3] * offset_y, pose[3] * offset_x - pose[2] * offset_y
    if not (forward > -radius and forward - radius < farthest):
        return 0, 0
    column_from, column_to = 0, len(canvas.depth)
    if forward > radius + _TINY:  # the two tangents bound the columns
        gap = forward * forward - radius * radius
        root = radius * np.sqrt(right * right + gap)
        column_from, column_to = _columns_between(
            canvas, camera, (right * forward - root) / gap, (right * forward + root) / gap
        )
    heights = (body[3] - camera[HEIGHT_M], body[4] - camera[HEIGHT_M], z_top - camera[HEIGHT_M])
    for column in range(column_from, column_to):
        lateral = (column + 0.5 - camera[CX]) / camera[FX]
        enter, leave = enter_circle(-forward, -right, 1.0, lateral, radius)
        if leave <= max(enter, 0.0) or enter >= canvas.far[column]:
            continue
        level = 0
        if code >= 0:
            normal_forward, normal_right = (enter - forward) / radius, (enter * lateral - right) / radius
            level = side_level(
                pose[2] * normal_forward + pose[3] * normal_right, pose[3] * normal_forward - pose[2] * normal_right
            )
        inverse = (min(1.0 / max(enter, _TINY), _NEAREST_INVERSE), 1.0 / leave)
        paint_column(canvas, camera, column, inverse, heights, code, level)
    return column_from, column_to


@kernel
def _slab(position: float, half: float) -> tuple[float, float, float, float]:
    """One axis of a box: the sign of the face that looks at the camera, by which rays enter, one over its distance.

    Then one over the distances of the faces by which a ray may leave: the other face twice, or both faces if the camera
    is between them, where the sign is 0.
    """
    to_plus, to_minus = half - position, -half - position
    to_plus = to_plus if abs(to_plus) > _TINY else _TINY
    to_minus = to_minus if abs(to_minus) > _TINY else -_TINY
    plus, minus = 1.0 / to_plus, 1.0 / to_minus
    if position > half:
        return 1.0, plus, minus, minus
    if position < -half:
        return -1.0, minus, plus, plus
    return 0.0, 0.0, plus, minus


@kernel
def _columns_of_box(
    canvas: Canvas,
    camera: NDArray[np.float64],
    along: float,
    across: float,
    axis_along: float,
    axis_across: float,
    half_along: float,
    half_across: float,
    farthest: float,
) -> tuple[int, int]:
    """The columns between the outermost corners; all of them if a corner lies behind the camera."""
    forward = -(along * axis_along + across * axis_across)
    right = across * axis_along - along * axis_across
    along_forward, along_right = half_along * axis_along, half_along * axis_across
    across_forward, across_right = half_across * axis_across, -half_across * axis_along
    reach = abs(along_forward) + abs(across_forward)
    if not (forward + reach > 0.0 and forward - reach < farthest):
        return 0, 0
    if forward - reach < _TINY:
        return 0, len(canvas.depth)
    a = (right + along_right + across_right) / (forward + along_forward + across_forward)
    b = (right + along_right - across_right) / (forward + along_forward - across_forward)
    c = (right - along_right + across_right) / (forward - along_forward + across_forward)
    d = (right - along_right - across_right) / (forward - along_forward - across_forward)
    return _columns_between(canvas, camera, min(a, b, c, d), max(a, b, c, d))


@kernel
def _columns_between(
    canvas: Canvas, camera: NDArray[np.float64], lateral_from: float, lateral_to: float
) -> tuple[int, int]:
    columns = len(canvas.depth)
    first = camera[CX] - 0.5 + camera[FX] * lateral_from
    last = camera[CX] - 0.5 + camera[FX] * lateral_to
    return int(min(max(np.ceil(first), 0.0), columns)), int(min(max(last + 1.0, 0.0), columns))
