"""What a run was started with: command, versions, machine, commit."""

import contextlib
import json
import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import rspt

_PACKAGES = ("rspt", "torch", "numpy", "gymnasium", "stable-baselines3", "pybullet")
_GIT_TIMEOUT_S = 10.0


def run_record(path: Path, *, resumed: bool) -> dict[str, Any]:
    """What run.json tells; of a resumed run what it told, and one time more."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    if resumed:
        with contextlib.suppress(OSError, ValueError):
            told = json.loads(path.read_bytes())
            if isinstance(told, dict):
                earlier = told.get("resumed")
                return told | {"resumed": [*(earlier if isinstance(earlier, list) else []), now]}
    return {
        "command": sys.argv,
        "versions": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "git": _git(),
        "started": now,
        "resumed": [now] if resumed else [],
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return rspt.__version__ if name == "rspt" else None


def _git() -> dict[str, Any] | None:
    """The commit of the checkout that rspt is loaded from, and whether files differ; None if it is in none."""
    if _git_says("ls-files", "--error-unmatch", Path(rspt.__file__).name) is None:  # in somebody else's checkout
        return None
    commit = _git_says("rev-parse", "HEAD")
    changes = _git_says("status", "--porcelain", "--untracked-files=no")
    return None if commit is None or changes is None else {"commit": commit, "dirty": bool(changes)}


def _git_says(*command: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *command],
            cwd=Path(rspt.__file__).parent,
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},  # to ask must change nothing
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
