"""Which prisms a ray on the ground plane crosses: one walk through the grid, for visibility.

Points above one another lie over one ray on the ground. The walk finds where that ray enters and leaves each prism;
whoever asked resolves the heights.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.sensors.scene import COS, HALF_X, HALF_Y, SIN, Z_HIGH, Z_LOW, SceneArrays, X, Y

_TINY = 1e-12


class Crossings(NamedTuple):
    """Scratch for the crossings of one ray; a kernel allocates it once per call.

    Attributes:
        enter: (K,) where the ray enters, in units of the ray's direction; 0 for a prism that it starts over.
        leave: (K,) where it leaves.
        prism: (K,) index of the prism within its layout.
        seen: (K,) the last ray that met the prism: a prism that fills several cells is intersected once.
    """

    enter: NDArray[np.float64]
    leave: NDArray[np.float64]
    prism: NDArray[np.int32]
    seen: NDArray[np.int64]


@kernel
def make_crossings(max_prisms: int) -> Crossings:
    """Scratch for layouts of at most that many prisms."""
    size = max(max_prisms, 1)
    return Crossings(np.empty(size), np.empty(size), np.empty(size, np.int32), np.full(size, -1, np.int64))


@kernel
def enter_circle(x: float, y: float, direction_x: float, direction_y: float, radius: float) -> tuple[float, float]:
    """Where a line from (x, y) enters and leaves a circle around the origin; leave < enter: never."""
    a = direction_x * direction_x + direction_y * direction_y
    b = -(x * direction_x + y * direction_y)
    discriminant = b * b - a * (x * x + y * y - radius * radius)
    if not discriminant > 0.0:
        return 1.0, 0.0
    root = np.sqrt(discriminant)
    return (b - root) / a, (b + root) / a


@kernel
def _enter(
    record: NDArray[np.float64], x: float, y: float, direction_x: float, direction_y: float
) -> tuple[float, float]:
    """Where a line enters and leaves a prism; leave < enter: never."""
    offset_x, offset_y = x - record[X], y - record[Y]
    if record[HALF_Y] < 0.0:
        return enter_circle(offset_x, offset_y, direction_x, direction_y, record[HALF_X])
    cos, sin = record[COS], record[SIN]
    along = cos * direction_x + sin * direction_y
    across = cos * direction_y - sin * direction_x
    along = along if abs(along) > _TINY else _TINY
    across = across if abs(across) > _TINY else _TINY
    inverse_along, inverse_across = 1.0 / along, 1.0 / across
    middle_along = -(cos * offset_x + sin * offset_y) * inverse_along
    middle_across = -(cos * offset_y - sin * offset_x) * inverse_across
    half_along, half_across = record[HALF_X] * abs(inverse_along), record[HALF_Y] * abs(inverse_across)
    return (
        max(middle_along - half_along, middle_across - half_across),
        min(middle_along + half_along, middle_across + half_across),
    )


@kernel
def cross(
    scene: SceneArrays,
    world: int,
    ray: tuple[float, float, float, float],
    far: float,
    heights: tuple[float, float, float],
    found: Crossings,
    stamp: int,
) -> int:
    """Collect the prisms that a ray crosses before `far`, and before a prism that hides all behind it.

    Args:
        scene: the worlds.
        world: which one.
        ray: x and y of the start, and its direction, in metres per unit of the ray.
        far: end of the ray, in units of its direction.
        heights: height of the eye in metres, and how much the lowest and the highest sight line of interest rise,
            in metres per unit.
        found: scratch that takes the crossings.
        stamp: a number that no other ray of this scratch has.

    Returns:
        The number of crossings.
    """
    x, y, direction_x, direction_y = ray
    eye, slope_low, slope_high = heights
    x_min, y_min, cell_m, z_top = (
        scene.frames[world, 0],
        scene.frames[world, 1],
        scene.frames[world, 2],
        scene.frames[world, 3],
    )
    columns, rows = scene.places[world, 0], scene.places[world, 1]
    first_prism, first_start, first_item = scene.places[world, 2], scene.places[world, 3], scene.places[world, 4]
    direction_x = direction_x if abs(direction_x) > _TINY else _TINY
    direction_y = direction_y if abs(direction_y) > _TINY else _TINY
    inverse_x, inverse_y = 1.0 / direction_x, 1.0 / direction_y
    # the part of the ray over the grid
    to_left, to_right = (x_min - x) * inverse_x, (x_min + columns * cell_m - x) * inverse_x
    to_bottom, to_top = (y_min - y) * inverse_y, (y_min + rows * cell_m - y) * inverse_y
    here = max(0.0, min(to_left, to_right), min(to_bottom, to_top))
    far = min(far, max(to_left, to_right), max(to_bottom, to_top))
    if not here < far:
        return 0
    column = min(max(int((x + here * direction_x - x_min) / cell_m), 0), columns - 1)
    row = min(max(int((y + here * direction_y - y_min) / cell_m), 0), rows - 1)
    right, up = int(direction_x > 0.0), int(direction_y > 0.0)
    advance_x, advance_y = cell_m * abs(inverse_x), cell_m * abs(inverse_y)
    next_x = (x_min + (column + right) * cell_m - x) * inverse_x
    next_y = (y_min + (row + up) * cell_m - y) * inverse_y
    # a ring of empty cells around the grid: a step too far by rounding stays inside the arrays
    pitch = columns + 2
    cell = first_start + (row + 1) * pitch + column + 1
    step_x, step_y = 2 * right - 1, (2 * up - 1) * pitch
    count = 0
    while here < far:
        for k in range(first_item + scene.starts[cell], first_item + scene.starts[cell + 1]):
            prism = scene.items[k]
            if found.seen[prism] == stamp:
                continue
            found.seen[prism] = stamp
            record = scene.records[first_prism + prism]
            enter, leave = _enter(record, x, y, direction_x, direction_y)
            enter = max(enter, 0.0)
            if leave <= enter or enter >= far:
                continue
            found.enter[count], found.leave[count], found.prism[count] = enter, leave, prism
            count += 1
            if record[Z_LOW] <= max(eye + slope_low * enter, 0.0) and record[Z_HIGH] >= min(
                eye + slope_high * enter, z_top
            ):
                far = enter
        along_x = next_x < next_y
        here = next_x if along_x else next_y
        cell += step_x if along_x else step_y
        next_x += advance_x if along_x else 0.0
        next_y += 0.0 if along_x else advance_y
    return count
