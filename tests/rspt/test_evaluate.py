"""`rspt evaluate`: complete, the same for any number of workers and after any interruption, clear about mistakes."""

import csv
import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from envs.layouts import SPLITS
from envs.layouts.source import PlaceSource
from envs.seeds import LAYOUT, episode_seed
from rspt.cli import main
from rspt.errors import UsageError
from rspt.evaluation import plan as plan_module
from rspt.evaluation import results as results_module
from rspt.evaluation.results import read_results
from rspt.evaluation.scenes import Layouts
from rspt.evaluation.tape import CONTACT, VISIBLE, load_tracks
from rspt.signals import StopRequest

FIELDS = {
    *("suite_version", "agent", "agent_sha256", "train_seed", "layout", "layout_hash", "target_policy", "noise"),
    *("target_speed_ratio", "localizer", "renderer", "seed", "episode_return", "length", "success", "success_safe"),
    *("visible_share", "contacts", "distance_travelled_m", "mean_distance_error_m", "mean_bearing_error_rad"),
    *("reacquisitions", "terminated", "truncated", "end_reason", "error"),
}
EPISODES, PIECE = 3, 2


@pytest.fixture(autouse=True, scope="module")
def small_pieces():
    """Several pieces to a cell, without playing for long."""
    patch = pytest.MonkeyPatch()
    patch.setattr(plan_module, "PIECE", PIECE)
    yield
    patch.undo()


def evaluate(out: Path, *arguments: str) -> int:
    """Without films: they are tried with the page that shows them."""
    few = ["--episodes", str(EPISODES), "--workers", "1", "--films", "0"]
    return main(["evaluate", *few, "--out", str(out), *arguments])


ARGUMENTS = ("--suite", "validation", "--layouts", "rooms", "--targets", "goal", "learned", "--agents", "pid", "random")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("results") / "small"
    assert evaluate(out, *ARGUMENTS) == 0
    return out


def test_every_episode_has_a_line_that_says_all(evaluated):
    lines = read_results(evaluated).lines
    assert len(lines) == 2 * 2 * EPISODES
    assert all(set(line) >= FIELDS for line in lines)
    assert {line["suite_version"] for line in lines} == {"validation-v1.targets.layouts"}
    assert {line["seed"] for line in lines} == {3_000_000, 3_000_001, 3_000_002}
    by_seed = {(line["seed"], line["layout_hash"]) for line in lines}
    assert len(by_seed) == EPISODES  # the same for every agent and target, each a layout of its own
    for line in lines:
        assert line["success"] == (line["end_reason"] == "time")
        assert line["terminated"] == (line["end_reason"] == "lost")
        assert line["length"] == 500 or not line["success"]
        assert line["success_safe"] <= line["success"]
        assert line["success_strict"] <= line["success"]
        assert line["success_recent"] <= line["success"]
        assert 0.0 <= line["visible_share"] <= 1.0
        assert line["reacquisitions"] <= line["hidden_spells"]
        assert (line["reacquisition_steps"] is None) == (line["reacquisitions"] == 0)
        assert line["agent_sha256"] is None


