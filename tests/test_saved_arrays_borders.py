"""Layers of one's own: what forward saves has batch axes; which layer of a model is wrong."""

from __future__ import annotations

import pydoc
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

MSE = rb.losses.MeanSquaredError()
BACKENDS = ["numpy", "interpreter"]
SCHEDULES = ["all", rb.schedules.ThinTapes(3)]


class Gain(rb.Layer):
    """A vector that is learned. It saves what ``saved`` says."""

    def __init__(
        self, n: int, saved: str = "x", keeps: rb.Keeps | None = None, wrong: float = 1.0
    ) -> None:
        super().__init__()
        self.params = {"weight": np.linspace(0.5, 1.5, n, dtype=np.float32)}
        self.saved, self.kept, self.wrong, self.fixed = (
            saved,
            keeps,
            wrong,
            np.arange(n, dtype=np.float32),
        )

    def forward(self, *xs: Any, **context: Any) -> tuple[Any, tuple[Any, ...]]:
        weight = self.params["weight"]
        more = {
            "x": (),
            "weight": (weight,),
            "copy": (weight.copy(),),
            "fixed": (self.fixed,),
            "one": (weight[:1],),
        }
        return xs[0] * weight, (xs[0], *more[self.saved])

    def backward_inputs(self, saved: Any, dy: Any) -> tuple[Any, ...]:
        return (self.wrong * dy * self.params["weight"],)

    def backward_params(self, saved: Any, dy: Any) -> dict[str, Any]:
        return {"weight": (saved[0] * dy).reshape(-1, dy.shape[-1]).sum(axis=0)}

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes

    def keeps(self, *shapes: Any) -> rb.Keeps | None:
        return self.kept


def within(layer: rb.Layer, before: bool = False) -> rb.Recurrent:
    """A cell with the layer in its loop, or on its input, where several steps run at once."""
    x, h = rb.Input(4), rb.State(4, "h")
    z = rb.Tanh()(layer(x) + h if before else layer(rb.Tanh()(x + h)))
    return rb.Recurrent(rb.Cell(x, {h: z}, z))


def run(model: Any, backend: str, checkpoint: Any = "all", batch: int = 3) -> rb.Gradients:
    x, target = np.random.default_rng(0).normal(size=(2, 6, batch, 4)).astype(np.float32)
    return rb.bptt(model, x, target, MSE, backend=backend, checkpoint=checkpoint, chunk=2)


EXTRA = rb.Keeps(inputs=(0,), extras=(((4,), None),))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("keeps", [None, EXTRA])
@pytest.mark.parametrize(
    ("saved", "batch", "text"),
    [
        (
            "weight",
            3,
            r"Gain\(\): array 1 that forward saved is its parameter 'weight'; "
            r".*self\.params\['weight'\]",
        ),
        (
            "weight",
            4,
            r"array 1 that forward saved is its parameter 'weight'",
        ),  # as many sequences as units
        (
            "copy",
            3,
            r"array 1 that forward saved has shape \(4,\); .* must begin with the batch axes \(",
        ),
        (
            "fixed",
            3,
            r"has shape \(4,\); .*save what is the same for all in __init__, as an attribute",
        ),
        ("one", 3, r"has shape \(1,\)"),
    ],
)
def test_what_is_saved_without_batch_axes(
    saved: str, batch: int, text: str, keeps: Any, before: bool, backend: str
) -> None:
    with pytest.raises(rb.ShapeError, match=text):
        run(within(Gain(4, saved, keeps), before), backend, batch=batch)


@pytest.mark.parametrize("checkpoint", SCHEDULES)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("keeps", [None, rb.Keeps(inputs=(0,))])
def test_the_layer_of_the_help_is_right_wherever_it_runs(
    keeps: Any, before: bool, backend: str, checkpoint: Any
) -> None:
    """Its gradients are the interpreter's, which are right by the complex step."""
    found = run(within(Gain(4, keeps=keeps), before), backend, checkpoint)
    expected = run(within(Gain(4, keeps=keeps), before), "interpreter")
    assert found.loss == pytest.approx(expected.loss, rel=1e-6)
    for name, grad in expected.grads.items():
        np.testing.assert_allclose(found.grads[name], grad, rtol=1e-4, atol=1e-6)
    rb.check_grads(
        within(Gain(4, keeps=keeps), before), np.random.default_rng(1).normal(size=(4, 3, 4))
    )


def test_help_of_layer_and_keeps() -> None:
    page = pydoc.render_doc(rb.Layer, renderer=pydoc.plaintext)
    for text in (
        "each begins with the batch axes",
        "return rb.Keeps(inputs=(0,))",
        "def backward_params(self, saved",
    ):
        assert text in page
    assert "its first input" in pydoc.render_doc(rb.Keeps, renderer=pydoc.plaintext)


@pytest.mark.parametrize(
    "build",
    [
        lambda layer: rb.Sequential(rb.RNN(4, 4), layer),
        lambda layer: rb.Sequential(layer, rb.RNN(4, 4), rb.Dense(4, 4)),
        lambda layer: rb.Sequential(rb.Dense(4, 4), within(layer), rb.Dense(4, 4)),
    ],
    ids=["after", "before", "in the cell"],
)
def test_a_wrong_delta_is_said_with_its_layer(build: Any) -> None:
    x, target = np.random.default_rng(0).normal(size=(2, 3, 2, 4))
    with pytest.raises(rb.GradientError, match=r"those of Gain\(\), which are wrong alone too$"):
        rb.check_grads(build(Gain(4, wrong=2.0)), x, target, MSE)
    rb.check_grads(build(Gain(4)), x, target, MSE)


def test_a_layer_that_is_wrong_alone_is_named() -> None:
    with pytest.raises(rb.GradientError, match=r"check the backward methods of Gain\(\)$"):
        rb.check_grads(Gain(4, wrong=2.0), (np.ones((2, 4)),))
