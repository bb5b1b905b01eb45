"""``check_grads`` finds faults of the user's own layers, alone and within a model."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

X = np.random.default_rng(0).normal(size=(4, 2, 3))
INPUT = rb.Keeps(inputs=(0,))


class Gain(rb.Layer):
    """The layer of help(rnnbp.Layer), with faults to choose."""

    def __init__(self, n: int, *, grad: float = 1, lower: float = 1, keeps: Any = INPUT):
        super().__init__()
        self.params = {"weight": np.linspace(0.5, 1.5, n).astype("float32")}
        self.grad, self.lowered, self.kept = grad, lower, keeps

    def forward(self, x: np.ndarray, **context: Any) -> Any:
        return x * self.params["weight"], (x,)

    def backward_inputs(self, saved: Any, dy: np.ndarray) -> Any:
        return (dy * self.params["weight"],)

    def backward_params(self, saved: Any, dy: np.ndarray) -> Any:
        total = (saved[0] * dy).reshape(-1, dy.shape[-1]).sum(axis=0)
        return {"weight": self.grad * total}

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes

    def keeps(self, *shapes: Any) -> Any:
        return self.kept

    def lower(self, ops: Any, x: int) -> Any:
        return (ops.scale(ops.gain(x, self.params, "weight"), self.lowered),)


class SavesMore(Gain):
    """Something that is no array, where its ``keeps`` has one."""

    def __init__(self, saved: Any):
        super().__init__(3, keeps=rb.Keeps((0,), extras=(((3,), None),)))
        self.saved = saved

    def forward(self, x: np.ndarray, **context: Any) -> Any:
        return x * self.params["weight"], (x, self.saved)


class FirstAxisOnly(Gain):
    def backward_params(self, saved: Any, dy: np.ndarray) -> Any:
        return {"weight": (saved[0] * dy).sum(axis=0)}


class Forgetful(Gain):
    def backward_params(self, saved: Any, dy: np.ndarray) -> Any:
        return {}


class AcrossBatch(rb.Layer):
    """The sequences' mean, as if there were two axes."""

    def forward(self, x: np.ndarray, **context: Any) -> Any:
        return x - x.mean(axis=0), ()

    def backward_inputs(self, saved: Any, dy: np.ndarray) -> Any:
        return (dy - dy.mean(axis=0),)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


def within(layer: rb.Layer) -> rb.Recurrent:
    """A cell of the user's own with that layer."""
    x, h = rb.Input(3), rb.State(4)
    new = rb.Tanh()(layer(rb.Dense((3, 4), 4, rng=0)(x, h)))
    return rb.Recurrent(rb.Cell(x, {h: new}, new))


