"""Writing files that are whole or absent."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from functools import partial
from io import FileIO
from pathlib import Path

from rnnbp.numerics import StorageError
from rnnbp.storage.errors import PathLike, write_error
from rnnbp.support.descriptors import opened_folder

LONGEST = 100
"""Bytes of a name that its temporary file repeats; a longer one is shortened to a digest, because a
name with the dots and digits of a temporary could exceed the 255 bytes (143 on encrypted folders)
that systems allow.
"""
_UNSUPPORTED = {
    getattr(errno, name, None)
    for name in (
        "EINVAL",
        "ENOTSUP",
        "EOPNOTSUPP",
        "ENOSYS",
        "EBADF",
        "EACCES",
        "EPERM",
        "EISDIR",
        "ENOTTY",
    )
}
"""What systems answer that cannot sync a folder: FUSE, CIFS, 9p, overlays. EIO is a disk that
fails.
"""


def write_atomic(path: PathLike, data: bytes) -> None:
    """Write a file atomically: afterwards it is complete or, whatever happens, as it was before.

    As ``replacing``. Raises StorageError.
    """
    with replacing(path, len(data)) as number:
        write_all(number, data)


@contextlib.contextmanager
def replacing(path: PathLike, size: int | None = None) -> Iterator[int]:
    """The descriptor of a new file, which replaces ``path`` when the block ends.

    It is a temporary file in the same folder, fsynced and renamed; then the folder is fsynced. A
    symbolic link is followed; a file that was there keeps its mode; another hard link to it keeps
    the old contents. The temporary file is removed on any failure, KeyboardInterrupt included;
    ``remove_leftovers`` finds those of a process that was killed. Raises StorageError, which names
    ``size``, the bytes to be written, where space runs out.
    """
    target = _target(path)
    temporary = target.with_name(f"{_prefix(target.name)}{secrets.token_hex(4)}.tmp")
    name = str(temporary)
    try:
        with _create(temporary, target) as file:
            yield file.fileno()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        try:  # noqa: SIM105  # unlink is called first, so no second interrupt comes before it
            os.unlink(name)
        except OSError:
            pass
        if isinstance(error, OSError):
            raise write_error(path, error, size) from error
        raise
    sync_folder(target.parent)


def write_all(number: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of ``data`` to a file descriptor, in several calls if need be."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(number, rest) :]


def remove_leftovers(path: PathLike) -> None:
    """Remove temporary files of killed writers of ``path``, which nobody may be writing."""
    target = Path(os.path.realpath(path))
    for leftover in target.parent.glob(f"{glob.escape(_prefix(target.name))}????????.tmp"):
        leftover.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut, if its system can. Raises StorageError."""
    if os.name != "posix":
        return
    try:
        with opened_folder(folder, os.O_RDONLY) as number:
            os.fsync(number)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise StorageError(
                f"{folder}: its new file may not outlast a power cut, fsync failed: {error}"
            ) from error


def _target(path: PathLike) -> Path:
    try:
        target = Path(os.path.realpath(path))
        found = os.stat(target)
    except ValueError as error:  # a NUL in the path
        raise StorageError(f"{path} is no path: {error}; give that of a file to write") from None
    except OSError:  # it is not there, or what is wrong shows when it is written
        return target
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "a device or pipe"
        raise StorageError(f"{path} is {what}; give the path of a file to write")
    return target


def _prefix(name: str) -> str:
    """The first part of the names of temporary files."""
    raw = os.fsencode(name)
    return f".{name if len(raw) <= LONGEST else hashlib.sha256(raw).hexdigest()[:32]}."


def _create(temporary: Path, target: Path) -> FileIO:
    """A new file with the mode and, if permitted, the owner of the file that it will replace.

    It is an object from the start, opened without code in Python: after an interrupt it closes when
    it is dropped.
    """
    try:
        old = os.stat(target)
    except OSError:
        return FileIO(temporary, "x", opener=partial(os.open, mode=0o666))
    file = FileIO(temporary, "x", opener=partial(os.open, mode=0o600))
    if os.name == "posix":
        _copy_mode(file.fileno(), old)
    return file


def _copy_mode(number: int, old: os.stat_result) -> None:
    mode, new = stat.S_IMODE(old.st_mode) & 0o777, os.fstat(number)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.fchown(number, old.st_uid, old.st_gid)
        except OSError:  # our own group need not be one that could read the old file
            mode &= 0o707
    with contextlib.suppress(OSError):  # a mount without modes
        os.fchmod(number, mode)
