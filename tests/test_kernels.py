"""Kernels: equal to the interpreter for every cell and random cells; their functions, threads, bytes and bits."""

from __future__ import annotations

import gc
import math
import os
import re
import signal
import sys
import threading
import time
import tracemalloc
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

if not find_spec("llvmlite"):
    pytest.skip("needs llvmlite", allow_module_level=True)

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rnnbp as rb
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.compiler.passes import RULES
from rnnbp.compiler.weights import Matrix, Rows
from rnnbp.graph.layout import Layout
from rnnbp.inputs.problem import as_model
from rnnbp.machine import cache, compile, mathematics
from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.records import located, place
from rnnbp.machine.target import vector_bytes
from rnnbp.machine.tasks import FOLLOWS, ROW, Signature, together
from rnnbp.machine.team import handoff, threads
from rnnbp.runners.llvm import groups, pointwise
from rnnbp.runners.llvm.cell import shared
from rnnbp.runners.llvm.dense import DenseKernel, DenseKernelSizes
from rnnbp.runners.llvm.factory import KernelFactory
from rnnbp.runners.llvm.groups import Group
from rnnbp.runners.llvm.packing import Panels, fill
from rnnbp.runners.llvm.sizes import kernel_sizes
from rnnbp.runners.workspace import Workspace
from tests import models
from tests.programs import agree, cells, half_square

SLOW: Any = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}
COMPILED = [name for name in models.CELLS if name not in ("network in cell",)]


