"""Small networks over time, in float64, with fixed numbers: what tests of them run.

Each is a function without arguments. Series inputs without a name are of the axis "time"; "source"
is the axis of what an encoder reads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rnnbp as rb
from tests.over_time_attention import by_attention, self_attention
from tests.over_time_layers import IN, SYMBOLS, N, dense, gru, lstm, of, rnn

# One direction, and both.


def backward() -> Any:
    return rb.Sequential(lstm(0, reverse=True), dense(1))


def backward_alone() -> Any:
    return gru(0, reverse=True, initial="learned")


def both(merge: str = "concat") -> Any:
    pair = rb.Bidirectional(lstm(0), gru(1), merge=merge)
    return rb.Sequential(pair, dense(2, 2 * N if merge == "concat" else N))


def three_of_both() -> Any:
    return rb.Sequential(
        rb.Bidirectional(lstm(0), lstm(1, initial="learned")),
        rb.Bidirectional(gru(2, 2 * N), gru(3, 2 * N), merge="sum"),
        rb.Bidirectional(rnn(4, N), rnn(5, N)),
        dense(6, 2 * N),
    )


def there_and_back() -> Any:
    """A reverse layer on a forward one, and the other way round; both are looked at."""
    x = rb.Input(IN, "x")
    a = lstm(0)(x)
    b = gru(1, N, reverse=True)(rb.Tanh()(dense(2)(a)))
    c = rnn(3, N)(b * a)
    return rb.Graph(x, a + b + c)


def skips() -> Any:
    """A value that is read in both directions, in the tail and by a later layer; a head on top."""
    x = rb.Input(IN, "x")
    z = rb.Tanh()(dense(0, IN)(x))
    a, b = lstm(1, N)(z), lstm(2, N, reverse=True)(z)
    c = gru(3, 3 * N)(rb.Concat(N, N, N)(a, b, z))
    return rb.Graph(x, dense(4, (N, N, N))(c, z * a, b))


def read_both_ways() -> Any:
    """A reverse series that is an output through a layer, and the input of a forward one."""
    x = rb.Input(IN, "x")
    y = rnn(0, reverse=True)(x)
    return rb.Graph(x, {"turned": rb.Tanh()(y), "forward": rnn(1, N)(y)})


# Reductions.


def last() -> Any:
    return rb.Sequential(rb.Bidirectional(lstm(0), lstm(1)), rb.Last(), dense(2, 2 * N))


def mean() -> Any:
    return rb.Sequential(gru(0), rb.Tanh(), rb.MeanOverTime(), dense(1))


def largest() -> Any:
    pair = rb.Bidirectional(gru(0), gru(1), merge="mean")
    return rb.Sequential(pair, rb.MaxOverTime(), dense(2))


def largest_without_recurrents() -> Any:
    return rb.Sequential(dense(0, IN), rb.Tanh(), rb.MaxOverTime(), dense(1))


def all_reductions() -> Any:
    """Of the same series, of one that is reversed, and of an input itself."""
    x = rb.Input(IN, "x")
    a, b = lstm(0)(x), lstm(1, reverse=True)(x)
    parts = rb.Last()(a), rb.MeanOverTime()(a), rb.MaxOverTime()(a * b), rb.Last()(b)
    return rb.Graph(x, dense(2, (N, N, N, N, IN))(*parts, rb.MeanOverTime()(x)))


def input_at_its_largest() -> Any:
    """The maximum of an input that is else read in the reverse direction alone."""
    x = rb.Input(IN, "x")
    most = dense(0, IN)(rb.MaxOverTime()(x))
    return rb.Graph(x, rnn(1, N)(rnn(2, reverse=True)(x), state=most) * most)


def conditioned() -> Any:
    """The mean of a first pass is a static input of the cell of the second."""
    x = rb.Input(IN, "x")
    about = rb.Tanh()(dense(0)(rb.MeanOverTime()(gru(1)(x))))
    a, s, h = rb.Input(IN, "a"), rb.Input(N, "s", per="sequence"), rb.State(N, "h")
    gate = rb.Sigmoid()(dense(2)(s))
    h_new = gate * rb.Tanh()(dense(3, (IN, N))(a, h)) + (1 - gate) * h
    cell = rb.Recurrent(rb.Cell((a, s), {h: h_new}, output=h_new), reverse=True)
    return rb.Graph(x, cell(x, about) + about)


# States in and out.


def by_state() -> Any:
    """An encoder that starts a decoder, along another axis."""
    source, x = rb.Input(IN, "source", axis="source"), rb.Input(IN, "x")
    _, state = lstm(0)(source, return_state=True)
    return rb.Graph((source, x), dense(2)(lstm(1)(x, state=state)))


def by_bridges() -> Any:
    """Final states of both directions, each through a layer, start both layers of a decoder."""
    source, x = rb.Input(IN, "source", axis="source"), rb.Input(IN, "x")
    forward, a = gru(0)(source, return_state=True)
    backward, b = gru(1, reverse=True)(source, return_state=True)
    bridge = dense(2, (N, N))
    first, second = rb.Tanh()(bridge(a, b)), rb.Tanh()(bridge(b, a))
    about = rb.MeanOverTime()(forward + backward)
    y = gru(4, N)(gru(3)(x, state=first) + about, state=second)
    return rb.Graph((source, x), y)


def states_as_outputs() -> Any:
    """Final states of both directions, and one state of an LSTM that starts itself again."""
    x = rb.Input(IN, "x")
    y, (h, c) = lstm(0)(x, return_state=True)
    z, end = gru(1, N, reverse=True)(y, state=rb.Tanh()(h), return_state=True)
    return rb.Graph(x, {"z": z, "end": end, "cell": c * 0.5})


def started_twice() -> Any:
    """A Recurrent that is called on two axes, the second time from where the first one ended."""
    source, x = rb.Input(IN, "source", axis="source"), rb.Input(IN, "x")
    cell = lstm(0, initial="learned")
    _, state = cell(source, return_state=True)
    return rb.Graph((source, x), cell(x, state=state))


# Several inputs and outputs.


def several() -> Any:
    """Symbols, numbers and a static input; a tag for each step, a class and a number for each row."""
    text, numbers = rb.Input((), "text"), rb.Input(IN, "numbers")
    about = rb.Input(N, "about", per="sequence")
    embedded = rb.Embedding(SYMBOLS, N, **of(0))(text)
    z = rb.Bidirectional(lstm(1, N + IN), gru(2, N + IN))(rb.Concat(N, IN)(embedded, numbers))
    pooled = rb.MaxOverTime()(z)
    outputs = {
        "tag": dense(3, 2 * N, SYMBOLS)(z),
        "class": dense(4, (2 * N, N), 4)(pooled, about),
        "number": dense(5, 2 * N, 1)(rb.Last()(z)) * 0.5,
    }
    return rb.Graph((text, numbers, about), outputs)


def two_axes() -> Any:
    """Two series of axes of their own, each with a head; a static value joins them."""
    source, x = rb.Input(IN, "source", axis="source"), rb.Input(IN, "x")
    a, b = rb.Bidirectional(rnn(0), rnn(1))(source), gru(2, reverse=True)(x)
    joined = dense(3, (2 * N, N))(rb.MeanOverTime()(a), rb.Last()(b))
    heads = {"source": dense(4, 2 * N)(a), "x": b * rb.Sigmoid()(joined), "joined": joined}
    return rb.Graph((source, x), heads)


# Shared, random, penalised.


def tied() -> Any:
    """A layer in two places, a Recurrent twice, and a cell that both directions share."""
    x = rb.Input(IN, "x")
    one, shared = lstm(0, IN, IN), dense(1, IN, IN)
    a = shared(one(x))
    b = one(rb.Tanh()(a))
    other = rb.Recurrent(one.cell, reverse=True)
    return rb.Graph(x, shared(other(b)) + other(x))


def shared_parameter() -> Any:
    """A matrix that both directions and the head use."""
    w = rb.Parameter((N, N), name="w", **of(0))

    def cell(seed: int) -> Any:
        a, h = rb.Input(IN, "a"), rb.State(N, "h")
        h_new = rb.Tanh()(dense(seed, IN)(a) + w @ h)
        return rb.Recurrent(rb.Cell(a, {h: h_new}, output=h_new), reverse=seed > 1)

    x = rb.Input(IN, "x")
    return rb.Graph(x, w @ cell(1)(x) + w.T @ cell(2)(x) + w @ rb.Last()(cell(1)(x)))


def dropped() -> Any:
    """Random layers between layers of both directions, within a cell, and on a static value."""
    return rb.Sequential(
        rb.Bidirectional(lstm(0, zoneout=0.3), gru(1, recurrent_dropout=0.2)),
        rb.Dropout(0.4),
        rb.Bidirectional(gru(2, 2 * N), gru(3, 2 * N)),
        rb.Dropout(0.3, per="sequence"),
        rb.MeanOverTime(),
        rb.Dropout(0.25),
        dense(4, 2 * N),
    )


def penalised() -> Any:
    """Penalties on both directions, in a reverse cell, on a static value and on a parameter."""
    x, a, h = rb.Input(IN, "x"), rb.Input(IN, "a"), rb.State(N, "h")
    h_new = rb.Penalty(l2=0.3, name="rates")(rb.Tanh()(dense(0, (IN, N))(a, h)))
    cell = rb.Recurrent(rb.Cell(a, {h: h_new}, output=h_new), reverse=True)
    y = rb.Concat(N, N)(cell(x), rb.Penalty(l1=0.2, name="forward")(gru(1)(x)))
    y = rb.Penalty(l2=0.1, name="both")(y)
    w = rb.Penalty(l1=0.05, name="sparse")(rb.Parameter((N, 2 * N), name="w", **of(2)))
    pooled = rb.Penalty(l1=0.4, name="pooled")(rb.MaxOverTime()(w @ y))
    return rb.Graph(x, {"y": y, "pooled": dense(3)(pooled)})


MODELS: dict[str, Callable[[], Any]] = {
    "backward": backward,
    "backward alone": backward_alone,
    "both": both,
    "both, summed": lambda: both("sum"),
    "both, multiplied": lambda: both("mul"),
    "both, averaged": lambda: both("mean"),
    "three of both": three_of_both,
    "there and back": there_and_back,
    "skips": skips,
    "read both ways": read_both_ways,
    "last": last,
    "mean": mean,
    "largest": largest,
    "largest without recurrents": largest_without_recurrents,
    "all reductions": all_reductions,
    "input at its largest": input_at_its_largest,
    "conditioned": conditioned,
    "by state": by_state,
    "by bridges": by_bridges,
    "states as outputs": states_as_outputs,
    "started twice": started_twice,
    "by attention": by_attention,
    "by additive attention": lambda: by_attention("additive"),
    "self attention": self_attention,
    "several": several,
    "two axes": two_axes,
    "tied": tied,
    "shared parameter": shared_parameter,
    "dropped": dropped,
    "penalised": penalised,
}
FORWARD: dict[str, Callable[[], Any]] = {
    "lstm": lambda: lstm(0),
    "stack": lambda: rb.Sequential(lstm(0, initial="learned"), rb.Tanh(), gru(1, N), dense(2)),
}
"""Models of today, for lengths and resets."""
EVERY = MODELS | FORWARD
WITH_RESETS = (
    "lstm", "stack", "backward", "backward alone", "both", "three of both", "there and back",
    "skips", "tied", "penalised", "conditioned", "states as outputs", "self attention",
)  # fmt: skip
