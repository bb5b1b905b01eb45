"""Optimisers against plain formulas; in place, in their dtype; exact resumption."""

from __future__ import annotations

import math
import re
import tracemalloc

import numpy as np
import pytest

from rnnbp import optim
from rnnbp.numerics import DtypeError, ShapeError
from tests.optimizers import SHAPES, Model, every_case, freeze, gradients, parameters


def oracle(cls, p, grads, lr, o):
    """The element p after the gradients, by the formulas of the papers in PyTorch's form."""
    b = m = v = 0.0
    s = o.get("initial_accumulator", 0.0)
    decay = o.get("weight_decay", 0.01 if cls is optim.AdamW else 0.0)
    mu, eps = o.get("momentum", 0.0), o.get("eps", 1e-10 if cls is optim.Adagrad else 1e-8)
    beta1, beta2 = o.get("betas", (0.9, 0.999))
    for t, g in enumerate(grads, start=1):
        if cls is optim.AdamW:
            p = p - lr * decay * p
        else:
            g = g + decay * p
        if cls is optim.SGD:
            b = mu * b + g
            p = p - lr * (g + mu * b if o.get("nesterov") else b)
        elif cls is optim.Adagrad:
            s = s + g**2
            p = p - lr / (1 + (t - 1) * o.get("lr_decay", 0.0)) * g / (math.sqrt(s) + eps)
        elif cls is optim.RMSProp:
            alpha = o.get("alpha", 0.99)
            s = alpha * s + (1 - alpha) * g**2
            b = mu * b + g / (math.sqrt(s) + eps)
            p = p - lr * b
        else:
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            p = p - lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
    return p


@pytest.mark.quick
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 5e-6)])
@every_case
def test_trajectories_are_the_formulas(cls, options, dtype, tolerance):
    params = parameters(dtype)
    start = {name: p.copy() for name, p in params.items()}
    optimizer = cls(params, learning_rate=0.05, **options)
    for step in range(12):
        optimizer.step(freeze(gradients(step, dtype)))
    for name, p in params.items():
        for at in np.ndindex(p.shape):
            grads = [float(gradients(step, dtype)[name][at]) for step in range(12)]
            wanted = oracle(cls, float(start[name][at]), grads, 0.05, options)
            assert p[at] == pytest.approx(wanted, rel=tolerance, abs=tolerance)


@every_case
def test_parameters_and_slots_are_updated_in_place_in_their_dtype(cls, options):
    params = parameters(np.float32)
    before = dict(params)
    optimizer = cls(params, learning_rate=0.05, **options)
    slots = optimizer.slots
    optimizer.step(gradients(0, np.float32))
    assert all(params[name] is before[name] for name in SHAPES)
    assert all(x is slots[key] and x.dtype == np.float32 for key, x in optimizer.slots.items())
    assert all(optimizer.params[name] is before[name] for name in SHAPES)
    assert not any(np.array_equal(params[name], parameters(np.float32)[name]) for name in SHAPES)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_case
def test_a_restored_optimizer_continues_with_the_same_bits(cls, options, dtype):
    params = parameters(dtype)
    optimizer = cls(params, learning_rate=0.05, **options)
    for step in range(5):
        optimizer.step(gradients(step, dtype))
    state, at_five = optimizer.state_dict(), {name: p.copy() for name, p in params.items()}
    for step in range(5, 9):
        optimizer.step(gradients(step, dtype))
    again = cls(at_five, learning_rate=0.05, **options)
    slots = again.slots
    again.load_state_dict(freeze(state))
    assert all(x is slots[key] for key, x in again.slots.items())
    for step in range(5, 9):
        again.step(gradients(step, dtype))
    assert all(np.array_equal(params[name], at_five[name]) for name in SHAPES)
    assert again.state_dict().keys() == state.keys()
    assert all(
        np.array_equal(x, again.state_dict()[key]) for key, x in optimizer.state_dict().items()
    )


