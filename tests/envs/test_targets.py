import numpy as np
import pytest

from envs.layouts import make_layout
from envs.layouts.free_space import free_space
from envs.layouts.layout import Layout, Prisms
from envs.paths import PathWorkspace, find_path, nearest_free_cell, sees, shorten
from envs.targets.movers import ScriptedMovers
from envs.targets.policy import policy_of
from envs.targets.replay import ReplayPolicy, smoothed
from envs.targets.tracks import ReplayTrack

DT_S = 0.1
SPEED_MPS, TURN_RADPS = 1.4, 2.5
BODY_M, CONTACT_M = 0.25, 0.5


def drawn(width, height, *boxes):
    """An arena with walls x_min, y_min, x_max, y_max in metres."""
    corners = np.array(boxes, dtype=float).reshape(-1, 4)
    center, half = (corners[:, :2] + corners[:, 2:]) / 2, (corners[:, 2:] - corners[:, :2]) / 2
    return free_space(Layout("drawn", (0.0, 0.0, width, height), Prisms.boxes(center, half, z=(0.0, 2.5))))


FOUR_BLOCKS = ((2.5, 2.5, 4.5, 4.5), (7.5, 2.5, 9.5, 4.5), (2.5, 7.5, 4.5, 9.5), (7.5, 7.5, 9.5, 9.5))
FOUR_ROOMS = (
    (5.9, 0.0, 6.1, 2.3),
    (5.9, 3.7, 6.1, 8.3),
    (5.9, 9.7, 6.1, 12.0),
    (0.0, 5.9, 2.3, 6.1),
    (3.7, 5.9, 8.3, 6.1),
    (9.7, 5.9, 12.0, 6.1),
)


def space_named(name):
    if name == "empty":
        return drawn(12, 12)
    if name == "four_blocks":
        return drawn(12, 12, *FOUR_BLOCKS)
    if name == "four_rooms":
        return drawn(12, 12, *FOUR_ROOMS)
    return free_space(make_layout(name, np.random.default_rng(1), size_m=20.0))


def clearance_at(space, positions):
    """Interpolated clearance in metres at positions (..., 2)."""
    at = (positions - space.origin) / 0.1 - 0.5
    low = np.clip(np.floor(at).astype(int), 0, np.array(space.clearance.shape)[::-1] - 2)
    x, y = low[..., 0], low[..., 1]
    u, v = at[..., 0] - x, at[..., 1] - y
    grid = space.clearance
    lower = (1 - u) * grid[y, x] + u * grid[y, x + 1]
    return (1 - v) * lower + v * ((1 - u) * grid[y + 1, x] + u * grid[y + 1, x + 1])


class Rig:
    """Kinematic bodies in copies of one layout: limited acceleration, exact arcs, stopped dead by walls."""

    def __init__(self, space, policies, poses, seeds):
        self.space, self.poses = space, np.array(poses, dtype=float)
        worlds, movers = self.poses.shape[:2]
        self.velocities = np.zeros((worlds, movers, 2))
        self.movers = ScriptedMovers(worlds, movers, dt_s=DT_S)
        self.active = np.ones(worlds, dtype=bool)
        for world, seed in enumerate(seeds):
            self.movers.reset(
                world,
                policies=policies,
                free_space=space,
                poses=self.poses[world],
                speed_max_mps=np.full(movers, SPEED_MPS),
                turn_max_radps=np.full(movers, TURN_RADPS),
                rng=np.random.default_rng(seed),
            )

    def step(self, tracker=0.0):
        """Move all by one step; `tracker` is its wanted speed and turn rate (W, 2)."""
        actions = self.movers.act(self.poses, self.velocities, self.active)
        assert (np.abs(actions) <= 1.0).all()
        wanted = np.zeros_like(self.velocities)
        wanted[:, 1:] = actions * (SPEED_MPS, TURN_RADPS)
        wanted[:, 0] = tracker
        change = np.array([4.0, 16.0]) * DT_S
        self.velocities += np.clip(wanted - self.velocities, -change, change)
        half = 0.5 * DT_S * self.velocities[..., 1]
        moved = DT_S * self.velocities[..., 0] * np.sinc(half / np.pi)
        after = self.poses[..., :2] + moved[..., None] * np.stack(
            [np.cos(self.poses[..., 2] + half), np.sin(self.poses[..., 2] + half)], axis=-1
        )
        stopped = clearance_at(self.space, after) < BODY_M - 0.05
        self.poses[..., :2] = np.where(stopped[..., None], self.poses[..., :2], after)
        self.poses[..., 2] += 2 * half
        self.velocities[..., 0] = np.where(stopped, 0.0, self.velocities[..., 0])
        return actions

    def run(self, steps):
        """Poses (T, W, M, 3) and velocities (T, W, M, 2) of steps with a standing tracker."""
        poses, velocities = [], []
        for _ in range(steps):
            self.step()
            poses.append(self.poses.copy())
            velocities.append(self.velocities.copy())
        return np.array(poses), np.array(velocities)


