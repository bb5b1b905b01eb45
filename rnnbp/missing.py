"""What is not there yet, and the lines that do it today.

Both directions in time, with an output at every step::

>>> import numpy as np, rnnbp as rb
>>> rng = np.random.default_rng(0)
>>> x, target = rng.normal(size=(9, 2, 3)).astype("float32"), rng.integers(0, 5, (9, 2))
>>> forth, back, head = rb.LSTM(3, 4), rb.LSTM(3, 4), rb.Dense(8, 5)
>>> y = rb.predict(forth, x)[0], rb.predict(back, x[::-1])[0][::-1]
>>> joined = rb.bptt(head, np.concatenate(y, axis=2), target, rb.losses.CrossEntropy())
>>> given = lambda y, dy: (float((y * dy).sum()), dy)  # a loss whose gradient by y is its target
>>> of_forth = rb.bptt(forth, x, joined.dx[..., :4], given).grads
>>> of_back = rb.bptt(back, x[::-1], joined.dx[::-1, :, 4:], given).grads

and ``rb.optim.Adam(forth).step(of_forth)``, likewise of the others. Where the lengths differ, turn
each sequence round within its length.

Sequences of several lengths outside of ``Sequences``, which takes the list: as one array with 0
after the end of each::

>>> several = [rng.normal(size=(n, 3)).astype("float32") for n in (9, 6, 7)]
>>> lengths = [len(a) for a in several]
>>> padded = np.stack([np.pad(a, [(0, max(lengths) - len(a)), (0, 0)]) for a in several])
>>> mask = np.arange(max(lengths))[:, None] < lengths  # of bptt, where time comes first
>>> rb.predict(forth, padded.swapaxes(0, 1), mask=mask, last=True)[0].shape
(3, 4)

Gaps in x: 0 in their place, and a column for each feature that says whether it is known. Gaps in
the target are NaN, which ``Known`` leaves out of the loss::

>>> holed, numbers = x.copy(), rng.normal(size=(9, 2, 3)).astype("float32")
>>> holed[2:4, 0, 1] = numbers[5, 1, 2] = np.nan
>>> known = np.isfinite(holed)
>>> filled = np.concatenate([np.where(known, holed, 0), ~known], axis=-1)
>>> model = rb.Sequential(rb.LSTM(3 + 3, 4), rb.Dense(4, 3))
>>> loss = rb.losses.Known(rb.losses.MeanSquaredError())
>>> bool(np.isfinite(rb.bptt(model, filled, numbers, loss).loss))
True

The final state of sequences of several lengths: a state that is held from the end of its sequence
on. The last column of x says whether a step counts::

>>> gru, lengths = rb.GRU(3, 4), np.array([9, 6])
>>> i, h = rb.Input(3 + 1), rb.State(4, "h")
>>> step, counts = rb.Split(3, 1)(i)
>>> h_new = h + counts * (gru.cell(step, h)[1] - h)
>>> held = rb.Recurrent(rb.Cell(i, {h: h_new}, h_new))
>>> mask = (np.arange(9)[:, None] < lengths).astype("float32")
>>> _, ((last,),) = rb.predict(held, np.concatenate([x, mask[..., None]], axis=2))
>>> np.allclose(last[1], rb.predict(gru, x[:6])[0][-1, 1], atol=1e-6)  # that of its six steps alone
True

Several outputs are the columns of one; several inputs are a tuple, symbols and numbers::

>>> ids, numbers = rb.Input(()), rb.Input(3)
>>> z = rb.LSTM(7, 8)(rb.Concat(4, 3)(rb.Embedding(6, 4)(ids), numbers))
>>> model = rb.Graph((ids, numbers), rb.Concat(5, 1)(rb.Dense(8, 5)(z), rb.Dense(8, 1)(z)))
>>> given = rng.integers(0, 6, (9, 2)), x
>>> rb.predict(model, given)[0].shape  # 5 logits and a number: a loss of one's own takes them apart
(9, 2, 6)

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
