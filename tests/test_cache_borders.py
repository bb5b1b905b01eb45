"""The folder of kernels: modes, owners, digests, the secret."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from rnnbp.machine import cache, signed
from tests.kernel_folders import CODE, KEY, NOBODY, as_root, forged, kept, refused

pytestmark = pytest.mark.usefixtures("kernels")

posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes and owners of files")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o777])
def test_a_folder_is_made_for_its_user_alone(
    umask: int, monkeypatch: pytest.MonkeyPatch, kernels: Path
) -> None:
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", str(kernels / "deep" / "er"))
    os.umask(umask)
    cache.write(KEY, CODE)
    assert cache.read(KEY) == CODE
    assert {mode(folder) for folder in (kernels, kernels / "deep", kernels / "deep" / "er")} == {
        0o700
    }
    assert {mode(path) for path in (kernels / "deep" / "er").iterdir()} <= {0o600, 0o400, 0}


@posix
@pytest.mark.parametrize(
    ("folder", "umask", "expected"),
    [
        (0o755, 0o022, 0o644),
        (0o750, 0o022, 0o640),
        (0o700, 0, 0o600),
        (0o755, 0o077, 0o600),
        (0o755, 0, 0o644),
    ],
)
def test_files_may_be_read_by_those_who_may_read_the_folder(
    folder: int, umask: int, expected: int, kernels: Path
) -> None:
    kernels.mkdir()
    kernels.chmod(folder)
    os.umask(umask)
    assert mode(kept(kernels)) == expected


@posix
@pytest.mark.parametrize("open_to", [0o777, 0o1777, 0o775, 0o702])
def test_a_folder_that_others_may_write_is_left_alone(open_to: int, kernels: Path) -> None:
    file = kept(kernels)
    before = file.read_bytes()
    kernels.chmod(open_to)
    refused("not to be trusted: other users may write it")
    assert [path.read_bytes() for path in kernels.iterdir()] == [before]


@posix
def test_a_folder_below_one_that_others_may_write(tmp_path: Path, kernels: Path) -> None:
    kept(kernels)
    tmp_path.chmod(0o777)
    refused(f"not to be trusted: other users may write {tmp_path} above it")
    tmp_path.chmod(0o1777)  # as /tmp: only owners rename
    assert cache.read(KEY) == CODE


@as_root
def test_what_belongs_to_another_user_is_not_read(kernels: Path) -> None:
    os.chown(kept(kernels), NOBODY, 0)
    refused(f"not to be trusted: {KEY}.kernel belongs to user {NOBODY}")
    assert cache.read(KEY) == CODE  # it was written anew


@as_root
def test_a_folder_of_another_user_is_not_read_and_not_written(kernels: Path) -> None:
    file = kept(kernels)
    file.unlink()
    os.chown(kernels, NOBODY, 0)
    refused(f"not to be trusted: it belongs to user {NOBODY}")
    assert list(kernels.iterdir()) == []


@posix
@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "hard link", "writable", "large"])
def test_what_is_no_file_of_this_user_alone_is_not_read(
    kind: str, kernels: Path, tmp_path: Path
) -> None:
    file, away = kept(kernels), tmp_path / "away"
    kinds: dict[str, tuple[Any, str]] = {
        "fifo": (lambda: (file.unlink(), os.mkfifo(file)), "is no regular file"),
        "folder": (lambda: (file.unlink(), file.mkdir()), "is no regular file"),
        "link": (lambda: (file.rename(away), file.symlink_to(away)), "is no regular file"),
        "hard link": (lambda: os.link(file, away), "has 2 names"),
        "writable": (lambda: file.chmod(0o622), r"is open to other users \(mode 622\)"),
        "large": (lambda: os.truncate(file, 2**40), "has 1099511627776 bytes, more than"),
    }
    make, why = kinds[kind]
    make()
    refused(f"not to be trusted: {KEY}.kernel {why}")


@pytest.mark.parametrize("secret", [b"", bytes(32), b"secret"])
def test_a_digest_without_the_secret_is_not_right(secret: bytes, kernels: Path) -> None:
    kept(kernels).write_bytes(forged(secret))
    refused("damaged")
    assert cache.read(KEY) == CODE


@pytest.mark.parametrize("size", [0, 1, len(signed.MAGIC), signed.HEAD - 1, signed.HEAD])
def test_a_short_file_is_damaged(size: int, kernels: Path) -> None:
    file = kept(kernels)
    file.write_bytes(file.read_bytes()[:size])
    refused("damaged")


@posix
@pytest.mark.parametrize("damage", ["short", "readable"])
def test_the_secret_is_the_users_alone(damage: str, kernels: Path, tmp_path: Path) -> None:
    os.umask(0)
    kept(kernels)
    secret = tmp_path / "home" / "rnnbp" / "secret"
    first = secret.read_bytes()
    assert (len(first), mode(secret), mode(secret.parent)) == (32, 0o600, 0o700)
    {"short": lambda: secret.write_bytes(first[:5]), "readable": lambda: secret.chmod(0o644)}[
        damage
    ]()
    signed._secrets.clear()  # as another process begins
    refused("damaged")
    assert (len(secret.read_bytes()), mode(secret)) == (32, 0o600)
    assert secret.read_bytes() != first
    assert cache.read(KEY) == CODE
    assert [path.name for path in secret.parent.iterdir()] == ["secret"]


@posix
def test_without_a_home_the_secret_is_in_the_folder(kernels: Path, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    cache.write(KEY, CODE)
    assert cache.read(KEY) == CODE
    assert {path.name: mode(path) for path in kernels.iterdir()} == {
        f"{KEY}.kernel": 0o600,
        "secret": 0o600,
    }
