"""Videos that every browser plays: H.264 in MP4."""

import contextlib
import errno
import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray


class VideoWriter:
    """Writes RGB pictures to an MP4 file, which appears under its name only when it is whole.

    Leaving the `with` block finishes the file, also after an exception such as Ctrl-C: what was played until then is
    kept. Without any picture no file is left.

    Args:
        path: the file to write; its folder is made.
        fps: pictures per second.
        coarseness: H.264's constant rate factor: 20 looks well, 30 is coarse and small.
    """

    def __init__(self, path: str | Path, *, fps: int, coarseness: int = 20) -> None:
        if fps < 1:
            raise ValueError(f"fps must be at least 1, not {fps}")
        if not 0 <= coarseness <= 51:
            raise ValueError(f"coarseness must be from 0 to 51, not {coarseness}")
        self._coarseness = coarseness
        self.path = Path(path)
        self._fps = fps
        self._unfinished = self.path.with_name(f".{self.path.stem}.unfinished-{os.getpid()}.mp4")
        self._container: Any = None
        self._stream: Any = None
        self._size = (0, 0)

    def __enter__(self) -> "VideoWriter":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._finish()
        except (OSError, av.FFmpegError):
            if error is None:  # otherwise the first error says more
                raise
        finally:
            self._unfinished.unlink(missing_ok=True)

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Append a picture (H, W, 3); an odd height or width is padded by its last row or column.

        Raises:
            ValueError: if it is no RGB picture, or has another size than the first one.
        """
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
            raise ValueError(f"a picture must be (H, W, 3) uint8, not {picture.shape} {picture.dtype}")
        height, width = picture.shape[:2]
        if self._container is None:
            self._open(height, width)
        if (height, width) != self._size:
            raise ValueError(f"all pictures must be {self._size} as the first one, not {(height, width)}")
        even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        self._write(av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24"))

    def _open(self, height: int, width: int) -> None:
        # the index at the front (faststart) lets a browser begin before it has the whole file
        self._container = av.open(str(self._unfinished), mode="w", options={"movflags": "faststart"})
        self._stream = self._container.add_stream("libx264", rate=Fraction(self._fps))
        self._stream.height, self._stream.width = height + height % 2, width + width % 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": str(self._coarseness), "preset": "veryfast", "threads": "1"}
        self._size = (height, width)

    def _write(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def _finish(self) -> None:
        if self._container is None:
            return
        container, self._container = self._container, None
        try:
            for packet in self._stream.encode(None):
                container.mux(packet)
        finally:
            with contextlib.suppress(OSError):  # a second failure of the same full disk
                container.close()
        if not self._unfinished.exists():
            raise OSError(errno.EIO, "the video could not be written", str(self.path))
        self._unfinished.replace(self.path)
