"""The engine: real contact, small penetration, planar motion, clean rebuilds, guarded clients."""

import copy
import gc
import multiprocessing
import os
import pickle
import subprocess
import sys

import numpy as np
import psutil
import pybullet
import pytest

from envs.errors import PhysicsError, RenderError
from envs.layouts.layout import Layout, Prisms
from envs.meshes import under_slabs
from envs.physics import CONTROL_DT_S, SUBSTEP_MOTION_M, SUBSTEPS_MAX, SUBSTEPS_MIN, MoverShape, Physics

TRACKER, TARGET = MoverShape(0.25, 1.2, 30.0, 1), MoverShape(0.25, 1.7, 70.0, 2)
STILL = (0.0, 0.0, 0.0)


def layout_of(*prisms: Prisms) -> Layout:
    return Layout("test", (-15.0, -15.0, 15.0, 15.0), Prisms.concatenate(prisms))


@pytest.fixture
def physics():
    engine = Physics()
    yield engine
    engine.close()


def distance_to(prisms: Prisms, position: np.ndarray) -> float:
    """From a point to the surface of the single prism; negative inside."""
    offset = position - prisms.center[0]
    if prisms.kind[0] == 1:
        return float(np.hypot(*offset) - prisms.half[0, 0])
    cos, sin = np.cos(prisms.yaw[0]), np.sin(prisms.yaw[0])
    local = np.abs([cos * offset[0] + sin * offset[1], cos * offset[1] - sin * offset[0]]) - prisms.half[0]
    return float(np.hypot(*np.maximum(local, 0.0)) + min(local.max(), 0.0))


OBSTACLES = {
    "wall": Prisms.boxes([[5.0, 0.0]], (0.1, 4.0), z=(0.0, 2.5)),
    "corner": Prisms.boxes([[5.0, 0.0]], (0.5, 0.5), yaw=np.pi / 4, z=(0.0, 2.5)),
    "pillar": Prisms.cylinders([[5.0, 0.0]], 0.4, z=(0.0, 2.5)),
    "low": Prisms.boxes([[5.0, 0.0]], (0.5, 0.5), z=(0.0, 0.3)),
    "table top": Prisms.boxes([[5.0, 0.0]], (0.6, 0.6), z=(0.70, 0.76)),
    "table leg": Prisms.boxes([[5.0, 0.0]], (0.03, 0.03), z=(0.0, 0.7)),
}


@pytest.mark.parametrize("speed", [2.0, 1.1, 0.4])
@pytest.mark.parametrize("name", OBSTACLES)
def test_a_body_sinks_less_than_a_centimetre_into_an_obstacle(physics, name, speed):
    prisms = OBSTACLES[name]
    substeps = max(int(np.ceil(speed * CONTROL_DT_S / SUBSTEP_MOTION_M)), SUBSTEPS_MIN)
    deepest = -1.0
    # the depth depends on where in a physics step the body meets the obstacle, and how squarely
    for ahead in np.linspace(0.0, 0.2, 7):
        for aside in (0.0, 0.03, 0.11):
            physics.build(layout_of(prisms), [TRACKER, TARGET])
            physics.place(np.array([[3.6 - ahead, -aside, 0.0], [0.0, 8.0, 0.0]]))
            for _ in range(int(15 / speed)):
                state, _ = physics.advance([(speed, 0.0, 0.0), STILL], substeps=substeps)
                deepest = max(deepest, 0.25 - distance_to(prisms, np.array(state[:2])))
    assert deepest < 0.01
    assert deepest > -0.01, "the body never reached the obstacle"


def test_a_wall_stops_the_body_and_the_contact_is_reported(physics):
    physics.build(layout_of(OBSTACLES["wall"]), [TRACKER, TARGET])
    physics.place(np.array([[3.0, 0.0, 0.0], [0.0, 8.0, 0.0]]))
    for _ in range(30):
        state, _ = physics.advance([(2.0, 0.0, 0.0), STILL], substeps=SUBSTEPS_MAX)
    assert state[0] == pytest.approx(4.9 - 0.25, abs=0.01)
    assert physics.contacts(0).clutter
    assert physics.contacts(0).movers == ()
    assert not physics.contacts(1).clutter


