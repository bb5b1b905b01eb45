"""Files of tensors: values come back bit for bit, and damage is always found."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors import safe_open

from rnnbp.storage import StorageError, load_tensors, save_tensors
from tests.files import small

pytestmark = pytest.mark.alike

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


@pytest.mark.parametrize(
    "bit", [0, 7, *(pytest.param(bit, marks=pytest.mark.long) for bit in range(1, 7))]
)
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


def overwritten(data, rng):
    """The data with one to five bytes overwritten by bytes that mean something in JSON."""
    broken = bytearray(data)
    for at in rng.integers(0, len(data), rng.integers(1, 6)):
        broken[at] = rng.choice(list(b'0123456789[]{},:"\\ae-\0'))
    return broken


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_several_bytes_overwritten_are_found(tmp_path, seed):
    path, rng = tmp_path / "a", np.random.default_rng(seed)
    data = small(path)
    several = [overwritten(data, rng) for _ in range(300)]
    for broken in [broken for broken in several if broken != data]:
        path.write_bytes(broken)
        with pytest.raises(StorageError):
            load_tensors(path)


@pytest.mark.quick
def test_truncation_at_every_length_is_found(tmp_path):
    path = tmp_path / "a"
    data = small(path)
    path.write_bytes(b"")
    with pytest.raises(StorageError, match="empty"):
        load_tensors(path)
    for length in range(1, len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(StorageError, match="cut short"):
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
