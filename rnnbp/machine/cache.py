"""Machine code on disk, so that a process need not compile what another has compiled.

What is read here is run, so it is trusted only if nobody else could have written it: the folder and
the file belong to this user, others may not write them, and the file has a digest that is keyed by
a secret of the user's own. A folder of root's that nobody else may write is trusted for reading,
without a key: fill it as root to share kernels between users (RNNBP_KERNEL_CACHE=/opt/kernels, mode
755, under a umask that lets others read). Everything else is compiled again, with one warning.

The folder holds at most ``MOST_BYTES`` and ``MOST_FILES``; the least recently used go first.
"""

# Why a key apart from permissions: they say who may write now, not who could when the file came, as
# into a folder that was open then, or on a disk that another machine writes with other user ids.

from __future__ import annotations

import hashlib
import hmac
import os
import sys
import time
import warnings
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from rnnbp.machine import private
from rnnbp.machine.private import Folder, UntrustedError
from rnnbp.machine.settings import START

VARIABLE = "RNNBP_KERNEL_CACHE"
"""A folder, or "off"; "~" is the user's home, and a relative path starts where the process started.
"""
OFF = frozenset({"off", "0", "no", "none", "false", "disabled"})
"""Values, in any case, for no cache on disk."""
MAGIC = b"rnnbp-k1"
"""The first bytes of a file, with the version of its layout."""
HEAD = len(MAGIC) + 2 * hashlib.sha256().digest_size
"""Bytes before the code: MAGIC, the digest, the keyed digest."""
# Both digests in each file, since who writes does not know who will read: root's files are read by
# users that do not have root's secret.
MOST_CODE = 2**26
"""Bytes of a file's code: many times those of the largest cell; a larger file is not read."""
MOST_BYTES, MOST_FILES = 2**28, 4096
"""What the folder holds at most."""
# A kernel takes 5 to 50 kB, products 100 kB, so some thousands of kernels fit. What is dropped is
# only compiled again.

SECRET_BYTES = 32
"""As long as the digest: a longer key is hashed down to it."""
STALE = 3600.0
"""Seconds after which a temporary file is one that a crash has left."""
TRIMS = 32
"""Files written by a process between two looks at what the folder holds; the first one looks."""
# A look lists the folder and stats each file, milliseconds where there are thousands; so the limits
# may be passed by 32 files for each process that writes at the time.

_written = 0
"""Files that this process has written."""
_secrets: dict[tuple[Path, int], bytes] = {}
"""By folder and user."""
# By user too: a process may change its user id, and must not sign for another.


def folder() -> Path | None:
    """Where code is kept: RNNBP_KERNEL_CACHE, else the user's folder for caches; None for "off"."""
    given = os.environ.get(VARIABLE, "").strip()
    if given.casefold() in OFF:
        return None
    return _resolved(given) if given else _home()


@lru_cache(16)
def _resolved(given: str) -> Path | None:
    """The absolute path of a folder that is named; None if there is none, as without a home."""
    path = Path(os.path.expanduser(given))
    if path.is_absolute():
        return path
    return None if not START or given.startswith("~") else Path(START) / path


def _home() -> Path | None:
    """The user's own folder for caches; None without a home."""
    # As each system has it: what is there may be deleted at any time, and is left out of backups.
    with suppress(RuntimeError):
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "rnnbp"
        if sys.platform == "win32":
            return (
                Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
                / "rnnbp"
                / "cache"
            )
        named = Path(
            os.environ.get("XDG_CACHE_HOME", "")
        )  # a relative one is to be ignored, as the standard says
        found = (named if named.is_absolute() else Path.home() / ".cache") / "rnnbp"
        return found if found.is_absolute() else None
    return None


def read(key: str) -> bytes | None:
    """The code of a key; None if there is none, or none to be trusted, with one warning."""
    if (place := folder()) is None:
        return None
    try:
        with private.opened(place) as there:
            found = there.read(_name(key), HEAD + MOST_CODE)
            if found is None:
                return None
            if _is_right(key, found, there):
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
            secret = _secret(there) if there.ours else None
            if secret is None:
                return
            mode = 0o600 | (there.mode & 0o044)
            there.write(
                _name(key),
                MAGIC + _digest(key, code) + _digest(key, code, secret) + code,
                mode=mode,
            )
            _written += 1
            if _written % TRIMS == 1 % TRIMS:
                _trim(there)
    except UntrustedError as error:
        _warn(str(place), f"not to be trusted: {error}")
    except OSError:
        return


def _name(key: str) -> str:
    return f"{key}.kernel"


def _digest(key: str, code: bytes, secret: bytes | None = None) -> bytes:
    """The digest of a key and its code; keyed if there is a secret."""
    # Of both, so that a file renamed to the name of another key is not taken for its code.
    content = key.encode() + b"\0" + code
    return (
        hashlib.sha256(content).digest()
        if secret is None
        else hmac.digest(secret, content, "sha256")
    )


def _is_right(key: str, found: bytes, there: Folder) -> bool:
    """True if a file is whole, and written by this user, or by root in root's folder."""
    secret = _secret(there) if there.ours else None
    if there.ours and secret is None:
        return False
    code, plain = found[HEAD:], found[len(MAGIC) : HEAD]
    size = hashlib.sha256().digest_size
    # compare_digest takes as long for any wrong digest, so a guess cannot be improved byte by byte.
    expected, given = (
        (_digest(key, code, secret), plain[size:])
        if there.ours
        else (_digest(key, code), plain[:size])
    )
    return found.startswith(MAGIC) and hmac.compare_digest(expected, given)


def _secret(there: Folder) -> bytes | None:
    """This user's secret, made when first needed: in the user's cache folder or in ``there``."""
    user = private.user()
    for place in (_home(), there.path):
        if place is None:
            continue
        if (place, user) not in _secrets and (found := _kept_secret(place)) is not None:
            _secrets[place, user] = found
        if (place, user) in _secrets:
            return _secrets[place, user]
    return None


def _kept_secret(place: Path) -> bytes | None:
    """The secret of a folder; None if none can be kept there."""
    # Twice: if two processes make it at the same time, one is refused (replace=False), and reads
    # the other's the second time. A damaged one is removed first.
    for _ in range(2):
        with suppress(OSError, UntrustedError), private.opened(place, make=True) as there:
            if not there.ours:
                return None
            with suppress(UntrustedError):
                found = there.read("secret", SECRET_BYTES, secret=True)
                if found is not None and len(found) == SECRET_BYTES:
                    return found
            with suppress(FileNotFoundError):
                there.remove("secret")
            there.write("secret", os.urandom(SECRET_BYTES), mode=0o600, replace=False)
    return None


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
