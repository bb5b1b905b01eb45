"""Disks that fail: what the calls of ``os`` do there."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

FULL = OSError(errno.ENOSPC, "No space left on device")


def fails(error: BaseException) -> Callable[..., NoReturn]:
    """A function that always raises this error."""

    def call(*_args: object, **_kwargs: object) -> NoReturn:
        raise error

    return call


def filling(room: Callable[[memoryview], int]) -> Callable[[int, memoryview], int]:
    """``os.write`` on a disk on which ``room(data)`` bytes of the data still fit."""
    really = os.write

    def write(number: int, data: memoryview) -> int:
        most = room(data)
        if most == 0:
            raise FULL
        return really(number, data[:most])

    return write


def folders_fail_to_sync(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Make syncing a folder end in the error of this number."""
    really = os.fsync

    def fsync(file: int) -> None:
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(number, os.strerror(number))
        really(file)

    monkeypatch.setattr(os, "fsync", fsync)


def folders_fail_to_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make opening a folder an error of permissions."""
    really = os.open

    def no_folders(path: str, *more: Any, **named: Any) -> int:
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied")
        return really(path, *more, **named)

    monkeypatch.setattr(os, "open", no_folders)
