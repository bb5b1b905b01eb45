"""What is remembered from run to run follows what has changed, and keeps no model alive."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.graph.model_split import ALONE, Parts, parts_of
from rnnbp.graph.value_pers import value_pers
from rnnbp.inputs.models import as_model
from rnnbp.machine import availability
from rnnbp.numerics import fix_sizes
from rnnbp.runners.backend import as_backend

X, TARGET = (
    np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 2, 3),
    np.zeros((4, 2, 3), np.float32),
)
needs_llvm = pytest.mark.skipif(not availability.installed(), reason="needs llvmlite")


def dropping(p: float) -> rb.Recurrent:
    """A Recurrent by itself with a dropout in its cell."""
    x, h = rb.Input(3), rb.State(3)
    new = rb.Tanh()(rb.Dense((3, 3), 3, rng=0)(rb.Dropout(p)(x), h))
    return rb.Recurrent(rb.Cell(x, {h: new}, output=new))


def loss_of(model: Any, seed: int = 3) -> float:
    return rb.bptt(model, X, TARGET, rb.losses.MeanSquaredError(), seed=seed).loss


def test_a_setting_within_a_recurrent_by_itself_counts_in_the_next_run() -> None:
    model = dropping(0.5)
    (dropout,) = (layer for layer in model.layers if isinstance(layer, rb.Dropout))
    before = loss_of(model)
    dropout.set(p=0.25)
    assert loss_of(model) == loss_of(dropping(0.25)) != before
    dropout.set(p=0.5)
    assert loss_of(model) == before


def test_shapes_of_a_recurrent_by_itself_are_checked_in_every_run() -> None:
    model = rb.GRU(3, 2, rng=0)
    rb.predict(model, X)
    with pytest.raises(rb.ShapeError, match="size 3, found 2"):
        rb.predict(model, X[..., :2])
    assert rb.predict(model, X)[0].shape == (4, 2, 2)


@pytest.mark.parametrize(
    "build", [lambda: dropping(0.5), lambda: rb.Sequential(rb.GRU(3, 3, rng=0), rb.Dropout(0.5))]
)
def test_what_is_remembered_keeps_no_model_alive(build: Callable[[], Any]) -> None:
    model = build()
    loss_of(model)
    rb.predict(model, X)
    gone = weakref.ref(model)
    gc.collect()
    gc.disable()  # what is left of it would be found by the collector alone
    try:
        del model
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("build", [lambda: rb.GRU(3, 2, rng=0), lambda: dropping(0.5)])
def test_parts_of_a_recurrent_by_itself_are_those_that_are_looked_for(
    build: Callable[[], Any],
) -> None:
    graph = as_model(build())
    quick, slow = parts_of(graph), Parts(graph)
    assert set(vars(quick)) >= set(ALONE)
    slow.__dict__ = {name: value for name, value in vars(slow).items() if name not in ALONE}
    slow.x, slow.pers, slow.fixed = graph.pers.index("step"), value_pers(graph), ()
    assert (quick.body, quick.tail) == (graph.ancestors(graph.outputs), ())
    assert {n: getattr(quick, n) for n in ALONE} == {n: getattr(slow, n) for n in ALONE}


@needs_llvm
def test_the_backend_follows_the_environment_and_what_llvm_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = []
    for value in ("llvm", "numpy", "llvm", "numba", ""):
        monkeypatch.setenv("RNNBP_BACKEND", value)
        names.append((as_backend(None).name, as_backend(None).named))
    assert names == [
        ("llvm", True),
        ("numpy", True),
        ("llvm", True),
        ("llvm", True),
        ("llvm", False),
    ]
    monkeypatch.setattr(availability, "_refused", ["for a test"])
    monkeypatch.setattr(availability, "_warned", ["for a test"])
    assert as_backend(None).name == "numpy"
    with pytest.raises(ImportError, match="for a test"):
        as_backend("llvm")


@pytest.mark.parametrize("name", ["cuda", ["llvm"], 3])
def test_a_backend_that_is_unknown_is_refused_each_time(name: Any) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="unknown"):
            as_backend(name)


def test_arrays_that_are_read_are_not_resized_through_their_views() -> None:
    owner = np.zeros(8)
    view = owner[2:][1:]
    fixed = fix_sizes([view])
    for array in (owner, view):
        with pytest.raises(ValueError, match="resize"):
            array.resize(100, refcheck=False)
    del fixed, view
    owner.resize(4, refcheck=False)
    assert owner.size == 4


def stepped(params: dict[str, np.ndarray], steps: int) -> np.ndarray:
    """The parameters after some steps of Adam."""
    optimizer = rb.optim.Adam(params, 0.1)
    for k in range(steps):
        optimizer.step({name: np.cos(np.arange(p.size) + k) for name, p in params.items()})
    return np.concatenate([*params.values()])


@pytest.mark.parametrize("second", [4, 8])
def test_adam_has_the_same_numbers_where_parameters_share_memory(
    second: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for backend in ("", "numpy"):
        monkeypatch.setenv("RNNBP_BACKEND", backend)
        memory = np.linspace(-1, 1, 12)
        found.append(stepped({"a": memory[:8], "b": memory[second:]}, 3))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


@needs_llvm
@pytest.mark.parametrize(("second", "calls"), [(4, 0), (8, 3)])
def test_threads_update_parameters_that_lie_apart_alone(
    second: int, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnnbp.machine import arrays

    made: list[int] = []
    adam = arrays.adam
    monkeypatch.setenv("RNNBP_BACKEND", "")
    monkeypatch.setattr(
        arrays,
        "adam",
        lambda those, *given, **named: (made.append(1), adam(those, *given, **named))[1],
    )
    memory = np.linspace(-1, 1, 12)
    stepped({"a": memory[:8], "b": memory[second:]}, 3)
    assert len(made) == calls


def test_a_parameter_that_is_read_only_between_steps() -> None:
    params = {"a": np.ones(3), "b": np.ones(3)}
    grads = {name: np.ones(3) for name in params}
    optimizer = rb.optim.Adam(params, 0.1)
    optimizer.step(grads)
    before = {name: p.copy() for name, p in params.items()}
    params["b"].setflags(write=False)
    with pytest.raises(ValueError, match="'b' is read-only"):
        optimizer.step(grads)
    for name, p in params.items():
        np.testing.assert_array_equal(p, before[name])
