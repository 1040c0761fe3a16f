"""Targets by name: scripts, learned ones, and people who were recorded."""

import pytest

from envs.errors import TrackError
from envs.targets.tracks import ReplayTrack
from rspt.agent import load_agent
from rspt.cli import main
from rspt.errors import UsageError
from rspt.evaluation.playing import Cell, play
from rspt.target import LearnedTarget, RecordedTarget, named_target


@pytest.fixture
def tracks(tmp_path):
    """Three people: two walk for 10 s, one for 2 s. One annotation each 0.4 s, 10 frames apart."""
    path = tmp_path / "people.txt"
    rows = [
        f"{10 * k}\t{person}\t{speed * 0.4 * k}\t0.0\n" for person, speed in ((1, 0.5), (2, 1.0)) for k in range(26)
    ]
    rows += [f"{10 * k}\t3\t0.0\t{0.3 * k}\n" for k in range(6)]
    path.write_text("".join(rows))
    return path


def test_all_tracks_that_last_long_enough_are_read(tracks):
    some = ReplayTrack.all_from_file(tracks, least_s=8.0)
    assert [track.positions[-1].tolist() for track in some] == [[5.0, 0.0], [10.0, 0.0]]
    assert len(ReplayTrack.all_from_file(tracks, least_s=1.0)) == 3
    with pytest.raises(TrackError, match=r"people.txt: no track lasts 20 s"):
        ReplayTrack.all_from_file(tracks, least_s=20.0)


def test_each_episode_replays_the_track_of_its_seed(tracks):
    target = named_target(str(tracks))
    assert isinstance(target, RecordedTarget)
    policies = target.policies([4, 5, 6])
    assert [policy.track.positions[-1, 0] for policy in policies] == [5.0, 10.0, 5.0]
    together = play(load_agent("pid"), Cell("parking", target=target, episode_steps=60), [4, 5])
    alone = play(load_agent("pid"), Cell("parking", target=target, episode_steps=60), [5])
    assert together[1] == alone[0]
    assert [episode.success for episode in together] == [True, True]


def test_an_evaluation_names_the_file_and_its_contents(tracks, tmp_path, capsys):
    out = tmp_path / "out"
    command = [
        "evaluate",
        "--agents",
        "pid",
        "--layouts",
        "parking",
        "--episodes",
        "2",
        "--films",
        "0",
        "--workers",
        "1",
    ]
    assert main([*command, "--targets", str(tracks), "--out", str(out)]) == 0
    assert '"target_policy": "' + str(tracks) in (out / "episodes.jsonl").read_text()
    assert RecordedTarget(tracks).sha256 in (out / "evaluation.json").read_text()


def test_names_stand_for_scripts_and_learned_targets(tmp_path):
    assert named_target("evade") == "evade"
    learned = named_target("learned")
    assert isinstance(learned, LearnedTarget)
    assert len(bytes.fromhex(learned.sha256)) == 32
    with pytest.raises(UsageError, match=r"did you mean 'evade'.*recorded tracks \(.txt, .csv\)"):
        named_target("evadee")
    empty = tmp_path / "nobody.txt"
    empty.write_text("\n")
    with pytest.raises(TrackError, match=r"nobody.txt"):
        named_target(str(empty))
