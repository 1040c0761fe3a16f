"""Where an unseen target may be: it walks on, is not where it would be seen, and goes round what is in the way."""

import numpy as np
import pytest

from rspt.perception import CameraModel, EgoWindow, Perception
from rspt.perception.belief import FAR_M, PARTICLES, SECTORS, Belief
from rspt.perception.frame import Frame
from rspt.perception.reconstruction import LocalMap
from rspt.perception.state import entry_of
from rspt.perception.track import Track

H, W, DT = 48, 64, 0.1
CAMERA = CameraModel.level(width=W, height=H)
X, Y, HEADING, SPEED, _, WEIGHT = range(6)
ONE = np.array([0])


class World:
    """A robot at the origin that looks along x, and a target that walks along y until it is no longer seen."""

    def __init__(self, depth_m=8.0, num_worlds=1):
        self.track, self.map, self.belief = Track(num_worlds), LocalMap(num_worlds), Belief(num_worlds)
        self.depth = np.full((num_worlds, H, W), depth_m, dtype=np.float32)
        self.pose, self.cameras = np.zeros((num_worlds, 3)), np.tile(CAMERA.row, (num_worlds, 1))
        self.stamp_s = 0.0

    def see(self, place, velocity=(0.0, 0.0)):
        self.track.status[:], self.track.age_s[:] = 1, 0.0
        self.track.position[:], self.track.velocity[:] = place, velocity
        self.go()

    def miss(self, frames):
        self.track.status[:] = 2
        for _ in range(frames):
            self.track.age_s += DT
            self.go()

    def go(self, worlds=None):
        self.stamp_s += DT
        count = len(self.depth)
        stamps = np.full(count, self.stamp_s)
        frame = Frame(stamps, self.depth, self.pose, np.zeros((count, 2)))
        self.belief.update(np.arange(count) if worlds is None else worlds, frame, self.cameras, self.track, self.map)

    @property
    def particles(self):
        return self.belief.particles[0]

    def share(self, inside):
        """Of the belief where a function of x and y is true."""
        return self.particles[inside(self.particles[:, X], self.particles[:, Y]), WEIGHT].sum()


def test_while_the_target_is_seen_the_belief_is_at_its_place():
    world = World()
    world.see((3.0, 1.0), (0.0, 1.0))
    np.testing.assert_array_equal(world.particles[:, :2], np.tile([3.0, 1.0], (PARTICLES, 1)))
    assert world.particles[:, WEIGHT].sum() == pytest.approx(1.0)
    sideways = np.sin(world.particles[:, HEADING]) * world.particles[:, SPEED]
    assert 0.6 < sideways.mean() < 1.1  # some wait, some are slower
    assert (world.particles[:, SPEED] == 0.0).mean() == pytest.approx(1 / 8)


def test_out_of_sight_it_walks_on_and_spreads():
    world = World(depth_m=2.0)  # a wall hides what is beyond 2 m
    world.see((4.0, 0.0), (0.0, 1.0))
    world.miss(20)
    walking = world.particles[world.particles[:, SPEED] > 0.0]
    assert 1.0 < walking[:, Y].mean() < 2.0
    assert 0.4 < walking[:, Y].std() < 1.2
    assert world.particles[:, WEIGHT].sum() == pytest.approx(1.0)


@pytest.mark.parametrize(("depth_m", "least", "most"), [(8.0, 0.0, 0.35), (2.0, 0.9, 1.0), (0.0, 0.9, 1.0)])
def test_it_is_not_where_it_would_be_seen(depth_m, least, most):
    """In the open it would; behind a wall, or where the depth is invalid, it would not."""
    world = World(depth_m)
    world.see((4.0, 0.0), (-0.1, 0.0))
    world.miss(10)
    in_view = world.share(lambda x, y: (x > 0.5) & (np.abs(y) < 0.9 * x) & (x < 7.5))
    assert least <= in_view <= most + 1e-9


def test_a_target_that_vanished_in_the_open_is_thought_to_be_anywhere_else():
    world = World()
    world.see((2.0, 0.0))
    world.miss(40)
    assert world.share(lambda x, y: (x > 0.5) & (np.abs(y) < 0.9 * x) & (x < 7.5)) < 0.05
    radii = np.hypot(*(world.particles[:, :2] - [2.0, 0.0]).T)
    assert world.share(lambda x, y: x < 0.0) > 0.5
    assert radii.max() < 9.0


def test_it_goes_round_what_is_in_the_way_and_not_through_it():
    world = World(depth_m=1.0)
    rows, columns = np.mgrid[-2:2, -20:21]  # a wall of 6 m across the way of the target, 1 m ahead of it
    world.map.values[0, (20 + rows) % 128, columns % 128] = 3.0
    world.see((0.0, 1.5), (0.0, 1.2))
    world.miss(30)
    wall = world.share(lambda x, y: (np.abs(x) < 2.9) & (y > 2.75) & (y < 3.25))
    beyond = world.share(lambda x, y: (np.abs(x) < 2.0) & (y > 3.3))
    assert wall < 0.05
    assert beyond < 0.1
    without = World(depth_m=1.0)
    without.see((0.0, 1.5), (0.0, 1.2))
    without.miss(30)
    assert without.share(lambda x, y: y > 3.3) > 0.35


