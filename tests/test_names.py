"""Names of layers: in paths of parameters, reprs and errors; and their old spelling."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train.wiring import of_model

X = np.random.default_rng(0).normal(size=(4, 2, 3)).astype(np.float32)
CHAIN = [
    "drop_in.weight",
    "drop_in.bias",
    "enc.weight_ih",
    "enc.bias_ih",
    "enc.weight_hh",
    "enc.bias_hh",
    "3.weight",
    "3.bias",
    "head.weight",
    "head.bias",
]


def chain(**names):
    return rb.Sequential(
        rb.Dense(3, 3, rng=0, name=names.get("first")),
        rb.LSTM(3, 4, rng=1, name=names.get("second")),
        rb.Dropout(0.1, name=names.get("third")),
        rb.Dense(4, 4, rng=2),
        rb.Dense(4, 2, rng=3, name=names.get("last")),
    )


def peephole(name=None):
    """A cell of one's own: in it the name of a layer is a suffix, as in PyTorch's weight_ih."""
    x, h = rb.Input(3), rb.State(4, "h")
    new = rb.Tanh(name="squash")(
        rb.Dense(3, 4, name="ih", rng=0)(x) + rb.Dense(4, 4, name="hh", rng=1)(h)
    )
    return rb.Recurrent(rb.Cell(x, {h: new}, new), initial="learned", name=name)


def test_the_path_of_a_parameter_begins_with_the_name_of_its_layer():
    model = chain(first="drop_in", second="enc", third="drop", last="head")
    assert list(model.params) == CHAIN
    assert list(chain().params)[:4] == ["0.weight", "0.bias", "1.weight_ih", "1.bias_ih"]


@pytest.mark.parametrize("make", [rb.RNN, rb.LSTM, rb.GRU])
def test_every_cell_takes_a_name(make):
    block = make(3, 4, name="enc", bias=False, initial="learned")
    assert list(block.params)[:2] == ["weight_ih", "weight_hh"]
    assert list(rb.Sequential(block).params)[:3] == [
        "enc.weight_ih",
        "enc.weight_hh",
        "enc.initial_h",
    ]
    assert repr(block) == f"{make.__name__}(3, 4, bias=False, initial='learned', name='enc')"


LAYERS = [
    rb.Sigmoid,
    rb.Tanh,
    rb.ReLU,
    rb.GELU,
    rb.Softplus,
    rb.Identity,
    rb.Softmax,
    rb.LogSoftmax,
    rb.LeakyReLU,
    rb.ELU,
    rb.Scale,
    rb.Add,
    rb.Subtract,
    rb.Multiply,
    rb.Divide,
    rb.Maximum,
    rb.Minimum,
    rb.Exp,
    rb.Log,
    rb.Sqrt,
    rb.Square,
    rb.Reciprocal,
    rb.Abs,
    rb.Sum,
    rb.Mean,
    rb.MatVec,
    rb.Dropout,
    rb.Flatten,
    lambda name: rb.Clip(0, name=name),
    lambda name: rb.Gain(3, name=name),
    lambda name: rb.Concat(2, 3, name=name),
    lambda name: rb.Split(2, 3, name=name),
    lambda name: rb.Slice(5, 0, 2, name=name),
    lambda name: rb.Reshape(6, (2, 3), name=name),
    lambda name: rb.OneHot(5, name=name),
    lambda name: rb.MaxPool(2, name=name),
    lambda name: rb.AvgPool((2, 2), name=name),
    lambda name: rb.Embedding(5, 3, name=name),
    lambda name: rb.LayerNorm(3, name=name),
    lambda name: rb.Conv1D(2, 3, 2, name=name),
    lambda name: rb.Conv2D(2, 3, (2, 2), name=name),
    lambda name: rb.Dense(2, 3, name=name),
    lambda name: rb.Sequential(rb.Tanh(), name=name),
    lambda name: rb.Graph(i := rb.Input(3), rb.Tanh()(i), name=name),
    peephole,
]


@pytest.mark.parametrize("make", LAYERS)
def test_every_layer_takes_a_name_and_shows_it(make):
    layer = make(name="mine")
    assert layer.name == "mine"
    assert repr(layer).endswith("name='mine')")
    assert make(name=None).name is None
    assert "name=None" not in repr(make(name=None))
    for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert copied.name == "mine"


def test_a_cell_of_one_s_own():
    assert list(peephole().params) == ["weight_ih", "bias_ih", "weight_hh", "bias_hh", "initial_h"]
    model = rb.Sequential(rb.Dense(3, 3), peephole("memory"))
    assert list(model.params)[2:] == [f"memory.{name}" for name in peephole().params]


class Double(rb.Layer):
    """A layer of one's own without a constructor."""

    def forward(self, x):
        return 2 * x, ()

    def backward_inputs(self, saved, dy):
        return (2 * dy,)

    def output_shapes(self, *shapes):
        return shapes


def test_a_layer_of_one_s_own_without_a_constructor_takes_a_name_and_has_no_parameters():
    layer = Double(name="twice")
    assert (repr(layer), layer.params) == ("Double(name='twice')", {})
    np.testing.assert_array_equal(rb.predict(rb.Sequential(layer), X)[0], 2 * X)


