"""Measurements behind the choices in `envs/physics.py`, with PyBullet itself.

    python benchmarks/physics.py

How many parts of a compound shape survive, what static clutter costs by the way it is built, and how deep bodies sink
into obstacles by physics rate and by shape.
"""

import statistics
import time

import numpy as np

from envs.layouts.layout import Prisms
from envs.meshes import mesh_of
from envs.physics import pybullet

CLIENT = pybullet.connect(pybullet.DIRECT)
CONTROL_DT_S = 0.1
OBSTACLES = {
    "wall": Prisms.boxes([[5.0, 0.0]], (0.3, 3.0), z=(0.0, 2.5)),
    "corner": Prisms.boxes([[5.0, 0.0]], (0.5, 0.5), yaw=np.pi / 4, z=(0.0, 2.5)),
    "pillar": Prisms.cylinders([[5.0, 0.0]], 0.4, z=(0.0, 2.5)),
    "table leg": Prisms.boxes([[5.0, 0.0]], (0.03, 0.03), z=(0.0, 0.7)),
}


def main() -> None:
    print("parts of a compound shape of 300 boxes that rays meet:", compound_parts(300))
    print("\nstatic clutter: microseconds per control step of 8 physics steps, two bodies in the open")
    for count in (10, 300, 2000):
        times = {kind: step_time(kind, count) for kind in ("compounds of 16", "one mesh")}
        print(f"  {count:5} boxes  ", "  ".join(f"{kind} {value:6.1f}" for kind, value in times.items()))
    print("\ndeepest sinking in cm at 2 m/s, and microseconds per control step in contact")
    for shape in ("cylinder", "capsule"):
        for rate in (80, 160, 320):
            cells = [f"{name} {depth:4.2f} ({cost:4.0f})" for name, (depth, cost) in sinking(shape, rate).items()]
            print(f"  {shape:9} {rate:4} Hz  ", "  ".join(cells))


def empty_world(substeps: int) -> None:
    pybullet.resetSimulation(physicsClientId=CLIENT)
    pybullet.setPhysicsEngineParameter(
        fixedTimeStep=CONTROL_DT_S, numSubSteps=substeps, deterministicOverlappingPairs=1, physicsClientId=CLIENT
    )


def compound(places: np.ndarray) -> int:
    count = len(places)
    shape = pybullet.createCollisionShapeArray(
        shapeTypes=[pybullet.GEOM_BOX] * count,
        halfExtents=[[0.3, 0.3, 1.25]] * count,
        radii=[0.0] * count,
        lengths=[0.0] * count,
        collisionFramePositions=[[x, y, 1.25] for x, y in places.tolist()],
        collisionFrameOrientations=[[0, 0, 0, 1]] * count,
        physicsClientId=CLIENT,
    )
    body: int = pybullet.createMultiBody(0, shape, useMaximalCoordinates=1, physicsClientId=CLIENT)
    return body


def mesh(prisms: Prisms) -> None:
    surface = mesh_of(prisms, sides=16, caps=False)
    shape = pybullet.createCollisionShape(
        pybullet.GEOM_MESH,
        vertices=surface.vertices.tolist(),
        indices=surface.triangles.ravel().tolist(),
        flags=pybullet.GEOM_FORCE_CONCAVE_TRIMESH,
        physicsClientId=CLIENT,
    )
    body = pybullet.createMultiBody(0, shape, useMaximalCoordinates=1, physicsClientId=CLIENT)
    pybullet.changeDynamics(body, -1, lateralFriction=0, physicsClientId=CLIENT)


def mover(shape: str, x: float, y: float) -> int:
    kind, height = (pybullet.GEOM_CAPSULE, 0.95) if shape == "capsule" else (pybullet.GEOM_CYLINDER, 1.2)
    collision = pybullet.createCollisionShape(kind, radius=0.25, height=height, physicsClientId=CLIENT)
    body: int = pybullet.createMultiBody(30, collision, basePosition=[x, y, 0.65], physicsClientId=CLIENT)
    pybullet.changeDynamics(
        body,
        -1,
        linearDamping=0,
        angularDamping=0,
        lateralFriction=0,
        restitution=0,
        localInertiaDiagonal=[0, 0, 1.0],
        physicsClientId=CLIENT,
    )
    return body


def compound_parts(count: int) -> int:
    """How many of `count` separate boxes in one compound shape a ray from above meets."""
    empty_world(8)
    side = int(np.ceil(np.sqrt(count)))
    places = np.array([(2.0 * (i % side), 2.0 * (i // side)) for i in range(count)])
    body = compound(places)
    above, below = ([[x, y, z] for x, y in places.tolist()] for z in (5.0, -1.0))
    return sum(hit[0] == body for hit in pybullet.rayTestBatch(above, below, physicsClientId=CLIENT))


def step_time(kind: str, count: int) -> float:
    empty_world(8)
    places = np.random.default_rng(0).uniform(-20, 20, (count, 2))
    places = places[np.hypot(*places.T) > 4.0]
    if kind == "one mesh":
        mesh(Prisms.boxes(places, (0.3, 0.3), z=(0.0, 2.5)))
    else:
        ordered = places[np.lexsort((places[:, 1] // 8, places[:, 0] // 8))]
        for start in range(0, len(ordered), 16):
            compound(ordered[start : start + 16])
    bodies = [mover("capsule", 0.0, 0.0), mover("capsule", 0.0, 1.5)]
    times = []
    for _ in range(1500):
        for body in bodies:
            pybullet.resetBaseVelocity(body, (0.001, 0, 0), (0, 0, 0.1), physicsClientId=CLIENT)
        start_s = time.perf_counter()
        pybullet.stepSimulation(physicsClientId=CLIENT)
        times.append(time.perf_counter() - start_s)
    return statistics.median(times) * 1e6


def sinking(shape: str, rate_hz: int) -> dict[str, tuple[float, float]]:
    """Centimetres and microseconds by obstacle: the deepest of 21 approaches, the median of steps in contact."""
    found = {}
    for name, prisms in OBSTACLES.items():
        deepest, times = 0.0, []
        for ahead in np.linspace(0.0, 0.2, 7):
            for aside in (0.0, 0.03, 0.11):
                empty_world(round(rate_hz * CONTROL_DT_S))
                mesh(prisms)
                body = mover(shape, 3.6 - ahead, -aside)
                for step in range(10):
                    pybullet.resetBaseVelocity(body, (2.0, 0, 0), (0, 0, 0), physicsClientId=CLIENT)
                    start_s = time.perf_counter()
                    pybullet.stepSimulation(physicsClientId=CLIENT)
                    if step > 5:
                        times.append(time.perf_counter() - start_s)
                    position = pybullet.getBasePositionAndOrientation(body, physicsClientId=CLIENT)[0]
                    deepest = max(deepest, 0.25 - distance(prisms, np.array(position[:2])))
        found[name] = (100 * deepest, statistics.median(times) * 1e6)
    return found


def distance(prisms: Prisms, point: np.ndarray) -> float:
    """From a point to the surface of the one prism in metres, negative inside."""
    offset = point - prisms.center[0]
    if prisms.kind[0] == 1:
        return float(np.hypot(*offset) - prisms.half[0, 0])
    cos, sin = np.cos(prisms.yaw[0]), np.sin(prisms.yaw[0])
    local = np.abs([cos * offset[0] + sin * offset[1], cos * offset[1] - sin * offset[0]]) - prisms.half[0]
    return float(np.hypot(*np.maximum(local, 0.0)) + min(local.max(), 0.0))


if __name__ == "__main__":
    main()
