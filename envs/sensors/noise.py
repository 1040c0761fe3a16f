"""Noise of the sensors: depth, target mask and odometry, seeded per episode and independent of batch and order."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from envs.sensors.disturbance import disturb
from envs.sensors.images import check_array, check_worlds
from envs.settings import Settings


class NoiseSettings(Settings):
    """How far sensors and actuation are from perfect; the defaults are perfect."""

    depth_sigma: float = Field(0.0, ge=0.0, le=0.1)
    """Standard deviation of the depth at 1 m, in metres; it grows with the square of the depth."""
    edge_dropout: float = Field(0.0, ge=0.0, le=1.0)
    """Share of the pixels at depth edges that are invalid."""
    far_dropout: float = Field(0.0, ge=0.0, le=1.0)
    """Share of invalid pixels at the range limit; it grows with the fourth power of the depth."""
    mask_miss_rate: float = Field(0.0, ge=0.0, le=1.0)
    """Probability per step that the mask is lost for one to five steps."""
    mask_ragged: float = Field(0.0, ge=0.0, le=0.5)
    """Probability that the mask's border is a pixel further inside, and as often a pixel further outside."""
    mask_false_rate: float = Field(0.0, ge=0.0, le=1.0)
    """Probability per step that a patch is marked where the target is not."""
    odometry_drift: float = Field(0.0, ge=0.0, le=0.2)
    """Drift of the odometry as a share of distance and turn."""
    latency_steps: int = Field(0, ge=0, le=3)
    """Control steps between an action and its execution."""


PRESETS: Mapping[str, NoiseSettings] = MappingProxyType(
    {
        "none": NoiseSettings(),
        "realistic": NoiseSettings(
            depth_sigma=0.0025,
            edge_dropout=0.3,
            far_dropout=0.1,
            mask_miss_rate=0.01,
            mask_ragged=0.15,
            mask_false_rate=0.005,
            odometry_drift=0.005,
            latency_steps=1,
        ),
    }
)


def noise_of(value: "str | NoiseSettings | Mapping[str, Any]") -> NoiseSettings:
    """Settings from the name of a preset, from settings, or from a mapping of their fields.

    Raises:
        ValueError: if there is no such preset, or a field is unknown or out of range.
    """
    if isinstance(value, NoiseSettings):
        return value
    if isinstance(value, Mapping):
        return NoiseSettings(**value)
    if isinstance(value, str) and value in PRESETS:
        return PRESETS[value]
    nearest = difflib.get_close_matches(str(value), PRESETS, n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise ValueError(f"noise {value!r} is unknown; {hint}allowed: {', '.join(PRESETS)}, or a mapping of settings")


class SensorNoise:
    """Disturbs the images of W worlds in place.

    Args:
        noise: settings of all worlds.
        num_worlds: W.
        cameras: (W, 7) rows of `camera_row`, kept by reference.
    """

    def __init__(self, noise: NoiseSettings, num_worlds: int, cameras: NDArray[np.float64]) -> None:
        check_array("cameras", cameras, (num_worlds, 7), np.float64)
        self._cameras = cameras
        self._default = noise
        self._rows = np.tile(_row(noise), (num_worlds, 1))
        self._keys = np.zeros(num_worlds, dtype=np.uint64)

    def begin(self, world: int, key: int, noise: NoiseSettings | None = None) -> None:
        """Start an episode: the key seeds its noise, whose settings may be its own."""
        self._keys[world] = key
        self._rows[world] = _row(self._default if noise is None else noise)

    def disturb(
        self,
        worlds: NDArray[np.int64],
        steps: NDArray[Any],
        depth: NDArray[np.float32],
        mask: NDArray[np.uint8],
    ) -> None:
        """Add noise to the images of the given worlds.

        Args:
            worlds: (n,) indices.
            steps: (W,) number of the step within the episode.
            depth: (W, H, W') metres; stays 0 or within the camera's range.
            mask: (W, H, W') 0 or 1.

        Raises:
            ValueError: if an array has another shape or type.
            IndexError: if a world does not exist.
        """
        check_worlds(worlds, len(self._keys))
        if not self._rows[worlds].any():
            return
        steps = np.asarray(steps, dtype=np.int64)
        check_array("steps", steps, self._keys.shape, np.int64)
        check_array("depth", depth, (len(self._keys), *depth.shape[-2:]), np.float32)
        check_array("mask", mask, depth.shape, np.uint8)
        disturb(worlds, self._keys, steps, self._rows, self._cameras, depth, mask)


def _row(noise: NoiseSettings) -> NDArray[np.float64]:
    return np.array(
        [
            noise.depth_sigma,
            noise.edge_dropout,
            noise.far_dropout,
            noise.mask_miss_rate,
            noise.mask_ragged,
            noise.mask_false_rate,
        ]
    )
