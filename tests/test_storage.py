"""Files on disk: values come back bit for bit, damage is always found, a failed write changes nothing."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

import rnnbp as rb
from rnnbp.numerics import DtypeError
from rnnbp.storage import StorageError, load_tensors, remove_leftovers, save_tensors, write_atomic
from rnnbp.train import load_weights, save_weights

RNG = np.random.default_rng(0)
BASE = RNG.normal(size=(4, 6, 5))
ARRAYS = {
    "float32": BASE.astype(np.float32),
    "float64": BASE,
    "float16": BASE.astype(np.float16),
    "int64": np.array([[-(2**63), 2**63 - 1]]),
    "uint64": np.array([2**64 - 1, 0], np.uint64),
    "int8": np.arange(-3, 4, dtype=np.int8),
    "bool": BASE > 0,
    "0-d": np.array(3.5),
    "0-d int": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.float32),
    "empty behind": np.zeros((3, 0)),
    "fortran": np.asfortranarray(BASE),
    "fortran 2-d": np.asfortranarray(BASE[0].astype(np.float32)),
    "transposed": BASE.T,
    "strided": BASE[::2, ::-3, 1::2],
    "broadcast": np.broadcast_to(np.arange(3.0), (4, 3)),
    "big-endian": np.arange(5, dtype=">f8"),
    "special": np.array([np.nan, -0.0, np.inf, -np.inf, 5e-324]),
    'öß/λ "quoted" \\': np.ones(2, np.float32),
    "0" * 64: np.ones(1),
}


def bits(array):
    return array.astype(array.dtype.newbyteorder("<")).tobytes("C")


@pytest.mark.quick
@pytest.mark.parametrize("name", ARRAYS)
def test_every_dtype_and_layout_returns(tmp_path, name):
    save_tensors(tmp_path / "a", {name: ARRAYS[name]}, {})
    (found,) = load_tensors(tmp_path / "a")[0].items()
    assert found[0] == name
    assert found[1].shape == ARRAYS[name].shape
    assert found[1].dtype == ARRAYS[name].dtype.newbyteorder("=")
    assert bits(found[1]) == bits(ARRAYS[name])
    assert found[1].flags.writeable
    assert found[1].flags.c_contiguous


def test_all_together_and_readable_by_safetensors(tmp_path):
    metadata = {
        "text": 'λ "\\ \n',
        "numbers": [1, 2.5, -1e-300, 2**70],
        "nested": {"none": None, "yes": True},
    }
    save_tensors(tmp_path / "a", ARRAYS, metadata)
    arrays, found = load_tensors(tmp_path / "a")
    assert found == metadata
    assert arrays.keys() == ARRAYS.keys()
    assert all(bits(arrays[name]) == bits(ARRAYS[name]) for name in ARRAYS)
    with safe_open(tmp_path / "a", framework="np") as file:
        assert set(file.keys()) == ARRAYS.keys()
        assert json.loads(file.metadata()["metadata"]) == metadata
        assert all(bits(file.get_tensor(name)) == bits(ARRAYS[name]) for name in ARRAYS)


def test_no_arrays_at_all(tmp_path):
    save_tensors(tmp_path / "a", {}, {"a": 1})
    assert load_tensors(tmp_path / "a") == ({}, {"a": 1})


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    save_tensors(tmp_path / "a", ARRAYS, {"b": 1, "a": 2})
    save_tensors(tmp_path / "b", dict(reversed(ARRAYS.items())), {"b": 1, "a": 2})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def small(path):
    """A file with two dtypes, metadata and header padding, and its bytes."""
    save_tensors(path, {"w": np.arange(3.0), "mask": np.array([True, False])}, {"step": 3})
    data = path.read_bytes()
    assert data[: 8 + int.from_bytes(data[:8], "little")].endswith(b" "), "there is padding to flip"
    return data


@pytest.mark.parametrize("bit", range(8))
def test_one_flipped_bit_in_any_byte_is_found(tmp_path, bit):
    path = tmp_path / "a"
    data = small(path)
    for at in range(len(data)):
        broken = bytearray(data)
        broken[at] ^= 1 << bit
        path.write_bytes(broken)
        with pytest.raises(StorageError):
            load_tensors(path)
    path.write_bytes(data)
    assert load_tensors(path)[1] == {"step": 3}


@pytest.mark.parametrize("seed", range(4))
def test_several_bytes_overwritten_are_found(tmp_path, seed):
    path, rng = tmp_path / "a", np.random.default_rng(seed)
    data = small(path)
    for _ in range(300):
        broken = bytearray(data)
        for at in rng.integers(0, len(data), rng.integers(1, 6)):
            broken[at] = rng.choice(list(b'0123456789[]{},:"\\ae-\0'))
        if broken != data:
            path.write_bytes(broken)
            with pytest.raises(StorageError):
                load_tensors(path)


@pytest.mark.quick
def test_truncation_at_every_length_is_found(tmp_path):
    path = tmp_path / "a"
    data = small(path)
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(StorageError, match="empty" if length == 0 else "cut short"):
            load_tensors(path)


@pytest.mark.parametrize("more", [b"\0", b" ", b"x" * 100])
def test_bytes_added_at_the_end_are_found(tmp_path, more):
    path = tmp_path / "a"
    path.write_bytes(small(path) + more)
    with pytest.raises(StorageError, match="damaged"):
        load_tensors(path)


def test_two_tensors_exchanged_are_found(tmp_path):
    path = tmp_path / "a"
    save_tensors(path, {"v": np.arange(3.0), "w": np.ones(3)}, {})
    path.write_bytes(
        path.read_bytes()
        .replace(b'"v":', b'"?":')
        .replace(b'"w":', b'"v":')
        .replace(b'"?":', b'"w":')
    )
    with pytest.raises(StorageError, match="damaged"):
        load_tensors(path)


@pytest.mark.parametrize(
    "content", [b"hello world", b"PK\x03\x04 and so on", b"{}" * 5, b"\0" * 200, b"\xff" * 200]
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(StorageError, match="not a file of rnnbp"):
        load_tensors(tmp_path / "a")


def test_a_foreign_safetensors_file_is_refused(tmp_path):
    from safetensors.numpy import save_file

    save_file({"w": np.ones(3)}, tmp_path / "a", metadata={"format": "np"})
    with pytest.raises(StorageError, match="not a file of rnnbp"):
        load_tensors(tmp_path / "a")


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
    """A folder that this process may not enter; root gives up its rights for the time of the test."""
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


FULL = OSError(errno.ENOSPC, "No space left on device")


def fails(error):
    def call(*_args, **_kwargs):
        raise error

    return call


@pytest.mark.parametrize("before", [None, b"what was there"])
@pytest.mark.parametrize(
    "error", [FULL, OSError(errno.EIO, "I/O error"), KeyboardInterrupt()], ids=["full", "io", "^C"]
)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_a_failed_write_changes_nothing(tmp_path, monkeypatch, call, error, before):
    path = tmp_path / "a"
    if before is not None:
        path.write_bytes(before)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fails(error))
        expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else StorageError
        with pytest.raises(expected) as caught:
            write_atomic(path, b"new")
    if error is FULL:
        assert str(caught.value).endswith(
            "a is not written, what was there is unchanged: no space is left for 3 bytes; "
            "free some, or choose another disk"
        )
    assert [p.name for p in tmp_path.iterdir()] == ([] if before is None else ["a"])
    assert before is None or path.read_bytes() == before


def test_a_disk_that_fills_after_some_bytes(tmp_path, monkeypatch):
    path, really = tmp_path / "a", os.write
    path.write_bytes(b"old")
    monkeypatch.setattr(
        os,
        "write",
        lambda number, data: really(number, data[:5]) if len(data) > 10 else fails(FULL)(),
    )
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
    really = os.fsync

    def only_files(number):
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise OSError(errno.EIO, "I/O error")
        really(number)

    monkeypatch.setattr(os, "fsync", only_files)
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


def model(n=5, dtype="float32", rng=0, **more):
    return rb.Sequential(
        rb.LSTM(3, n, dtype=dtype, rng=rng), rb.Dense(n, 2, dtype=dtype, rng=rng, **more)
    )


@pytest.mark.quick
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_return_into_the_live_arrays(tmp_path, dtype):
    saved, other = model(dtype=dtype), model(dtype=dtype, rng=1)
    save_weights(saved, tmp_path / "a", metadata={"note": [1, None]})
    live = dict(other.params)
    assert load_weights(other, tmp_path / "a") == {"note": [1, None]}
    for name, p in other.params.items():
        assert p is live[name]
        np.testing.assert_array_equal(p, saved.params[name])


def test_weights_of_a_recurrent_and_of_tied_parameters(tmp_path):
    saved, other = rb.GRU(3, 4, rng=0), rb.GRU(3, 4, rng=1)
    save_weights(saved, tmp_path / "a")
    assert load_weights(other, tmp_path / "a") == {}
    assert all(np.array_equal(p, other.params[name]) for name, p in saved.params.items())


OTHERS = {
    "misshapen": (
        lambda: model(6),
        r"0\.weight_ih has shape \(20, 3\), the model's \(24, 3\).*1\.weight has shape",
    ),
    "missing": (
        lambda: rb.Sequential(*model().blocks, rb.Dense(2, 2, rng=0)),
        r"2\.weight is missing; 2\.bias is missing",
    ),
    "unexpected": (lambda: model(bias=False), r"1\.bias is unexpected"),
    "dtype": (
        lambda: model(dtype="float64"),
        r"is float32 in the file and float64 in the model; load into model.astype",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_weights_of_another_model_change_nothing(tmp_path, case):
    build, message = OTHERS[case]
    save_weights(model(rng=1), tmp_path / "a")
    other = build()
    before = {name: p.copy() for name, p in other.params.items()}
    with pytest.raises(ValueError, match=message):
        load_weights(other, tmp_path / "a")
    assert all(np.array_equal(p, before[name]) for name, p in other.params.items())


def test_weights_into_a_read_only_parameter_change_nothing(tmp_path):
    save_weights(model(rng=1), tmp_path / "a")
    other = model()
    first, *_, last = other.params.values()
    before, last.flags.writeable = first.copy(), False
    with pytest.raises(ValueError, match="read-only"):
        load_weights(other, tmp_path / "a")
    np.testing.assert_array_equal(first, before)
