"""Reading a map's picture: PGM (binary and ASCII) and PNG, checked by the header before a pixel is decoded."""

import re
import struct
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.errors import LayoutError
from envs.reading import read_bytes

FILE_LIMIT_BYTES = 64 * 2**20
SIDE_LIMIT_PX = 8192

_GAP = rb"(?:\s|#[^\n]*\n)+"
_PGM_HEADER = re.compile(rb"P([25])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})(?=[\s#]|$)")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class MapImage(NamedTuple):
    """A gray picture.

    Attributes:
        level: (H, W) brightness, the sum over the colour channels; row 0 is the top.
        brightest: the level of white.
        opaque: (H, W) false where an alpha channel is below its maximum, or None without one.
    """

    level: NDArray[np.uint16]
    brightest: int
    opaque: NDArray[np.bool_] | None


def read_map_image(path: Path) -> MapImage:
    """Read a PGM or PNG picture.

    Raises:
        LayoutError: if the file is missing, larger than FILE_LIMIT_BYTES, larger than SIDE_LIMIT_PX on a side, of
            another kind, of more than 8 bits a channel, truncated or damaged.
    """
    content = read_bytes(path, limit_bytes=FILE_LIMIT_BYTES, error=LayoutError)
    if content.startswith((b"P2", b"P5")):
        return _read_pgm(path, content)
    if content.startswith(_PNG_SIGNATURE):
        return _read_png(path, content)
    start = "an empty file" if not content else f"starts with {content[:8]!r}"
    raise LayoutError(f"{path}: {start}, neither a PGM (P2, P5) nor a PNG image")


def _check_size(path: Path, width: int, height: int) -> None:
    if not (0 < width <= SIDE_LIMIT_PX and 0 < height <= SIDE_LIMIT_PX):
        raise LayoutError(f"{path}: image of {width} x {height} px, 1 to {SIDE_LIMIT_PX} px a side are allowed")


def _read_pgm(path: Path, content: bytes) -> MapImage:
    header = _PGM_HEADER.match(content)
    if header is None:
        raise LayoutError(f"{path}: damaged PGM header (P2 or P5, width, height and maximum are needed)")
    kind, width, height, brightest = (int(group) for group in header.groups())
    _check_size(path, width, height)
    if not 0 < brightest <= 255:
        raise LayoutError(f"{path}: the PGM's maximum is {brightest}, 1 to 255 (8 bits) are allowed")
    body = content[header.end() :]
    values = np.frombuffer(body[1:], dtype=np.uint8) if kind == 5 else _ascii_values(path, body)
    if len(values) < width * height:
        raise LayoutError(f"{path}: truncated, {len(values)} of {width * height} pixels are there")
    values = values[: width * height]
    if values.max() > brightest:
        raise LayoutError(f"{path}: holds the value {values.max():.0f}, its header allows at most {brightest}")
    return MapImage(values.reshape(height, width).astype(np.uint16), brightest, None)


def _ascii_values(path: Path, body: bytes) -> NDArray[Any]:
    body = re.sub(rb"#[^\n]*", b"", body)
    junk = re.search(rb"[^\d\s]", body)
    if junk is not None:
        raise LayoutError(f"{path}: the ASCII PGM holds {junk.group()!r} among its pixels, digits are allowed")
    return np.fromstring(body.strip(), dtype=np.float64, sep=" ") if body.strip() else np.zeros(0)


def _read_png(path: Path, content: bytes) -> MapImage:
    if len(content) < 33 or content[12:16] != b"IHDR":
        raise LayoutError(f"{path}: damaged PNG header")
    width, height, depth = struct.unpack(">IIB", content[16:25])
    _check_size(path, width, height)
    if depth > 8:
        raise LayoutError(f"{path}: PNG of {depth} bits a channel, at most 8 are allowed")
    pixels = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise LayoutError(f"{path}: truncated or damaged PNG")
    channels = np.atleast_3d(pixels)
    opaque = channels[:, :, 3] == 255 if channels.shape[2] == 4 else None
    colors = channels[:, :, :3]
    return MapImage(colors.sum(axis=2, dtype=np.uint16), 255 * colors.shape[2], opaque)
