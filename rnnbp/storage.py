"""Files that are whole or absent, and tensors on disk with a checksum.

A file of tensors is in the safetensors format, so any reader of that format reads it. The header is written here:
it begins with the sha256 of every other byte of the file, and arrays are laid out in C order, neither of which
``safetensors.numpy.save`` does.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import safetensors.numpy

from rnnbp.numerics import Array, DtypeError

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
PathLike: TypeAlias = str | os.PathLike[str]

_DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "int64": "I64",
    "uint64": "U64",
    "int32": "I32",
    "uint32": "U32",
    "int16": "I16",
    "uint16": "U16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
_OPENING = b'{"__metadata__":{"format":"rnnbp 1","sha256":"'
_BLANK = b"0" * 64
_DIGEST = slice(8 + len(_OPENING), 8 + len(_OPENING) + len(_BLANK))


class StorageError(ValueError):
    """A file that cannot be written, or that is not what was written."""


def write_atomic(path: PathLike, data: bytes) -> None:
    """Write a file that is there in full or, whatever happens meanwhile, as it was before.

    A temporary file beside it is written, fsynced and renamed over it, then the folder is fsynced. A
    symbolic link is followed. The temporary file is removed on any failure, KeyboardInterrupt included;
    ``remove_leftovers`` finds those of a process that was killed. Raises StorageError.
    """
    target = Path(os.path.realpath(path))
    if os.path.exists(target) and not os.path.isfile(target):  # these, unlike Path's, do not raise
        what = "a folder" if os.path.isdir(target) else "a device or pipe"
        raise StorageError(f"{path} is {what}; give the path of a file to write")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write_synced(temporary, data)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise write_error(path, error, len(data)) from error
        raise
    sync_folder(target.parent)


def write_all(number: int, data: bytes) -> None:
    """Write all of ``data`` to a file number, in several goes where the system takes less at once."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(number, rest) :]


def remove_leftovers(path: PathLike) -> None:
    """Remove the temporary files that killed writers of ``path`` have left; no other may be writing it now."""
    target = Path(os.path.realpath(path))
    for leftover in target.parent.glob(f".{target.name}.????????.tmp"):
        leftover.unlink(missing_ok=True)


def write_error(path: PathLike, error: OSError, size: int | None = None) -> StorageError:
    """The error for a write that failed, with its cure."""
    amount = "it" if size is None else f"{size} bytes"
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            reason = f"no space is left for {amount}; free some, or choose another disk"
        case errno.ENOENT | errno.ENOTDIR:
            reason = f"there is no folder {Path(path).parent}; make it first"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            reason = "there is no permission to write there; choose another folder, or change its mode"
        case _:
            reason = f"the system says: {error.strerror or error}"
    return StorageError(f"{path} is not written, what was there is unchanged: {reason}")


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last through a power cut. Raises StorageError."""
    if os.name != "posix":
        return
    try:
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
    except OSError as error:
        raise StorageError(f"{folder}: its new file may not outlast a power cut, fsync failed: {error}") from error


def save_tensors(path: PathLike, arrays: Mapping[str, Array], metadata: Mapping[str, JSON]) -> None:
    """Write arrays of any layout by name, and JSON, as one file, atomically.

    The same arguments give the same bytes. Raises StorageError, DtypeError for a dtype that the format
    lacks, TypeError for metadata that JSON cannot hold (NaN included).
    """
    write_atomic(path, _packed(arrays, json_text("metadata", dict(metadata))))


def load_tensors(path: PathLike) -> tuple[dict[str, Array], dict[str, JSON]]:
    """(arrays, metadata) of a file that ``save_tensors`` wrote; the arrays are new and writable.

    Raises StorageError where it is missing, cut short, damaged in any bit, or another kind of file.
    """
    data = _read(path)
    head = data[: _DIGEST.start]
    if not data:
        raise StorageError(f"{path} is empty; restore it from a copy")
    if head[8:] != _OPENING:
        if len(head) < _DIGEST.start and _OPENING.startswith(head[8:]):
            raise StorageError(f"{path} is cut short, it has only {len(data)} bytes; take another copy of it")
        raise StorageError(f"{path} is not a file of rnnbp tensors; give one that save_weights or a Trainer wrote")
    if _digest(data) != data[_DIGEST]:
        raise StorageError(f"{path} is {_damage(data)}; restore it from a copy")
    length = int.from_bytes(head[:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + length])
    return safetensors.numpy.load(data), json.loads(header["__metadata__"]["metadata"])


def json_text(what: str, value: object) -> str:
    """``value`` as JSON. Raises TypeError for what JSON cannot hold."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"{what} must be JSON: None, bool, finite numbers, str, list, dict; {error}") from None


def _write_synced(path: Path, data: bytes) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        write_all(number, data)
        os.fsync(number)
    finally:
        os.close(number)


def _packed(arrays: Mapping[str, Array], metadata: str) -> bytes:
    """The file: 8 bytes of header length, the header, padded to 8 bytes, and the arrays, widest dtypes first."""
    for name, array in arrays.items():
        if array.dtype.name not in _DTYPES:
            raise DtypeError(f"tensor {name!r} has dtype {array.dtype}, which safetensors lacks; save it as a float")
        if name == "__metadata__":
            raise ValueError("no tensor can be called '__metadata__', safetensors keeps it; rename it")
    header: dict[str, Any] = {"__metadata__": {"format": "rnnbp 1", "sha256": _BLANK.decode(), "metadata": metadata}}
    pieces, end = [], 0
    for name in sorted(arrays, key=lambda name: (-arrays[name].itemsize, name)):
        array = arrays[name]
        pieces.append(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes("C"))
        begin, end = end, end + len(pieces[-1])
        header[name] = {"dtype": _DTYPES[array.dtype.name], "shape": array.shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = bytearray(b"".join((len(text).to_bytes(8, "little"), text, *pieces)))
    data[_DIGEST] = _digest(data)
    return bytes(data)


def _digest(data: bytes | bytearray) -> bytes:
    """sha256, in hex, of a file with zeros for its own digest."""
    whole = memoryview(data)
    found = hashlib.sha256(whole[: _DIGEST.start])
    found.update(_BLANK)
    found.update(whole[_DIGEST.stop :])
    return found.hexdigest().encode()


def _read(path: PathLike) -> bytes:
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise StorageError(f"{path} is not a regular file; give the path of a file to read")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise StorageError(f"{path} does not exist; check the path") from None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}; check its mode") from error


def _damage(data: bytes) -> str:
    """What is wrong with a file whose digest does not fit."""
    end = 8 + int.from_bytes(data[:8], "little")
    with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError):
        header = json.loads(data[8:end])
        end += max((entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0)
    if len(data) < end:
        return f"cut short or damaged, it has {len(data)} bytes of {end}"
    return "damaged, its contents do not fit their checksum"
