"""Modules of PyTorch within others, wrapped, of other cells and sizes: the cure can be pasted."""

from __future__ import annotations

import re

import numpy as np
import pytest

import rnnbp
import rnnbp as rb
from tests.torch_states import saved, stacked, state_dict


def one(cell=rb.LSTM, n_in=3, n=4, **options):
    return rb.Sequential(cell(n_in, n, name="rnn", **options), rb.Dense(n, 2, name="head"))


def without_biases(theirs):
    return {name: a for name, a in theirs.items() if not name.startswith("rnn.bias")}


def said(model, path, **options):
    with pytest.raises(ValueError, match="ames or shapes differ") as caught:
        rb.load_weights(model, path, **options)
    return str(caught.value)


def pasted(text):
    """The layer that an error builds."""
    return eval(
        re.search(r"as (rnnbp\.\w+\(.*\))(, where|\. Names|\n|$)", text)[1], {"rnnbp": rnnbp}
    )


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
def test_a_layer_of_a_module_within_a_module_is_built_by_the_error(cell, layers, tmp_path):
    """self.encoder = Encoder(), with its self.rnn, and self.head."""
    theirs = state_dict(cell, "encoder.rnn", layers)
    path = saved(tmp_path / "net.safetensors", theirs)
    text = said(one(), path, rename="torch")
    assert " for rename='torch' build 'encoder.rnn' as rnnbp.Sequential(rnnbp." in text
    model = rb.Sequential(pasted(text), rb.Dense(4, 2, name="head"))
    rb.load_weights(model, path, rename="torch")
    assert repr(model[0]).endswith("name='encoder')")
    last = [p for name, p in model.params.items() if name.endswith("weight_hh")][-1]
    np.testing.assert_array_equal(last, theirs[f"encoder.rnn.weight_hh_l{layers - 1}"])


def test_a_sequential_around_has_its_other_layers_too(tmp_path):
    theirs = {f"encoder.{name}": a for name, a in state_dict().items()}
    path = saved(tmp_path / "net.safetensors", theirs)
    text = said(rb.LSTM(3, 4), path, rename="torch")
    assert "name='encoder'), where the Sequential 'encoder' has its other layers too" in text
    model = rb.Sequential(rb.Sequential(*stacked(), name="encoder"))
    rb.load_weights(model, path, rename="torch")
    np.testing.assert_array_equal(model.params["encoder.head.bias"], theirs["encoder.head.bias"])