def starts(space, worlds, movers, *, first_seed=0):
    """Poses (W, M, 3), free and at least 0.9 m apart."""
    result = []
    for seed in range(first_seed, first_seed + worlds):
        rng = np.random.default_rng([7, seed])
        free = space.position_of(space.cells)[space.clearance[tuple(space.cells.T)] >= 0.35]
        while True:
            places = free[rng.integers(len(free), size=movers)]
            if least_distance(places[None, None]) > 0.9:
                break
        result.append(np.column_stack([places, rng.uniform(-np.pi, np.pi, movers)]))
    return np.array(result)


def least_distance(positions):
    """The least distance between two movers in positions (T, W, M, 2)."""
    apart = np.hypot(*np.moveaxis(positions[..., :, None, :] - positions[..., None, :, :], -1, 0))
    movers = positions.shape[-2]
    return (apart + 99.0 * np.eye(movers)).min()


def rollout(name, policy, *, worlds, movers, steps, first_seed=0):
    space = space_named(name)
    seeds = range(first_seed, first_seed + worlds)
    poses = starts(space, worlds, movers, first_seed=first_seed)
    rig = Rig(space, [policy_of(policy)] * (movers - 1), poses, seeds)
    return (rig, *rig.run(steps))


FOUR_LAYOUTS = ("empty", "four_blocks", "four_rooms", "blocks", "mixed", "office")


