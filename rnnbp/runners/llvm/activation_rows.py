"""Softmax and its logarithm in machine code, on rows of K numbers."""

from __future__ import annotations

from rnnbp.machine import mathematics, special
from rnnbp.machine.ir import Text
from rnnbp.machine.rows import Row


def _softmax(t: Text, x: str, y: str) -> None:
    """y = eˣ⁻ᵗᵒᵖ / Σ eˣ⁻ᵗᵒᵖ of a row."""
    row, top = Row(t, "%K"), _top(t, x)

    def power(i: str, m: str | None) -> str:
        e = mathematics.exp(t, t.op("fsub", t.load(t.at(x, i), m), top))
        t.store(e, t.at(y, i), m)
        return e

    total = t.every(row.total(power))
    row.each(lambda i, m: t.store(t.op("fdiv", t.load(t.at(y, i), m), total), t.at(y, i), m))


def _log_softmax(t: Text, x: str, y: str) -> None:
    """y = x − top − log Σ eˣ⁻ᵗᵒᵖ of a row."""
    row, top = Row(t, "%K"), _top(t, x)

    def power(i: str, m: str | None) -> str:
        below = t.op("fsub", t.load(t.at(x, i), m), top)
        t.store(below, t.at(y, i), m)
        return mathematics.exp(t, below)

    total = special.log(t, t.every(row.total(power)))
    row.each(lambda i, m: t.store(t.op("fsub", t.load(t.at(y, i), m), total), t.at(y, i), m))


def _top(t: Text, x: str) -> str:
    """The largest number of a row, NaN if there is one, in all lanes."""
    least = float("-inf")
    return t.every(Row(t, "%K").total(lambda i, m: t.load(t.at(x, i), m), least, "maximum"))


def _softmax_back(t: Text, y: str, dy: str, dx: str) -> None:
    """dx = (dy − Σ dy y) y of a row."""
    row = Row(t, "%K")
    both = row.total(lambda i, m: t.op("fmul", t.load(t.at(y, i), m), t.load(t.at(dy, i), m)))
    total = t.every(both)

    def work(i: str, m: str | None) -> None:
        less = t.op("fsub", t.load(t.at(dy, i), m), total)
        t.store(t.op("fmul", less, t.load(t.at(y, i), m)), t.at(dx, i), m)

    row.each(work)


def _log_softmax_back(t: Text, y: str, dy: str, dx: str) -> None:
    """dx = dy − eʸ Σ dy of a row."""
    row = Row(t, "%K")
    total = t.every(row.total(lambda i, m: t.load(t.at(dy, i), m)))

    def work(i: str, m: str | None) -> None:
        share = t.op("fmul", mathematics.exp(t, t.load(t.at(y, i), m)), total)
        t.store(t.op("fsub", t.load(t.at(dy, i), m), share), t.at(dx, i), m)

    row.each(work)


ROWS = {"Softmax": (_softmax, _softmax_back), "LogSoftmax": (_log_softmax, _log_softmax_back)}
"""By the name of a layer: y of a row x, and dx of rows y and dy."""