def test_state_has_the_names_of_parameters():
    optimizer = optim.Adam(parameters(), learning_rate=0.1)
    assert sorted(optimizer.state_dict()) == sorted(
        ["step", *(f"adam.{s}/{name}" for s in "mv" for name in SHAPES)]
    )
    optimizer.step(gradients(0))
    state = optimizer.state_dict()
    assert state["step"] == 1
    assert state["step"].dtype == np.int64
    np.testing.assert_allclose(state["adam.m/0.bias"], 0.1 * gradients(0)["0.bias"], rtol=1e-14)
    np.testing.assert_allclose(
        state["adam.v/0.bias"], 0.001 * gradients(0)["0.bias"] ** 2, rtol=1e-12
    )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda s: s.pop("adam.m/0.bias"),
            ValueError,
            "adam.m/0.bias missing; load what the same optimiser",
        ),
        (lambda s: s.pop("step"), ValueError, "step missing"),
        (
            lambda s: s.update({"sgd.momentum/x": np.ones(2)}),
            ValueError,
            "sgd.momentum/x unexpected",
        ),
        (
            lambda s: s.update({"adam.v/0.bias": np.ones(3)}),
            ShapeError,
            "adam.v/0.bias must have shape (4,), found (3,)",
        ),
        (
            lambda s: s.update({"adam.v/0.bias": np.ones(4, "f")}),
            DtypeError,
            "must have dtype float64, found float32",
        ),
        (
            lambda s: s["adam.v/0.bias"].put(2, np.nan),
            ValueError,
            "adam.v/0.bias has nan at [2]; load an earlier state",
        ),
        (
            lambda s: s.update({"adam.m/1.scale": np.array(np.inf)}),
            ValueError,
            "adam.m/1.scale has inf at []",
        ),
        (
            lambda s: s.update({"step": np.array(-1)}),
            ValueError,
            "step must be at least 0, found -1",
        ),
    ],
)
def test_bad_state_is_refused_and_nothing_changes(change, error, message):
    optimizer = optim.Adam(parameters(), learning_rate=0.1)
    optimizer.step(gradients(0))
    before, state = (
        optimizer.state_dict(),
        {key: x * 2 for key, x in optimizer.state_dict().items()},
    )
    change(state)
    with pytest.raises(error, match=re.escape(message)):
        optimizer.load_state_dict(state)
    assert all(np.array_equal(x, before[key]) for key, x in optimizer.state_dict().items())


def test_a_tied_parameter_is_updated_once():
    p = np.ones(2)
    optimizer = optim.SGD({"encoder.weight": p, "decoder.weight": p}, learning_rate=0.5)
    optimizer.step({"encoder.weight": np.ones(2)})
    assert np.array_equal(p, [0.5, 0.5])
    with pytest.raises(
        ValueError,
        match=r"no parameter is called 'decoder\.weight'.*\(of a tied parameter, its first name\)",
    ):
        optimizer.step({"encoder.weight": np.ones(2), "decoder.weight": np.ones(2)})


def test_a_model_gives_its_live_parameters():
    model = Model(parameters())
    optim.SGD(model, learning_rate=0.5).step({name: 2 * p for name, p in parameters().items()})
    assert not any(p.any() for p in model.params.values())


def test_the_rate_of_one_step_and_the_attribute():
    p = np.zeros(1)
    optimizer = optim.SGD({"p": p}, learning_rate=1.0)
    optimizer.step({"p": np.ones(1)}, learning_rate=0.25)
    optimizer.step({"p": np.ones(1)})
    optimizer.learning_rate = 4.0
    optimizer.step({"p": np.ones(1)})
    optimizer.step({"p": np.ones(1)}, learning_rate=0)
    assert p[0] == -5.25


def test_a_strided_parameter_is_updated_in_place():
    whole = np.zeros((3, 4))
    optim.Adam({"p": whole[:, ::2].T}, learning_rate=0.1).step(
        {"p": np.arange(6.0).reshape(2, 3) - 2.5}
    )
    np.testing.assert_allclose(whole[:, ::2].T, [[0.1, 0.1, 0.1], [-0.1, -0.1, -0.1]], rtol=1e-7)
    assert not whole[:, 1::2].any()


@every_case
def test_a_step_allocates_nothing_of_the_size_of_a_parameter(cls, options):
    params, grads = {"p": np.ones(500_000, np.float32)}, {"p": np.ones(500_000, np.float32)}
    optimizer = cls(params, learning_rate=0.1, **options)
    optimizer.step(grads)
    tracemalloc.start()
    optimizer.step(grads)
    optim.clip_value(grads, 0.5)
    optim.clip_norm(grads, 0.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 250_000  # of 2 MB; NumPy casts in buffers of fixed size
