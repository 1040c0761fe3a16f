"""What weights tell of where they come from: an evaluation on what they were trained on is none."""

import json
from collections.abc import Mapping

import rspt
from envs.layouts import FAMILIES
from envs.layouts.files import load_layout
from rspt.training.settings import TrackerSettings
from rspt.training.validation import FIRST_SEED


def told_of(settings: TrackerSettings, before: Mapping[str, str] | None = None) -> dict[str, str]:
    """Metadata of weights: families and files that were trained on, seeds, noise, the stages and their steps.

    Args:
        settings: of the training.
        before: what the weights tell that it begins with; that counts, too.
    """
    worlds, before = settings.worlds, before or {}
    files = json.loads(before.get("layout_files", "{}"))
    files |= {name: load_layout(name).hash for name in worlds.layouts if name not in FAMILIES}
    families = [*filter(None, before.get("families", "").split(",")), *worlds.layouts]
    stages = {"teacher": settings.teacher, "clone": settings.clone, "duel": settings.duel}
    steps = json.loads(before.get("stages", "{}"))
    for name, stage in stages.items():
        if stage is not None:
            steps[name] = steps.get(name, 0) + stage.total_steps
    return {
        "rspt": rspt.__version__,
        "families": ",".join(name for name in dict.fromkeys(families) if name in FAMILIES),
        "layout_files": json.dumps(files, sort_keys=True),
        "noise": ",".join(worlds.noise),
        "ablation": worlds.perception.ablation,
        "seed": str(settings.seed),
        "validation_seeds": f"from {FIRST_SEED}",
        "stages": json.dumps(steps),
    }