def test_every_prism_of_a_large_layout_stops_a_body(physics):
    """A compound shape would lose all but sixteen of them without a word."""
    places = np.array([[x, y] for x in np.arange(-12.0, 13.0, 3.0) for y in np.arange(-12.0, 13.0, 3.0)])
    assert len(places) > 16
    physics.build(layout_of(Prisms.boxes(places, (0.3, 0.3), z=(0.0, 2.0))), [TRACKER, TARGET])
    for x, y in places:
        physics.place(np.array([[x - 1.0, y, 0.0], [20.0, 0.0, 0.0]]))
        for _ in range(6):
            state, _ = physics.advance([(2.0, 0.0, 0.0), STILL], substeps=SUBSTEPS_MAX)
        assert state[0] == pytest.approx(x - 0.55, abs=0.01)


def test_movers_stop_each_other_and_know_whom_they_touch(physics):
    physics.build(layout_of(), [TRACKER, TARGET, TARGET])
    physics.place(np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 5.0, 0.0]]))
    for _ in range(12):
        first, second, _ = physics.advance([(2.0, 0.0, 0.0), (-1.4, 0.0, 0.0), STILL], substeps=SUBSTEPS_MAX)
        assert np.hypot(first[0] - second[0], first[1] - second[1]) > 0.49
    assert physics.contacts(0).movers == (1,)
    assert physics.contacts(1).movers == (0,)
    assert physics.contacts(2).movers == ()


def test_what_hangs_high_is_passed_under(physics):
    lintel = Prisms.boxes([[2.0, 0.0]], (0.2, 2.0), z=(2.1, 2.5))
    physics.build(layout_of(lintel), [TRACKER, TARGET])
    physics.place(np.array([[0.0, 0.0, 0.0], [0.0, 8.0, 0.0]]))
    for _ in range(20):
        state, _ = physics.advance([(2.0, 0.0, 0.0), STILL], substeps=SUBSTEPS_MAX)
    assert state[0] == pytest.approx(4.0, abs=1e-6)


@pytest.mark.parametrize("substeps", [SUBSTEPS_MIN, 13, SUBSTEPS_MAX])
def test_free_motion_is_exact(physics, substeps):
    physics.build(layout_of(), [TRACKER, TARGET])
    physics.place(np.array([[1.0, 2.0, 0.5], [0.0, 8.0, 0.0]]))
    state, _ = physics.advance([(1.5, -0.5, 1.2), STILL], substeps=substeps)
    assert state[:2] == pytest.approx((1.0 + 1.5 * CONTROL_DT_S, 2.0 - 0.5 * CONTROL_DT_S), abs=1e-9)
    assert 2 * np.arctan2(state[5], state[6]) == pytest.approx(0.5 + 1.2 * CONTROL_DT_S, abs=1e-9)


def test_bodies_stay_on_the_plane_and_upright(physics):
    rng = np.random.default_rng(0)
    places = rng.uniform(-6, 6, (60, 2))
    places = places[np.hypot(*places.T) > 1.0]
    physics.build(layout_of(Prisms.boxes(places, (0.3, 0.4), yaw=1.0, z=(0.0, 0.5))), [TRACKER, TARGET])
    physics.place(np.array([[0.0, 0.0, 0.0], [0.5, 0.2, 0.0]]))
    for _ in range(200):
        twists = [(*rng.uniform(-2, 2, 2), rng.uniform(-2, 2)) for _ in range(2)]
        for state, height in zip(physics.advance(twists, substeps=20), (0.475, 0.725), strict=True):
            assert state[2] == pytest.approx(height, abs=2e-3)
            assert np.abs(state[3:5]).max() < 2e-3


