"""Reading files that a user names: every way in which one can be unreadable is an error that says which."""

from pathlib import Path


def read_bytes(path: Path, *, limit_bytes: int, error: type[Exception] = ValueError) -> bytes:
    """The content of a regular file; symbolic links are followed, devices and pipes refused.

    Args:
        path: the file.
        limit_bytes: size up to which it is read.
        error: the exception to raise.
    """
    try:
        if not path.exists():
            raise error(f"{path}: no such file")
        if not path.is_file():
            raise error(f"{path}: is a {'folder' if path.is_dir() else 'device or pipe'}, a regular file is needed")
        size = path.stat().st_size
        if size > limit_bytes:
            raise error(f"{path}: {size} bytes, at most {limit_bytes} are allowed")
        with path.open("rb") as file:
            return file.read(limit_bytes)
    except (OSError, ValueError) as problem:  # ValueError: a NUL character in the path
        if isinstance(problem, error):
            raise
        raise error(f"{str(path)!r}: cannot be read ({problem})") from problem


def read_text(path: Path, *, limit_bytes: int, error: type[Exception] = ValueError) -> str:
    """The content of a UTF-8 text file with its line ends turned into newlines; see `read_bytes`."""
    content = read_bytes(path, limit_bytes=limit_bytes, error=error)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(f"{path}: not a UTF-8 text file (byte {problem.start} is 0x{content[problem.start]:02x})") from None
    if "\0" in text:
        raise error(f"{path}: not a text file (character {text.index(chr(0))} is NUL)")
    return text.replace("\r\n", "\n").replace("\r", "\n")
