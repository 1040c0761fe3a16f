"""`rspt doctor`: what this machine offers, and any trouble with its remedy."""

import importlib
import importlib.util
import os
import platform
import shutil
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import rspt

_SHARED_MEMORY_MIN_MB = 256
_MISSING_REMEDY = {
    "pybullet": "pip install pybullet (wheels exist for Python 3.10 and 3.11; on newer ones pip compiles it and needs a"
    " C++ compiler and Python's headers)",
}


class Finding(NamedTuple):
    """One line of the report; `trouble` says what is wrong and what helps, and is empty where all is well."""

    topic: str
    value: str
    trouble: str = ""


def main(options: Namespace) -> int:
    """Print the report; 1 if there is any trouble."""
    findings = list(examined())
    width = max(len(finding.topic) for finding in findings)
    for finding in findings:
        print(f"{finding.topic:<{width}}  {finding.value}")  # noqa: T201
    troubles = [finding for finding in findings if finding.trouble]
    print()  # noqa: T201
    for finding in troubles:
        print(f"trouble: {finding.topic}: {finding.trouble}")  # noqa: T201
    print(f"{len(troubles)} trouble{'s' * (len(troubles) != 1)} found")  # noqa: T201
    return 1 if troubles else 0


def examined() -> Iterator[Finding]:
    """All findings about this machine, in the order of the report."""
    yield Finding("rspt", f"{rspt.__version__} ({Path(rspt.__file__).parent})")
    yield Finding("python", f"{platform.python_version()} ({sys.executable})")
    yield Finding("machine", f"{platform.system()} {platform.machine()}")
    yield from neighbours(Path(rspt.__file__).resolve().parents[1], importlib.util.find_spec)
    yield from versions(requirements(), installed_version)
    yield importable("pybullet", importlib.import_module)
    yield cv2_providers(metadata.packages_distributions())
    yield from threads()
    yield from renderers(importlib.util.find_spec)
    yield display(os.environ, sys.platform)
    yield gpu()
    yield numba_cache(Path(rspt.__file__).resolve().parents[1] / "envs", os.environ)
    yield h264()
    if Path("/dev/shm").is_dir():
        yield shared_memory(shutil.disk_usage("/dev/shm").total)
    yield first_steps(_play)


def requirements() -> list[Requirement]:
    """The declared dependencies, without extras; none when rspt runs from a folder without being installed."""
    try:
        declared = metadata.requires("rspt") or []
    except metadata.PackageNotFoundError:
        return []
    parsed = [Requirement(text) for text in declared]
    return [one for one in parsed if one.marker is None or one.marker.evaluate({"extra": ""})]


def installed_version(name: str) -> str | None:
    """The version of an installed distribution, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def versions(needed: Sequence[Requirement], version_of: Callable[[str], str | None]) -> Iterator[Finding]:
    """Installed versions against the declared ranges."""
    if not needed:
        yield Finding("dependencies", "rspt is not installed, so that no ranges are known")
    for requirement in needed:
        found = version_of(requirement.name)
        name = canonicalize_name(requirement.name)
        if found is None:
            remedy = _MISSING_REMEDY.get(name, f"pip install '{requirement}'")
            yield Finding(name, "missing", f"it is not installed: {remedy}")
        elif not requirement.specifier.contains(found, prereleases=True):
            trouble = f"{found} is out of the range {requirement.specifier}: pip install '{requirement}'"
            yield Finding(name, found, trouble)
        else:
            yield Finding(name, found)


def neighbours(folder: Path, find: Callable[[str], Any]) -> Iterator[Finding]:
    """Whether `envs` and `agents` are the ones that belong to this rspt."""
    for name in ("envs", "agents"):
        spec = find(name)
        origin = Path(spec.origin).resolve().parent if spec and spec.origin else None
        trouble = ""
        if origin != folder / name:
            trouble = f"{origin or 'nothing'} shadows {folder / name}: rename or uninstall the other {name!r}"
        yield Finding(name, str(origin), trouble)


def importable(name: str, load: Callable[[str], Any]) -> Finding:
    """Whether a compiled package can be loaded."""
    try:
        load(name)
    except (ImportError, OSError) as error:
        remedy = _MISSING_REMEDY.get(name, f"pip install --force-reinstall {name}")
        return Finding(f"import {name}", "fails", f"{error}: {remedy}")
    return Finding(f"import {name}", "works")


def cv2_providers(distributions: Mapping[str, Sequence[str]]) -> Finding:
    """Whether exactly one distribution provides `cv2`: two overwrite each other's files."""
    found = sorted(set(distributions.get("cv2", [])))
    trouble = ""
    if len(found) > 1:
        trouble = (
            f"{' and '.join(found)} both provide cv2: pip uninstall -y {' '.join(found)}"
            " && pip install --force-reinstall --no-deps opencv-python"
        )
    elif not found:
        trouble = "nothing provides cv2: pip install opencv-python"
    return Finding("cv2", ", ".join(found) or "missing", trouble)


