"""The backward code of forward code: the delta recursion (reverse accumulation)."""

from __future__ import annotations

from typing import final

from rnnbp.compiler.code import Code
from rnnbp.compiler.maker import Maker
from rnnbp.compiler.op import Op, OpaqueBack
from rnnbp.compiler.operations import OPERATIONS
from rnnbp.compiler.penalties import PENALTY, charged, send_back
from rnnbp.compiler.seams import Deltas
from rnnbp.numerics import Shape


def differentiate(code: Code) -> Code:
    """From deltas of (y, *next state) to those of (*inputs, *state), and gradients of parameters.

    It takes values of the forward code too. A state that no output depends on, in this step or a
    later one, has no delta: zero times what has overflowed would be NaN.
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
    return Code(code.values, inputs, tuple(reverse.maker.ops), outputs, code.n_states).live()


def reaching(code: Code) -> frozenset[int]:
    """The outputs with a delta: y, number 0, and states that y depends on, or a penalty, if in a
    later step."""
    found, ends = frozenset([0]), sorted(charged(code.ops))
    while True:
        needed = code.live([*(code.outputs[k] for k in sorted(found)), *ends], free=False)
        read = {*needed.outputs, *(v for op in needed.ops for v in op.args)}
        more = found | {k for k, v in enumerate(code.states, 1) if v in read}
        if more == found:
            return found
        found = more


@final
class Reverse(Deltas):
    """The deltas so far, by value; those of parts of a value wait until all are there."""

    def __init__(self, code: Code) -> None:
        self.values, self.maker, self.code = code.values, Maker(code.values), code
        self.deltas: dict[int, int] = {}
        self.parts: dict[int, list[tuple[int, int, int]]] = {}

    def source(self, value: int) -> Op | None:
        return self.code.made.get(value)

    def send(self, value: int, delta: int) -> None:
        present = self.deltas.get(value)
        self.deltas[value] = delta if present is None else self.maker.make("add", present, delta)

    def send_part(self, value: int, rows: tuple[int, int], delta: int) -> None:
        self.parts.setdefault(value, []).append((*rows, delta))

    def make(self, name: str, *args: int, attr: object = None, shape: Shape | None = None) -> int:
        return self.maker.make(name, *args, attr=attr, shape=shape)

    def gradient(self, name: str, args: tuple[int, ...], attr: object) -> None:
        self.maker.put(Op(name, args, (), attr))

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
        elif op.name == PENALTY:
            send_back(self, op, deltas[0])
        elif deltas[0] is not None and op.args:
            adjoint = OPERATIONS[op.name].adjoint
            assert adjoint is not None, op
            adjoint(self, op, deltas[0])

    def _filled(self, value: int, pieces: list[tuple[int, int, int]]) -> int:
        """Deltas of parts that do not overlap, side by side, zeros between them."""
        rows, at, found = self.values.rows(value), 0, []
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
        outs = tuple(self.values.new(self.values.shapes[v]) for v in takers)
        self.maker.put(
            Op("opaque_back", args, outs, OpaqueBack(op, tuple(d is not None for d in deltas)))
        )
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
