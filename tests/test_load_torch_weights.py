"""Weights under PyTorch's names, from dicts and files, and the table of what went where."""

from __future__ import annotations

import ast
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import rnnbp as rb
from tests.torch_states import saved, stacked, state_dict

load = rb.interchange.load_torch_weights


def filled(model, value=0.5):
    for p in model.params.values():
        p[...] = value
    return model


def assert_read(model, state):
    """Every number is where its name says, for a model of a named LSTM of two layers and a head."""
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        for place, k in ((0, 0), (2, 1)):
            given = state[f"rnn.{name}_l{k}"]
            assert (model.params[f"rnn.{place}.{name}"] == given.astype("float32")).all()
    assert (model.params["head.weight"] == state["head.weight"].astype("float32")).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_dict_and_a_file_are_read_with_a_table(dtype, tmp_path):
    state = {name: a.astype(dtype) for name, a in state_dict().items()}
    for given in (state, saved(tmp_path / "net.safetensors", state)):
        model = filled(stacked())
        found = load(model, given)
        assert_read(model, state)
        assert [row.ours for row in found] == [*model.params]
        assert {row.theirs for row in found} == {*state}
        assert all(state[row.theirs].shape == row.shape and row.dtype == dtype for row in found)
        assert (found.missing, found.unread, len(found)) == ((), (), 10)
    assert re.fullmatch(
        rf"rnn.weight_ih_l0  16×3  {dtype}  ->  rnn\.0\.weight_ih", repr(found).split("\n")[0]
    )


def test_bfloat16_is_shown_as_such(tmp_path):
    bits = np.array([[0x3FC0, 0xC000]], "<u2")  # 1.5 and −2
    header = b'{"weight":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}}'
    (tmp_path / "a").write_bytes(len(header).to_bytes(8, "little") + header + bits.tobytes())
    model = rb.Dense(2, 1, bias=False)
    assert repr(load(model, tmp_path / "a")) == "weight  1×2  bfloat16  ->  weight"
    assert model.params["weight"].tolist() == [[1.5, -2.0]]


def test_other_names_are_mapped_to_pytorchs_or_to_ours():
    state = state_dict()
    given = {f"backbone.{name}": a for name, a in state.items()}
    renames = (
        lambda name: name.removeprefix("backbone."),
        {name: name.removeprefix("backbone.") for name in given},
        {name: name.removeprefix("backbone.").replace("rnn.weight_ih_l1", "rnn.2.weight_ih") for name in given},
    )  # fmt: skip
    for rename in renames:
        model = filled(stacked())
        found = load(model, given, rename=rename)
        assert_read(model, state)
        assert found.rows[0].theirs == "backbone.rnn.weight_ih_l0"
    with_more = given | {"step": np.ones(1)}
    found = load(stacked(), with_more, rename=renames[1] | {"step": None})
    assert found.unread == ("step",)


def test_what_is_missing_left_over_or_of_another_shape_is_listed():
    state = state_dict()
    state["old"] = state.pop("head.bias")[:1]
    state["head.weight"] = state["head.weight"][:, :3]
    model = filled(stacked())
    with pytest.raises(ValueError, match=r"^load_torch_weights from the dict: ") as e:
        load(model, state)
    for text in (
        "head.bias is missing",
        "old is unexpected",
        r"head.weight has shape (2, 3), the model's (2, 4)",
    ):
        assert text in str(e.value)
    with (
        pytest.raises(ValueError, match=r"head\.weight has shape"),
        pytest.warns(UserWarning, match="not in the model"),
    ):
        load(model, state, strict=False)
    assert all((p == 0.5).all() for p in model.params.values())
    del state["head.weight"]
    with pytest.warns(
        UserWarning, match=r"left as they are: head.weight; head.bias\. not in the model"
    ):
        found = load(model, state, strict=False)
    assert (found.missing, found.unread) == (("head.weight", "head.bias"), ("old",))
    assert "left as they were: head.weight, head.bias\nnot read: old" in repr(found)


