"""The pictures of the results: every condition is in them, the same numbers give the same files."""

import importlib.util
import sys
from pathlib import Path

import pytest

from rspt.evaluation.suite import load_suite


def load_figures():
    path = Path(__file__).parents[2] / "benchmarks" / "figures.py"
    spec = importlib.util.spec_from_file_location("figures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


figures = load_figures()
HEAD = "condition,layouts,agent,trained_on,n,errors,success,success_low,success_high\n"


def write_results(folder: Path, name: str) -> None:
    rows = [
        f"{condition},{layouts},{agent},unseen,40,0,{share},{share - 0.1:.2f},{share + 0.05:.2f}\n"
        for condition in load_suite(name).conditions
        for layouts in ("maze", "all")
        for agent, share in (("pretrained", 0.9), ("pid", 0.4 if layouts == "all" else 0.0))
    ]
    (folder / f"{name}.csv").write_text(HEAD + "".join(rows))


@pytest.mark.parametrize("name", list(figures.PICTURES))
def test_each_condition_is_a_point_of_one_curve(tmp_path, name):
    write_results(tmp_path, name)
    shares = figures.read_shares(tmp_path / f"{name}.csv")
    conditions = load_suite(name).conditions
    drawn = 0
    for panel in figures.PICTURES[name]:
        curve = figures.curve_of(shares, panel, "pid")
        assert [point[1:] for point in curve] == [(0.4, 0.3, 0.45)] * len(curve)
        assert panel.scale * panel.nominal in [point.value for point in curve]
        assert panel.base in conditions
        drawn += len(curve) - 1
    assert drawn == len(conditions) - len({panel.base for panel in figures.PICTURES[name]})


def test_the_same_numbers_give_the_same_files(tmp_path, monkeypatch, capsys):
    write_results(tmp_path, "density")
    made = []
    for folder in ("once", "again"):
        (tmp_path / folder).mkdir()
        monkeypatch.setattr(sys, "argv", ["figures.py", "--results", str(tmp_path), "--images", str(tmp_path / folder)])
        figures.main()
        made.append([(tmp_path / folder / f"density.{suffix}").read_bytes() for suffix in ("png", "svg")])
    assert made[0] == made[1]
    assert max(len(content) for content in made[0]) < 500_000
    told = capsys.readouterr().out
    assert "robustness.csv: not there" in told
    assert b"dc:date" not in made[0][1]


def test_results_without_what_is_drawn_are_told(tmp_path):
    (tmp_path / "empty.csv").write_text(HEAD)
    with pytest.raises(SystemExit, match="has no row over all"):
        figures.read_shares(tmp_path / "empty.csv")
    shares = {("goal", str(number)): figures.Point(0.0, 0.5, 0.4, 0.6) for number in range(7)}
    with pytest.raises(SystemExit, match="7 agents, at most 6"):
        figures.draw(shares, figures.PICTURES["density"], tmp_path / "many")


def test_labels_keep_apart_and_inside():
    assert figures.apart([0.0, 0.5, 1.0], 0.1) == [0.0, 0.5, 1.0]
    assert figures.apart([0.97, 0.98, 0.99], 0.1) == pytest.approx([0.8, 0.9, 1.0])
    assert figures.apart([0.0, 0.0, 0.05], 0.1) == pytest.approx([0.0, 0.1, 0.2])
    assert figures.apart([], 0.1) == []
