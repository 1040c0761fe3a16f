"""Files that are there as a whole or not at all."""

import contextlib
import os
from pathlib import Path


def replace_whole(path: Path, content: bytes) -> None:
    """Write a file that appears only when it is whole, in place of one that may be there."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        write_whole(unfinished, content)
        unfinished.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Write a file and have the disk keep it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Have the disk keep the names in a folder."""
    if os.name == "nt":  # which opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
