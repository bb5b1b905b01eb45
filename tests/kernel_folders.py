"""Folders of kernels, and what is said of them."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

import pytest

from rnnbp.machine import cache

KEY, CODE = "0123", b"machine code" * 9

NOBODY = 65534

as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="plays several users"
)


def kept(kernels: Path) -> Path:
    """Keep the code; its file."""
    cache.write(KEY, CODE)
    assert cache.read(KEY) == CODE
    (found,) = kernels.iterdir()
    return found


def refused(why: str) -> None:
    """It is not read, with one warning."""

    def thrice() -> None:
        assert cache.read(KEY) is None
        assert cache.read(KEY) is None
        cache.write(KEY, CODE)

    with pytest.warns(
        RuntimeWarning, match=f"kernels in .* are {why}.*; they are compiled anew"
    ) as found:
        thrice()
    assert len(found) == 1


def forged(secret: bytes) -> bytes:
    """A file as somebody makes it who knows the format."""
    content = KEY.encode() + b"\0" + CODE
    plain, keyed = hashlib.sha256(content).digest(), hmac.digest(secret, content, "sha256")
    return b"rnnbp-k1" + plain + keyed + CODE
