"""Weights from PyTorch and back, by its names: stacks, directions, GRUs, dicts both ways."""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.numpy

import rnnbp as rb
from tests.torch_states import as_arrays, saved, stacked, state_dict


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
def test_two_layers_of_pytorch_come_and_go_back(cell, tmp_path):
    theirs, model = state_dict(cell), stacked(getattr(rb, cell))
    rb.load_weights(model, saved(tmp_path / "net.safetensors", theirs), rename="torch")
    np.testing.assert_array_equal(model.params["rnn.0.weight_ih"], theirs["rnn.weight_ih_l0"])
    np.testing.assert_array_equal(model.params["rnn.2.weight_ih"], theirs["rnn.weight_ih_l1"])
    np.testing.assert_array_equal(model.params["rnn.2.bias_hh"], theirs["rnn.bias_hh_l1"])
    np.testing.assert_array_equal(model.params["head.bias"], theirs["head.bias"])
    rb.save_weights(model, tmp_path / "back.safetensors", rename="torch")
    assert as_arrays(safetensors.numpy.load_file(tmp_path / "back.safetensors")) == as_arrays(
        theirs
    )


MODELS = {
    "one layer with a name": (
        lambda: rb.Sequential(rb.LSTM(3, 4, name="lstm"), rb.Dense(4, 2, name="head")),
        "lstm.weight_ih_l0",
    ),
    "the layer itself": (lambda: rb.GRU(3, 4), "weight_ih_l0"),
    "nothing but layers": (lambda: rb.Sequential(rb.LSTM(3, 4), rb.LSTM(4, 4)), "weight_ih_l1"),
    "no names": (
        lambda: rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2), rb.RNN(2, 2)),
        "2.weight_hh_l0",
    ),
    "a nested Sequential with others": (
        lambda: rb.Sequential(
            rb.Sequential(rb.RNN(3, 4), rb.Dense(4, 4), name="a"), rb.Dense(4, 2)
        ),
        "a.0.weight_ih_l0",
    ),
    "twelve layers": (
        lambda: rb.Sequential(
            rb.Sequential(*(rb.RNN(2, 2) for _ in range(12)), name="rnn"), rb.Dense(2, 2)
        ),
        "rnn.bias_hh_l11",
    ),
}


@pytest.mark.parametrize("case", MODELS)
def test_names_of_pytorch_are_read_back(case, tmp_path):
    build, expected = MODELS[case]
    model, again = build(), build()
    rb.save_weights(model, tmp_path / "a.safetensors", rename="torch")
    assert expected in safetensors.numpy.load_file(tmp_path / "a.safetensors")
    rb.load_weights(again, tmp_path / "a.safetensors", rename="torch")
    assert again.params == model.params


def test_layers_that_are_apart_in_pytorch_are_found(tmp_path):
    """self.cells = nn.ModuleList([nn.LSTM(3, 4), nn.LSTM(4, 4)])."""
    theirs = {
        name: a
        for name, a in state_dict(layers=1, module="rnn.0").items()
        if name.startswith("rnn")
    }
    theirs |= state_dict(layers=1, module="rnn.2", n_in=4)
    model = stacked()
    rb.load_weights(model, saved(tmp_path / "a", theirs), rename="torch")
    np.testing.assert_array_equal(model.params["rnn.2.weight_ih"], theirs["rnn.2.weight_ih_l0"])


def test_a_file_under_pytorch_s_names_says_how_it_is_loaded(tmp_path):
    model, theirs = stacked(), saved(tmp_path / "theirs", state_dict())
    with pytest.raises(
        ValueError,
        match=r"theirs: if these belong together, give rename='torch'\. Names",
    ):
        rb.load_weights(model, theirs)
    rb.save_weights(model, tmp_path / "ours", rename="torch")
    with pytest.raises(
        ValueError,
        match=r"ours: if these belong together, give rename='torch'\. Names",
    ):
        rb.load_weights(model, tmp_path / "ours")


def test_one_dict_serves_both_ways(tmp_path):
    theirs = state_dict(module="lstm", layers=1)
    to_ours = {f"lstm.{key}_l0": f"0.{key}" for key in rb.LSTM(3, 4).params} | {
        "head.weight": "1.weight"
    }
    to_ours["head.bias"] = "1.bias"
    to_torch = {ours: name for name, ours in to_ours.items()}
    net = rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2))
    for rename in (to_ours, to_torch):
        rb.load_weights(net, saved(tmp_path / "theirs", theirs), rename=rename)
        rb.save_weights(net, tmp_path / "back", rename=rename)
        assert as_arrays(safetensors.numpy.load_file(tmp_path / "back")) == as_arrays(theirs)
    with pytest.raises(ValueError, match="rename has a name twice"):
        rb.save_weights(net, tmp_path / "back", rename={"a": "1.bias", "b": "1.bias"})


def test_what_rename_did_is_in_the_proposal(tmp_path):
    model = rb.Sequential(rb.Sequential(rb.LSTM(3, 4), rb.LSTM(4, 4), name="rnn"), rb.Dense(4, 2))
    path = saved(tmp_path / "a", state_dict())
    with pytest.raises(
        ValueError, match=r"'rnn.weight_ih_l1': 'rnn.1.weight_ih'(.|\n)*1.weight is missing"
    ) as caught:
        rb.load_weights(model, path, rename="torch")
    rename = eval(str(caught.value).partition("rename=")[2].partition("\nNames")[0])
    rb.load_weights(model, path, rename=rename)
    np.testing.assert_array_equal(model.params["1.bias"], state_dict()["head.bias"])


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_a_file_of_both_directions_says_how_they_are_built(cell, tmp_path):
    path = saved(tmp_path / "bi", state_dict(cell, layers=1, endings=("", "_reverse")))
    model = rb.Sequential(getattr(rb, cell)(3, 4, name="rnn"), rb.Dense(4, 2, name="head"))
    text = (
        rf"bidirectional; both directions are two layers: Bidirectional\({cell}\(n_in, n\), "
        rf"{cell}\(n_in, n\)\).*_reverse is unexp"
    )
    for rename in (None, "torch", lambda name: name.removesuffix("_l0")):
        with pytest.raises(ValueError, match=text):
            rb.load_weights(model, path, rename=rename)


