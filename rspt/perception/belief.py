"""Where an unseen target may be: particles that walk on through the map, and vanish where it would be seen."""

import numpy as np
from numpy.typing import NDArray

from rspt.perception.camera import CX, CY, FX, FY, RANGE_MAX_M, ROTATION, TRANSLATION
from rspt.perception.frame import DEPTH_BEYOND_RANGE, DEPTH_INVALID, Frame
from rspt.perception.jit import kernel
from rspt.perception.reconstruction import LocalMap, log_odds_at
from rspt.perception.track import SEARCHING, TRACKING, Track
from rspt.perception.window import EgoWindow

PARTICLES = 96
SECTORS = 12
"""Directions, counter-clockwise from ahead, in which the vector tells how much of the belief lies, and how far."""
FAR_M = 8.0
"""What a distance of 1 in the vector stands for, in metres."""
_HEIGHTS_M = (0.4, 1.2)
"""Parts of a person by which it would be seen, in metres above the floor."""
_NEARER_M = 0.4
"""Depth that ends nearer than a particle, by more than this in metres, may hide it."""
_DOUBT = 0.3
"""What each frame in a row that refutes a particle leaves of its weight: detectors miss some targets."""
_MISSES_MAX = 3
"""After so many in a row it is put somewhere else."""
_OCCUPIED = 0.5
"""Log-odds from which on nobody can be in a cell."""
_SPEEDS_MPS = (0.4, 1.6)
"""Range of the speeds of targets whose own was not seen, in m/s."""
_SPEED_KEPT = (0.6, 1.3)
"""Range of the factors by which a speed that was seen may change."""
_STILL_EVERY = 8
"""One in so many particles waits where the target went out of sight."""
_SEED_EVERY = 4
"""Once in so many frames a particle begins anew anywhere within reach: a target may do what no particle does."""
_START_REACH_M = 6.0
"""A target that was not seen yet is within so many metres."""
_REACH_MPS = 1.4
"""The reach grows so fast from the place of the last sighting, up to the above, in m/s."""
_TURN_RATE = 0.12
"""Share of the steps of 0.1 s after which a particle turns another way."""
_TURN_STD_RAD = 0.9
_HEADING_STD_RAD = 0.3
_DT_MAX_S = 0.5
_NOISE_STEPS = 128
_NOISE_SEED = 20230207
_GOLDEN_RAD = np.pi * (3.0 - np.sqrt(5.0))
X, Y, HEADING, SPEED, MISSES, WEIGHT = range(6)
"""Columns of a particle."""


