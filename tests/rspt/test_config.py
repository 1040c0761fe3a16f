"""Recipes are found by name or path, and every mistake in one is told in one line."""

import pytest
from pydantic import Field

from envs.settings import Settings
from rspt.config import ConfigError, configs_folder, find_config, load_config, read_config
from rspt.demo import DemoSettings
from rspt.predictor.settings import PredictorSettings
from rspt.training.settings import TrackerSettings


class Recipe(Settings):
    """A recipe of the tests."""

    speed_mps: float = Field(1.0, gt=0.0, le=2.0)
    """Speed in m/s."""


def test_every_shipped_recipe_is_found_by_name():
    names = [path.stem for path in configs_folder().glob("*.yaml")]
    assert "demo" in names
    for name in names:
        assert find_config(name) == configs_folder() / f"{name}.yaml"


def test_the_demo_recipe_fits_its_model():
    settings = load_config(DemoSettings, "demo")
    assert len(settings.layouts) == 5
    assert settings.agents == ("pretrained", "planner", "pid", "oracle")


def test_a_path_is_read(tmp_path):
    path = tmp_path / "my recipe.yaml"
    path.write_text("speed_mps: 1.5\n")
    assert load_config(Recipe, str(path)).speed_mps == 1.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed_mps: 3.0", r"speed_mps: Input should be less than or equal to 2 \(got 3\.0\)"),
        ("speed_mps: .nan", r"speed_mps: .*finite.* \(got nan\)"),
        ("speed_mps: fast", r"speed_mps: .* \(got 'fast'\)"),
        ("speed_mps:", r"speed_mps: .* \(got None\)"),
        ("speed_mp: 1.0", r"unknown key 'speed_mp', did you mean 'speed_mps'\? \(known: speed_mps\)"),
        ("speed_mps: 1.0\nspeed_mps: 1.1", "twice"),
        ("- 1", "mapping"),
        ("", "empty"),
        ("a: [", "line"),
        ("a: !!python/object/apply:os.system [ls]", "line"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(Recipe, str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_is_told_with_the_nearest_name(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'demo'"):
        find_config("dmo")
    with pytest.raises(ConfigError, match="no such file"):
        find_config(str(tmp_path / "none.yaml"))


def test_a_missing_key_is_named(tmp_path):
    path = tmp_path / "short.yaml"
    path.write_text("layouts: [blocks]\n")
    with pytest.raises(ConfigError, match="'agents' is missing"):
        load_config(DemoSettings, str(path))


class Course(Settings):
    """A recipe with a section that may be left out."""

    lap: Recipe | None = None
    """A lap."""
    laps: int = 1
    """How many."""


@pytest.mark.parametrize(
    ("overrides", "speed_mps", "laps"),
    [
        (["--lap.speed_mps", "1.5"], 1.5, 1),
        (["--lap.speed-mps=1.5", "--laps", "3"], 1.5, 3),
        (["--laps", "2", "--laps", "4"], None, 4),
        (["--lap", "null"], None, 1),
    ],
)
def test_values_are_changed_on_the_command_line(tmp_path, overrides, speed_mps, laps):
    path = tmp_path / "course.yaml"
    path.write_text("laps: 1\n")
    course = load_config(Course, str(path), overrides)
    assert course.laps == laps
    assert (None if course.lap is None else course.lap.speed_mps) == speed_mps


def test_several_values_are_a_list():
    overrides = ["--worlds.speed_ratio", "0.7", "0.85", "--worlds.layouts", "[rooms]", "--seed", "3"]
    settings = load_config(TrackerSettings, "best_response", overrides)
    assert settings.worlds.speed_ratio == (0.7, 0.85)
    assert settings.worlds.layouts == ("rooms",)
    assert settings.seed == 3


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["--lap.speed_mp", "1"], r"--lap\.speed_mp: lap: unknown key 'speed_mp', did you mean 'speed_mps'\?"),
        (["--lup.speed_mps", "1"], r"--lup\.speed_mps: unknown key 'lup', did you mean 'lap'\?"),
        (["--lap.speed_mps", "9"], r"^--lap\.speed_mps: Input .*less than or equal to 2 \(got 9\)"),
        (["--laps"], "--laps: the value is missing"),
        (["--laps", "2", "3"], r"--laps: .*integer.* \(got \[2, 3\]\)"),
        (["--laps", "--lap.speed_mps", "1"], "--laps: the value is missing"),
        (["laps", "2"], "'laps': an option such as"),
        (["--laps", "[1"], "cannot be read as a value"),
    ],
)
def test_mistakes_on_the_command_line_name_the_option(tmp_path, overrides, message):
    path = tmp_path / "course.yaml"
    path.write_text("laps: 1\n")
    with pytest.raises(ConfigError, match=message):
        load_config(Course, str(path), overrides)


def test_a_recipe_stands_on_another(tmp_path):
    (tmp_path / "first.yaml").write_text("laps: 3\nlap: {speed_mps: 1.5}\n")
    (tmp_path / "second.yaml").write_text("base: first.yaml\nlaps: 4\n")
    (tmp_path / "third.yaml").write_text("base: second.yaml\nlap: null\n")
    assert load_config(Course, str(tmp_path / "second.yaml")) == Course(laps=4, lap=Recipe(speed_mps=1.5))
    assert load_config(Course, str(tmp_path / "third.yaml")) == Course(laps=4)


@pytest.mark.parametrize(("base", "message"), [("loop.yaml", "its own base"), ("dmo", "'demo'"), ("[1]", "base =")])
def test_a_recipe_on_no_ground_is_refused(tmp_path, base, message):
    path = tmp_path / "loop.yaml"
    path.write_text(f"base: {base}\n")
    with pytest.raises(ConfigError, match=message):
        load_config(Course, str(path))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["--worlds.speed_ratio", "0.9", "0.5"], r"worlds\.speed_ratio: .* the lower one first, got \[0\.9, 0\.5\]"),
        (["--worlds.speed_ratio", "0.0", "0.5"], r"worlds\.speed_ratio: must be two numbers from 0\.05 to 2"),
        (["--worlds.layouts", "[bloks]"], r"worlds\.layouts: unknown layout family 'bloks', did you mean 'blocks'\?"),
        (["--worlds.layouts", "[nowhere.yaml]"], r"worlds\.layouts: nowhere\.yaml: no such file"),
    ],
)
def test_worlds_that_cannot_be_are_refused_before_any_stage_runs(overrides, message):
    with pytest.raises(ConfigError, match=message):
        load_config(TrackerSettings, "rspt", overrides)


@pytest.mark.parametrize("path", sorted(configs_folder().glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_of_a_training_fits_its_model(path):
    kind = read_config(path.stem).get("kind")
    models = {"tracker": TrackerSettings, "predictor": PredictorSettings, None: DemoSettings}
    assert load_config(models[kind], path.stem)
