"""The table of what a training has measured, metrics.csv: it survives crashes and full disks."""

import contextlib
import csv
import os
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from rspt.training.whole_files import replace_whole

DAMAGED_METRICS = "metrics-damaged.csv"
FIXED = ("step", "seconds")
"""The first columns."""


class MetricsTable:
    """A table that gets a column when something is measured for the first time.

    Attributes:
        last_seconds: of the last row.
    """

    def __init__(self, path: Path) -> None:
        self.last_seconds = 0.0
        self._path = path
        self._names: list[str] = []
        self._size = 0

    def open(self) -> None:
        """Go on with a table, or begin one; rows that a crash has cut off go."""
        if not self._path.exists():
            self._write([], [])
            return
        table = _read_table(self._path)
        if table is None:
            self._path.replace(self._path.with_name(DAMAGED_METRICS))
            self._write([], [])
            raise ValueError(f"it was no table of measurements and is now called {DAMAGED_METRICS}")
        self._write(table.names, table.rows)

    def rewind(self, step: int) -> None:
        """Drop the rows after a step, and the columns that are empty then."""
        table = _read_table(self._path) or _Table([], [])
        rows = [row for row in table.rows if int(row["step"]) <= step]
        self._write([name for name in table.names if any(row[name] for row in rows)], rows)

    def append(self, step: int, seconds: float, numbers: Mapping[str, float]) -> None:
        """Add a row."""
        row = {"step": str(int(step)), "seconds": f"{seconds:.3f}"}
        row |= {name: repr(value) for name, value in numbers.items()}
        new = [name for name in numbers if name not in self._names]
        if new or not self._path.exists():
            table = _read_table(self._path) or _Table([], [])
            self._write([*self._names, *new], [*table.rows, row])
            return
        text = _text([[row.get(name, "") for name in (*FIXED, *self._names)]]).encode()
        try:
            with self._path.open("ab") as file:
                file.write(text)
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(self._path, self._size)  # half a row would spoil the next one
            raise
        self._size += len(text)

    def _write(self, names: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
        header = [*FIXED, *names]
        text = _text([header, *([row.get(name, "") for name in header] for row in rows)])
        replace_whole(self._path, text.encode())
        self._names, self._size = list(names), len(text.encode())
        self.last_seconds = float(rows[-1]["seconds"]) if rows else 0.0


class _Table(NamedTuple):
    """What is in metrics.csv.

    Attributes:
        names: of the columns after step and seconds.
        rows: by the names of the columns; empty where nothing was measured.
    """

    names: list[str]
    rows: list[dict[str, str]]


def _read_table(path: Path) -> _Table | None:
    """The whole rows of a table; None if it is none."""
    try:
        text = path.read_bytes().decode()
        header, *lines = csv.reader(StringIO(text[: text.rfind("\n") + 1]))  # without the row that was cut off
    except (FileNotFoundError, ValueError, csv.Error):
        return None
    if tuple(header[:2]) != FIXED or len(set(header)) != len(header):
        return None
    rows = [dict(zip(header, line, strict=True)) for line in lines if len(line) == len(header)]
    return _Table(header[2:], [row for row in rows if _is_row(row)])


def _is_row(row: Mapping[str, str]) -> bool:
    try:
        int(row["step"])
        float(row["seconds"])
    except ValueError:
        return False
    return True


def _text(rows: Sequence[Sequence[str]]) -> str:
    buffer = StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
