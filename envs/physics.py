"""The physics engine: the one module that imports pybullet; its ids never leave this file."""

import os
import sys
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.errors import PhysicsError, RenderError
from envs.layouts.layout import BODY_CLEARANCE_M, PALETTE, Layout, Prisms
from envs.meshes import mesh_of, under_slabs
from envs.reused_list import ReusedList


def _import_silently() -> Any:
    """PyBullet; it writes its build time to C's stderr whenever it is loaded."""
    sys.stderr.flush()
    kept, void = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(void, 2)
        import pybullet
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(void)
    return pybullet


pybullet = _import_silently()

CONTROL_DT_S = 0.1
SUBSTEPS_MIN, SUBSTEPS_MAX = 8, 32
"""Physics steps per control step: 80 Hz in the open, up to 320 Hz where a body may touch something."""
SUBSTEP_MOTION_M = 0.00625
"""How far a body may move towards what it may touch in one physics step.

The solver sees a contact with an edge only once the body has sunk in: at 2 m/s and 80 Hz by 2.5 cm.
"""
ID_NOTHING, ID_FLOOR, ID_CLUTTER = -1, 0, 16
"""Values of segmentation images: m is mover m, ID_CLUTTER + c is clutter of colour c."""

_TOUCH_M = 0.002  # contact points further apart are the solver's look-ahead
_CYLINDER_SIDES = 16
_VISUAL_CYLINDER_SIDES = 48
_MESH_PRISMS_MAX = 8000  # the engine takes 131,072 vertices a mesh; a cylinder has 32
_FLOOR_COLOR = (0.62, 0.60, 0.57, 1.0)
_FLOOR_HALF_M = 150.0


class MoverShape(NamedTuple):
    """An upright cylinder that drives: radius and height in metres, mass in kilograms, palette colour.

    The engine has a capsule in its place, half as costly in contact: the upper half ball ends at the height, the lower
    one lies below the floor, which no body collides with.
    """

    radius_m: float
    height_m: float
    mass_kg: float
    color: int


class Contacts(NamedTuple):
    """What one mover touches at the end of a step: clutter, and each mover by its number."""

    clutter: bool
    movers: tuple[int, ...]


