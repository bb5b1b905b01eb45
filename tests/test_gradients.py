"""Every gradient against the complex step, to 1e-12 in float64."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.layers.pointwise import Pointwise
from rnnbp.runners.numpy.gradients import read_off
from tests import models

LENGTHS = {"seven chunks and a remainder": (15, 2), "one step": (1, 2), "one chunk": (3, 3)}


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(42).normal(size=shape)


@pytest.mark.quick
@pytest.mark.one_in(6)
@pytest.mark.parametrize(("steps", "chunk"), LENGTHS.values(), ids=LENGTHS.keys())
@pytest.mark.parametrize("cell", models.CELLS)
def test_cell(cell: str, steps: int, chunk: int) -> None:
    """By every parameter, x at every t, and the initial state."""
    model = models.CELLS[cell](3, 2, "float64")
    found = rb.check_grads(model, draw(steps, 2, 3), chunk=chunk, checkpoint="sqrt")
    assert set(found.errors) >= {*model.params, "x"}
    assert found.worst <= 1e-12


@pytest.mark.parametrize("cell", ["lstm", "gru reset before", "lstm learned state"])
def test_cell_with_given_state(cell: str) -> None:
    model = models.CELLS[cell](3, 2, "float64")
    state = [tuple(draw(2, 2) + k for k in range(len(model.cell.state_names)))]
    found = rb.check_grads(model, draw(7, 2, 3), state=state, chunk=3)
    assert {name for name in found.errors if name.startswith("state")} == {
        f"state 0 {name}" for name in model.cell.state_names
    }


def test_convolutional_cell() -> None:
    rb.check_grads(models.conv_cell(2, 4, "float64"), draw(5, 2, 1, 4), chunk=2)


@pytest.mark.long
@pytest.mark.one_in(2)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
def test_stack_of_recurrents_with_dropout(checkpoint: str, training: bool) -> None:
    x, target = np.random.default_rng(0).integers(0, 7, (2, 15, 2))
    mask = np.random.default_rng(1).random((15, 2)) > 0.3
    loss = rb.losses.CrossEntropy()
    rb.check_grads(
        models.stack(),
        x,
        target,
        loss,
        mask=mask,
        chunk=2,
        checkpoint=checkpoint,
        seed=3,
        training=training,
    )


@pytest.mark.long
def test_convolution_two_recurrents_and_head() -> None:
    rb.check_grads(
        models.conv_stack(),
        draw(15, 2, 1, 12),
        draw(15, 2, 3),
        rb.losses.MeanSquaredError(),
        chunk=2,
    )


@pytest.mark.quick
def test_graph_of_recurrents_with_splits_merges_and_shared_layers() -> None:
    model = models.residual()
    found = rb.check_grads(model, draw(7, 2, 3), chunk=3)
    assert {name for name in found.errors if name.startswith("state")} == {
        "state 0 h", "state 0 c", "state 1 h", "state 1 c"
    }  # fmt: skip


def test_graph_with_several_inputs_and_outputs() -> None:
    a, b = rb.Input(2), rb.Input(3)
    shared = rb.Dense(3, 3, rng=0, name="shared")
    once = rb.Tanh()(shared(b))
    twice = rb.Sigmoid()(shared(once * b))
    left, _, right = rb.Split(1, 1, 1)(twice)
    joined = rb.Concat(2, 3)(a, once - twice)
    graph = rb.Graph([a, b], [rb.Softmax()(joined), left * right + left, a])
    found = rb.check_grads(graph, (draw(4, 2), draw(4, 3)))
    assert set(found.errors) == {"shared.weight", "shared.bias", "input 0", "input 1"}


@pytest.mark.parametrize(("owner", "own"), [(0, False), (2, True)], ids=["tied", "not tied"])
def test_tied_weights(owner: int, own: bool) -> None:
    """An embedding that is also the head's weight has one gradient, the sum of both."""
    embedding, head = rb.Embedding(5, 3, rng=0), rb.Dense(3, 5, rng=1)
    layers = [embedding, rb.RNN(3, 3, rng=2), head]
    head.params["weight"] = layers[owner].params["weight"]
    model = rb.Sequential(*layers)
    x, target = np.random.default_rng(0).integers(0, 5, (2, 6, 2))
    found = rb.check_grads(model, x, target, rb.losses.CrossEntropy(), chunk=4)
    assert ("2.weight" in found.errors) is own


