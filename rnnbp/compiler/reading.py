"""A compiled cell read back as lines of text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from rnnbp.compiler.code import Code
from rnnbp.compiler.explanation import Kept, Packed
from rnnbp.compiler.leaves import key_of, owners
from rnnbp.compiler.listing import Line, Listing
from rnnbp.compiler.notation import Notation
from rnnbp.compiler.op import Op
from rnnbp.compiler.opaque import saved_bytes
from rnnbp.compiler.seams import number
from rnnbp.compiler.step import StepCode
from rnnbp.compiler.weights import Rows, Vector
from rnnbp.graph.cell import Cell
from rnnbp.graph.layout import Layout
from rnnbp.graph.network import Network


class Reading:
    """Reads a compiled cell; forward first, which names values that backward takes."""

    def __init__(
        self, step: StepCode, layout: Layout, inputs: list[str], states: list[str]
    ) -> None:
        self.step, self.layout = step, layout
        self.code, back = step.forward.code, step.backward
        self.inputs, self.states = inputs, {name: f"{name}′" for name in states}
        names = dict(zip(self.code.inputs, [*inputs, *states], strict=True))
        after = [f"d{new}" for new in self.states.values()]
        names |= dict(zip(back.code.inputs, ["dy", *after], strict=True))
        _name(self.code, [*self.states.values(), "y"], (*self.code.nexts, *self.code.others), names)
        deltas = [f"d{name}" for name in (*states, *inputs)]
        per_step = [None if k in self.code.static else v for k, v in enumerate(back.code.others)]
        _name(back.code, deltas, (*back.code.nexts, *per_step), names)
        self.notation = Notation(self.code.values, names, (self.code, back.code))

    def forward(self) -> list[Line]:
        """The lines of a step forward."""
        code, back, forward = self.code, self.step.backward.code, self.step.forward
        taken = {v for op in back.ops for v in op.args if v not in back.made}
        advance = {id(op) for op in code.live(code.nexts).ops}
        named = [*self.step.codes.kept, *taken]
        found = Listing(code, forward.phases, self.notation, named, advance)
        (y,) = code.others
        for name, v in zip(self.states.values(), code.nexts, strict=True):
            self._copy(found, "step", name, v)
        self._copy(found, "after", "y", y)
        return found.lines

    def backward(self) -> list[Line]:
        """The lines of a step backward."""
        back, code = self.step.backward, self.step.backward.code
        found = Listing(code, back.phases, self.notation, ())
        for name, state, v in zip(self.states, self.code.states, code.nexts, strict=True):
            self._copy(found, "step", f"d{name}", v, rows=self.code.values.rows(state))
        for k, name in enumerate(self.inputs):
            v = code.outputs[k]
            if k in back.dx_products:
                rows = self.code.values.rows(self.code.inputs[k])
                found.chunk_product(f"d{name}", *back.dx_products[k], rows)
            elif v is not None and k in self.code.static:
                found.step_sum(f"d{name}", v)
            elif v is not None:
                self._copy(found, "after", f"d{name}", v)
            for op in back.sums.get(k, ()):
                found.static_sum(f"d{name}", op)
        for op in back.opaque:
            if op.opaque.layer.params:
                found.read_off(op.opaque.layer)
        return found.lines

    def kept(self) -> Iterator[Kept]:
        """The states, the other values that the tape holds, and what Python layers save."""
        item, values = self.layout.dtype.itemsize, self.code.values
        for v in (*self.code.states, *self.step.codes.kept):
            yield Kept(self.notation[v], item * values.rows(v))
        for op in saving(self.step):
            yield Kept(repr(op.opaque.layer), saved_bytes(op, self.layout))

    def _copy(self, found: Listing, when: str, name: str, v: int | None, rows: int = 0) -> None:
        if v is None or self.notation[v] != name:
            found.copy(when, name, v, rows if v is None else self.code.values.rows(v))


def _name(
    code: Code, names: Sequence[str], ends: Sequence[int | None], found: dict[int, str]
) -> None:
    """Name what comes out; of two names of a value, the first, that of the state."""
    for v, name in zip(ends, names, strict=True):
        if v is not None and v in code.made and code.made[v].name not in ("part", "same"):
            found.setdefault(v, name)


def saving(step: StepCode) -> list[Op]:
    """The layers run as Python whose backward reads what they save; others keep nothing."""
    read = {op.forward.opaque.node.number for op in step.backward.opaque}
    return [op for op in step.forward.opaque if op.opaque.node.number in read]


def leaf_names(cell: Cell, inputs: Sequence[str]) -> dict[int, str]:
    """The names of what stands for a cell's leaves, by identity, from those of its inputs."""
    owner = owners.of(cell)
    return {id(owner[key_of(k)]): name for k, name in enumerate(inputs) if key_of(k) in owner}


def packed_parts(
    notation: Notation, network: Network, leaves: Mapping[int, str]
) -> Iterator[Packed]:
    """What weights and gradients consist of, by the names of parameters and ``leaf_names``."""
    names = {id(owner[key]): name for name, (owner, key) in network.slots.items()} | dict(leaves)

    def part(rows: Rows, *, whole: bool = False) -> str:
        array = rows.owner[rows.key]
        size = array.size if whole else len(array)
        cut = "" if rows.count == size else f"[{rows.start}:{rows.stop}]"
        factor = {1.0: "", -1.0: "−"}.get(rows.factor, f"{number(rows.factor)}·")
        return f"{factor}{names.get(id(array), 'constant')}{cut}"

    for name, value in notation.weights.items():
        if isinstance(value, Vector):
            sums = (" + ".join(part(row, whole=True) for row in rows) for _, rows in value.lanes)
            of = tuple(text.replace("+ −", "− ") or "0" for text in sums)
            yield Packed(name, (value.count,), of)
        else:
            first = value.lanes[0]
            rows = sum(lane.count for lane in value.lanes)
            columns = math.prod(first.owner[first.key].shape[1:])
            yield Packed(name, (rows, columns), tuple(map(part, value.lanes)))
