"""Where the target is, seen from the robot: one position in the ego frame for each world, or missing."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

_AGREES_WITHIN_M = 0.35
"""Pixels whose depth differs more than this, in metres, from the median of the mask belong to something else."""
_FITTING_STEPS = 3
_DAMPING = 0.02
"""Share of the full weight by which the fit of the circle is damped."""
_CONFIDENT_PIXELS = 8


class Localization(NamedTuple):
    """The target as one camera frame shows it, for B worlds.

    Attributes:
        position_ego: (B, 2) x forward and y left in metres of the target's upright axis; NaN where it is missing.
        confidence: (B,) from 0 for missing to 1; grows with the number of pixels that agree on a distance.
        found: (B,) whether the target was located.
    """

    position_ego: NDArray[np.float64]
    confidence: NDArray[np.float64]
    found: NDArray[np.bool_]


class Localizer(Protocol):
    """Locates the target in camera frames, one batch of worlds after the other."""

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Forget the past of the worlds (B,) whose episode starts."""

    def localize(
        self,
        depth: NDArray[np.float32],
        *,
        target_mask: NDArray[np.uint8] | None = None,
        rgb: NDArray[np.uint8] | None = None,
    ) -> Localization:
        """Locate the target in depth (B, H, W) metres and either a mask (B, H, W) or a picture (B, H, W, 3)."""


class MaskLocalizer:
    """Locates a round upright body from the mask of its pixels and their depth; keeps no memory.

    The depth shows the surface that faces the camera. The axis is the centre of the circle of the body's radius that
    fits the surface points best, so a body that is half hidden behind a corner is not drawn towards its visible half.

    Args:
        hfov_rad: horizontal field of view in radians, one for all worlds or one for each (B,).
        range_max_m: depth in metres from which on a pixel means that nothing is within range.
        body_radius_m: radius of the target in metres.
    """

    def __init__(
        self,
        *,
        hfov_rad: float | NDArray[np.float64] = np.pi / 2,
        range_max_m: float = 8.0,
        body_radius_m: float = 0.25,
    ) -> None:
        self._hfov_rad = np.atleast_1d(np.asarray(hfov_rad, dtype=np.float64))
        if not ((self._hfov_rad > 0) & (self._hfov_rad < np.pi)).all():
            raise ValueError(f"hfov_rad must lie between 0 and pi, not {hfov_rad}")
        if not (np.isfinite(range_max_m) and range_max_m > 0):
            raise ValueError(f"range_max_m must be positive and finite, not {range_max_m}")
        if not (np.isfinite(body_radius_m) and body_radius_m >= 0):
            raise ValueError(f"body_radius_m must be finite and not negative, not {body_radius_m}")
        self._range_max_m = range_max_m
        self._body_radius_m = body_radius_m

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Nothing to forget: every frame is judged alone."""

    def localize(
        self,
        depth: NDArray[np.float32],
        *,
        target_mask: NDArray[np.uint8] | None = None,
        rgb: NDArray[np.uint8] | None = None,
    ) -> Localization:
        """Locate the target in depth (B, H, W) metres under its mask (B, H, W); `rgb` is not looked at.

        Raises:
            ValueError: if there is no mask, or the shapes do not agree.
        """
        if target_mask is None:
            raise ValueError("MaskLocalizer needs target_mask (B, H, W)")
        _check_shapes(depth, target_mask, self._hfov_rad)
        worlds, height, width = depth.shape
        masked = np.flatnonzero(target_mask)
        depths = depth.reshape(-1)[masked].astype(np.float64)
        with np.errstate(invalid="ignore"):
            valid = (depths > 0.0) & (depths < self._range_max_m)  # NaN compares false
        world = masked // (height * width)
        pixels_masked = np.bincount(world, minlength=worlds)
        world, column, depths = world[valid], masked[valid] % width, depths[valid]

        median = _grouped_median(depths / self._range_max_m, world, worlds) * self._range_max_m
        agrees = np.abs(depths - median[world]) <= _AGREES_WITHIN_M
        world, column, depths = world[agrees], column[agrees], depths[agrees]
        pixels = np.bincount(world, minlength=worlds)
        # an upright surface has one depth per column: its mean tames the noise and leaves few points to fit
        count = np.bincount(world * width + column, minlength=worlds * width)
        total = np.bincount(world * width + column, weights=depths, minlength=worlds * width)
        filled = np.flatnonzero(count)
        world, column, weight = filled // width, filled % width, count[filled].astype(np.float64)
        x = total[filled] / weight
        focal = 0.5 * width / np.tan(0.5 * np.broadcast_to(self._hfov_rad, worlds))
        y = (0.5 * width - (column + 0.5)) / focal[world] * x
        position = _fit_axis(np.stack([x, y]), weight, world, worlds, self._body_radius_m)
        found = pixels > 0
        position[~found] = np.nan
        agreement = pixels / np.maximum(pixels_masked, 1)
        return Localization(position, agreement * np.minimum(pixels / _CONFIDENT_PIXELS, 1.0), found)


def _check_shapes(depth: NDArray[Any], target_mask: NDArray[Any], hfov_rad: NDArray[np.float64]) -> None:
    if depth.ndim != 3 or depth.shape != target_mask.shape:
        raise ValueError(f"depth and target_mask must both be (B, H, W), not {depth.shape} and {target_mask.shape}")
    if len(hfov_rad) not in (1, len(depth)):
        raise ValueError(f"hfov_rad holds {len(hfov_rad)} values for {len(depth)} worlds")


def _grouped_median(values: NDArray[np.float64], group: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
    """Upper median (groups,) of the values of each group, which lie in [0, 1); NaN for an empty group."""
    median = np.full(groups, np.nan)
    counts = np.bincount(group, minlength=groups)
    some = np.flatnonzero(counts)
    ordered = np.sort(group + values)  # one plain sort is several times faster than a sort by two keys
    median[some] = ordered[(np.cumsum(counts) - counts + counts // 2)[some]] - some
    return median


def _fit_axis(
    points: NDArray[np.float64], weight: NDArray[np.float64], world: NDArray[np.int64], worlds: int, radius_m: float
) -> NDArray[np.float64]:
    """Centre (worlds, 2) of the circle of the given radius through the points (2, N) of each world, seen from (0, 0).

    Damped Gauss-Newton on the distances of the points to the circle; the damping keeps the sideways position of a
    body of which only one or two columns are seen where they are.
    """

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(world, weights=weight * values, minlength=worlds).astype(np.float64)

    weights = np.maximum(np.bincount(world, weights=weight, minlength=worlds), 1.0)
    center = np.stack([total(points[0]), total(points[1])]) / weights  # (2, worlds)
    center *= 1.0 + radius_m / np.maximum(np.hypot(center[0], center[1]), 1e-6)
    damping = _DAMPING * weights
    for _ in range(_FITTING_STEPS):
        x, y = points - center[:, world]
        distance = np.maximum(np.hypot(x, y), 1e-6)
        x, y, excess = x / distance, y / distance, distance - radius_m
        xx, xy, yy = total(x * x) + damping, total(x * y), total(y * y) + damping
        ex, ey = total(x * excess), total(y * excess)
        center += np.stack([yy * ex - xy * ey, xx * ey - xy * ex]) / (xx * yy - xy * xy)
    return np.ascontiguousarray(center.T)