def test_the_rename_that_an_error_proposes_is_short_and_works():
    """Names that are PyTorch's for the model's need no line in it; those renamed already do."""
    state = state_dict()
    state["body.weight_hh_l1"] = state.pop("rnn.weight_hh_l1")
    state["classifier.weight"] = state.pop("head.weight")
    state["classifier.bias"] = state.pop("head.bias")
    with pytest.raises(ValueError, match="Names or shapes differ") as caught:
        load(stacked(), state, rename={"body.weight_hh_l1": "rnn.weight_hh_l1"})
    found = re.search(r"rename=(\{.*\})", str(caught.value))
    rename = ast.literal_eval(found[1])
    assert rename == {
        "body.weight_hh_l1": "rnn.2.weight_hh",
        "classifier.weight": "head.weight",
        "classifier.bias": "head.bias",
    }
    model = stacked()
    load(model, state, rename=rename)
    np.testing.assert_array_equal(model.params["rnn.2.weight_hh"], state["body.weight_hh_l1"])


def test_weights_that_the_model_shares_are_given_under_each_name():
    embedding, decoder = rb.Embedding(5, 4), rb.Dense(4, 5)
    decoder.params["weight"] = embedding.params["weight"]
    model = rb.Sequential(embedding, rb.Tanh(), decoder)
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(5, 4)).astype("float32")
    state = {"0.weight": weight, "2.weight": weight.copy(), "2.bias": np.zeros(5, "float32")}
    found = load(model, state)
    assert (model.params["0.weight"] == weight).all()
    assert [row.theirs for row in found] == ["0.weight", "2.bias"]
    assert found.unread == ()
    state["2.weight"][0, 0] += 1
    with pytest.raises(
        ValueError, match=r"2\.weight and 0\.weight have other numbers, which the model"
    ):
        load(model, state)


def test_damage_changes_nothing(tmp_path):
    path = saved(tmp_path / "net.safetensors", state_dict("GRU", layers=1))
    model = filled(rb.Sequential(rb.GRU(3, 4, name="rnn"), rb.Dense(4, 2, name="head")))
    whole = path.read_bytes()
    load(filled(model), path)
    filled(model)
    for end in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:end])
        with pytest.raises(rb.StorageError):
            load(model, path)
    assert all((p == 0.5).all() for p in model.params.values())


RUN = []


class Trap:
    """What would run if a pickle were loaded."""

    def __reduce__(self):
        return RUN.append, (1,)


@pytest.mark.parametrize("head", [b"", b"PK\x03\x04"])
def test_a_pickle_is_refused_and_never_run(head, tmp_path: Path):
    (tmp_path / "net.pt").write_bytes(head + pickle.dumps(Trap()) + bytes(64))
    with pytest.raises(rb.StorageError, match=r"torch\.load\(path, weights_only=True\)"):
        load(rb.Dense(2, 2), tmp_path / "net.pt")
    assert RUN == []


def test_nan_a_checkpoint_and_what_is_no_model_are_refused(tmp_path):
    model = filled(rb.Dense(2, 2))
    bad = {"weight": np.full((2, 2), np.nan, "float32"), "bias": np.zeros(2, "float32")}
    save_file(bad, tmp_path / "a")
    for given in (bad, tmp_path / "a"):
        with pytest.raises(
            ValueError, match=r"^load_torch_weights from .*: weight has nan at \[0, 0\]"
        ):
            load(model, given)
    with pytest.raises(
        TypeError, match=r"state_dict is a dict itself, .* checkpoint\['state_dict'\]"
    ):
        load(model, {"state_dict": bad, "epoch": 3})
    with pytest.raises(TypeError, match=r"^load_torch_weights takes \(model, path\)"):
        load(bad, model)
    with pytest.raises(
        TypeError, match=r"^load_torch_weights from the dict: rename is a dict or a"
    ):
        load(model, bad, rename=3)
    with pytest.raises(TypeError, match="load_torch_weights"):
        load(model, bad, mapping={})
    assert all((p == 0.5).all() for p in model.params.values())


def test_a_long_table_is_cut():
    model = rb.Sequential(*[rb.Dense(1, 1) for _ in range(30)])
    found = load(model, {name: p.copy() for name, p in model.params.items()})
    assert len(found) == 60
    assert repr(found).splitlines()[-1] == "and 20 more"
    assert repr(rb.interchange.LoadedWeights(())) == "LoadedWeights()"


def test_without_pytorch_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"to_torch needs torch, .*pip install 'rnnbp\[torch\]'"):
        rb.interchange.to_torch(rb.Dense(2, 2))
