"""Colours of the ray caster: palette times the light on a face, a checkered floor, and haze towards the range limit."""

import numpy as np
from numpy.typing import NDArray

from envs.jit import kernel
from envs.layouts.layout import PALETTE
from envs.sensors.camera import CX, CY, FX, FY, HEIGHT_M, RANGE_MAX_M

LEVELS = 32
"""Steps of brightness."""
SURFACES = 512
"""A pixel's surface is (id + 1) * SURFACES + colour * LEVELS + brightness."""
TOP_LEVEL, BOTTOM_LEVEL, FLOOR_LEVEL = 31, 6, 24
FLOOR_COLOR, SKY_COLOR = len(PALETTE), len(PALETTE) + 1
"""Two colours after the palette's."""
NOTHING_SURFACE = SKY_COLOR * LEVELS + LEVELS - 1
FLOOR_SURFACE = SURFACES + FLOOR_COLOR * LEVELS + FLOOR_LEVEL
_CHECKER_LEVELS = 3
_FLOOR = (168, 162, 152)
_SKY = (206, 220, 232)
_LIGHT = (0.55, 0.83)  # where the light comes from, on the ground
_HAZE = 150.0  # share of 256 that the sky takes at the range limit


def shade_table() -> NDArray[np.int32]:
    """Colours (SURFACES, 3) by colour * LEVELS + brightness."""
    colors = np.concatenate([PALETTE, [_FLOOR, _SKY]]).astype(np.float64)
    brightness = np.linspace(0.45, 1.08, LEVELS)
    brightness_of = np.tile(brightness, (len(colors), 1))
    brightness_of[SKY_COLOR] = 1.0
    table = np.zeros((SURFACES, 3), dtype=np.int32)
    shaded = np.clip(np.round(colors[:, None] * brightness_of[..., None]), 0, 255).reshape(-1, 3)
    table[: len(shaded)] = shaded
    return table


@kernel
def side_level(normal_x: float, normal_y: float) -> int:
    """Brightness of an upright face by its outward normal."""
    return int(15.5 + 11.0 * (normal_x * _LIGHT[0] + normal_y * _LIGHT[1]))


@kernel
def shade(
    surface: NDArray[np.int32],
    depth: NDArray[np.float32],
    camera: NDArray[np.float64],
    pose: NDArray[np.float64],
    table: NDArray[np.int32],
    rgb: NDArray[np.uint8],
) -> None:
    """Turn surfaces (W, H) and depth (W, H) into rgb (H, W, 3)."""
    columns, rows = surface.shape
    cos, sin = np.float32(np.cos(pose[2])), np.float32(np.sin(pose[2]))
    sky = (np.int32(_SKY[0]), np.int32(_SKY[1]), np.int32(_SKY[2]))
    haze = np.float32(_HAZE / (camera[RANGE_MAX_M] * camera[RANGE_MAX_M]))
    for row in range(rows):
        slope = (row + 0.5 - camera[CY]) / camera[FY]
        reach = np.float32(camera[HEIGHT_M] / slope) if slope > 0.0 else np.float32(0.0)
        # where the row meets the floor, for column 0, and the step to the next column
        lateral = reach * np.float32((0.5 - camera[CX]) / camera[FX])
        step = reach / np.float32(camera[FX])
        floor_x = np.float32(pose[0]) + reach * cos + lateral * sin
        floor_y = np.float32(pose[1]) + reach * sin - lateral * cos
        step_x, step_y = step * sin, -step * cos
        for column in range(columns):
            code = surface[column, row]
            kind = code & (SURFACES - 1)
            if code == FLOOR_SURFACE:
                x, y = floor_x + np.float32(column) * step_x, floor_y + np.float32(column) * step_y
                kind += _CHECKER_LEVELS * ((np.int32(np.floor(x)) + np.int32(np.floor(y))) & 1)
            distance = depth[column, row]
            share = np.int32(haze * distance * distance)
            for channel in range(3):
                color = table[kind, channel]
                rgb[row, column, channel] = np.uint8(color + (((sky[channel] - color) * share) >> 8))