def test_the_chain_of_the_text() -> None:
    """Deltas Δ^i = Wᵀ(Δ^(i+1) ⊙ σ′(z)) of y^(i+1) = σ(W y + b), and gradients from them."""
    sizes = [4, 3, 5, 2]
    layers = [
        rb.Dense(a, b, dtype="float64", rng=k) for k, (a, b) in enumerate(itertools.pairwise(sizes))
    ]
    model = rb.Sequential(*(part for dense in layers for part in (dense, rb.Sigmoid())))
    x, target = draw(6, 4), draw(6, 2)
    found = rb.backprop(model, x, target, lambda y, t: (0.5 * ((y - t) ** 2).sum(), y - t))
    ys = [x]
    for dense in layers:
        ys.append(1 / (1 + np.exp(-(ys[-1] @ dense.params["weight"].T + dense.params["bias"]))))
    delta = ys[-1] - target
    assert found.loss == pytest.approx(0.5 * (delta**2).sum(), rel=1e-14)
    for i in reversed(range(len(layers))):
        through = delta * ys[i + 1] * (1 - ys[i + 1])
        np.testing.assert_allclose(
            found.grads[f"{2 * i}.weight"], through.T @ ys[i], rtol=1e-12, atol=1e-15
        )
        np.testing.assert_allclose(
            found.grads[f"{2 * i}.bias"], through.sum(axis=0), rtol=1e-12, atol=1e-15
        )
        delta = through @ layers[i].params["weight"]
    np.testing.assert_allclose(found.dx, delta, rtol=1e-12, atol=1e-15)


class Wrong(Pointwise):
    """An activation with a wrong derivative: the check must see it."""

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        return np.tanh(x), (np.tanh(x),)

    def derivative(self, saved: tuple[np.ndarray, ...]) -> np.ndarray:
        return 1 - saved[0]


@pytest.mark.quick
@pytest.mark.parametrize("method", ["complex", "central"])
def test_check_finds_a_wrong_derivative(method: str) -> None:
    with pytest.raises(
        rb.GradientError, match=r"gradient by input 0\[\d, \d\] is .* its derivative"
    ):
        rb.check_grads(Wrong(), (draw(2, 3),), method=method)


def test_check_finds_a_wrong_gradient_at_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step's contribution dropped, as where t = 0 is treated apart."""
    monkeypatch.setenv("RNNBP_BACKEND", "numpy")
    model = models.CELLS["lstm"](3, 2, "float64")

    def without_first(functions: Any, x: Any, flat: dict[str, Any], grads: Any) -> None:
        for deltas in flat.values():
            deltas[:, :2] = 0  # two sequences
        read_off(functions, x, flat, grads)

    monkeypatch.setattr("rnnbp.runners.numpy.program.read_off", without_first)
    with pytest.raises(rb.GradientError, match="gradient by weight_ih"):
        rb.check_grads(model, draw(5, 2, 3), chunk=5)


@pytest.mark.quick
def test_central_differences_hold_to_1e_7() -> None:
    found = rb.check_grads(
        models.CELLS["gru reset after"](3, 2, "float64"), draw(5, 2, 3), method="central"
    )
    assert 0 < found.worst <= 1e-7


def test_check_names_a_layer_that_refuses_complex_numbers() -> None:
    class Erfc(Wrong):
        def forward(self, x: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
            return np.floor(x), (x,)

    with pytest.raises(rb.DtypeError, match=r"refuses complex numbers .*; use method='central'"):
        rb.check_grads(Erfc(), (draw(2, 3),))


def test_check_prints_a_line_for_each_array() -> None:
    text = str(rb.check_grads(rb.Dense(2, 2, rng=0), draw(1, 2, 2)))
    assert text.splitlines()[0] == "complex step, tolerance 1e-12"
    assert [line.split()[0] for line in text.splitlines()[1:]] == ["weight", "bias", "x"]


def test_samples_limit_the_elements() -> None:
    """With 3 samples of each array, a wrong derivative in all elements is still found."""
    with pytest.raises(rb.GradientError):
        rb.check_grads(Wrong(), (draw(20, 20),), samples=3)
