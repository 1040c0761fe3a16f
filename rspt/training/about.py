"""What weights tell of where they come from: an evaluation on what they were trained on is none."""

import json

import rspt
from envs.layouts import FAMILIES
from envs.layouts.files import load_layout
from rspt.training.settings import TrackerSettings
from rspt.training.validation import FIRST_SEED


def told_of(settings: TrackerSettings) -> dict[str, str]:
    """Metadata of weights: families and files that were trained on, seeds, noise, the stages and their steps."""
    worlds = settings.worlds
    files = {name: load_layout(name).hash for name in worlds.layouts if name not in FAMILIES}
    stages = {"teacher": settings.teacher, "clone": settings.clone, "duel": settings.duel}
    steps = {name: stage.total_steps for name, stage in stages.items() if stage is not None}
    return {
        "rspt": rspt.__version__,
        "families": ",".join(name for name in worlds.layouts if name in FAMILIES),
        "layout_files": json.dumps(files, sort_keys=True),
        "noise": ",".join(worlds.noise),
        "ablation": worlds.perception.ablation,
        "seed": str(settings.seed),
        "validation_seeds": f"from {FIRST_SEED}",
        "stages": json.dumps(steps),
    }
