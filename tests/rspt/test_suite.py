"""Suites: frozen, apart from what is trained on, and clear about what is wrong with one."""

import json

import pytest
import yaml

from envs.layouts import FAMILIES, SPLITS
from envs.sensors.noise import PRESETS
from envs.world_settings import RandomizeSettings
from rspt.actors import digest, load_player
from rspt.agent import load_agent
from rspt.config import ConfigError, configs_folder, load_config
from rspt.errors import UsageError
from rspt.evaluation import suite as suites_module
from rspt.evaluation.plan import Entry, Ground, Piece, plan_of
from rspt.evaluation.running import cell_of
from rspt.evaluation.suite import (
    EPISODES_MAX,
    Condition,
    drawn_hash,
    frozen_hashes,
    frozen_name,
    layout_lists,
    load_suite,
    suites,
)
from rspt.training.settings import TrackerSettings


def test_every_suite_is_found_by_name_and_has_a_version_of_its_own():
    found = [load_suite(name) for name in suites()]
    assert suites() == [
        "density",
        "heldout",
        "real",
        "robustness",
        "seen",
        "stress",
        "study",
        "tuning",
        "unseen",
        "validation",
        "video",
    ]
    assert len({suite.version for suite in found}) == len(found)


def test_layouts_are_those_that_were_frozen():
    frozen = frozen_hashes()
    lists = layout_lists()
    assert {family for family, _, _ in lists} == set(FAMILIES)
    assert len(frozen) == EPISODES_MAX * len(lists)
    for family, density, first in lists:
        for seed in (first, first + 1, first + 123, first + EPISODES_MAX - 1):
            wanted = frozen[frozen_name(family, density), seed]
            assert drawn_hash(family, seed, density).startswith(wanted), (family, density, seed)
    named = {(name, letters) for (name, _), letters in frozen.items()}  # rows of pillars cannot be denser than dense
    assert len(named) > 0.999 * len(frozen)  # a layout of its own for each episode


def test_the_file_of_the_frozen_layouts_is_what_freeze_writes(monkeypatch):
    monkeypatch.setattr(suites_module, "EPISODES_MAX", 2)
    path = configs_folder() / "eval" / "layouts.txt"
    short = ["{} {} {}".format(*line.split()[:2], line.split()[2][:16]) for line in path.read_text().splitlines()]
    assert suites_module.freeze().splitlines() == short


def test_no_recipe_trains_on_what_unseen_and_stress_play():
    trained = set(load_config(TrackerSettings, "rspt").worlds.layouts)
    for name in ("unseen", "stress", "video", "robustness", "heldout"):
        assert set(load_suite(name).layouts) == set(SPLITS["test"])
        assert not trained & set(load_suite(name).layouts)
    assert not trained & set(load_suite("validation").layouts)
    assert set(load_suite("seen").layouts) == set(load_suite("density").layouts) == trained


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


@pytest.mark.parametrize("suite", ["robustness", "density"])
def test_the_names_of_curves_say_what_is_changed_and_to_what(suite):
    conditions = load_suite(suite).conditions
    fields = {
        **{"speed": "speed_ratio", "latency": "latency_steps", "drift": "odometry_drift", "hfov": "hfov_deg"},
        **{"depth_noise": "depth_sigma", "mask_misses": "mask_miss_rate", "camera_height": "camera_height_m"},
        **{"distractors": "distractors", "density": "layout_density"},
    }
    curves = {}
    for name, condition in conditions.items():
        what, _, value = name.rpartition("-")
        base = next((base for base in ("evade", "video") if name.startswith(base)), "goal")
        plain = conditions[base].model_dump()
        changed = {key: to for key, to in condition.model_dump().items() if to != plain[key]}
        if condition.distractors and base == "goal":
            assert changed.pop("mask") == "class"
        assert changed == ({fields[what.removeprefix(f"{base}_")]: float(value)} if what else {}), name
        curves.setdefault(what, []).append(name)
    assert min(len(names) for what, names in curves.items() if what) >= 3  # and the point where nothing is changed
    assert curves[""] == (["goal", "evade", "video"] if suite == "robustness" else ["goal", "evade"])


def test_a_condition_says_of_the_worlds_what_it_changes_and_nothing_else():
    assert Condition().changes == {}
    told = Condition(noise="realistic", odometry_drift=0.05, latency_steps=5, hfov_deg=50.0, layout_density=0.0)
    assert told.changes == {"odometry_drift": 0.05, "latency_steps": 5, "hfov_deg": 50.0, "layout_density": 0.0}
    assert told.noise_settings == PRESETS["realistic"].model_copy(update={"odometry_drift": 0.05})
    assert told.body == RandomizeSettings(latency_steps=(5, 5), hfov_deg=(50.0, 50.0))
    assert (told.density, Condition().density) == (0.0, 1.0)


@pytest.mark.parametrize("end", [0, 1])
def test_all_that_a_condition_may_say_can_be_played(end):
    ranges = {
        **{"depth_sigma": (0.0, 0.1), "mask_miss_rate": (0.0, 1.0), "odometry_drift": (0.0, 0.2)},
        **{"latency_steps": (0, 10), "camera_height_m": (0.1, 2.0), "hfov_deg": (30.0, 150.0)},
        "layout_density": (0.0, 4.0),
    }
    condition = Condition(**{name: limits[end] for name, limits in ranges.items()})
    piece = Piece(Entry("pid", "pid"), Ground("blocks", "blocks"), "all", condition, range(1))
    settings = cell_of(piece, load_agent("pid")).world_settings()
    assert settings.noise.depth_sigma == condition.depth_sigma
    assert settings.randomize.hfov_deg == (condition.hfov_deg, condition.hfov_deg)
    assert settings.layout_density == condition.layout_density
    for name, limits in ranges.items():
        with pytest.raises(ValueError, match=name):
            Condition(**{name: limits[end] + (1 if end else -1)})


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
        ({"conditions": {"a": {"hfov_deg": 170}}}, r"conditions\.a\.hfov_deg: .*less than or equal to 150 \(got 170\)"),
        (
            {"conditions": {"a": {"layout_density": 2}}},
            "condition a: density of layout 'rooms' is 2, only blocks, pillars, mixed have another than 1",
        ),
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


def test_nobody_trains_against_the_target_that_is_held_out():
    held = load_player("learned-heldout", "target").record
    pretrained = load_player("pretrained", "tracker")
    assert len(json.loads(held["escaped_trackers"])) == 3
    assert digest(pretrained.actor) not in json.loads(held["escaped_trackers"]).values()
    assert {condition.target for condition in load_suite("heldout").conditions.values()} == {"learned-heldout"}
    with pytest.raises(UsageError, match="unknown target policy 'learned-held-out', did you mean 'learned-heldout'"):
        plan_of("validation", ["pid"], targets=["learned-held-out"])


def test_an_unknown_suite_is_told_with_the_nearest_name(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown suite 'unsen', did you mean 'unseen'\?"):
        load_suite("unsen")
    with pytest.raises(ConfigError, match="no such file"):
        load_suite(str(tmp_path / "none.yaml"))
