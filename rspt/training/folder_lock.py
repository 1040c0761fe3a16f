"""Who may write into a folder."""

import contextlib
import os
import socket
from pathlib import Path

from rspt.errors import UsageError

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]


class FolderLock:
    """The right of one process to write into a folder; it ends with the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._by_file = fcntl is None
        self._descriptor = self._create() if self._by_file else self._lock()
        try:
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode())
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Let others have it."""
        os.close(self._descriptor)
        if self._by_file:  # otherwise it stays: who waits for it would lock a file that is no longer there
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _lock(self) -> int:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise self._taken("") from None
        except OSError:  # some network disks have no locks
            os.close(descriptor)
            raise
        return descriptor

    def _create(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        try:
            return os.open(self._path, flags, 0o666)
        except FileExistsError:
            pid, host = self._owner()
            if host != socket.gethostname() or _alive(pid):
                raise self._taken(f"; if that process is gone, remove {self._path}") from None
            self._path.unlink(missing_ok=True)
        try:
            return os.open(self._path, flags, 0o666)
        except FileExistsError:  # another one was faster
            raise self._taken("") from None

    def _owner(self) -> tuple[int, str]:
        """Process and host that have it; 0 and nothing if they have not written their names yet."""
        try:
            pid, host = self._path.read_text().split()
            return int(pid), host
        except (OSError, ValueError):
            return 0, ""

    def _taken(self, advice: str) -> UsageError:
        pid, host = self._owner()
        who = f"the process {pid} on {host}" if pid else "another process"
        return UsageError(f"{self._path.parent}: {who} is at work in this folder; stop it or choose another{advice}")


def _alive(pid: int) -> bool:
    """Whether there is such a process; True where one cannot ask."""
    if os.name != "posix":  # elsewhere the question would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