class TestEverybody:
    @pytest.mark.parametrize("name", FOUR_LAYOUTS)
    @pytest.mark.parametrize("policy", ["goal", "wander", "evade"])
    def test_touches_neither_walls_nor_a_standing_tracker(self, name, policy):
        rig, poses, _ = rollout(name, policy, worlds=50, movers=2, steps=300)
        positions = poses[..., :2]
        assert clearance_at(rig.space, positions[:, :, 1]).min() >= BODY_M
        assert least_distance(positions) >= CONTACT_M + 0.05
        cells = rig.space.cell_of(positions[:, :, 1])
        assert rig.space.region[cells[..., 0], cells[..., 1]].mean() > 0.95

    @pytest.mark.parametrize("policy", ["goal", "wander", "evade"])
    def test_several_movers_keep_apart(self, policy):
        rig, poses, _ = rollout("four_rooms", policy, worlds=30, movers=4, steps=300)
        assert clearance_at(rig.space, poses[:, :, 1:, :2]).min() >= BODY_M
        assert least_distance(poses[..., :2]) >= CONTACT_M + 0.05

    @pytest.mark.parametrize("policy", ["goal", "wander", "evade"])
    def test_gives_way_to_a_tracker_that_drives_at_it(self, policy):
        space = space_named("empty")
        rig = Rig(space, [policy_of(policy)], starts(space, 20, 2), range(20))
        touched = np.zeros(20, dtype=bool)
        for _ in range(200):
            before = rig.poses[..., :2].copy()
            off = rig.poses[:, 1, :2] - rig.poses[:, 0, :2]
            error = np.arctan2(off[:, 1], off[:, 0]) - rig.poses[:, 0, 2]
            error = (error + np.pi) % (2 * np.pi) - np.pi
            rig.step(np.stack([np.where(np.abs(error) < 0.5, 0.5, 0.0), np.clip(4 * error, -2, 2)], axis=1))
            apart = np.hypot(*(rig.poses[:, 1, :2] - rig.poses[:, 0, :2]).T)
            by_own_motion = np.hypot(*(before[:, 1] - rig.poses[:, 0, :2]).T) - apart
            assert (by_own_motion[apart < 0.6] < 0.005).all()
            touched |= apart < CONTACT_M
        # a wall at its back or a corner leaves a mover no way out
        assert touched.sum() <= 2

    @pytest.mark.parametrize("policy", ["goal", "wander", "evade"])
    def test_same_seed_same_actions_and_batch_equals_single(self, policy):
        space = space_named("four_rooms")
        poses = starts(space, 3, 3)
        policies = [policy_of(policy)] * 2
        batch, again = (Rig(space, policies, poses, [5, 6, 7]) for _ in range(2))
        single = Rig(space, policies, poses[1:2], [6])
        other = Rig(space, policies, poses[1:2], [8])
        differs = False
        for _ in range(200):
            actions = batch.step()
            assert np.array_equal(actions, again.step())
            assert np.array_equal(actions[1:2], single.step())
            differs = differs or not np.array_equal(actions[1:2], other.step())
        assert differs

    def test_a_world_does_not_depend_on_the_size_of_the_others(self):
        small, large = space_named("four_rooms"), space_named("office")
        poses = starts(small, 1, 2)
        alone = Rig(small, [policy_of("goal")], poses, [3])
        mixed = Rig(small, [policy_of("goal")], np.repeat(poses, 2, axis=0), [3, 4])
        elsewhere = starts(large, 1, 2)[0]
        mixed.movers.reset(
            1,
            policies=[policy_of("evade")],
            free_space=large,
            poses=elsewhere,
            speed_max_mps=np.full(2, SPEED_MPS),
            turn_max_radps=np.full(2, TURN_RADPS),
            rng=np.random.default_rng(4),
        )
        for _ in range(150):
            expected = alone.movers.act(alone.poses, alone.velocities, alone.active)
            both = np.stack([alone.poses[0], elsewhere]), np.concatenate([alone.velocities, np.zeros((1, 2, 2))])
            assert np.array_equal(mixed.movers.act(*both, np.ones(2, dtype=bool))[:1], expected)
            alone.poses[:, 1, :2] += 0.01 * expected[:, 0, :1]
            alone.poses[:, 1, 2] += 0.1 * expected[:, 0, 1]

    def test_external_and_inactive_movers_get_no_action(self):
        space = space_named("empty")
        rig = Rig(space, [None, policy_of("wander")], starts(space, 2, 3), [0, 1])
        rig.active[0] = False
        actions = rig.step()
        assert not actions[0].any()
        assert not actions[1, 0].any()
        assert actions[1, 1].any()

    def test_wrong_numbers_of_movers(self):
        space = space_named("empty")
        with pytest.raises(ValueError, match=r"1 policies and poses of shape \(2, 3\).*got 2"):
            Rig(space, [policy_of("goal")] * 2, starts(space, 1, 2), [0])

    def test_reset_clears_the_deadlocks(self):
        space = space_named("empty")
        poses = starts(space, 1, 2)
        rig = Rig(space, [policy_of("goal")], poses, [0])
        rig.movers.deadlocked_steps[:] = 9
        rig.movers.reset(
            0,
            policies=[policy_of("goal")],
            free_space=space,
            poses=poses[0],
            speed_max_mps=np.full(2, SPEED_MPS),
            turn_max_radps=np.full(2, TURN_RADPS),
            rng=np.random.default_rng(0),
        )
        assert rig.movers.deadlocked_steps.tolist() == [[0]]


