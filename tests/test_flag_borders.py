"""A flag that is no bool is refused everywhere.

"no" would count as true, 0 and None may be mistaken numbers.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
import rnnbp.train
from rnnbp.train import Batch

MSE = rb.losses.MeanSquaredError()
X, Y = np.zeros((4, 2, 3), np.float32), np.zeros((4, 2, 1), np.float32)


def net() -> rb.Sequential:
    return rb.Sequential(rb.RNN(3, 4, rng=0), rb.Dropout(0.5), rb.Dense(4, 1, rng=1))


class Given:
    """A source whose batches say ``fresh`` as they are told."""

    batches_per_epoch = 1

    def __init__(self, fresh: Any) -> None:
        self.fresh = fresh

    def batch(self, epoch: int, index: int) -> Batch:
        return Batch(X.copy(), Y.copy(), None, fresh=self.fresh)


def loaded(strict: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rb.save_weights(net(), f"{folder}/weights.safetensors")
        rb.load_weights(net(), f"{folder}/weights.safetensors", strict=strict)


def resumed(resume: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rb.fit(net(), data(), MSE, steps=1, folder=folder, resume=resume)


def trainer(**options: Any) -> rb.Trainer:
    model = net()
    return rb.Trainer(model, rb.optim.SGD(model, learning_rate=0.1), MSE, **options)


def data() -> rb.Sequences:
    return rb.Sequences(X.copy(), Y.copy(), batch_size=2)


CALLS: dict[str, Callable[[Any], Any]] = {
    "Recurrent reverse": lambda f: rb.Recurrent(rb.RNN(3, 4).cell, reverse=f),
    "bptt training": lambda f: rb.bptt(net(), X, Y, MSE, training=f),
    "bptt dx": lambda f: rb.bptt(net(), X, Y, MSE, dx=f),
    "bptt progress": lambda f: rb.bptt(net(), X, Y, MSE, progress=f),
    "bptt return_y": lambda f: rb.bptt(net(), X, Y, MSE, return_y=f),
    "predict last": lambda f: rb.predict(net(), X, last=f),
    "predict training": lambda f: rb.predict(net(), X, training=f),
    "predict progress": lambda f: rb.predict(net(), X, progress=f),
    "evaluate progress": lambda f: rb.evaluate(net(), X, Y, MSE, progress=f),
    "load_weights strict": loaded,
    "forecast return_y": lambda f: rb.forecast(net(), MSE, steps=4, batch=2, return_y=f),
    "plan return_y": lambda f: rb.plan(net(), MSE, steps=4, batch=2, budget="1 MB", return_y=f),
    "check_grads training": lambda f: rb.check_grads(net(), X, Y, MSE, training=f, samples=1),
    "plan reset": lambda f: rb.plan(net(), MSE, steps=4, batch=2, budget="1 MB", reset=f),
    "forecast reset": lambda f: rb.forecast(net(), MSE, steps=4, batch=2, reset=f),
    "forecast dx": lambda f: rb.forecast(net(), MSE, steps=4, batch=2, dx=f),
    "forecast training": lambda f: rb.forecast(net(), MSE, steps=4, batch=2, training=f),
    "plan dx": lambda f: rb.plan(net(), MSE, steps=4, batch=2, budget="1 MB", dx=f),
    "Trainer progress": lambda f: trainer(progress=f),
    "Trainer keep_best": lambda f: trainer(validation=data(), keep_best=f),
    "fit resume": resumed,
    "fit progress": lambda f: rb.fit(net(), data(), MSE, steps=1, progress=f),
    "sweep dx": lambda f: rb.compare.sweep(net(), X, Y, MSE, dx=f),
    "sweep progress": lambda f: rb.compare.sweep(net(), X, Y, MSE, progress=f),
    "save html": lambda f: rb.compare.save(None, "nowhere", html=f),  # type: ignore[arg-type]
    "Batch fresh": lambda f: rb.fit(net(), Given(f), MSE, steps=1),
    "Batch fresh in validation": lambda f: rb.fit(
        net(), data(), MSE, steps=1, validation=Given(f), validate_every=1
    ),
    "Sequences last": lambda f: rb.Sequences(X.copy(), Y.copy()[:, 0], batch_size=2, last=f),
    "Sequences shuffle": lambda f: rb.Sequences(X.copy(), Y.copy(), batch_size=2, shuffle=f),
    "Sequences batch_first": lambda f: rb.Sequences(
        X.copy(), Y.copy(), batch_size=2, batch_first=f
    ),
    "Windows recordings": lambda f: rb.Windows(
        [X[0], X[1]], None, horizon=2, batch_size=1, recordings=f
    ),
    "Windows join": lambda f: rb.Windows([X[0], X[1]], None, horizon=2, batch_size=1, join=f),
    "Sequences by_length": lambda f: rb.Sequences(X.copy(), Y.copy(), batch_size=2, by_length=f),
    "Attention weights": lambda f: rb.Attention("dot", weights=f),
    "Batches batch_first": lambda f: rb.Batches([], batches_per_epoch=1, batch_first=f),
    "Batches last": lambda f: rb.Batches([], batches_per_epoch=1, last=f),
    "Batches carry": lambda f: rb.Batches([], batches_per_epoch=1, carry=f),
    "Examples shuffle": lambda f: rb.Examples(X, Y, batch_size=2, shuffle=f),
    "Dense bias": lambda f: rb.Dense(3, 4, bias=f),
    "Conv1D bias": lambda f: rb.Conv1D(3, 4, 2, bias=f),
    "Conv2D bias": lambda f: rb.Conv2D(3, 4, 2, bias=f),
    "RNN bias": lambda f: rb.RNN(3, 4, bias=f),
    "LSTM bias": lambda f: rb.LSTM(3, 4, bias=f),
    "GRU bias": lambda f: rb.GRU(3, 4, bias=f),
    "RNN layer_norm": lambda f: rb.RNN(3, 4, layer_norm=f),
    "LSTM layer_norm": lambda f: rb.LSTM(3, 4, layer_norm=f),
    "LSTM peepholes": lambda f: rb.LSTM(3, 4, peepholes=f),
    "LSTM coupled": lambda f: rb.LSTM(3, 4, coupled=f),
    "GRU layer_norm": lambda f: rb.GRU(3, 4, layer_norm=f),
    "MinGRU positive": lambda f: rb.MinGRU(3, 4, positive=f),
    "MinLSTM positive": lambda f: rb.MinLSTM(3, 4, positive=f),
    "GRU reset_after": lambda f: rb.GRU(3, 4, reset_after=f),
    "LayerNorm weight": lambda f: rb.LayerNorm(3, weight=f),
    "LayerNorm bias": lambda f: rb.LayerNorm(3, bias=f),
    "Dropout every_step": lambda f: rb.Dropout(0.5, every_step=f),
    "SGD nesterov": lambda f: rb.optim.SGD(net(), learning_rate=0.1, momentum=0.5, nesterov=f),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("value", ["no", 0, 2, [], np.array([True, False])], ids=str)
@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_bool_is_refused(call: str, value: Any) -> None:
    with pytest.raises(
        TypeError,
        match=f"{call.split()[-1] if call[:6] != 'Batch ' else 'fresh'}.* must be True or False",
    ):
        CALLS[call](value)


QUICK = [
    call
    for call in CALLS
    if call
    not in (
        "Sequences last",
        "sweep dx",
        "sweep progress",
        "save html",
        "bptt progress",
        "fit progress",
        "predict progress",
        "evaluate progress",
    )
]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("value", [True, False, np.True_])
@pytest.mark.parametrize("call", QUICK)
def test_bools_are_taken(call: str, value: Any) -> None:
    CALLS[call](value)


def flags(module: ModuleType) -> Iterator[str]:
    for name in (name for name in dir(module) if name[0] != "_"):
        thing = getattr(module, name)
        error = isinstance(thing, type) and issubclass(thing, Exception | dict)  # Options is one
        if (
            callable(thing)
            and not error
            and str(getattr(thing, "__module__", "")).startswith("rnnbp")
        ):
            for parameter in inspect.signature(thing).parameters.values():
                if "bool" in str(parameter.annotation):
                    yield f"{name} {parameter.name}"


@pytest.mark.parametrize(
    "module",
    [rb, rb.optim, rb.losses, rb.schedules, rb.compare, rb.train],
    ids=lambda m: m.__name__,
)
def test_no_flag_of_the_public_functions_is_missing_here(module: ModuleType) -> None:
    assert set(flags(module)) <= {*CALLS, "LBFGSResult converged", "Context training"}


class Tuples:
    batches_per_epoch = 1

    def batch(self, epoch: int, index: int) -> Any:
        return X, Y


class Empty(Tuples):
    batches_per_epoch = 0


def test_a_source_that_gives_something_else_is_named() -> None:
    with pytest.raises(
        TypeError, match=r"a source must give a Batch\(x, target, mask, fresh\), found \("
    ):
        rb.fit(net(), Tuples(), MSE, steps=1)
    with pytest.raises(ValueError, match="batches_per_epoch must be at least 1, found 0"):
        rb.fit(net(), Empty(), MSE, steps=1)
