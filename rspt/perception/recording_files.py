"""The files of recordings: tables of numbers and PNG images, read strictly."""

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

ASSOCIATED_WITHIN_S = 0.02
"""What belongs to a depth image has a stamp that differs by no more than this."""
_ROUNDING_S = 1e-6  # of stamps written as decimal numbers and of seconds since 1970
_TEXT_LIMIT_BYTES = 256 * 2**20
_IMAGE_LIMIT_BYTES = 64 * 2**20
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


class RecordingError(ValueError):
    """A recording that cannot be read or written: names the file, the line, the value and what is allowed."""


def read_rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, list[str]]]:
    """The lines of a table with their numbers; lines that begin with # and empty ones are left out."""
    text = read_text(path)
    lines = text.split("\n")
    rows = []
    for number, line in enumerate(lines, start=1):
        values = line.split()
        if not values or values[0].startswith("#"):
            continue
        if len(values) != len(columns):
            raise RecordingError(
                f"{path}, line {number}: {len(values)} values, {len(columns)} are needed ({' '.join(columns)})"
            )
        if number == len(lines):
            raise RecordingError(
                f"{path}, line {number}: may be cut off, since no newline ends it; end or delete the line"
            )
        rows.append((number, values))
    return rows


def read_numbers(path: Path, columns: tuple[str, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64], list[int]]:
    """Stamps (N,), the other columns (N, C - 1) and the numbers of the lines of a table."""
    rows = read_rows(path, columns)
    if not rows:
        raise RecordingError(f"{path}: holds no lines ({' '.join(columns)})")
    stamps = increasing(path, rows, strictly=False)
    values = [[_number(path, line, *cell) for cell in zip(columns[1:], row[1:], strict=True)] for line, row in rows]
    return stamps, np.array(values), [line for line, _ in rows]


def increasing(path: Path, rows: list[tuple[int, list[str]]], *, strictly: bool) -> NDArray[np.float64]:
    """The first column, which must increase."""
    stamps = np.array([_number(path, line, "stamp", values[0]) for line, values in rows])
    steps = np.diff(stamps)
    wrong = steps <= 0 if strictly else steps < 0
    if wrong.any():
        bad = int(np.argmax(wrong))
        raise RecordingError(
            f"{path}, line {rows[bad + 1][0]}: the stamp {stamps[bad + 1]:.6f} must be later than the one before,"
            f" {stamps[bad]:.6f}"
        )
    return stamps


def _number(path: Path, line: int, column: str, text: str) -> float:
    if not _NUMBER.fullmatch(text) or not np.isfinite(float(text)):
        raise RecordingError(f"{path}, line {line}: {column} must be a finite number, not {text[:40]!r}")
    return float(text)


def nearest(stamps_s: NDArray[np.float64], wanted_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each wanted stamp (N,) the index of the nearest one, -1 where none is near enough."""
    after = np.clip(np.searchsorted(stamps_s, wanted_s), 0, len(stamps_s) - 1)
    before = np.maximum(after - 1, 0)
    index = np.where(np.abs(stamps_s[before] - wanted_s) <= np.abs(stamps_s[after] - wanted_s), before, after)
    is_near = np.abs(stamps_s[index] - wanted_s) <= ASSOCIATED_WITHIN_S + _ROUNDING_S
    near: NDArray[np.int64] = np.where(is_near, index, -1)
    return near


def _read_bytes(path: Path, limit: int) -> bytes:
    try:
        if not path.is_file():
            raise RecordingError(f"{path}: {'is no regular file' if path.exists() else 'no such file'}")
        if path.stat().st_size > limit:
            raise RecordingError(f"{path}: {path.stat().st_size} bytes, at most {limit} are allowed")
        return path.read_bytes()
    except OSError as problem:
        raise RecordingError(f"{path}: cannot be read ({problem.strerror})") from None


def read_text(path: Path) -> str:
    """The content of a UTF-8 text file, its lines ended by newlines."""
    content = _read_bytes(path, _TEXT_LIMIT_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise RecordingError(
            f"{path}: no UTF-8 text (byte {problem.start} is 0x{content[problem.start]:02x})"
        ) from None
    return text.replace("\r\n", "\n")


def read_png(path: Path, size: tuple[int, int], dtype: type[np.generic], channels: tuple[int, ...]) -> NDArray[Any]:
    """An image (H, W), or (H, W, 3) in the order red, green, blue."""
    content = _read_bytes(path, _IMAGE_LIMIT_BYTES)
    if not content.startswith(_PNG_START) or content[12:16] != b"IHDR":
        raise RecordingError(f"{path}: {'no PNG image' if content else 'an empty file'}")
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    if (height, width) != size:  # told before anything is decoded
        raise RecordingError(f"{path}: {width} x {height} pixels, camera.yaml says {size[1]} x {size[0]}")
    # decoders fill up what a truncated file lacks
    pixels = None
    if _PNG_END in content[-64:]:
        pixels = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise RecordingError(f"{path}: truncated or damaged PNG")
    found = 1 if pixels.ndim == 2 else pixels.shape[2]
    if pixels.dtype != dtype or found not in channels:
        needed = f"{np.dtype(dtype).itemsize * 8} bits and {' or '.join(map(str, channels))} channels"
        raise RecordingError(f"{path}: {pixels.dtype.itemsize * 8} bits and {found} channels, {needed} are needed")
    return pixels if found == 1 else np.ascontiguousarray(pixels[:, :, ::-1])