class TestGoal:
    @pytest.mark.parametrize("name", FOUR_LAYOUTS)
    def test_covers_ground_at_changing_speed(self, name):
        rig, poses, velocities = rollout(name, "goal", worlds=50, movers=2, steps=300)
        speed = velocities[:, :, 1, 0]
        travelled = np.abs(speed).sum(axis=0) * DT_S
        assert travelled.mean() > 17.0
        assert travelled.min() > 10.0
        shift = np.hypot(*np.moveaxis(poses[100:, :, 1, :2] - poses[:-100, :, 1, :2], -1, 0))
        assert shift.mean() > 2.5
        assert shift.mean(axis=0).min() > 0.8
        assert (speed.std(axis=0) > 0.15).all()
        assert (speed < 0.05).mean() < 0.3
        assert rig.movers.deadlocked_steps.mean() < 3.0

    def test_stops_before_a_tracker_in_a_closed_corridor_and_counts(self):
        # the tracker seals a corridor of 1.2 m; behind it lies the larger room, where most goals are
        space = drawn(14, 6, (4.0, 0.0, 6.0, 2.4), (4.0, 3.6, 6.0, 6.0))
        poses = np.tile(np.array([[5.0, 3.0, np.pi], [2.0, 3.0, 0.0]]), (20, 1, 1))
        rig = Rig(space, [policy_of("goal")], poses, range(20))
        positions, _ = rig.run(300)
        assert (positions[:, :, 1, 0] < 5.0).all()
        assert least_distance(positions[..., :2]) >= CONTACT_M + 0.05
        assert (rig.movers.deadlocked_steps > 0).sum() >= 15
        # it gave up after two seconds and went elsewhere, again and again
        moved = np.ptp(positions[150:, :, 1, :2], axis=0).max(axis=1)
        assert (moved > 1.0).all()

    def test_no_deadlock_is_counted_without_others(self):
        space = space_named("four_rooms")
        poses = starts(space, 20, 2)
        poses[:, 0, :2] = 1e6
        rig = Rig(space, [policy_of("goal")], poses, range(20))
        for _ in range(200):
            rig.poses[:, 0, :2] = 1e6
            rig.movers.act(rig.poses, rig.velocities, rig.active)
        assert not rig.movers.deadlocked_steps.any()

    def test_walks_around_a_tracker_that_stands_in_the_open(self):
        space = drawn(16, 5)
        poses = np.tile(np.array([[8.0, 2.5, 0.0], [3.0, 2.5, 0.0]]), (20, 1, 1))
        rig = Rig(space, [policy_of({"name": "goal", "distance_m": (9.0, 12.0)})], poses, range(20))
        positions, _ = rig.run(300)
        assert (positions[:, :, 1, 0].max(axis=0) > 9.0).sum() >= 18


def pursuit(rig, workspace, world):
    """Wanted velocity of a tracker that knows where the target is, and whether it has it in view."""
    space = rig.space
    me, target = rig.poses[world, 0], rig.poses[world, 1, :2]
    start, goal = space.cell_of(me[:2]), space.cell_of(target)
    free = sees(space.opaque, *start, *goal)
    distance = np.hypot(*(target - me[:2]))
    point, speed = target, np.clip(2.0 * (distance - 2.0), 0.0, 2.0)
    if not free:
        start, goal = nearest_free_cell(space.region, start, 20), nearest_free_cell(space.region, goal, 20)
        cells = find_path(space.clearance, space.region, start, goal, workspace, greed=1.3)
        way = shorten(cells, space.clearance, space.origin, 0.1, 0.5)
        point, speed = way[min(len(way) - 1, 2 if np.hypot(*(way[min(1, len(way) - 1)] - me[:2])) < 0.3 else 1)], 2.0
    error = np.arctan2(point[1] - me[1], point[0] - me[0]) - me[2]
    error = (error + np.pi) % (2 * np.pi) - np.pi
    seen = free and distance < 8.0 and abs(error) < np.pi / 4
    return (speed * max(1.0 - abs(error) / 0.8, 0.0), np.clip(4.0 * error, -2.0, 2.0)), seen


def seen_share(name, policy, *, worlds=12, steps=250):
    """Share of the steps in which a pursuing tracker has the target in view."""
    space = space_named(name)
    rig = Rig(space, [policy_of(policy)], starts(space, worlds, 2), range(worlds))
    workspace = PathWorkspace.sized(space.region.size, max_expanded=50_000)
    seen = []
    for _ in range(steps):
        chosen = [pursuit(rig, workspace, world) for world in range(worlds)]
        seen.append([in_view for _, in_view in chosen])
        rig.step(np.array([velocity for velocity, _ in chosen]))
    return np.mean(seen[50:])


class TestEvade:
    @pytest.mark.parametrize("name", ["four_blocks", "pillars", "rooms"])
    def test_is_lost_from_sight_far_more_often_than_goal(self, name):
        hidden, baseline = 1.0 - seen_share(name, "evade"), 1.0 - seen_share(name, "goal")
        assert hidden > 0.25
        assert hidden > 1.8 * baseline

    def test_runs_for_cover(self):
        # one wall in the middle of the hall; the tracker sees the evader in front of it
        space = drawn(12, 12, (4.0, 5.8, 8.0, 6.2))
        poses = np.tile(np.array([[6.0, 2.0, np.pi / 2], [6.0, 4.8, 0.0]]), (20, 1, 1))
        rig = Rig(space, [policy_of("evade")], poses, range(20))
        positions, _ = rig.run(80)
        cells = space.cell_of(positions[-1, :, 1, :2])
        tracker = space.cell_of(np.array([6.0, 2.0]))
        assert sum(not sees(space.opaque, *tracker, *cell) for cell in cells) >= 18


