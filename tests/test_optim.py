"""Optimisers against plain formulas, exact resumption, checks before changes; clipping, schedules, L-BFGS."""

from __future__ import annotations

import json
import math
import re
import tracemalloc

import numpy as np
import pytest

from rnnbp import Gradients, optim
from rnnbp.numerics import DtypeError, ShapeError

SHAPES = {"0.weight": (4, 3), "0.bias": (4,), "1.scale": ()}
CASES = [
    (optim.SGD, {}),
    (optim.SGD, {"weight_decay": 0.1}),
    (optim.SGD, {"momentum": 0.9}),
    (optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    (optim.SGD, {"momentum": 0.9, "nesterov": True}),
    (optim.SGD, {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    (optim.Adagrad, {}),
    (
        optim.Adagrad,
        {"lr_decay": 0.2, "weight_decay": 0.1, "initial_accumulator": 0.5, "eps": 1e-3},
    ),
    (optim.RMSProp, {}),
    (optim.RMSProp, {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    (optim.RMSProp, {"momentum": 0.9}),
    (optim.RMSProp, {"momentum": 0.9, "weight_decay": 0.1}),
    (optim.Adam, {}),
    (optim.Adam, {"betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    (optim.AdamW, {}),
    (optim.AdamW, {"betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.3}),
]
IDS = [f"{cls.__name__} {' '.join(options)}".strip() for cls, options in CASES]
every_case = pytest.mark.parametrize(("cls", "options"), CASES, ids=IDS)


def parameters(dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return {name: np.array(rng.normal(size=shape), dtype) for name, shape in SHAPES.items()}


def gradients(step, dtype=np.float64):
    rng = np.random.default_rng((1, step))
    return {name: np.array(rng.normal(size=shape), dtype) for name, shape in SHAPES.items()}


def freeze(arrays):
    for x in arrays.values():
        x.flags.writeable = False
    return arrays


def oracle(cls, p, grads, lr, o):
    """The element p after the gradients ``grads``, by the formulas of the papers in PyTorch's form, in floats."""
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
    slots = optimizer._state()
    optimizer.step(gradients(0, np.float32))
    assert all(params[name] is before[name] for name in SHAPES)
    assert all(x is slots[key] and x.dtype == np.float32 for key, x in optimizer._state().items())
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
    slots = again._state()
    again.load_state_dict(freeze(state))
    assert all(x is slots[key] for key, x in again._state().items())
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


BAD_GRADIENTS = [
    (lambda g: g["1.scale"].fill(np.nan), FloatingPointError, "the gradient of '1.scale' has nan at []"),
    (lambda g: g["0.weight"].put(7, -np.inf), FloatingPointError,
     "the gradient of '0.weight' has -inf at [2, 1]"),
    (lambda g: g.pop("0.bias"), ValueError, "the gradient of '0.bias' is missing"),
    (lambda g: g.update(extra=np.ones(2)), ValueError, "no parameter is called 'extra'"),
    (lambda g: g.update({"1.scale": np.ones(1)}), ShapeError, "gradient of '1.scale' must have shape (), found (1,)"),
    (lambda g: g.update({"1.scale": np.ones((), int)}), DtypeError, "the gradient of '1.scale' must be floats, found"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "error", "message"), BAD_GRADIENTS)
@every_case
def test_bad_gradients_leave_everything_as_it_was(cls, options, change, error, message):
    params = parameters()
    optimizer = cls(params, learning_rate=0.1, **options)
    optimizer.step(gradients(0))
    before, state, bad = (
        {n: p.copy() for n, p in params.items()},
        optimizer.state_dict(),
        gradients(1),
    )
    change(bad)
    with pytest.raises(error, match=re.escape(message)):
        optimizer.step(bad)
    assert all(np.array_equal(params[name], before[name]) for name in SHAPES)
    assert all(np.array_equal(x, state[key]) for key, x in optimizer.state_dict().items())


@every_case
def test_a_read_only_parameter_is_named_before_any_changes(cls, options):
    params = parameters()
    optimizer = cls(params, learning_rate=0.1, **options)
    params["1.scale"].flags.writeable = False
    with pytest.raises(
        ValueError, match=rf"{cls.__name__}: parameter '1\.scale' is read-only; set its flags"
    ):
        optimizer.step(gradients(0))
    assert all(np.array_equal(p, parameters()[name]) for name, p in params.items())
    assert optimizer.steps == 0


@pytest.mark.parametrize(("value", "dtype"), [(1e300, np.float64), (3e38, np.float32)])
def test_huge_finite_gradients_are_not_taken_for_infinite(value, dtype):
    p = np.zeros(9, dtype)
    optim.SGD({"p": p}, learning_rate=0.5).step({"p": np.full(9, value, dtype)})
    assert np.array_equal(p, np.full(9, -value, dtype) * dtype(0.5))


SQUARING = [case for case in CASES if case[0] is not optim.SGD]


@pytest.mark.parametrize(
    ("dtype", "huge"), [(np.float32, 1e19), (np.float32, 3e38), (np.float64, 1e154)]
)
@pytest.mark.parametrize(("cls", "options"), SQUARING, ids=IDS[len(CASES) - len(SQUARING) :])
def test_a_gradient_too_large_to_square_is_refused_and_nothing_changes(cls, options, dtype, huge):
    params = parameters(dtype)
    optimizer = cls(params, learning_rate=0.1, **options)
    optimizer.step(gradients(0, dtype))
    before, state, bad = (
        {n: p.copy() for n, p in params.items()},
        optimizer.state_dict(),
        gradients(1, dtype),
    )
    bad["1.scale"].fill(-huge)
    with pytest.raises(
        FloatingPointError, match=rf"{cls.__name__}: the gradient of '1\.scale' has size .*; clip"
    ):
        optimizer.step(bad)
    assert all(np.array_equal(params[name], before[name]) for name in SHAPES)
    assert all(np.array_equal(x, state[key]) for key, x in optimizer.state_dict().items())
    bad["1.scale"].fill(huge * 1e-2 if huge < 1e38 else 1e18)
    optimizer.step(bad)
    assert all(np.isfinite(x).all() for x in (*params.values(), *optimizer.state_dict().values()))


def test_a_penalty_counts_in_the_size_of_a_gradient():
    p = np.full(2, 1e20, np.float32)
    with pytest.raises(FloatingPointError, match="the gradient of 'p' has size 1e\\+19"):
        optim.Adam({"p": p}, weight_decay=0.1).step({"p": np.zeros(2, np.float32)})
    optim.AdamW({"p": p}, weight_decay=0.1).step({"p": np.zeros(2, np.float32)})


def test_adagrad_stops_before_its_sum_overflows():
    optimizer, grads = (
        optim.Adagrad({"p": np.zeros(1, np.float32)}),
        {"p": np.full(1, 9e18, np.float32)},
    )
    optimizer.step(grads)
    optimizer.step(grads)
    with pytest.raises(FloatingPointError, match="Adagrad: the gradient of 'p' has size"):
        optimizer.step(grads)
    assert optimizer.steps == 2
    assert np.isfinite(optimizer.state_dict()["adagrad.sum/p"]).all()


def test_an_overflow_in_one_parameter_does_not_stop_between_two():
    params = {"a": np.ones(1, np.float32), "b": np.ones(1, np.float32)}
    optim.SGD(params, learning_rate=10.0).step(
        {"a": np.full(1, 3e38, np.float32), "b": np.full(1, 0.1, np.float32)}
    )
    assert params["a"][0] == -np.inf
    assert params["b"][0] == 0


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


class Model:
    def __init__(self, params):
        self.params = params


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


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
         {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.0, "nesterov": True}),
        (lambda p: optim.Adagrad(p),
         {"learning_rate": 0.01, "lr_decay": 0.0, "weight_decay": 0.0, "initial_accumulator": 0.0, "eps": 1e-10}),
        (lambda p: optim.RMSProp(p), {"learning_rate": 0.01, "alpha": 0.99, "eps": 1e-8, "momentum": 0.0, "weight_decay": 0.0}),
        (lambda p: optim.Adam(p), {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}),
        (lambda p: optim.AdamW(p), {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01}),
    ],
)  # fmt: skip
def test_hyperparameters_go_through_json(make, wanted):
    found = make(parameters()).hyperparameters()
    assert json.loads(json.dumps(found)) == wanted == found


P = {"p": np.zeros(2)}
GRADIENTS = Gradients(0.0, P, None, (), (), None)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.SGD(P, learning_rate=0), ValueError, "SGD: learning_rate must lie in (0, inf), found 0"),
        (lambda: optim.Adam(P, learning_rate=math.nan), ValueError, "Adam: learning_rate must lie in (0, inf), found nan"),
        (lambda: optim.SGD(P, momentum=1.0), ValueError, "SGD: momentum must lie in [0, 1), found 1.0"),
        (lambda: optim.SGD(P, weight_decay=-1), ValueError, "SGD: weight_decay must lie in [0, inf), found -1"),
        (lambda: optim.SGD(P, nesterov=True), ValueError, "SGD: nesterov needs momentum above 0"),
        (lambda: optim.Adagrad(P, eps=0), ValueError, "Adagrad: eps must lie in (0, inf), found 0"),
        (lambda: optim.Adagrad(P, lr_decay=-1), ValueError, "Adagrad: lr_decay must lie in"),
        (lambda: optim.Adagrad(P, initial_accumulator=-1), ValueError, "Adagrad: initial_accumulator must lie in"),
        (lambda: optim.RMSProp(P, alpha=1), ValueError, "RMSProp: alpha must lie in [0, 1), found 1"),
        (lambda: optim.Adam(P, betas=(1.0, 0.9)), ValueError, "Adam: beta1 must lie in [0, 1), found 1.0"),
        (lambda: optim.AdamW(P, betas=(0.9, -0.1)), ValueError, "AdamW: beta2 must lie in [0, 1), found -0.1"),
        (lambda: optim.AdamW(P, eps=-1), ValueError, "AdamW: eps must lie in (0, inf), found -1"),
        (lambda: optim.SGD(P).step(P, learning_rate=-1.0), ValueError, "SGD.step: learning_rate must lie in [0, inf), found -1.0"),
        (lambda: optim.Adam(P, learning_rate="0.1"), TypeError, "Adam: learning_rate must be a number and lie in (0, inf), found '0.1'; or a schedule, or a function of the step"),
        (lambda: optim.Adam(P, learning_rate=True), TypeError, "Adam: learning_rate must be a number and lie in (0, inf), found True"),
        (lambda: optim.Adam(P, learning_rate=math.inf), ValueError, "Adam: learning_rate must lie in (0, inf), found inf"),
        (lambda: optim.SGD(P, learning_rate=optim.Cosine), TypeError,
         "SGD: learning_rate must be a number and lie in (0, inf), found <class 'rnnbp.optim.learning_rates.Cosine'>; "
         "or a schedule, made: Cosine(...)"),
        (lambda: optim.SGD(P).step(P, lambda step: "x"), TypeError, "SGD.step: learning_rate(0) must be a number"),
        (lambda: optim.SGD(P, lambda step: -1).step(P), ValueError, "SGD: learning_rate(0) must lie in [0, inf), found -1"),
        (lambda: optim.SGD(P, nesterov="no"), TypeError, "SGD: nesterov must be True or False, found 'no'"),
        (lambda: optim.SGD(P, momentum=math.nan), ValueError, "SGD: momentum must lie in [0, 1), found nan"),
        (lambda: optim.SGD(P, weight_decay=math.inf), ValueError, "SGD: weight_decay must lie in [0, inf), found inf"),
        (lambda: optim.Adam(P, betas=0.9), TypeError, "Adam: betas must be two numbers, (beta1, beta2), found 0.9"),
        (lambda: optim.AdamW(P, betas=(0.9,)), TypeError, "AdamW: betas must be two numbers, (beta1, beta2), found"),
        (lambda: optim.Adam(P, betas=("a", 0)), TypeError, "Adam: beta1 must be a number and lie in [0, 1), found 'a'"),
        (lambda: optim.RMSProp(P, eps="x"), TypeError, "RMSProp: eps must be a number and lie in (0, inf), found 'x'"),
        (lambda: optim.SGD(P).step(GRADIENTS), TypeError,
         "SGD: gradients are a dict of arrays by name, found Gradients; pass its .grads"),
        (lambda: optim.clip_norm(GRADIENTS, 1), TypeError,
         "clip_norm: gradients are a dict of arrays by name, found Gradients; pass its .grads"),
        (lambda: optim.clip_value([np.ones(2)], 1), TypeError, "clip_value: gradients are a dict of arrays by"),
        (lambda: optim.SGD(P).step({"p": [1.0, 2.0]}), TypeError, "gradient of 'p' must be an array, found [1.0, 2.0]"),
        (lambda: optim.clip_value(P, "1"), TypeError, "clip_value: limit must be a number"),
        (lambda: optim.OnPlateau(1, patience=2.7), TypeError, "OnPlateau: patience must be an integer, found 2.7"),
        (lambda: optim.OnPlateau(1, patience=-1), ValueError, "OnPlateau: patience must be at least 0, found -1"),
        (lambda: optim.OnPlateau(1, cooldown=0.5), TypeError, "OnPlateau: cooldown must be an integer, found 0.5"),
        (lambda: optim.OnPlateau(1, threshold="a"), TypeError, "OnPlateau: threshold must be a number"),
        (lambda: optim.OnPlateau(1).update("a"), TypeError, "OnPlateau: the metric must be a number"),
        (lambda: optim.WarmUp(0.1, 5), TypeError, "WarmUp: schedule must be a schedule, found 0.1; as optim.Constant"),
        (lambda: optim.Constant("a"), TypeError, "Constant: learning_rate must be a number and lie in (0, inf), found 'a'"),
        (lambda: optim.Cosine(1, 10)(1.5), TypeError, "a schedule's step must be an integer, found 1.5"),
        (lambda: optim.lbfgs(lambda: 0.0, P), TypeError, "lbfgs: closure must give (loss, gradients by name), found"),
        (lambda: optim.lbfgs(lambda: (0.0, GRADIENTS), P), TypeError, "lbfgs: gradients are a dict of arrays by name"),
        (lambda: optim.lbfgs(lambda: (0.0, P), P, loss_tolerance=None), TypeError, "lbfgs: loss_tolerance must be a"),
        (lambda: optim.SGD({}), ValueError, "SGD: there is no parameter to update"),
        (lambda: optim.SGD([np.zeros(2)]), TypeError, "SGD: params must be a dict of arrays or a model, found list"),
        (lambda: optim.SGD({"p": [0.0]}), TypeError, "SGD: parameter 'p' must be an array to update in place"),
        (lambda: optim.SGD({"p": np.zeros(2, int)}), DtypeError, "SGD: parameter 'p' must be float32 or float64"),
        (lambda: optim.clip_value(P, 0), ValueError, "clip_value: limit must lie in (0, inf), found 0"),
        (lambda: optim.clip_norm(P, -1), ValueError, "clip_norm: limit must lie in (0, inf)"),
        (lambda: optim.Constant(0), ValueError, "Constant: learning_rate must lie in (0, inf), found 0"),
        (lambda: optim.StepDecay(1, 0), ValueError, "StepDecay: every must be at least 1, found 0"),
        (lambda: optim.StepDecay(1, 2, 1.5), ValueError, "StepDecay: factor must lie in (0, 1), found 1.5"),
        (lambda: optim.Cosine(1, 10, 1), ValueError, "Cosine: floor must lie in [0, 1), found 1"),
        (lambda: optim.WarmUp(optim.Constant(1), 0), ValueError, "WarmUp: steps must be at least 1, found 0"),
        (lambda: optim.Cosine(1, 10)(-1), ValueError, "a schedule's step must be at least 0, found -1"),
        (lambda: optim.OnPlateau(1, factor=1), ValueError, "OnPlateau: factor must lie in (0, 1), found 1"),
        (lambda: optim.OnPlateau(1, mode="least"), ValueError, "OnPlateau: mode must be 'min' or 'max', found 'least'"),
        (lambda: optim.OnPlateau(1).update(math.nan), ValueError, "OnPlateau: the metric must lie in (-inf, inf), found nan; stop"),
        (lambda: optim.OnPlateau(1).load_state_dict({"lr": 1}), ValueError, "names must be ['bad_epochs', 'best',"),
        (lambda: optim.lbfgs(lambda: (0.0, P), P, 0), ValueError, "lbfgs: max_iter must be at least 1, found 0"),
        (lambda: optim.lbfgs(lambda: (0.0, {}), P), ValueError, "lbfgs: the gradient of 'p' is missing"),
        (lambda: optim.lbfgs(lambda: (math.nan, P), P), FloatingPointError, "the loss is nan at evaluation 1, the"),
    ],
)  # fmt: skip
def test_errors_of_arguments(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()


# Clipping


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_value(dtype):
    grads = {"a": np.array([-3.0, -1.0, 0.5, 2.0], dtype), "b": np.array(1.5, dtype)}
    a = grads["a"]
    optim.clip_value(grads, 1.0)
    assert np.array_equal(a, [-1.0, -1.0, 0.5, 1.0])
    assert grads["b"] == 1.0


@pytest.mark.quick
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("max_norm", "a", "b"),
    [(6.5, [1.5, 2.0], 6.0), (13.0, [3.0, 4.0], 12.0), (20.0, [3.0, 4.0], 12.0)],
)
def test_clip_norm(max_norm, a, b, dtype):
    grads = {"a": np.array([[3.0, 4.0]], dtype), "b": np.array(12.0, dtype)}
    first = grads["a"]
    assert optim.clip_norm(grads, max_norm) == 13.0
    assert np.array_equal(first, [a])
    assert grads["b"] == b


@pytest.mark.parametrize(
    ("value", "dtype"), [(1e30, np.float32), (1e200, np.float64), (1e-30, np.float32)]
)
def test_the_global_norm_neither_overflows_nor_vanishes(value, dtype):
    grads = {"a": np.full(4, value, dtype)}
    assert optim.clip_norm(grads, 1e-3) == pytest.approx(2 * value, rel=1e-6)
    np.testing.assert_allclose(grads["a"], min(value, 5e-4), rtol=1e-6)


def test_the_norm_of_many_float32_is_summed_in_float64():
    grads = {"a": np.full(1_000_003, 0.1, np.float32)}
    wanted = float(np.float32(0.1)) * math.sqrt(1_000_003)
    assert optim.clip_norm(grads, 1e9) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("again", [lambda g: g, lambda g: g[:], lambda g: g.view()])
def test_an_array_under_two_names_is_clipped_once(again):
    g = np.array([3.0, 4.0])
    assert optim.clip_norm({"a": g, "b": again(g)}, 2.5) == 5.0
    assert np.array_equal(g, [1.5, 2.0])


@pytest.mark.parametrize("clip", [optim.clip_value, optim.clip_norm])
@pytest.mark.parametrize("dtype", [int, complex, np.longdouble])
def test_clipping_names_a_gradient_of_another_dtype(clip, dtype):
    grads = {"a": np.array([3.0]), "b": np.ones(1, dtype)}
    with pytest.raises(
        DtypeError, match=rf"{clip.__name__}: gradient 'b' must be float32 or float64, found dtype"
    ):
        clip(grads, 1.0)
    assert grads["a"][0] == 3.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("clip", [optim.clip_value, optim.clip_norm])
def test_clipping_refuses_gradients_that_are_not_finite(clip, bad):
    grads = {"a": np.array([3.0, 4.0]), "0.weight_ih": np.array([0.0, bad])}
    with pytest.raises(
        FloatingPointError, match=rf"{clip.__name__}: gradient '0\.weight_ih' has {bad} at \[1\]"
    ):
        clip(grads, 1.0)
    assert np.array_equal(grads["a"], [3.0, 4.0])


@pytest.mark.parametrize("clip", [optim.clip_value, optim.clip_norm])
def test_clipping_names_a_read_only_gradient(clip):
    grads = {"a": np.array([3.0]), "b": np.array([4.0])}
    grads["b"].flags.writeable = False
    with pytest.raises(
        ValueError, match="gradient 'b' is read-only and is clipped in place; give a copy"
    ):
        clip(grads, 1.0)
    assert grads["a"][0] == 3.0


# Learning rates


@pytest.mark.quick
@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        (optim.Constant(0.5), {0: 0.5, 10**6: 0.5}),
        (optim.StepDecay(1.0, 3, 0.5), {0: 1.0, 2: 1.0, 3: 0.5, 5: 0.5, 6: 0.25, 30: 2.0**-10}),
        (optim.Cosine(1.0, 4), {0: 1.0, 1: 0.5 + math.sqrt(0.125), 2: 0.5, 3: 0.5 - math.sqrt(0.125), 4: 0.0, 9: 0.0}),
        (optim.Cosine(1.0, 6, floor=0.2), {0: 1.0, 2: 0.8, 3: 0.6, 4: 0.4, 6: 0.2, 7: 0.2}),
        (optim.WarmUp(optim.Constant(2.0), 4), {0: 0.5, 1: 1.0, 2: 1.5, 3: 2.0, 4: 2.0, 99: 2.0}),
        (optim.WarmUp(optim.StepDecay(1.0, 2, 0.5), 4), {0: 0.25, 1: 0.5, 2: 0.375, 3: 0.5, 4: 0.25}),
    ],
)  # fmt: skip
def test_schedules_are_pure_functions_with_these_values(schedule, wanted):
    for step in reversed(wanted):
        assert schedule(step) == pytest.approx(wanted[step], rel=1e-14, abs=1e-16)
    assert [schedule(step) for step in wanted] == [schedule(step) for step in wanted]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("options", "metrics", "wanted"),
    [
        (
            {"patience": 1},
            [3, 2, 2, 2, 2, 2, 1, 1, 1],
            [1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001],
        ),
        ({"patience": 0, "factor": 0.5, "floor": 0.2}, [1, 1, 1, 1, 1], [1, 0.5, 0.25, 0.2, 0.2]),
        ({"patience": 0, "mode": "max", "factor": 0.5}, [1, 2, 1, 3, 3], [1, 1, 0.5, 0.5, 0.25]),
        (
            {"patience": 0, "cooldown": 2, "factor": 0.5},
            [1, 1, 1, 1, 1, 1],
            [1, 0.5, 0.5, 0.5, 0.25, 0.25],
        ),
        (
            {"patience": 0, "threshold": 0.1, "factor": 0.5},
            [1, 0.95, 0.89, 0.801],
            [1, 0.5, 0.5, 0.25],
        ),
        ({"patience": 0, "threshold": 0.1, "factor": 0.5}, [-1, -1.05, -1.2], [1, 0.5, 0.5]),
    ],
)
def test_on_plateau(options, metrics, wanted):
    plateau = optim.OnPlateau(1.0, **options)
    assert [plateau.update(m) for m in metrics] == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("k", range(6))
def test_on_plateau_continues_from_json(k):
    metrics = [5.0, 6.0, 4.0, 4.0, 4.0, 4.0, 3.0]
    whole, first = (optim.OnPlateau(1.0, patience=1, cooldown=1) for _ in range(2))
    rates = [whole.update(m) for m in metrics]
    for m in metrics[:k]:
        first.update(m)
    second = optim.OnPlateau(1.0, patience=1, cooldown=1)
    second.load_state_dict(json.loads(json.dumps(first.state_dict(), allow_nan=False)))
    assert [second.update(m) for m in metrics[k:]] == rates[k:]


# L-BFGS


def rosenbrock(params):
    def closure():
        x, y = float(params["x"][0]), float(params["y"])
        grads = {
            "x": np.array([-400 * x * (y - x * x) - 2 * (1 - x)]),
            "y": np.array(200 * (y - x * x)),
        }
        return 100 * (y - x * x) ** 2 + (1 - x) ** 2, grads

    return closure


@pytest.mark.quick
def test_lbfgs_reaches_the_minimum_of_rosenbrock():
    params = {"x": np.array([-1.2]), "y": np.array(1.0)}
    x = params["x"]
    result = optim.lbfgs(rosenbrock(params), params, 200, gradient_tolerance=1e-9, loss_tolerance=0)
    assert result.converged
    assert params["x"] is x
    assert abs(x[0] - 1) < 1e-8
    assert abs(params["y"] - 1) < 1e-8
    assert result.loss == rosenbrock(params)()[0] < 1e-16
    assert 20 < result.iterations <= result.evaluations < 100


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-8), (np.float32, 1e-5)])
def test_lbfgs_solves_a_quadratic(dtype, tolerance):
    rng = np.random.default_rng(0)
    root = rng.normal(size=(8, 8))
    matrix, solution = root @ root.T + np.eye(8), rng.normal(size=8)
    params = {"a": np.zeros((2, 3), dtype), "b": np.zeros(2, dtype)}

    def closure():
        d = np.concatenate([params["a"].reshape(-1), params["b"]]) - solution
        g = (matrix @ d).astype(dtype)
        return 0.5 * float(d @ matrix @ d), {"a": g[:6].reshape(2, 3), "b": g[6:]}

    result = optim.lbfgs(closure, Model(params), gradient_tolerance=1e-10, loss_tolerance=0)
    found = np.concatenate([params["a"].reshape(-1), params["b"]])
    assert found.dtype == dtype
    np.testing.assert_allclose(found, solution, atol=tolerance)
    assert result.loss == closure()[0]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_lbfgs_keeps_the_best_where_the_loss_breaks(bad):
    params, losses = {"x": np.array([-1.2]), "y": np.array(1.0)}, []
    inner = rosenbrock(params)

    def closure():
        loss, grads = inner()
        losses.append(loss if len(losses) < 12 else bad)
        return losses[-1], grads

    result = optim.lbfgs(closure, params)
    assert not result.converged
    assert result.message == f"the loss is {bad} at evaluation 13"
    assert result.evaluations == 13
    assert result.loss == min(losses[:12]) == inner()[0] < 24


