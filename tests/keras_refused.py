"""What from_keras and to_keras refuse, by name: what each says, from a process of its own."""

from __future__ import annotations

import functools
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import rnnbp as rb
from tests.keras_cases import F, N, T, chain, layer, series
from tests.keras_runs import run_program
from tests.keras_unwritten import WRITTEN

Thunk = Callable[[Any], Any]
"""Of Keras, what is given."""


def tanh(x: Any) -> Any:
    """A function of a user, with a name of Keras."""
    return 2 * x


def other(keras: Any) -> type:
    """A layer of a user."""

    class Mine(keras.layers.LSTM):  # type: ignore[misc]  # Keras has no types
        pass

    return Mine


def model_of_own(keras: Any) -> Any:
    class Net(keras.Model):  # type: ignore[misc]  # Keras has no types
        def __init__(self) -> None:
            super().__init__(name="net")
            self.lstm = keras.layers.LSTM(N)

        def call(self, x: Any) -> Any:
            return self.lstm(x)

    return Net()


def two_inputs(keras: Any) -> Any:
    a, b = keras.Input((None, F)), keras.Input((None, F))
    return keras.Model([a, b], keras.layers.Concatenate()([a, b]))


def branches(keras: Any) -> Any:
    x = keras.Input((None, F))
    y = keras.layers.Dense(F, name="before")(x)
    return keras.Model(x, keras.layers.Add(name="sum")([x, y]))


def operation(keras: Any) -> Any:
    x = keras.Input((None, F))
    return keras.Model(x, keras.layers.Dense(2)(x) * 2)


def state_used(keras: Any) -> Any:
    x = keras.Input((None, F))
    return keras.Model(x, keras.layers.LSTM(N, return_state=True, name="lstm")(x)[2])


def masked(keras: Any) -> Any:
    x = keras.Input((None, F))
    mask = keras.Input((None,), dtype="bool")
    return keras.Model([x, mask], keras.layers.LSTM(N)(x, mask=mask))


def in_training(keras: Any) -> Any:
    x = keras.Input((None, F))
    return keras.Model(x, keras.layers.Dropout(0.5, name="drop")(x, training=True))


def tensor(keras: Any) -> Any:
    return keras.layers.LSTM(N)(keras.Input((None, F)))


def two_dtypes(keras: Any) -> Any:
    return chain(series("LSTM", N), layer("Dense", 2, dtype="float64"))(keras)


def own_function(keras: Any) -> Any:
    return chain(layer("Dense", 2, activation=lambda _: tanh))(keras)


def saved(keras: Any, build: Thunk, name: str = "m.keras") -> str:
    """The path of a file with a model."""
    path = Path(tempfile.mkdtemp()) / name
    build(keras).save(path)
    return str(path)


def cut_short(keras: Any) -> str:
    path = Path(saved(keras, chain(layer("LSTM", N))))
    path.write_bytes(path.read_bytes()[:-200])
    return str(path)


def lambda_in_file(keras: Any) -> str:
    build = chain(lambda keras: keras.layers.Lambda(lambda x: x + 1, output_shape=(None, F)))
    return saved(keras, build)


READ: Mapping[str, Thunk] = {
    "a class": lambda keras: keras.layers.LSTM,
    "a list": lambda keras: [keras.layers.LSTM(N)],
    "a number": lambda keras: 3,
    "nothing": lambda keras: None,
    "a function": lambda keras: model_of_own,
    "one of ours": lambda keras: rb.LSTM(F, N),
    "PyTorch's": lambda keras: __import__("torch").nn.LSTM(F, N),
    "a tensor": tensor,
    "a missing file": lambda keras: "/nowhere/model.keras",
    "a directory": lambda keras: str(Path(tempfile.mkdtemp(suffix=".keras"))),
    "weights alone": lambda keras: "model.weights.h5",
    "another suffix": lambda keras: "model.pt",
    "a file cut short": cut_short,
    "a Lambda in a file": lambda_in_file,
    "not built": lambda keras: keras.Sequential([keras.layers.LSTM(N)]),
    "a layer not built": lambda keras: keras.layers.Dense(N, name="head"),
    "empty": lambda keras: keras.Sequential(name="none"),
    "a model of one's own": model_of_own,
    "a layer of one's own": lambda keras: chain(lambda keras: other(keras)(N))(keras),
    "two inputs": two_inputs,
    "branches": branches,
    "an operation": operation,
    "a state": state_used,
    "a mask": masked,
    "in training": in_training,
    "Masking": chain(layer("Masking"), layer("LSTM", N)),
    "mask_zero": chain(layer("Embedding", 5, N, mask_zero=True), layer("LSTM", N), shape=(None,)),
    "stateful": lambda keras: keras.Sequential(
        [keras.Input(batch_shape=(2, T, F)), keras.layers.LSTM(N, stateful=True, name="lstm")]
    ),
    "activation": chain(layer("LSTM", N, activation="relu", name="lstm")),
    "a function called tanh": chain(layer("SimpleRNN", N, activation=lambda _: tanh)),
    "recurrent_activation": chain(layer("GRU", N, recurrent_activation="hard_sigmoid")),
    "activation of Dense": own_function,
    "backwards": chain(series("LSTM", N, go_backwards=True, name="lstm")),
    "two outputs": chain(layer("Bidirectional", series("LSTM", N), merge_mode=None)),
    "stacked cells": chain(
        lambda keras: keras.layers.RNN([keras.layers.LSTMCell(N), keras.layers.LSTMCell(N)])
    ),
    "axis of a norm": chain(layer("LayerNormalization", axis=1), shape=(T, F)),
    "batch norm": chain(layer("LSTM", N), layer("BatchNormalization", name="norm")),
    "convolution over time": chain(layer("Conv1D", N, 3, name="conv"), layer("LSTM", N)),
    "causal": chain(layer("Conv1D", N, 3, padding="causal"), shape=(T, F)),
    "noise_shape": chain(layer("Dropout", 0.1, noise_shape=(None, T, 1)), shape=(T, F)),
    "a clipped ReLU": chain(layer("ReLU", max_value=6.0)),
    "two dtypes": two_dtypes,
    "a cell": lambda keras: keras.layers.LSTMCell(N),
    "a series at each step": chain(
        layer("TimeDistributed", layer("LSTM", N)), layer("LSTM", N), shape=(T, 2, F)
    ),
    "a pool that keeps its axis": chain(
        series("LSTM", N), layer("GlobalMaxPooling1D", keepdims=True, name="pool")
    ),
    "several axes": chain(layer("Conv1D", N, 3), layer("Dense", 2, name="head"), shape=(T, F)),
    "masks of examples": chain(layer("Conv1D", N, 3), layer("SpatialDropout1D", 0.1), shape=(T, F)),
    "quantized": lambda keras: _quantized(keras),
}
"""What from_keras refuses."""


