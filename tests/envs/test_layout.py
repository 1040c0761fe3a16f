"""Prisms, layouts, their hash, their free space and their meshes, on paper."""

import numpy as np
import pytest

from envs.errors import LayoutError
from envs.layouts.free_space import CLEARANCE_LIMIT_M, free_space
from envs.layouts.layout import Layout, Prisms
from envs.meshes import mesh_of

BOUNDS = (0.0, 0.0, 8.0, 6.0)


def layout_of(*prisms: Prisms, bounds=BOUNDS) -> Layout:
    return Layout("test", bounds, Prisms.concatenate(prisms))


def test_the_hash_is_that_of_the_content():
    box = Prisms.boxes([[2.0, 3.0]], (0.5, 0.5), yaw=0.3, z=(0.0, 2.0), color=3)
    # a literal, so that a change of the hash, which frozen episode lists hold, does not go unnoticed
    assert layout_of(box).hash == layout_of(box).hash == "e72183c210a24dbd"
    assert Layout("other", BOUNDS, box, source="file").hash == layout_of(box).hash
    recolored = Prisms.boxes([[2.0, 3.0]], (0.5, 0.5), yaw=0.3, z=(0.0, 2.0), color=7)
    assert layout_of(recolored).hash == layout_of(box).hash
    others = [
        layout_of(Prisms.boxes([[2.0, 3.0]], (0.5, 0.5), yaw=0.3001, z=(0.0, 2.0))),
        layout_of(Prisms.boxes([[2.001, 3.0]], (0.5, 0.5), yaw=0.3, z=(0.0, 2.0))),
        layout_of(Prisms.boxes([[2.0, 3.0]], (0.5, 0.5), yaw=0.3, z=(0.0, 2.1))),
        layout_of(Prisms.cylinders([[2.0, 3.0]], 0.5, z=(0.0, 2.0))),
        layout_of(box, bounds=(0.0, 0.0, 8.0, 6.5)),
        layout_of(),
    ]
    assert len({layout.hash for layout in [layout_of(box), *others]}) == len(others) + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"center": [[np.nan, 0.0]]}, "center.*not finite"),
        ({"half": (np.inf, 1.0)}, "half.*not finite"),
        ({"half": (-1.0, 1.0)}, "positive"),
        ({"z": (1.0, 1.0)}, "positive"),
        ({"yaw": np.nan}, "yaw.*not finite"),
    ],
)
def test_unsound_prisms_are_refused(arguments, message):
    box = {"center": [[1.0, 1.0]], "half": (0.5, 0.5), "yaw": 0.0, "z": (0.0, 1.0), **arguments}
    with pytest.raises(LayoutError, match=message):
        layout_of(Prisms.boxes(box["center"], box["half"], yaw=box["yaw"], z=box["z"]))


@pytest.mark.parametrize("bounds", [(0.0, 0.0, 0.0, 5.0), (0.0, 5.0, 5.0, 1.0), (0.0, 0.0, np.nan, 5.0)])
def test_unsound_bounds_are_refused(bounds):
    with pytest.raises(LayoutError, match="bounds"):
        layout_of(bounds=bounds)


def test_clearance_is_the_exact_distance():
    """To a turned box, a cylinder and the bounds, at every cell, up to the limit."""
    box = Prisms.boxes([[2.5, 3.0]], (0.8, 0.3), yaw=0.6, z=(0.0, 2.0))
    pillar = Prisms.cylinders([[5.5, 2.5]], 0.4, z=(0.0, 2.0))
    space = free_space(layout_of(box, pillar))
    rows, columns = np.indices(space.clearance.shape)
    x, y = (columns + 0.5) * 0.1, (rows + 0.5) * 0.1
    dx, dy = x - 2.5, y - 3.0
    along = np.abs(np.cos(0.6) * dx + np.sin(0.6) * dy) - 0.8
    across = np.abs(np.cos(0.6) * dy - np.sin(0.6) * dx) - 0.3
    to_box = np.hypot(np.maximum(along, 0), np.maximum(across, 0))
    to_pillar = np.maximum(np.hypot(x - 5.5, y - 2.5) - 0.4, 0)
    to_bounds = np.minimum(np.minimum(x, 8.0 - x), np.minimum(y, 6.0 - y))
    expected = np.minimum(np.minimum(to_box, to_pillar), np.minimum(to_bounds, CLEARANCE_LIMIT_M))
    assert space.clearance == pytest.approx(expected, abs=1e-5)
    assert (space.region == (expected >= 0.3)).all()
    assert space.area_m2 == pytest.approx(space.region.sum() * 0.01)