def reals(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


def kernels(layout: Layout, without: frozenset[str]) -> Any:
    return KernelFactory(Workspace(threads=threads.count()), without).runner(layout, None)


def same(a: Any, b: Any) -> None:
    assert a.loss == b.loss
    np.testing.assert_array_equal(a.dx, b.dx)
    for key in a.grads:
        np.testing.assert_array_equal(a.grads[key], b.grads[key])


def address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


def is_python(model: rb.Recurrent) -> bool:
    """Whether a layer runs as Python."""
    return (
        kernel_sizes(Layout(model.cell, model.cell.input_shapes[0], 3, np.dtype("float64"))) is None
    )


@pytest.mark.one_in(16)
@pytest.mark.parametrize(
    "without",
    [(), *((rule,) for rule in RULES), RULES],
    ids=lambda rules: "+".join(rules) or "none",
)
@pytest.mark.parametrize("cell", COMPILED)
def test_every_cell_without_each_rule(cell: str, without: tuple[str, ...]) -> None:
    agree(models.CELLS[cell](3, 4, "float64"), reals(7, 5, 3), without, kernels)


@pytest.mark.one_in(8, "shape")
@pytest.mark.parametrize("shape", [(1, 5, 3), (7, 1, 3), (1, 1, 3), (700, 7, 3)])
@pytest.mark.parametrize("cell", COMPILED)
def test_every_cell_in_every_shape(cell: str, shape: tuple[int, ...]) -> None:
    agree(models.CELLS[cell](3, 37, "float64"), reals(*shape), (), kernels)


@pytest.mark.one_in(8, "nbytes")
@pytest.mark.parametrize("nbytes", [16, 32, 64])
@pytest.mark.parametrize("cell", COMPILED)
def test_every_cell_in_vectors_of_every_width(
    cell: str, nbytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of other processors; LLVM splits what this one does not have."""
    monkeypatch.setattr("rnnbp.runners.llvm.cell.vector_bytes", lambda: nbytes)
    agree(models.CELLS[cell](3, 37, "float64"), reals(40, 13, 3), (), kernels)


@pytest.mark.long
@settings(max_examples=150, **SLOW)
@given(cell=cells(), without=st.sets(st.sampled_from(RULES)))
def test_random_cells(cell: rb.Recurrent, without: set[str]) -> None:
    (n,) = cell.cell.input_shapes[0]
    if is_python(cell):
        llvm, numpy = (
            rb.bptt(cell, x := reals(5, 3, n), x, half_square, backend=b) for b in ("llvm", "numpy")
        )
        same(llvm, numpy)
    else:
        agree(cell, reals(5, 3, n), without, kernels)


@pytest.mark.long
@settings(max_examples=30, **SLOW)
@given(
    cell=cells([1, 8, 31, 64, 97, 150]),
    without=st.sets(st.sampled_from(RULES)),
    shape=st.tuples(st.sampled_from([1, 4]), st.sampled_from([1, 5, 16, 33])),
    n=st.sampled_from(["1", "2", "3"]),
    units=st.booleans(),
)
def test_random_wide_cells(
    cell: rb.Recurrent, without: set[str], shape: tuple[int, int], n: str, units: bool
) -> None:
    """Of several panels of weights, tasks of gradients, and threads that share the batch or the units."""
    if not is_python(cell):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RNNBP_NUM_THREADS", n)
            patch.setattr("rnnbp.runners.llvm.program.WAKING", 1)
            patch.setattr("rnnbp.runners.llvm.program.READING", 0 if units else 2**62)
            agree(cell, reals(*shape, *cell.cell.input_shapes[0]), without, kernels)


def test_a_delta_that_is_gathered_for_gradients_alone() -> None:
    """A product that no sum takes, before deltas of one layer that are put together for a chunk, not for a step."""
    x, (h, g, f) = rb.Input(2), (rb.State(2), rb.State(2), rb.State(2))
    d, both = (rb.Dense(n, 2, bias=False, dtype="float64", rng=0) for n in (2, (2, 2)))
    agree(
        rb.Recurrent(rb.Cell(x, {h: d(x), g: d(x), f: d(both(x, x))}, output=h)),
        reals(5, 3, 2),
        (),
        kernels,
    )


def test_a_product_is_not_put_where_its_argument_is() -> None:
    """Of several panels: dh = dy + Wᵀ dh′, whose place is that of dh′, which nothing else reads."""
    x, h = rb.Input(100), rb.State(100)
    after = rb.Dense(100, 100, dtype="float64", rng=0)(h)
    agree(rb.Recurrent(rb.Cell(x, {h: after}, output=h)), reals(4, 5, 100), (), kernels)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "size", [(512, 128, 32), (5, 3, 1), (64, 7, 13), (70, 129, 10), (1, 1, 1), (16, 16, 6)]
)
def test_products(size: tuple[int, int, int], dtype: str) -> None:
    """Both products against NumPy's in twice the precision, with and without a start; none writes beyond its result."""
    rows, depth, n = size
    rng, kind = np.random.default_rng(0), np.dtype(dtype)
    lanes, library = shared(8 * kind.itemsize, vector_bytes())
    product, gradient, sums = (
        library.function(name, k) for name, k in (("product", 10), ("gradient", 9), ("sums", 9))
    )
    weights, a, start = (
        rng.normal(size=s).astype(dtype) for s in ((rows, depth), (n, depth), (rows,))
    )
    wide, eps = np.longdouble, 4 * math.sqrt(depth + n) * np.finfo(dtype).eps
    out = np.full((n, rows + 3), 7, dtype)
    made = Panels(
        [Matrix((Rows({"w": weights}, "w", 0, rows),))], lambda n: np.empty(n, kind), lanes, library
    )
    fill([made])
    (panels,) = made.arrays
    for origin, expected in (
        (0, a @ weights.T.astype(wide)),
        (address(start), start + a @ weights.T.astype(wide)),
    ):
        product(
            address(a), depth, address(panels), rows, depth, address(out), rows + 3, origin, 0, n
        )
        np.testing.assert_allclose(
            out[:, :rows], expected, rtol=0, atol=eps * np.abs(expected).max()
        )
        assert (out[:, rows:] == 7).all()
    d, total, bias = (
        rng.normal(size=(n, rows)).astype(dtype),
        np.full((rows + 1, depth), 2, dtype),
        np.ones(rows, dtype),
    )
    gradient(address(d), rows, address(a), depth, n, rows, depth, address(total), depth)
    expected = 2 + d.T.astype(wide) @ a
    np.testing.assert_allclose(total[:rows], expected, rtol=0, atol=eps * np.abs(expected).max())
    assert (total[rows] == 2).all()
    second = np.full(rows + 1, 3, dtype)
    sums(address(d), rows, 0, 0, n, rows, 0, address(bias), 0)
    sums(address(d), rows, address(second), 0, n, rows, 0, address(bias), 0)
    for found, times, origin in ((bias, 2, 1), (second[:rows], 1, 3)):
        np.testing.assert_allclose(
            found, origin + times * d.astype(wide).sum(axis=0), rtol=0, atol=eps * 8
        )
    assert second[rows] == 3


def function(name: str, bits: int) -> Any:
    """A function of ``mathematics`` on arrays."""
    lanes = Lanes(bits, 4)
    t = Text(lanes)
    with t.loop(0, "%n", lanes.n) as loop:
        t.store(
            getattr(mathematics, name)(t, t.load(t.at("%x", loop.index))), t.at("%y", loop.index)
        )
    library = Library(
        "\n".join([*sorted(t.needs), t.function("run", ["ptr %x", "ptr %y", "i64 %n"])])
    )

    def run(x: np.ndarray) -> np.ndarray:
        y = np.empty_like(x)
        library.function("run", 3)(address(x), address(y), len(x))
        return y

    return run


EXACT: dict[str, Any] = {"exp": np.exp, "tanh": np.tanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x))}


@pytest.mark.parametrize(("name", "units"), [("exp", 1.1), ("tanh", 1.2), ("sigmoid", 1.7)])
def test_functions_of_32_bits_in_units_of_the_last_place(name: str, units: float) -> None:
    grid = np.concatenate(
        [np.linspace(-20, 20, 400_000), np.linspace(-1, 1, 400_000), np.linspace(-80, 80, 200_000)]
    )
    x = np.concatenate([grid, np.geomspace(1e-30, 1, 1000), -np.geomspace(1e-30, 1, 1000)]).astype(
        np.float32
    )
    x = -np.abs(x) if name == "exp" else x
    expected = EXACT[name](x.astype(np.float64))
    off = np.abs(function(name, 32)(x) - expected) / np.spacing(np.abs(expected).astype(np.float32))
    ends = (
        (x > -18) & (x < -16) if name == "sigmoid" else np.zeros(len(x), bool)
    )  # 1 + 2²⁴ is no float32
    assert off[~ends].max() <= units
    assert not ends.any() or off[ends].max() <= 2.4


