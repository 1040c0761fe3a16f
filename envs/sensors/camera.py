"""The camera of the tracker: resolution, field of view, height and range."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from envs.settings import Settings

FX, FY, CX, CY, HEIGHT_M, RANGE_MIN_M, RANGE_MAX_M = range(7)
"""Columns of a camera row."""


class CameraSettings(Settings):
    """A level pinhole camera at the centre of the robot, with square pixels."""

    width: Annotated[int, Field(ge=8, le=1024)] = 64
    """Columns of the image."""
    height: Annotated[int, Field(ge=8, le=1024)] = 48
    """Rows of the image."""
    hfov_deg: Annotated[float, Field(ge=10.0, le=150.0)] = 90.0
    """Horizontal field of view in degrees."""
    height_m: Annotated[float, Field(ge=0.05, le=3.0)] = 0.8
    """Height of the optical centre above the floor in metres."""
    range_min_m: Annotated[float, Field(ge=0.01, le=2.0)] = 0.1
    """Depth in metres below which a pixel is invalid."""
    range_max_m: Annotated[float, Field(ge=0.5, le=50.0)] = 8.0
    """Depth in metres beyond which nothing is seen."""

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> "CameraSettings":
        if self.range_min_m >= self.range_max_m:
            raise ValueError(f"range_min_m {self.range_min_m} must be less than range_max_m {self.range_max_m}")
        return self


def camera_row(settings: CameraSettings) -> NDArray[np.float64]:
    """The camera as kernels take it: (7,) fx, fy, cx, cy in pixels, height, least and greatest range in metres."""
    focal = (settings.width / 2) / np.tan(np.deg2rad(settings.hfov_deg) / 2)
    center = (settings.width / 2, settings.height / 2)
    return np.array([focal, focal, *center, settings.height_m, settings.range_min_m, settings.range_max_m])


def camera_rows(settings: CameraSettings, num_worlds: int) -> NDArray[np.float64]:
    """The same camera for every world, (W, 7)."""
    return np.tile(camera_row(settings), (num_worlds, 1))