def has_display() -> bool:
    """Whether a window can be opened; PyBullet ends the whole process where it cannot."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Physics:
    """One client of the engine with one world in it.

    Static clutter is one triangle mesh: a compound shape is cut off by PyBullet at 16 parts, silently, and separate
    bodies slow each step down. Bodies are planar: no gravity, no rotation but yaw.

    Args:
        gui: open PyBullet's window.
        visuals: build what cameras see; physics alone needs none.

    Raises:
        RenderError: if a window is asked for where there is no display.
        PhysicsError: if the engine gives no client (it has at most 1,024 in a process).
    """

    def __init__(self, *, gui: bool = False, visuals: bool = False) -> None:
        if gui and not has_display():
            raise RenderError(
                "render_mode='human' opens a window, but neither DISPLAY nor WAYLAND_DISPLAY is set:"
                " use render_mode='rgb_array', or start a display (Xvfb does)"
            )
        self._gui, self._visuals = gui, visuals or gui
        self._client = pybullet.connect(pybullet.GUI if gui else pybullet.DIRECT)
        if self._client < 0:
            raise PhysicsError("PyBullet gave no client: a process has at most 1,024; close() worlds that are not used")
        self._owner = os.getpid()
        self._finalizer = weakref.finalize(self, _disconnect, self._client, self._owner)
        self._movers: list[int] = []
        self._heights: list[float] = []
        self._names: dict[int, int] = {}
        self._substeps = SUBSTEPS_MIN
        if gui:
            pybullet.configureDebugVisualizer(pybullet.COV_ENABLE_GUI, 0, physicsClientId=self._client)

    def __getstate__(self) -> Any:
        raise TypeError("a Physics object owns a client of the engine and cannot be pickled or copied")

    @property
    def is_open(self) -> bool:
        """Whether `close` was not called yet."""
        return bool(self._finalizer.alive)

    def close(self) -> None:
        """Give the client back; a second call does nothing."""
        self._finalizer()

    def build(self, layout: Layout, movers: Sequence[MoverShape]) -> None:
        """Empty the world and fill it with a layout and movers, which `place` then puts in their places.

        `resetSimulation` is the only way to empty a world that neither leaks memory nor leaves contacts behind.
        """
        self._check()
        client = self._client
        pybullet.resetSimulation(physicsClientId=client)
        pybullet.setPhysicsEngineParameter(
            fixedTimeStep=CONTROL_DT_S,
            numSubSteps=SUBSTEPS_MIN,
            deterministicOverlappingPairs=1,
            enableFileCaching=0,
            physicsClientId=client,
        )
        pybullet.setGravity(0, 0, 0, physicsClientId=client)
        if self._gui:
            pybullet.configureDebugVisualizer(pybullet.COV_ENABLE_RENDERING, 0, physicsClientId=client)
        self._substeps = SUBSTEPS_MIN
        self._names = {-1: ID_NOTHING}
        self._add_clutter(layout.prisms)
        self._movers = [self._add_mover(number, shape) for number, shape in enumerate(movers)]
        self._heights = [_middle(shape) for shape in movers]
        if self._visuals:
            self._add_scenery(layout.prisms)
        if self._gui:
            pybullet.configureDebugVisualizer(pybullet.COV_ENABLE_RENDERING, 1, physicsClientId=client)

    def place(self, poses: NDArray[np.float64]) -> None:
        """Put the movers at poses (M, 3): x, y in metres, yaw in radians; they stand still."""
        self._check()
        for body, height, (x, y, yaw) in zip(self._movers, self._heights, poses.tolist(), strict=True):
            half = 0.5 * yaw
            pybullet.resetBasePositionAndOrientation(
                body, (x, y, height), (0.0, 0.0, np.sin(half), np.cos(half)), self._client
            )
            pybullet.resetBaseVelocity(body, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), self._client)

    def advance(self, twists: Sequence[Sequence[float]], *, substeps: int) -> list[tuple[float, ...]]:
        """Drive every mover for one control step.

        Args:
            twists: for each mover velocity x, y in m/s (world) and turn rate in rad/s.
            substeps: physics steps to take, SUBSTEPS_MIN where no body can touch anything.

        Returns:
            For each mover position x, y, z in metres and orientation x, y, z, w.
        """
        self._check()
        client, reset_velocity = self._client, pybullet.resetBaseVelocity
        if substeps != self._substeps:
            pybullet.setPhysicsEngineParameter(numSubSteps=substeps, physicsClientId=client)
            self._substeps = substeps
        for body, (x, y, turn) in zip(self._movers, twists, strict=True):
            reset_velocity(body, (x, y, 0.0), (0.0, 0.0, turn), client)
        pybullet.stepSimulation(client)
        states = []
        for body, height in zip(self._movers, self._heights, strict=True):
            position, orientation = pybullet.getBasePositionAndOrientation(body, client)
            if abs(position[2] - height) > 1e-3 or abs(orientation[0]) > 1e-3 or abs(orientation[1]) > 1e-3:
                # a contact on an edge lifted or tilted the body: back onto the plane
                position = (position[0], position[1], height)
                norm = np.hypot(orientation[2], orientation[3]) or 1.0
                orientation = (0.0, 0.0, orientation[2] / norm, orientation[3] / norm)
                pybullet.resetBasePositionAndOrientation(body, position, orientation, client)
            states.append(position + orientation)
        return states

    def contacts(self, mover: int) -> Contacts:
        """What a mover touches now."""
        points = pybullet.getContactPoints(self._movers[mover], physicsClientId=self._client)
        if not points:
            return _NO_CONTACTS
        touched = {point[2] for point in points if point[8] < _TOUCH_M}
        others = tuple(number for number, body in enumerate(self._movers) if body in touched)
        return Contacts(clutter=len(touched) > len(others), movers=others)

    def camera_image(
        self, view: Sequence[float], projection: Sequence[float], *, width: int, height: int, hardware: bool = False
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int32]]:
        """One picture of a world built with visuals.

        Args:
            view: 16 numbers, column by column, as OpenGL takes them.
            projection: likewise.
            width: pixels.
            height: pixels.
            hardware: OpenGL of the window or of the EGL plug-in instead of the software renderer.

        Returns:
            Colours (H, W, 3), depth buffer (H, W) in 0..1, segmentation (H, W) with the ids above.
        """
        self._check()
        renderer = pybullet.ER_BULLET_HARDWARE_OPENGL if hardware else pybullet.ER_TINY_RENDERER
        _, _, rgba, depth, bodies = pybullet.getCameraImage(
            width, height, view, projection, shadow=0, renderer=renderer, physicsClientId=self._client
        )
        table = np.full(max(self._names) + 2, ID_NOTHING, dtype=np.int32)
        for body, name in self._names.items():
            table[body + 1] = name
        # the segmentation holds the body's number in its lower 24 bits and the link in the upper ones
        ids = np.where(bodies < 0, -1, bodies & 0xFFFFFF)
        return np.ascontiguousarray(rgba[..., :3]), depth, table[ids + 1]

    def load_egl(self) -> None:
        """Switch hardware rendering on for cameras without a window.

        Raises:
            RenderError: if the plug-in does not load.
        """
        import importlib.util

        self._check()
        plugin = importlib.util.find_spec("eglRenderer")
        name = plugin.origin if plugin is not None and plugin.origin else "eglRendererPlugin"
        if pybullet.loadPlugin(name, "_eglRendererPlugin", physicsClientId=self._client) < 0:
            raise RenderError("PyBullet's EGL plug-in does not load here: use renderer='bullet' (software)")

    def _add_clutter(self, prisms: Prisms) -> None:
        reachable = np.flatnonzero((prisms.z[:, 0] < BODY_CLEARANCE_M) & ~under_slabs(prisms))
        for start in range(0, len(reachable), _MESH_PRISMS_MAX):
            part = prisms.subset(reachable[start : start + _MESH_PRISMS_MAX])
            mesh = mesh_of(part, sides=_CYLINDER_SIDES, caps=False)
            shape = pybullet.createCollisionShape(
                pybullet.GEOM_MESH,
                vertices=_VERTICES.filled(mesh.vertices),
                indices=_INDICES.filled(mesh.triangles.ravel()),
                flags=pybullet.GEOM_FORCE_CONCAVE_TRIMESH,
                physicsClientId=self._client,
            )
            body = pybullet.createMultiBody(0, shape, useMaximalCoordinates=1, physicsClientId=self._client)
            pybullet.changeDynamics(body, -1, lateralFriction=0, restitution=0, physicsClientId=self._client)

    def _add_mover(self, number: int, shape: MoverShape) -> int:
        client, middle = self._client, _middle(shape)
        collision = pybullet.createCollisionShape(
            pybullet.GEOM_CAPSULE, radius=shape.radius_m, height=2 * middle, physicsClientId=client
        )
        visual = -1
        if self._visuals:
            visual = pybullet.createVisualShape(
                pybullet.GEOM_CYLINDER,
                radius=shape.radius_m,
                length=shape.height_m,
                visualFramePosition=[0, 0, shape.height_m / 2 - middle],
                rgbaColor=_rgba(shape.color),
                specularColor=[0, 0, 0],
                physicsClientId=client,
            )
        body: int = pybullet.createMultiBody(
            shape.mass_kg,
            collision,
            visual,
            # far apart and away from the clutter until `place`
            basePosition=[1000.0 + 10.0 * number, 1000.0, middle],
            physicsClientId=client,
        )
        pybullet.changeDynamics(
            body,
            -1,
            linearDamping=0,
            angularDamping=0,
            # without friction a wall turns no body: heading is the drive's alone
            lateralFriction=0,
            spinningFriction=0,
            rollingFriction=0,
            restitution=0,
            # an inertia of zero means infinite to the engine: no roll, no pitch
            localInertiaDiagonal=[0, 0, 0.5 * shape.mass_kg * shape.radius_m**2],
            physicsClientId=client,
        )
        return body

    def _add_scenery(self, prisms: Prisms) -> None:
        client = self._client
        floor = pybullet.createVisualShape(
            pybullet.GEOM_BOX,
            halfExtents=[_FLOOR_HALF_M, _FLOOR_HALF_M, 0.5],
            rgbaColor=_FLOOR_COLOR,
            specularColor=[0, 0, 0],
            physicsClientId=client,
        )
        self._names[_visual_body(floor, (0, 0, -0.5), client)] = ID_FLOOR
        for color in np.unique(prisms.color):
            mesh = mesh_of(prisms.subset(prisms.color == color), sides=_VISUAL_CYLINDER_SIDES, caps=True)
            corners = mesh.vertices[mesh.triangles]  # (T, 3, 3): every face has corners of its own, for flat shading
            normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            normals /= np.linalg.norm(normals, axis=1, keepdims=True)
            for start in range(0, len(corners), _VISUAL_TRIANGLES_MAX):
                piece = corners[start : start + _VISUAL_TRIANGLES_MAX].reshape(-1, 3)
                outward = np.repeat(normals[start : start + _VISUAL_TRIANGLES_MAX], 3, axis=0)
                shape = pybullet.createVisualShape(
                    pybullet.GEOM_MESH,
                    vertices=_VERTICES.filled(piece),
                    indices=_INDICES.filled(np.arange(len(piece))),
                    normals=_NORMALS.filled(outward),
                    rgbaColor=_rgba(int(color)),
                    specularColor=[0, 0, 0],
                    physicsClientId=client,
                )
                self._names[_visual_body(shape, (0, 0, 0), client)] = ID_CLUTTER + int(color)
        for number, body in enumerate(self._movers):
            self._names[body] = number if number else ID_NOTHING

    def _check(self) -> None:
        if not self._finalizer.alive:
            raise PhysicsError("the physics client is closed")
        if os.getpid() != self._owner:
            raise PhysicsError(
                f"the physics client belongs to process {self._owner}: a forked child must make its own world"
            )


_VERTICES, _NORMALS, _INDICES = ReusedList(), ReusedList(), ReusedList()
_NO_CONTACTS = Contacts(clutter=False, movers=())
_VISUAL_TRIANGLES_MAX = 20_000


def _middle(shape: MoverShape) -> float:
    """Height of a mover's middle: its capsule's cylinder stands on the floor and ends a radius below the top."""
    return (shape.height_m - shape.radius_m) / 2


def _rgba(color: int) -> list[float]:
    return [*(PALETTE[color] / 255.0).tolist(), 1.0]


def _visual_body(shape: int, position: Sequence[float], client: int) -> int:
    body: int = pybullet.createMultiBody(
        baseMass=0,
        baseCollisionShapeIndex=-1,
        baseVisualShapeIndex=shape,
        basePosition=position,
        physicsClientId=client,
    )
    return body


def _disconnect(client: int, owner: int) -> None:
    # a forked child inherits the number, not the right to close it
    if os.getpid() == owner and pybullet.isConnected(client):
        pybullet.disconnect(client)
