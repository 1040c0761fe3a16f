"""Suites: frozen, apart from what is trained on, and clear about what is wrong with one."""

import pytest
import yaml

from envs.layouts import FAMILIES, SPLITS
from rspt.config import ConfigError, configs_folder, load_config
from rspt.evaluation import suite as suites_module
from rspt.evaluation.suite import EPISODES_MAX, drawn_hash, frozen_hashes, load_suite, suites
from rspt.training.settings import TrackerSettings


def test_every_suite_is_found_by_name_and_has_a_version_of_its_own():
    found = [load_suite(name) for name in suites()]
    assert suites() == ["real", "seen", "stress", "unseen", "validation", "video"]
    assert len({suite.version for suite in found}) == len(found)


def test_layouts_are_those_that_were_frozen():
    frozen = frozen_hashes()
    lists = {(family, suite.first_seed) for suite in map(load_suite, suites()) for family in suite.layouts}
    assert {family for family, _ in lists} == set(FAMILIES)
    assert len(frozen) == EPISODES_MAX * len(lists)
    for family, first in lists:
        for seed in (first, first + 1, first + 123, first + EPISODES_MAX - 1):
            assert drawn_hash(family, seed).startswith(frozen[family, seed]), (family, seed)
    assert len(set(frozen.values())) > 0.999 * len(frozen)  # a layout of its own for each episode


def test_the_file_of_the_frozen_layouts_is_what_freeze_writes(monkeypatch):
    monkeypatch.setattr(suites_module, "EPISODES_MAX", 2)
    path = configs_folder() / "eval" / "layouts.txt"
    short = ["{} {} {}".format(*line.split()[:2], line.split()[2][:16]) for line in path.read_text().splitlines()]
    assert suites_module.freeze().splitlines() == short


def test_no_recipe_trains_on_what_unseen_and_stress_play():
    trained = set(load_config(TrackerSettings, "rspt").worlds.layouts)
    for name in ("unseen", "stress", "video"):
        assert set(load_suite(name).layouts) == set(SPLITS["test"])
        assert not trained & set(load_suite(name).layouts)
    assert not trained & set(load_suite("validation").layouts)
    assert set(load_suite("seen").layouts) == trained


def test_conditions_change_one_thing_at_a_time():
    conditions = load_suite("stress").conditions
    plain = conditions["goal"].model_dump()
    for name, condition in conditions.items():
        changed = {key for key, value in condition.model_dump().items() if value != plain[key]}
        assert changed <= {"target", "speed_ratio", "noise", "distractors", "mask"}
        assert len(changed - {"target"}) <= 2, name
    assert {condition.target for condition in conditions.values()} == {"goal", "evade", "learned"}
    assert {condition.speed_ratio for condition in conditions.values()} == {0.7, 0.85, 1.0}
    assert conditions["goal_look_alikes"].mask == "class"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layouts": ["rooms", "ofice"]}, r"layouts: unknown family 'ofice', did you mean 'office'\?"),
        ({"conditions": {}}, "conditions: .*at least 1"),
        (
            {"conditions": {"a": {"target": "gaol"}}},
            r"conditions\.a\.target: unknown target 'gaol', did you mean 'goal",
        ),
        ({"conditions": {"a": {"noise": "real"}}}, r"conditions\.a\.noise: unknown noise 'real'"),
        ({"conditions": {"a b": {}}}, "conditions.a b"),
        ({"conditions": {"a": {"speed": 1}}}, "unknown key 'speed', did you mean 'speed_ratio'"),
        ({"first_seed": -1}, "first_seed: .*greater than or equal to 0"),
        ({"version": "a/b"}, "version: .*pattern"),
    ],
)
def test_mistakes_in_a_suite_are_told(tmp_path, change, message):
    path = tmp_path / "suite.yaml"
    good = {"version": "own-v1", "title": "Own", "layouts": ["rooms"], "conditions": {"goal": {}}, "first_seed": 0}
    path.write_text(yaml.safe_dump(good))
    assert load_suite(str(path)).version == "own-v1"
    path.write_text(yaml.safe_dump(good | change))
    with pytest.raises(ConfigError, match=message):
        load_suite(str(path))


def test_an_unknown_suite_is_told_with_the_nearest_name(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown suite 'unsen', did you mean 'unseen'\?"):
        load_suite("unsen")
    with pytest.raises(ConfigError, match="no such file"):
        load_suite(str(tmp_path / "none.yaml"))
