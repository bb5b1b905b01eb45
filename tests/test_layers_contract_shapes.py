"""What every layer keeps to in any shape and memory layout, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from rnnbp import layers
from rnnbp.numerics import Array, ShapeError
from tests.contract import BATCH, CHUNK, STEPS, close, every_case, randomised
from tests.layer_case import Case, Wrong, backward, freeze, outputs, present
from tests.layer_cases import CASES


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
    dxs, _ = backward(layer, saved, case.deltas(y))
    for part, shape in zip(outputs(y), layer.output_shapes(*case.shapes), strict=True):
        assert part.shape == (*batch, *(shape or ()))
    assert [None if d is None else d.shape for d in dxs] == [
        None if case.symbols else x.shape for x in xs
    ]


@pytest.mark.one_in(4)
@every_case
@pytest.mark.parametrize("batch", [(0,), (STEPS, 0)], ids=str)
def test_an_empty_batch_adds_nothing_to_gradients(case: Case, batch: tuple[int, ...]) -> None:
    layer = randomised(case)
    y, saved = case.forward(layer, case.inputs(batch))
    _, grads = backward(layer, saved, case.deltas(y))
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
    wrong = case.wrong or Wrong((*case.shapes, *case.shapes), ("found 2",))
    with pytest.raises(ShapeError) as raised:
        layer.output_shapes(*wrong.shapes)
    assert [part for part in (str(layer), *wrong.says) if part not in str(raised.value)] == []


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


MULTIPLY = [case for case in CASES if isinstance(case.build("float64"), layers.Multiply)]
OTHERS = [case for case in CASES if case not in MULTIPLY]


@pytest.mark.parametrize("case", MULTIPLY, ids=lambda case: case.id)
def test_multiply_takes_any_number_of_inputs(case: Case) -> None:
    layer = case.build("float64")
    many = (*case.shapes, case.shapes[0])
    assert layer.output_shapes(*many) == layer.output_shapes(*case.shapes)


@pytest.mark.parametrize("case", OTHERS, ids=lambda case: case.id)
def test_the_wrong_number_of_inputs(case: Case) -> None:
    layer = case.build("float64")
    many = (*case.shapes, case.shapes[0])
    with pytest.raises(ShapeError) as raised:
        layer.output_shapes(*many)
    assert str(layer) in str(raised.value)
    assert f"found {len(many)}" in str(raised.value)