def test_before_the_first_sighting_it_is_thought_to_be_where_nobody_looked():
    world = World()
    world.track.status[:] = 0
    world.go()
    assert world.particles[:, WEIGHT].sum() == pytest.approx(1.0)
    assert np.hypot(*world.particles[:, :2].T).max() <= 6.0
    for _ in range(10):
        world.go()
    assert world.share(lambda x, y: (x > 0.5) & (np.abs(y) < 0.9 * x)) < 0.1


def test_the_state_tells_it_by_cells_and_by_directions():
    belief, window = Belief(1), EgoWindow()
    belief.particles[0, :, WEIGHT] = 1.0 / PARTICLES
    belief.particles[0, :24, :2] = [2.0, 1.0]  # seen from the pose below: 2 m ahead
    belief.particles[0, 24:, :2] = [-2.0, 5.0]  # 4 m ahead, 4 m to the left
    pose = np.array([[2.0, -1.0 + 0.0, 0.5 * np.pi]])
    belief.particles[0, 24:, :2] = [-2.0, 3.0]
    channel = np.zeros((1, window.cells, window.cells), dtype=np.float32)
    belief.paint(ONE, pose, window, channel)
    assert np.count_nonzero(channel) == 2
    centers = window.centers()
    rows, columns = np.nonzero(channel[0])
    found = {
        tuple(np.round(centers[row, column]).tolist()): channel[0, row, column]
        for row, column in zip(rows, columns, strict=True)
    }
    assert found == {(2.0, 0.0): pytest.approx(0.5), (4.0, 4.0): pytest.approx(np.sqrt(0.75))} or found == {
        (2.0, -0.0): pytest.approx(0.5),
        (4.0, 4.0): pytest.approx(np.sqrt(0.75)),
    }
    sectors = np.zeros((1, 2, SECTORS))
    belief.sectors(ONE, pose, sectors)
    share, distance = sectors[0]
    assert share[0] == pytest.approx(0.5)
    assert distance[0] == pytest.approx(2.0)
    left = [1, 2]  # at 45 degrees, on the border of the sectors of 30 and 60 degrees
    assert share[left].max() == pytest.approx(np.sqrt(0.75))
    assert distance[left].max() == pytest.approx(np.hypot(4.0, 4.0))
    assert np.count_nonzero(share) == 2


def test_worlds_do_not_hang_on_one_another():
    three, alone = World(2.0, num_worlds=3), World(2.0)
    for world in (three, alone):
        world.see((4.0, 0.5), (0.3, 1.0))
        world.miss(7)
    np.testing.assert_array_equal(three.belief.particles, np.repeat(alone.belief.particles, 3, axis=0))
    before = three.belief.particles.copy()
    three.go(np.array([1]))
    changed = (three.belief.particles != before).any(axis=(1, 2))
    assert changed.tolist() == [False, True, False]
    three.belief.reset(np.array([0]))
    assert not three.belief.particles[0].any()
    assert three.belief.particles[2].any()


def frames(count, seen):
    """Depth and mask of a level camera in the open, with a target 3 m ahead in the first frames."""
    depth, mask = np.full((H, W), 8.0, np.float32), np.zeros((H, W), np.uint8)
    body = depth.copy(), mask.copy()
    body[0][15:40, 28:36], body[1][15:40, 28:36] = 2.75, 1
    return [body if number < seen else (depth, mask) for number in range(count)]


@pytest.mark.parametrize("believing", [True, False])
def test_perception_joins_it_into_the_state(believing):
    perception = Perception(CAMERA, predictor=None, believing=believing)
    states = []
    for number, (depth, mask) in enumerate(frames(12, seen=4)):
        state = perception.update(stamp_s=DT * number, depth=depth, target_mask=mask, pose=(0.0, 0.0, 0.0))
        states.append({name: array[0].copy() for name, array in state.items()})
    if not believing:
        assert not any(state["map"][5].any() or entry_of(state["vector"], "belief_share").any() for state in states)
        return
    seen, lost = states[3], states[-1]
    assert seen["map"][5].max() == 1.0
    assert entry_of(seen["vector"], "belief_share")[0] == 1.0
    assert entry_of(seen["vector"], "belief_distance")[0] == pytest.approx(3.0, abs=0.1)
    # it vanished in the open: it is no longer there
    assert lost["map"][5].max() < 0.7
    assert entry_of(lost["vector"], "belief_share")[0] < 0.5
    assert entry_of(lost["vector"], "belief_distance").max() <= FAR_M