def test_low_things_block_the_way_tables_too_and_lintels_nothing():
    low = Prisms.boxes([[2.0, 3.0]], (0.5, 0.5), z=(0.0, 0.5))
    table = Prisms.boxes([[4.0, 3.0]], (0.5, 0.5), z=(0.70, 0.76))
    wall = Prisms.boxes([[6.0, 3.0]], (0.5, 0.5), z=(0.0, 2.5))
    lintel = Prisms.boxes([[4.0, 1.2]], (0.5, 0.2), z=(2.1, 2.5))
    space = free_space(layout_of(low, table, wall, lintel))
    blocked = {x: space.clearance[30, round(x * 10)] == 0 for x in (2.0, 4.0, 6.0)}
    opaque = {x: bool(space.opaque[30, round(x * 10)]) for x in (2.0, 4.0, 6.0)}
    assert blocked == {2.0: True, 4.0: True, 6.0: True}
    assert opaque == {2.0: False, 4.0: False, 6.0: True}
    assert space.clearance[12, 40] > 0.5
    assert not space.opaque[12, 40]


def test_a_thin_turned_wall_leaves_no_gap():
    wall = Prisms.boxes([[4.0, 3.0]], (6.0, 0.01), yaw=0.7, z=(0.0, 2.5))
    space = free_space(layout_of(wall))
    # both ends of the wall are outside: the free cells fall into two parts, one of which is the region
    side = (np.cos(0.7) * ((np.indices(space.region.shape)[0] + 0.5) * 0.1 - 3.0)) - (
        np.sin(0.7) * ((np.indices(space.region.shape)[1] + 0.5) * 0.1 - 4.0)
    )
    assert len(np.unique(np.sign(side[space.region == 1]))) == 1


def test_cells_and_positions():
    space = free_space(layout_of(bounds=(-4.0, 2.0, 4.0, 8.0)))
    assert space.position_of(np.array([0, 0])) == pytest.approx([-3.95, 2.05])
    assert space.cell_of(np.array([-3.95, 2.05])).tolist() == [0, 0]
    assert space.cell_of(np.array([[3.99, 7.99], [99.0, -99.0]])).tolist() == [[59, 79], [0, 79]]
    assert (space.cell_of(space.position_of(space.cells)) == space.cells).all()


def test_too_little_room_is_an_error_with_the_numbers():
    with pytest.raises(LayoutError, match=r"'test'.*4\.0 m2.*12\.0 m2"):
        free_space(layout_of(bounds=(0.0, 0.0, 2.6, 2.6)))


def test_meshes_are_closed_and_face_outwards():
    prisms = Prisms.concatenate(
        [
            Prisms.boxes([[1.0, 2.0]], (0.5, 0.25), yaw=0.4, z=(0.0, 2.0)),
            Prisms.cylinders([[4.0, 4.0]], 0.5, z=(1.0, 2.0)),
        ]
    )
    mesh = mesh_of(prisms, sides=48, caps=True)
    corners = mesh.vertices[mesh.triangles]
    # the divergence theorem gives the enclosed volume, positive if the faces are seen from outside
    volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert volume == pytest.approx(1.0 * 0.5 * 2.0 + np.pi * 0.25, rel=2e-3)
    edges = np.sort(mesh.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_polygons_stay_close_to_their_cylinder():
    mesh = mesh_of(Prisms.cylinders([[0.0, 0.0]], 1.0, z=(0.0, 1.0)), sides=16, caps=False)
    corners = mesh.vertices[mesh.triangles][:, :, :2]
    middles = corners.mean(axis=1)
    radii = np.concatenate([np.hypot(*mesh.vertices[:, :2].T), np.hypot(*middles.T)])
    assert radii.min() > 0.985
    assert radii.max() < 1.012


def test_no_prism_is_fine():
    assert len(mesh_of(Prisms.empty(), sides=8, caps=True).triangles) == 0
    assert len(Prisms.concatenate([])) == 0
    assert free_space(layout_of()).area_m2 > 30
