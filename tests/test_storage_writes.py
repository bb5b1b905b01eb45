"""Writes that fail: no room, no rights, an interrupt; what was there is unchanged."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from rnnbp.numerics import DtypeError
from rnnbp.storage import StorageError, load_tensors, remove_leftovers, save_tensors, write_atomic
from tests.disks import FULL, fails, filling, folders_fail_to_sync
from tests.files import small


def test_missing_file_and_folder_in_its_place(tmp_path):
    with pytest.raises(StorageError, match="does not exist"):
        load_tensors(tmp_path / "a")
    with pytest.raises(StorageError, match="not a regular file"):
        load_tensors(tmp_path)
    with pytest.raises(StorageError, match="is a folder"):
        save_tensors(tmp_path, {}, {})
    with pytest.raises(StorageError, match="a device or pipe"):
        save_tensors("/dev/null", {}, {})
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(StorageError, match=r"no folder .*nowhere; make it first"):
        save_tensors(tmp_path / "nowhere" / "a", {}, {})
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="no folder"):
        save_tensors(tmp_path / "file" / "a", {}, {})


@pytest.fixture
def without_rights(tmp_path):
    """A folder that this process may not enter; root gives up its rights during the test."""
    folder = tmp_path / "locked"
    folder.mkdir()
    small(folder / "a")
    folder.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield folder
    if user == 0:
        os.seteuid(0)
    folder.chmod(0o700)


def test_no_permission(without_rights):
    with pytest.raises(StorageError, match="no permission to write there"):
        save_tensors(without_rights / "a", {}, {})
    with pytest.raises(StorageError, match=r"cannot be read.*check its permissions"):
        load_tensors(without_rights / "a")


NO_ROOM = "no space is left for 3 bytes; free some, or choose another disk"


@pytest.mark.parametrize("before", [{}, {"a": b"what was there"}], ids=["None", "what was there"])
@pytest.mark.parametrize(
    ("error", "expected", "text"),
    [
        (FULL, StorageError, f"a is not written, what was there is unchanged: {NO_ROOM}"),
        (
            OSError(errno.EIO, "I/O error"),
            StorageError,
            "what was there is unchanged: the system says: I/O error",
        ),
        (KeyboardInterrupt(), KeyboardInterrupt, ""),
    ],
    ids=["full", "io", "^C"],
)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_a_failed_write_changes_nothing(tmp_path, monkeypatch, call, error, expected, text, before):
    for name, data in before.items():
        (tmp_path / name).write_bytes(data)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fails(error))
        with pytest.raises(expected) as caught:
            write_atomic(tmp_path / "a", b"new")
    assert str(caught.value).endswith(text)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_disk_that_fills_after_some_bytes(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "write", filling(lambda data: 5 * (len(data) > 10)))
    with pytest.raises(StorageError, match="no space is left"):
        write_atomic(path, b"x" * 100)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_system_that_takes_few_bytes_at_a_time(tmp_path, monkeypatch):
    really = os.write
    monkeypatch.setattr(os, "write", lambda number, data: really(number, data[:7]))
    write_atomic(tmp_path / "a", bytes(range(256)))
    assert (tmp_path / "a").read_bytes() == bytes(range(256))


def test_order_of_a_write(tmp_path, monkeypatch):
    """Contents are on disk before the name is theirs, and the name before the call returns."""
    path, calls = tmp_path / "a", []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(number):
        folder = stat.S_ISDIR(os.fstat(number).st_mode)
        calls.append("sync folder" if folder else f"sync {os.fstat(number).st_size} bytes")
        fsync(number)

    def noted_replace(a, b):
        assert Path(a).parent == Path(b).parent
        calls.append("replace")
        replace(a, b)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    write_atomic(path, b"12345")
    assert calls == ["sync 5 bytes", "replace", "sync folder"]


def test_a_folder_that_cannot_be_synced_is_told(tmp_path, monkeypatch):
    folders_fail_to_sync(monkeypatch, errno.EIO)
    with pytest.raises(StorageError, match="may not outlast a power cut"):
        write_atomic(tmp_path / "a", b"new")


def test_a_symbolic_link_is_followed(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_leftovers_of_killed_writers_are_removed_and_nothing_else(tmp_path):
    kept = {"a", ".a.tmp", ".a.12.tmp", ".b.01234567.tmp", "a.01234567.tmp"}
    for name in [*kept, ".a.01234567.tmp", ".a.89abcdef.tmp"]:
        (tmp_path / name).write_bytes(b"")
    remove_leftovers(tmp_path / "a")
    assert {p.name for p in tmp_path.iterdir()} == kept


def test_what_cannot_be_saved(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(DtypeError, match="tensor 'z' has dtype complex128"):
        save_tensors(path, {"z": np.zeros(2, complex)}, {})
    with pytest.raises(DtypeError, match="object"):
        save_tensors(path, {"z": np.array([None])}, {})
    with pytest.raises(ValueError, match="'__metadata__'"):
        save_tensors(path, {"__metadata__": np.zeros(2)}, {})
    for bad in (float("nan"), float("inf"), {1, 2}, np.float32(1), object()):
        with pytest.raises(TypeError, match="metadata must be JSON"):
            save_tensors(path, {}, {"bad": bad})
    assert not list(tmp_path.iterdir())
