"""Weights files whose header has any length.

The first bytes are that length, and may be those of another format.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

import rnnbp as rb

LENGTHS = range(64)
"""Letters of metadata, so that headers have every length that padding allows, modulo 256."""


def first_bytes(folder, model):
    """The first byte of each weights file that differs by the length of its metadata, by that byte."""
    found = {}
    for n in LENGTHS:
        path = folder / f"{n}"
        rb.save_weights(model, path, metadata={"note": "a" * (8 * n)})
        found[path.read_bytes()[0]] = path
    return found


def test_weights_are_read_back_whatever_the_length_of_their_header(tmp_path):
    model = rb.Dense(2, 3, rng=1)
    files = first_bytes(tmp_path, model)
    assert 0x80 in files  # what a pickle begins with
    for path in files.values():
        twin = rb.Dense(2, 3, rng=2)
        rb.load_weights(twin, path)
        np.testing.assert_array_equal(twin.params["weight"], model.params["weight"])


@pytest.mark.parametrize("length", [0x80, 0x180, 0x280, 0x380, 0x480])
def test_weights_of_other_libraries_are_read_whatever_the_length_of_their_header(tmp_path, length):
    weight = np.arange(6, dtype=np.float32).reshape(3, 2)
    entry = {"weight": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]}}
    header = json.dumps(entry).encode().ljust(length)
    (tmp_path / "theirs").write_bytes(len(header).to_bytes(8, "little") + header + weight.tobytes())
    model = rb.Dense(2, 3, bias=False)
    rb.load_weights(model, tmp_path / "theirs")
    np.testing.assert_array_equal(model.params["weight"], weight)


@pytest.mark.parametrize("length", [0x280, 0x380])
def test_weights_of_other_libraries_that_are_cut_short_are_not_called_a_pickle(tmp_path, length):
    header = b'{"weight": '.ljust(length)
    (tmp_path / "theirs").write_bytes(len(header).to_bytes(8, "little") + header[:40])
    with pytest.raises(rb.StorageError, match="cut short"):
        rb.load_weights(rb.Dense(2, 3), tmp_path / "theirs")


def test_a_pickle_is_called_one(tmp_path):
    (tmp_path / "theirs").write_bytes(
        b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07weights\x94."
    )
    with pytest.raises(rb.StorageError, match="it is a pickle"):
        rb.load_weights(rb.Dense(2, 3), tmp_path / "theirs")
