"""Files of weights: their ending, their metadata, wrong arguments."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from tests.torch_states import saved, stacked, state_dict


def test_metadata_have_their_name(tmp_path):
    model, path = rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2)), tmp_path / "a.safetensors"
    to_torch = {"0.weight_ih": "lstm.weight_ih_l0"}
    for call in ({"metadata": to_torch}, {}):
        with pytest.raises(
            TypeError, match="the dict of parameters' names is no metadata; give it as rename="
        ):
            rb.save_weights(model, path, *([] if call else [to_torch]), **call)
    with pytest.raises(
        TypeError, match=r"the third argument is .*; give metadata=, or rename= for other names"
    ):
        rb.save_weights(model, path, lambda name: name)
    with pytest.raises(
        TypeError, match=r"the third argument is 'torch'; give metadata=, or rename="
    ):
        rb.save_weights(model, path, "torch")
    assert not path.exists()
    with pytest.warns(DeprecationWarning, match="now metadata=") as caught:
        rb.save_weights(model, path, {"epoch": 3})
    assert caught[0].filename == __file__
    assert rb.load_weights(model, path) == {"epoch": 3}
    with pytest.warns(DeprecationWarning, match="now metadata="):
        rb.save_weights(model, path, {})


@pytest.mark.parametrize(
    "name", ["best.pt", "best.pth", "best.h5", "best.npz", "BEST.PT", "w.keras"]
)
def test_an_ending_of_another_format_warns(name, tmp_path):
    model = rb.Dense(2, 2)
    with pytest.warns(
        UserWarning, match=r"it is a safetensors file whatever its ending; call it \*.safetensors"
    ) as seen:
        rb.save_weights(model, tmp_path / name)
    assert seen[0].filename == __file__
    assert rb.load_weights(model, tmp_path / name) == {}


@pytest.mark.parametrize("content", [b"text " * 50, b"{}" * 100, bytes(200)])
def test_what_is_no_safetensors_file_is_called_so(content, tmp_path):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(
        rb.StorageError,
        match=r"w.safetensors is no safetensors file, or is cut short; give one that",
    ):
        rb.load_weights(rb.Dense(2, 2), tmp_path / "w.safetensors")


def test_what_strict_false_leaves_out_is_said(tmp_path):
    model = rb.Sequential(rb.LSTM(3, 4, name="rnn"), rb.Dense(4, 5, name="new"))
    path = saved(tmp_path / "a", state_dict(layers=1))
    with pytest.warns(
        UserWarning,
        match="left as they are: new.weight; new.bias. not in the model, and not read: head",
    ) as w:
        rb.load_weights(model, path, rename="torch", strict=False)
    assert w[0].filename == __file__
    np.testing.assert_array_equal(
        model.params["rnn.weight_ih"], state_dict(layers=1)["rnn.weight_ih_l0"]
    )
    rename = dict.fromkeys(("head.weight", "head.bias")) | {
        f"rnn.{k}_l0": k for k in rb.LSTM(3, 4).params
    }
    assert rb.load_weights(rb.LSTM(3, 4), path, rename=rename, strict=False) == {"format": "pt"}


WRONG = {
    "the path first": (
        lambda m, p: rb.save_weights(p, m),
        r"save_weights takes \(model, path\), found .*; the model comes first",
    ),
    "the parameters": (
        lambda m, p: rb.save_weights(m.params, p),
        "it has the parameters, give the model itself",
    ),
    "the path first, to load": (
        lambda m, p: rb.load_weights(p, m),
        r"load_weights takes \(model, path\), found .*; the model comes first",
    ),
    "a list of arrays": (
        lambda m, p: rb.load_weights(m, list(m.params.values())),
        "path must be that of a file, a str or os.PathLike, or a dict of arrays by name, found",
    ),
    "nearly torch": (lambda m, p: rb.save_weights(m, p, rename="pytorch"), "did you mean 'torch'?"),
    "a device": (
        lambda m, p: rb.load_weights(m, p, map_location="cpu"),
        "everything is on the CPU; leave it out",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_of_files_are_named(case, tmp_path):
    call, text = WRONG[case]
    with pytest.raises(TypeError, match=text):
        call(stacked(), tmp_path / "a.safetensors")
    assert not (tmp_path / "a.safetensors").exists()
