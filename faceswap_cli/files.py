"""Files that are either whole or not there: written beside their place, flushed to disk, renamed.

And folders in which only one process works at a time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from faceswap_cli.errors import UserError


@contextlib.contextmanager
def atomic_output(path: Path, temporary: Path | None = None) -> Iterator[Path]:
    """Give a temporary path (by default beside `path`); move it into place when the block ends well.

    The temporary name keeps the suffix, so that writers that go by it work. When the block fails, the
    temporary file is removed and whatever stood at `path` before is untouched.

    Raises:
        UserError: the folder is missing or can't be written, or the disk is full.
    """
    path = Path(path)
    temporary = temporary or path.with_name(hidden_name(path.stem, f".{os.getpid()}.part{path.suffix}"))
    try:
        with said_plainly(path):
            check_writable(path)
            yield temporary
            sync_file(temporary)
            temporary.replace(path)
            sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):  # a read-only disk refuses even to remove what is not there
            temporary.unlink(missing_ok=True)


LONGEST_NAME = 230
"""Bytes of a hidden name. File systems take 255; some are left for what is put beside it for a moment."""


def hidden_name(name: str, ending: str) -> str:
    """ ".NAME" and an ending; of a name that is too long for that its beginning and a checksum."""
    room = LONGEST_NAME - 1 - len(os.fsencode(ending))
    whole = os.fsencode(name)
    if len(whole) > room:
        name = f"{whole[: room - 9].decode(errors='ignore')}~{zlib.crc32(whole):08x}"
    return f".{name}{ending}"


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file atomically."""
    with atomic_output(path) as temporary:
        temporary.write_bytes(data)


ESCAPED = "backslashreplace"
"""How text is written that an encoding lacks: names may have bytes that are no UTF-8, which Python keeps as
lone surrogates. In JSON and JavaScript they come back from this as they were."""


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 text file atomically."""
    write_bytes(path, text.encode(errors=ESCAPED))


def sync_file(path: Path) -> None:
    """Flush a file's bytes to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_writable(path: Path) -> None:
    """Raise a UserError now if `path` could not be written later. Makes no folder and no file."""
    if path.is_dir():
        raise UserError(f"{path} is a folder, not a file", "Give the output a file name")
    if path.exists() and not path.is_file():  # a pipe or a device would be gone
        raise UserError(f"{path} is no regular file", "Choose another output")
    if not path.parent.is_dir():
        raise UserError(f"the folder {path.parent} does not exist", "Make it first, or choose another output")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UserError(f"{path.parent} can't be written", "Choose another output, or mend its permissions")


def make_folder(folder: Path) -> None:
    """Make a folder (and its parents) for output.

    Raises:
        UserError: a file is in the way, or it can't be written.
    """
    with said_plainly(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{folder} can't be written", "Choose another output, or mend its permissions")


def user_folder() -> Path:
    """Where this user's few lasting files belong, by the system's custom. It may not be there yet."""
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Application Support"
    else:
        base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(os.path.expanduser(base)) / "faceswap"  # noqa: PTH111 - where there is no home it raises nothing


LOCK = ".lock"
"""The file by which `locked` keeps others out of a folder. It stays; only who holds it counts."""


def locked(folder: Path) -> AbstractContextManager[None]:
    """Keep other processes that ask for the same out of a folder, until the block or the process ends.

    Where the system has no POSIX locks (Windows, some network file systems) this does nothing.

    Raises:
        UserError: another process is in it, or it can't be written.
    """
    return _locked(Path(folder))


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    path = folder / LOCK
    with said_plainly(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _taken(folder) from error
        except OSError:  # some network file systems have no locks
            pass
        # Who held it a moment ago may have thrown the whole folder away: then this lock is nobody's.
        if not path.exists() or not os.path.samestat(path.stat(), os.fstat(descriptor)):
            raise _taken(folder)
        yield
    finally:
        os.close(descriptor)


def _taken(folder: Path) -> UserError:
    return UserError(
        f"another faceswap is working in {folder}", "Wait for it, end it, or choose another place"
    )


@contextlib.contextmanager
def said_plainly(path: Path) -> Iterator[None]:
    """Turn the operating system's errors about writing `path` into a UserError."""
    try:
        yield
    except OSError as error:
        raise plain_error(error, path) from error


def plain_error(error: OSError, path: Path) -> UserError:
    """The UserError that says what an OSError about `path` means to a user."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(f"the disk is full: {path} was not written", "Free some space, then run this again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(f"{path} can't be written", "Choose another output, or mend its permissions")
    if isinstance(error, FileExistsError | NotADirectoryError):
        return UserError(f"{path} can't be made: a file is in the way", "Choose another output")
    return UserError(f"{path}: {error.strerror or error}", "Check the path, then run this again")
