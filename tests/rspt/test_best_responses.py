"""What `benchmarks/best_responses.py` makes of episodes: the strongest opponent, and attacks that failed."""

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def rows(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("best_response_parts.rows")


def lines(kept_of_twenty, *, ground="blocks"):
    """Twenty episodes with each opponent, of which so many are kept."""
    return [
        {"condition": condition, "ground": ground, "seed": seed, "success": seed < kept, "length": 500 - 10 * seed}
        for condition, kept in kept_of_twenty.items()
        for seed in range(20)
    ]


def test_the_strongest_opponent_is_that_of_all_episodes(rows):
    seen = lines({"0.85-evade": 18, "0.85-response-0": 16, "0.85-response-1": 4})
    unseen = lines({"0.85-evade": 18, "0.85-response-0": 14, "0.85-response-1": 15}, ground="maze")
    made = rows.rows_of("mine", {"seen": seen, "unseen": unseen})
    by = {(row.families, row.opponent): row for row in made}
    assert len(made) == len(by) == 9
    assert {row.opponent for row in made if row.strongest} == {"response-1"}  # 19 of 40 kept
    together = by["all", "response-1"]
    assert (together.n, together.success.value, together.seed) == (40, 19 / 40, 1)
    assert together.length == pytest.approx(405.0)
    assert together.minus_evade.value == pytest.approx((19 - 36) / 40)
    assert together.beats_evade
    assert by["all", "evade"].minus_evade is None
    assert not by["unseen", "response-1"].beats_evade  # 15 and 18 of 20 can be chance
    (told,) = rows.verdicts(made)
    assert told.startswith("mine at 0.85: strongest is response-1, SR 0.47")
    assert "2 of 2 responses beat evade" in told
    table = rows.row_table(made)
    assert table[0][:10] == ["tracker", "ratio", "families", "opponent", "seed", "n", "SR", "SR_low", "SR_high", "EL"]
    assert all(len(line) == len(table[0]) for line in table)


def test_an_attack_that_does_not_beat_the_script_has_failed(rows):
    made = rows.rows_of(
        "mine", {"seen": lines({"1-evade": 12, "1-response-0": 12, "0.7-evade": 18, "0.7-response-0": 17})}
    )
    told = rows.verdicts(made)
    assert [line.split(":")[0] for line in told] == ["mine at 0.7", "mine at 1"]
    assert all("FAILED ATTACK: none of 1 responses beats evade" in line for line in told)
    assert {(row.ratio, row.opponent) for row in made if row.strongest} == {(0.7, "response-0"), (1.0, "evade")}
