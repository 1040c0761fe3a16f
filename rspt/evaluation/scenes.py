"""Layouts and tracks in the form in which the report's page carries them: whole numbers, packed."""

import base64
import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.episode import START_TRIES
from envs.layouts import FAMILIES
from envs.layouts.files import load_layout
from envs.layouts.layout import BODY_CLEARANCE_M, CYLINDER, SIGHT_HEIGHT_M, Layout
from envs.layouts.source import PlaceSource
from envs.seeds import LAYOUT, episode_seed
from rspt.errors import UsageError
from rspt.evaluation.results import Line
from rspt.evaluation.tape import UNIT_RAD, Track

EVERY_STEPS = 2
"""Of the steps of an episode the page has each second one."""
YAW_UNITS = 256
"""A turn in the page's units."""


class Layouts:
    """Draws the layouts of episodes again, each once.

    Args:
        grounds: as evaluation.json has them.
    """

    def __init__(self, grounds: Sequence[dict[str, Any]]) -> None:
        self._sources = {ground["label"]: ground["source"] for ground in grounds}
        self._families: dict[tuple[str, float], PlaceSource] = {}
        self._maps: dict[str, Layout] = {}

    def of(self, line: Line) -> Layout:
        """The layout of an episode.

        Raises:
            UsageError: if a map is no longer there or has changed.
        """
        source = self._sources[line["ground"]]
        tries: Iterable[Layout]
        if source in FAMILIES:
            density = line.get("layout_density", 1.0)
            if (source, density) not in self._families:
                self._families[source, density] = PlaceSource([source], size_m=None, cell_m=None, density=density)
            rng = episode_seed(line["seed"], 0).generator(LAYOUT)
            # where nobody could be placed, or a recorded track did not fit, the episode had a later one
            tries = (self._families[source, density].draw(rng).layout for _ in range(START_TRIES))
        else:
            if source not in self._maps:
                if not Path(source).exists():
                    raise UsageError(f"{source}: the map that was evaluated is not there any more")
                self._maps[source] = load_layout(source)
            tries = [self._maps[source]]
        layout = next((layout for layout in tries if layout.hash == line["layout_hash"]), None)
        if layout is None:
            raise UsageError(f"{source}: no longer gives the layout that was evaluated ({line['layout_hash']})")
        return layout


class Blob:
    """Arrays one after another, each found again by where it begins."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def add(self, array: NDArray[Any], kind: str) -> int:
        """Append an array as numbers of a kind such as `<i2`; where it begins, in bytes, a multiple of two."""
        begin = self._length
        content = np.ascontiguousarray(array).astype(kind).tobytes()
        content += b"\0" * (len(content) % 2)
        self._parts.append(content)
        self._length += len(content)
        return begin

    def text(self) -> str:
        """Base64 of the gzip of all."""
        return compressed(b"".join(self._parts))


def pack_layout(layout: Layout, blob: Blob) -> dict[str, Any]:
    """Bounds in metres, and where its prisms are.

    They are int16 (7, N): kind, tall or low, x, y, half lengths in cm, yaw in 1e-4 rad; low ones first.
    """
    prisms = layout.prisms
    prisms = prisms.subset(prisms.z[:, 0] < BODY_CLEARANCE_M)  # what hangs higher nobody meets
    tall = prisms.z[:, 1] > SIGHT_HEIGHT_M
    yaw = np.remainder(prisms.yaw + np.pi, 2 * np.pi) - np.pi
    rows = [prisms.kind == CYLINDER, tall, *np.rint(100.0 * prisms.center).T, *np.rint(100.0 * prisms.half).T]
    table = np.stack([*rows, np.rint(1e4 * yaw)])[:, np.argsort(tall, kind="stable")]
    return {
        "bounds": [round(float(value), 3) for value in layout.bounds],
        "prisms": len(prisms),
        "at": blob.add(table, "<i2"),
    }


def pack_track(track: Track, blob: Blob) -> dict[str, Any]:
    """Where each second step of an episode is.

    One after the other: int16 (M, 2, n) differences of x and y in cm, uint8 (M, n) differences of yaw in 1/256 of a
    turn, uint8 (n,) events of the step and of the one that was left out.
    """
    kept = np.unique(np.append(np.arange(0, len(track.poses), EVERY_STEPS), len(track.poses) - 1))
    poses = track.poses[kept].astype(np.int64)  # (n, M, 3)
    yaw = np.rint(poses[..., 2] * (UNIT_RAD * YAW_UNITS / (2 * np.pi))).astype(np.int64)
    places = _differences(poses[..., :2]).transpose(1, 2, 0)
    events = np.bitwise_or.reduceat(track.events, np.append(0, kept[:-1] + 1))
    return {
        "n": len(kept),
        "movers": int(poses.shape[1]),
        "at": [blob.add(places, "<i2"), blob.add(_differences(yaw).T % YAW_UNITS, "u1"), blob.add(events, "u1")],
    }


def _differences(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """From one row to the next, (n, ...); the first one from 0."""
    return np.concatenate([values[:1], values[1:] - values[:-1]])


def compressed(content: bytes) -> str:
    """Base64 of the gzip, the same whenever it is made."""
    return base64.b64encode(gzip.compress(content, compresslevel=9, mtime=0)).decode()
