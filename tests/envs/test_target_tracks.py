from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from envs.errors import LayoutError, TrackError
from envs.layouts.free_space import free_space
from envs.layouts.layout import Layout, Prisms
from envs.targets.evade import EvadePolicy
from envs.targets.goal import GoalPolicy
from envs.targets.policy import POLICY_NAMES, policy_of
from envs.targets.replay import ReplayPolicy, ReplaySettings, smoothed
from envs.targets.tracks import POINT_LIMIT, ReplayTrack
from envs.targets.wander import WanderPolicy

TRACKS = Path(__file__).parents[2].parent / "shared" / "data" / "trajectories"


def hall(size_m=12.0, *boxes):
    corners = np.array(boxes, dtype=float).reshape(-1, 4)
    center, half = (corners[:, :2] + corners[:, 2:]) / 2, (corners[:, 2:] - corners[:, :2]) / 2
    return free_space(Layout("hall", (0.0, 0.0, size_m, size_m), Prisms.boxes(center, half, z=(0.0, 2.5))))


def line(length_m=3.0, *, points=16, dt_s=0.4):
    return ReplayTrack.from_array(np.stack([np.linspace(0, length_m, points), np.zeros(points)], axis=1), dt_s=dt_s)


def written(tmp_path, text, name="track.txt"):
    path = tmp_path / name
    path.write_text(text)
    return path


class TestFromArray:
    def test_keeps_the_positions(self):
        track = ReplayTrack.from_array([[0, 1], [2, 3]], dt_s=0.5)
        assert track.positions.tolist() == [[0.0, 1.0], [2.0, 3.0]]
        assert track.dt_s == 0.5

    @pytest.mark.parametrize(
        ("positions", "dt_s", "message"),
        [
            ([[0, 0], [np.nan, 1]], 0.1, r"point 1, x is nan"),
            ([[0, 0], [1, np.inf]], 0.1, r"point 1, y is inf"),
            ([[0, 0], [1, 1e9]], 0.1, r"point 1, y is 1000000000.0"),
            ([[0, 0]], 0.1, r"1 points, 2 to"),
            (np.zeros((POINT_LIMIT + 1, 2)), 0.1, r"100001 points"),
            ([[0, 0, 0], [1, 1, 1]], 0.1, r"shape \(2, 3\)"),
            ([0, 1], 0.1, r"shape \(2,\)"),
            ("nonsense", 0.1, r"not numbers"),
            ([[0, 0], [1, 1]], 0.0, r"dt_s is 0.0"),
            ([[0, 0], [1, 1]], np.nan, r"dt_s is nan"),
        ],
    )
    def test_errors(self, positions, dt_s, message):
        with pytest.raises(TrackError, match=message):
            ReplayTrack.from_array(positions, dt_s=dt_s)


