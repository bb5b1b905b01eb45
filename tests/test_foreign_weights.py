"""Weights of other libraries.

Safetensors files without our checksum, under other names and dtypes.
"""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import safetensors.numpy

import rnnbp as rb

SHAPES = {
    "lstm.weight_ih_l0": (16, 3), "lstm.weight_hh_l0": (16, 4), "lstm.bias_ih_l0": (16,), "lstm.bias_hh_l0": (16,),
    "fc.weight": (2, 4), "fc.bias": (2,),
}  # fmt: skip
OURS = {
    "0.weight_ih": "lstm.weight_ih_l0", "0.bias_ih": "lstm.bias_ih_l0", "0.weight_hh": "lstm.weight_hh_l0",
    "0.bias_hh": "lstm.bias_hh_l0", "1.weight": "fc.weight", "1.bias": "fc.bias",
}  # fmt: skip


def theirs(dtype=np.float32):
    rng = np.random.default_rng(7)
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in SHAPES.items()}


def model(**names):
    return rb.Sequential(
        rb.LSTM(3, 4, rng=0, name=names.get("lstm")), rb.Dense(4, 2, rng=1, name=names.get("fc"))
    )


@pytest.fixture
def path(tmp_path):
    safetensors.numpy.save_file(theirs(), tmp_path / "torch.safetensors", metadata={"format": "pt"})
    return tmp_path / "torch.safetensors"


def written(path, tensors, metadata=None, tail=b""):
    """A safetensors file of (name: (dtype's name, shape, bytes)) by hand."""
    header, data = {} if metadata is None else {"__metadata__": metadata}, b""
    for name, (kind, shape, content) in tensors.items():
        header[name] = {
            "dtype": kind,
            "shape": shape,
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data + tail)


def test_with_names_like_theirs_only_the_ending_is_renamed(path):
    net = model(lstm="lstm", fc="fc")
    assert rb.load_weights(net, path, rename=lambda name: name.removesuffix("_l0")) == {
        "format": "pt"
    }
    for name, a in theirs().items():
        np.testing.assert_array_equal(net.params[name.removesuffix("_l0")], a)


@pytest.mark.quick
def test_a_dict_renames_too_and_its_file_of_ours_is_read_back(path, tmp_path):
    net, again = model(), model()
    rb.load_weights(net, path, rename={name: ours for ours, name in OURS.items()})
    for ours, name in OURS.items():
        np.testing.assert_array_equal(net.params[ours], theirs()[name])
    rb.save_weights(net, tmp_path / "ours.safetensors")
    rb.load_weights(again, tmp_path / "ours.safetensors")
    assert again.params == net.params


def test_a_file_of_ours_can_be_renamed_and_tensors_left_out(tmp_path):
    rb.save_weights(model(lstm="enc"), tmp_path / "a.safetensors")
    head = rb.Sequential(rb.Dense(4, 2, rng=5, name="head"))
    rename = {"1.weight": "head.weight", "1.bias": "head.bias"} | {
        f"enc.{n}": None for n in rb.LSTM(3, 4).params
    }
    rb.load_weights(head, tmp_path / "a.safetensors", rename=rename)
    np.testing.assert_array_equal(head.params["head.weight"], model().params["1.weight"])


def test_the_error_proposes_the_names(path):
    net = model()
    before = net.params.copy()
    with pytest.raises(
        ValueError, match=r"give rename=\{.*\}\nNames.*0.weight_ih is missing; "
    ) as caught:
        rb.load_weights(net, path)
    assert net.params == before
    rename = eval(str(caught.value).partition("rename=")[2].partition("\nNames")[0])
    rb.load_weights(net, path, rename=rename)
    for ours, name in OURS.items():
        np.testing.assert_array_equal(net.params[ours], theirs()[name])


@pytest.mark.quick
def test_names_go_back_to_theirs(path, tmp_path):
    net = model(lstm="lstm", fc="fc")
    rb.load_weights(net, path, rename=lambda name: name.removesuffix("_l0"))
    back = lambda name: f"{name}_l0" if name.startswith("lstm.") else name  # noqa: E731  # as a user writes it
    rb.save_weights(net, tmp_path / "back.safetensors", rename=back)
    found = safetensors.numpy.load_file(tmp_path / "back.safetensors")
    assert found.keys() == theirs().keys()
    for name, a in theirs().items():
        np.testing.assert_array_equal(found[name], a)
    with pytest.raises(
        ValueError,
        match=r"rename has 'fc.wight', which is not one of the model's names \(did you mean 'fc.weight'",
    ):
        rb.save_weights(net, tmp_path / "back.safetensors", rename={"fc.wight": "x"})


@pytest.mark.quick
def test_an_encoder_is_loaded_and_a_new_head_stays(path):
    net = rb.Sequential(rb.LSTM(3, 4, rng=0, name="lstm"), rb.Dense(4, 7, rng=1, name="head"))
    before = net.params.copy()
    with pytest.warns(
        UserWarning,
        match=r"left as they are: head.weight; head.bias. not in the model, and not read: fc",
    ):
        rb.load_weights(net, path, rename=lambda name: name.removesuffix("_l0"), strict=False)
    np.testing.assert_array_equal(net.params["lstm.weight_hh"], theirs()["lstm.weight_hh_l0"])
    np.testing.assert_array_equal(net.params["head.weight"], before["head.weight"])
    with pytest.raises(ValueError, match=r"rename=.*\n.*lstm.weight_ih is missing"):
        rb.load_weights(net, path, rename={"fc.weight": None, "fc.bias": None}, strict=False)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("own", ["float32", "float64"])