def _quantized(keras: Any) -> Any:
    model = chain(layer("Dense", 4, name="head"))(keras)
    model.quantize("int8")
    return model


def said(call: Callable[[], Any]) -> list[str]:
    """The class and the message of the error that a call raises."""
    try:
        return ["none", repr(call())]
    except Exception as error:  # whatever it is, the test compares its class and words
        return [type(error).__name__, str(error)]


def warned(keras: Any) -> list[str]:
    build = chain(layer("LSTM", N, kernel_regularizer="l2", name="lstm"), layer("Dense", 2))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        rb.interchange.from_keras(build(keras))
    return [str(each.message) for each in found]


def taken(keras: Any) -> dict[str, Any]:
    """What is taken, and how it looks here."""
    read: Any = rb.interchange.from_keras
    mixed = chain(series("LSTM", N, dtype="mixed_bfloat16"), layer("Dense", 2, dtype="bfloat16"))
    built = chain(layer("LSTM", N, dropout=0.2, recurrent_dropout=0.1, name="lstm"))(keras)
    built.compile("adam", "mse")
    rates = {
        each.name: each.p for each in read(built)[0].cell.layers if isinstance(each, rb.Dropout)
    }
    of_file = saved(keras, chain(series("GRU", N, name="gru"), layer("Dense", 2, name="head")))
    spatial = chain(
        series("GRU", N),
        layer("SpatialDropout1D", 0.25, name="drop"),
        layer("GaussianNoise", 0.5, name="noise"),
    )
    return {
        "mixed": [str(p.dtype) for p in read(mixed(keras)).params.values()],
        "rates": rates,
        "file": list(read(of_file).params),
        "one layer": repr(read(built.layers[0])),
        "spatial": repr(read(spatial(keras))[1:]),
        "spatial back": [
            type(each).__name__ for each in rb.interchange.to_keras(read(spatial(keras))).layers
        ],
        "dtype of y": str(
            rb.interchange.to_keras(rb.LSTM(F, N, dtype="float64"))(np.zeros((2, T, F))).dtype
        ).removeprefix("torch."),
        "names": [
            each.name
            for each in rb.interchange.to_keras(
                rb.Sequential(rb.LSTM(F, N, name="enc"), rb.Last(), rb.Dense(N, 2), rb.Tanh())
            ).layers
        ],
        "names that come again": twice(),
        "two biases": sums(keras),
    }


def twice() -> list[str]:
    """The names of layers of which one comes twice, and others have what Keras does not take."""
    act = rb.Tanh(name="act")
    layers = rb.LSTM(F, N, name="a/b"), act, rb.Dense(N, N, name="a_b"), act
    return [each.name for each in rb.interchange.to_keras(rb.Sequential(*layers)).layers]


def sums(keras: Any) -> float:
    """The largest difference of outputs where both biases are there."""
    model = rb.Sequential(rb.LSTM(F, N, rng=0), rb.GRU(N, N, reset_after=False, rng=1))
    x = np.random.default_rng(0).normal(size=(T, 2, F)).astype("float32")
    y = rb.interchange.to_keras(model).predict(np.swapaxes(x, 0, 1), verbose=0)
    return float(np.abs(np.swapaxes(y, 0, 1) - rb.predict(model, x)[0]).max())


def main(folder: str) -> None:
    import keras

    read, write = rb.interchange.from_keras, rb.interchange.to_keras
    found = {
        "read": {
            name: said(functools.partial(lambda build: read(build(keras)), build))
            for name, build in READ.items()
        },
        "written": {
            name: said(functools.partial(lambda build: write(build(keras)), build))
            for name, build in WRITTEN.items()
        },
        "warned": warned(keras),
        "taken": taken(keras),
    }
    (Path(folder) / "said.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


@cache
def results() -> Any:
    """What was said, or how the run failed."""
    with tempfile.TemporaryDirectory() as folder:
        failed = run_program("tests.keras_refused", folder)
        return failed or json.loads((Path(folder) / "said.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(sys.argv[1])
