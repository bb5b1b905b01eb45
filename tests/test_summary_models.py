"""``model.summary()`` of every kind of model: cells of one's own, shared layers, over time."""

from __future__ import annotations

from typing import Any

import pytest

import rnnbp as rb
from tests import models, over_time_models, parameter_models, several_inputs

ALL: dict[str, Any] = {
    **{f"cell {name}": lambda make=make: make(3, 4, "float32") for name, make in (models.CELLS | models.OTHERS).items()},
    **{f"over time {name}": make for name, make in over_time_models.MODELS.items()},
    **{f"parameters {name}": lambda make=make: make(5) for name, make in parameter_models.MODELS.items()},
    **{f"several {name}": lambda make=make: make(5) for name, (make, _) in several_inputs.MODELS.items()},
}  # fmt: skip
pytestmark = pytest.mark.alike

AXES = {"source": 12, "time": 10}
"""Steps of models of two axes."""


@pytest.mark.filterwarnings("ignore:Last.. the last step of a reverse direction")
@pytest.mark.parametrize("name", ALL)
def test_of_every_model_parameters_are_counted_once_and_lines_fit(name: str) -> None:
    model = ALL[name]()
    summary = model.summary()
    arrays = {id(p): p for p in model.params.values()}.values()
    assert summary.parameters == sum(p.size for p in arrays)
    assert summary.parameter_bytes == sum(p.nbytes for p in arrays)
    assert max(map(len, str(summary).splitlines())) <= 110
    assert "\n" not in str(model)


TWO_AXES = (
    "by bridges",
    "started twice",
    "by attention",
    "by additive attention",
    "two axes",
    "by state",
)
TIMED = dict.fromkeys(over_time_models.MODELS, 10) | dict.fromkeys(TWO_AXES, AXES)

SOME = [*TIMED][::6]
OTHERS = sorted(TIMED.keys() - {*SOME})


@pytest.mark.filterwarnings("ignore:Last.. the last step of a reverse direction")
@pytest.mark.parametrize(
    "name", SOME + [pytest.param(name, marks=pytest.mark.long) for name in OTHERS]
)
def test_of_networks_over_time_all_layers_are_counted(name: str) -> None:
    summary = over_time_models.MODELS[name]().summary(TIMED[name], 2)
    assert summary.uncounted == ()
    assert summary.kept_bytes == sum(row.kept_bytes or 0 for row in summary.rows)
    assert summary.flops == sum(row.flops or 0 for row in summary.rows)
    assert None not in [row.flops for row in summary.rows]


def test_a_penalty_is_no_layer_that_runs_as_python() -> None:
    summary = rb.Sequential(rb.GRU(3, 4), rb.Penalty(l1=0.1), rb.Dense(4, 2)).summary(10, 2)
    without = rb.Sequential(rb.GRU(3, 4), rb.Dense(4, 2)).summary(10, 2)
    assert (summary.uncounted, summary.flops) == ((), without.flops)


def test_the_example_of_x_shape_is_for_the_input_that_lacks_it() -> None:
    a, b = rb.Input(3, "a"), rb.Input(name="b")
    model = rb.Graph([a, b], rb.GRU(4, 2)(rb.Dense(3, 4)(a) + b))
    says = r"does not say the feature shape of input b; give x_shape, as \(None, \(n_in,\)\)"
    with pytest.raises(rb.ShapeError, match=says):
        model.summary(10, 2)
    assert model.summary(10, 2, x_shape=(None, (4,))).kept_bytes