def test_other_floats_are_rounded_to_the_model_s(dtype, own, tmp_path):
    weights = {"weight": theirs(dtype)["fc.weight"], "bias": theirs(dtype)["fc.bias"]}
    safetensors.numpy.save_file(weights, tmp_path / "a")
    layer = rb.Dense(4, 2, dtype=own)
    rb.load_weights(layer, tmp_path / "a")
    np.testing.assert_array_equal(layer.params["weight"], weights["weight"].astype(own))
    assert layer.params["weight"].dtype == own


def test_bfloat16_is_read_exactly(tmp_path):
    """1.5, −2, 2⁻¹²⁶/2 (subnormal), 3.3895314e38 and 0, by their bits."""
    bits = np.array([0x3FC0, 0xC000, 0x0040, 0x7F7F, 0x0000, 0x3F80], np.uint16)
    written(tmp_path / "a", {"weight": ("BF16", [2, 3], bits.tobytes())})
    layer = rb.Dense(3, 2, bias=False)
    rb.load_weights(layer, tmp_path / "a")
    wanted = [1.5, -2.0, 2.0**-127, (2 - 2.0**-7) * 2.0**127, 0.0, 1.0]
    assert layer.params["weight"].reshape(-1).tolist() == wanted


FLOATS = ("F32", [2, 3], np.arange(6, dtype="<f4").tobytes())
BAD = {
    "NaN": ({"weight": ("F32", [2, 3], np.full(6, np.nan, "<f4").tobytes())}, None, b"", "weight has nan at"),
    "beyond float32": ({"weight": ("F64", [2, 3], np.full(6, 1e300).tobytes())}, None, b"", "which is beyond float32; use model.astype"),
    "integers": ({"weight": ("I32", [2, 3], np.ones(6, "<i4").tobytes())}, None, b"", "weight is int32; weights are floats"),
    "Keras's order": ({"weight": ("F32", [3, 2], bytes(24))}, None, b"", r"weights of Keras are transposed.*has shape \(3, 2\), the model's \(2, 3\)"),
    "more": ({"weight": FLOATS, "steps": ("I64", [], bytes(8))}, {"format": "pt"}, b"", "steps is unexpected"),
    "a tail": ({"weight": FLOATS}, None, b"x", "cut short or damaged"),
    "a gap": ({"weight": ("F32", [2, 3], bytes(28))}, None, b"", "cannot have the offsets"),
    "another dtype": ({"weight": ("F8_E4M3", [2, 3], bytes(6))}, None, b"", "has dtype 'F8_E4M3', expected one of"),
    "metadata": ({"weight": FLOATS}, {"format": 3}, b"", "must be texts by name"),
    "damaged ours": ({"weight": FLOATS}, {"format": "rnnbp 1"}, b"", "in part that of a file of rnnbp"),
    "damaged names": ({"weight": FLOATS}, {"formas": "x", "sha256": "0"}, b"", "in part that of a file of rnnbp"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_does_not_fit_is_refused_and_nothing_changes(case, tmp_path):
    tensors, metadata, tail, text = BAD[case]
    written(tmp_path / "a", tensors, metadata, tail)
    layer = rb.Dense(3, 2, bias=False, rng=0)
    before = layer.params["weight"].copy()
    with pytest.raises(ValueError, match=text):
        rb.load_weights(layer, tmp_path / "a")
    np.testing.assert_array_equal(layer.params["weight"], before)


def test_a_file_that_is_cut_at_any_byte_is_refused(tmp_path):
    written(tmp_path / "whole", {"weight": FLOATS}, {"format": "pt"})
    data = (tmp_path / "whole").read_bytes()
    layer = rb.Dense(3, 2, bias=False, rng=0)
    for length in range(len(data)):
        (tmp_path / "cut").write_bytes(data[:length])
        with pytest.raises(rb.StorageError):
            rb.load_weights(layer, tmp_path / "cut")


@pytest.mark.parametrize(
    ("rename", "error", "text"),
    [
        ({"lstm.weight_ih": "0.weight_ih"}, ValueError, r"rename has 'lstm.weight_ih', which is not one of the file's names \(did you mean 'lstm.weight_ih_l0'"),
        (OURS | {"fc.bias": None}, ValueError, r"'0.weight_ih', which is not one of .*; all of rename goes from the file's names to the others, or back"),
        (lambda name: "same", ValueError, "rename makes 'same' of several tensors"),
        (lambda name: 3, TypeError, "rename makes 3 of 'fc.bias'; give a text, or None"),
        ("keras", TypeError, "rename is a dict or a function of names, or 'torch', found 'keras'"),
    ],
)  # fmt: skip
def test_a_wrong_rename_is_named(rename, error, text, path):
    with pytest.raises(error, match=text):
        rb.load_weights(model(), path, rename=rename)


@pytest.mark.parametrize(
    "content",
    [b"PK\x03\x04rest", b"\x89HDF\r\n\x1a\n", b"\x80\x04\x95" + bytes(40), b"\x93NUMPY\x01\x00"],
)
def test_files_of_other_formats_are_named(content, tmp_path):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(rb.StorageError, match="is no safetensors file; it is a"):
        rb.load_weights(model(), tmp_path / "a")
