"""``frozen=`` takes layers of the model as well as patterns of names."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import optim

X = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")


def model():
    body = rb.Sequential(rb.LSTM(3, 4, rng=0), rb.LSTM(4, 4, rng=1), name="body")
    return rb.Sequential(body, rb.Dropout(0.1), rb.Dense(4, 3, name="head", rng=2))


BODY = tuple(name for name in model().params if name.startswith("body."))
GIVEN = {
    "a layer": (lambda m: m[0], BODY),
    "a layer in a list": (lambda m: [m[0]], BODY),
    "a layer within": (lambda m: m[0][1], tuple(n for n in BODY if n.startswith("body.1"))),
    "part of the chain": (lambda m: m[:2], BODY),
    "a layer and a pattern": (lambda m: (m[0], "*.bias"), (*BODY, "head.bias")),
    "one without parameters": (lambda m: [m[0], m[1]], BODY),
}


@pytest.mark.parametrize("rule", [optim.SGD, optim.Adagrad, optim.RMSProp, optim.AdamW])
@pytest.mark.parametrize("case", GIVEN)
def test_layers_are_frozen_by_themselves(case, rule):
    given, names = GIVEN[case]
    net = model()
    assert rule(net, 0.1, frozen=given(net)).frozen == names


def test_a_layer_s_weights_stay_in_training_and_the_others_do_not():
    net = model()
    before = net.params.copy()
    rule = optim.Adam(net, 1e-2, frozen=net[0])
    data = rb.Sequences(X, X, batch_size=2)
    rb.fit(net, data, rb.losses.MeanSquaredError(), rule, epochs=2)
    same = [name for name, p in net.params.items() if (p == before[name]).all()]
    assert tuple(same) == BODY
    other = model()
    data = rb.Sequences(X, X, batch_size=2)
    loss = rb.losses.MeanSquaredError()
    rb.fit(other, data, loss, "adam", frozen=other[0], learning_rate=1e-2, epochs=2)
    assert other.params == net.params


def test_lbfgs_takes_them_too():
    net = model()
    before = net.params.copy()

    def closure():
        found = rb.bptt(net, X.swapaxes(0, 1), X.swapaxes(0, 1), rb.losses.MeanSquaredError())
        return found.loss, found.grads

    optim.lbfgs(closure, net, max_iter=2, frozen=net[0])
    assert all((net.params[name] == before[name]).all() for name in BODY)
    assert (net.params["head.bias"] != before["head.bias"]).any()


def test_a_layer_of_another_model_and_parameters_are_refused():
    net = model()
    with pytest.raises(
        ValueError,
        match=r"Adam: frozen: LSTM\(3, 4\) has no parameter of this model; give a layer of it, as "
        r"model\[0\], or patterns of names; they are body.0.weight_ih",
    ):
        optim.Adam(net, frozen=rb.LSTM(3, 4))
    with pytest.raises(
        TypeError,
        match=r"frozen are patterns of names, as \(\"body.\*\",\), or layers, as model\[0\]",
    ):
        optim.Adam(net, frozen=net[0].params)
    with pytest.raises(ValueError, match="leaves no parameter to update; freeze fewer"):
        optim.Adam(net, frozen=net)