class TestWander:
    @pytest.mark.parametrize("name", FOUR_LAYOUTS)
    def test_walks_on_and_turns_away_from_walls(self, name):
        rig, poses, velocities = rollout(name, "wander", worlds=50, movers=2, steps=300)
        assert np.abs(velocities[:, :, 1, 0]).sum(axis=0).min() * DT_S > 8.0
        assert clearance_at(rig.space, poses[:, :, 1, :2]).min() >= 0.29
        assert np.ptp(poses[:, :, 1, :2], axis=0).max(axis=1).min() > 2.0


def loop_track(dt_s=0.4, speed_mps=1.0):
    angle = np.arange(0.0, 3.0 * np.pi, speed_mps * dt_s / 2.0)
    positions = 6.0 + np.stack([2.0 * np.cos(angle), 2.0 * np.sin(angle)], axis=1)
    return ReplayTrack.from_array(positions, dt_s=dt_s)


class TestReplay:
    def replayed(self, track, steps, *, space=None, speed=SPEED_MPS):
        space = space or space_named("empty")
        policy = ReplayPolicy(track=track, placement="world")
        poses = np.array([[[-1e3, -1e3, 0.0], policy.start_pose()]])
        rig = Rig(space, [policy], poses, [0])
        positions = []
        for _ in range(steps):
            rig.poses[0, 0] = poses[0, 0]
            rig.step()
            positions.append(rig.poses[0, 1, :2].copy())
        return np.array(positions)

    def test_follows_the_positions(self):
        track = loop_track()
        points = smoothed(track, dt_s=DT_S)
        walked = self.replayed(track, len(points))
        # at the start it has to get up to speed first
        assert np.hypot(*(walked - points).T)[20:].max() < 0.2

    def test_keeps_to_the_line_and_walks_it_back(self):
        track = loop_track()
        points = smoothed(track, dt_s=DT_S)
        walked = self.replayed(track, 3 * len(points))
        off = np.hypot(*(walked[:, None] - points[None]).transpose(2, 0, 1)).min(axis=1)
        assert off.max() < 0.3
        ends = [np.hypot(*(walked - end).T) < 0.4 for end in (points[0], points[-1])]
        assert ends[1][len(points) - 10 : len(points) + 40].any()
        assert ends[0][int(1.6 * len(points)) :].any()

    def test_the_track_waits_for_a_mover_that_is_held(self):
        policy = ReplayPolicy(track=loop_track(), placement="world")
        points = smoothed(policy.track, dt_s=DT_S)
        rig = Rig(space_named("empty"), [policy], [[[-1e3, -1e3, 0.0], policy.start_pose()]], [0])
        for step in range(120):
            held = rig.poses.copy()
            rig.step()
            if step < 60:
                rig.poses, rig.velocities = held, np.zeros_like(rig.velocities)
            rig.poses[:, 0, :2] = -1e3
            assert np.hypot(*(points - rig.poses[0, 1, :2]).T).min() < 0.3

    def test_a_fast_track_takes_longer(self):
        track = loop_track(speed_mps=4.0)
        points = smoothed(track, dt_s=DT_S, speed_max_mps=1.0)
        assert np.hypot(*np.diff(points, axis=0).T).max() <= 1.0 * DT_S + 1e-9
        assert len(points) > 3.0 * len(smoothed(track, dt_s=DT_S))
        walked = self.replayed(track, 100)
        off = np.hypot(*(walked[:, None] - points[None]).transpose(2, 0, 1)).min(axis=1)
        assert off.max() < 0.3

    def test_a_placed_track_is_followed_in_a_batch(self):
        space = space_named("four_rooms")
        track = ReplayTrack.from_array(np.stack([np.linspace(0, 3, 20), np.zeros(20)], axis=1), dt_s=0.2)
        policy = ReplayPolicy(track=track)
        start = starts(space, 8, 2)
        start[:, 0, :2] = start[:, 1, :2] + 100.0
        rig = Rig(space, [policy], start, range(8))
        rig.step()
        moved = []
        for _ in range(100):
            rig.poses[:, 0] = start[:, 0]
            rig.step()
            moved.append(rig.poses[:, 1, :2].copy())
        assert np.ptp(np.array(moved), axis=0).max(axis=1).min() > 1.2
        assert clearance_at(space, np.array(moved)).min() >= BODY_M
