"""The backward code of forward code: the delta recursion, operation by operation (reverse accumulation)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from rnnbp.compiler.code import Code, Maker, Matrix, Op, OpaqueBack

Rule: TypeAlias = Callable[["Reverse", Op, int], None]


def differentiate(code: Code) -> Code:
    """From the deltas of (y, *next state) to those of (x, *state), with operations for parameter gradients.

    It takes values of the forward code too. A state that no output depends on, in this step or a later one, has no
    delta: zero times what has overflowed would be NaN.
    """
    reverse = Reverse(code)
    shapes = code.values.shapes
    inputs = tuple(code.values.new(() if v is None else shapes[v]) for v in code.outputs)
    reached = reaching(code)
    for k, (value, delta) in enumerate(zip(code.outputs, inputs, strict=True)):
        if value is not None and k in reached:
            reverse.send(value, delta)
    for op in reversed(code.ops):
        reverse.step(op)
    outputs = tuple(reverse.take(v) for v in code.inputs)
    return Code(code.values, inputs, tuple(reverse.maker.ops), outputs).live()


def reaching(code: Code) -> frozenset[int]:
    """The outputs that have a delta: y, which is number 0, and the states that y depends on, in a later step too."""
    found = frozenset([0])
    while True:
        needed = code.live([code.outputs[k] for k in sorted(found)], free=False)
        read = {*needed.outputs, *(v for op in needed.ops for v in op.args)}
        more = found | {k for k, v in enumerate(code.inputs) if k and v in read}
        if more == found:
            return found
        found = more


class Reverse:
    """The deltas so far, by value; those of parts of a value wait until all are there."""

    def __init__(self, code: Code) -> None:
        self.code, self.maker = code, Maker(code.values)
        self.deltas: dict[int, int] = {}
        self.parts: dict[int, list[tuple[int, int, int]]] = {}

    def send(self, value: int, delta: int) -> None:
        """Add to the delta of a value."""
        present = self.deltas.get(value)
        self.deltas[value] = delta if present is None else self.maker.make("add", present, delta)

    def take(self, value: int) -> int | None:
        """The delta of a value, None for zero."""
        for pieces in _layers(self.parts.pop(value, [])):
            self.send(value, self._filled(value, pieces))
        return self.deltas.pop(value, None)

    def step(self, op: Op) -> None:
        """Send the deltas of an operation's results on to its arguments."""
        deltas = [self.take(v) for v in op.outs]
        if op.name == "opaque":
            if any(d is not None for d in deltas):
                self._opaque(op, deltas)
        elif deltas[0] is not None:
            RULES[op.name](self, op, deltas[0])

    def _filled(self, value: int, pieces: list[tuple[int, int, int]]) -> int:
        """Deltas of parts that do not overlap, side by side, zeros between them."""
        rows, at, found = self.code.values.rows(value), 0, []
        for start, stop, delta in pieces:
            if start > at:
                found.append(self.maker.make("zeros", attr=(at, start), shape=(start - at,)))
            found.append(delta)
            at = stop
        if at < rows:
            found.append(self.maker.make("zeros", attr=(at, rows), shape=(rows - at,)))
        return found[0] if len(found) == 1 else self.maker.make("concat", *found, shape=(rows,))

    def _opaque(self, op: Op, deltas: list[int | None]) -> None:
        args = tuple(d for d in deltas if d is not None)
        takers = () if op.opaque.layer.symbols else op.args
        outs = tuple(self.code.values.new(self.code.values.shapes[v]) for v in takers)
        self.maker.put(Op("opaque_back", args, outs, OpaqueBack(op, tuple(d is not None for d in deltas))))
        for value, delta in zip(takers, outs, strict=True):
            self.send(value, delta)


def _layers(pieces: list[tuple[int, int, int]]) -> list[list[tuple[int, int, int]]]:
    """The deltas of parts in as few lists as it takes for none to overlap another in its list."""
    found: list[list[tuple[int, int, int]]] = []
    for piece in sorted(pieces):
        home = next((layer for layer in found if layer[-1][1] <= piece[0]), None)
        if home is None:
            found.append([piece])
        else:
            home.append(piece)
    return found


def _add(to: Reverse, op: Op, d: int) -> None:
    for v in op.args:
        to.send(v, d)


def _sub(to: Reverse, op: Op, d: int) -> None:
    to.send(op.args[0], d)
    to.send(op.args[1], to.maker.make("scale", d, attr=(-1.0, 0.0)))


def _mul(to: Reverse, op: Op, d: int) -> None:
    a, b = op.args
    to.send(a, to.maker.make("mul", d, b))
    to.send(b, to.maker.make("mul", d, a))


def _scale(to: Reverse, op: Op, d: int) -> None:
    factor = op.affine[0]
    to.send(op.args[0], d if factor == 1 else to.maker.make("scale", d, attr=(factor, 0.0)))


def _tanh(to: Reverse, op: Op, d: int) -> None:
    square = to.maker.make("mul", op.out, op.out)  # tanh′ = 1 − y²
    to.send(op.args[0], to.maker.make("mul", d, to.maker.make("scale", square, attr=(-1.0, 1.0))))


def _sigmoid(to: Reverse, op: Op, d: int) -> None:
    rest = to.maker.make("scale", op.out, attr=(-1.0, 1.0))  # σ′ = y(1 − y)
    to.send(op.args[0], to.maker.make("mul", d, to.maker.make("mul", rest, op.out)))


def _relu(to: Reverse, op: Op, d: int) -> None:
    to.send(op.args[0], to.maker.make("mul", d, to.maker.make("step", op.out)))


def _linear(to: Reverse, op: Op, d: int) -> None:
    """dx = Wᵀ d; dW = d xᵀ, summed over batch and time, waits for the chunk."""
    (x,) = op.args
    turned = Matrix(op.matrix.lanes, turned=True)
    to.send(x, to.maker.make("linear", d, attr=turned, shape=to.code.values.shapes[x]))
    to.maker.put(Op("grad_linear", (d, x), (), op.attr))


def _bias(to: Reverse, op: Op, d: int) -> None:
    to.send(op.args[0], d)
    to.maker.put(Op("grad_bias", (d,), (), op.attr))


def _gain(to: Reverse, op: Op, d: int) -> None:
    (x,) = op.args
    to.send(x, to.maker.make("gain", d, attr=op.attr))
    to.maker.put(Op("grad_bias", (to.maker.make("mul", d, x),), (), op.attr))


def _part(to: Reverse, op: Op, d: int) -> None:
    to.parts.setdefault(op.args[0], []).append((*op.rows, d))


def _concat(to: Reverse, op: Op, d: int) -> None:
    at = 0
    for v in op.args:
        rows = to.code.values.rows(v)
        to.send(v, to.maker.make("part", d, attr=(at, at + rows), shape=(rows,)))
        at += rows


def _normal(to: Reverse, op: Op, d: int) -> None:
    to.send(op.args[0], to.maker.make("normal_back", d, *op.outs))


def _softmax(to: Reverse, op: Op, d: int) -> None:
    to.send(op.args[0], to.maker.make("softmax_back", d, op.out))


def _same(to: Reverse, op: Op, d: int) -> None:
    shape = to.code.values.shapes[op.args[0]]
    to.send(op.args[0], to.maker.make("same", d, attr=shape, shape=shape))


RULES: dict[str, Rule] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "scale": _scale,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "relu": _relu,
    "linear": _linear,
    "bias": _bias,
    "gain": _gain,
    "part": _part,
    "concat": _concat,
    "normal": _normal,
    "softmax": _softmax,
    "same": _same,
}
