"""Parameters of models: written into, copied, pickled, replaced, tied and untied."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.trainer_runs import same

SYMBOLS = np.random.default_rng(0).integers(0, 4, (6, 3))


def small(seed: int = 0) -> rb.Sequential:
    rng = np.random.default_rng(seed)
    return rb.Sequential(
        rb.Embedding(4, 3, rng=rng), rb.LSTM(3, 5, rng=rng), rb.Dense(5, 4, rng=rng)
    )


def gradients(model: Any) -> dict[str, np.ndarray]:
    return rb.bptt(model, SYMBOLS, SYMBOLS, rb.losses.CrossEntropy()).grads


def by_update(model: Any, best: dict[str, np.ndarray]) -> None:
    model.params.update(best)


def by_pairs(model: Any, best: dict[str, np.ndarray]) -> None:
    model.params.update(list(best.items()))


def by_or(model: Any, best: dict[str, np.ndarray]) -> None:
    model.params |= best


def by_setting(model: Any, best: dict[str, np.ndarray]) -> None:
    model.params = best


def by_lists(model: Any, best: dict[str, np.ndarray]) -> None:
    model.params.update({name: p.astype(float).tolist() for name, p in best.items()})


@pytest.mark.parametrize("restore", [by_update, by_pairs, by_or, by_setting, by_lists])
def test_best_parameters_are_written_back(restore: Callable[[Any, Any], None]) -> None:
    model = small()
    live, best = dict(model.params), model.params.copy()
    for p in model.params.values():
        p += 1
    restore(model, best)
    assert same(model.params, best)
    assert all(model.params[name] is p for name, p in live.items())


def test_some_parameters_are_updated_and_others_stay() -> None:
    model, before = small(), small().params.copy()
    model.params.update({"2.bias": np.arange(4.0)})
    np.testing.assert_array_equal(model.params["2.bias"], np.arange(4, dtype=np.float32))
    assert same({**model.params, "2.bias": before["2.bias"]}, before)


def test_two_parameters_change_places() -> None:
    model = rb.Sequential(rb.Dense(3, 3, rng=0), rb.Dense(3, 3, rng=1))
    a, b = (model.params[name].copy() for name in ("0.weight", "1.weight"))
    model.params.update(
        {"0.weight": model.params["1.weight"], "1.weight": model.params["0.weight"].T.T}
    )
    np.testing.assert_array_equal(model.params["0.weight"], b)
    np.testing.assert_array_equal(model.params["1.weight"], a)


def frozen(params: Any) -> dict[str, Any]:
    params["2.bias"].flags.writeable = False
    return {"2.bias": np.zeros(4)}


UNFIT: dict[str, tuple[Callable[[Any], dict[str, Any]], type[Exception], str]] = {
    "a name": (
        lambda p: {"2.bais": p["2.bias"]},
        ValueError,
        r"no parameter is called '2\.bais' \(did you mean '2\.bias'\?\); the network's are 0\.weight",
    ),
    "a shape": (
        lambda p: {"2.bias": np.zeros((4, 1))},
        rb.ShapeError,
        r"'2\.bias' must have shape \(4,\), found \(4, ",
    ),
    "a number": (
        lambda p: {"2.bias": 0.0},
        rb.ShapeError,
        r"'2\.bias' must have shape \(4,\), found \(\)",
    ),
    "complex": (
        lambda p: {"2.bias": np.zeros(4, complex)},
        rb.DtypeError,
        "has dtype complex128; give real numbers",
    ),
    "text": (lambda p: {"2.bias": list("abcd")}, rb.DtypeError, "has dtype <U1"),
    "a mask": (lambda p: {"2.bias": np.ma.zeros(4)}, TypeError, "is a masked array"),
    "beyond float32": (
        lambda p: {"2.bias": np.full(4, 1e300)},
        ValueError,
        r"'2\.bias' has 1e\+300 at \[0\], beyond",
    ),
    "read-only": (frozen, ValueError, r"'2\.bias' is read-only"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_does_not_fit_changes_nothing(case: str) -> None:
    make, error, message = UNFIT[case]
    model, before = small(), small().params.copy()
    values = {"0.weight": np.zeros((4, 3)), **make(model.params)}
    with pytest.raises(error, match=message):
        model.params.update(values)
    assert same(model.params, before)


REFUSED: dict[str, Callable[[Any], object]] = {
    "del": lambda params: params.__delitem__("2.bias"),
    "pop": lambda params: params.pop("2.bias"),
    "pop with a default": lambda params: params.pop("no", None),
    "popitem": lambda params: params.popitem(),
    "clear": lambda params: params.clear(),
    "setdefault": lambda params: params.setdefault("new", np.zeros(1)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_parameters_cannot_be_removed_or_added(case: str) -> None:
    model, before = small(), small().params.copy()
    with pytest.raises(
        TypeError, match="they are the network's own: build another network, or take a copy"
    ):
        REFUSED[case](model.params)
    assert same(model.params, before)


def test_all_must_be_given_where_all_are_set() -> None:
    model = small()
    with pytest.raises(
        ValueError, match=r"^params: 0\.weight, .* missing; give them all, or use params\.update"
    ):
        model.params = {"2.bias": np.zeros(4)}


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy()": lambda o: o.copy(),
    "copy.copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda o: pickle.loads(pickle.dumps(o)),
    "pickle 2": lambda o: pickle.loads(pickle.dumps(o, protocol=2)),
}


@pytest.mark.quick
@pytest.mark.parametrize("how", COPIES)
def test_copies_of_parameters_are_plain_and_share_no_memory(how: str) -> None:
    model, before = small(), small().params.copy()
    found = COPIES[how](model.params)
    for p in model.params.values():
        p += 1
    assert type(found) is dict
    assert same(found, before)
    found["new"] = found.pop("2.bias")  # it is a dict like any other


BOTH = {name: COPIES[name] for name in ("deepcopy", "pickle")}
PARTS: dict[str, Callable[[rb.Sequential], Any]] = {
    "the model": lambda m: m,
    "an optimiser": lambda m: rb.optim.Adam(m),
    "a plan": lambda m: rb.plan(
        m, rb.losses.CrossEntropy(), steps=6, batch=3, budget="10 MB", x_shape=()
    ),
    "a result": lambda m: rb.bptt(m, SYMBOLS, SYMBOLS, rb.losses.CrossEntropy()),
    "a trainer": lambda m: rb.Trainer(m, rb.optim.Adam(m), rb.losses.CrossEntropy()),
}


@pytest.mark.parametrize("how", BOTH)
@pytest.mark.parametrize("part", PARTS)
def test_a_model_and_what_goes_with_it_survive_copies_after_a_run(part: str, how: str) -> None:
    model = small()
    expected = gradients(model)
    again, _ = BOTH[how]((model, PARTS[part](model)))
    assert same(gradients(again), expected)
    again.params["2.bias"][...] += 1
    assert same(gradients(model), expected)


@pytest.mark.parametrize("how", BOTH)
def test_a_plan_that_was_copied_runs(how: str) -> None:
    model = small()
    plan = BOTH[how](PARTS["a plan"](model))
    found = rb.bptt(model, SYMBOLS, SYMBOLS, rb.losses.CrossEntropy(), checkpoint=plan, dx=None)
    assert found.stats.peak_bytes <= plan.budget
    assert same(
        found.grads,
        rb.bptt(model, SYMBOLS, SYMBOLS, rb.losses.CrossEntropy(), chunk=plan.chunk).grads,
    )
    assert str(plan) == str(BOTH[how](plan))


@pytest.mark.parametrize("how", BOTH)
def test_a_trainer_that_was_copied_goes_on_alike(how: str) -> None:
    data = rb.Sequences(SYMBOLS.T, SYMBOLS.T, batch_size=2)
    model = small()
    trainer = rb.Trainer(model, rb.optim.Adam(model), rb.losses.CrossEntropy(), progress=False)
    trainer.fit(data, steps=3)
    again = BOTH[how](trainer)
    assert again.fit(data, until_steps=6).losses == trainer.fit(data, until_steps=6).losses
    assert same(again.model.params, model.params)


@pytest.mark.parametrize("how", BOTH)
def test_an_optimiser_that_was_copied_with_its_model_updates_it(how: str) -> None:
    model = small()
    optimizer = rb.optim.Adam(model)
    optimizer.step(gradients(model))
    again, its_model = BOTH[how]((optimizer, model))
    for rule, own in ((optimizer, model), (again, its_model)):
        rule.step(gradients(own))
    assert same(its_model.params, model.params)


@pytest.mark.long
def test_a_model_in_a_spawned_process() -> None:
    model = small()
    expected = gradients(model)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert same(pool.apply(gradients, (model,)), expected)


def test_read_only_parameters_can_be_run_and_not_trained() -> None:
    """As joblib hands large arrays to its workers."""
    model = small()
    expected = gradients(model)
    for p in model.params.values():
        p.flags.writeable = False
    assert same(gradients(model), expected)
    with pytest.raises(ValueError, match=r"Adam: parameter '0\.weight' is read-only"):
        rb.optim.Adam(model).step(expected)
