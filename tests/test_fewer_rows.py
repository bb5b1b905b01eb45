"""Chunks of fewer rows than the batch: the same values as in it, in the same memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.rng import Context
from rnnbp.runners.backend import Backend
from rnnbp.runners.base import ROW_COUNTS
from rnnbp.runners.select import Runners
from rnnbp.runners.workspace import Workspace
from tests import input_cells, models
from tests.fewer_rows import (
    BACKENDS,
    LLVM,
    alone,
    compare,
    cut,
    everything,
    given_to,
    prepared,
    runner_of,
)
from tests.helpers import UseThreads, assert_same_arrays, assert_same_named, reals
from tests.programs import layout_of
from tests.random_layers import LAYERS

LENGTH, BATCH = 6, 7


def read_off_after(n: int) -> rb.Cell:
    """A cell whose output is a product of the state after the step, where a gradient begins."""
    x, h = rb.Input(3), rb.State(n, "h")
    h_new = rb.Tanh()(input_cells.dense(3, n, n=n)(x, h))
    return rb.Cell(x, {h: h_new}, output=input_cells.dense(n, n=5, rng=1)(h_new))


INPUTS = {
    "static gate": input_cells.static_gate,
    "one product": input_cells.one_product,
    "static term": input_cells.static_term,
    "state after": read_off_after,
}


def several(name: str) -> rb.Recurrent:
    """A cell of several inputs, some of them static."""
    return rb.Recurrent(INPUTS[name](9))


def drawing(name: str) -> rb.Recurrent:
    """A cell with a random layer."""
    x, h = rb.Input(3), rb.State(9, "h")
    new = rb.Tanh()(rb.Dense((3, 9), 9, rng=0, dtype="float64")(x, h))
    h_new = LAYERS[name](h, new)
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=LAYERS[name](h_new, new)))


def check(
    model: rb.Recurrent, backend: str, rows: int, *, length: int = LENGTH, batch: int = BATCH
) -> None:
    """Fewer rows in turn with the whole batch, whose bits they do not change."""
    runner, given = runner_of(model, backend, length, batch), given_to(model, length, batch)
    first = everything(model, runner, given)
    whole = everything(model, runner, alone(model, given, rows))
    part = runner.of_rows(rows)
    found = everything(model, part, cut(model, given, rows))
    compare(model, found, whole, rows, 1e-12)
    assert_same_named(everything(model, runner, given), first)
    assert_same_named(everything(model, part, cut(model, given, rows)), found)


@pytest.mark.one_in(60, "backend")
@pytest.mark.parametrize("rows", [1, 2, 6])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", models.CELLS)
def test_every_cell(cell: str, backend: str, rows: int) -> None:
    check(models.CELLS[cell](3, 9, "float64"), backend, rows)


@pytest.mark.one_in(12, "cell")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", INPUTS)
def test_inputs_of_a_sequence_and_outputs_of_products(cell: str, backend: str) -> None:
    check(several(cell), backend, 3)


@pytest.mark.one_in(12, "backend")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("layer", LAYERS)
def test_a_row_draws_the_same_numbers(layer: str, backend: str) -> None:
    check(drawing(layer), backend, 2)


@pytest.mark.one_in(6, "backend")
@pytest.mark.parametrize("backend", [*LLVM, "numpy"])
@pytest.mark.parametrize(("length", "batch", "rows"), [(40, 33, 32), (20, 600, 599), (20, 600, 31)])
def test_chunks_in_blocks_and_pieces(length: int, batch: int, rows: int, backend: str) -> None:
    """Of several steps each for fewer rows, of one step for the whole batch of 600."""
    check(rb.LSTM(3, 7, rng=0, dtype="float64"), backend, rows, length=length, batch=batch)


@pytest.mark.skipif(not LLVM, reason="needs llvmlite")
def test_symbols_in_a_table() -> None:
    layer, model = (
        rb.Embedding(9, 12, rng=0, dtype="float64"),
        rb.GRU(12, 8, rng=1, dtype="float64"),
    )
    given, x = given_to(model, LENGTH, BATCH), np.random.default_rng(0).integers(9, size=(6, BATCH))
    runner, _ = prepared(layout_of(model.cell, given[:1]), "llvm", LENGTH, layer)
    assert runner.table is not None
    given[0], both = runner.table.numbers(x), rb.Sequential(layer, model)
    whole = everything(model, runner, alone(model, given, 3), both)
    found = everything(model, runner.of_rows(3), cut(model, given, 3), both)
    compare(model, found, whole, 3, 1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_that_are_packed_again(backend: str) -> None:
    model = rb.LSTM(3, 9, rng=2, dtype="float64")
    given = given_to(model, LENGTH, BATCH)
    layout, few = layout_of(model.cell, given[:1]), cut(model, given, 3)
    runner, runners = prepared(layout, backend, LENGTH)
    everything(model, runner.of_rows(3), few)
    for array in model.params.values():
        array += 0.1
    runner.renew()
    runners.pack()
    expected = everything(model, prepared(layout, backend, LENGTH)[0].of_rows(3), few)
    assert_same_named(everything(model, runner.of_rows(3), few), expected)


@pytest.mark.skipif(not LLVM, reason="needs llvmlite")
@pytest.mark.one_in(2)
@pytest.mark.parametrize("rows", [1, 5])
def test_threads_change_no_bit(
    rows: int, use_threads: UseThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = rb.LSTM(3, 40, rng=0, dtype="float64")
    given, found = given_to(model, 20, 6), []
    for n, waking, reading in ((1, 10**7, 2**19), (2, 1, 1), (3, 1, 2**62)):
        use_threads(n)
        monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", waking)
        monkeypatch.setattr("rnnbp.runners.llvm.sharing.READING", reading)
        part = runner_of(model, "llvm", 20, 6).of_rows(rows)
        found.append(everything(model, part, cut(model, given, rows)))
    assert_same_named(found[1], found[0])
    assert_same_named(found[2], found[0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_as_many_rows_are_the_runner_itself(backend: str) -> None:
    runner = runner_of(rb.GRU(3, 4, rng=0, dtype="float64"), backend, LENGTH, BATCH)
    assert runner.of_rows(BATCH) is runner
    assert runner.of_rows(3).layout.batch == 3
    assert runner.of_rows(3) is runner.of_rows(3)


@pytest.mark.long
@pytest.mark.parametrize("backend", [*LLVM, "numpy"])
def test_many_numbers_of_rows_take_no_more_memory_than_a_few(backend: str) -> None:
    model, batch = rb.LSTM(3, 16, rng=0, dtype="float64"), 60
    runner, given = runner_of(model, backend, LENGTH, batch), given_to(model, LENGTH, batch)
    everything(model, runner, given)
    for rows in range(1, ROW_COUNTS + 2):
        everything(model, runner.of_rows(rows), cut(model, given, rows))
    tracemalloc.start()
    try:
        for rows in range(20, batch):
            everything(model, runner.of_rows(rows), cut(model, given, rows))
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < ROW_COUNTS * 25_000


@pytest.mark.parametrize("per", ["step", "sequence"])
@pytest.mark.parametrize("length", [(), (3,)])
def test_numbers_of_a_row_do_not_depend_on_how_many_rows_there_are(
    length: tuple[int, ...], per: Any
) -> None:
    context = Context(seed=1, length=next(iter(length), None))
    for draw in (context.uniform, context.normal):
        few, many = (draw((*length, rows, 1000), per=per) for rows in (3, 50))
        assert_same_arrays([few], [many[..., :3, :]])


@pytest.mark.skipif(not LLVM, reason="needs llvmlite")
def test_a_dense_that_keeps_no_table_has_the_same_bits() -> None:
    layer, x, dy = rb.Dense(5, 4, rng=0, dtype="float64"), reals(9, 3, 5), reals(9, 3, 4, seed=1)
    network = rb.Sequential(layer)
    dense = Runners(Backend("llvm"), Workspace()).layer(layer, x.dtype, brief=False)
    assert dense is not None
    found = []
    for once in (True, False):
        grads = Accumulators(network)
        y, saved = dense.forward(x, once=once)
        found.append([y, dense.backward(saved, dy, grads, once=once), *grads.grads.values()])
    assert_same_arrays(*found)
