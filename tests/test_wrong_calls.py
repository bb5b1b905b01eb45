"""Wrong arguments of public functions: an error names each; nothing is silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

NAN, INF = float("nan"), float("inf")
OBJECT = object()
WRONG: dict[str, tuple[Any, ...]] = {
    "size": (0, -1, 1.5, "3", True, NAN, [2.5], OBJECT),
    "count": (-1, 1.5, "3", True, NAN, [2]),
    "negative": (-0.1, NAN, "3", True, None, [2]),
    "flag": ("no", 1, 0, None, "False", np.ones(2)),
    "optional flag": ("no", 1, 0, "False", np.ones(2)),
    "rate": (0, -0.1, NAN, INF, "fast", None, True, [0.1], np.ones(2), 10**400),
    "share": (-0.1, 1.0, 1.5, NAN, "half", None, True),
    "limit": (0, -1.0, NAN, "1", True, [1.0]),
    "seed": (-1, 1.5, "0", NAN, [1.5], OBJECT),
    "dtype": ("float16", "int32", "complex64", "text", 3, OBJECT),
    "init": ("gloriot", 3 + 1j, OBJECT, [1, "a"], NAN),
    "shape": (0, (0,), (-1, 2), 1.5, "3", (1.5,), True),
    "x": (None, 3.0, "text", OBJECT, np.zeros((0, 2, 3), "f"), np.zeros(3, "f"),
          np.zeros((4, 3), "f"),
          np.zeros((4, 2, 5), "f"), np.zeros((4, 2, 3), complex), np.zeros((4, 2, 3), "f2"),
          np.ma.zeros((4, 2, 3)),
          np.full((4, 2, 3), NAN, "f"), np.zeros((4, 2, 3), int), np.zeros((4, 2, 3), bool),
          np.zeros((4, 2, 3), object),
          [[1.0], [2.0, 3.0]], {"x": 1}, {1, 2}),
    "target": (None, 3.0, "text", np.zeros((4, 2), "f"), np.zeros((4, 3, 5), "f"),
               np.zeros((3, 2, 5), "f"),
               np.zeros((4, 2, 1), "f"), np.ma.zeros((4, 2, 5)), np.full((4, 2, 5), NAN),
               np.zeros((4, 2, 5), complex)),
    "labels": (np.full((4, 2), 5), np.full((4, 2), -1), np.full((4, 2), 0.5),
               np.zeros((4, 2, 1), int), np.zeros((4, 2, 5)),
               np.zeros(4, int), np.zeros((2, 4), int)),
    "mask": (3.0, "text", np.zeros((4, 2)), np.full((4, 2), -1.0), np.full((4, 2), NAN),
             np.ones((2, 4)), np.ones(4),
             np.ones((4, 2, 1)), np.ones((4, 2), complex), np.ma.ones((4, 2))),
    "state": (3.0, "text", (1, 2, 3), np.zeros((2, 4), "f"), ((np.zeros((2, 5), "f"),),),
              ((np.full((2, 5), NAN, "f"),) * 2,),
              ((np.zeros((3, 5), "f"),) * 2,), ((np.zeros((2, 5), int),) * 2,)),
    "backend": ("cuda", 3, OBJECT, ["llvm"]),
    "checkpoint": ("squirt", OBJECT, 1.5, True, None, [1, 2], "-3 MB", "3 parsecs"),
    "model": (None, 3, "lstm", rb.LSTM, [rb.LSTM(3, 5)], OBJECT),
    "loss": (None, 3, "mse", rb.losses.MeanSquaredError, OBJECT),
    "params": (None, 3, [np.zeros(2)], {}, {"a": [1.0]}, {"a": np.zeros(2, int)},
               {"a": np.zeros(2, "f2")}),
    "source": (None, 3, np.zeros((2, 3)), [1, 2], OBJECT),
    "budget": (0, -1, "3 parsecs", "", NAN, 1.5, None, True, "MB 3", OBJECT),
    "folder": (3.5, OBJECT, "a\0b"),
}  # fmt: skip
ALLOWED = (ValueError, TypeError, FloatingPointError, rb.GradientError)
X, Y = np.ones((4, 2, 3), np.float32), np.zeros((4, 2, 5), np.float32)
MSE = rb.losses.MeanSquaredError()
CELL = {"dtype": "dtype", "rng": "seed", "weight_init": "init", "bias_init": "init"}


def lstm() -> Any:
    return rb.LSTM(3, 5, rng=0)


def call(f: Callable[..., Any], *args: Any, **valid: Any) -> Callable[..., Any]:
    return lambda **wrong: f(*args, **{**valid, **wrong})


RUN = {
    "model": "model",
    "x": "x",
    "target": "target",
    "loss": "loss",
    "state": "state",
    "mask": "mask",
    "chunk": "size",
}
TRAIN = {
    "optimizer": "model",
    "loss": "loss",
    "clip_norm": "limit",
    "clip_value": "limit",
    "seed": "seed",
}
CALLS: dict[str, tuple[Callable[..., Any], dict[str, str]]] = {
    "LSTM": (
        call(rb.LSTM, n_in=3, n=5),
        {"n_in": "size", "n": "size", "forget_bias": "init", **CELL},
    ),
    "GRU": (
        call(rb.GRU, n_in=3, n=5),
        {"n_in": "size", "n": "size", "reset_after": "flag", "dtype": "dtype"},
    ),
    "RNN": (call(rb.RNN, n_in=3, n=5), {"n_in": "size", "n": "size", "activation": "backend"}),
    "Dense": (
        call(rb.Dense, n_in=3, n_out=5),
        {"n_in": "size", "n_out": "size", "bias": "flag", **CELL},
    ),
    "Conv1D": (
        call(rb.Conv1D, n_in=3, n_out=5, kernel=2),
        {"n_in": "size", "kernel": "size", "stride": "size", "dilation": "size", "bias": "flag"},
    ),
    "MaxPool": (
        call(rb.MaxPool, kernel=2),
        {"kernel": "size", "stride": "size", "padding": "count"},
    ),
    "Embedding": (
        call(rb.Embedding, n_symbols=4, n_out=3),
        {"n_symbols": "size", "n_out": "size", "dtype": "dtype"},
    ),
    "OneHot": (call(rb.OneHot, n_symbols=4), {"n_symbols": "size", "dtype": "dtype"}),
    "Dropout": (call(rb.Dropout), {"p": "share", "every_step": "flag"}),
    "GaussianNoise": (call(rb.GaussianNoise), {"sigma": "init"}),
    "Zoneout": (call(rb.Zoneout, rate=0.5), {"rate": "share"}),
    "LayerNorm": (
        call(rb.LayerNorm, shape=3),
        {"shape": "shape", "eps": "limit", "weight": "flag", "bias": "flag"},
    ),
    "Clip": (call(rb.Clip, low=-1.0), {"low": "init", "high": "init"}),
    "Gain": (call(rb.Gain, n=3), {"n": "size", "dtype": "dtype"}),
    "Scale": (call(rb.Scale), {"scale": "init", "shift": "init"}),
    "LeakyReLU": (call(rb.LeakyReLU), {"slope": "init"}),
    "Input": (call(rb.Input), {"shape": "shape"}),
    "State": (call(rb.State), {"shape": "shape"}),
    "Slice": (
        call(rb.Slice, n_in=5, start=1, stop=3),
        {"n_in": "size", "start": "count", "stop": "count"},
    ),
    "bptt": (
        call(rb.bptt, model=lstm(), x=X, target=Y, loss=MSE),
        {**RUN, "checkpoint": "checkpoint", "seed": "seed", "backend": "backend", "horizon": "size"}
        | {"training": "flag", "progress": "optional flag", "steps": "size"},
    ),
    "bptt of labels": (
        call(rb.bptt, lstm(), X, loss=rb.losses.CrossEntropy()),
        {"target": "labels"},
    ),
    "backprop": (
        call(rb.backprop, model=rb.Dense(3, 5, rng=0), x=X[0], target=Y[0], loss=MSE),
        {"model": "model", "loss": "loss"},
    ),
    "predict": (
        call(rb.predict, model=lstm(), x=X),
        {"model": "model", "x": "x", "state": "state", "chunk": "size"},
    ),
    "evaluate": (call(rb.evaluate, model=lstm(), x=X, target=Y, loss=MSE), RUN),
    "check_grads": (
        call(rb.check_grads, function=lstm(), x=X, target=Y, loss=MSE),
        {
            "x": "x",
            "training": "flag",
            "method": "backend",
            "tolerance": "limit",
            "samples": "size",
            "mask": "mask",
        },
    ),
    "plan": (
        call(rb.plan, lstm(), MSE, steps=100, batch=2, budget="10 MB"),
        {
            "steps": "size",
            "batch": "size",
            "x_shape": "shape",
            "budget": "budget",
            "backend": "backend",
            "dx": "flag",
        },
    ),
    "forecast": (
        call(rb.forecast, lstm(), MSE, steps=100, batch=2),
        {"steps": "size", "batch": "size", "dx": "flag"},
    ),
    "calibrate": (
        call(rb.calibrate, model=lstm(), batch=2),
        {"model": "model", "batch": "size", "backend": "backend"},
    ),
    "explain": (
        call(rb.explain, cell=lstm()),
        {"cell": "model", "batch": "size", "x_shape": "shape", "without": "backend"},
    ),
    "Sequences": (
        call(rb.Sequences, X.copy(), Y.copy(), batch_size=2),
        {
            "batch_size": "size",
            "shuffle": "flag",
            "last": "flag",
            "batch_first": "flag",
            "seed": "seed",
        },
    ),
    "Windows": (
        call(rb.Windows, X[:, 0], Y[:, 0], horizon=2, batch_size=2),
        {"horizon": "size", "batch_size": "size"},
    ),
    "Examples": (
        call(rb.Examples, X[0], Y[0], batch_size=2),
        {"batch_size": "size", "shuffle": "flag", "seed": "seed"},
    ),
    "fit": (
        call(rb.fit, lstm(), rb.Sequences(X.copy(), Y.copy(), batch_size=2), loss=MSE, epochs=1),
        {
            "epochs": "size",
            "steps": "size",
            "max_seconds": "limit",
            "lr": "limit",
            "patience": "size",
        }
        | TRAIN,
    ),
    "SGD": (
        call(rb.optim.SGD, lstm()),
        {"learning_rate": "rate", "momentum": "share", "nesterov": "flag"},
    ),
    "Adam": (
        call(rb.optim.Adam, params=lstm()),
        {"params": "params", "learning_rate": "rate", "weight_decay": "negative"},
    ),
    "RMSProp": (
        call(rb.optim.RMSProp, lstm()),
        {"learning_rate": "rate", "alpha": "share", "momentum": "share"},
    ),
    "Cosine": (
        call(rb.optim.Cosine, learning_rate=0.1, steps=5),
        {"learning_rate": "rate", "steps": "size"},
    ),
    "StepDecay": (
        call(rb.optim.StepDecay, learning_rate=0.1, every=5),
        {"learning_rate": "rate", "every": "size"},
    ),
    "OnPlateau": (
        call(rb.optim.OnPlateau, learning_rate=0.1),
        {"learning_rate": "rate", "patience": "count", "mode": "backend"},
    ),
    "Revolve": (
        call(rb.schedules.Revolve, chunks=5, slots=2),
        {"chunks": "size", "slots": "count"},
    ),
    "EveryK": (
        call(rb.schedules.EveryK, chunks=5, k=2),
        {"chunks": "size", "k": "size", "tier": "backend"},
    ),
    "MSM": (
        call(rb.schedules.MSM, chunks=5, units=4, alpha=2),
        {"units": "count", "alpha": "size"},
    ),
    "simulate": (call(rb.simulate, "sqrt", chunks=5), {"chunks": "size", "chunk": "size"}),
    "CrossEntropy": (
        call(rb.losses.CrossEntropy),
        {"label_smoothing": "share", "class_weight": "folder"},
    ),
    "Huber": (call(rb.losses.Huber), {"delta": "limit"}),
    "save_weights": (call(rb.save_weights, lstm()), {"path": "folder"}),
    "load_weights": (call(rb.load_weights, lstm()), {"path": "folder"}),
}
CASES = [
    (name, argument, k)
    for name, (_, kinds) in CALLS.items()
    for argument, kind in kinds.items()
    for k in range(len(WRONG[kind]))
]


ALSO = {
    "shape": "size",
    "mask": "weights",
    "checkpoint": "schedule|budget|action",
    "params": "parameter",
    "cell": "explain takes",
    "without": "rule",
    "lr": "learning_rate",
    "path": "os.PathLike",
}
"""Other words by which an error names an argument."""


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("name", "argument", "k"), CASES)
def test_a_wrong_argument_is_refused_by_name(name: str, argument: str, k: int) -> None:
    run, kinds = CALLS[name]
    with pytest.raises(
        ALLOWED, match=f"{argument.split('_')[0]}|{ALSO.get(argument, argument)}"
    ) as found:
        run(**{argument: WRONG[kinds[argument]][k]})
    assert len(str(found.value)) > 20