@pytest.mark.parametrize("k", range(2, 14))
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_lbfgs_interrupted_keeps_the_best_and_raises(error, k):
    params, losses = {"x": np.array([-1.2]), "y": np.array(1.0)}, []
    inner = rosenbrock(params)

    def closure():
        loss, grads = inner()
        if len(losses) == k:
            raise error
        losses.append(loss)
        return loss, grads

    with pytest.raises(error):
        optim.lbfgs(closure, params)
    assert inner()[0] == min(losses)


def test_lbfgs_interrupted_at_the_start_changes_nothing():
    params = {"x": np.array([0.1], np.float32)}

    def closure():
        params["x"] += 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        optim.lbfgs(closure, params)
    assert params["x"][0] == np.float32(0.1)


def test_lbfgs_stops_at_max_iter_with_the_best():
    params = {"x": np.array([-1.2]), "y": np.array(1.0)}
    result = optim.lbfgs(rosenbrock(params), params, 3)
    assert not result.converged
    assert result.iterations == 3
    assert result.loss == rosenbrock(params)()[0] < 24.2


def test_lbfgs_names_a_read_only_parameter():
    params = freeze({"x": np.array([-1.2]), "y": np.array(1.0)})
    with pytest.raises(ValueError, match="lbfgs: parameter 'x' is read-only"):
        optim.lbfgs(rosenbrock(params), params)
