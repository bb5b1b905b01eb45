"""Whole models in a file: every layer, cell and network of the library has the same bits after."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import pytest

import rnnbp as rb
from rnnbp import graph
from rnnbp.layers.choose import Choose
from rnnbp.layers.penalty import PenaltyFactor, PenaltyTerm
from rnnbp.saving.table import KINDS, NAMED
from tests import (
    attention_models,
    matrix_models,
    models,
    parameter_models,
    penalty_models,
)
from tests.cell_equations import CELLS
from tests.generator import own
from tests.generator.draws import Seeded
from tests.generator.runs import case_of as drawn_case
from tests.helpers import assert_same_arrays, assert_same_named
from tests.layer_case import Case, backward, freeze, same_bits
from tests.layer_cases import CASES
from tests.over_time_cases import case, case_of
from tests.over_time_choice import quickly
from tests.over_time_models import EVERY
from tests.over_time_random import network
from tests.saved_models import assert_same_gradients, assert_same_slots, loaded

OF_RUNS = {Choose, PenaltyFactor, PenaltyTerm}
"""Layers that only stand in graphs that the library makes for a run."""
OWN = {cls.__name__: cls for cls in (own.Sine, own.Tilt, own.Fork, own.Alarm)}
WITH_DATA: dict[str, tuple[Any, Any]] = {
    **{
        f"attention {name} {kind}": (
            attention_models.MODELS[name](kind),
            attention_models.data(name, kind, 4, 2),
        )
        for name in attention_models.MODELS
        for kind in ("dot", "additive")
    },
    **{
        f"parameters {name}": (build(4), parameter_models.data(name, 4, 2, 4))
        for name, build in parameter_models.MODELS.items()
    },
    **{
        f"penalty {name}": (build(4), penalty_models.data(name, 4, 2, 4))
        for name, build in penalty_models.MODELS.items()
    },
    **{name: (build(), matrix_models.data(4, 2)) for name, build in matrix_models.MODELS.items()},
}
"""Models with attention, parameter values, constants and penalties, and (x, target) for each."""


def layers_of_the_library() -> set[type]:
    """All classes of layers of its own that others are not derived from."""
    for package in (rb.layers, graph):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    found, waiting = set[type](), [rb.Layer]
    while waiting:
        derived = waiting.pop().__subclasses__()
        waiting += derived
        found.update(derived)
    inner = {cls for cls in found if cls.__module__.startswith(("rnnbp.layers.", "rnnbp.graph."))}
    return {cls for cls in inner if not any(cls in other.__mro__[1:] for other in inner)}


def test_every_layer_of_the_library_is_in_the_table() -> None:
    assert layers_of_the_library() - OF_RUNS == set(KINDS)
    assert len(NAMED) == len(KINDS)


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.id)
def test_every_layer_has_the_same_bits(one: Case, tmp_path: Path) -> None:
    layer = one.build("float64")
    found = loaded(layer, tmp_path)
    xs = one.inputs((2, 3))
    freeze(xs, layer.params, found.params)
    (y, saved), (z, kept) = one.forward(layer, xs), one.forward(found, xs)
    assert same_bits(y, z)
    assert same_bits(saved, kept)
    dy = one.deltas(y)
    assert same_bits(backward(found, kept, dy), backward(layer, saved, dy))


def test_every_public_layer_is_among_the_cases() -> None:
    there = {type(one.build("float32")).__name__ for one in CASES}
    assert set(rb.layers.__all__) - {"Layer", "Keeps"} <= there


FEW = (
    "lstm, all", "lstm, zoned out", "gru, reset before", "rnn, dropped out", "rnn, leaky",
    "indrnn, tanh", "slstm, exp", "lru", "mingru, positive", "minlstm",
)  # fmt: skip
OWN_CELLS = {**models.CELLS, **models.OTHERS}


@pytest.mark.parametrize("name", quickly(CELLS, *FEW))
def test_every_cell_has_the_same_bits(name: str, tmp_path: Path) -> None:
    build, options, _ = CELLS[name]
    rnn: Any = build(3, 4, dtype="float64", rng=0, **options)
    found = loaded(rnn, tmp_path)
    assert found.cell.made == rnn.cell.made
    assert_same_slots(found, rnn)
    assert_same_gradients(found, rnn)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name", quickly(OWN_CELLS, "one layer twice", "network in cell", "lstm learned state")
)
def test_cells_of_ones_own_have_the_same_bits(name: str, dtype: str, tmp_path: Path) -> None:
    rnn = OWN_CELLS[name](3, 4, dtype)
    found = loaded(rnn, tmp_path)
    assert_same_slots(found, rnn)
    assert_same_gradients(found, rnn)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_compiled_cells_have_the_same_bits(backend: str, tmp_path: Path) -> None:
    rnn = rb.LSTM(3, 4, rng=0)
    assert_same_gradients(loaded(rnn, tmp_path), rnn, backend=backend)


@pytest.mark.filterwarnings("ignore:Last():UserWarning")
@pytest.mark.parametrize("name", quickly(EVERY, "tied", "conditioned", "several"))
def test_networks_over_time_have_the_same_bits(name: str, tmp_path: Path) -> None:
    one = case(name)
    found = loaded(one.model, tmp_path)
    assert_same_slots(found, one.model)
    other = replace(one, model=found)
    assert_same_arrays(other.predict()[0], one.predict()[0])
    assert_same_named(other.grads(other.bptt()), one.grads(one.bptt()))


@pytest.mark.parametrize("name", quickly(WITH_DATA, *list(WITH_DATA)[::8]))
def test_other_models_have_the_same_bits(name: str, tmp_path: Path) -> None:
    model, (x, target) = WITH_DATA[name]
    found = loaded(model, tmp_path)
    assert_same_slots(found, model)
    loss = rb.losses.MeanSquaredError()
    one, other = (
        rb.bptt(each, x, target, loss, backend="interpreter", seed=1) for each in (found, model)
    )
    assert one.loss == other.loss
    assert one.penalties == other.penalties
    assert_same_named(one.grads, other.grads)


@pytest.mark.filterwarnings("ignore:the model ends in:UserWarning")
@pytest.mark.filterwarnings("ignore:Last():UserWarning")
@pytest.mark.parametrize("seed", quickly(range(60), 2, 5))
def test_random_networks_over_time_have_the_same_bits(seed: int, tmp_path: Path) -> None:
    one = case_of(network(seed), "ragged", seed=seed)
    found = loaded(one.model, tmp_path)
    assert_same_slots(found, one.model)
    other = replace(one, model=found)
    assert_same_named(other.grads(other.bptt()), one.grads(one.bptt()))


@pytest.mark.filterwarnings("ignore:the model ends in:UserWarning")
@pytest.mark.filterwarnings("ignore:mask of shape:UserWarning")
@pytest.mark.parametrize("first", quickly(range(0, 200, 4), 4))
def test_random_models_have_the_same_bits(first: int, tmp_path: Path) -> None:
    """200 random graphs, the large, the wide and those that overflow among them."""
    for number in range(first, first + 4):
        wild, wide = number % 20 == 1, number % 4 == 3
        one = drawn_case(
            Seeded(7, number), large=number % 8 == 0, wild=wild, wide=wide and not wild
        )
        found = loaded(one.model, tmp_path, OWN)
        assert_same_slots(found, one.model)
        backend = rb.Backend("interpreter")
        with_numbers = replace(one, model=found).run(backend)
        expected = one.run(backend)
        assert_same_arrays([with_numbers.loss, with_numbers.dx], [expected.loss, expected.dx])
        assert_same_named(with_numbers.grads, expected.grads)
