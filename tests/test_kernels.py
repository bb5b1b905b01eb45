"""Machine code for cells: the same values as the interpreter, whatever the cell and the shape."""

from __future__ import annotations

import math
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
from rnnbp.compiler.passes import RULES
from rnnbp.compiler.weights import Matrix, Rows
from rnnbp.graph.layout import Layout
from rnnbp.machine.target import vector_bytes
from rnnbp.runners.llvm.compiled import kernel_sizes
from rnnbp.runners.llvm.libraries import shared
from rnnbp.runners.llvm.packing import Panels, fill
from tests import models
from tests.helpers import assert_same_bits, reals
from tests.kernel_programs import kernels
from tests.kernel_runs import COMPILED, address
from tests.programs import agree, cells, half_square

SLOW: Any = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


def is_python(model: rb.Recurrent) -> bool:
    """True if a layer runs as Python."""
    return not is_compiled(model)


def is_compiled(model: rb.Recurrent) -> bool:
    """True if machine code can run it."""
    layout = Layout(model.cell, model.cell.input_shapes[:1], 3, np.dtype("float64"))
    return kernel_sizes(layout) is not None


@pytest.mark.long
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


@pytest.mark.long
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
@given(cell=cells().filter(is_compiled), without=st.sets(st.sampled_from(RULES)))
def test_random_cells(cell: rb.Recurrent, without: set[str]) -> None:
    (n,) = cell.cell.input_shapes[0]
    agree(cell, reals(5, 3, n), without, kernels)


@pytest.mark.long
@settings(max_examples=50, **SLOW)
@given(cell=cells(own=True).filter(is_python))
def test_random_cells_that_run_as_python(cell: rb.Recurrent) -> None:
    (n,) = cell.cell.input_shapes[0]
    llvm, numpy = (
        rb.bptt(cell, x := reals(5, 3, n), x, half_square, backend=b) for b in ("llvm", "numpy")
    )
    assert_same_bits(llvm, numpy)


@pytest.mark.long
@settings(max_examples=30, **SLOW)
@given(
    cell=cells([1, 8, 31, 64, 97, 150]).filter(is_compiled),
    without=st.sets(st.sampled_from(RULES)),
    shape=st.tuples(st.sampled_from([1, 4]), st.sampled_from([1, 5, 16, 33])),
    n=st.sampled_from(["1", "2", "3"]),
    units=st.booleans(),
)
def test_random_wide_cells(
    cell: rb.Recurrent, without: set[str], shape: tuple[int, int], n: str, units: bool
) -> None:
    """Of several panels of weights, tasks of gradients, and threads that share batch or units."""
    # By hand: a fixture, as use_threads, would last for all examples, which hypothesis refuses.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNBP_NUM_THREADS", n)
        patch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
        patch.setattr("rnnbp.runners.llvm.sharing.READING", 0 if units else 2**62)
        agree(cell, reals(*shape, *cell.cell.input_shapes[0]), without, kernels)


def test_a_delta_that_is_gathered_for_gradients_alone() -> None:
    """A product without a sum, before deltas that are put together for a chunk, not a step."""
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
    """Both products against NumPy's in twice the precision, with and without a start.

    None writes beyond its result.
    """
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
    assert_same_bits(kept, rerun)


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