class Belief:
    """A particle filter over the place of the target of B worlds, fed with what the frames do not show.

    While the target is seen, all particles are at its place. When it is not, each walks on at about its speed, turns
    now and then, turns off before what the map holds for occupied, and loses its weight where the depth image reaches
    beyond it: there the target would be seen. After some such frames it starts again from another one that is not so
    refuted, or anywhere within reach if there is none.

    Their noise comes from one table, so that worlds are alike and nothing is drawn.

    Args:
        num_worlds: B.

    Attributes:
        particles: (B, PARTICLES, 6) x and y in metres in the odometry frame, heading in radians, speed in m/s, frames
            in a row that refute it, weight. The weights of a world add up to 1, or to less while all that it believes
            is refuted; they are 0 before its first frame.
    """

    def __init__(self, num_worlds: int) -> None:
        self.particles = np.zeros((num_worlds, PARTICLES, 6))
        self._frames = np.zeros(num_worlds, dtype=np.int64)
        self._stamp_s = np.full(num_worlds, np.nan)
        self._last = np.zeros((num_worlds, 2))
        rng = np.random.default_rng(_NOISE_SEED)
        self._noise = rng.standard_normal((_NOISE_STEPS, PARTICLES, 3))

    def reset(self, worlds: NDArray[np.int64]) -> None:
        """Forget everything about the given worlds (n,)."""
        self.particles[worlds] = 0.0
        self._frames[worlds] = 0
        self._stamp_s[worlds] = np.nan

    def update(
        self, worlds: NDArray[np.int64], frame: Frame, cameras: NDArray[np.float64], track: Track, local_map: LocalMap
    ) -> None:
        """Take in a frame of the given worlds (n,), after the track and the map have."""
        trouble = np.zeros(len(self._frames), np.uint8) if frame.trouble is None else frame.trouble
        _update(
            worlds, frame.stamp_s, frame.depth, frame.pose, trouble, cameras, track.status, track.position,
            track.velocity, track.age_s, local_map.values, local_map.corner, local_map.cell_m, self._noise,
            self._frames, self._stamp_s, self._last, self.particles,
        )  # fmt: skip

    def paint(
        self, worlds: NDArray[np.int64], pose: NDArray[np.float64], window: EgoWindow, channel: NDArray[np.float32]
    ) -> None:
        """Write the square root of the share of the belief in each cell (B, G, G): also little can be told apart."""
        _paint(worlds, self.particles, pose, window.cell_m, window.behind_m, channel)

    def sectors(self, worlds: NDArray[np.int64], pose: NDArray[np.float64], out: NDArray[np.float64]) -> None:
        """Write what lies in each direction.

        Args:
            worlds: (n,)
            pose: (B, 3) x, y in metres and yaw in radians.
            out: (B, 2, SECTORS) square root of the share of the belief; its mean distance in metres, 0 where there is
                none.
        """
        _tell(worlds, self.particles, pose, out)


