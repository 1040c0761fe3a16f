"""Checkpoints come back as they went, whatever happens while they are written, and damaged ones are told."""

import builtins
import errno
import hashlib
import json
import os
import pickle
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rspt.errors import UsageError
from rspt.training import agent_weights, checkpoint_files, whole_files
from rspt.training import checkpoints as module
from rspt.training.agent_weights import AgentWeights, CheckpointError, save_agent_weights
from rspt.training.checkpoints import Checkpoints, load_agent_weights, load_checkpoint

CONFIG = {"seed": 3, "layouts": ["blocks"], "rate": 1e-3}
FILES = ["tracker.safetensors", "target.safetensors", "trainer.pt", "config.json", "manifest.json"]


def weights(seed: int = 0) -> dict[str, AgentWeights]:
    random = torch.Generator().manual_seed(seed)
    return {
        "tracker": AgentWeights(
            "tracker",
            {"hidden": 8, "kind": "actor"},
            {"a.weight": torch.randn(8, 3, generator=random), "scale": torch.tensor(2.0), "none": torch.zeros(0, 4)},
        ),
        "target": AgentWeights("target", {}, {"count": torch.arange(5), "half": torch.ones(2, dtype=torch.bfloat16)}),
    }


def trainer(seed: int = 0) -> dict[str, Any]:
    return {
        "torch_random": torch.get_rng_state(),
        "numpy_random": np.random.default_rng(seed).bit_generator.state,
        "best": float("-inf"),
        "shape": (1, (2, 3)),
        "rows": torch.arange(6).reshape(2, 3).t(),
        "none": None,
    }


def save(store: Checkpoints, step: int, **more: Any) -> Path:
    return store.save(step, weights(step), trainer(step), {**CONFIG, "step": step}, **{"exact": True, **more})


def assert_equal(found: dict[str, AgentWeights], expected: dict[str, AgentWeights]) -> None:
    assert set(found) == set(expected)
    for name, agent in expected.items():
        assert (found[name].role, found[name].architecture) == (agent.role, agent.architecture)
        assert set(found[name].tensors) == set(agent.tensors)
        for key, tensor in agent.tensors.items():
            assert found[name].tensors[key].dtype == tensor.dtype
            assert torch.equal(found[name].tensors[key], tensor)


