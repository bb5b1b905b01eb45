"""The built-in cells against their equations, written out in NumPy.

Gate order, reset conventions, activations.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.graph import cells
from rnnbp.ways import way
from tests import models
from tests.cell_equations import CELLS, WAYS

T, B, N_IN, N = 6, 2, 3, 4


def built_in() -> dict[str, Callable[..., rb.Recurrent]]:
    """The public functions of all modules of ``graph.cells``, exported there or not."""
    names = [f"{cells.__name__}.{module.name}" for module in iter_modules(cells.__path__)]
    own = [
        function
        for name in names
        for _, function in inspect.getmembers(import_module(name), inspect.isfunction)
        if function.__module__ == name and not function.__name__.startswith("_")
    ]
    return {function.__name__: function for function in own}


BUILDERS = built_in()


def test_every_cell_of_the_library_has_its_equations_here() -> None:
    assert {build for build, _, _ in CELLS.values()} == set(BUILDERS.values())


@pytest.mark.parametrize("name", BUILDERS)
def test_every_cell_is_public_and_in_the_lists(name: str) -> None:
    assert getattr(rb, name) is BUILDERS[name]
    assert name.lower() in {model.split()[0] for model in {**models.CELLS, **models.OTHERS}}
    assert name in way.BUILT_IN.split()


@pytest.mark.parametrize("name", BUILDERS)
def test_arguments_of_other_libraries_name_what_is_written_here(name: str) -> None:
    """As ``nn.LSTM(3, 4, 2)`` and ``nn.GRU(3, 4, num_layers=2)`` of PyTorch."""
    several = rf"for several layers write Sequential\({name}\(n_in, n\), {name}\(n, n\)\)"
    with pytest.raises(TypeError, match=several):
        BUILDERS[name](3, 4, 2)
    with pytest.raises(TypeError, match=several):
        BUILDERS[name](3, 4, num_layers=2)
    with pytest.raises(TypeError, match=rf"Bidirectional\({name}\(n_in, n\), {name}\(n_in"):
        BUILDERS[name](3, 4, bidirectional=True)


@pytest.mark.quick
@pytest.mark.one_in(2, "name")
@pytest.mark.parametrize(("name", "way"), WAYS)
def test_a_cell_follows_its_equations(name: str, way: dict[str, Any]) -> None:
    """Outputs of every step and the last state, from random states and parameters."""
    build, options, step = CELLS[name]
    numbers = np.random.default_rng(3)
    model = build(N_IN, N, dtype="float64", rng=0, **options, **way)
    for array in model.params.values():
        array[...] = numbers.normal(size=array.shape)
    state = [numbers.normal(size=(B, *shape)) for shape in model.cell.state_shapes]
    x = numbers.normal(size=(T, B, N_IN))
    y, (found,) = rb.predict(model, x, state=state)
    expected = []
    for x_t in x:
        y_t, *state = step(model.params, x_t, *state)
        expected.append(y_t)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)
    for one, wanted in zip(found, state, strict=True):
        np.testing.assert_allclose(one, wanted, rtol=1e-12, atol=1e-14)


def test_forget_bias_is_added_to_the_forget_gate() -> None:
    """With f = 1 and i = 0 the memory stays."""
    model = rb.LSTM(N_IN, N, dtype="float64", rng=0, forget_bias=1000.0)
    model.params["bias_ih"][:N] = -1000.0
    c = np.random.default_rng(4).normal(size=(B, N))
    _, ((_, found),) = rb.predict(model, np.ones((T, B, N_IN)), state=(np.zeros((B, N)), c))
    np.testing.assert_array_equal(found, c)


def test_gru_with_reset_before_is_another_function() -> None:
    """With the recurrent weights of the candidate zero both conventions agree; else they do not."""
    after, before = (
        rb.GRU(6, 8, dtype="float64", rng=1),
        rb.GRU(6, 8, dtype="float64", reset_after=False, rng=2),
    )
    for path, array in before.params.items():
        source = {"weight_hm": "weight_hh", "bias_hm": "bias_hh"}.get(path, path)
        rows = after.params[source]
        array[...] = rows[2 * 8 :] if path.endswith("_hm") else rows[: len(array)]
    x = np.random.default_rng(0).normal(size=(37, 5, 6))
    assert np.abs(rb.predict(after, x)[0] - rb.predict(before, x)[0]).max() > 1e-3
    for model in (after, before):
        weight = model.params.get("weight_hm", model.params["weight_hh"])[-8:]
        weight[...] = 0
        model.params.get("bias_hm", model.params["bias_hh"])[-8:] = 0
    one = np.finfo(np.float64).eps  # a rounding of what h is mixed of, for an h that is near 0
    np.testing.assert_allclose(
        rb.predict(after, x)[0], rb.predict(before, x)[0], rtol=1e-13, atol=one
    )


@pytest.mark.quick
@pytest.mark.parametrize("checkpoint", ["all", "sqrt", rb.schedules.ThinTapes(3)])
@pytest.mark.parametrize("backend", ["interpreter", "numpy"])
def test_a_cell_without_operations_hands_x_on(backend: str, checkpoint: Any) -> None:
    """A delay of one step: y(t) = x(t - 1), the first one is 0."""
    x, before = rb.Input(N_IN), rb.State(N_IN)
    model = rb.Recurrent(rb.Cell(x, {before: x}, output=before))
    given = np.random.default_rng(5).normal(size=(6, B, N_IN))
    found = rb.bptt(
        model, given, np.zeros_like(given), rb.losses.MeanSquaredError(), chunk=2,
        backend=backend, checkpoint=checkpoint,
    )  # fmt: skip
    assert found.loss == pytest.approx(np.mean(np.concatenate([0 * given[:1], given[:-1]]) ** 2))
    expected = np.concatenate([2 * given[:-1] / given.size, 0 * given[:1]])
    np.testing.assert_allclose(found.dx, expected, rtol=1e-15, atol=0)