def test_a_rebuild_is_bit_equal_whatever_happened_before(physics):
    def run() -> list[tuple[float, ...]]:
        physics.build(layout_of(OBSTACLES["corner"], OBSTACLES["low"]), [TRACKER, TARGET])
        physics.place(np.array([[3.0, 0.05, 0.0], [3.2, 1.0, 0.0]]))
        return [
            state
            for step in range(40)
            for state in physics.advance([(2.0, 0.1, 1.0), (0.5, -1.0, 0.2)], substeps=SUBSTEPS_MIN + step % 3)
        ]

    first = run()
    physics.place(np.array([[np.nan, 0.0, 0.0], [1e9, 0.0, 0.0]]))
    physics.advance([(1e6, 0.0, 0.0), STILL], substeps=SUBSTEPS_MAX)
    assert run() == first


def test_closed_and_foreign_clients_are_refused():
    engine = Physics()
    engine.build(layout_of(), [TRACKER])
    engine.close()
    engine.close()
    with pytest.raises(PhysicsError, match="closed"):
        engine.advance([STILL], substeps=SUBSTEPS_MIN)


def _use_in_child(engine, answers):
    try:
        engine.advance([STILL], substeps=SUBSTEPS_MIN)
    except PhysicsError as error:
        answers.put(str(error))
    else:
        answers.put("no error")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_may_not_use_the_parents_client(physics):
    physics.build(layout_of(), [TRACKER])
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=_use_in_child, args=(physics, answers))
    child.start()
    child.join(30)
    assert f"belongs to process {os.getpid()}" in answers.get()
    assert physics.is_open
    physics.advance([STILL], substeps=SUBSTEPS_MIN)


def test_clients_cannot_be_copied(physics):
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(physics)
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.deepcopy(physics)


def test_a_dropped_engine_gives_its_client_back():
    before = sum(pybullet.isConnected(client) for client in range(64))
    for _ in range(20):
        Physics()
    assert sum(pybullet.isConnected(client) for client in range(64)) == before


def test_a_window_needs_a_display(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(RenderError, match="rgb_array"):
        Physics(gui=True)


@pytest.mark.parametrize("visuals", [False, True])
def test_rebuilding_takes_no_memory(visuals):
    """PyBullet keeps every list that it is given for a mesh."""
    rng = np.random.default_rng(0)
    layouts = [
        layout_of(Prisms.boxes(rng.uniform(-10, 10, (40 + i, 2)), (0.3, 0.4), z=(0.0, 2.0), color=1)) for i in range(4)
    ]
    engine, process = Physics(visuals=visuals), psutil.Process()

    def rebuild(times: int) -> int:
        for number in range(times):
            engine.build(layouts[number % len(layouts)], [TRACKER, TARGET])
        gc.collect()
        return process.memory_info().rss

    before = rebuild(100)
    assert rebuild(200) - before < 2 * 2**20
    engine.close()


def test_nothing_is_printed_when_the_engine_is_loaded():
    script = "import sys; import envs.physics; print('out'); print('err', file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")


def test_only_legs_that_a_slab_covers_are_left_out(physics):
    slab = Prisms.boxes([[5.0, 0.0]], (0.6, 0.6), yaw=0.3, z=(0.70, 0.76))
    covered = Prisms.boxes([[5.0, 0.0]], (0.03, 0.03), z=(0.0, 0.7))
    outside = Prisms.boxes([[3.0, 0.0]], (0.03, 0.03), z=(0.0, 0.7))
    sticking_out = Prisms.boxes([[5.0, 0.62]], (0.03, 0.03), z=(0.0, 0.7))
    prisms = Prisms.concatenate([slab, covered, outside, sticking_out])
    assert under_slabs(prisms).tolist() == [False, True, False, False]
    physics.build(layout_of(prisms), [TRACKER, TARGET])
    physics.place(np.array([[1.5, 0.0, 0.0], [0.0, 8.0, 0.0]]))
    for _ in range(20):
        state, _ = physics.advance([(2.0, 0.0, 0.0), STILL], substeps=SUBSTEPS_MAX)
    assert state[0] == pytest.approx(3.0 - 0.03 - 0.25, abs=0.01)