def test_networks_in_networks():
    encoder = rb.Sequential(
        rb.LSTM(3, 4, bias=False), rb.Dense(4, 3, bias=False, name="out"), name="encoder"
    )
    inner = ["encoder.0.weight_ih", "encoder.0.weight_hh", "encoder.out.weight"]
    assert list(rb.Sequential(encoder, rb.Dense(3, 2, bias=False)).params) == [*inner, "1.weight"]
    x = rb.Input(3)
    functional = rb.Graph(
        x, rb.Dense(3, 2, bias=False, name="head")(encoder(encoder(x))), name="all"
    )
    assert list(functional.params) == [*inner, "head.weight"]
    assert list(rb.Graph(x, rb.Tanh()(functional(x))).params) == [
        f"all.{path}" for path in functional.params
    ]


def test_two_named_networks_of_one_kind_in_a_graph():
    left, right = (
        rb.Sequential(rb.Dense(3, 3, bias=False, name="in"), name=name)
        for name in ("left", "right")
    )
    x = rb.Input(3)
    assert list(rb.Graph(x, left(x) + right(x)).params) == ["left.in.weight", "right.in.weight"]


def test_a_layer_that_is_used_twice_is_no_two_of_one_name():
    layer = rb.Dense(3, 3, name="both")
    assert list(rb.Sequential(layer, rb.Tanh(), layer).params) == ["both.weight", "both.bias"]


def test_names_change_no_number_and_no_line_of_an_identity_but_of_parameters():
    named, plain = chain(first="a", second="b", third="c", last="d"), chain()
    np.testing.assert_array_equal(rb.predict(named, X)[0], rb.predict(plain, X)[0])
    lines, others = of_model(named), of_model(plain)
    assert lines.keys() == others.keys()
    different = [key for key in lines if lines[key] != others[key]]
    assert different
    assert all(key.endswith("Dense: parameters") for key in different)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: rb.Dense(3, 4, name=""), ValueError, "Dense: name '' is empty"),
        (lambda: rb.Tanh(name="a.b"), ValueError, "Tanh: name 'a.b' has a dot"),
        (lambda: rb.LSTM(3, 4, name="0"), ValueError, "LSTM: name '0' is a place"),
        (
            lambda: rb.Sequential(rb.Tanh(), name=3),
            TypeError,
            "Sequential: name is a text, found 3",
        ),
        (
            lambda: rb.Recurrent(rb.GRU(2, 3).cell, name="x."),
            ValueError,
            "Recurrent: name 'x.' has a dot",
        ),
        (
            lambda: rb.Sequential(rb.LSTM(3, 4, name="a"), rb.Dense(4, 2, name="a")),
            ValueError,
            r"Sequential: two layers are called 'a', LSTM\(3, 4, name='a'\) and Dense\(4, 2, "
            r"name='a'\); rename one",
        ),
        (
            lambda: rb.Sequential(rb.Tanh(name="a"), rb.Dropout(0.1, name="a")),
            ValueError,
            "two layers are called 'a'",
        ),
        (
            lambda: rb.Sequential(rb.LSTM(3, 4), rb.Dense(3, 2, name="head")),
            rb.ShapeError,
            r"Dense\(3, 2, name='head'\): input",
        ),
    ],
)
def test_what_cannot_be_a_name_is_refused_and_errors_name_the_layer(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_the_old_spelling_of_a_parameter_is_found_with_a_warning(tmp_path):
    model = rb.Sequential(rb.Dense(3, 2, name="head", rng=0))
    loss = rb.losses.MeanSquaredError()
    grads = rb.bptt(model, X, np.zeros((4, 2, 2), np.float32), loss).grads
    for arrays in (model.params, grads):
        with pytest.warns(
            DeprecationWarning, match="'weight_head' is deprecated, it is now 'head.weight'"
        ) as caught:
            found = arrays["weight_head"]
        assert caught[0].filename == __file__
        assert found is arrays["head.weight"]
        with pytest.raises(KeyError):
            arrays["weight_hand"]
    model.params.update({"bias_head": [1, 2]})
    assert model.params["head.bias"].tolist() == [1, 2]


def test_a_file_with_the_old_spelling_is_loaded(tmp_path):
    class Old:
        def __init__(self):
            self.params = {
                "0.weight_head": np.ones((2, 3), np.float32),
                "0.bias_head": np.zeros(2, np.float32),
            }

    rb.save_weights(Old(), tmp_path / "old.safetensors")
    model = rb.Sequential(rb.Sequential(rb.Dense(3, 2, name="head", rng=0)))
    rb.load_weights(model, tmp_path / "old.safetensors")
    np.testing.assert_array_equal(model.params["0.head.weight"], 1)


def test_names_go_through_files_and_optimisers(tmp_path):
    model = chain(second="enc", last="head")
    rb.save_weights(model, tmp_path / "w.safetensors")
    other = rb.Sequential(*chain(second="enc", last="head").layers)
    rb.load_weights(other, tmp_path / "w.safetensors")
    assert other.params == model.params
    rule = rb.optim.Adam(model, 1e-3, frozen="enc.*", groups={"head.*": {"learning_rate": 1e-4}})
    assert list(rule.params) == [
        "0.weight",
        "0.bias",
        "3.weight",
        "3.bias",
        "head.weight",
        "head.bias",
    ]
