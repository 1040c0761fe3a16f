"""Ctrl-C and termination as requests: the program finishes what it is at, keeps it, and stops."""

import signal
from types import FrameType, TracebackType
from typing import Any


class StopRequest:
    """While the `with` block runs, the first SIGINT or SIGTERM is only remembered; a second one ends the program.

    The handlers are set explicitly: a shell starts background jobs with SIGINT ignored.
    """

    def __init__(self) -> None:
        self.exit_code = 0
        self._previous: dict[int, Any] = {}

    def __bool__(self) -> bool:
        return self.exit_code != 0

    def __enter__(self) -> "StopRequest":
        self._previous = {number: signal.signal(number, self._remember) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.exit_code = 128 + number
        signal.signal(number, signal.SIG_DFL)
