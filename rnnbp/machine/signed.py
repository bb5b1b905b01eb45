"""Files of machine code with a digest that is keyed by a secret of the user's own."""

# Why a key apart from permissions: they say who may write now, not who could when the file came, as
# into a folder that was open then, or on a disk that another machine writes with other user ids.

from __future__ import annotations

import hashlib
import hmac
import os
from contextlib import suppress
from pathlib import Path

from rnnbp.machine import private
from rnnbp.machine.cache_folder import home
from rnnbp.machine.private import Folder, UntrustedError

MAGIC = b"rnnbp-k1"
"""The first bytes of a file, with the version of its layout."""
HEAD = len(MAGIC) + 2 * hashlib.sha256().digest_size
"""Bytes before the code: MAGIC, the digest, the keyed digest."""
# Both digests in each file, since who writes does not know who will read: root's files are read by
# users that do not have root's secret.
SECRET_BYTES = 32
"""As long as the digest: a longer key is hashed down to it."""

_secrets: dict[tuple[Path, int], bytes] = {}
"""By folder and user."""
# By user too: a process may change its user id, and must not sign for another.


def signed(key: str, code: bytes, secret: bytes) -> bytes:
    """A file of the code of a key."""
    return MAGIC + _digest(key, code) + _digest(key, code, secret) + code


def _digest(key: str, code: bytes, secret: bytes | None = None) -> bytes:
    """The digest of a key and its code; keyed if there is a secret."""
    # Of both, so that a file renamed to the name of another key is not taken for its code.
    content = key.encode() + b"\0" + code
    return (
        hashlib.sha256(content).digest()
        if secret is None
        else hmac.digest(secret, content, "sha256")
    )


def is_right(key: str, found: bytes, there: Folder) -> bool:
    """True if a file is whole, and written by this user, or by root in root's folder."""
    secret = secret_of(there) if there.ours else None
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


def secret_of(there: Folder) -> bytes | None:
    """This user's secret, made when first needed: in the user's cache folder or in ``there``."""
    user = private.user()
    for place in (home(), there.path):
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
