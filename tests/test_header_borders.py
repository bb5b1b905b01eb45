"""Files that are whole but wrong, under a right checksum.

Refused by what their header says, before it is built.
"""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.storage import StorageError, load_tensors, read_header, save_tensors
from tests.crafted import BLANK, crafted, entry, header, resealed, sealed

EIGHT = bytes(8)


def text(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


PLAIN = text(header({"w": entry()}))
DEEP = 10**5
LISTED: dict[str, bytes] = {
    "terabytes in a small file": crafted({"w": entry(shape=[2**40], offsets=[0, 2**42])}, EIGHT),
    "6.6 GB, offsets small": crafted({"w": entry(shape=[40_000, 40_000])}, EIGHT),
    "product beyond 64 bits": crafted({"w": entry(shape=[2**32, 2**32, 4])}, EIGHT),
    "sizes beyond 64 bits": crafted({"w": entry(shape=[2**70])}, EIGHT),
    "empty, but of no possible shape": crafted({"w": entry(shape=[2**62, 2**62, 0], offsets=[0, 0])}),
    "negative size": crafted({"w": entry(shape=[-2])}, EIGHT),
    "two negative sizes": crafted({"w": entry(shape=[-1, -2])}, EIGHT),
    "float size": crafted({"w": entry(shape=[2.0])}, EIGHT),
    "bool size": crafted({"w": entry(shape=[True, 2])}, EIGHT),
    "text size": crafted({"w": entry(shape=["2"])}, EIGHT),
    "shape no list": crafted({"w": entry(shape=2)}, EIGHT),
    "shape null": crafted({"w": entry(shape=None)}, EIGHT),
    "hundred axes": crafted({"w": entry(shape=[1] * 100, offsets=[0, 4])}, EIGHT[:4]),
    "offsets beyond the file": crafted({"w": entry(offsets=[8, 16])}, EIGHT),
    "offsets backwards": crafted({"w": entry(offsets=[8, 0])}, EIGHT),
    "negative offsets": crafted({"w": entry(offsets=[-8, 0])}, EIGHT),
    "one offset": crafted({"w": entry(offsets=[8])}, EIGHT),
    "offsets no list": crafted({"w": entry(offsets={"begin": 0})}, EIGHT),
    "a hole between tensors": crafted({"v": entry(), "w": entry(offsets=[16, 24])}, EIGHT * 3),
    "a hole at the beginning": crafted({"w": entry(offsets=[8, 16])}, EIGHT * 2),
    "overlapping": crafted({"v": entry(), "w": entry(offsets=[4, 12])}, EIGHT * 2),
    "the same bytes twice": crafted({"v": entry(), "w": entry()}, EIGHT),
    "bytes that no tensor has": crafted({"w": entry()}, EIGHT * 2),
    "no bytes": crafted({"w": entry()}),
    "bfloat16": crafted({"w": entry("BF16", [4])}, EIGHT),
    "eight-bit floats": crafted({"w": entry("F8_E4M3", [8])}, EIGHT),
    "complex": crafted({"w": entry("C64", [1])}, EIGHT),
    "dtype null": crafted({"w": entry(None)}, EIGHT),
    "dtype a list": crafted({"w": entry(["F32"])}, EIGHT),
    "a key too many": crafted({"w": entry() | {"strides": [4]}}, EIGHT),
    "a key missing": crafted({"w": {"dtype": "F32", "shape": [2]}}, EIGHT),
    "a tensor that is null": crafted({"w": None}, EIGHT),
    "a tensor that is a list": crafted({"w": ["F32", [2], [0, 8]]}, EIGHT),
    "no metadata": sealed(PLAIN.replace(b'"metadata":', b'"metadota":'), EIGHT),
    "metadata no text": sealed(PLAIN.replace(b'"metadata":"{}"', b'"metadata":3333'), EIGHT),
    "metadata a list": sealed(PLAIN.replace(b'"metadata":"{}"', b'"metadata":"[]"'), EIGHT),
    "metadata no JSON": sealed(PLAIN.replace(b'"metadata":"{}"', b'"metadata":"{:"'), EIGHT),
    "metadata NaN": sealed(PLAIN.replace(b'"{}"', b'"{\\"a\\":NaN}"'), EIGHT),
    "metadata infinite": sealed(PLAIN.replace(b'"{}"', b'"{\\"a\\":1e400}"'), EIGHT),
    "metadata twice": sealed(PLAIN.replace(b'"{}"', b'"{\\"a\\":1,\\"a\\":2}"'), EIGHT),
    "metadata nested": sealed(PLAIN.replace(b'"{}"', b'"{\\"a\\":' + b"[" * DEEP + b"]" * DEEP + b'}"'), EIGHT),
    "metadata of many digits": sealed(PLAIN.replace(b'"{}"', b'"{\\"a\\":' + b"9" * DEEP + b'}"'), EIGHT),
    "header nested": sealed(PLAIN.replace(b'"shape":[2]', b'"shape":' + b"[" * DEEP + b"]" * DEEP), EIGHT),
    "header nested, not closed": sealed(PLAIN + b"[" * DEEP, EIGHT),
    "header of many digits": sealed(PLAIN.replace(b'"shape":[2]', b'"shape":[' + b"2" * DEEP + b"]"), EIGHT),
    "header with NaN": sealed(PLAIN.replace(b"[2]", b"[NaN]"), EIGHT),
    "header no JSON": sealed(PLAIN.replace(b"}}", b"}"), EIGHT),
    "header with more behind": sealed(PLAIN + b"{}", EIGHT),
    "header not UTF-8": sealed(PLAIN.replace(b'"w"', b'"\xff"'), EIGHT),
    "header in UTF-16": sealed(PLAIN[:110] + PLAIN[110:].decode().encode("utf-16"), EIGHT),
    "a name twice": sealed(PLAIN[:-1] + b"," + text({"w": entry()})[1:], EIGHT),
    "__metadata__ twice": sealed(PLAIN[:-1] + b"," + text({"__metadata__": {}})[1:], EIGHT),
    "a million empty lists": sealed(PLAIN.replace(b'"{}"', b'"{\\"a\\":[' + b"[]," * 10**6 + b'[]]}"'), EIGHT),
    "a header beyond the file": sealed(PLAIN, EIGHT, 2**63 - 1),
    "a header a little beyond": sealed(PLAIN, EIGHT, len(PLAIN) + 32),
    "a header cut in its digest": sealed(PLAIN, EIGHT, 60),
    "a header of no bytes": sealed(PLAIN, EIGHT, 0),
    "bools of 2": crafted({"w": entry("BOOL", [8])}, b"\1\0\2\1\0\0\0\0"),
}  # fmt: skip


@pytest.mark.parametrize("case", LISTED)
def test_whole_but_wrong_files_are_refused(tmp_path, case):
    path = tmp_path / "a"
    path.write_bytes(LISTED[case])
    tracemalloc.start()
    with pytest.raises(StorageError, match=str(path)) as caught:
        load_tensors(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * len(LISTED[case]) + (1 << 18)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("a hole between tensors", "tensor w begins at 16, that before it ends at 8"),
        ("overlapping", "tensor w begins at 4, that before it ends at 8"),
        ("the same bytes twice", "tensor w begins at 0, that before it ends at 8"),
        ("terabytes in a small file", "it has 224 bytes of 4398046511320"),
        ("bytes that no tensor has", "it has 208 bytes of 200"),
        ("bfloat16", "tensor w has dtype 'BF16', expected one of F64, F32"),
        ("header nested", "nested more than 200 deep|more than 4194304 bytes"),
        ("a name twice", "'w' occurs twice"),
    ],
)
def test_the_reason_is_said(tmp_path, case, reason):
    (tmp_path / "a").write_bytes(LISTED[case])
    with pytest.raises(StorageError, match=reason):
        load_tensors(tmp_path / "a")