def test_the_folder_says_what_it_is_of(evaluated):
    about = json.loads((evaluated / "evaluation.json").read_text())
    assert about["suite"]["version"] == "validation-v1.targets.layouts"
    assert set(about["agents"]) == {"pid", "random"}
    assert about["episodes"] == EPISODES
    assert len(about["targets"]["learned"]) == 64
    assert about["run"]["versions"]["rspt"]
    summary = json.loads((evaluated / "summary.json").read_text())
    assert [row["n"] for row in summary["rows"]] == [EPISODES] * 4
    assert {row["trained_on"] for row in summary["rows"]} == {"unseen"}
    assert summary["baseline"] == "pid"
    assert {d["agent"] for d in summary["differences"]} == {"random"}
    assert "| rooms | pid |" in (evaluated / "tables.md").read_text()
    with (evaluated / "summary.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["agent"] for row in table] == [row["agent"] for row in summary["rows"]]
    first = summary["rows"][0]["measures"]["episode_return"]
    told = [float(table[0][f"episode_return{end}"]) for end in ("", "_low", "_high")]
    assert told == pytest.approx(first, rel=1e-5)


def test_tracks_tell_where_everybody_was(evaluated):
    lines = {(line["agent"], line["condition"], line["seed"]): line for line in read_results(evaluated).lines}
    seen = 0
    for path in sorted((evaluated / "tracks").iterdir()):
        agent, ground, condition, _ = path.stem.split("--")
        for seed, track in load_tracks(path).items():
            line = lines[agent, condition, seed]
            seen += 1
            assert ground == "rooms"
            assert track.poses.shape == (line["length"] + 1, 2, 3)
            assert np.mean((track.events[1:] & VISIBLE) > 0) == pytest.approx(line["visible_share"])
            assert ((track.events[1:] & CONTACT) > 0).sum() == line["contacts"]
            way = np.hypot(*np.diff(track.poses[:, 0, :2].astype(float) * 0.01, axis=0).T).sum()
            assert way == pytest.approx(line["distance_travelled_m"], rel=0.05, abs=1.0)
    assert seen == len(lines)


def test_several_workers_write_the_same_bytes(evaluated, tmp_path):
    out = tmp_path / "shared"
    assert evaluate(out, "--workers", "2", *ARGUMENTS) == 0
    assert (out / "episodes.jsonl").read_bytes() == (evaluated / "episodes.jsonl").read_bytes()
    assert (out / "summary.json").read_bytes() == (evaluated / "summary.json").read_bytes()


@pytest.mark.parametrize("left", [0, 1, 5, 7.5])  # lines; a half is one that was not written to its end
def test_what_was_cut_short_goes_on_exactly(evaluated, tmp_path, left, capsys):
    out = tmp_path / "again"
    shutil.copytree(evaluated, out)
    lines = (out / "episodes.jsonl").read_bytes().splitlines(keepends=True)
    rest = lines[int(left)][:40] if left % 1 else b""
    (out / "episodes.jsonl").write_bytes(b"".join(lines[: int(left)]) + rest)
    assert evaluate(out, *ARGUMENTS, "--resume") == 0
    assert (out / "episodes.jsonl").read_bytes() == (evaluated / "episodes.jsonl").read_bytes()
    told = capsys.readouterr().out
    assert ("cut short" in told) == (left in (1, 7.5))
    assert "pid, rooms, goal" not in told if left > 3 else "pid, rooms, goal" in told


def test_a_stop_keeps_what_was_played(tmp_path, monkeypatch, capsys, evaluated):
    out = tmp_path / "stopped"
    keep = results_module.ResultsFolder.keep

    def stopping(self, piece, lines, tracks):
        keep(self, piece, lines, tracks)
        requests[0].exit_code = 130

    requests = []
    begin = StopRequest.__init__
    monkeypatch.setattr(StopRequest, "__init__", lambda self: (begin(self), requests.append(self))[0])
    monkeypatch.setattr(results_module.ResultsFolder, "keep", stopping)
    monkeypatch.setattr(sys, "argv", ["rspt", "evaluate", "--out", str(out)])
    assert evaluate(out, *ARGUMENTS) == 130
    assert f"rspt evaluate --out {out} --resume" in capsys.readouterr().out
    assert len(read_results(out).lines) == PIECE
    monkeypatch.undo()
    monkeypatch.setattr(plan_module, "PIECE", PIECE)
    assert evaluate(out, *ARGUMENTS, "--resume") == 0
    assert (out / "episodes.jsonl").read_bytes() == (evaluated / "episodes.jsonl").read_bytes()


def test_agents_may_be_added_and_are_compared_in_pairs(evaluated, tmp_path):
    out = tmp_path / "more"
    shutil.copytree(evaluated, out)
    arguments = (*ARGUMENTS[:-2], "oracle")
    assert evaluate(out, *arguments, "--resume", "--baseline", "oracle") == 0
    summary = json.loads((out / "summary.json").read_text())
    assert list(summary["agents"]) == ["pid", "random", "oracle"]
    worse = [d for d in summary["differences"] if d["measure"] == "episode_return"]
    assert {d["agent"] for d in worse} == {"pid", "random"}
    assert all(d["interval"][0] < 0.0 for d in worse if d["agent"] == "random")


def test_a_crash_is_a_failure_with_its_reason(tmp_path, monkeypatch, capsys):
    (tmp_path / "own_agents.py").write_text(CRASHING)
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "crashed"
    assert evaluate(out, "--layouts", "rooms", "--agents", "own_agents:crashing", "own_agents:standing") == 0
    assert "own_agents_crashing, rooms, seed 2000000: RuntimeError: no more" in capsys.readouterr().err
    lines = read_results(out).lines
    crashed = [line for line in lines if line["error"]]
    assert len(lines) == 2 * EPISODES  # none is dropped
    took = read_results(out).about["run"]["milliseconds_per_action"]
    assert took["own_agents_crashing"] is None
    assert took["own_agents_standing"] > 0.0
    assert {line["agent"] for line in crashed} == {"own_agents_crashing"}
    for line in crashed:
        assert line["error"] == "RuntimeError: no more"
        assert line["end_reason"] == "error"
        assert not line["success"]
        assert line["length"] == 7
    rows = json.loads((out / "summary.json").read_text())["rows"]
    assert {row["agent"]: row["errors"] for row in rows} == {"own_agents_crashing": EPISODES, "own_agents_standing": 0}
    assert {row["agent"]: row["trained_on"] for row in rows} == {
        "own_agents_crashing": "unknown",
        "own_agents_standing": "seen",
    }


CRASHING = """
import numpy as np

class Standing:
    env_id = "RSPT/Track-v0"
    train_families = ("rooms",)

    def reset(self, mask):
        self.steps = 0

    def act(self, obs):
        self.steps += 1
        assert obs["depth"].ndim == 3 and obs["target_mask"].dtype == np.uint8
        return np.zeros((len(obs["depth"]), 2))

class Crashing(Standing):
    env_id = "RSPT/TrackState-v0"
    train_families = None

    def act(self, obs):
        self.steps += 1
        if self.steps == 8:
            raise RuntimeError("no more")
        return np.zeros((len(obs["map"]), 2))

standing, crashing = Standing, Crashing
"""


def test_lines_say_what_a_condition_changes(tmp_path):
    path, out = tmp_path / "own.yaml", tmp_path / "own"
    conditions = "{goal: {}, latency-5: {latency_steps: 5}, density-4: {layout_density: 4.0}}"
    path.write_text(
        f"{{version: own-v1, title: Own, layouts: [blocks], conditions: {conditions}, first_seed: 4000000}}"
    )
    assert evaluate(out, "--suite", str(path), "--episodes", "1", "--agents", "pid") == 0
    plain, late, dense = read_results(out).lines
    assert set(plain) == set(late) - {"latency_steps"} == set(dense) - {"layout_density"}
    assert (late["latency_steps"], dense["layout_density"]) == (5, 4.0)
    assert plain["layout_hash"] == late["layout_hash"] != dense["layout_hash"]
    told = json.loads((out / "evaluation.json").read_text())["suite"]["conditions"]
    # a key more, and folders of earlier versions were of another suite
    assert set(told["goal"]) == {"target", "speed_ratio", "noise", "distractors", "mask", "localizer"}
    assert told["latency-5"] == {**told["goal"], "latency_steps": 5}
    assert {dense["layout_hash"], plain["layout_hash"]} == {
        Layouts([{"label": "blocks", "source": "blocks"}]).of(line).hash for line in (plain, dense)
    }


def test_a_layout_that_was_drawn_anew_is_found_again():
    source, rng = PlaceSource(["maze"], size_m=None, cell_m=None), episode_seed(7, 0).generator(LAYOUT)
    first, second = (source.draw(rng).layout.hash for _ in range(2))
    layouts = Layouts([{"label": "maze", "source": "maze"}])
    for wanted in (second, first):
        assert layouts.of({"ground": "maze", "seed": 7, "layout_hash": wanted}).hash == wanted
    with pytest.raises(UsageError, match=r"^maze: no longer gives the layout that was evaluated \(other\)"):
        layouts.of({"ground": "maze", "seed": 7, "layout_hash": "other"})


def test_trained_agents_are_marked_where_they_were_trained(tmp_path):
    out = tmp_path / "seen"
    arguments = ("--suite", "seen", "--layouts", "blocks", "rooms", "--targets", "goal", "--agents", "pretrained")
    assert evaluate(out, *arguments) == 0
    rows = {row["ground"]: row["trained_on"] for row in json.loads((out / "summary.json").read_text())["rows"]}
    assert rows == {"blocks": "seen", "rooms": "unseen", "all": "seen"}
    assert {line["train_seed"] for line in read_results(out).lines} == {0}
    assert {len(line["agent_sha256"]) for line in read_results(out).lines} == {64}


PLAN = "\n".join(["#" * 30, *["#" + "." * 28 + "#"] * 18, "#" * 30]) + "\n"


def test_maps_of_ones_own_are_played_and_the_unusable_ones_named(tmp_path, capsys):
    maps = tmp_path / "maps"
    for name, text in (("hall", "type octile\nheight 20\nwidth 30\nmap\n" + PLAN), ("closet", "type octile\n")):
        maps.mkdir(exist_ok=True)
        (maps / f"{name}.map").write_text(text.replace("#", "@"))
    out = tmp_path / "real"
    assert evaluate(out, "--suite", "real", "--layouts", str(maps), "--agents", "pid") == 0
    told = capsys.readouterr().out
    assert "skipped: " in told
    assert "closet.map" in told
    lines = read_results(out).lines
    assert {line["ground"] for line in lines} == {"hall"}
    assert {line["suite_version"] for line in lines} == {"real-v1"}
    assert len({line["layout_hash"] for line in lines}) == 1
    assert len({line["episode_return"] for line in lines}) == EPISODES  # each starts elsewhere
    assert evaluate(tmp_path / "x", "--suite", "real", "--layouts", str(maps / "closet.map")) == 2
    assert evaluate(tmp_path / "x", "--suite", "real") == 2
    assert not (tmp_path / "x").exists()


def test_a_text_map_may_say_where_episodes_start(tmp_path):
    rows = [*PLAN.splitlines()]
    rows[5], rows[9] = "#..>" + rows[5][4:], "#......T" + rows[9][8:]
    (tmp_path / "hall.txt").write_text("cell: 1.0\n\n" + "\n".join(rows) + "\n")
    out = tmp_path / "drawn"
    assert evaluate(out, "--suite", "real", "--layouts", str(tmp_path / "hall.txt"), "--agents", "pid") == 0
    [path] = (out / "tracks").glob("*000.npz")
    for track in load_tracks(path).values():
        np.testing.assert_array_equal(track.poses[0, :2, :2], [[350, 1450], [750, 1050]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--agents", "runs/nobody"], "runs/nobody: no such file or folder"),
        (["--suite", "unsen"], "unknown suite 'unsen', did you mean 'unseen'"),
        (["--agents", "pretraned"], "unknown agent 'pretraned', did you mean 'pretrained'"),
        (["--agents", "pid", "pid"], "another agent 'pid'"),
        (["--agents", "no_such_module:agent"], "no_such_module:agent: cannot be made (ModuleNotFoundError"),
        (["--layouts", "rooom"], "unknown layout family 'rooom', did you mean 'rooms'"),
        (["--layouts", "rooms", "rooms"], "rooms is named twice"),
        (
            ["--suite", "density", "--layouts", "maze"],
            "condition density-0: density of layout 'maze' is 0, only blocks, pillars, mixed have another than 1",
        ),
        (["--layouts", "absent.yaml"], "absent.yaml"),
        (["--targets", "gaol"], "unknown target policy 'gaol', did you mean 'goal'"),
        (["--episodes", "401"], "--episodes 401: a suite has from 1 to 400"),
        (["--localizer", "eyes"], "--localizer eyes: allowed are mask, box, video"),
        (["--baseline", "oracle"], "--baseline oracle: is none of the agents, pid"),
        (["--noise", "none"], "unrecognized arguments: --noise"),
        (["--resume"], "holds no evaluation to resume"),
    ],
)
def test_mistakes_are_one_line_and_leave_no_folder(tmp_path, capsys, arguments, message):
    out = tmp_path / "out"
    given = arguments if "--agents" in arguments else ["--agents", "pid", *arguments]
    assert evaluate(out, *given) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_other_results_are_not_touched(evaluated, tmp_path, capsys):
    out = tmp_path / "other"
    shutil.copytree(evaluated, out)
    before = (out / "episodes.jsonl").read_bytes()
    assert evaluate(out, *ARGUMENTS) == 2
    assert "holds this evaluation already, or a part; --resume goes on with it" in capsys.readouterr().err
    for more in ([], ["--resume"]):
        assert evaluate(out, "--suite", "unseen", *more) == 2
        assert "another suite: validation-v1.targets.layouts, now unseen-v1" in capsys.readouterr().err
    for key, told in (("sha256", "another 'pid'"), ("predictor_sha256", "another predictor for 'pid'")):
        about = json.loads((evaluated / "evaluation.json").read_text())
        about["agents"]["pid"][key] = "0" * 64
        (out / "evaluation.json").write_text(json.dumps(about))
        assert evaluate(out, *ARGUMENTS, "--resume") == 2
        assert f"episodes of {told}" in capsys.readouterr().err
    (out / "evaluation.json").write_text(json.dumps(about | {"version": 2}))
    assert evaluate(out, *ARGUMENTS, "--resume") == 2
    assert "has the version 2, this rspt reads 1" in capsys.readouterr().err
    assert (out / "episodes.jsonl").read_bytes() == before


def test_a_line_that_is_no_episode_is_named(evaluated, tmp_path, capsys):
    out = tmp_path / "damaged"
    shutil.copytree(evaluated, out)
    lines = (out / "episodes.jsonl").read_bytes().splitlines(keepends=True)
    lines[4] = b"{}\n"
    (out / "episodes.jsonl").write_bytes(b"".join(lines))
    assert evaluate(out, *ARGUMENTS, "--resume") == 2
    assert "episodes.jsonl: line 5 is no episode" in capsys.readouterr().err


def test_layouts_that_are_not_the_frozen_ones_are_refused(tmp_path, capsys, monkeypatch):
    import rspt.evaluate as command

    frozen = {("maze", seed): "0" * 8 for seed in range(2_000_000, 2_000_003)}
    monkeypatch.setattr(command, "frozen_hashes", lambda: frozen)
    assert evaluate(tmp_path / "out", "--layouts", *SPLITS["test"], "--agents", "pid") == 2
    assert "this version of rspt draws other layouts" in capsys.readouterr().err


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch, capsys, evaluated):
    out = tmp_path / "full"
    calls = []

    def failing(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(results_module, "os", SimpleNamespace(fsync=failing, truncate=os.truncate))
    assert evaluate(out, *ARGUMENTS) == 1
    assert "No space left" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr(plan_module, "PIECE", PIECE)
    assert len(read_results(out).lines) == PIECE
    assert evaluate(out, *ARGUMENTS, "--resume") == 0
    assert (out / "episodes.jsonl").read_bytes() == (evaluated / "episodes.jsonl").read_bytes()
