"""What a summary says, where it can be reckoned by hand."""

from pathlib import Path

import pytest

from rspt.evaluation.results import Results
from rspt.evaluation.summary import ALL, as_json, is_summed, summarize, trained_on
from rspt.evaluation.table import markdown_of

LINE = {
    "condition": "goal",
    "building": None,
    "kind": None,
    "localizer": "mask",
    "success_strict": True,
    "success_recent": True,
    "visible_share": 1.0,
    "mean_distance_error_m": 0.5,
    "mean_bearing_error_rad": 0.1,
    "contacts": 0,
    "length": 500,
    "distance_travelled_m": 50.0,
    "hidden_spells": 0,
    "reacquisitions": 0,
    "reacquisition_steps": None,
    "end_reason": "time",
}


def line(agent, ground, seed, success, total, **more):
    kept = {"success": success, "success_safe": success, "end_reason": "time" if success else "lost"}
    place = {"agent": agent, "ground": ground, "seed": seed, "layout_hash": f"{ground}{seed}", "episode_return": total}
    return {**LINE, **kept, **place, **more}


def results(lines, grounds=("a", "b"), records=None, kinds=None) -> Results:
    agents = dict.fromkeys(line["agent"] for line in lines)
    records = records or {}
    about = {
        "suite": {"version": "own-v1"},
        "agents": {name: {"record": records.get(name, {}), "privileged": False} for name in agents},
        "grounds": [{"label": name, "kind": (kinds or {}).get(name)} for name in grounds],
    }
    return Results(Path("nowhere"), about, lines)


TWO = [
    *[line("x", ground, seed, seed > 0 or ground == "b", 300.0 + seed) for ground in "ab" for seed in range(4)],
    *[line("y", ground, seed, False, 100.0 + seed) for ground in "ab" for seed in range(4)],
]


def test_shares_means_and_the_worst_ground():
    rows = {(row.ground, row.agent): row for row in summarize(results(TWO)).rows}
    assert set(rows) == {(ground, agent) for ground in ("a", "b", ALL) for agent in "xy"}
    assert rows["a", "x"].measures["success"].value == 0.75
    assert rows["b", "x"].measures["success"].value == 1.0
    assert rows[ALL, "x"].measures["success"].value == 7 / 8
    assert rows[ALL, "x"].n == 8
    assert rows[ALL, "x"].worst == ("a", 0.75)
    assert rows["a", "x"].worst is None
    assert rows["a", "x"].measures["episode_return"].value == 301.5
    low, high = rows["a", "x"].measures["episode_return"][1:]
    assert 300.0 <= low < 301.5 < high <= 303.0


def test_differences_are_of_the_same_episodes():
    summary = summarize(results(TWO))
    assert summary.baseline == "x"
    returns = {d.ground: d for d in summary.differences if d.measure == "episode_return"}
    for ground in ("a", "b", ALL):
        assert tuple(returns[ground].interval) == (-200.0, -200.0, -200.0)  # each pair alike
    assert returns["a"].p == pytest.approx(2 / 2**4, abs=0.02)
    assert returns[ALL].p == pytest.approx(2 / 2**8, abs=0.005)
    assert returns[ALL].p_holm == pytest.approx(min(1.0, 3 * returns[ALL].p))
    assert summarize(results(TWO), baseline="y").differences[0].agent == "x"
    assert summarize(results(TWO[:8])).differences == []
    with pytest.raises(ValueError, match="no agent 'z'"):
        summarize(results(TWO), baseline="z")


def test_an_episode_that_one_of_both_lacks_is_no_pair():
    summary = summarize(results([*TWO[:8], *TWO[8:14]]))
    assert next(d for d in summary.differences if d.ground == ALL).interval.value == pytest.approx(-5 / 6)


def test_contacts_and_reacquisitions_are_counted_by_what_they_could_be():
    some = [
        line("x", "a", 0, True, 1.0, contacts=3, hidden_spells=2, reacquisitions=1, reacquisition_steps=4.0),
        line("x", "a", 1, True, 1.0, contacts=0, hidden_spells=2, reacquisitions=2, reacquisition_steps=10.0),
    ]
    measures = summarize(results(some, grounds=["a"])).rows[0].measures
    assert measures["contacts_per_100m"].value == 3.0
    assert measures["reacquired_share"].value == 0.75
    assert measures["reacquisition_s"].value == pytest.approx(0.7)
    still = summarize(results([line("x", "a", 0, True, 1.0, distance_travelled_m=0.0)], grounds=["a"])).rows[0].measures
    assert still["contacts_per_100m"] is still["reacquired_share"] is still["reacquisition_s"] is None


def test_maps_of_one_building_are_resampled_together():
    some = [
        line("x", f"m{k}", s, True, 100.0 * (k // 2) + s, building=f"b{k // 2}") for k in range(8) for s in range(5)
    ]
    grounds = [f"m{k}" for k in range(8)]
    alone = [{**one, "building": None} for one in some]
    widths = []
    for lines in (some, alone):
        interval = summarize(results(lines, grounds=grounds)).rows[-1].measures["episode_return"]
        widths.append(interval.high - interval.low)
    assert widths[0] > 2.0 * widths[1]


def test_kinds_of_maps_are_summed_up_apart():
    rows = summarize(results(TWO, kinds={"a": "real-scan", "b": "drawn-plan"})).rows
    names = list(dict.fromkeys(row.ground for row in rows))
    assert names == ["a", "b", "all real-scan", "all drawn-plan", ALL]
    assert [is_summed(name) for name in names] == [False, False, True, True, True]
    assert ALL + " real-scan" not in {
        row.ground for row in summarize(results(TWO, kinds={"a": "real-scan", "b": "real-scan"})).rows
    }


@pytest.mark.parametrize(
    ("record", "marked"),
    [
        (None, "unknown"),
        ({}, "unseen"),
        ({"families": "b,c"}, "unseen"),
        ({"families": "c,a"}, "seen"),
        ({"families": "", "layout_files": '{"office.yaml": "a0"}'}, "seen"),
        ({"families": "", "layout_files": '{"office.yaml": "b0"}'}, "unseen"),
    ],
)
def test_what_an_agent_was_trained_on_is_marked(record, marked):
    assert trained_on([line("x", "a", 0, True, 1.0)], record) == marked


def test_faults_and_errors_are_failures_that_are_counted():
    some = [line("x", "a", 0, False, 1.0, end_reason="too fast"), line("x", "a", 1, False, 1.0, end_reason="error")]
    row = summarize(results(some, grounds=["a"])).rows[0]
    assert row.errors == 2
    assert row.measures["success"].value == 0.0
    assert "2 (2 errors)" in markdown_of(summarize(results(some, grounds=["a"])), results(some, grounds=["a"]))


def test_the_tables_tell_the_differences_from_the_baseline():
    some = [line("good", "a", k, True, 9.0) for k in range(4)] + [line("bad", "a", k, False, 1.0) for k in range(4)]
    told = results(some, grounds=["a"])
    text = markdown_of(summarize(told, baseline="bad"), told)
    assert "| condition | layouts | agent minus bad | SR | AR |" in text
    assert f"| {LINE['condition']} | a | good | +1.00 [+1.00, +1.00], p 0." in text
    assert "+8 [+8, +8]" in text
    alone = results(some[:4], grounds=["a"])
    assert "minus" not in markdown_of(summarize(alone), alone)


def test_the_summary_is_json_without_what_json_lacks():
    text = as_json(summarize(results(TWO)), results(TWO))
    assert "NaN" not in text
    assert '"suite_version": "own-v1"' in text
