"""What weights tell of where they come from: an evaluation on what they were trained on is none."""

import json
from collections.abc import Mapping

import rspt
from envs.layouts import FAMILIES
from envs.layouts.files import load_layout
from rspt.training.escaped import escaped
from rspt.training.settings import TrackerSettings
from rspt.training.validation import FIRST_SEED


def told_of(settings: TrackerSettings, before: Mapping[str, str] = {}) -> dict[str, str]:
    """Metadata of weights: families and files that were trained on, seeds, noise, SHA-256 of trackers to escape.

    Args:
        settings: of the training.
        before: what the weights tell that it begins with; that counts, too.
    """
    worlds = settings.worlds
    files = json.loads(before.get("layout_files", "{}"))
    files |= {name: load_layout(name).hash for name in worlds.layouts if name not in FAMILIES}
    families = [*filter(None, before.get("families", "").split(",")), *worlds.layouts]
    names = () if settings.escape is None else settings.escape.trackers
    trackers = {name: escaped(name).digest for name in names}
    return {
        "rspt": rspt.__version__,
        "families": ",".join(name for name in dict.fromkeys(families) if name in FAMILIES),
        "layout_files": json.dumps(files, sort_keys=True),
        "noise": ",".join(worlds.noise),
        "ablation": worlds.perception.ablation,
        "seed": str(settings.seed),
        "validation_seeds": f"from {FIRST_SEED}",
        **({"escaped_trackers": json.dumps(trackers, sort_keys=True)} if trackers else {}),
    }


def stages_told(done: Mapping[str, int], before: Mapping[str, str] = {}) -> str:
    """The metadata `stages`: the steps of each stage, with those that the weights had behind them before."""
    steps: dict[str, int] = json.loads(before.get("stages", "{}"))
    return json.dumps({name: steps.get(name, 0) + done.get(name, 0) for name in dict.fromkeys([*steps, *done])})
