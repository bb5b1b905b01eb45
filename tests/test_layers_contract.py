"""What every layer keeps to: registration, arguments, dtypes, saved values, chunks."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from rnnbp import layers
from rnnbp.layers import Layer
from rnnbp.numerics import Array
from tests.contract import CHUNK, STEPS, close, every_case, randomised
from tests.layer_bytes import taken
from tests.layer_case import Case, backward, freeze, outputs, present, same_bits
from tests.layer_cases import CASES

every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def subclasses(cls: type) -> Iterator[type]:
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


INSIDE = {
    "ParameterLayer", "ConstantLayer", "Product", "Transpose", "PenaltyTerm", "PenaltyFactor",
    "Choose", "Masked", "AdditiveScores",
}  # fmt: skip
"""Layers that operators and graphs add, whose arguments have other axes; they have tests of theirs."""


def concrete() -> set[type]:
    found = {cls for cls in subclasses(Layer) if cls.__module__.startswith("rnnbp.layers")}
    return {cls for cls in found if "__final__" in vars(cls) and cls.__name__ not in INSIDE}


def test_every_concrete_layer_has_a_case() -> None:
    found = {type(case.build("float64")) for case in CASES}
    assert {cls for cls in found if cls.__name__ not in INSIDE} == concrete()


def test_every_concrete_layer_is_exported() -> None:
    exported = {getattr(layers, name) for name in layers.__all__}
    assert exported == concrete() | {Layer, layers.Keeps}


def test_no_concrete_layer_has_subclasses() -> None:
    own = [
        sub
        for cls in concrete()
        for sub in cls.__subclasses__()
        if sub.__module__.startswith("rnnbp.")
    ]
    assert own == []


def test_case_names_are_unique() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


@every_case
def test_writes_to_no_argument_and_no_parameter(case: Case) -> None:
    layer, xs = randomised(case), case.inputs(CHUNK)
    kept = copy.deepcopy((xs, layer.params))
    freeze(xs, layer.params)
    y, saved = case.forward(layer, xs, length=STEPS)
    dy = case.deltas(y)
    freeze(y, saved, dy)
    kept_later = copy.deepcopy((outputs(y), saved, present(dy)))
    dxs, _ = backward(layer, saved, dy)
    freeze(dxs)
    backward(layer, saved, dy)
    assert same_bits(kept, (xs, layer.params))
    assert same_bits(tuple(kept_later[2]), tuple(present(dy)))
    assert same_bits(kept_later[:2], (outputs(y), saved))


@pytest.mark.one_in(4)
@every_case
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in-order", "reversed"])
def test_two_calls_do_not_disturb_each_other(case: Case, order: tuple[int, int]) -> None:
    layer = randomised(case)
    xs = [case.inputs(CHUNK, seed=seed) for seed in (10, 11)]

    def alone(k: int) -> Any:
        y, saved = case.forward(layer, xs[k], length=STEPS)
        return outputs(y), backward(layer, saved, case.deltas(y, seed=20 + k))

    expected = [alone(0), alone(1)]
    first, second = (case.forward(layer, xs[k], length=STEPS) for k in (0, 1))
    results: dict[int, Any] = {}
    for k in order:
        y, saved = (first, second)[k]
        results[k] = (outputs(y), backward(layer, saved, case.deltas(y, seed=20 + k)))
    assert same_bits((results[0], results[1]), tuple(expected))


@pytest.mark.one_in(4)
@every_case
@every_dtype
def test_keeps_the_dtype(case: Case, dtype: str) -> None:
    layer, xs = case.build(dtype), case.inputs(CHUNK, dtype)
    y, saved = case.forward(layer, xs, length=STEPS)
    dxs, grads = backward(layer, saved, case.deltas(y))
    found = {a.dtype.name for a in present(y, dxs, grads, layer.params)}
    assert found == {dtype}
    assert {a.dtype.name for a in present(saved) if a.dtype.kind in "fc"} <= {dtype}


@pytest.mark.one_in(4)
@every_case
@every_dtype
def test_saves_what_it_declares(case: Case, dtype: str) -> None:
    """The inputs and outputs themselves, in order, and extras of the declared shapes and dtypes."""
    layer, xs = case.build(dtype), case.inputs(CHUNK, dtype)
    y, saved = case.forward(layer, xs, length=STEPS)
    keeps = layer.keeps(*case.shapes)
    assert keeps is not None
    shared = [xs[k] for k in keeps.inputs] + [outputs(y)[k] for k in keeps.outputs]
    assert all(a is b for a, b in zip(saved, shared, strict=False))
    extras = keeps.extras if case.training or not layer.random else ()
    found = [(a.shape, a.dtype.name) for a in saved[len(shared) :]]
    assert found == [((*CHUNK, *shape), own or dtype) for shape, own in extras]


@every_case
def test_sets_no_attribute_after_init(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, xs = randomised(case), case.inputs(CHUNK)
    attributes, parameters = dict(vars(layer)), dict(layer.params)

    def refuse(self: object, key: str, value: object) -> None:
        raise AssertionError(f"{self} sets {key}")

    monkeypatch.setattr(Layer, "__setattr__", refuse)
    y, saved = case.forward(layer, xs, length=STEPS)
    backward(layer, saved, case.deltas(y))
    layer.output_shapes(*case.shapes)
    repr(layer)
    assert list(vars(layer)) == list(attributes)
    assert all(vars(layer)[key] is value for key, value in attributes.items())
    assert list(layer.params) == list(parameters)
    assert all(layer.params[key] is value for key, value in parameters.items())


def by_steps(case: Case, layer: Layer, xs: tuple[Array, ...]) -> tuple[list[Any], list[Any]]:
    pairs = [case.forward(layer, [x[t] for x in xs], step=t) for t in range(STEPS)]
    return [y for y, _ in pairs], [saved for _, saved in pairs]


def at(dy: Any, t: int) -> Any:
    if isinstance(dy, tuple):
        return tuple(None if d is None else d[t] for d in dy)
    return dy[t]


def steps_are(steps: list[Array | None], chunk: Array | None) -> None:
    """That the arrays of the steps make that of the chunk, or that all are None."""
    if chunk is None:
        assert steps == [None] * STEPS
        return
    assert all(step is not None for step in steps)
    close(np.stack(steps), chunk)


@every_case
def test_a_chunk_agrees_with_its_steps(case: Case) -> None:
    layer, xs = randomised(case), case.inputs(CHUNK)
    y, saved = case.forward(layer, xs, length=STEPS)
    dy = case.deltas(y)
    dxs, grads = backward(layer, saved, dy)
    ys, kept = by_steps(case, layer, xs)
    for k, part in enumerate(outputs(y)):
        close(np.stack([outputs(one)[k] for one in ys]), part)
    results = [backward(layer, kept[t], at(dy, t)) for t in range(STEPS)]
    for k, dx in enumerate(dxs):
        steps_are([step_dxs[k] for step_dxs, _ in results], dx)
    for key, grad in grads.items():
        close(sum(step_grads[key] for _, step_grads in results), grad)


@every_case
def test_stacked_saved_values_serve_one_backward(case: Case) -> None:
    layer, xs = randomised(case), case.inputs(CHUNK)
    y, saved = case.forward(layer, xs, length=STEPS)
    dy = case.deltas(y)
    _, kept = by_steps(case, layer, xs)
    assert {len(one) for one in kept} == {len(saved)}
    stacked = tuple(np.stack(parts) for parts in zip(*kept, strict=True))
    assert [a.shape for a in stacked] == [a.shape for a in saved]
    assert [a.dtype for a in stacked] == [a.dtype for a in saved]
    dxs, grads = backward(layer, saved, dy)
    stacked_dxs, stacked_grads = backward(layer, stacked, dy)
    for a, b in zip(present(stacked_dxs, stacked_grads), present(dxs, grads), strict=True):
        close(a, b)


@every_case
def test_saved_values_lead_with_the_batch_axes(case: Case) -> None:
    layer = randomised(case)
    _, saved = case.forward(layer, case.inputs(CHUNK), length=STEPS)
    assert all(a.shape[:2] == CHUNK for a in saved)


@pytest.mark.one_in(4)
@every_case
@pytest.mark.parametrize("batch", [CHUNK, (1, 1), (1,), ()], ids=str)
def test_parameter_gradients_belong_to_the_caller(case: Case, batch: tuple[int, ...]) -> None:
    layer, xs = randomised(case), case.inputs(batch)
    y, saved = case.forward(layer, xs)
    dy = case.deltas(y)
    grads = layer.backward_params(saved, dy)
    assert grads.keys() == layer.params.keys()
    for key, grad in grads.items():
        assert grad.shape == layer.params[key].shape
        assert grad.flags.writeable
        assert not any(np.shares_memory(grad, a) for a in present(xs, y, saved, dy, layer.params))
    again = list(grads.values())
    assert not any(np.shares_memory(a, b) for k, a in enumerate(again) for b in again[:k])


@every_case
def test_is_called_on_arrays_in_evaluation_mode(case: Case) -> None:
    layer, xs = randomised(case), case.inputs(CHUNK)
    assert same_bits(outputs(layer(*xs)), outputs(layer.forward(*xs)[0]))


@every_case
def test_initial_values_depend_on_the_seed_alone(case: Case) -> None:
    assert same_bits(case.build("float64").params, case.build("float64").params)
    single = case.build("float32").params
    double = {key: value.astype(np.float32) for key, value in case.build("float64").params.items()}
    assert same_bits(single, double)


ROWS = 12_000


@every_case
def test_needs_no_more_than_it_declares(case: Case) -> None:
    """Temporary arrays are within ``scratch``, but for NumPy's own buffers of 8192 elements."""
    found, declared, _ = taken(case, "float32", ROWS)
    assert all(a <= b + 70_000 for a, b in zip(found, declared, strict=True)), (
        f"found {found}, declared {declared}"
    )
