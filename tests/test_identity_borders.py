"""What a run is: whatever changes its numbers is noticed on resuming, by name, and nothing else is."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Sequences, Trainer
from rnnbp.train.describe import Description
from rnnbp.train.described_values import UNKNOWN

SYMBOLS = np.random.default_rng(0).integers(0, 4, (8, 6))
DATA = Sequences(SYMBOLS, SYMBOLS, batch_size=4)


def classifier(activation="tanh", eps=1e-5):
    layers = (
        rb.RNN(3, 5, activation=activation, rng=1),
        rb.LayerNorm(5, eps=eps),
        rb.Dense(5, 4, rng=2),
    )
    return rb.Sequential(rb.Embedding(4, 3, rng=0), *layers)


def trainer(folder, model=None, loss=None, **options):
    model = classifier() if model is None else model
    return Trainer(
        model, rb.optim.Adam(model), loss or rb.losses.CrossEntropy(), folder=folder, **options
    )


def refusal(folder, before, after, **override):
    """What is said when a run that began as ``before`` goes on as ``after``."""
    before(folder).fit(DATA, steps=1)
    now = after(folder)
    old = {name: p.copy() for name, p in now.model.params.items()}
    with pytest.raises(ValueError, match="the run was set up otherwise: ") as caught:
        now.resume(**override)
    assert now.at.step == 0
    assert all(np.array_equal(p, old[name]) for name, p in now.model.params.items())
    return str(caught.value)


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


# Functions


def squares(scale, power=2):
    """A loss of one's own: a closure."""
    return lambda y, target: (scale * float((y**power).sum()), scale * power * y ** (power - 1))


class Loss:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, y, target):
        return self.scale * float(y.sum()), np.full_like(y, self.scale)

    def summed(self, y, target):
        return self(y, target)


class Rate:
    def __init__(self, rate):
        self.rate = rate

    def at(self, step):
        return self.rate


FACTOR = 1.0


def by_global(y, target):
    return FACTOR * float(y.sum()), np.full_like(y, FACTOR)


def other_code(y, target):
    return float((-y).sum()), -np.ones_like(y)


def one(y, target):
    return float(y.sum()), np.ones_like(y)


other_code.__qualname__ = other_code.__name__ = one.__qualname__ = one.__name__ = "mine"

LOSSES = {
    "closure": (lambda: squares(1.0), lambda: squares(2.0), "loss scale was '1.0', is '2.0'"),
    "arguments": (
        lambda: functools.partial(one),
        lambda: functools.partial(one, target=None),
        "loss target was",
    ),
    "partial": (lambda: squares(1.0, 2), lambda: squares(1.0, 4), "loss power was '2', is '4'"),
    "object": (lambda: Loss(1.0), lambda: Loss(2.0), "loss scale was '1.0', is '2.0'"),
    "method": (
        lambda: Loss(1.0).summed,
        lambda: Loss(2.0).summed,
        "loss of scale was '1.0', is '2.0'",
    ),
    "code": (lambda: one, lambda: other_code, "loss code was"),
}


@pytest.mark.parametrize("case", LOSSES)
def test_loss_functions_are_compared(tmp_path, case):
    before, after, message = LOSSES[case]
    found = refusal(
        tmp_path, lambda f: trainer(f, loss=before()), lambda f: trainer(f, loss=after())
    )
    assert message in found
    assert trainer(tmp_path, loss=before()).resume().at.step == 1, "an equal one goes on"


def test_a_global_value_that_a_loss_names_is_compared(tmp_path, monkeypatch):
    trainer(tmp_path, loss=by_global).fit(DATA, steps=1)
    trainer(tmp_path, loss=by_global).resume()
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    with pytest.raises(ValueError, match=r"loss FACTOR was '1\.0', is '2\.0'"):
        trainer(tmp_path, loss=by_global).resume()


def test_what_cannot_be_compared_is_said_and_can_be_taken_for_equal(tmp_path):
    stream = (k for k in range(3))

    def loss(y, target):
        return float(y.sum()) + 0 * (stream is None), np.ones_like(y)

    trainer(tmp_path, loss=loss).fit(DATA, steps=1)
    with pytest.raises(ValueError, match="loss stream cannot be compared: it is a generator"):
        trainer(tmp_path, loss=loss).resume()
    assert trainer(tmp_path, loss=loss).resume(override=("loss",)).at.step == 1


@pytest.mark.parametrize(
    "rates",
    [
        (lambda step: 0.1, lambda step: 0.2),
        (rb.optim.Cosine(1e-2, 50), rb.optim.Cosine(1e-2, 100)),
        (rb.optim.WarmUp(lambda step: 0.1, 3), rb.optim.WarmUp(lambda step: 0.1 + step, 3)),
        (Rate(0.1).at, Rate(0.2).at),
    ],
    ids=["lambda", "cosine", "nested", "method"],
)
def test_rates_are_compared(tmp_path, rates):
    def run(k):
        return lambda f: trainer(f, learning_rate=rates[k])

    assert "learning_rate" in refusal(tmp_path, run(0), run(1))


@pytest.mark.parametrize("text", ["<f at 0x7f00aa>", "<f at 0x000001F2B3C4D5E6>"])
def test_addresses_do_not_count(text):
    from rnnbp.train.identity import shown

    shaped = type("Shaped", (), {"__repr__": lambda self: text})()
    assert shown(shaped) == "<f>"


def test_what_is_nested_without_end_is_described():
    endless = []
    endless.append(endless)
    found = Description()
    found.add("x", endless)
    assert found.lines == {"x": "list of 1", "x[0]": "the same as x"}
    deep = []
    for _ in range(10_000):
        deep = [deep]
    found.add("deep", deep)
    assert any(line.startswith(UNKNOWN) for line in found.lines.values())