@pytest.mark.parametrize("backend", ["llvm", "numpy", "interpreter"])
def test_a_doubled_gradient_in_a_cell_is_found_whatever_runs_the_cell(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", backend)
    rb.check_grads(within(Gain(4)), X)
    with pytest.raises(
        rb.GradientError,
        match=r"by 1\.weight\[\d\], by the layers' own methods, is .* of Gain\(\)",
    ):
        rb.check_grads(within(Gain(4, grad=2)), X)


def test_a_lower_that_is_not_forward_is_found() -> None:
    with pytest.raises(rb.GradientError, match=r"^the loss by lower\(\) of Gain\(\) is .*; let"):
        rb.check_grads(within(Gain(4, lower=2)), X)


@pytest.mark.parametrize("model", [within(Forgetful(4)), rb.Sequential(Forgetful(3), rb.GRU(3, 2))])
def test_an_empty_gradient_in_a_model_is_found(model: Any) -> None:
    text = "Forgetful(): backward_params must return ['weight'], found []; return one for each"
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        rb.check_grads(model, X)


@pytest.mark.parametrize("x", [np.ones((2, 3)), np.ones((2, 2, 3))])
def test_a_gradient_summed_over_the_first_axis_alone(x: np.ndarray) -> None:
    rb.check_grads(Gain(3), (x,))
    text = "FirstAxisOnly(): the gradient of weight must have shape (3,), found (2, 3); sum it over"
    with pytest.raises(rb.ShapeError, match=f"^{re.escape(text)}"):
        rb.check_grads(FirstAxisOnly(3), (x,))


def test_a_layer_that_mixes_sequences_along_its_first_axis() -> None:
    text = (
        "AcrossBatch(): for inputs of shape (2, 5, 3) the output is not what its two parts have, "
        "one after the other; all axes before the features are batch"
    )
    with pytest.raises(rb.GradientError, match=f"^{re.escape(text)}"):
        rb.check_grads(AcrossBatch(), (np.random.default_rng(0).normal(size=(5, 3)),))


KEEPS = [
    (rb.Keeps(outputs=(0,)), r"^Gain\(\): forward saved other arrays than its keeps\(\) declares"),
    (rb.Keeps(), r"^Gain\(\): forward saved other arrays than its keeps\(\) declares"),
    (
        rb.Keeps((0,), extras=(((3,), None),)),
        r"^Gain\(\): forward saved 1 array, its keeps\(\) declares 2, ",
    ),
    (
        rb.Keeps(extras=(((5,), None),)),
        r"^Gain\(\): array 0 that forward saved has features \(3,\) of dtype float64, its keeps",
    ),
]


@pytest.mark.parametrize(("keeps", "text"), KEEPS)
def test_a_wrong_keeps_is_found_alone_and_before_a_network(keeps: Any, text: str) -> None:
    layer = Gain(3, keeps=keeps)
    for function, x in ((layer, (np.ones((2, 3)),)), (rb.Sequential(layer, rb.GRU(3, 2)), X)):
        with pytest.raises(TypeError, match=text):
            rb.check_grads(function, x)


@pytest.mark.parametrize("keeps", [(0,), rb.Keeps((1,)), rb.Keeps(outputs=(-2,))])
def test_a_keeps_of_what_a_layer_does_not_have_is_found_alone(keeps: Any) -> None:
    with pytest.raises(
        TypeError, match=r"^Gain\(\): keeps\(\) returned .*, for 1 input and 1 output"
    ):
        rb.check_grads(Gain(3, keeps=keeps), (np.ones((2, 3)),))


@pytest.mark.parametrize("keeps", [None, rb.Keeps((0,)), rb.Keeps(extras=(((3,), None),))])
def test_a_right_keeps_passes(keeps: Any) -> None:
    assert rb.check_grads(Gain(3, keeps=keeps), (np.ones((2, 3)),)).worst < 1e-12


@pytest.mark.parametrize("saved", [None, 2.0])
def test_saved_without_an_array_in_place_of_one_passes(saved: Any) -> None:
    layer = SavesMore(saved)
    assert rb.check_grads(layer, (np.ones((2, 3)),)).worst < 1e-12
    assert rb.check_grads(rb.Sequential(layer, rb.GRU(3, 2)), X, samples=2).worst < 1e-12


def test_a_target_without_a_loss_is_said_not_to_be_used() -> None:
    with pytest.warns(UserWarning, match="the target is not used, because there is no loss; give"):
        rb.check_grads(rb.RNN(3, 2, rng=0), X, X[..., :2])


def test_a_slow_check_shows_a_bar_that_names_samples(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rnnbp.support.late_bars.LATE", 0)
    monkeypatch.setattr("rnnbp.support.late_bars.wanted", lambda progress: True)
    rb.check_grads(rb.RNN(3, 4, rng=0), X)
    shown = capsys.readouterr().err
    assert "check_grads" in shown
    assert "/68" in shown
    assert "samples=20" in shown
    found = rb.check_grads(rb.RNN(3, 4, rng=0), X, samples=2)
    assert str(found).startswith(
        "complex step, tolerance 1e-12, 2 elements of each array at most\n"
    )
    assert "samples=20" not in capsys.readouterr().err