@kernel
def _update(
    worlds: NDArray[np.int64],
    stamp_s: NDArray[np.float64],
    depth: NDArray[np.float32],
    pose: NDArray[np.float64],
    trouble: NDArray[np.uint8],
    cameras: NDArray[np.float64],
    status: NDArray[np.uint8],
    position: NDArray[np.float64],
    velocity: NDArray[np.float64],
    age_s: NDArray[np.float64],
    values: NDArray[np.float32],
    corner: NDArray[np.int64],
    cell_m: float,
    noise: NDArray[np.float64],
    frames: NDArray[np.int64],
    last_stamp_s: NDArray[np.float64],
    last: NDArray[np.float64],
    particles: NDArray[np.float64],
) -> None:
    for world in worlds:
        drawn, some = noise[frames[world] % len(noise)], particles[world]
        dt_s = min(max(stamp_s[world] - last_stamp_s[world], 0.0), _DT_MAX_S)
        first = frames[world] == 0
        last_stamp_s[world] = stamp_s[world]
        frames[world] += 1
        if status[world] == TRACKING:
            last[world] = position[world]
            _gather(some, position[world], velocity[world], drawn)
            continue
        if first:
            last[world, 0], last[world, 1] = pose[world, 0], pose[world, 1]
            for k in range(len(some)):
                _seed(some, k, last[world], _START_REACH_M, drawn)
        else:
            for k in range(len(some)):
                _walk(some[k], dt_s, drawn[k], values[world], corner[world], cell_m)
        reach_m = _START_REACH_M
        if status[world] != SEARCHING:
            reach_m = min(1.0 + _REACH_MPS * age_s[world], _START_REACH_M)
        if frames[world] % _SEED_EVERY == 0:
            k = (frames[world] // _SEED_EVERY * 37) % len(some)
            _seed(some, k, last[world], reach_m, drawn)
        if trouble[world] != DEPTH_INVALID and trouble[world] != DEPTH_BEYOND_RANGE:
            _doubt(some, depth[world], pose[world], cameras[world], values[world], corner[world], cell_m)
        _renew(some, last[world], reach_m, drawn, frames[world])


@kernel
def _gather(
    some: NDArray[np.float64], place: NDArray[np.float64], velocity: NDArray[np.float64], drawn: NDArray[np.float64]
) -> None:
    """Put all particles where the target is seen, with the motions that it may go on with."""
    speed = np.hypot(velocity[0], velocity[1])
    heading, slow = np.arctan2(velocity[1], velocity[0]), speed < 0.3
    count = len(some)
    for k in range(count):
        some[k, X], some[k, Y] = place[0], place[1]
        if slow:
            some[k, HEADING] = k * _GOLDEN_RAD
        else:
            some[k, HEADING] = heading + _HEADING_STD_RAD * drawn[k, 0]
        share = (k + 0.5) / count
        if slow:
            some[k, SPEED] = _SPEEDS_MPS[0] + share * (_SPEEDS_MPS[1] - _SPEEDS_MPS[0])
        else:
            some[k, SPEED] = speed * (_SPEED_KEPT[0] + share * (_SPEED_KEPT[1] - _SPEED_KEPT[0]))
        if k % _STILL_EVERY == 0:
            some[k, SPEED] = 0.0
        some[k, MISSES], some[k, WEIGHT] = 0.0, 1.0 / count


@kernel
def _seed(
    some: NDArray[np.float64], k: int, around: NDArray[np.float64], reach_m: float, drawn: NDArray[np.float64]
) -> None:
    """Begin anew within a disc."""
    count = len(some)
    radius, angle = reach_m * np.sqrt((k + 0.5) / count), k * _GOLDEN_RAD + drawn[k, 2]
    some[k, X], some[k, Y] = around[0] + radius * np.cos(angle), around[1] + radius * np.sin(angle)
    some[k, HEADING] = 3.0 * drawn[k, 0]
    some[k, SPEED] = _SPEEDS_MPS[0] + (k * 29 % count) / count * (_SPEEDS_MPS[1] - _SPEEDS_MPS[0])
    some[k, MISSES] = 0.0


@kernel
def _walk(
    one: NDArray[np.float64],
    dt_s: float,
    drawn: NDArray[np.float64],
    values: NDArray[np.float32],
    corner: NDArray[np.int64],
    cell_m: float,
) -> None:
    """Go on for a while; turn off before what is occupied, and wait if that does not help."""
    if np.abs(drawn[1]) < _TURN_RATE * 1.2533 * dt_s / 0.1:  # the share of a normal distribution this near to 0
        one[HEADING] += _TURN_STD_RAD * drawn[0]
    step = one[SPEED] * dt_s
    if step == 0.0:
        return
    side = 1.0 if drawn[2] > 0.0 else -1.0
    for turn in range(6):
        # 0, then ever more to one side and the other
        off = side * 0.6 * ((turn + 1) // 2) * (1.0 if turn % 2 == 0 else -1.0)
        heading = one[HEADING] + off
        x, y = one[X] + step * np.cos(heading), one[Y] + step * np.sin(heading)
        # a body's radius ahead
        ahead_x, ahead_y = x + 0.25 * np.cos(heading), y + 0.25 * np.sin(heading)
        if log_odds_at(values, corner, cell_m, ahead_x, ahead_y) <= _OCCUPIED:
            one[X], one[Y], one[HEADING] = x, y, heading
            return


@kernel
def _doubt(
    some: NDArray[np.float64],
    depth: NDArray[np.float32],
    pose: NDArray[np.float64],
    camera: NDArray[np.float64],
    values: NDArray[np.float32],
    corner: NDArray[np.int64],
    cell_m: float,
) -> None:
    """Count the frames that refute a particle: it should be seen, or nobody can be there."""
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    rows, columns = depth.shape
    for k in range(len(some)):
        if log_odds_at(values, corner, cell_m, some[k, X], some[k, Y]) > _OCCUPIED:
            some[k, MISSES] += 1.0
            continue
        x, y = some[k, X] - pose[0], some[k, Y] - pose[1]
        ahead, left = cos * x + sin * y - camera[TRANSLATION], cos * y - sin * x - camera[TRANSLATION + 1]
        refuted = False
        for height_m in _HEIGHTS_M:
            up = height_m - camera[TRANSLATION + 2]
            # the columns of the rotation are the camera's axes in the robot's frame
            along = camera[ROTATION + 2] * ahead + camera[ROTATION + 5] * left + camera[ROTATION + 8] * up
            if not 0.0 < along < camera[RANGE_MAX_M]:
                continue
            right = camera[ROTATION] * ahead + camera[ROTATION + 3] * left + camera[ROTATION + 6] * up
            down = camera[ROTATION + 1] * ahead + camera[ROTATION + 4] * left + camera[ROTATION + 7] * up
            column = int(np.floor(camera[FX] * right / along + camera[CX]))
            row = int(np.floor(camera[FY] * down / along + camera[CY]))
            # 0 is an invalid pixel, which shows nothing
            if 0 <= column < columns and 0 <= row < rows and depth[row, column] > max(along - _NEARER_M, 0.0):
                refuted = True
                break
        some[k, MISSES] = some[k, MISSES] + 1.0 if refuted else 0.0


@kernel
def _renew(
    some: NDArray[np.float64], last: NDArray[np.float64], reach_m: float, drawn: NDArray[np.float64], frame: int
) -> None:
    """Start what is refuted again from what is not, or anywhere within reach if all is; weigh what there is."""
    count, fit = len(some), 0
    order = np.empty(count, dtype=np.int64)
    for k in range(count):
        if some[k, MISSES] == 0.0:
            order[fit] = k
            fit += 1
    for k in range(count):
        if some[k, MISSES] >= _MISSES_MAX:
            if fit == 0:
                _seed(some, k, last, reach_m, drawn)
            else:
                some[k] = some[order[(k * 31 + frame * 17) % fit]]
                some[k, HEADING] += _TURN_STD_RAD * drawn[k, 1]
        some[k, WEIGHT] = _DOUBT ** some[k, MISSES] / count
    total = some[:, WEIGHT].sum()
    if fit > 0:
        some[:, WEIGHT] /= total


@kernel
def _paint(
    worlds: NDArray[np.int64],
    particles: NDArray[np.float64],
    pose: NDArray[np.float64],
    cell_m: float,
    behind_m: float,
    channel: NDArray[np.float32],
) -> None:
    cells = channel.shape[1]
    for world in worlds:
        shown = channel[world]
        shown[:] = 0.0
        cos, sin = np.cos(pose[world, 2]), np.sin(pose[world, 2])
        for k in range(particles.shape[1]):
            one = particles[world, k]
            x, y = one[X] - pose[world, 0], one[Y] - pose[world, 1]
            row = int(np.floor(cells - (cos * x + sin * y + behind_m) / cell_m))
            column = int(np.floor(0.5 * cells - (cos * y - sin * x) / cell_m))
            if 0 <= row < cells and 0 <= column < cells:
                shown[row, column] += np.float32(one[WEIGHT])
        for row in range(cells):
            for column in range(cells):
                if shown[row, column] > 0.0:
                    shown[row, column] = np.sqrt(min(shown[row, column], np.float32(1.0)))


@kernel
def _tell(
    worlds: NDArray[np.int64], particles: NDArray[np.float64], pose: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    for world in worlds:
        out[world] = 0.0
        for k in range(particles.shape[1]):
            one = particles[world, k]
            x, y = one[X] - pose[world, 0], one[Y] - pose[world, 1]
            bearing = np.arctan2(y, x) - pose[world, 2]
            sector = int(np.floor(bearing / (2.0 * np.pi) * SECTORS + 0.5)) % SECTORS
            out[world, 0, sector] += one[WEIGHT]
            out[world, 1, sector] += one[WEIGHT] * np.hypot(x, y)
        for sector in range(SECTORS):
            if out[world, 0, sector] > 0.0:
                out[world, 1, sector] /= out[world, 0, sector]
                out[world, 0, sector] = np.sqrt(out[world, 0, sector])
