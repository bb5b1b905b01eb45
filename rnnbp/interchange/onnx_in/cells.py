"""Cells of ONNX's recurrent nodes: those of the library, or equal ones with other activations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rnnbp.graph.cell import Cell
from rnnbp.graph.cells import GRU, LSTM, RNN, Options
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input, State, Value
from rnnbp.interchange.onnx_in.activations import Activation, is_default
from rnnbp.layers import Clip, Dense, Gain, Split
from rnnbp.numerics import Dtype


@dataclass(frozen=True)
class Described:
    """One direction of a recurrent node.

    Attributes:
        kind: "LSTM", "GRU" or "RNN".
        n_in, n: features of x, and units.
        functions: its activations.
        clip: the limit of what enters them in gates, None for none.
        bias, peepholes, coupled, after: whether it has biases, weights P, ``input_forget``,
            ``linear_before_reset``.
        learned: whether its initial state is in the file.
        reverse: its direction.
    """

    kind: str
    n_in: int
    n: int
    functions: tuple[Activation, ...]
    clip: float | None
    bias: bool
    peepholes: bool
    coupled: bool
    after: bool
    learned: bool
    reverse: bool
    dtype: Dtype

    @property
    def gates(self) -> str:
        """The gates in the order of the weights here."""
        return {"LSTM": "igo" if self.coupled else "ifgo", "GRU": "rzh", "RNN": "h"}[self.kind]


def built(of: Described) -> Recurrent:
    """The recurrent layer, its weights still random."""
    initial = "learned" if of.learned else "zeros"
    if of.clip is not None or not is_default(of.kind, of.functions):
        cell = _CUSTOM[of.kind](_Parts(of))
        return Recurrent(cell, initial=initial, dtype=of.dtype, reverse=of.reverse)
    common: Options = {
        "bias": of.bias,
        "initial": initial,
        "reverse": of.reverse,
        "dtype": of.dtype,
    }
    if of.kind == "LSTM":
        return LSTM(of.n_in, of.n, peepholes=of.peepholes, coupled=of.coupled, **common)
    if of.kind == "GRU":
        return GRU(of.n_in, of.n, reset_after=of.after, **common)
    return RNN(of.n_in, of.n, activation=of.functions[0].name, **common)


class _Parts:
    """The layers of a cell with activations or limits of its own."""

    def __init__(self, of: Described) -> None:
        self.of, self.n = of, of.n
        self.x, self.h = Input(of.n_in), State(of.n, "h")

    def dense(self, name: str, value: Value, gates: int) -> Value:
        n_in = self.of.n_in if name == "ih" else self.n
        layer = Dense(n_in, gates * self.n, bias=self.of.bias, dtype=self.of.dtype, name=name)
        found: Value = layer(value)
        return found

    def split(self, value: Value, gates: int) -> tuple[Value, ...]:
        found: tuple[Value, ...] = Split(*[self.n] * gates)(value)
        return found

    def gate(self, k: int, value: Value, memory: Value | None = None, name: str = "") -> Value:
        """Function k of a sum, to which a peephole at the memory is added before it is limited."""
        if memory is not None and self.of.peepholes:
            value = value + Gain(self.n, dtype=self.of.dtype, name=name)(memory)
        if self.of.clip is not None:
            value = Clip(-self.of.clip, self.of.clip)(value)
        return self.of.functions[k](value)


def _lstm(parts: _Parts) -> Cell:
    of, h, c = parts.of, parts.h, State(parts.n, "c")
    count = len(of.gates)
    sums = parts.dense("ih", parts.x, count) + parts.dense("hh", h, count)
    z = dict(zip(of.gates, parts.split(sums, count), strict=True))
    i = parts.gate(0, z["i"], c, "ci")
    f = 1 - i if of.coupled else parts.gate(0, z["f"], c, "cf")
    c_new = f * c + i * parts.gate(1, z["g"])
    h_new = parts.gate(0, z["o"], c_new, "co") * of.functions[2](c_new)
    return Cell(parts.x, {h: h_new, c: c_new}, output=h_new)


def _gru(parts: _Parts) -> Cell:
    of, h = parts.of, parts.h
    xr, xz, xm = parts.split(parts.dense("ih", parts.x, 3), 3)
    hr, hz, *hm = parts.split(parts.dense("hh", h, 2 + of.after), 2 + of.after)
    r, z = parts.gate(0, xr + hr), parts.gate(0, xz + hz)
    m = parts.gate(1, xm + (r * hm[0] if of.after else parts.dense("hm", r * h, 1)))
    h_new = (1 - z) * m + z * h
    return Cell(parts.x, {h: h_new}, output=h_new)


def _rnn(parts: _Parts) -> Cell:
    h_new = parts.gate(0, parts.dense("ih", parts.x, 1) + parts.dense("hh", parts.h, 1))
    return Cell(parts.x, {parts.h: h_new}, output=h_new)


_CUSTOM: dict[str, Callable[[_Parts], Cell]] = {"LSTM": _lstm, "GRU": _gru, "RNN": _rnn}
