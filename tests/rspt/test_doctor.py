"""Every trouble that the doctor knows, with its remedy."""

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from rspt import doctor


def test_the_report_of_this_machine_ends_with_a_count(capsys):
    code = doctor.main(Namespace())
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"{sum(line.startswith('trouble: ') for line in lines)} troubles found".replace(
        "1 troubles", "1 trouble"
    )
    assert code == (0 if lines[-1].startswith("0") else 1)
    for topic in (
        "rspt",
        "python",
        "cv2",
        "threads of numba",
        "renderer bullet",
        "display",
        "gpu",
        "numba cache",
        "first steps",
    ):
        assert any(line.startswith(topic) for line in lines), topic


def test_a_trouble_makes_the_exit_code_1(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "examined", lambda: iter([doctor.Finding("x", "bad", "do this")]))
    assert doctor.main(Namespace()) == 1
    assert "trouble: x: do this" in capsys.readouterr().out


def test_steps_that_fail_are_a_trouble():
    def fail():
        raise OSError("no kernel")

    assert doctor.first_steps(fail).trouble == "OSError: no kernel"
    assert doctor.first_steps(lambda: 2.2) == doctor.Finding("first steps", "work (2 s)")


def test_missing_and_outdated_packages():
    needed = [Requirement("pybullet>=3.2.7,<3.3"), Requirement("numpy>=2,<3"), Requirement("rich>=13")]
    installed = {"numpy": "1.26.4", "rich": "15.0.0"}
    missing, old, fine = doctor.versions(needed, installed.get)
    assert missing.value == "missing"
    assert "C++ compiler" in missing.trouble
    assert "1.26.4 is out of the range" in old.trouble
    assert "pip install 'numpy<3,>=2'" in old.trouble
    assert fine == doctor.Finding("rich", "15.0.0")


def test_a_local_build_of_torch_is_in_range():
    (finding,) = doctor.versions([Requirement("torch>=2.8,<3")], {"torch": "2.13.0+cpu"}.get)
    assert not finding.trouble


def test_two_providers_of_cv2():
    assert not doctor.cv2_providers({"cv2": ["opencv-python", "opencv-python"]}).trouble
    two = doctor.cv2_providers({"cv2": ["opencv-python", "opencv-python-headless"]})
    assert "pip uninstall -y opencv-python opencv-python-headless" in two.trouble
    assert "nothing provides cv2" in doctor.cv2_providers({}).trouble


@pytest.mark.parametrize("error", [ImportError("no module"), OSError("libGL.so.1 is missing")])
def test_pybullet_that_cannot_be_loaded(error):
    def load(name):
        raise error

    finding = doctor.importable("pybullet", load)
    assert str(error) in finding.trouble
    assert "compile" in finding.trouble


def test_shadowed_packages(tmp_path):
    own = tmp_path / "own"

    def find(name):
        folder = own if name == "envs" else tmp_path / "site"
        return SimpleNamespace(origin=str(folder / name / "__init__.py"))

    fine, shadowed = doctor.neighbours(own, find)
    assert not fine.trouble
    assert "shadows" in shadowed.trouble
    assert "uninstall the other 'agents'" in shadowed.trouble
    assert all("nothing" in finding.trouble for finding in doctor.neighbours(own, lambda name: None))


def test_a_numba_cache_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: Path(path) != tmp_path)
    assert not doctor.numba_cache(tmp_path / "envs", {"HOME": "/"}).trouble
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    assert "NUMBA_CACHE_DIR" in doctor.numba_cache(tmp_path, {"HOME": str(tmp_path)}).trouble
    assert "NUMBA_CACHE_DIR" in doctor.numba_cache(tmp_path, {}).trouble


def test_small_shared_memory():
    assert "--shm-size" in doctor.shared_memory(64 * 2**20).trouble
    assert not doctor.shared_memory(2**30).trouble


def test_display_and_renderers():
    assert doctor.display({"DISPLAY": ":0"}, "linux").value == ":0"
    assert "none" in doctor.display({}, "linux").value
    assert not doctor.display({}, "linux").trouble
    egl = [finding.value for finding in doctor.renderers(lambda name: None if name == "eglRenderer" else object())]
    assert egl[-1] == "no plug-in (optional)"
