"""Symbols that a cell takes alone: what it makes of them is looked up, summed by symbol."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings

import rnnbp as rb
from tests.helpers import assert_close
from tests.lookups import CELLS, SYMBOLS, UNITS, layer_of, model_of, symbols, tables
from tests.programs import cells, half_square

pytest.importorskip("llvmlite")
FEW: Any = [lambda n: rb.schedules.Revolve(n, 2), lambda n: rb.schedules.ThinTapes(n, 3)]


@pytest.mark.long
@pytest.mark.one_in(6)
@pytest.mark.parametrize("checkpoint", ["all", *FEW], ids=["all", "revolve", "thin"])
@pytest.mark.parametrize("layer", ["embedding", "onehot"])
@pytest.mark.parametrize("cell", [*CELLS, "unit"])
def test_gradients_are_those_of_the_interpreter(cell: str, layer: str, checkpoint: Any) -> None:
    for dtype, rtol in (("float64", 1e-13), ("float32", 2e-5)):
        model, (x, target) = model_of(layer_of(layer, dtype), cell, dtype), symbols()
        assert tables(model, x) == 1
        given: Any = {"checkpoint": checkpoint, "chunk": 7}
        found, wanted = (
            rb.bptt(model, x, target, rb.losses.CrossEntropy(), backend=name, **given)
            for name in ("llvm", "interpreter")
        )
        assert_close(found, wanted, rtol)
        for one, other in zip(
            itertools.chain(*found.state), itertools.chain(*wanted.state), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=0, atol=rtol)


def wx_and_state() -> rb.Recurrent:
    """W x is the start of a sum that is made for all steps at once where the states are known."""
    x, h = rb.Input(13), rb.State(UNITS)
    v = rb.Dense(13, UNITS, bias=False, dtype="float64", rng=1)(x) + h
    return rb.Recurrent(rb.Cell(x, {h: rb.Tanh()(v)}, output=v))


@pytest.mark.long
@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@example(wx_and_state())
@given(cells())
def test_random_cells_that_take_symbols(cell: rb.Recurrent) -> None:
    (n,), rng = cell.cell.input_shapes[0], np.random.default_rng(4)
    model, x = (
        rb.Sequential(rb.Embedding(3, n, rng=0, dtype="float64"), cell),
        rng.integers(0, 3, (6, 2)),
    )
    state = (tuple(rng.normal(size=(2, *shape)) for shape in cell.cell.state_shapes),)
    wanted = rb.bptt(model, x, None, half_square, state=state, chunk=3, backend="interpreter")
    for checkpoint in ("all", *FEW):
        found = rb.bptt(
            model, x, None, half_square, state=state, chunk=3, checkpoint=checkpoint, backend="llvm"
        )
        assert found.loss == pytest.approx(wanted.loss, rel=1e-11)
        for name, grad in wanted.grads.items():
            np.testing.assert_allclose(
                found.grads[name],
                grad,
                rtol=0,
                atol=1e-11 * max(1, np.abs(grad).max()),
                err_msg=name,
            )


@pytest.mark.parametrize("cell", ["lstm", pytest.param("unit", marks=pytest.mark.long)])
def test_bits_do_not_depend_on_schedule_or_threads(
    cell: str, monkeypatch: pytest.MonkeyPatch, use_threads: Callable[[int], None]
) -> None:
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    monkeypatch.setattr("rnnbp.runners.llvm.affine.WAKING", 1)
    model, (x, target) = model_of(layer_of("embedding", "float32"), cell, "float32"), symbols()
    found = []
    for threads, checkpoint in ((1, "all"), (3, "all"), (1, "sqrt"), (3, FEW[0])):
        use_threads(threads)
        found.append(
            rb.bptt(model, x, target, rb.losses.CrossEntropy(), checkpoint=checkpoint, chunk=4)
        )
    for other in found[1:]:
        for name, grad in found[0].grads.items():
            np.testing.assert_array_equal(other.grads[name], grad, err_msg=name)


def test_symbols_of_a_stream_may_come_later() -> None:
    model, (x, target) = model_of(layer_of("embedding", "float64"), "gru"), symbols()

    def pieces(of: np.ndarray) -> Iterator[np.ndarray]:
        yield from np.split(of, [3, 11, 30])

    loss = rb.losses.CrossEntropy()
    found = rb.bptt(
        model,
        pieces(x),
        pieces(target),
        loss,
        chunk=8,
        backend="llvm",
        checkpoint=rb.schedules.Online(2),
    )
    assert_close(found, rb.bptt(model, x, target, loss, chunk=8, backend="interpreter"), 1e-13)


def test_tied_weights_and_two_tables() -> None:
    """A layer that two Recurrents take, each alone, and that is the head, adds all gradients."""
    layer = rb.Embedding(SYMBOLS, UNITS, rng=0, dtype="float64")
    head = rb.Dense(UNITS, SYMBOLS, rng=2, dtype="float64")
    head.params["weight"] = layer.params["weight"]
    value = rb.Input()
    cells = [rb.GRU(UNITS, UNITS, rng=seed, dtype="float64") for seed in (1, 2)]
    model = rb.Graph(value, head(cells[0](layer(value)) + cells[1](layer(value))))
    x, target = symbols()
    assert tables(model, x) == 2
    found, wanted = (
        rb.bptt(model, x, target, rb.losses.CrossEntropy(), chunk=7, backend=name)
        for name in ("llvm", "interpreter")
    )
    assert_close(found, wanted, 1e-13)


@pytest.mark.parametrize("bad", [SYMBOLS, -1, 10**12])
def test_symbols_that_change_while_it_runs(bad: int) -> None:
    """x is the caller's own memory: out of range is an error, never a row of other memory."""
    model, (x, target) = model_of(layer_of("embedding", "float64"), "rnn"), symbols()
    loss = rb.losses.CrossEntropy()

    def spoiling(y: np.ndarray, wanted: np.ndarray) -> Any:
        x[0, 0] = bad
        return loss.summed(y, wanted)

    with pytest.raises(IndexError, match=f"found {bad} at"):
        rb.bptt(model, x, target, spoiling, chunk=8, checkpoint=FEW[0], backend="llvm")


@pytest.mark.parametrize(
    ("kind", "name", "value"), [("embedding", "n_symbols", 10), ("onehot", "dtype", "float64")]
)
def test_a_layer_stays_what_its_table_was_made_for(kind: str, name: str, value: Any) -> None:
    """An assignment raises, and the next run is as the one before."""
    layer, (x, target) = layer_of(kind, "float32"), symbols()
    model = model_of(layer, "lstm", "float32")
    before = rb.bptt(model, x, target, rb.losses.CrossEntropy(), backend="llvm")
    with pytest.raises(AttributeError, match="frozen"):
        setattr(layer, name, value)
    assert_close(rb.bptt(model, x, target, rb.losses.CrossEntropy(), backend="llvm"), before, 0)


def test_a_number_out_of_range_goes_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where x has been put right again before it is looked at."""
    model, (x, target) = model_of(layer_of("embedding", "float64"), "rnn"), symbols()
    x[0, 0] = SYMBOLS
    monkeypatch.setattr(rb.Embedding, "check", lambda self, x: None)
    with pytest.raises(IndexError, match="has changed"):
        rb.bptt(model, x, target, rb.losses.CrossEntropy(), backend="llvm")
