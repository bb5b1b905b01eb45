"""What the folder of kernels trusts: files and folders that nobody but this user could have written."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.machine import cache, private

KEY, CODE = "0123", b"machine code" * 9
NOBODY = 65534
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="plays several users"
)
posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes and owners of files")


@pytest.fixture(autouse=True)
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for kernels, yet to be made, and a home of its own."""
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", str(tmp_path / "kernels"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    before = os.umask(0o022)
    yield tmp_path / "kernels"
    os.umask(before)


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


def forged(secret: bytes) -> bytes:
    """A file as somebody makes it who knows the format."""
    return cache.MAGIC + cache._digest(KEY, CODE) + cache._digest(KEY, CODE, secret) + CODE


@pytest.mark.parametrize("secret", [b"", bytes(32), b"secret"])
def test_a_digest_without_the_secret_is_not_right(secret: bytes, kernels: Path) -> None:
    kept(kernels).write_bytes(forged(secret))
    refused("damaged")
    assert cache.read(KEY) == CODE


@pytest.mark.parametrize("size", [0, 1, len(cache.MAGIC), cache.HEAD - 1, cache.HEAD])
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
    cache._secrets.clear()  # as another process begins
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


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of root's that all may read."""
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    path.chmod(0o755)
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", str(path))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def nobody() -> Iterator[None]:
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


@as_root
def test_roots_folder_serves_other_users(shared: Path, request: pytest.FixtureRequest) -> None:
    file = kept(shared)
    request.getfixturevalue("nobody")
    assert cache.read(KEY) == CODE
    cache.write("4567", CODE)  # quietly nothing
    assert list(shared.iterdir()) == [file]


@as_root
@pytest.mark.parametrize("damage", ["flipped", "another's"])
def test_roots_folder_is_not_trusted_with_what_is_not_roots(
    damage: str, shared: Path, request: pytest.FixtureRequest
) -> None:
    file = kept(shared)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ (damage == "flipped")]))
    os.chown(file, NOBODY if damage == "another's" else 0, 0)
    request.getfixturevalue("nobody")
    refused(
        {
            "flipped": "damaged",
            "another's": f"not to be trusted: {KEY}.kernel belongs to user {NOBODY}",
        }[damage]
    )


@pytest.mark.parametrize("given", ["off", "OFF", "0", "no", "None", "false", " Off "])
def test_spellings_of_off(given: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", given)
    cache.write(KEY, CODE)
    assert cache.read(KEY) is None
    assert list(tmp_path.iterdir()) == []


def test_a_home_and_a_relative_path_are_resolved_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start = Path.cwd()
    cache._resolved.cache_clear()
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", "~/k")
    assert cache.folder() == tmp_path / "home" / "k"
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", "some/k")
    monkeypatch.chdir(tmp_path)
    assert cache.folder() == start / "some" / "k"
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", "~nobody-of-this-name/k")
    assert cache.folder() is None
    cache._resolved.cache_clear()


@pytest.mark.parametrize(("limit", "value"), [("MOST_FILES", 3), ("MOST_BYTES", 700)])
def test_the_least_recently_used_files_go_first(
    limit: str, value: int, kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, limit, value)
    monkeypatch.setattr(cache, "_written", 1)
    for k in range(6):
        cache.write(str(k), CODE)
        os.utime(kernels / f"{k}.kernel", (time.time() - 10**6 + k,) * 2)
    assert cache.read("3") == CODE  # it is used
    cache.write("6", CODE)
    monkeypatch.setattr(cache, "_written", 0)
    cache.write("7", CODE)
    assert {path.stem for path in kernels.iterdir()} == {"3", "6", "7"}


def test_what_a_crash_left_goes_and_what_is_being_written_stays(
    kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(kernels)
    monkeypatch.setattr(cache, "_written", 0)
    (kernels / f"a{private.TEMPORARY}").write_bytes(b"half")
    (kernels / f"b{private.TEMPORARY}").write_bytes(b"half")
    os.utime(kernels / f"a{private.TEMPORARY}", (time.time() - 2 * cache.STALE,) * 2)
    cache.write("4567", CODE)
    assert {path.name for path in kernels.iterdir()} == {
        f"{KEY}.kernel",
        "4567.kernel",
        f"b{private.TEMPORARY}",
    }


def test_a_full_disk_is_no_error_and_leaves_nothing(
    kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(kernels)
    monkeypatch.setattr(
        os,
        "replace",
        lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device")),
    )
    cache.write("4567", CODE)
    assert [path.name for path in kernels.iterdir()] == [f"{KEY}.kernel"]


@as_root
def test_a_planted_kernel_is_not_run(kernels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")
    x, y = np.ones((5, 2, 3), np.float32), np.zeros((5, 2, 4), np.float32)

    def loss() -> Any:
        return rb.bptt(rb.LSTM(3, 4, rng=0), x, y, rb.losses.MeanSquaredError()).loss

    expected = loss()
    for path in kernels.iterdir():
        path.write_bytes(forged(bytes(32)))
        os.chown(path, NOBODY, 0)
    with pytest.warns(RuntimeWarning, match="not to be trusted") as found:
        assert loss() == expected
    assert len(found) == 1
