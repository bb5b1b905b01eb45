"""The layer contract, for every layer in every option."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rnnbp import layers
from rnnbp.layers import Layer
from rnnbp.numerics import Array, ShapeError
from tests.layer_bytes import taken
from tests.layer_cases import CASES, Case, backward, freeze, outputs, present, same_bits

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
STEPS, BATCH = 3, 4
CHUNK = (STEPS, BATCH)


def randomised(case: Case, dtype: str = "float64") -> Layer:
    """The layer, with parameters that are not at special values such as one or zero."""
    layer, rng = case.build(dtype), np.random.default_rng(5)
    for value in layer.params.values():
        value[...] = rng.normal(size=value.shape)
    return layer


def subclasses(cls: type) -> Iterator[type]:
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


def concrete() -> set[type]:
    found = {cls for cls in subclasses(Layer) if cls.__module__.startswith("rnnbp.layers")}
    return {cls for cls in found if "__final__" in vars(cls)}


def test_every_concrete_layer_has_a_case() -> None:
    assert {type(case.build("float64")) for case in CASES} == concrete()


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
        if dx is None:
            assert [step_dxs[k] for step_dxs, _ in results] == [None] * STEPS
        else:
            close(np.stack([step_dxs[k] for step_dxs, _ in results]), dx)
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


def strided(a: Array) -> Array:
    return np.stack([a, np.full_like(a, 99)], axis=-1).reshape(*a.shape[:-1], -1)[..., ::2]


def transposed(a: Array) -> Array:
    return np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1)


def backwards(a: Array) -> Array:
    return np.ascontiguousarray(np.flip(a))[(slice(None, None, -1),) * a.ndim]


@pytest.mark.one_in(4)
@every_case
@pytest.mark.parametrize("layout", [strided, transposed, backwards], ids=lambda f: f.__name__)
def test_any_memory_layout_gives_the_same_values(
    case: Case, layout: Callable[[Array], Array]
) -> None:
    layer, xs = randomised(case), case.inputs(CHUNK)
    y, saved = case.forward(layer, xs, length=STEPS)
    dy = case.deltas(y)
    odd_xs = tuple(layout(x) for x in xs)
    assert not any(x.flags.c_contiguous for x in odd_xs if x.size > 1)
    odd_y, odd_saved = case.forward(layer, odd_xs, length=STEPS)
    odd_dy = (
        tuple(None if d is None else layout(d) for d in dy) if isinstance(dy, tuple) else layout(dy)
    )
    freeze(odd_xs, odd_saved, odd_dy)
    found, expected = backward(layer, odd_saved, odd_dy), backward(layer, saved, dy)
    for a, b in zip(present(odd_y, *found), present(y, *expected), strict=True):
        close(a, b)


@pytest.mark.one_in(4)
@every_case
@pytest.mark.parametrize("batch", [(1, 1), (1,), (1, BATCH), (STEPS, 1)], ids=str)
def test_batch_axes_of_one(case: Case, batch: tuple[int, ...]) -> None:
    layer, chunk = randomised(case), case.inputs(CHUNK)
    picked = [0 if n == 1 else slice(None) for n in batch]
    xs = tuple(x[tuple(picked)] if len(batch) == 2 else x[0, 0] for x in chunk)
    ones = tuple(np.reshape(x, (*batch, *shape)) for x, shape in zip(xs, case.shapes, strict=True))
    y, saved = layer.forward(*ones)
    dy = case.deltas(y)
    dxs, grads = backward(layer, saved, dy)
    whole, _ = layer.forward(*chunk)
    for part, all_of_it in zip(outputs(y), outputs(whole), strict=True):
        assert part.shape[: len(batch)] == batch
        corner = (0,) * len(batch)
        close(part[corner], all_of_it[0, 0])
    assert [None if d is None else d.shape for d in dxs] == [
        None if case.symbols else x.shape for x in ones
    ]
    assert all(grads[key].shape == value.shape for key, value in layer.params.items())


@pytest.mark.one_in(4)
@every_case
@pytest.mark.parametrize("batch", [(0,), (STEPS, 0), ()], ids=str)
def test_no_batch_and_an_empty_batch(case: Case, batch: tuple[int, ...]) -> None:
    layer, xs = randomised(case), case.inputs(batch)
    y, saved = case.forward(layer, xs)
    dxs, grads = backward(layer, saved, case.deltas(y))
    for part, shape in zip(outputs(y), layer.output_shapes(*case.shapes), strict=True):
        assert part.shape == (*batch, *(shape or ()))
    assert [None if d is None else d.shape for d in dxs] == [
        None if case.symbols else x.shape for x in xs
    ]
    if 0 in batch:
        assert not any(grad.any() for grad in grads.values())


@every_case
def test_output_shapes_are_those_of_the_output(case: Case) -> None:
    layer = randomised(case)
    y, _ = layer.forward(*case.inputs(CHUNK))
    assert layer.output_shapes(*case.shapes) == tuple(part.shape[2:] for part in outputs(y))
    assert len(outputs(y)) == layer.n_outputs
    unknown = layer.output_shapes(*(None for _ in case.shapes))
    assert len(unknown) == layer.n_outputs
    for shape, part in zip(unknown, outputs(y), strict=True):
        assert shape in (None, part.shape[2:])


@every_case
def test_inputs_that_do_not_fit(case: Case) -> None:
    layer = case.build("float64")
    if case.wrong is None:
        with pytest.raises(ShapeError) as raised:
            layer.output_shapes(*case.shapes, *case.shapes)
        assert str(layer) in str(raised.value)
        assert "found 2" in str(raised.value)
        return
    with pytest.raises(ShapeError) as raised:
        layer.output_shapes(*case.wrong.shapes)
    assert [part for part in (str(layer), *case.wrong.says) if part not in str(raised.value)] == []


FITTED = [case for case in CASES if case.wrong is not None and case.wrong.forward]


@pytest.mark.parametrize("case", FITTED, ids=lambda case: case.id)
def test_arrays_that_do_not_fit(case: Case) -> None:
    assert case.wrong is not None
    layer = case.build("float64")
    batch = () if "at least" in case.wrong.says[0] else (2,)
    with pytest.raises(ShapeError) as raised:
        layer.forward(*(np.zeros((*batch, *shape)) for shape in case.wrong.shapes))
    said = [part for part in case.wrong.says if not part.startswith("(")]
    assert [part for part in (str(layer), *said) if part not in str(raised.value)] == []


@every_case
def test_the_wrong_number_of_inputs(case: Case) -> None:
    layer = case.build("float64")
    many = (*case.shapes, case.shapes[0])
    if type(layer) is layers.Multiply:
        assert layer.output_shapes(*many) == layer.output_shapes(*case.shapes)
        return
    with pytest.raises(ShapeError) as raised:
        layer.output_shapes(*many)
    assert str(layer) in str(raised.value)
    assert f"found {len(many)}" in str(raised.value)


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


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


ROWS = 12_000


@every_case
def test_needs_no_more_than_it_declares(case: Case) -> None:
    """Temporary arrays by tracemalloc within ``scratch``, NumPy's own buffers of 8192 elements aside."""
    found, declared, _ = taken(case, "float32", ROWS)
    assert all(a <= b + 70_000 for a, b in zip(found, declared, strict=True)), (
        f"found {found}, declared {declared}"
    )
