"""Kernels that count no references hold what makes that safe: they make no array and return none."""

import importlib
import pkgutil
from typing import Any

import numba
import numpy as np
import pytest
from numba.core import types
from numba.core.errors import NumbaError

import agents
from agents.drive import Body
from agents.jit import uncounted_kernel
from agents.rollouts import judged_commands
from agents.scene import Scene


def uncounted() -> dict[str, Any]:
    """Those of the package by their names."""
    found = {}
    for about in pkgutil.iter_modules(agents.__path__):
        for name, value in vars(importlib.import_module(f"agents.{about.name}")).items():
            options = getattr(value, "targetoptions", {})
            if options.get("_nrt") is False:
                found[name] = value
    return found


def has_array(kind: Any) -> bool:
    return isinstance(kind, types.Array) or any(has_array(part) for part in getattr(kind, "types", ()))


def test_none_returns_an_array():
    free = np.ones((20, 20), dtype=np.float32)
    movers, route = np.full((1, 17, 2), 1.5), np.full((1, 2), 1.5)
    scene = Scene(free, np.zeros((20, 20), dtype=np.uint8), np.zeros(2), 0.1, movers, route, True)
    # one out of the cache would not tell what it calls: they are compiled anew, with those that they call in turn
    numba.njit(judged_commands.py_func)(scene, Body(), np.array([0.5, 0.5, 0.0]), np.zeros(2), 1.0, 1.0)
    kernels, looked_at = uncounted(), set()
    while ready := [name for name in kernels if kernels[name].nopython_signatures and name not in looked_at]:
        for name in ready:
            looked_at.add(name)
            for signature in kernels[name].nopython_signatures:
                assert not has_array(signature.return_type), name
                numba.njit(kernels[name].py_func, _nrt=False).compile(signature.args)
    assert {"_rollout_cost", "_state_cost", "_contact_cost", "follow", "sees", "clearance_at", "moved"} <= looked_at


def test_one_that_makes_an_array_does_not_compile():
    with pytest.raises(NumbaError, match="NRT"):
        uncounted_kernel(lambda size: np.zeros(size))(3)
