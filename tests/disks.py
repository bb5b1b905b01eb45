"""Disks that fail: what the calls of ``os`` do there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import NoReturn

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
