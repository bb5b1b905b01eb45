"""What is not there yet, and the lines that do it today.

What both directions say of a whole sequence, as Keras's ``return_sequences=False``: their final
states (``Last()`` would take one step of the reverse direction)::

>>> import numpy as np, rnnbp as rb
>>> rng = np.random.default_rng(0)
>>> x, target = rng.normal(size=(9, 2, 3)), rng.integers(0, 5, 2)
>>> series, both = rb.Input(3), rb.Bidirectional(rb.LSTM(3, 4, rng=1), rb.LSTM(3, 4, rng=2))
>>> _, ((h, c), (h_reverse, c_reverse)) = both(series, return_state=True)
>>> model = rb.Graph(series, rb.Dense((4, 4), 5, rng=3)(h, h_reverse)).astype("float64")
>>> rb.check_grads(model, x, target, rb.losses.CrossEntropy()).worst < 1e-12
True

Gaps in x: 0 in their place, and a column for each feature that says whether it is known. Gaps in
the target are NaN, which ``Known`` leaves out of the loss::

>>> holed, numbers = x.astype("float32"), rng.normal(size=(9, 2, 3)).astype("float32")
>>> holed[2:4, 0, 1] = numbers[5, 1, 2] = np.nan
>>> known = np.isfinite(holed)
>>> filled = np.concatenate([np.where(known, holed, 0), ~known], axis=-1)
>>> model = rb.Sequential(rb.LSTM(3 + 3, 4), rb.Dense(4, 3))
>>> loss = rb.losses.Known(rb.losses.MeanSquaredError())
>>> bool(np.isfinite(rb.bptt(model, filled, numbers, loss).loss))
True

A layer of your own, a sine::

>>> class Sine(rb.Layer):
...     def forward(self, x, **context):
...         return np.sin(x), (x,)
...
...     def backward_inputs(self, saved, dy):
...         return (dy * np.cos(saved[0]),)
...
...     def output_shapes(self, *shapes):
...         return shapes
...
...     def keeps(self, *shapes):  # so that bytes are predicted
...         return rb.Keeps(inputs=(0,))
>>> rb.check_grads(Sine(), (np.ones((2, 3)),)).worst < 1e-12
True

``help(rnnbp.Layer)`` has one that runs as machine code in cells. A number that is learned for each
feature is ``Gain``; numbers that are given are an array, ``value * array``.
"""

from __future__ import annotations

from rnnbp.ways import ON_SOURCES, WAYS
from rnnbp.ways.way import BUILT_IN

EXAMPLES = {"Cell": "Cell(x, {h: h_new}, output=h_new)"}
"""Calls that say more than the names of what is missing, by function."""


def way_around(what: str, name: str) -> str:
    """What to do instead of giving ``what`` an argument ``name``, or "" where nothing is known."""
    places = {what, what.partition(".")[0]}  # a method of a class that is among them
    found = (way for way in WAYS if places & {*way.places.split()} and name in way.names.split())
    return next((way.text.format(what=what, name=name) for way in found), "")


def cure_of_count(what: str, args: tuple[object, ...] = ()) -> str:
    """What is meant by more arguments without names, ``args``, than ``what`` takes, or ""."""
    if what in BUILT_IN.split():
        if any(type(each).__module__ == "rnnbp.graph.values" for each in args):
            return f"a layer is built first, and then called on values: {what}(n_in, n)(h)"
        layers = f"Sequential({what}(n_in, n), {what}(n, n))"
        return f"for several layers write {layers}, and name other options"
    if what in ON_SOURCES and any(hasattr(each, "shape") for each in args):
        return (
            "x and target go into one source, Sequences(x, target, batch_size=32), and other "
            "arguments by name"
        )
    if what == "Quantile":
        return f"several quantiles are one argument: Quantile(({', '.join(map(repr, args))}))"
    if what in ("fit", "Trainer.fit") and type(args[-1]) is int:
        return f"write epochs={args[-1]}"
    if sizes := cure_of_arrays(what, args):
        return sizes
    if what in ("measure", "high_water"):
        called = getattr(args[0], "__name__", "f")
        return f"it measures a block: with rnnbp.memory.{what}() as used: {called}(...)"
    if what == "Trainer.evaluate":
        return (
            "the loss is the Trainer's: evaluate(data), or rnnbp.evaluate(model, data, loss) for "
            "another"
        )
    return ""


def cure_of_arrays(what: str, args: tuple[object, ...]) -> str:
    """What to do where a function of sizes was passed arrays; "" for others."""
    if what not in ("plan", "forecast") or not any(hasattr(each, "shape") for each in args):
        return ""
    outputs = "of outputs predict(model, x) is meant, this one is of bytes; " * (what == "forecast")
    return f"{outputs}it takes sizes, not arrays: {what}(model, loss, steps=T, batch=B)"
