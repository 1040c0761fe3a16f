"""The first start: compiles perception's kernels in another process while this one compiles those of the worlds."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from rspt.perception import carving
from rspt.perception.camera import CameraModel
from rspt.perception.pipeline import Perception
from rspt.perception.prediction import PREDICTORS

_TIMEOUT_S = 180.0


class WarmUp:
    """A process that compiles perception's kernels into the cache, where none is in it yet.

    If the process fails, nothing is lost but time: the kernels are compiled when they are first called.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        if _is_cached():
            return
        with suppress(OSError):
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from rspt.warmup import use_perception; use_perception()"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=Path(__file__).parents[1],
            )

    def finish(self) -> None:
        """Wait for the process; a second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.kill()
            process.wait()


def use_perception() -> None:
    """Perceive two frames with each predictor."""
    camera = CameraModel.level(width=64, height=48)
    depth, mask = np.full((1, 48, 64), 4.0, np.float32), np.zeros((1, 48, 64), np.uint8)
    depth[:, 10:40, 28:36], mask[:, 10:40, 28:36] = 2.0, 1
    for predictor in PREDICTORS:
        perception: Any = Perception(camera, predictor=predictor)
        for number in range(2):
            perception.update(stamp_s=0.1 * number, depth=depth, target_mask=mask, pose=(0.0, 0.0, 0.0))


def _is_cached() -> bool:
    """Whether the largest kernel was ever compiled into the cache; a stale one is compiled anew like any other."""
    folder = Path(carving.fuse.stats.cache_path)  # type: ignore[attr-defined]
    return any(folder.glob("carving.fuse-*.nbi"))
