"""Layers are frozen once they are built.

Their options change by ``set``, which counts in the next run.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.layers.frozen import FrozenLayerError
from rnnbp.support.prepared import prepared

X, TARGET = np.ones((5, 2, 3), np.float32), np.zeros((5, 2, 3), np.float32)


class Gain(rb.Layer):
    """A layer as users write them, with an option that it does not declare."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.params, self.factor = {}, factor
        self._build()

    def _build(self) -> None:
        self.table = np.full(3, self.factor)

    def forward(self, x: Any, **context: Any) -> tuple[Any, Any]:
        return x * x.dtype.type(self.factor), ()

    def backward_inputs(self, saved: Any, dy: Any) -> tuple[Any, ...]:
        return (dy * dy.dtype.type(self.factor),)

    def output_shapes(self, *shapes: Any) -> tuple[Any, ...]:
        return shapes

    def keeps(self, *shapes: Any) -> rb.Keeps:
        return rb.Keeps()


class More(Gain):
    """Sets attributes after its base has been built, and declares its option."""

    settable: ClassVar[Any] = {"factor": lambda what, value: float(value)}

    def __init__(self, factor: float) -> None:
        super().__init__(factor)
        self.squares = self.table**2


class Counting(Gain):
    """Keeps a count of its calls, as layers of other libraries do."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.calls = 0

    def forward(self, x: Any, **context: Any) -> tuple[Any, Any]:
        self.calls += 1
        return super().forward(x)


OPTIONS = [
    pytest.param(rb.Dropout, "p", 0.5, 0.25, 1.0, id="Dropout.p"),
    pytest.param(
        lambda every: rb.Dropout(0.5, every_step=every),
        "every_step",
        True,
        False,
        "no",
        id="every_step",
    ),
    pytest.param(rb.GaussianNoise, "sigma", 0.5, 0.25, -1.0, id="GaussianNoise.sigma"),
    pytest.param(rb.LeakyReLU, "slope", 0.5, 0.25, 0.0, id="LeakyReLU.slope"),
    pytest.param(rb.ELU, "alpha", 0.5, 0.25, -1.0, id="ELU.alpha"),
    pytest.param(rb.Scale, "scale", 0.5, 0.25, "1", id="Scale.scale"),
    pytest.param(lambda shift: rb.Scale(1.0, shift), "shift", 0.5, 0.25, "1", id="Scale.shift"),
    pytest.param(lambda eps: rb.LayerNorm(3, eps=eps), "eps", 0.5, 0.25, 0.0, id="LayerNorm.eps"),
    pytest.param(More, "factor", 0.5, 0.25, "x", id="a user's"),
]
LAYERS: list[Callable[[], Any]] = [
    lambda: rb.Dense(3, 3, rng=0),
    lambda: rb.Split(1, 2),
    lambda: rb.Dropout(0.5),
]


def model_of(layer: Any) -> Any:
    return rb.Sequential(rb.RNN(3, 3, rng=0), layer)


def loss_of(model: Any) -> float:
    return rb.bptt(model, X, TARGET, rb.losses.MeanSquaredError(), seed=3).loss


@pytest.mark.parametrize(("build", "option", "first", "second", "bad"), OPTIONS)
def test_an_option_that_is_set_counts_in_the_next_run(
    build: Callable[[Any], Any], option: str, first: Any, second: Any, bad: Any
) -> None:
    layer = build(first)
    model = model_of(layer)
    expected = [loss_of(model_of(build(value))) for value in (first, second, first)]
    found = []
    for value in (first, second, first):
        layer.set(**{option: value})
        found.append(loss_of(model))
    assert found == expected
    assert found[0] != found[1]


@pytest.mark.parametrize(("build", "option", "first", "second", "bad"), OPTIONS)
def test_an_option_is_checked_as_by_the_constructor(
    build: Callable[[Any], Any], option: str, first: Any, second: Any, bad: Any
) -> None:
    layer = build(first)
    with pytest.raises((TypeError, ValueError)):
        layer.set(**{option: bad})
    assert getattr(layer, option) == first


@pytest.mark.parametrize(("build", "option", "first", "second", "bad"), OPTIONS)
def test_an_option_that_is_assigned_is_set_with_a_warning(
    build: Callable[[Any], Any], option: str, first: Any, second: Any, bad: Any
) -> None:
    layer = build(first)
    model, expected = model_of(layer), loss_of(model_of(build(second)))
    loss_of(model)
    with pytest.warns(DeprecationWarning, match=rf"call set\({option}="):
        setattr(layer, option, second)
    assert loss_of(model) == expected


def test_a_dropout_of_nothing_hands_its_input_on_after_set_too() -> None:
    layer = rb.Dropout(0.5)
    assert not layer.view
    layer.set(p=0)
    assert layer.view


@pytest.mark.parametrize("build", LAYERS)
def test_other_attributes_raise(build: Callable[[], Any]) -> None:
    layer = build()
    name = next(name for name in vars(layer) if name not in ("_params", *layer.settable))
    before = vars(layer)[name]
    with pytest.raises(
        FrozenLayerError, match=f"{type(layer).__name__}: a layer is frozen .*build a new layer"
    ):
        setattr(layer, name, 1)
    with pytest.raises(AttributeError, match="frozen"):
        layer.new = 1
    with pytest.raises(AttributeError, match="frozen"):
        delattr(layer, name)
    assert vars(layer)[name] is before


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))]
)
@pytest.mark.parametrize("build", [*LAYERS, lambda: More(2.0)])
def test_copies_are_frozen_too(build: Callable[[], Any], copied: Callable[[Any], Any]) -> None:
    layer = copied(build())
    assert list(vars(layer)) == list(vars(build()))
    with pytest.raises((AttributeError, DeprecationWarning)):
        layer.new = 1


def test_parameters_are_replaced_without_a_warning() -> None:
    layer = rb.Dense(3, 3, rng=0)
    layer.params = {name: p.copy() for name, p in layer.params.items()}
    layer.params["bias"][...] = 0
    assert not layer.params["bias"].any()


def test_a_layer_is_open_until_the_outermost_constructor_returns() -> None:
    layer = More(3.0)
    np.testing.assert_array_equal(layer.squares, [9, 9, 9])
    with pytest.warns(
        DeprecationWarning, match="More: attribute 'squares' is assigned after __init__"
    ):
        layer.squares = layer.table


def test_a_constructor_that_raises_leaves_nothing_open() -> None:
    with pytest.raises(ValueError, match="p must"):
        rb.Dropout(2.0)
    with pytest.raises(AttributeError, match="frozen"):
        rb.Dropout(0.5).other = 1  # type: ignore[attr-defined]


def test_a_layer_that_writes_to_itself_runs_with_a_warning_at_its_line() -> None:
    layer = Counting()
    with pytest.warns(DeprecationWarning, match="Counting: attribute 'calls'") as caught:
        loss_of(model_of(layer))
    assert layer.calls == 1
    assert caught[0].filename == __file__


def test_an_undeclared_option_of_a_users_layer_counts_in_the_next_run() -> None:
    layer = Gain(0.5)
    model = model_of(layer)
    loss_of(model)
    with pytest.warns(DeprecationWarning, match="declare an option"):
        layer.factor = 0.25
    assert loss_of(model) == loss_of(model_of(Gain(0.25)))


@pytest.mark.parametrize(
    ("layer", "options", "match"),
    [
        (
            rb.Dropout(0.5),
            {"probability": 0.1},
            "no option 'probability' can be changed; it has p, every_step, per",
        ),
        (rb.Dropout(0.5), {"p": 0.1, "q": 0.1}, "no option 'q'"),
        (rb.Tanh(), {"p": 0.1}, "Tanh.set: no option 'p' can be changed; build a new layer"),
        (rb.Dense(3, 3, rng=0), {"n_out": 4}, "Dense.set: no option 'n_out'"),
    ],
)
def test_what_cannot_be_set_says_what_can(
    layer: rb.Layer, options: dict[str, Any], match: str
) -> None:
    before = repr(layer)
    with pytest.raises(TypeError, match=match):
        layer.set(**options)
    assert repr(layer) == before


def test_only_networks_that_hold_a_layer_forget_what_they_know() -> None:
    layer = rb.Dropout(0.5)
    models = [model_of(layer), rb.Sequential(model_of(layer), rb.Tanh()), model_of(rb.Dropout(0.5))]
    known = [prepared(model) for model in models]
    layer.set(p=0.25)
    assert [prepared(model) is before for model, before in zip(models, known, strict=True)] == [
        False,
        False,
        True,
    ]


def test_a_layer_within_a_cell_is_found() -> None:
    x, h = rb.Input(3), rb.State(3)
    scale = rb.Scale(0.5)
    new = rb.Tanh()(scale(rb.Dense((3, 3), 3, rng=0)(x, h)))
    model = rb.Recurrent(rb.Cell(x, {h: new}, output=new))
    known = prepared(model), prepared(model.cell)
    scale.set(scale=2.0)
    assert prepared(model) is not known[0]
    assert prepared(model.cell) is not known[1]
