"""The documents agree with the code."""

import re
from pathlib import Path

import pytest

from envs.layouts.free_space import free_space
from envs.layouts.text_map import layout_from_text
from envs.rewards import RewardSettings, TargetWeights, TrackerWeights
from envs.robots import RobotSettings
from envs.sensors.camera import CameraSettings
from envs.sensors.noise import NoiseSettings
from envs.settings import described
from envs.spawn import StartSettings
from envs.targets.evade import EvadePolicy
from envs.targets.goal import GoalPolicy
from envs.targets.wander import WanderPolicy
from envs.world_settings import RandomizeSettings, WorldSettings

DOCS = Path(__file__).parents[2] / "docs"
MODELS = {
    "camera": CameraSettings,
    "start": StartSettings,
    "randomize": RandomizeSettings,
    "noise": NoiseSettings,
    "tracker": RobotSettings,
    "reward": RewardSettings,
    "reward.tracker": TrackerWeights,
    "reward.target": TargetWeights,
    "target_policy goal": GoalPolicy,
    "target_policy evade": EvadePolicy,
    "target_policy wander": WanderPolicy,
}


def settings_page() -> str:
    parts = [
        "# Settings\n\nKeys of the nested settings of an environment, for instance"
        ' `gym.make("RSPT/Track-v0", camera={"hfov_deg": 70}, start={"distance_m": (1.5, 4.0)})`.\n'
        'A policy is a mapping with its name: `target_policy={"name": "goal", ...}`.\n'
    ]
    parts += [f"## `{name}`\n\n{described(model)}\n" for name, model in MODELS.items()]
    return "\n".join(parts)


def test_the_page_of_settings_is_that_of_the_code():
    """To renew it: python tests/envs/test_docs.py."""
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == settings_page()


def test_the_drawn_example_can_be_played():
    example = re.search(r"```\n(cell: .*?)```", (DOCS / "layouts.md").read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    assert free_space(layout_from_text(example[1])).area_m2 > 12


@pytest.mark.parametrize("name", [name for name in WorldSettings.model_fields if name != "camera"])
def test_every_argument_is_in_the_documents(name):
    assert f"`{name}`" in (DOCS / "environment.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted(path.name for path in [*DOCS.glob("*.md"), DOCS.parent / "README.md"]))
def test_links_lead_somewhere(page):
    path = DOCS / page if (DOCS / page).exists() else DOCS.parent / page
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link


if __name__ == "__main__":
    (DOCS / "settings.md").write_text(settings_page(), encoding="utf-8")
