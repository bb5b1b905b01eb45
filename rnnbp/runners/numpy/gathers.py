"""What is gathered of a chunk's deltas, and of what they multiply, for the gradients."""

from __future__ import annotations

from rnnbp.compiler.step import StepCode
from rnnbp.runners.numpy.emit import Emitter


class Gathers:
    """Arrays of deltas of a whole chunk, (rows, L, B), so that one product has all steps."""

    def __init__(self, step: StepCode) -> None:
        self.rows: dict[str, int] = {}
        """Rows of each array."""
        self.of: dict[int, str] = {}
        """By value, the array that holds it and nothing else."""
        self.places: dict[int, tuple[str, int]] = {}
        """The array and first row of a value."""
        self._half = step.backward
        self._copies: list[tuple[str, int, int]] = []
        """(array, first row, value) of each copy."""
        inputs, products = step.forward.code.inputs, ("grad_linear", "grad_input")
        outer = inputs[: len(step.forward.xs)]
        for op in sorted(self._half.code.ops, key=lambda op: op.name not in products):
            if op.name in products:
                self._gather(op.args[0])
                if op.name == "grad_linear" and op.args[1] not in outer:
                    self._gather(op.args[1])
            elif op.name == "grad_bias":
                missing = [v for v in self.lanes(op.args[0]) if v not in self.places]
                for v in (
                    missing
                    if op.args[0] in self._half.storage.gathered
                    else op.args[: len(missing)]
                ):
                    self._gather(v)

    def lanes(self, v: int) -> tuple[int, ...]:
        """The values that a delta is put together from."""
        made = self._half.code.made.get(v)
        return made.args if made is not None and made.name == "concat" else (v,)

    def lines(self, emitter: Emitter) -> list[str]:
        """Lines that copy the deltas of a block."""
        return [line for copy in self._copies for line in self._line(emitter, *copy)]

    def _line(self, emitter: Emitter, name: str, row: int, v: int) -> list[str]:
        n = self._half.code.values.rows(v)
        cut = ":" if n == self.rows[name] else f"{row}:{row + n}"
        return [f"copyto({name}[{cut}, t0:t1], {emitter.value(v, loop=False)}.transpose(1, 0, 2))"]

    def _gather(self, v: int) -> None:
        if v in self.of:
            return
        values, apart = self._half.code.values, v in self._half.storage.gathered
        name = self.of[v] = f"G{len(self.rows)}"
        self.rows[name], at = values.rows(v), 0
        for lane in self.lanes(v):
            self.places.setdefault(lane, (name, at))
            if apart:
                self._copies.append((name, at, lane))
            at += values.rows(lane)
        if not apart:
            self._copies.append((name, 0, v))
        self.places.setdefault(v, (name, 0))
