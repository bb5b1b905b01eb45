"""Machine code on disk, so that a process need not compile what another has compiled.

What is read here is run, so it is trusted only if nobody else could have written it: the folder and
the file belong to this user, others may not write them, and the file has a digest that is keyed by
a secret of the user's own. A folder of root's that nobody else may write is trusted for reading,
without a key: fill it as root to share kernels between users (RNNBP_KERNEL_CACHE=/opt/kernels, mode
755, under a umask that lets others read). Everything else is compiled again, with one warning.

The folder holds at most ``MOST_BYTES`` and ``MOST_FILES``; the least recently used go first.
"""

from __future__ import annotations

import time
import warnings
from contextlib import suppress

from rnnbp.machine import private
from rnnbp.machine.cache_folder import folder
from rnnbp.machine.private import Folder, UntrustedError
from rnnbp.machine.signed import HEAD, is_right, secret_of, signed

MOST_CODE = 2**26
"""Bytes of a file's code: many times those of the largest cell; a larger file is not read."""
MOST_BYTES, MOST_FILES = 2**28, 4096
"""What the folder holds at most."""
# A kernel takes 5 to 50 kB, products 100 kB, so some thousands of kernels fit. What is dropped is
# only compiled again.

STALE = 3600.0
"""Seconds after which a temporary file is one that a crash has left."""
TRIMS = 32
"""Files written by a process between two looks at what the folder holds; the first one looks."""
# A look lists the folder and stats each file, milliseconds where there are thousands; so the limits
# may be passed by 32 files for each process that writes at the time.

_written = 0
"""Files that this process has written."""


def read(key: str) -> bytes | None:
    """The code of a key; None if there is none, or none to be trusted, with one warning."""
    if (place := folder()) is None:
        return None
    try:
        with private.opened(place) as there:
            found = there.read(_name(key), HEAD + MOST_CODE)
            if found is None:
                return None
            if is_right(key, found, there):
                return found[HEAD:]
    except UntrustedError as error:
        _warn(str(place), f"not to be trusted: {error}")
        return None
    except OSError:
        return None
    _warn(str(place), "damaged")
    return None


def write(key: str, code: bytes) -> None:
    """Keep code, whole or not at all; nothing where nothing can be written, or others may write."""
    global _written
    if (place := folder()) is None or len(code) > MOST_CODE:
        return
    try:
        with private.opened(place, make=True) as there:
            secret = secret_of(there) if there.ours else None
            if secret is None:
                return
            mode = 0o600 | (there.mode & 0o044)
            there.write(_name(key), signed(key, code, secret), mode=mode)
            _written += 1
            if _written % TRIMS == 1 % TRIMS:
                _trim(there)
    except UntrustedError as error:
        _warn(str(place), f"not to be trusted: {error}")
    except OSError:
        return


def _name(key: str) -> str:
    return f"{key}.kernel"


def _trim(there: Folder) -> None:
    """Remove what crashes have left, and the files unused for longest, until the others fit."""
    now, code = time.time(), []
    for name, about in there.files():
        if name.endswith(private.TEMPORARY) and now - about.st_mtime > STALE:
            with suppress(OSError):
                there.remove(name)
        elif name.endswith((".kernel", ".o")):
            code.append((about.st_mtime, about.st_size, name))
    held, many = sum(size for _, size, _ in code), len(code)
    for _, size, name in sorted(code):
        if held <= MOST_BYTES and many <= MOST_FILES:
            return
        with suppress(OSError):  # another process may have removed it
            there.remove(name)
        held, many = held - size, many - 1


_warned: set[str] = set()


def _warn(place: str, why: str) -> None:
    """Warn once for each folder."""
    if place not in _warned:
        _warned.add(place)
        warnings.warn(
            f"kernels in {place} are {why}; they are compiled anew", RuntimeWarning, stacklevel=2
        )
