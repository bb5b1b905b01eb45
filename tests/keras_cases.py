"""Models of Keras 3, each a chain, by name: what goes both ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

T, B, F, N = 7, 5, 3, 4
LENGTH = 9
"""Elements of the axis that convolutions slide over."""
SYMBOLS = 11
Model = Any
"""Of Keras, which has no types."""


def chain(*layers: Callable[[Any], Any], shape: tuple[int | None, ...] = (None, F)) -> Any:
    """What builds a Sequential of these layers of Keras, behind an Input of ``shape``."""

    def build(keras: Any) -> Model:
        dtype = "int32" if len(shape) == 1 else keras.config.floatx()
        first = keras.Input(shape, dtype=dtype)
        return keras.Sequential([first, *(layer(keras) for layer in layers)])

    return build


def layer(kind: str, *args: Any, **options: Any) -> Callable[[Any], Any]:
    """What builds a layer of Keras; arguments that are functions are built first."""

    def build(keras: Any) -> Any:
        own = [arg(keras) if callable(arg) else arg for arg in args]
        more = {name: arg(keras) if callable(arg) else arg for name, arg in options.items()}
        return getattr(keras.layers, kind)(*own, **more)

    return build


series = partial(layer, return_sequences=True)


def functional(keras: Any, times: int = 1) -> Model:
    """A functional model with a model in it, and a layer that is used several times."""
    x = keras.Input((None, F))
    inner = keras.Sequential(
        [keras.Input((None, N)), keras.layers.GRU(N, return_sequences=True)], name="inner"
    )
    y, *_ = keras.layers.LSTM(N, return_sequences=True, return_state=True, name="encoder")(x)
    mixed = keras.layers.Dense(N, activation="tanh", name="mixed")
    y = inner(y)
    for _ in range(times):
        y = mixed(y)
    return keras.Model(x, y)


def nested(keras: Any) -> Model:
    """A Sequential in a Sequential, whose final states are handed on."""
    inner = [keras.layers.Bidirectional(keras.layers.LSTM(N)), keras.layers.Dense(N)]
    return keras.Sequential(
        [
            keras.Input((None, F)),
            keras.layers.SimpleRNN(N, return_sequences=True, name="first"),
            keras.Sequential(inner, name="inner"),
            keras.layers.Dense(2, name="head"),
        ]
    )


def nested_in_a_graph(keras: Any) -> Any:
    """Final states in reverse, so that it is a Graph here, after a model in a model."""
    inner = [
        keras.layers.Bidirectional(keras.layers.GRU(N, return_sequences=True), name="both"),
        keras.layers.Dense(N, activation="silu"),
    ]
    layers = [keras.Sequential(inner, name="inner"), keras.layers.LSTM(N, go_backwards=True)]
    return keras.Sequential([keras.Input((None, F)), *layers, keras.layers.Dense(2)])


def tanh_gelu(keras: Any) -> Any:
    return keras.layers.Activation(partial(keras.activations.gelu, approximate=True))


def unequal(keras: Any) -> Any:
    """Two directions of different kinds."""
    return keras.layers.Bidirectional(
        keras.layers.LSTM(N, return_sequences=True),
        backward_layer=keras.layers.GRU(N, return_sequences=True, go_backwards=True),
    )


def cell_in_rnn(keras: Any) -> Any:
    return keras.layers.RNN(keras.layers.GRUCell(N, reset_after=False), return_sequences=True)


CASES: Mapping[str, Callable[[Any], Model]] = {
    "rnn": chain(series("SimpleRNN", N)),
    "rnn relu without biases": chain(
        series("SimpleRNN", N, activation="relu", use_bias=False), series("SimpleRNN", 3)
    ),
    "lstm": chain(series("LSTM", N)),
    "lstm, last, without biases": chain(layer("LSTM", N, use_bias=False), layer("Dense", 2)),
    "lstm, unrolled, dropout": chain(
        series("LSTM", N, dropout=0.2, recurrent_dropout=0.1), layer("Dropout", 0.3), shape=(T, F)
    ),
    "gru": chain(series("GRU", N)),
    "gru, last, without biases": chain(layer("GRU", N, use_bias=False)),
    "gru before": chain(series("GRU", N, reset_after=False)),
    "gru before, last, without biases": chain(
        layer("GRU", N, reset_after=False, use_bias=False), layer("Dense", 2)
    ),
    "cell in RNN": chain(cell_in_rnn, layer("Dense", 2, use_bias=False)),
    "bidirectional lstm": chain(layer("Bidirectional", series("LSTM", N))),
    "bidirectional gru sum": chain(
        layer("Bidirectional", series("GRU", N), merge_mode="sum"), layer("LSTM", N)
    ),
    "bidirectional rnn mul": chain(
        layer("Bidirectional", series("SimpleRNN", N), merge_mode="mul"), series("GRU", 3)
    ),
    "bidirectional lstm ave": chain(layer("Bidirectional", series("LSTM", N), merge_mode="ave")),
    "bidirectional lstm, last": chain(
        layer("Bidirectional", layer("LSTM", N)), layer("Dense", 3, activation="softmax")
    ),
    "bidirectional gru, last, ave": chain(
        layer("Bidirectional", layer("GRU", N, reset_after=False), merge_mode="ave"),
        layer("Dense", 3),
    ),
    "bidirectional rnn, last, mul": chain(
        layer("Bidirectional", layer("SimpleRNN", N), merge_mode="mul")
    ),
    "bidirectional gru, last, sum": chain(
        series("LSTM", N), layer("Bidirectional", layer("GRU", 3), merge_mode="sum")
    ),
    "two kinds of directions": chain(unequal, layer("Dense", 2)),
    "backwards lstm": chain(layer("LSTM", N, go_backwards=True), layer("Dense", 2)),
    "backwards gru": chain(series("GRU", N), layer("GRU", N, go_backwards=True)),
    "symbols": chain(
        layer("Embedding", SYMBOLS, N), series("LSTM", N), layer("Dense", SYMBOLS), shape=(None,)
    ),
    "layer norms": chain(
        layer("LayerNormalization"),
        series("LSTM", N),
        layer("LayerNormalization", center=False, epsilon=1e-2, axis=2),
        layer("LayerNormalization", scale=False, epsilon=1e-4),
    ),
    "each step": chain(
        layer("TimeDistributed", layer("Dense", N, activation="relu")), series("LSTM", N)
    ),
    "functional": functional,
    "shared": partial(functional, times=2),
    "nested": nested,
    "nested in a graph": nested_in_a_graph,
    "mean over time": chain(series("GRU", N), layer("GlobalAveragePooling1D"), layer("Dense", 2)),
    "max over time": chain(series("GRU", N), layer("GlobalMaxPooling1D"), layer("Dense", 2)),
    "steps that are convolved": chain(
        layer("TimeDistributed", layer("Conv1D", N, 3, activation="tanh")),
        layer("TimeDistributed", layer("AveragePooling1D", 2)),
        layer("TimeDistributed", layer("Flatten")),
        series("LSTM", N),
        shape=(None, LENGTH, F),
    ),
    "convolutions": chain(
        layer("Conv1D", N, 4, padding="same"),
        layer("ReLU"),
        layer("MaxPooling1D", 3, strides=2),
        layer("Conv1D", 3, 2, dilation_rate=2, use_bias=False),
        layer("Permute", (2, 1)),
        layer("Flatten"),
        layer("Dense", 4, activation="sigmoid"),
        layer("Reshape", (2, 2)),
        shape=(LENGTH, F),
    ),
    "mean of convolutions": chain(
        layer("Conv1D", N, 3, strides=2),
        layer("GlobalAveragePooling1D"),
        layer("Rescaling", 0.5, offset=0.25),
        layer("Dense", 2),
        shape=(LENGTH, F),
    ),
    "layers of activations": chain(
        layer("Dense", N),
        layer("LeakyReLU", negative_slope=0.3),
        layer("ELU", alpha=0.7),
        layer("Softmax"),
        tanh_gelu,
        layer("ReLU", negative_slope=0.1),
        layer("Activation", "tanh"),
        series("SimpleRNN", 2),
    ),
}
"""By name, what builds a model of a given ``keras``; dtypes are those of ``floatx``."""
NAMED = [
    "tanh",
    "sigmoid",
    "relu",
    "leaky_relu",
    "elu",
    "gelu",
    "softplus",
    "softmax",
    "log_softmax",
    "exponential",
    "silu",
    "softsign",
    "mish",
    "relu6",
    "hard_sigmoid",
    "linear",
]
CASES = {
    **CASES,
    **{
        f"activation {name}": chain(
            layer("Dense", N, activation=name), layer("Dense", 2), layer("GlobalAveragePooling1D")
        )
        for name in NAMED
    },
}
ONE_WAY = ("shared",)
"""Models that Keras cannot have as a Sequential."""
OF_EXAMPLES = ("convolutions", "mean of convolutions")
"""Models without a time axis."""


def input_of(name: str, rng: np.random.Generator, dtype: str) -> npt.NDArray[Any]:
    """A random x, batch-first, of a case."""
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(OF_EXAMPLES, (B, LENGTH, F))
    shapes |= {"steps that are convolved": (B, T, LENGTH, F)}
    if name == "symbols":
        return rng.integers(0, SYMBOLS, (B, T)).astype("int32")
    return rng.normal(size=shapes.get(name, (B, T, F))).astype(dtype)
