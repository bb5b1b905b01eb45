"""Files at the borders of what systems allow: mounts, modes, long names, pipes, and memory."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.storage import (
    StorageError,
    load_tensors,
    read_bounded,
    remove_leftovers,
    replacing,
    save_tensors,
    write_all,
    write_atomic,
)
from rnnbp.storage.tensors import PIECE
from tests.disks import filling, folders_fail_to_open, folders_fail_to_sync

pytestmark = pytest.mark.alike

posix = pytest.mark.skipif(os.name != "posix", reason="modes, pipes and folders of POSIX")
RNG = np.random.default_rng(0)
WIDE = RNG.normal(size=(700, 500))


@posix
@pytest.mark.parametrize("name", ["EINVAL", "ENOTSUP", "ENOSYS", "EBADF", "EACCES", "EPERM"])
def test_a_mount_that_cannot_sync_folders_is_let_pass(tmp_path, monkeypatch, name):
    folders_fail_to_sync(monkeypatch, getattr(errno, name))
    rb.save_weights(rb.Dense(2, 2, rng=0), tmp_path / "w")
    other = rb.Dense(2, 2, rng=1)
    rb.load_weights(other, tmp_path / "w")
    np.testing.assert_array_equal(other.params["weight"], rb.Dense(2, 2, rng=0).params["weight"])


@posix
@pytest.mark.parametrize("name", ["EIO", "ENOSPC", "EDQUOT"])
def test_a_disk_that_fails_to_sync_a_folder_is_told(tmp_path, monkeypatch, name):
    folders_fail_to_sync(monkeypatch, getattr(errno, name))
    with pytest.raises(StorageError, match="may not outlast a power cut"):
        write_atomic(tmp_path / "a", b"new")


@posix
def test_a_folder_that_cannot_be_opened_to_sync_it(tmp_path, monkeypatch):
    folders_fail_to_open(monkeypatch)
    write_atomic(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o664, 0o777])
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
def test_the_mode_of_a_file_survives(tmp_path, mode, umask):
    before = os.umask(umask)
    try:
        write_atomic(tmp_path / "a", b"old")
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~umask
        (tmp_path / "a").chmod(mode)
        write_atomic(tmp_path / "a", b"new")
        rb.save_weights(rb.Dense(2, 2, rng=0), tmp_path / "a")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


@posix
def test_a_secret_file_is_secret_while_it_is_written(tmp_path):
    (tmp_path / "a").touch(0o600)
    with replacing(tmp_path / "a") as number:
        assert stat.S_IMODE(os.fstat(number).st_mode) == 0o600
        write_all(number, b"secret")


@posix
def test_the_mode_of_what_a_link_points_to(tmp_path):
    (tmp_path / "real").touch(0o600)
    (tmp_path / "link").symlink_to("real")
    write_atomic(tmp_path / "link", b"new")
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o600


@posix
def test_another_hard_link_keeps_the_old_contents(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    os.link(tmp_path / "a", tmp_path / "b")
    write_atomic(tmp_path / "a", b"new")
    assert (tmp_path / "b").read_bytes() == b"old"


@pytest.mark.parametrize(
    "name", ["x" * 250, "x" * 255, "ö" * 120, "[a-c]*?", "x" * 101, "-", "a\nb"]
)
def test_any_name_can_be_written_and_its_leftovers_are_found(tmp_path, name, monkeypatch):
    rb.save_weights(rb.Dense(2, 2, rng=0), tmp_path / name)
    rb.load_weights(rb.Dense(2, 2, rng=1), tmp_path / name)
    with monkeypatch.context() as patch:  # a process that is killed removes nothing
        patch.setattr(os, "unlink", lambda *_, **__: None)
        patch.setattr(
            os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error"))
        )
        with pytest.raises(StorageError):
            write_atomic(tmp_path / name, b"new")
    assert len(list(tmp_path.iterdir())) == 2
    remove_leftovers(tmp_path / "another")
    assert len(list(tmp_path.iterdir())) == 2
    remove_leftovers(tmp_path / name)
    assert os.listdir(tmp_path) == [name]


@posix
@pytest.mark.parametrize(
    "read", [load_tensors, lambda path: read_bounded(path, 100)], ids=["tensors", "bounded"]
)
@pytest.mark.parametrize("what", ["pipe", "device", "folder", "NUL", "loop", "missing"])
def test_what_is_no_file_is_refused_at_once(tmp_path, what, read):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    path = {"device": "/dev/zero", "folder": tmp_path, "NUL": "a\0b"}.get(what, tmp_path / what)
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(StorageError, match=r"regular file|no path|cannot be read|does not exist"):
        read(path)
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize("change", [b"", b"1234567"])
def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch, change):
    path = tmp_path / "a"
    save_tensors(path, {"w": np.zeros(10**5)}, {})
    whole, really = path.read_bytes(), np.empty

    def cut_or_grown(*args):
        path.write_bytes(whole + change if change else whole[:5000])
        return really(*args)

    monkeypatch.setattr(np, "empty", cut_or_grown)
    with pytest.raises(StorageError, match="while it was read"):
        load_tensors(path)


def plain_writer(arrays, metadata):
    """The bytes of a file, all at once: the format in its shortest form."""
    dtypes = {
        "float64": "F64",
        "float32": "F32",
        "float16": "F16",
        "int64": "I64",
        "uint8": "U8",
        "bool": "BOOL",
    }
    about = {"format": "rnnbp 1", "sha256": "0" * 64, "metadata": json.dumps(metadata)}
    head, end, body = {"__metadata__": about}, 0, b""
    for name in sorted(arrays, key=lambda name: (-arrays[name].itemsize, name)):
        a = arrays[name]
        body += a.astype(a.dtype.newbyteorder("<")).tobytes("C")
        head[name] = {
            "dtype": dtypes[a.dtype.name],
            "shape": a.shape,
            "data_offsets": [end, len(body)],
        }
        end = len(body)
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = len(text).to_bytes(8, "little") + text + body
    return data.replace(b"0" * 64, hashlib.sha256(data).hexdigest().encode(), 1)


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"a": np.zeros((0, 3)), "b": np.array(3, np.int64), "0" * 64: np.arange(5, dtype=np.uint8)},
        {
            "wide": WIDE,
            "fortran": np.asfortranarray(WIDE),
            "turned": WIDE.T,
            "strided": WIDE[::-3, 1::2],
        },
        {
            "spread": np.broadcast_to(np.arange(3.0), (4, 10**5, 3)),
            "big": WIDE.astype(">f4"),
            "bits": WIDE > 0,
        },
        {
            "deep": RNG.normal(size=(2, 3, 4, 20_000)).transpose(2, 0, 3, 1),
            "half": WIDE.astype(np.float16),
        },
    ],
    ids=["none", "small", "layouts", "broadcast", "axes"],
)
def test_the_bytes_are_those_of_the_format(tmp_path, arrays):
    save_tensors(tmp_path / "a", arrays, {"k": [1, "λ"]})
    assert (tmp_path / "a").read_bytes() == plain_writer(arrays, {"k": [1, "λ"]})
    found, _ = load_tensors(tmp_path / "a")
    assert all(np.array_equal(found[name], a) for name, a in arrays.items())


@pytest.mark.parametrize("turn", [np.asarray, np.transpose], ids=["contiguous", "transposed"])
def test_saving_and_loading_take_the_arrays_and_a_piece(tmp_path, turn):
    array = turn(np.zeros((2000, 4000), np.float32))
    with rb.memory.measure() as saving:
        save_tensors(tmp_path / "a", {"w": array}, {})
    with rb.memory.measure() as loading:
        load_tensors(tmp_path / "a")
    assert saving.peak_bytes < 5 * PIECE
    assert loading.peak_bytes < 1.1 * array.nbytes


def test_a_failed_write_of_tensors_leaves_nothing(tmp_path, monkeypatch):
    save_tensors(tmp_path / "a", {"w": WIDE}, {})
    before, fits = (tmp_path / "a").read_bytes(), iter([True, True])
    monkeypatch.setattr(os, "write", filling(lambda data: len(data) * next(fits, False)))
    with pytest.raises(StorageError, match="no space is left for 28"):
        save_tensors(tmp_path / "a", {"w": np.zeros((700, 5000))}, {})
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == before