class TestFromFile:
    def test_eth_ucy(self, tmp_path):
        path = written(tmp_path, "0\t1.0\t1\t2\n10\t1.0\t2\t2\n0\t2.0\t5\t5\n20\t1.0\t3\t2\n10\t2.0\t6\t5\n")
        track = ReplayTrack.from_file(path)
        assert track.dt_s == 0.4
        assert track.positions.tolist() == [[1.0, 2.0], [2.0, 2.0], [3.0, 2.0]]
        assert ReplayTrack.from_file(path, 2).positions.tolist() == [[5.0, 5.0], [6.0, 5.0]]

    def test_eth_obsmat_reads_the_right_columns_and_clock(self, tmp_path):
        # seq_eth is annotated every 6 frames; the third number after the id is the unused height
        path = written(tmp_path, "780 1 8.0 0.0 3.5 1 0 2\r\n786 1 9.0 0.0 4.5 1 0 2\r\n")
        track = ReplayTrack.from_file(path)
        assert track.dt_s == 0.4
        assert track.positions.tolist() == [[8.0, 3.5], [9.0, 4.5]]

    def test_citr(self, tmp_path):
        path = written(tmp_path, "id,frame,label,x_est,y_est,vx_est,vy_est\n3,5,ped,1,2,0,0\n3,6,ped,1.5,2,0,0\n")
        track = ReplayTrack.from_file(path)
        assert track.dt_s == pytest.approx(1 / 29.97)
        assert track.positions.tolist() == [[1.0, 2.0], [1.5, 2.0]]

    def test_missing_frames_are_interpolated(self, tmp_path):
        path = written(tmp_path, "0 1 0 0\n30 1 3 0\n0 2 0 0\n10 2 0 0\n")
        assert ReplayTrack.from_file(path, 1).positions.tolist() == [[0, 0], [1, 0], [2, 0], [3, 0]]

    def test_lines_in_any_order(self, tmp_path):
        path = written(tmp_path, "20 1 2 0\n0 1 0 0\n10 1 1 0\n")
        assert ReplayTrack.from_file(path).positions.tolist() == [[0, 0], [1, 0], [2, 0]]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "known format"),
            ("1 2 3\n", "known format.*3 fields"),
            ("0 1 0 0\n10 1 0\n", "line 2 has 3 fields, 4 are needed"),
            ("0 1 0 0\n10 1 x 0\n", "line 2, x is 'x', a finite number"),
            ("0 1 0 0\n10 1 0 nan\n", "line 2, y is 'nan', a finite number"),
            ("0 1 0 0\ninf 1 0 0\n", "line 2, frame is 'inf', a finite number"),
            ("0 1.5 0 0\n", "line 1, id is '1.5', a whole number"),
            ("0 1 0 0\n0 1 1 0\n", "track 1: frame 0 is there twice"),
            ("0 1 0 0\n10 2 1 0\n", "track 1: has 1 point"),
            ("0 1 0 0\n1 2 0 0\n900000000 1 0 0\n", "track 1: lasts"),
            ("0 1 0 0\n10 1 1e7 0\n", "track 1: point 1, x is 10000000.0"),
            ("id,frame,label,x_est\n1,1,ped,0\n", "line 1, the column 'y_est' is missing; found id, frame"),
            ("id,frame,x_est,y_est\n1,1,0\n", "line 2 has 3 fields, 4 are needed"),
            ("id,frame,x_est,y_est\n", "holds no track"),
            ("0 1 0 0\0\n", "not a text file"),
        ],
    )
    def test_broken_files(self, tmp_path, text, message):
        path = written(tmp_path, text)
        with pytest.raises(TrackError, match=message) as caught:
            ReplayTrack.from_file(path)
        assert str(path) in str(caught.value)

    def test_an_unknown_id_lists_some(self, tmp_path):
        path = written(tmp_path, "".join(f"{frame} {track} 0 0\n" for track in range(30) for frame in (0, 10)))
        with pytest.raises(TrackError, match="no track 99; known are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 20 more"):
            ReplayTrack.from_file(path, 99)

    def test_a_missing_file_and_a_large_one(self, tmp_path, monkeypatch):
        with pytest.raises(TrackError, match=r"nowhere\.txt: no such file"):
            ReplayTrack.from_file(tmp_path / "nowhere.txt")
        monkeypatch.setattr("envs.targets.tracks.SIZE_LIMIT_BYTES", 10)
        with pytest.raises(TrackError, match="at most 10 are allowed"):
            ReplayTrack.from_file(written(tmp_path, "0 1 0 0\n10 1 1 1\n"))

    @pytest.mark.skipif(not TRACKS.is_dir(), reason="the example tracks are not here")
    @pytest.mark.parametrize(
        ("name", "dt_s"),
        [
            ("ethucy_biwi_hotel/biwi_hotel.txt", 0.4),
            ("ethucy_crowds_zara01/crowds_zara01.txt", 0.4),
            ("ethucy_students001/students001.txt", 0.4),
            ("eth_seq_hotel/obsmat.txt", 0.4),
            ("citr_unidirection_01/unidirection_no_vehicle_01_traj_ped_filtered.csv", 1 / 29.97),
            ("citr_bidirection_3v7_01/bidirection_no_vehicle_3v7_01_traj_ped_filtered.csv", 1 / 29.97),
        ],
    )
    def test_real_files(self, name, dt_s):
        track = ReplayTrack.from_file(TRACKS / name)
        assert track.dt_s == pytest.approx(dt_s)
        points = smoothed(track, dt_s=0.1)
        speed = np.hypot(*np.diff(points, axis=0).T) / 0.1
        assert speed.max() < 3.0
        # the smoothed line stays near the recorded positions
        times = np.arange(len(track.positions)) * track.dt_s / 0.1
        kept = np.stack([np.interp(times, np.arange(len(points)), points[:, i]) for i in (0, 1)], axis=1)
        assert np.hypot(*(kept - track.positions).T).max() < 0.3