def steps(folder: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("checkpoint-")) for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def relist(path: Path, **entries: Any) -> None:
    """Make the manifest fit the files again, as somebody would who means harm."""
    told = json.loads((path / "manifest.json").read_text())
    for name in told["files"]:
        content = (path / name).read_bytes()
        told["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    told |= entries
    told["sha256"] = checkpoint_files._digest(told)
    (path / "manifest.json").write_text(json.dumps(told))


def test_a_checkpoint_comes_back_as_it_went(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path / "runs" / "checkpoints")
    path = save(store, 123_456, score=0.5)
    assert path == tmp_path / "runs" / "checkpoints" / "checkpoint-000123456"
    assert sorted(file.name for file in path.iterdir()) == sorted(FILES)
    for found in (load_checkpoint(path), store.newest(), store.best()):
        assert found is not None
        assert (found.path, found.step, found.exact, found.score) == (path, 123_456, True, 0.5)
        assert_equal(found.weights, weights(123_456))
        assert found.config == {**CONFIG, "step": 123_456}
        expected = trainer(123_456)
        for key, value in expected.items():
            assert torch.equal(found.trainer[key], value) if isinstance(value, Tensor) else found.trainer[key] == value
        found.weights["tracker"].tensors["scale"].add_(1)  # writable, and of no other reader
    assert store.problems == []


def test_the_manifest_tells_where_it_comes_from(tmp_path: Path) -> None:
    path = save(Checkpoints(tmp_path), 7, exact=False)
    told = json.loads((path / "manifest.json").read_text())
    assert told["format"] == "rspt-checkpoint"
    assert (told["version"], told["step"], told["exact"], told["score"]) == (1, 7, False, None)
    assert set(told["versions"]) == {"rspt", "torch", "numpy", "python"}
    assert told["threads"] == torch.get_num_threads()
    content = (path / "config.json").read_bytes()
    assert told["files"]["config.json"] == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_random_numbers_and_an_optimizer_go_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    def update(layer: torch.nn.Linear, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        layer(torch.randn(4, 3)).square().sum().backward()
        optimizer.step()

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        rng = np.random.default_rng(1)
        layer = torch.nn.Linear(3, 2)
        optimizer = torch.optim.Adam(layer.parameters(), lr=np.float64(0.1))
        update(layer, optimizer)
        state = {
            "layer": layer.state_dict(),  # an OrderedDict of views
            "optimizer": optimizer.state_dict(),
            "torch": torch.get_rng_state(),
            "numpy": rng.bit_generator.state,
        }
        path = Checkpoints(tmp_path).save(1, weights(), state, CONFIG, exact=True)
        update(layer, optimizer)
        expected = (layer.weight.detach().clone(), torch.randn(3), rng.random(3))

        found = load_checkpoint(path).trainer
        torch.manual_seed(2)
        rng = np.random.default_rng(2)
        layer = torch.nn.Linear(3, 2)
        optimizer = torch.optim.Adam(layer.parameters())
        layer.load_state_dict(found["layer"])
        optimizer.load_state_dict(found["optimizer"])
        torch.set_rng_state(found["torch"])
        rng.bit_generator.state = found["numpy"]
        update(layer, optimizer)
        assert torch.equal(layer.weight, expected[0])
        assert torch.equal(torch.randn(3), expected[1])
        assert (rng.random(3) == expected[2]).all()


def test_tensors_that_share_memory_or_are_parts_are_kept_without_the_rest(tmp_path: Path) -> None:
    large = torch.zeros(1_000_000)
    shared = AgentWeights("target", {}, {"one": large[:4], "two": large[2:6], "three": torch.ones(3, 2).t()})
    path = Checkpoints(tmp_path).save(0, {"target": shared}, {"part": large[:5]}, {}, exact=True)
    assert sum(file.stat().st_size for file in path.iterdir()) < 20_000
    assert_equal(load_checkpoint(path).weights, {"target": shared})


def test_the_last_the_best_and_the_newest_are_kept(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path, keep_last=2)
    for step, score in ((1, 0.1), (2, 0.9), (3, None), (4, 0.9), (5, 0.2), (6, None), (7, 0.3)):
        save(store, step, score=score)
    assert steps(tmp_path) == [4, 6, 7]
    assert store.newest().step == 7  # type: ignore[union-attr]
    assert store.best().step == 4  # type: ignore[union-attr]
    (tmp_path / "checkpoint-000000007" / "trainer.pt").unlink()
    (tmp_path / "checkpoint-000000006" / "trainer.pt").unlink()
    save(Checkpoints(tmp_path, keep_last=1), 5)  # broken ones do not count, and are nobody's to remove
    assert steps(tmp_path) == [4, 5, 6, 7]
    assert store.newest().step == 5  # type: ignore[union-attr]
    assert len(store.problems) == 2
    save(Checkpoints(tmp_path, keep_last=1), 3)  # what has just been saved stays, though others are of later steps
    assert 3 in steps(tmp_path)


def test_a_folder_without_checkpoints_has_neither_newest_nor_best(tmp_path: Path) -> None:
    for folder in (tmp_path / "none", tmp_path):
        store = Checkpoints(folder)
        assert store.newest() is None
        assert store.best() is None
    save(store, 1)
    assert store.best() is None
    with pytest.raises(ValueError, match="keep_last"):
        Checkpoints(tmp_path, keep_last=0)


def test_leftovers_of_a_crash_go_at_the_next_save(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path, keep_last=9)
    for step in (1, 2):
        save(store, step)
    (tmp_path / ".unfinished-000000003-17").mkdir()
    (tmp_path / ".unfinished-000000003-17" / "trainer.pt").write_bytes(b"half")
    # a crash between the two renames, and one just after them
    (tmp_path / "checkpoint-000000002").rename(tmp_path / ".replaced-checkpoint-000000002")
    (tmp_path / ".replaced-checkpoint-000000001").mkdir()
    found = store.newest()
    assert found is not None
    assert found.step == 2
    assert load_checkpoint(tmp_path / "checkpoint-000000002").step == 2
    assert load_agent_weights(tmp_path / "checkpoint-000000002", role="target").role == "target"
    save(store, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"checkpoint-00000000{step}" for step in (1, 2, 3)]
    assert load_checkpoint(tmp_path / "checkpoint-000000002").step == 2


def test_one_of_the_two_is_there_at_every_moment_of_a_replacement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, seeds = Checkpoints(tmp_path), []

    def look() -> None:
        found = Checkpoints(tmp_path).newest()
        assert found is not None
        seeds.append(found.config["seed"])

    def watched(original: Any) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            look()
            result = original(*arguments, **more)
            look()
            return result

        return call

    store.save(5, weights(), {}, {"seed": 0}, exact=True)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", watched(Path.rename))
        patch.setattr(module.shutil, "rmtree", watched(module.shutil.rmtree))
        store.save(5, weights(), {}, {"seed": 1}, exact=True)
    assert seeds == sorted(seeds)
    assert (seeds[0], seeds[-1]) == (0, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-000000005"]


@pytest.mark.parametrize("when", range(1, 12))
def test_a_full_disk_leaves_the_old_checkpoints_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    """The disk is full at the n-th time that something is written, synced or renamed."""
    store = Checkpoints(tmp_path / "checkpoints")
    save(store, 1)
    save(store, 2)
    before, calls = contents(tmp_path), []

    def failing(original: Any) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            calls.append(original)
            if len(calls) == when:
                raise OSError(errno.ENOSPC, "No space left on device")
            return original(*arguments, **more)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(os.fsync))
        patch.setattr(Path, "mkdir", failing(Path.mkdir))
        patch.setattr(Path, "rename", failing(Path.rename))
        with pytest.raises(CheckpointError, match=r"checkpoint-000000002: .*No space left") as caught:
            save(store, 2, score=1.0)
    assert "\n" not in str(caught.value)
    found = store.newest()
    assert found is not None
    assert found.step == 2
    if when < 11:  # the last one fails when the new checkpoint is in place already
        assert contents(tmp_path) == before
        assert not list(tmp_path.glob("*/.*"))
    save(store, 2, score=2.0)
    assert steps(store.folder) == [1, 2]
    assert store.best().score == 2.0  # type: ignore[union-attr]


def test_a_disk_that_fills_up_in_the_middle_of_a_file_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, content: bytes) -> None:
        path.write_bytes(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    store = Checkpoints(tmp_path)
    save(store, 1)
    before = contents(tmp_path)
    for place in (module, whole_files):
        monkeypatch.setattr(place, "write_whole", half)
    with pytest.raises(CheckpointError, match="No space left"):
        save(store, 2)
    with pytest.raises(CheckpointError, match="No space left"):
        save_agent_weights(tmp_path / "alone.safetensors", weights()["tracker"])
    assert contents(tmp_path) == before


KILLED = """
import json, os, random, signal, sys, time
from pathlib import Path
import torch
from rspt.training.agent_weights import AgentWeights
from rspt.training.checkpoints import Checkpoints

torch.set_num_threads(1)  # so that a child has all the threads that it knows of
folder = Path(sys.argv[1])
weights = {"tracker": AgentWeights("tracker", {}, {"weight": torch.ones(200, 200)})}
delays = random.Random(int(sys.argv[2]))
told, leftovers, newest = 0, 0, 0
for _ in range(20):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        step = newest
        while True:
            step += 1
            for score in (None, 0.5):  # the second one replaces the first
                Checkpoints(folder, keep_last=2).save(step, weights, {"step": step}, {}, exact=True, score=score)
                os.write(writing, b"%d " % step)
    os.close(writing)
    time.sleep(delays.uniform(0.005, 0.12))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as file:
        finished = [int(word) for word in file.read().split()]
    least = finished[-1] if finished else newest
    if not folder.exists():
        continue
    leftovers += bool(list(folder.glob(".*")))
    store = Checkpoints(folder)
    found = store.newest()
    assert store.problems == [], store.problems
    step = 0 if found is None else found.step
    assert step >= max(least, newest), (step, least, newest)
    assert found is None or found.trainer["step"] == step
    told, newest = told + len(finished), step
print(json.dumps([told, leftovers, newest]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_newest_is_valid_and_never_goes_back_when_the_process_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, str(folder), "5"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told, leftovers, newest = json.loads(done.stdout)
    assert told > 0  # checkpoints were finished
    assert leftovers > 0  # and children were killed at work
    store = Checkpoints(folder)
    save(store, newest + 1)
    assert not list(folder.glob(".*"))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", [truncate, empty, flip, Path.unlink])
def test_damage_is_told_and_the_one_before_is_used(tmp_path: Path, damage: Any, file: str) -> None:
    store = Checkpoints(tmp_path)
    for step in (1, 2, 3):
        save(store, step, score=step)
    broken = tmp_path / "checkpoint-000000003"
    damage(broken / file)
    with pytest.raises(CheckpointError, match=r"use the checkpoint before: .*checkpoint-000000002") as caught:
        load_checkpoint(broken)
    assert file in str(caught.value)
    assert "\n" not in str(caught.value)
    for found in (store.newest(), store.best()):
        assert found is not None
        assert found.step == 2
        assert len(store.problems) == 1
        assert str(broken) in store.problems[0]
        assert file in store.problems[0]


def test_no_flipped_bit_of_a_manifest_passes(tmp_path: Path) -> None:
    path = save(Checkpoints(tmp_path), 4, score=0.25)
    content = (path / "manifest.json").read_bytes()
    for place in range(0, len(content), 3):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        (path / "manifest.json").write_bytes(changed)
        with pytest.raises(CheckpointError):
            checkpoint_files.read_manifest(path)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"version": 2}, "has the version 2, this rspt reads up to 1"),
        ({"version": "1"}, "version = '1'"),
        ({"format": "zip"}, "format = 'zip'"),
        ({"step": 9}, "step = 9"),
        ({"exact": 1}, "exact = 1"),
        ({"score": "high"}, "score = 'high'"),
        ({"files": {"../../secret": {"bytes": 1, "sha256": ""}}}, r"lists the file '../../secret'"),
        ({"files": {"/etc/a.safetensors": {"bytes": 1, "sha256": ""}}}, "lists the file"),
        ({"files": {"trainer.pt": 3}}, "no bytes and sha256"),
        ({"files": {}}, "does not list config.json, trainer.pt"),
        ({"files": None}, "does not list"),
        ({"files": {"trainer.pt": {"bytes": 2 * 10**9, "sha256": ""}}}, "does not list"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_told(tmp_path: Path, entries: dict[str, Any], message: str) -> None:
    store = Checkpoints(tmp_path)
    save(store, 1)
    relist(save(store, 2), **entries)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path / "checkpoint-000000002")
    found = store.newest()
    assert found is not None
    assert found.step == 1
    assert len(store.problems) == 1


def test_a_copy_under_another_name_is_read(tmp_path: Path) -> None:
    copy = save(Checkpoints(tmp_path), 2).rename(tmp_path / "my best")
    assert load_checkpoint(copy).step == 2


def test_what_is_no_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no such checkpoint"):
        load_checkpoint(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="is no folder"):
        load_checkpoint(tmp_path / "file")
    path = save(Checkpoints(tmp_path / "run" / "checkpoints"), 2)
    with pytest.raises(CheckpointError, match=f"name one of them, such as {path}"):
        load_checkpoint(tmp_path / "run")
    assert issubclass(CheckpointError, UsageError)


class Harm:
    """What a pickle does when it is read without care."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return builtins.open, (str(self._path), "w")


@pytest.mark.parametrize("packed", [True, False])
def test_a_pickle_that_runs_code_is_refused(tmp_path: Path, packed: bool) -> None:
    store, harmed = Checkpoints(tmp_path), tmp_path / "harmed"
    save(store, 1)
    path = save(store, 2)
    harm = pickle.dumps({"torch": Harm(harmed)})
    if packed:
        with zipfile.ZipFile(path / "trainer.pt") as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path / "trainer.pt", "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, harm if name.endswith("data.pkl") else content)
    else:
        (path / "trainer.pt").write_bytes(harm)
    relist(path)
    with pytest.raises(CheckpointError, match=r"trainer\.pt: ") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert store.newest().step == 1  # type: ignore[union-attr]
    assert not harmed.exists()
    assert load_agent_weights(path, role="tracker").role == "tracker"


def test_files_that_are_too_large_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Checkpoints(tmp_path)
    path = save(store, 2)
    with zipfile.ZipFile(path / "trainer.pt", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/9", bytes(3_000_000))
    relist(path)
    monkeypatch.setattr(agent_weights, "BYTES_MAX", 100_000)
    with pytest.raises(CheckpointError, match="unpacks to"):
        load_checkpoint(path)
    save_agent_weights(tmp_path / "a.safetensors", weights()["tracker"])
    monkeypatch.setattr(agent_weights, "BYTES_MAX", 100)
    with pytest.raises(CheckpointError, match="at most 100 are allowed"):
        load_checkpoint(path)
    with pytest.raises(CheckpointError, match="at most 100 are allowed"):
        load_agent_weights(tmp_path / "a.safetensors", role="tracker")
    with pytest.raises(CheckpointError, match="at most 100 are allowed"):
        save(store, 3)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.complex64])
def test_numbers_that_are_not_finite_are_not_kept(tmp_path: Path, value: float, dtype: torch.dtype) -> None:
    store = Checkpoints(tmp_path)
    save(store, 1)
    before = contents(tmp_path)
    bad = torch.tensor([0.0, value], dtype=dtype)
    with pytest.raises(CheckpointError, match=r"target\.safetensors: sick holds numbers that are not finite"):
        store.save(2, {"target": AgentWeights("target", {}, {"sick": bad})}, {}, {}, exact=True)
    with pytest.raises(CheckpointError, match=r"trainer\.optimizer\[1\]\.7 holds numbers that are not finite"):
        store.save(2, weights(), {"optimizer": [{}, {7: bad}]}, {}, exact=True)
    with pytest.raises(CheckpointError, match="not finite"):
        save_agent_weights(tmp_path / "w.safetensors", AgentWeights("target", {}, {"sick": bad}))
    with pytest.raises(CheckpointError, match="the score is"):
        save(store, 2, score=value)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        store.save(2, weights(), {}, {"rate": value}, exact=True)
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-000000001"]


@pytest.mark.parametrize(
    ("trainer_state", "message"),
    [
        ({"a": {"b": np.zeros(3)}}, "trainer.a.b is a ndarray"),
        ({"a": [Path()]}, r"trainer.a\[0\] is a PosixPath|WindowsPath"),
        ({"a": weights()["tracker"]}, "trainer.a is a AgentWeights"),
        ({(1, 2): 3}, r"the key \(1, 2\)"),
        ({"a": torch.eye(2).to_sparse()}, "layout"),
    ],
)
def test_only_tensors_and_plain_containers_are_kept(
    tmp_path: Path, trainer_state: dict[str, Any], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        Checkpoints(tmp_path).save(1, weights(), trainer_state, {}, exact=True)
    assert not list(tmp_path.iterdir())


def test_names_steps_and_roles_that_cannot_be_kept_are_told(tmp_path: Path) -> None:
    store, tracker = Checkpoints(tmp_path), weights()["tracker"]
    for agents, message in (
        ({}, "no weights"),
        ({"../tracker": tracker}, r"name '../tracker'"),
        ({"tracker": tracker._replace(role="referee")}, "'referee', allowed are tracker and target"),
        ({"tracker": tracker._replace(architecture={"kind": object()})}, "JSON"),
    ):
        with pytest.raises(CheckpointError, match=message):
            store.save(1, agents, {}, {}, exact=True)
    with pytest.raises(CheckpointError, match="step is -1"):
        store.save(-1, weights(), {}, {}, exact=True)
    assert not list(tmp_path.iterdir())


def test_the_weights_of_one_agent_are_read_alone(tmp_path: Path) -> None:
    path = save(Checkpoints(tmp_path), 5)
    for other in ("trainer.pt", "config.json", "target.safetensors"):
        (path / other).unlink()
    expected = {"found": weights(5)["tracker"]}
    assert_equal({"found": load_agent_weights(path, role="tracker")}, expected)
    assert_equal({"found": load_agent_weights(path, role="tracker", name="tracker")}, expected)
    assert_equal({"found": load_agent_weights(path / "tracker.safetensors", role="tracker")}, expected)
    with pytest.raises(CheckpointError, match=r"target\.safetensors: is missing"):
        load_agent_weights(path, role="target")
    with pytest.raises(CheckpointError, match="no weights named 'coach'; allowed are target, tracker"):
        load_agent_weights(path, role="tracker", name="coach")
    flip(path / "tracker.safetensors")
    with pytest.raises(CheckpointError, match="SHA-256"):
        load_agent_weights(path, role="tracker")


def test_weights_of_another_role_are_refused(tmp_path: Path) -> None:
    path = save(Checkpoints(tmp_path), 5)
    for place, name in ((path, "tracker"), (path / "tracker.safetensors", None)):
        with pytest.raises(CheckpointError, match="these are weights of a tracker, those of a target are needed"):
            load_agent_weights(place, role="target", name=name)


def test_a_file_of_weights_comes_back_and_others_may_read_it(tmp_path: Path) -> None:
    from safetensors import safe_open

    path, mask = tmp_path / "new" / "target.safetensors", os.umask(0o022)
    try:
        for seed in (1, 2):  # the second one replaces the first
            save_agent_weights(path, weights(seed)["target"]._replace(about={"seed": str(seed)}))
            assert_equal({"a": load_agent_weights(path, role="target")}, {"a": weights(seed)["target"]})
        checkpoint = save(Checkpoints(tmp_path), 1)
    finally:
        os.umask(mask)
    assert [file.name for file in path.parent.iterdir()] == ["target.safetensors"]
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        assert stat.S_IMODE((checkpoint / "tracker.safetensors").stat().st_mode) == 0o644
        assert stat.S_IMODE(checkpoint.stat().st_mode) == 0o755
    with safe_open(path, framework="pt") as file:
        told = file.metadata()
    assert told == {"format": "rspt-agent", "version": "1", "role": "target", "architecture": "{}", "seed": "2"}
    with pytest.raises(CheckpointError, match="'role'"):
        save_agent_weights(path, weights()["target"]._replace(about={"role": "tracker"}))
    with pytest.raises(CheckpointError, match=r"ends in \.safetensors"):
        save_agent_weights(tmp_path / "target.pt", weights()["target"])


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"format": "rspt-predictor"}, "format = 'rspt-predictor', 'rspt-agent' is expected"),
        ({"format": None}, "format = None"),
        ({"version": "2"}, "has the version 2"),
        ({"version": "9" * 5000}, "a whole number from 1 to 1"),
        ({"role": "referee"}, "role = 'referee', allowed are tracker and target"),
        ({"architecture": "[1]"}, "holds a list"),
        ({"architecture": "{"}, "no whole JSON"),
    ],
)
def test_metadata_that_do_not_fit_are_told(tmp_path: Path, told: dict[str, str | None], message: str) -> None:
    from safetensors.torch import save as packed

    good = {"format": "rspt-agent", "version": "1", "role": "tracker", "architecture": "{}"}
    path = tmp_path / "w.safetensors"
    metadata = {key: value for key, value in (good | told).items() if value is not None}
    path.write_bytes(packed({"a": torch.zeros(2)}, metadata=metadata))
    with pytest.raises(CheckpointError, match=message) as caught:
        load_agent_weights(path, role="tracker")
    assert str(path) in str(caught.value)


def test_files_that_hold_no_weights_are_told(tmp_path: Path) -> None:
    from safetensors.torch import save as packed

    path = tmp_path / "w.safetensors"
    with pytest.raises(CheckpointError, match="no such file"):
        load_agent_weights(path, role="tracker")
    for content in (b"", b"text", bytes(100), b"\xff" * 100):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="no whole safetensors file"):
            load_agent_weights(path, role="tracker")
    good = {"format": "rspt-agent", "version": "1", "role": "tracker", "architecture": "{}"}
    path.write_bytes(packed({"a": torch.tensor([float("nan")])}, metadata=good))
    with pytest.raises(CheckpointError, match="'a' holds numbers that are not finite"):
        load_agent_weights(path, role="tracker")