def test_one_direction_of_both_is_loaded(tmp_path):
    theirs = state_dict(layers=1, endings=("", "_reverse"))
    back, end = rb.LSTM(3, 4), "_l0_reverse"
    rename = {name: name[4:].removesuffix(end) if name.endswith(end) else None for name in theirs}
    rb.load_weights(back, saved(tmp_path / "bi", theirs), rename=rename)
    np.testing.assert_array_equal(back.params["weight_hh"], theirs["rnn.weight_hh_l0_reverse"])


def test_a_gru_as_in_the_paper_is_not_pytorch_s(tmp_path):
    model = rb.Sequential(rb.GRU(3, 4, reset_after=False, name="rnn"), rb.Dense(4, 2, name="head"))
    path = saved(tmp_path / "gru", state_dict("GRU", layers=1))
    for rename in (None, "torch"):
        with pytest.raises(
            ValueError, match=r"gru: build the GRU with reset_after=True, its default"
        ):
            rb.load_weights(model, path, rename=rename)
    with pytest.raises(
        ValueError, match=r"GRU\(reset_after=False\) has no counterpart in PyTorch; build it with"
    ):
        rb.save_weights(model, tmp_path / "back", rename="torch")
    assert not (tmp_path / "back").exists()


def test_a_projection_is_named(tmp_path):
    theirs = state_dict(layers=1) | {"rnn.weight_hr_l0": np.zeros((2, 4), "float32")}
    theirs["rnn.weight_hh_l0"] = theirs["rnn.weight_hh_l0"][:, :2]
    model = rb.Sequential(rb.LSTM(3, 4, name="rnn"), rb.Dense(4, 2, name="head"))
    built = r"'rnn' projects h to 2 features, .* as rnnbp.LSTM\(3, 4, projection=2, name='rnn'\)\."
    with pytest.raises(ValueError, match=built):
        rb.load_weights(model, saved(tmp_path / "a", theirs), rename="torch")


def test_cells_that_pytorch_does_not_have_are_not_mistaken_for_those_it_has(tmp_path):
    """The weights of these have names and shapes of a GRU, and of an LSTM with names of its own."""
    model = rb.Sequential(rb.LSTM(3, 4, coupled=True, name="rnn"), rb.Dense(4, 2, name="head"))
    said = r"LSTM\(3, 4, coupled=True, name='rnn'\) has no counterpart in PyTorch; give rename a"
    with pytest.raises(ValueError, match=said):
        rb.load_weights(model, state_dict("GRU", layers=1), rename="torch")
    with pytest.raises(ValueError, match=said):
        rb.save_weights(model, tmp_path / "coupled", rename="torch")
    normed = rb.LSTM(3, 4, layer_norm=True)
    with pytest.raises(ValueError, match=r"layer_norm=True\) has no counterpart"):
        rb.save_weights(normed, tmp_path / "normed", rename="torch")
    assert [*tmp_path.iterdir()] == []


def test_lists_of_names_are_short_and_last(tmp_path):
    with pytest.raises(
        ValueError, match=r"a: for rename='torch' build.*: 0.weight_ih is missing; .*; and 8 more$"
    ):
        rb.load_weights(
            rb.Sequential(rb.RNN(7, 7), rb.RNN(7, 7)), saved(tmp_path / "a", state_dict(layers=1))
        )


def test_more_layers_than_the_model_has_are_named_with_what_they_are_here(tmp_path):
    apart = rb.Sequential(
        rb.LSTM(3, 4, name="rnn0"), rb.LSTM(4, 4, name="rnn1"), rb.Dense(4, 2, name="head")
    )
    one = rb.Sequential(rb.LSTM(3, 4, name="rnn"), rb.Dense(4, 2, name="head"))
    built = r"as rnnbp.Sequential\(rnnbp.LSTM\(3, 4\), rnnbp.LSTM\(4, 4\), name='rnn'\)"
    for model, text in (
        (apart, f"for rename='torch' build 'rnn' {built}"),
        (one, f"'rnn' has 2 layers, the model's 1; build it {built}"),
    ):
        with pytest.raises(ValueError, match=text):
            rb.load_weights(model, saved(tmp_path / "a", state_dict()), rename="torch")


class Tensor:
    """What PyTorch's is to NumPy."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


def test_within_one_process_no_file_is_needed():
    net = {name: Tensor(a) for name, a in state_dict(layers=1).items()}
    model = rb.Sequential(rb.LSTM(3, 4, name="rnn"), rb.Dense(4, 2, name="head"))
    with pytest.raises(
        ValueError,
        match=r"mean 'rnn.weight_ih'\?\); PyTorch's are read by rnnbp.load_weights\(model, a",
    ):
        model.params.update(net)
    model.params.update({name.removesuffix("_l0"): value for name, value in net.items()})
    np.testing.assert_array_equal(model.params["rnn.weight_hh"], net["rnn.weight_hh_l0"].array)
    with pytest.raises(
        ValueError,
        match=r"no parameter is called 'rnn.weigth_ih' \(did you mean 'rnn.weight_ih'\?\); the net",
    ):
        model.params.update({"rnn.weigth_ih": 0})