@pytest.mark.parametrize("name", EXACT)
def test_functions_of_64_bits_to_1e_15(name: str) -> None:
    grid = np.concatenate(
        [np.linspace(-40, 40, 100_000), np.linspace(-1, 1, 100_000), np.linspace(-600, 600, 10_000)]
    )
    x = np.concatenate([grid, np.geomspace(1e-200, 1, 1000), -np.geomspace(1e-200, 1, 1000)])
    x = -np.abs(x) if name == "exp" else x
    expected = EXACT[name](x.astype(np.longdouble))
    assert np.abs((function(name, 64)(x) - expected) / expected)[expected != 0].max() < 1e-15


@pytest.mark.parametrize("bits", [32, 64])
def test_functions_at_the_ends(bits: int) -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e4, -1e4, 0.0], np.dtype(f"f{bits // 8}"))
    np.testing.assert_array_equal(function("tanh", bits)(x), [0, 0, 1, -1, np.nan, 1, -1, 0])
    assert np.signbit(function("tanh", bits)(x)).tolist() == [
        False,
        True,
        False,
        True,
        False,
        False,
        True,
        False,
    ]
    np.testing.assert_allclose(
        function("sigmoid", bits)(x), [0.5, 0.5, 1, 0, np.nan, 1, 0, 0.5], atol=1e-37
    )
    np.testing.assert_array_equal(
        function("sigmoid", bits)(x)[[3, 6]], 0
    )  # what is near 0 makes what follows slow
    np.testing.assert_allclose(
        function("exp", bits)(x)[[0, 1, 3, 4, 6]], [1, 1, 0, np.nan, 0], atol=1e-37
    )


def gradients(
    model: Any, *, steps: int = 90, batch: int = 7, dtype: str = "float32", **how: Any
) -> Any:
    x, dy = reals(steps, batch, 3).astype(dtype), reals(steps, batch, 20).astype(dtype)
    return rb.bptt(model, x, dy, lambda y, dy: ((y * dy).sum(), dy), backend="llvm", **how)


@pytest.mark.quick
@pytest.mark.parametrize("cell", [rb.RNN, rb.LSTM, rb.GRU])
def test_bits_do_not_depend_on_threads(cell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, found = cell(3, 20, rng=0), []
    monkeypatch.setattr("rnnbp.runners.llvm.program.WAKING", 1)
    for n in ("1", "2", "3", "11"):
        monkeypatch.setenv("RNNBP_NUM_THREADS", n)
        found.append(gradients(model))
    for other in found[1:]:
        same(found[0], other)


@pytest.mark.parametrize("symbols", [False, True])
def test_gradients_of_a_layer_that_is_used_twice_are_added_one_after_the_other(
    symbols: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads that add to the same numbers lose some of them."""
    recurrent, rng = models.one_layer_twice(96, 96, "float32"), np.random.default_rng(0)
    model = rb.Sequential(rb.Embedding(150, 96, rng=0), recurrent) if symbols else recurrent
    x = rng.integers(0, 150, (200, 32)) if symbols else reals(200, 32, 96).astype("float32")
    dy = reals(200, 32, 96).astype("float32")
    monkeypatch.setattr("rnnbp.runners.llvm.program.WAKING", 1)
    monkeypatch.setattr("rnnbp.runners.llvm.affine.WAKING", 1)
    monkeypatch.setenv("RNNBP_NUM_THREADS", "1")
    expected = rb.bptt(model, x, dy, lambda y, dy: (0.0, dy), backend="llvm")
    monkeypatch.setenv("RNNBP_NUM_THREADS", "2")
    for _ in range(10):
        same(rb.bptt(model, x, dy, lambda y, dy: (0.0, dy), backend="llvm"), expected)


@pytest.mark.parametrize("after_a_run", [False, True])
def test_gradients_of_tied_parameters_are_added_one_after_the_other(
    after_a_run: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two layers of a cell; they may be tied after a run, too."""
    rng, (x, h) = np.random.default_rng(0), (rb.Input(128), rb.State(128))
    a, b = (rb.Dense(128, 128, bias=False, dtype="float64", rng=seed) for seed in (0, 1))
    h_new = rb.Tanh()(a(x) + b(h))
    model, (inputs, dy) = (
        rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new)),
        rng.normal(size=(2, 64, 32, 128)),
    )
    monkeypatch.setattr("rnnbp.runners.llvm.program.WAKING", 1)
    monkeypatch.setenv("RNNBP_NUM_THREADS", "2")
    if after_a_run:
        rb.bptt(model, inputs, dy, lambda y, dy: (0.0, dy), backend="llvm")
    b.params["weight"] = a.params["weight"]
    expected = rb.bptt(model, inputs, dy, lambda y, dy: (0.0, dy), backend="interpreter").grads[
        "0.weight"
    ]
    for _ in range(20):
        found = rb.bptt(model, inputs, dy, lambda y, dy: (0.0, dy), backend="llvm").grads[
            "0.weight"
        ]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_what_one_thread_must_do() -> None:
    """Tasks that add to the same numbers, also through others."""
    outputs = [
        [(0, 0, 96)],
        [(0, 96, 192)],
        [(1, 0, 96)],
        [(0, 190, 200), (2, 0, 1)],
        [(0, 10, 20)],
        [(2, 0, 5)],
    ]
    assert together(outputs) == [[0, 4], [1, 3, 5], [2]]
    assert together([[(0, 0, 9)], [(0, 1, 2)], [(0, 3, 4)], [(0, 9, 10)], []]) == [
        [0, 1, 2],
        [3],
        [4],
    ]