class TestPlacement:
    def test_fit_turns_and_moves_without_bending(self):
        space = hall(12.0, (5.0, 0.0, 7.0, 5.0))
        rng = np.random.default_rng(0)
        places = []
        for _ in range(20):
            placed = ReplayPolicy(track=line()).placed(space, rng)
            assert placed.placement == "world"
            ends = placed.track.positions[[0, -1]]
            assert np.hypot(*(ends[1] - ends[0])) == pytest.approx(3.0)
            cells = space.cell_of(placed.track.positions)
            assert space.region[tuple(cells.T)].all()
            pose = placed.start_pose()
            assert pose[:2] == pytest.approx(ends[0], abs=0.1)
            assert pose[2] == pytest.approx(np.arctan2(*(ends[1] - ends[0])[::-1]), abs=1e-6)
            places.append(ends[0])
        assert np.ptp(places, axis=0).min() > 3.0

    def test_fit_through_a_given_point(self):
        start = np.array([2.0, 3.0])
        placed = ReplayPolicy(track=line()).placed(hall(), np.random.default_rng(0), start=start)
        assert np.hypot(*(smoothed(placed.track, dt_s=0.1) - start).T).min() < 1e-6

    def test_fits_nowhere(self):
        with pytest.raises(LayoutError, match=r"19.2 x 0.0 m fit nowhere into 1[0-9]{2} m2"):
            ReplayPolicy(track=line(20.0)).placed(hall(), np.random.default_rng(0))

    def test_world_keeps_the_coordinates(self):
        track = ReplayTrack.from_array([[2.0, 2.0], [3.0, 2.0]], dt_s=0.5)
        policy = ReplayPolicy(track=track, placement="world")
        assert policy.placed(hall(), np.random.default_rng(0)) is policy

    def test_world_outside_the_free_space(self):
        track = ReplayTrack.from_array([[2.0, 2.0], [14.0, 2.0]], dt_s=10.0)
        with pytest.raises(TrackError, match=r"\(11\.\d+, 2.00\) m at .* outside the free space.*'fit'"):
            ReplayPolicy(track=track, placement="world").placed(hall(), np.random.default_rng(0))

    def test_the_mover_must_stand_on_the_track(self):
        track = ReplayTrack.from_array([[2.0, 2.0], [4.0, 2.0]], dt_s=2.0)
        policy, rng = ReplayPolicy(track=track, placement="world"), np.random.default_rng(0)
        options = {"speed_max_mps": 1.4, "dt_s": 0.1}
        assert len(policy.drivable(hall(), rng, start=np.array([3.0, 2.2]), **options)) > 10
        with pytest.raises(TrackError, match=r"stands at \(3.00, 2.80\)"):
            policy.drivable(hall(), rng, start=np.array([3.0, 2.8]), **options)


class TestPolicyOf:
    def test_names(self):
        assert policy_of("goal") == GoalPolicy()
        assert policy_of("wander") == WanderPolicy()
        assert policy_of("evade") == EvadePolicy()
        assert policy_of("external") is None

    def test_settings_and_mappings(self):
        policy = GoalPolicy(distance_m=(2.0, 5.0))
        assert policy_of(policy) is policy
        assert policy_of({"name": "goal", "distance_m": (2.0, 5.0)}) == policy
        assert policy_of({"name": "external"}) is None

    def test_replay_from_a_file(self, tmp_path):
        path = written(tmp_path, "0 7 0 0\n10 7 1 0\n")
        policy = policy_of({"name": "replay", "file": str(path), "track_id": 7, "placement": "world"})
        assert isinstance(policy, ReplayPolicy)
        assert policy.placement == "world"
        assert policy.track.positions.tolist() == [[0.0, 0.0], [1.0, 0.0]]
        assert isinstance(policy_of(ReplaySettings(file=path)), ReplayPolicy)

    @pytest.mark.parametrize(
        ("choice", "message"),
        [
            ("gaol", "unknown policy 'gaol'; did you mean 'goal'.*allowed are goal, wander, evade, replay, external"),
            ("xyzzy", "unknown policy 'xyzzy'; allowed are"),
            ({"speed": 1}, "unknown policy None"),
            (7, "a name, a mapping, a settings object or a ReplayTrack, got 7"),
            (None, "a name, a mapping, a settings object or a ReplayTrack, got None"),
            ("replay", "needs a track"),
            ({"name": "external", "speed": 1}, r"no settings, got \['speed'\]"),
        ],
    )
    def test_errors(self, choice, message):
        with pytest.raises(ValueError, match=message):
            policy_of(choice)
        assert "goal" in POLICY_NAMES

    @pytest.mark.parametrize(
        "settings",
        [
            {"name": "goal", "speed": 1},
            {"name": "goal", "distance_m": (5.0, 2.0)},
            {"name": "goal", "distance_m": (float("nan"), 2.0)},
            {"name": "goal", "patience_s": 0.0},
            {"name": "goal", "pace": {"fraction": (0.0, 1.0)}},
            {"name": "goal", "pace": {"fraction": (0.5, 1.1)}},
            {"name": "wander", "pace": {"pause_share": 2.0}},
            {"name": "evade", "candidates": 0},
            {"name": "replay", "file": "x", "placement": "nowhere"},
        ],
    )
    def test_settings_out_of_range(self, settings):
        with pytest.raises(ValidationError):
            policy_of(settings)
