"""Where compiled kernels are kept, and what is said while they are compiled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import gymnasium, numpy as np, envs
environment = gymnasium.make("RSPT/Track-v0", layout="blocks")
environment.reset(seed=0)
print(environment.step(np.zeros(2, dtype=np.float32))[1])
"""


def start(cache: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        timeout=250,
        check=True,
        cwd=Path(__file__).parents[2],
    )


def test_the_first_start_says_what_it_waits_for_and_the_second_does_not(tmp_path):
    first = start(tmp_path)
    assert first.stderr.count("compiling Numba kernels") == 1
    second = start(tmp_path)
    assert "compiling" not in second.stderr
    assert second.stdout == first.stdout


def test_without_a_place_for_the_cache_beside_the_source_another_is_found(tmp_path):
    """Neither the package folder nor the home folder can be written: the folder of temporary files takes the cache."""
    script = (
        "import numba.core.caching as caching\n"
        "impl = caching.CompileResultCacheImpl if hasattr(caching, 'CompileResultCacheImpl') else caching._CacheImpl\n"
        "import numba\n"
        "names = ('UserProvidedCacheLocator', '_UserProvidedCacheLocator')  # by version of Numba\n"
        "impl._locator_classes = [getattr(caching, name) for name in names if hasattr(caching, name)][:1]\n"
        "from envs.jit import kernel\n"
        "@kernel\n"
        "def double(x):\n"
        "    return 2 * x\n"
        "print(double(21), numba.config.CACHE_DIR)\n"
    )
    path = tmp_path / "script.py"
    path.write_text(script)
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, str(path)],
        env={**environment, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "42"
    assert str(tmp_path) in done.stdout


CALLED = """
from {jit} import kernel
from called_kernels.constants import ADDED

@kernel
def added(x):
    return x + ADDED
"""


@pytest.mark.parametrize("jit", ["envs.jit", "agents.jit", "rspt.perception.jit"])
def test_a_kernel_is_compiled_anew_when_another_file_of_its_package_has_changed(jit, tmp_path):
    """By the jit module's own folder: a copy of it stands beside two files, one of which changes."""
    package = tmp_path / "called_kernels"
    package.mkdir()
    source = Path(__file__).parents[2] / (jit.replace(".", "/") + ".py")
    (package / "__init__.py").touch()
    (package / "jit.py").write_text(source.read_text())
    (package / "kernels.py").write_text(CALLED.format(jit="called_kernels.jit"))
    found = []
    for added in (1, 2):
        (package / "constants.py").write_text(f"ADDED = {added}\n")
        script = "from called_kernels.kernels import added; print(added(1))"
        done = subprocess.run(
            [sys.executable, "-B", "-c", script],
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
            cwd=tmp_path,
        )
        found.append(done.stdout.strip())
    assert found == ["2", "3"]