def test_what_the_crafted_files_differ_from_is_read(tmp_path):
    (tmp_path / "a").write_bytes(sealed(PLAIN, np.array([1.5, -2], "<f4").tobytes()))
    arrays, metadata = load_tensors(tmp_path / "a")
    assert metadata == {}
    np.testing.assert_array_equal(arrays["w"], np.array([1.5, -2], np.float32))
    listed, _ = read_header(tmp_path / "a")
    assert [(e.name, e.dtype, e.shape) for e in listed] == [("w", np.float32, (2,))]


def test_tensors_may_be_listed_in_any_order(tmp_path):
    (tmp_path / "a").write_bytes(
        crafted({"v": entry(offsets=[8, 16]), "w": entry()}, np.arange(4, dtype="<f4").tobytes())
    )
    arrays, _ = load_tensors(tmp_path / "a")
    assert {name: a.tolist() for name, a in arrays.items()} == {"v": [2, 3], "w": [0, 1]}


def test_a_mended_checksum_is_accepted(tmp_path):
    save_tensors(tmp_path / "a", {"w": np.arange(3.0)}, {})
    data = bytearray((tmp_path / "a").read_bytes())
    data[-1] ^= 128
    (tmp_path / "a").write_bytes(resealed(bytes(data)))
    np.testing.assert_array_equal(load_tensors(tmp_path / "a")[0]["w"], [0, 1, -2])
    assert BLANK not in resealed(bytes(data)).decode(errors="replace")


@pytest.mark.parametrize(
    "name", ["\x1b[2J\x1b[31mred", "a\nb\r", "\u202egnp.exe", "\x00", "\u2028", "x" * 10_000]
)
def test_names_from_a_file_are_escaped(tmp_path, name):
    (tmp_path / "a").write_bytes(crafted({name: entry(shape=[3])}, EIGHT))
    with pytest.raises(StorageError) as caught:
        load_tensors(tmp_path / "a")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    model = rb.Dense(1, 1, bias=False, rng=0)
    rb.save_weights(model, tmp_path / "b")
    (tmp_path / "b").write_bytes(crafted({name: entry(shape=[1, 1], offsets=[0, 4])}, EIGHT[:4]))
    with pytest.raises(ValueError, match="unexpected") as caught:
        rb.load_weights(model, tmp_path / "b")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def nested(depth: int) -> list[Any]:
    return [nested(depth - 1)] if depth else []


@pytest.mark.parametrize(
    "metadata", [{1: "a", "1": "b"}, [[]] * 10**6, nested(250)], ids=["twice", "lists", "deep"]
)
def test_what_could_not_be_read_again_is_not_written(tmp_path, metadata):
    with pytest.raises(TypeError, match="metadata must be JSON that can be read again"):
        save_tensors(tmp_path / "a", {}, {"a": metadata})
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_no_text_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"'\\ud800' has a name that is no text"):
        save_tensors(tmp_path / "a", {"\ud800": np.ones(1)}, {})
