"""Samples seen otherwise: in a mirror, and without a map."""

import numpy as np
import torch
from torch import Tensor

from rspt.perception.inputs import HEADING, ROBOT, SLOTS, VELOCITY
from rspt.perception.reconstruction import LocalMap, MapSettings
from rspt.perception.surroundings import RAY_WIDTH, RAYS, look_around

_SIDEWAYS = [*(3 * slot + 1 for slot in range(SLOTS)), VELOCITY + 1, ROBOT + 1, HEADING + 1]
"""Columns that change their sign in a mirror."""


def unknown_rays() -> Tensor:
    """What rays (RAYS, RAY_WIDTH) meet where nothing is known."""
    empty, rays = LocalMap(1, MapSettings(cells=32)), np.zeros((RAYS, RAY_WIDTH), dtype=np.float32)
    look_around(empty.values[0], empty.corner[0], empty.cell_m, 0.0, 0.0, 1.0, 0.0, rays)
    return torch.from_numpy(rays)


def mirrored(
    which: Tensor, numbers: Tensor, rays: Tensor, future: Tensor, past: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The samples with the rows `which` (n,) seen in a mirror along the target's heading."""
    sign = torch.where(which, -1.0, 1.0)
    numbers, future, past = numbers.clone(), future.clone(), past.clone()
    numbers[:, _SIDEWAYS] *= sign[:, None]
    future[..., 1] *= sign[:, None]
    past[..., 1] *= sign[:, None]
    return numbers, torch.where(which[:, None, None], rays.flip(1).roll(1, 1), rays), future, past