@pytest.mark.parametrize("wrapped", ["module.", "_orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("layers", [1, 2])
def test_what_wrappers_put_before_all_names_is_taken_off(wrapped, layers, tmp_path):
    theirs = {f"{wrapped}{name}": a for name, a in state_dict(layers=layers).items()}
    path = saved(tmp_path / "net.safetensors", theirs)
    model = (one, stacked)[layers - 1]()
    before = "give rename='torch'. Names or shapes differ"
    assert before in said(model, path)
    assert before in said(model, path, rename=lambda name: name.removeprefix(wrapped))
    rb.load_weights(model, path, rename="torch")
    np.testing.assert_array_equal(model.params["head.weight"], theirs[f"{wrapped}head.weight"])
    last = [p for name, p in model.params.items() if name.endswith("weight_hh")][-1]
    np.testing.assert_array_equal(last, theirs[f"{wrapped}rnn.weight_hh_l{layers - 1}"])


def test_a_module_that_is_called_module_stays(tmp_path):
    theirs = state_dict(layers=1, module="module.rnn")
    del theirs["head.weight"], theirs["head.bias"]
    model = rb.Sequential(rb.Sequential(rb.LSTM(3, 4, name="rnn"), name="module"))
    rb.load_weights(model, saved(tmp_path / "a", theirs), rename="torch")
    np.testing.assert_array_equal(
        model.params["module.rnn.weight_hh"], theirs["module.rnn.weight_hh_l0"]
    )


def test_a_function_that_leaves_the_endings_is_told_what_does_both(tmp_path):
    import safetensors.numpy

    theirs = {f"net.{name}": a for name, a in state_dict().items()}
    path = saved(tmp_path / "net.safetensors", theirs)
    rename = lambda name: name.removeprefix("net.")  # noqa: E731  # as a user writes it
    text = said(stacked(), path, rename=rename)
    assert "what rename makes has PyTorch's endings; give load_weights (model, {rename(n" in text
    model = stacked()
    arrays = safetensors.numpy.load_file(path)
    rb.load_weights(model, {rename(name): a for name, a in arrays.items()}, rename="torch")
    np.testing.assert_array_equal(model.params["rnn.2.bias_hh"], theirs["net.rnn.bias_hh_l1"])


STRICT = "strict=False"


@pytest.mark.parametrize("first", ["", "give rename='torch', and: "], ids=["torch", "none"])
@pytest.mark.parametrize("layers", [1, 2])
def test_biases_that_one_side_lacks_are_an_option_of_the_layer(layers, first, tmp_path):
    rename = {"": "torch"}.get(first)
    full, bare = state_dict(layers=layers), without_biases(state_dict(layers=layers))
    build = (one, lambda **o: rb.Sequential(_two(**o), rb.Dense(4, 2, name="head")))[layers - 1]
    for theirs, mine, way in ((bare, True, False), (full, False, True)):
        path = saved(tmp_path / "net.safetensors", theirs)
        text = said(build(bias=mine), path, rename=rename)
        assert f"{first}the weights of 'rnn" in text
        assert f"build it with bias={way}. Names" in text
        assert STRICT not in text
        rb.load_weights(build(bias=way), path, rename="torch")


def _two(**options):
    return rb.Sequential(rb.LSTM(3, 4, **options), rb.LSTM(4, 4, **options), name="rnn")


def test_biases_of_a_file_of_ours_too(tmp_path):
    rb.save_weights(one(bias=False), tmp_path / "a.safetensors")
    text = said(one(), tmp_path / "a.safetensors")
    assert ": the weights of 'rnn' come without biases: build it with bias=False. Names" in text
    assert STRICT not in text


OTHER = {
    "a GRU into an LSTM": (
        state_dict("GRU", layers=1),
        one,
        "'rnn' has three gates, a GRU of 4 units, the model's four gates, an LSTM; build it as "
        "rnnbp.GRU(3, 4, name='rnn'). Names",
    ),
    "an LSTM into a GRU of other units": (
        state_dict(layers=1),
        lambda: one(rb.GRU, n=7),
        "'rnn' has four gates, an LSTM of 4 units, the model's three gates, a GRU of 7; build it",
    ),
    "units": (
        state_dict(layers=1),
        lambda: one(n=8),
        "'rnn' has 4 units, the model's 8; build it as rnnbp.LSTM(3, 4, name='rnn'). Names",
    ),
    "features": (
        state_dict(layers=1),
        lambda: one(n_in=5),
        "'rnn' takes 3 features, the model's 5; build it as rnnbp.LSTM(3, 4, name='rnn'). Names",
    ),
    "two layers into one": (
        state_dict(),
        one,
        "'rnn' has 2 layers, the model's 1; build it as rnnbp.Sequential(rnnbp.LSTM(3, 4), rnnbp",
    ),
    "one layer into two": (
        state_dict(layers=1),
        stacked,
        "'rnn' has 1 layer, the model's 2; build it as rnnbp.LSTM(3, 4, name='rnn'). Names",
    ),
    "seven layers": (
        state_dict(layers=7),
        stacked,
        "'rnn' has 7 layers, the model's 2; build it as rnnbp.Sequential(rnnbp.LSTM(3, 4), rnnbp",
    ),
}


@pytest.mark.parametrize("case", OTHER)
def test_another_cell_or_size_is_said_in_words(case, tmp_path):
    theirs, build, expected = OTHER[case]
    path = saved(tmp_path / "net.safetensors", theirs)
    text = said(build(), path, rename="torch")
    assert f"net.safetensors: {expected}" in text.replace(":\n  ", ": ")
    assert f"give rename='torch', and: {expected}" in said(build(), path)
    assert STRICT not in text


def test_a_long_cure_has_a_line_of_its_own_before_what_differs(tmp_path):
    model = rb.Sequential(rb.LSTM(3, 4), rb.LSTM(4, 4), rb.Dense(4, 2))
    path = saved(tmp_path / "net.safetensors", state_dict())
    place, layer, names, differ = said(model, path, rename="torch").splitlines()
    assert place == f"load_weights from {path}:"
    assert layer.startswith(
        "  for rename='torch' build 'rnn' as rnnbp.Sequential(rnnbp.LSTM(3, 4),"
    )
    assert names.startswith("  or, if these belong together, give rename={'rnn.weight")
    assert differ.startswith("Names or shapes differ: 0.weight_ih is missing; ")
    rb.load_weights(model, path, rename=eval(names.partition("rename=")[2]))
    np.testing.assert_array_equal(model.params["1.bias_hh"], state_dict()["rnn.bias_hh_l1"])


@pytest.mark.long
def test_of_many_layers_the_first_are_shown(tmp_path):
    theirs = {}
    for k in range(40):
        theirs |= state_dict(layers=9, module=f"net.part{k}")
    path = saved(tmp_path / "net.safetensors", theirs)
    assert len(said(rb.LSTM(5, 6), path, rename="torch")) < 2000
    apart = rb.Sequential(*(rb.LSTM(3, 3, name=f"part{k}", bias=False) for k in range(40)))
    rb.save_weights(apart, tmp_path / "a.safetensors", rename="torch")
    full = rb.Sequential(*(rb.LSTM(3, 3, name=f"part{k}") for k in range(40)))
    text = said(full, tmp_path / "a.safetensors", rename="torch")
    assert "the weights of 'part0', 'part1', 'part2', ... come without biases: build it" in text
    grus = rb.Sequential(*(rb.GRU(3, 3, name=f"part{k}") for k in range(40)))
    assert len(said(grus, tmp_path / "a.safetensors", rename="torch")) < 1500