@pytest.mark.long
@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("cell", COMPILED)
def test_bits_do_not_depend_on_threads_that_share_units(
    cell: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more panels of weights than one; chunks by themselves, in a stretch, and with their tapes."""
    model, x, found = (
        models.CELLS[cell](3, 100, "float32"),
        reals(60, batch, 3).astype("float32"),
        [],
    )
    monkeypatch.setattr("rnnbp.runners.llvm.program.WAKING", 1)
    monkeypatch.setattr("rnnbp.runners.llvm.program.READING", 0)
    for n in ("1", "2", "3"):
        monkeypatch.setenv("RNNBP_NUM_THREADS", n)
        found.append(rb.bptt(model, x, x, half_square, backend="llvm", chunk=8, checkpoint="sqrt"))
    for other in found[1:]:
        same(found[0], other)


@pytest.mark.parametrize(
    ("units", "batch", "shared_"),
    [(64, 1, False), (128, 8, False), (256, 1, True), (512, 8, True), (512, 64, False)],
)
def test_units_are_shared_where_rows_are_few(
    units: int, batch: int, shared_: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBP_NUM_THREADS", "2")
    found, do = set(), threads.do
    monkeypatch.setattr(
        threads, "do", lambda *args, **how: (found.add(how.get("units")), do(*args, **how))
    )
    x, dy = (reals(40, batch, n).astype("float32") for n in (3, units))
    rb.bptt(rb.LSTM(3, units, rng=0), x, dy, lambda y, dy: ((y * dy).sum(), dy), backend="llvm")
    assert found - {None} == {shared_}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNBP_NUM_THREADS", "2")
    monkeypatch.setattr("rnnbp.runners.llvm.program.WAKING", 1)
    model = rb.LSTM(3, 20, rng=0)
    expected = gradients(model)
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # waiting for threads that are not there has no end
        alike = np.array_equal(gradients(model).grads["weight_ih"], expected.grads["weight_ih"])
        os._exit(0 if alike else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5"])
def test_a_number_of_threads_that_is_none(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNBP_NUM_THREADS", given)
    with pytest.raises(
        ValueError,
        match=f"RNNBP_NUM_THREADS is a number of threads from 1 to 1024, found '{given}'",
    ):
        gradients(rb.RNN(3, 20, rng=0))


@pytest.mark.quick
@pytest.mark.parametrize(
    "checkpoint",
    ["sqrt", rb.schedules.EveryK(9, 3), rb.schedules.Revolve(9, 2), rb.schedules.Optimal(9, 5, 3)],
)
@pytest.mark.parametrize("cell", [rb.RNN, rb.LSTM, rb.GRU])
def test_bits_do_not_depend_on_the_schedule(cell: Any, checkpoint: Any) -> None:
    model = cell(3, 20, rng=0)
    same(gradients(model, chunk=10), gradients(model, chunk=10, checkpoint=checkpoint))


@pytest.mark.parametrize("output", ["the product", "a difference"])
def test_bits_do_not_depend_on_what_else_takes_a_product(output: str) -> None:
    """An output takes the product that a state's sum takes alone where there is no output."""
    x, h = rb.Input(20), rb.State(20)
    product = rb.Dense(20, 20, bias=False, dtype="float64", rng=0)(h)
    y = product if output == "the product" else product - h
    model = rb.Recurrent(rb.Cell(x, {h: rb.Tanh()(product + x)}, output=y))
    kept, rerun = (
        rb.bptt(
            model,
            reals(64, 4, 20),
            None,
            half_square,
            chunk=8,
            backend="llvm",
            checkpoint=checkpoint,
        )
        for checkpoint in ("all", "sqrt")
    )
    same(kept, rerun)


@pytest.mark.parametrize("cell", ["lstm", "gru reset before", "minimal gated unit, normalised"])
def test_complex_steps(cell: str) -> None:
    """The gradients that ``check_grads`` finds are those of the kernels."""
    model = models.CELLS[cell](3, 20, "float64")
    x = reals(6, 2, 3)
    expected = rb.bptt(model, x, x, half_square, backend="interpreter")
    found = rb.bptt(model, x, x, half_square, backend="llvm", chunk=4)
    for key in expected.grads:
        np.testing.assert_allclose(found.grads[key], expected.grads[key], rtol=0, atol=1e-13)


@pytest.mark.quick
@pytest.mark.parametrize("checkpoint", ["all", "sqrt", rb.schedules.ThinTapes(5)])
@pytest.mark.parametrize("cell", [rb.LSTM, rb.GRU])
def test_bytes_are_predicted_and_kept(cell: Any, checkpoint: Any) -> None:
    model, how = cell(3, 64, rng=0), {"checkpoint": checkpoint, "chunk": 20}
    x, dy = reals(100, 16, 3).astype("float32"), reals(100, 16, 64).astype("float32")

    def loss(y: Any, dy: Any) -> Any:
        return 0.0, dy

    expected = rb.forecast(model, loss, steps=100, batch=16, x_shape=(3,), backend="llvm", **how)
    rb.bptt(model, x, dy, loss, backend="llvm", **how)
    tracemalloc.start()
    try:
        stats = rb.bptt(model, x, dy, loss, backend="llvm", **how).stats
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert stats.peak_bytes == expected.peak_bytes
    assert abs(peak - stats.peak_bytes) < max(0.01 * peak, 256 * 1024)  # with Python's own objects


@pytest.fixture
def fresh_cache(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder of its own for machine code; what is compiled once in a process, as products, is not in it."""
    gradients(rb.RNN(3, 20, rng=0))
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def compiled_again(folder: Any) -> set[str]:
    """Run a new LSTM; the names of what the folder then holds."""
    gradients(rb.LSTM(3, 20, rng=0), progress=False)
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_code_is_kept_on_disk_and_found_again(
    fresh_cache: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = compiled_again(fresh_cache)
    assert len(first) >= 2
    stamps = {path.name: path.stat().st_mtime_ns for path in fresh_cache.iterdir()}
    monkeypatch.setattr(cache, "write", lambda key, code: pytest.fail("it was compiled again"))
    assert compiled_again(fresh_cache) == first
    assert {path.name: path.stat().st_mtime_ns for path in fresh_cache.iterdir()} == stamps


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "another's"])
def test_damaged_code_is_made_anew_with_one_warning(damage: str, fresh_cache: Any) -> None:
    first = compiled_again(fresh_cache)
    whole = {path: path.read_bytes() for path in fresh_cache.iterdir()}
    others = [*list(whole.values())[1:], *list(whole.values())[:1]]
    for (path, code), other in zip(whole.items(), others, strict=True):
        flipped = code[:99] + bytes([code[99] ^ 1]) + code[100:]
        path.write_bytes(
            {"cut": code[:-9], "flipped": flipped, "empty": b"", "another's": other}[damage]
        )
    with pytest.warns(
        RuntimeWarning, match=r"kernels in .* are damaged; they are compiled anew"
    ) as found:
        assert compiled_again(fresh_cache) == first
    assert len(found) == 1
    assert {path: path.read_bytes() for path in fresh_cache.iterdir()} == whole


def test_without_a_folder_to_write_to(fresh_cache: Any) -> None:
    fresh_cache.write_text("a file where a folder should be")
    gradients(rb.LSTM(3, 20, rng=0))
    assert fresh_cache.read_text() == "a file where a folder should be"


def test_nothing_is_kept_where_it_is_off(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", "off")
    gradients(rb.LSTM(3, 20, rng=0))
    assert list(tmp_path.iterdir()) == []
    monkeypatch.delenv("RNNBP_KERNEL_CACHE")
    gradients(rb.LSTM(3, 20, rng=0))
    assert len(list((tmp_path / "rnnbp").iterdir())) >= 2


def test_who_waits_for_the_compiler_is_told_once(
    fresh_cache: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled_again(fresh_cache)
    assert capsys.readouterr().err == ""  # nobody looks on
    for path in fresh_cache.iterdir():
        path.unlink()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    compile._announce.cache_clear()
    compiled_again(fresh_cache)
    told = f"rnnbp: compiling kernels for this processor, once for each cell of other sizes; they are kept in {fresh_cache}\n"
    assert capsys.readouterr().err == told
    compiled_again(fresh_cache)
    assert capsys.readouterr().err == ""  # the code was found
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", "off")
    compiled_again(fresh_cache)
    alone = "rnnbp: compiling kernels for this processor, for this process alone\n"
    assert capsys.readouterr().err == alone


def test_a_notebook_shows_it_as_no_error(
    fresh_cache: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "ps1", "In : ", raising=False)
    monkeypatch.setattr("rnnbp.support.bars.in_notebook", lambda: True)
    compile._announce.cache_clear()
    compiled_again(fresh_cache)
    said = capsys.readouterr()
    assert said.out.startswith("rnnbp: compiling kernels for this processor")
    assert said.err == ""


def lstm(seed: int = 0) -> Any:
    return gradients(rb.LSTM(3, 20, rng=seed))


def test_callers_in_threads_of_their_own_do_not_wait_for_one_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rnnbp.runners.llvm.program.WAKING", 1)
    monkeypatch.setenv("RNNBP_NUM_THREADS", "3")
    expected = [lstm(seed) for seed in range(4)]
    found: dict[int, Any] = {}

    def work(seed: int) -> None:
        for _ in range(6):
            found[seed] = lstm(seed)

    callers = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
        assert not caller.is_alive()
    for seed, one in enumerate(expected):
        same(found[seed], one)


def test_after_an_interrupt_other_threads_do_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnbp.runners.llvm.program.WAKING", 1)
    monkeypatch.setenv("RNNBP_NUM_THREADS", "2")
    expected, team = lstm(), threads._team

    def interrupted(_: int) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(team, "wake", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lstm()
    assert threads._team is not team
    same(lstm(), expected)
    assert len(threads._team.members) == 1


def test_after_an_interrupt_threads_that_waited_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnbp.runners.llvm.program.WAKING", 1)
    monkeypatch.setenv("RNNBP_NUM_THREADS", "4")
    monkeypatch.setattr(threads, "_team", threads._Team())
    others = set(threading.enumerate())  # some of which may be about to end

    def own() -> int:
        return len(set(threading.enumerate()) - others)

    expected = lstm()
    assert own() == len(threads._team.members) == 3
    for _ in range(3):
        team = threads._team
        wake = team.wake

        def interrupted(n: int, wake: Any = wake) -> int:
            wake(n)
            raise KeyboardInterrupt

        monkeypatch.setattr(team, "wake", interrupted)
        with pytest.raises(KeyboardInterrupt):
            lstm()
        same(lstm(), expected)
    end = time.monotonic() + 30
    while own() > 3 and time.monotonic() < end:
        time.sleep(0.01)
    assert own() == 3


def test_without_more_threads_one_does_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = lstm()

    def none(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("rnnbp.runners.llvm.program.WAKING", 1)
    monkeypatch.setenv("RNNBP_NUM_THREADS", "5")
    monkeypatch.setattr(threads, "_team", threads._Team())
    monkeypatch.setattr(threading.Thread, "start", none)
    same(lstm(), expected)
    assert threads._team.members == []


COUNTING = f"""
{Signature("ptr %at").task("count")}
define void @count(ptr %at) {{
  %before = load i64, ptr %at
  %more = add i64 %before, 1
  store i64 %more, ptr %at
  ret void
}}
define void @run(ptr %a, i64 %L, i64 %B, i64 %b0, i64 %b1, i64 %S, i64 %k, i64 %n, ptr %met, ptr %bases) {{
entry:
{located("a", ["rows"])}
  br label %look
look:
  %b = phi i64 [ %b0, %entry ], [ %next, %row ]
  %more = icmp slt i64 %b, %b1
  br i1 %more, label %row, label %end
row:
  %at = getelementptr i64, ptr %rows, i64 %b
  %before = load i64, ptr %at
  %after = add i64 %before, %L
  store i64 %after, ptr %at
  %next = add i64 %b, 1
  br label %look
end:
  ret void
}}
"""


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_every_share_and_every_task_is_done_once(n: int) -> None:
    """By threads that wait, and by threads that have gone to sleep."""
    library = Library(COUNTING)
    pieces, many, batch, rounds = 3, 50, 5, 20
    done, rows = np.zeros((pieces, many), np.int64), np.zeros((pieces, batch), np.int64)
    tasks = np.zeros((pieces, many, ROW), np.int64)
    tasks[:, :, 0] = library.address("count.task")
    tasks[:, :, 1] = place(1, 8) + 8 * np.arange(pieces * many).reshape(pieces, many)
    places, bases = (
        place(0) + 8 * batch * np.arange(pieces)[:, None],
        [address(rows), address(done) - 8],
    )
    lengths = np.array([2, 3, 5])
    job = threads.Job(
        tasks, run=library.address("run"), places=places, lengths=lengths, batch=batch, block=1
    )
    for k in range(rounds):
        threads.do(job, bases, n)
        time.sleep(0.02 if k % 10 == 0 else 0)
    np.testing.assert_array_equal(done, rounds)
    np.testing.assert_array_equal(rows, rounds * np.repeat(lengths, batch).reshape(pieces, batch))
    threads.do(threads.Job(tasks), bases, n)
    np.testing.assert_array_equal(done, rounds + 1)
    tasks[:, many // 2 :, FOLLOWS], tasks[:, 0, FOLLOWS] = 1, 0  # all of these are one thread's
    threads.do(threads.Job(tasks), bases, n)
    np.testing.assert_array_equal(done, rounds + 2)


MEETING = f"""
declare void @gather(ptr, i64)
define void @run(ptr %a, i64 %L, i64 %B, i64 %b0, i64 %b1, i64 %S, i64 %k, i64 %n, ptr %met, ptr %bases) {{
entry:
{located("a", ["come"])}
  %missed = getelementptr i64, ptr %come, i64 1
  br label %round
round:
  %i = phi i64 [ 0, %entry ], [ %next, %round ]
  %next = add i64 %i, 1
  %one = atomicrmw add ptr %come, i64 1 monotonic
  call void @gather(ptr %met, i64 %n)
  %all = load atomic i64, ptr %come monotonic, align 8
  %wanted = mul i64 %next, %n
  %few = icmp ne i64 %all, %wanted
  %wrong = zext i1 %few to i64
  %two = atomicrmw add ptr %missed, i64 %wrong monotonic
  call void @gather(ptr %met, i64 %n)
  %more = icmp slt i64 %next, %L
  br i1 %more, label %round, label %end
end:
  ret void
}}
"""


class Drowsy(threads._Team):
    """A team whose last threads fall asleep just as the job begins."""

    def __init__(self, asleep: int) -> None:
        super().__init__()
        self.asleep = asleep

    def wake(self, n: int) -> int:
        found = super().wake(n)
        for member in self.members[found - self.asleep : found]:
            member.box[threads.STATE] = handoff.ASLEEP
        return found


@pytest.mark.long
@pytest.mark.parametrize(("n", "asleep"), [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
def test_threads_that_share_units_meet(
    n: int, asleep: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None goes on before all have come, none is left behind, from piece to piece; who sleeps is not waited for.

    The team is the test's own, because a thread that another test has left may have the usual one.
    """
    team = Drowsy(asleep)
    monkeypatch.setattr(threads, "_team", team)
    library = Library(MEETING, {"gather": handoff.library().address("gather")})
    places, lengths = 16 * np.arange(3)[:, None], np.array([1, 50, 200])
    job = threads.Job(
        None, run=library.address("run"), places=places, lengths=lengths, batch=1, block=1
    )
    came = list[int]()
    for _ in range(10):
        counts = np.zeros((3, 2), np.int64)
        threads.do(job, [address(counts)], n, units=True)
        came.append(int(counts[0, 0]))
        np.testing.assert_array_equal(counts, came[-1] * np.array([[1, 0], [50, 0], [200, 0]]))
    team.retire()
    assert min(came) >= 1
    assert max(came) == n - asleep


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(1, 1, 1), (7, 13, 5), (64, 50, 200), (33, 130, 97)])
def test_dense_outside_cells(
    size: tuple[int, int, int], bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the layer itself, and the same bits by any number of threads."""
    n_in, n_out, n = size
    monkeypatch.setattr("rnnbp.runners.llvm.affine.WAKING", 1)
    layer, (x, dy) = (
        rb.Dense(n_in, n_out, bias=bias, dtype="float64", rng=0),
        (reals(n, 2, n_in), reals(n, 2, n_out)),
    )
    y, saved = layer.forward(x)
    expected = [y, *layer.backward_inputs(saved, dy), *layer.backward_params(saved, dy).values()]
    found = []
    for threads_ in ("1", "2", "5"):
        monkeypatch.setenv("RNNBP_NUM_THREADS", threads_)
        workspace = Workspace(threads=threads.count())
        kernel, grads = (
            DenseKernel(layer, np.dtype("float64"), workspace, []),
            Accumulators(as_model(layer)),
        )
        own = kernel.forward(x)
        found.append([own, kernel.backward(x, dy, grads), *grads.grads.values()])
    for one, two, wanted in zip(*found[:2], expected, strict=True):
        np.testing.assert_allclose(one, wanted, rtol=0, atol=1e-12 * max(1, np.abs(wanted).max()))
        np.testing.assert_array_equal(one, two)
    for one, three in zip(found[0], found[2], strict=True):
        np.testing.assert_array_equal(one, three)
    nbytes = (
        sum(array.nbytes for array in kernel.panels.arrays)
        + layer.params.get("bias", np.empty(0)).nbytes
    )
    assert nbytes == DenseKernelSizes(layer, np.dtype("float64")).weight_bytes


@pytest.mark.parametrize("step", [2, -1])
def test_a_bias_that_does_not_lie_together(step: int) -> None:
    model = rb.Sequential(
        rb.RNN(3, 5, dtype="float64", rng=0), rb.Dense(5, 7, dtype="float64", rng=1)
    )
    model.blocks[1].params["bias"] = reals(7 * abs(step))[::step]
    x, target, loss = reals(9, 4, 3), reals(9, 4, 7), rb.losses.MeanSquaredError()
    expected, found = (
        rb.bptt(model, x, target, loss, backend=name) for name in ("interpreter", "llvm")
    )
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-13)


@pytest.mark.parametrize(
    "like", [np.asfortranarray, lambda dy: np.broadcast_to(dy[0, 0, 0], dy.shape)]
)
def test_a_derivative_that_does_not_lie_together(like: Any) -> None:
    """As a function of the user may give it."""
    model, x = rb.LSTM(3, 5, dtype="float64", rng=0), reals(7, 4, 3)

    def loss(y: np.ndarray, _: None) -> tuple[float, np.ndarray]:
        return float(y.sum()), like(np.ones_like(y))

    expected, found = (
        rb.bptt(model, x, None, loss, chunk=3, backend=name) for name in ("interpreter", "llvm")
    )
    for key in expected.grads:
        np.testing.assert_allclose(found.grads[key], expected.grads[key], rtol=1e-12)


@pytest.mark.parametrize("cut", [slice(None), slice(None, None, -1)])
def test_models_with_dense_layers(cut: slice) -> None:
    """Before, between and after cells; also where x does not lie together."""
    model = rb.Sequential(
        rb.Dense(3, 6, dtype="float64", rng=0),
        rb.RNN(6, 5, dtype="float64", rng=1),
        rb.Dense(5, 4, bias=False, dtype="float64", rng=2),
        rb.Tanh(),
        rb.Dense(4, 20, dtype="float64", rng=3),
    )
    x, target = reals(30, 4, 3)[:, :, cut], reals(30, 4, 20)
    loss = rb.losses.MeanSquaredError()
    expected, found = (
        rb.bptt(model, x, target, loss, chunk=7, backend=name) for name in ("interpreter", "llvm")
    )
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-13)
    for key in expected.grads:
        np.testing.assert_allclose(found.grads[key], expected.grads[key], rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(found.dx, expected.dx, rtol=1e-10, atol=1e-16)


def test_bytes_of_a_large_dense() -> None:
    """Forecast, ledger and tracemalloc, with weights that are most of it."""
    model, x, target = (
        rb.Sequential(rb.RNN(8, 128, rng=0), rb.Dense(128, 4000, rng=1)),
        reals(40, 4, 8).astype("f"),
        reals(40, 4, 4000).astype("f"),
    )
    loss = rb.losses.MeanSquaredError()
    expected = rb.forecast(
        model, loss, steps=40, batch=4, chunk=8, backend="llvm", checkpoint="all"
    )
    rb.bptt(model, x, target, loss, chunk=8, backend="llvm")
    gc.collect()
    tracemalloc.start()
    try:
        stats = rb.bptt(model, x, target, loss, chunk=8, backend="llvm").stats
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert stats.peak_bytes == expected.peak_bytes
    assert abs(peak - stats.peak_bytes) < max(0.01 * peak, 256 * 1024)


def ahead(text: str) -> list[tuple[bool, bool]]:
    """Of each of the rows that a kernel asks memory for: whether it is to be written, and whether it lies before."""
    lines = dict(line.strip().split(" = ", 1) for line in text.splitlines() if " = " in line)
    found = []
    for call in (line for line in text.splitlines() if "call void @llvm.prefetch" in line):
        pointer, written = re.search(r"ptr (\S+), i32 (\d)", call).groups()  # type: ignore[union-attr]  # else it fails
        row = re.search(r", ptr (\S+),", lines[pointer]).group(1)  # type: ignore[union-attr]  # as above
        move = lines[row].rsplit(" ", 1)[1]
        found.append((written == "1", lines[move].startswith("sub i64 0,")))
    return found


def test_rows_of_the_next_step_are_asked_for() -> None:
    """An LSTM writes h, c and four gates; backward reads dy, c before the step and the gates."""
    sizes = kernel_sizes(Layout(rb.LSTM(3, 20, rng=0).cell, (3,), 4, np.dtype("float32")))
    assert sizes is not None
    forward = sizes.cell.forward
    assert ahead(forward(output=False, taped=True).text) == [(True, False)] * 6
    assert ahead(sizes.cell.backward.text) == [(False, True)] * 6
    assert ahead(forward(output=False, taped=True, known=True).text) == []  # all steps at once


def test_no_tanh_waits_for_another_in_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The LSTM's tanh of the new c is in a loop after that of the gates which make it."""
    found, row = list[list[str]](), pointwise.row

    def noted(t: Text, group: Group, *more: Any) -> None:
        found.append([lane.name for lane in group.lanes if lane.name in groups.SLOW])
        row(t, group, *more)

    monkeypatch.setattr(pointwise, "row", noted)
    sizes = kernel_sizes(Layout(rb.LSTM(3, 21, rng=0).cell, (3,), 4, np.dtype("float32")))
    assert sizes is not None
    assert sizes.cell.forward(output=False, rolling=True).text
    assert [sorted(names) for names in found if names] == [
        ["sigmoid", "sigmoid", "tanh"],
        ["sigmoid", "tanh"],
    ]


def test_gradients_of_many_rows_are_accurate() -> None:
    """300,000 steps and sequences, all alike: a sum that takes each by itself is wrong in the third digit."""
    small, large = (
        rb.Sequential(rb.RNN(1, 1, rng=1, dtype=dtype), rb.Dense(1, 1, rng=2, dtype=dtype))
        for dtype in ("float32", "float64")
    )
    for path, array in large.params.items():
        array[...] = small.params[path]
    x, loss = np.ones((300, 1000, 1)), rb.losses.MeanSquaredError()
    expected = rb.bptt(large, x, x, loss, backend="interpreter").grads
    x = x.astype(np.float32)
    for path, grad in rb.bptt(small, x, x, loss, backend="llvm").grads.items():
        np.testing.assert_allclose(grad, expected[path], rtol=2e-5, err_msg=path)
