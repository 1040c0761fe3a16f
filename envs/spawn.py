"""Where an episode starts: free places for the tracker, the target and the distractors."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from envs.errors import LayoutError
from envs.jit import kernel
from envs.layouts.free_space import BODY_RADIUS_M, CELL_M, FreeSpace
from envs.paths import sees
from envs.settings import Settings

_TRIES = 2048
_GAP_M = 0.1  # between bodies at the start
_DISTRACTOR_REACH_M = 8.0


class StartSettings(Settings):
    """Where the tracker starts, seen from the target; frozen suites use the defaults."""

    distance_m: tuple[float, float] = (2.5, 2.5)
    """Range of the distance to the target in metres."""
    bearing_deg: tuple[float, float] = (0.0, 0.0)
    """Range of the target's bearing in degrees."""
    hidden_share: float = Field(0.0, ge=0.0, le=1.0)
    """Share of the starts without a line of sight."""

    @model_validator(mode="after")
    def _ordered(self) -> "StartSettings":
        for name, (low, high), least, most in (
            ("distance_m", self.distance_m, 2 * BODY_RADIUS_M + _GAP_M, 8.0),
            ("bearing_deg", self.bearing_deg, -180.0, 180.0),
        ):
            if not least <= low <= high <= most:
                raise ValueError(f"{name} must be a range low <= high within {least} to {most}, got {(low, high)}")
        return self


def draw_start(
    space: FreeSpace,
    settings: StartSettings,
    *,
    num_distractors: int,
    rng: np.random.Generator,
    name: str,
    target_pose: NDArray[np.float64] | None = None,
    given: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Draw free places in the connected region; a bounded number of tries, so that it never hangs.

    A hidden start that a layout does not offer (an empty arena hides nothing) becomes one in sight.

    Args:
        space: the layout's free space.
        settings: ranges.
        num_distractors: further movers.
        rng: generator of the start.
        name: of the layout, for the error.
        target_pose: (3,) where the target stands in any case; drawn if None.
        given: (2, 3) where tracker and target stand in any case; drawn if None.

    Returns:
        Poses (M, 3) of tracker, target and distractors, x, y in metres and yaw in radians.

    Raises:
        LayoutError: if no pair of places was found.
    """
    hidden = bool(rng.random() < settings.hidden_share)
    pair = given
    for wanted_hidden in (True, False) if hidden else (False,):
        if pair is None:
            pair = _find_pair(space, settings, hidden=wanted_hidden, rng=rng, target_pose=target_pose)
        if pair is not None:
            break
    else:
        raise LayoutError(
            f"layout {name!r}: no place for a tracker at {settings.distance_m[0]} to {settings.distance_m[1]} m in"
            f" sight of the target within {_TRIES} tries"
        )
    poses = np.zeros((2 + num_distractors, 3))
    poses[:2] = pair
    for number in range(2, len(poses)):
        poses[number] = _distractor(space, poses[:number], rng=rng, name=name)
    return poses


def _find_pair(
    space: FreeSpace,
    settings: StartSettings,
    *,
    hidden: bool,
    rng: np.random.Generator,
    target_pose: NDArray[np.float64] | None,
) -> NDArray[np.float64] | None:
    if target_pose is None:
        targets = space.position_of(space.cells[rng.integers(len(space.cells), size=_TRIES)])
        targets += rng.uniform(-0.5, 0.5, targets.shape) * CELL_M
    else:
        targets = np.tile(target_pose[:2], (_TRIES, 1))
    distances = rng.uniform(*settings.distance_m, _TRIES)
    directions = rng.uniform(-np.pi, np.pi, _TRIES)
    trackers = targets + distances[:, None] * np.stack([np.cos(directions), np.sin(directions)], axis=1)
    chosen = _first_pair(space.region, space.clearance, space.opaque, space.origin, targets, trackers, hidden)
    if chosen < 0:
        return None
    bearing = np.radians(rng.uniform(*settings.bearing_deg))
    heading = directions[chosen] + np.pi - bearing
    # the target first walks away from the tracker, give or take a quarter turn
    walk = directions[chosen] + np.pi + rng.uniform(-0.5, 0.5) * np.pi
    if target_pose is not None:
        walk = target_pose[2]
    return np.array([[*trackers[chosen], heading], [*targets[chosen], walk]])


@kernel
def _first_pair(
    region: NDArray[np.uint8],
    clearance: NDArray[np.float32],
    opaque: NDArray[np.uint8],
    origin: NDArray[np.float64],
    targets: NDArray[np.float64],
    trackers: NDArray[np.float64],
    hidden: bool,
) -> int:
    rows, columns = region.shape
    for i in range(len(targets)):
        row_a = int(np.floor((trackers[i, 1] - origin[1]) / CELL_M))
        column_a = int(np.floor((trackers[i, 0] - origin[0]) / CELL_M))
        row_b = int(np.floor((targets[i, 1] - origin[1]) / CELL_M))
        column_b = int(np.floor((targets[i, 0] - origin[0]) / CELL_M))
        if not (0 <= row_a < rows and 0 <= column_a < columns and 0 <= row_b < rows and 0 <= column_b < columns):
            continue
        if not (region[row_a, column_a] and region[row_b, column_b]):
            continue
        # cell centres are up to 0.07 m away: keep both clear of the walls wherever in the cell they are
        if min(clearance[row_a, column_a], clearance[row_b, column_b]) < BODY_RADIUS_M + 0.1:
            continue
        # the target's body counts, not its axis alone: both of its sides in sight, or neither
        length = np.hypot(targets[i, 0] - trackers[i, 0], targets[i, 1] - trackers[i, 1])
        side_x = -(targets[i, 1] - trackers[i, 1]) / length * BODY_RADIUS_M
        side_y = (targets[i, 0] - trackers[i, 0]) / length * BODY_RADIUS_M
        seen = 0
        for sign in (-1.0, 0.0, 1.0):
            row = int(np.floor((targets[i, 1] + sign * side_y - origin[1]) / CELL_M))
            column = int(np.floor((targets[i, 0] + sign * side_x - origin[0]) / CELL_M))
            if 0 <= row < rows and 0 <= column < columns and sees(opaque, row_a, column_a, row, column):
                seen += 1
        if seen == (0 if hidden else 3):
            return i
    return -1


def _distractor(
    space: FreeSpace, others: NDArray[np.float64], *, rng: np.random.Generator, name: str
) -> NDArray[np.float64]:
    """A free place near the target that keeps away from everybody."""
    places = space.position_of(space.cells[rng.integers(len(space.cells), size=_TRIES)])
    apart = np.hypot(*(places[:, None] - others[None, :, :2]).transpose(2, 0, 1)).min(axis=1)
    near = np.hypot(*(places - others[1, :2]).T) <= _DISTRACTOR_REACH_M
    clear = space.clearance[tuple(space.cell_of(places).T)] >= BODY_RADIUS_M + 0.1
    fits = np.flatnonzero((apart >= 1.0) & clear & near)
    if not len(fits):
        fits = np.flatnonzero((apart >= 2 * BODY_RADIUS_M + _GAP_M) & clear)
    if not len(fits):
        raise LayoutError(f"layout {name!r}: no room for distractor {len(others) - 1} within {_TRIES} tries")
    return np.array([*places[fits[0]], rng.uniform(-np.pi, np.pi)])
