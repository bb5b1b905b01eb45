"""What a resumed run compares: settings of layers, the wiring, own layers."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from tests.resumed_models import DATA, classifier, refusal, trainer


def test_activation_class_weights_and_eps_are_named(tmp_path):
    weights = [1, 1, 1, 1], [9, 1, 1, 1]
    found = refusal(
        tmp_path,
        lambda f: trainer(f, loss=rb.losses.CrossEntropy(class_weight=weights[0])),
        lambda f: trainer(
            f, classifier("relu", 0.1), rb.losses.CrossEntropy(class_weight=weights[1])
        ),
    )
    assert "layer 1 RNN: activation 3 was 'Tanh()', is 'ReLU()'" in found
    assert "layer 2 LayerNorm: eps was '1e-05', is '0.1'" in found
    assert (
        "loss class_weight was 'float64[4] [1.0, 1.0, 1.0, 1.0]', is 'float64[4] [9.0, 1.0, 1.0, 1.0]'"
        in found
    )


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_same_setting_goes_on(tmp_path, activation):
    trainer(tmp_path, classifier(activation)).fit(DATA, steps=2)
    assert trainer(tmp_path, classifier(activation)).resume().fit(DATA, steps=4).steps == 4


def cell(order):
    """h′ = tanh(a x − b h) or tanh(b h − a x): the same layers, wired otherwise."""
    x, h = rb.Input(3), rb.State(5, "h")
    pair = rb.Dense(3, 5, rng=0)(x), rb.Dense(5, 5, rng=1)(h)
    new = rb.Tanh()(pair[order[0]] - pair[order[1]])
    return rb.Recurrent(rb.Cell(x, {h: new}, new))


def joined(*order):
    x = rb.Input(3)
    branches = rb.Tanh()(x), rb.Sigmoid()(x)
    return rb.Graph(x, branches[order[0]] - branches[order[1]])


def two_layers(shared):
    first = rb.Dense(3, 3, rng=5)
    second = first if shared == "layer" else rb.Dense(3, 3, rng=5)
    if shared == "weight":
        second.params = {"weight": first.params["weight"], "bias": second.params["bias"]}
    return rb.Sequential(rb.Embedding(4, 3, rng=0), first, second, rb.Dense(3, 4, rng=2))


def around(block, n):
    return rb.Sequential(rb.Embedding(4, 3, rng=0), block, rb.Dense(n, 4, rng=2))


WIRING = {
    "a cell's arguments": (
        lambda: around(cell((0, 1)), 5),
        lambda: around(cell((1, 0)), 5),
        "wiring was",
    ),
    "a graph's arguments": (
        lambda: around(joined(0, 1), 3),
        lambda: around(joined(1, 0), 3),
        "wiring was",
    ),
    "the initial state": (
        lambda: around(rb.RNN(3, 5, rng=1), 5),
        lambda: around(rb.RNN(3, 5, rng=1, initial="learned"), 5),
        "initial_h",
    ),
}


@pytest.mark.parametrize("case", WIRING)
def test_the_wiring_is_compared(tmp_path, case):
    before, after, message = WIRING[case]
    trainer(tmp_path, before()).fit(DATA, steps=1)
    with pytest.raises(ValueError, match=message):
        trainer(tmp_path, after()).resume()


@pytest.mark.parametrize("shared", ["layer", "weight"])
def test_tied_parameters_are_compared(tmp_path, shared):
    trainer(tmp_path, two_layers(shared)).fit(DATA, steps=1)
    with pytest.raises(ValueError, match=r"missing|unexpected|parameters was|wiring was"):
        trainer(tmp_path, two_layers("nothing")).resume()


class Scaled(rb.layers.Layer):
    """A person's own layer, with settings of several kinds and a method."""

    def __init__(self, factor, table=(1.0,), note=None):
        self.params = {}
        self.factor, self.table, self.note = factor, np.array(table), note

    def forward(self, x):
        return x * self.factor, ()

    def backward_inputs(self, saved, dy):
        return (dy * self.factor,)

    def output_shapes(self, shape):
        return (shape,)

    def __repr__(self):
        return "Scaled()"


class Negated(Scaled):
    def forward(self, x):
        return -x * self.factor, ()


Doubled = type("Negated", (Scaled,), {"forward": lambda self, x: (2 * x * self.factor, ())})


class Note:
    """Any object, whose repr is the same whatever it holds."""

    __slots__ = ("inner",)

    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return "Note at 0x7F00AB12CD34"


OWN = {
    "number": (lambda: Scaled(2.0), lambda: Scaled(3.0), "factor was '2.0', is '3.0'"),
    "array": (lambda: Scaled(2.0, [1, 2.0]), lambda: Scaled(2.0, [1, 3.0]), "table was"),
    "large array": (
        lambda: Scaled(2.0, range(99)),
        lambda: Scaled(2.0, [*range(98), 1]),
        "table was",
    ),
    "nested": (
        lambda: Scaled(2, note={"a": [1, {2}]}),
        lambda: Scaled(2, note={"a": [1, {3}]}),
        "note['a']",
    ),
    "object": (
        lambda: Scaled(2, note=Note(1)),
        lambda: Scaled(2, note=Note(2)),
        "note inner was '1', is '2'",
    ),
    "many": (
        lambda: Scaled(2, note=[0] * 99),
        lambda: Scaled(2, note=[0] * 98 + [1]),
        "note was 'list of 99",
    ),
    "function": (lambda: Scaled(2, note=np.sin), lambda: Scaled(2, note=np.cos), "function sin"),
    "generator": (
        lambda: Scaled(2, note=np.random.default_rng(0)),
        lambda: Scaled(2, note=np.random.default_rng(1)),
        "note",
    ),
    "method": (lambda: Negated(2.0), lambda: Doubled(2.0), "class Negated forward"),
}


@pytest.mark.parametrize("case", OWN)
def test_all_settings_of_a_persons_own_layer_are_compared(tmp_path, case):
    before, after, message = OWN[case]
    found = refusal(
        tmp_path,
        lambda f: trainer(f, around(before(), 3)),
        lambda f: trainer(f, around(after(), 3)),
    )
    assert message in found


@pytest.mark.parametrize("case", OWN)
def test_equal_settings_of_a_persons_own_layer_go_on(tmp_path, case):
    build = OWN[case][0]
    trainer(tmp_path, around(build(), 3)).fit(DATA, steps=1)
    assert trainer(tmp_path, around(build(), 3)).resume().at.step == 1
