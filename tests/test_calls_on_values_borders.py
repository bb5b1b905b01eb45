"""What is called on symbolic values and does not fit: each error names the cure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import rnnbp as rb

X, STATIC, H = rb.Input(2), rb.Input(3, per="sequence"), rb.State(3, "h")
CE, MSE = rb.losses.CrossEntropy(), rb.losses.MeanSquaredError()


def gru() -> rb.Recurrent:
    return rb.GRU(2, 3, rng=1)


def decoder() -> rb.Recurrent:
    x, h = rb.Input(3, "x"), rb.State(3, "h")
    memory, mask = (rb.Input(None, name, per="sequence") for name in ("memory", "mask"))
    context = rb.Attention("dot")(h, memory, mask)
    return rb.Recurrent(rb.Cell((x, memory, mask), {h: x + context}, output=context))


def two_heads() -> rb.Graph:
    y = gru()(X)
    return rb.Graph(X, {"a": y, "b": y})


def items_of(value: rb.Value) -> None:
    (_,) = value


SERIES = np.zeros((4, 20, 2), "float32")
CLASSES = {name: np.zeros((4, 20), int) for name in "ab"}
STATIC_OUTPUT = rb.Sequential(gru(), rb.MeanOverTime())

# fmt: off
CASES: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a state by Keras's name": (lambda: gru()(X, initial_state=STATIC), TypeError, "'initial_state'; .* is state="),
    "a mask": (lambda: gru()(X, mask=X), TypeError, "'mask'; rows end where lengths= of the run says"),
    "a state of both directions": (lambda: rb.Bidirectional(gru(), gru())(X, hx=STATIC), TypeError, "'hx'; .* is state="),
    "the state of a chain": (lambda: rb.Sequential(gru())(X, return_state=True), TypeError, r"rnn\(x, return_state=True\)"),
    "keys": (lambda: rb.Attention()(H, keys=STATIC), TypeError, "'keys'; lines are memory"),
    "a series as memory": (lambda: rb.Attention()(H, X), rb.ShapeError, r"Attention\('dot'\): memory has lines .*WholeSeries\(\)"),
    "lines of other features": (lambda: rb.Attention()(H, rb.Input((4, 5), per="sequence")), rb.ShapeError, "the memory's lines must have 3 features, found 5"),
    "another query": (lambda: rb.Attention("additive", n_query=2, n_memory=5)(H, rb.Input((4, 5), per="sequence")), rb.ShapeError, "the query must have 2 features, found 3"),
    "attention in a chain": (lambda: rb.Sequential(gru(), rb.Attention()), TypeError, r"item 1 is Attention\('dot'\).* call it on values"),
    "one state as a tuple": (lambda: items_of(gru()(X, return_state=True)[1]), TypeError, "is a value, no tuple"),
    "a series where a memory is meant": (lambda: decoder()(rb.Input(3), gru()(X), STATIC), ValueError, r"as a memory give WholeSeries\(\)"),
    "an input too few": (lambda: decoder()(rb.Input(3), STATIC), TypeError, "takes 3 inputs, x, memory, mask, found 2"),
    "a static target of another shape": (lambda: rb.bptt(STATIC_OUTPUT, SERIES, np.zeros(20), MSE), rb.ShapeError, r"must have 2 axes, found 1 in shape \(20,\)"),
    "a class too many": (lambda: rb.bptt(gru(), SERIES, np.full((4, 20), 3), CE), ValueError, "if 3 is a class, give 4 outputs"),
    "padding as a class": (lambda: rb.bptt(gru(), SERIES, np.full((4, 20), -100), CE), ValueError, "leave padding out by lengths= or a mask$"),
    "a weight behind its loss": (lambda: rb.bptt(two_heads(), SERIES, CLASSES, {"a": (CE, 0.5), "b": CE}), TypeError, r"output 'a': .*the weight comes first, \(weight, loss\)"),
    "weights of losses": (lambda: rb.bptt(two_heads(), SERIES, CLASSES, {"a": CE, "b": CE}, loss_weights=[1, 2]), TypeError, "'class': 0.5"),
    "weights by another name": (lambda: rb.fit(two_heads(), [], {"a": CE, "b": CE}, weights=[1, 2]), TypeError, r"loss={'tag': \(0.5, CrossEntropy\(\)\)}, and classes have theirs"),
}
# fmt: on


@pytest.mark.parametrize("case", CASES)
def test_the_error_names_the_cure(case: str) -> None:
    call, kind, text = CASES[case]
    with pytest.raises(kind, match=text):
        call()