def threads() -> Iterator[Finding]:
    """Processors, and the threads that each library would use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("processors", f"{os.cpu_count()}, {usable} of them usable")
    counts = {"numba": "get_num_threads", "torch": "get_num_threads", "cv2": "getNumThreads"}
    for name, count in counts.items():
        try:
            yield Finding(f"threads of {name}", str(getattr(importlib.import_module(name), count)()))
        except (ImportError, OSError) as error:
            yield Finding(f"threads of {name}", "unknown", f"{name} cannot be loaded: {error}")


def renderers(find: Callable[[str], Any]) -> Iterator[Finding]:
    """The cameras that work here; the ray caster needs nothing."""
    yield Finding("renderer raycast", "available")
    found = find("pybullet") is not None
    yield Finding("renderer bullet", "available (TinyRenderer)" if found else "missing")
    yield Finding("renderer egl", "plug-in found" if find("eglRenderer") is not None else "no plug-in (optional)")


def display(environment: Mapping[str, str], system: str) -> Finding:
    """Whether a window can open; videos and pictures need none."""
    name = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    if system != "linux":
        return Finding("display", "the desktop's")
    return Finding("display", name or "none (render_mode='human' needs one, everything else does not)")


def gpu() -> Finding:
    """What torch finds to compute on; nothing here needs it."""
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        return Finding("gpu", "unknown", f"torch cannot be loaded: {error}")
    if not torch.cuda.is_available():
        return Finding("gpu", "none (not needed)")
    return Finding("gpu", ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())))


def numba_cache(package: Path, environment: Mapping[str, str]) -> Finding:
    """Whether compiled kernels can be kept; otherwise every start compiles them anew."""
    chosen = environment.get("NUMBA_CACHE_DIR")
    folder = Path(chosen) if chosen else package
    if _is_writable(folder):
        return Finding("numba cache", str(folder))
    own = Path(environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME", "/nonexistent")) / ".cache")
    if not chosen and _is_writable(own):
        return Finding("numba cache", str(own))
    trouble = f"{folder} cannot be written, so that kernels are compiled again and again: set NUMBA_CACHE_DIR"
    return Finding("numba cache", "not writable", f"{trouble} to a folder of yours")


def _is_writable(folder: Path) -> bool:
    """Whether files could be made in a folder, or in the nearest one above it that exists."""
    existing = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    return existing.is_dir() and os.access(existing, os.W_OK)


def h264() -> Finding:
    """Whether videos can be encoded."""
    try:
        importlib.import_module("av").codec.Codec("libx264", "w")
    except (ImportError, OSError, ValueError) as error:
        return Finding("video", "no H.264", f"{error}: pip install --force-reinstall av")
    return Finding("video", "H.264")


def shared_memory(total_bytes: int) -> Finding:
    """Whether worker processes have room to share their arrays."""
    megabytes = total_bytes // 2**20
    trouble = ""
    if megabytes < _SHARED_MEMORY_MIN_MB:
        trouble = (
            f"{megabytes} MB are little for worker processes, {_SHARED_MEMORY_MIN_MB} MB are safe:"
            " give a container more (docker run --shm-size=1g)"
        )
    return Finding("/dev/shm", f"{megabytes} MB", trouble)


def first_steps(play: Callable[[], float]) -> Finding:
    """Whether worlds step, cameras see and trackers act; kernels that are in no cache yet are compiled for it."""
    try:
        seconds = play()
    except Exception as error:
        return Finding("first steps", "fail", f"{type(error).__name__}: {error}")
    return Finding("first steps", f"work ({seconds:.0f} s)")


def _play() -> float:
    """Seconds for a few steps of the trackers that use different parts of the program."""
    from rspt.agent import load_agent  # what is missing is to be told by the findings before
    from rspt.match import Match
    from rspt.signals import StopRequest

    start = time.perf_counter()
    for name in ("pretrained", "planner", "oracle"):
        with closing(Match(load_agent(name), "goal", "rooms")) as match:
            match.play(0, steps=3, stop=StopRequest())
    return time.perf_counter() - start
