"""Recurrent models written to ONNX, run in onnxruntime: outputs and final states of predict."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import reals
from tests.onnx_cells import CELLS, DIRECTIONS, GATE_BY_GATE, NODES, SCANS, layers, width
from tests.onnx_runs import agree, randomised, session

onnx = pytest.importorskip("onnx")
N_IN, N = 5, 6
SIZES = {(7, 4): [3, 7, 1, 5], (4, 2): [2, 4]}
"""By steps and batch, lengths."""
ALL = [(cell, direction) for cell in CELLS for direction in DIRECTIONS]


def model(cell: str, direction: str, count: int) -> Any:
    """Some layers and a head, all of random numbers."""
    found = layers(cell, direction, N_IN, N, count)
    n = N_IN
    for layer in found:
        n = width(layer, n)
    return randomised(rb.Sequential(*found, rb.Dense(n, 3)))


def started(net: Any, batch: int) -> list[tuple[np.ndarray, ...]]:
    """Random initial states."""
    recurrents = [node.block for node in net.nodes if isinstance(node.block, rb.Recurrent)]
    return [
        tuple(
            reals(batch, *shape, dtype="float32", seed=10 * k + j)
            for j, shape in enumerate(block.cell.state_shapes)
        )
        for k, block in enumerate(recurrents)
    ]


def at_all_sizes(net: Any, folder: Path, by: str = "interpreter") -> None:
    """With and without lengths and states, at two sizes each."""
    plain, ragged = session(net, folder), session(net, folder, lengths=True)
    both = session(net, folder, lengths=True, states=True)
    for (steps, batch), ends in SIZES.items():
        x = {"x": reals(steps, batch, N_IN, dtype="float32", seed=steps)}
        lengths = np.array(ends)
        agree(plain, net, x, by=by)
        agree(ragged, net, x, by=by, lengths=lengths)
        agree(both, net, x, by=by, lengths=lengths, state=started(net, batch))


@pytest.mark.parametrize(
    ("cell", "direction", "count"),
    [
        ("lstm peepholes", "both", 2),
        ("lstm coupled", "reverse", 1),
        ("gru", "both", 1),
        ("gru reset before", "forward", 2),
        ("rnn relu", "reverse", 1),
        ("lstm layer norm, zoneout", "both", 1),
        ("slstm", "reverse", 1),
        ("lru", "forward", 1),
    ],
)
def test_some_models(cell: str, direction: str, count: int, tmp_path: Path) -> None:
    at_all_sizes(model(cell, direction, count), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(("cell", "direction"), ALL, ids=[f"{a}, {b}" for a, b in ALL])
def test_every_cell_in_every_direction(cell: str, direction: str, tmp_path: Path) -> None:
    """60 models, of one layer or two."""
    at_all_sizes(model(cell, direction, 1 + ALL.index((cell, direction)) % 2), tmp_path, "llvm")


def kinds(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


def recurrent(path: Path) -> list[Any]:
    return [n for n in onnx.load(path).graph.node if n.op_type in ("LSTM", "GRU", "RNN", "Scan")]


@pytest.mark.parametrize("cell", NODES)
def test_a_cell_that_onnx_has_is_its_node(cell: str, tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    rb.interchange.to_onnx(model(cell, "both", 1), path, lengths=True)
    (node,) = recurrent(path)
    assert node.op_type == cell.split()[0].upper()
    direction = next(a for a in node.attribute if a.name == "direction")
    assert direction.s == b"bidirectional"


@pytest.mark.parametrize("cell", SCANS)
def test_another_cell_is_a_scan(cell: str, tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    rb.interchange.to_onnx(model(cell, "forward", 1), path)
    assert [node.op_type for node in recurrent(path)] == ["Scan"]


def test_what_needs_no_state_is_outside_the_scan(tmp_path: Path) -> None:
    """The products with x of all four gates, for all steps at once; four with h within."""
    path = tmp_path / "a.onnx"
    rb.interchange.to_onnx(randomised(GATE_BY_GATE(N_IN, N)), path)
    (node,) = recurrent(path)
    body = next(a.g for a in node.attribute if a.name == "body")
    assert [n.op_type for n in body.node].count("MatMul") == 4
    assert kinds(path).count("MatMul") == 4


def test_two_directions_of_different_cells(tmp_path: Path) -> None:
    pair = rb.Bidirectional(rb.LSTM(N_IN, N), rb.GRU(N_IN, N), merge="mul")
    at_all_sizes(randomised(rb.Sequential(pair, rb.Dense(N, 3))), tmp_path)


def test_two_directions_of_different_series(tmp_path: Path) -> None:
    x = rb.Input(N_IN)
    first = rb.GRU(N_IN, N)(x)
    net = rb.Graph(x, first * rb.GRU(N_IN, N, reverse=True)(rb.Tanh()(x)))
    run = session(randomised(net), tmp_path)
    agree(run, net, {"x": reals(7, 4, N_IN, dtype="float32")})


def test_two_directions_that_begin_and_are_activated_differently(tmp_path: Path) -> None:
    first = rb.RNN(N_IN, N, initial="learned", bias=False)
    pair = rb.Bidirectional(first, rb.RNN(N_IN, N, activation="relu"))
    at_all_sizes(randomised(rb.Sequential(pair, rb.Dense(2 * N, 3))), tmp_path)


def test_in_double_precision(tmp_path: Path) -> None:
    """Where a Scan stands in the place of LSTM and GRU, which do not run in it: within 1e-12."""
    wide = partial(rb.LSTM, N_IN, N, peepholes=True, dtype="float64")
    stack = rb.Sequential(
        rb.Bidirectional(wide(), wide()),
        rb.LayerNorm(2 * N, dtype="float64"),
        rb.GRU(2 * N, N, dtype="float64", initial="learned"),
    )
    net = randomised(stack)
    x = {"x": reals(7, 4, N_IN, seed=1)}
    agree(session(net, tmp_path, lengths=True), net, x, lengths=np.array([3, 7, 1, 5]))


def test_padding_is_not_looked_at(tmp_path: Path) -> None:
    cells = rb.Bidirectional(rb.LSTM(N_IN, N), rb.MinGRU(N_IN, N))
    net = randomised(rb.Sequential(cells, rb.Dense(2 * N, 3)))
    run, lengths = session(net, tmp_path, lengths=True), np.array([3, 7, 1, 5])
    x = reals(7, 4, N_IN, dtype="float32")
    there = np.arange(7)[:, None] < lengths
    x[~there] = np.nan
    (y,) = run.run(None, {"x": x, "lengths": lengths})
    (clean,) = run.run(None, {"x": np.nan_to_num(x), "lengths": lengths})
    np.testing.assert_array_equal(y, clean)
    assert (y[~there] == 0).all()


def test_batch_first(tmp_path: Path) -> None:
    net = model("mingru", "reverse", 1)
    run = session(net, tmp_path, batch_first=True, lengths=True)
    x, lengths = reals(7, 4, N_IN, dtype="float32"), np.array([3, 7, 1, 5])
    (y,) = run.run(None, {"x": x.swapaxes(0, 1), "lengths": lengths})
    expected, _ = rb.predict(net, x, lengths=lengths)
    np.testing.assert_allclose(y.swapaxes(0, 1), expected, rtol=0, atol=2e-6)
    assert run.get_inputs()[0].shape == ["batch", "time", N_IN]


@pytest.mark.parametrize("opset", [18, 21, 22])
def test_newer_operators(opset: int, tmp_path: Path) -> None:
    net = rb.Sequential(
        *layers("lstm layer norm, zoneout", "forward", N_IN, N, 1), rb.Mean(), rb.MaxOverTime()
    )
    run = session(randomised(net), tmp_path, opset=opset, lengths=True)
    lengths = np.array([3, 7, 1, 5])
    agree(run, net, {"x": reals(7, 4, N_IN, dtype="float32")}, lengths=lengths)
