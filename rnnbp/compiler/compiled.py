"""A cell compiled: its codes, the homes of their values, and the functions that run a chunk forward."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rnnbp.compiler.code import Code, Op
from rnnbp.compiler.compile import Codes, codes
from rnnbp.compiler.partition import partition, sunk
from rnnbp.compiler.storage import VIEWS, Buffer, Home, Homes
from rnnbp.graph.cell import Cell
from rnnbp.numerics import Shape
from rnnbp.runners.numpy.emit import Constants, Emitter, takes_symbols
from rnnbp.runners.numpy.function import Function, function, span_of
from rnnbp.support.lazy import cached_property


class Compiled:
    """A cell compiled for inputs of a feature shape; of any batch size and dtype.

    Args:
        without: rules that are left out, of ``rnnbp.compiler.compile.RULES``.
        lanes: whether pointwise operations stay lane by lane, to be fused.
    """

    def __init__(self, cell: Cell, x_shape: Shape, without: Iterable[str] = (), *, lanes: bool = False) -> None:
        self.without, self.lanes = frozenset(without), lanes
        shapes = [shape or () for shape in cell.value_shapes(x_shape, *cell.state_shapes)]
        self.codes: Codes = codes(cell, shapes, without=self.without, lanes=lanes)
        code = self.codes.forward
        self.values = code.values
        self.n_states = len(code.inputs) - 1
        self.constants = Constants()
        self.before = [Buffer(-1 - k, self.values.rows(v), fixed=True) for k, v in enumerate(code.inputs[1:])]
        self.after = [Buffer(-100 - k, buffer.rows, fixed=True) for k, buffer in enumerate(self.before)]
        self.x = Buffer(-1000, self.values.rows(code.inputs[0]), fixed=True)
        self.phases = partition(code, code.inputs[1:], code.outputs[1:])
        if "hoisted" in self.without:
            self.phases = {key: "loop" if phase == "before" else phase for key, phase in self.phases.items()}
        elif lanes:
            self.phases = sunk(code, self.phases)
        self.ends = self._ends()
        given = {code.inputs[0]: Home(self.x)} | {v: Home(b) for v, b in zip(code.inputs[1:], self.before, strict=True)}
        self.homes = Homes(code, self.phases, given, self.ends, self.codes.kept)

    def _ends(self) -> dict[int, Home]:
        """The next states that are made where the states are."""
        found: dict[int, Home] = {}
        for v, buffer in zip(self.codes.forward.outputs[1:], self.after, strict=True):
            made = None if v is None else self.codes.forward.made.get(v)
            if v is not None and made is not None and made.name not in VIEWS and v not in found:
                found[v] = Home(buffer)
        return found

    @cached_property
    def advance(self) -> Function:
        """The state after a chunk; only what feeds it is run."""
        return self._forward(rolling=True, output=False)

    @cached_property
    def outputs(self) -> Function:
        """The state after a chunk, and y."""
        return self._forward(rolling=True, output=True)

    @cached_property
    def keep(self) -> Function:
        """The states of all steps."""
        return self._forward(rolling=False, output=False)

    @cached_property
    def keep_outputs(self) -> Function:
        """The states of all steps, and y."""
        return self._forward(rolling=False, output=True)

    @cached_property
    def record(self) -> Function:
        """The tape of a chunk, and y."""
        return self._forward(rolling=False, output=True, taped=True)

    @cached_property
    def record_tape(self) -> Function:
        """The tape alone."""
        return self._forward(rolling=False, output=False, taped=True)

    @cached_property
    def rebuild(self) -> Function:
        """The tape from the states of all steps, and y: no loop."""
        return self._forward(rolling=False, output=True, taped=True, known=True)

    @cached_property
    def rebuild_tape(self) -> Function:
        """The tape alone, from the states."""
        return self._forward(rolling=False, output=False, taped=True, known=True)

    @property
    def output_state(self) -> int | None:
        """The state whose next value y is, None if there is none."""
        first, *states = self.codes.forward.outputs
        return states.index(first) if first in states else None

    def chosen(self, *, output: bool, taped: bool, known: bool) -> tuple[Code, list[Op], dict[int, str]]:
        """What a function runs: its code, the operations in the order of homes, and their phases."""
        code = self.codes.forward
        wanted: list[int | None] = [code.outputs[0]] if output else []
        wanted += [*self.codes.kept, *self._saved] if taped else []
        live = _stopping(code, wanted, set(self.ends)) if known else code.live([*wanted, *code.outputs[1:]])
        present = set(map(id, live.ops))
        ops = [op for op in self.homes.order if id(op) in present]
        return live, ops, dict.fromkeys(self.phases, "before") if known else self.phases

    def _forward(self, *, rolling: bool, output: bool, taped: bool = False, known: bool = False) -> Function:
        code, homes = self.codes.forward, self.homes
        live, ops, phases = self.chosen(output=output, taped=taped, known=known)
        emitter = Emitter(live, homes, phases, self.spans(taped, rolling, known), self.constants)
        ends = [] if known else self._copies(emitter)
        reading = [op for op in ops if op.name not in VIEWS and not takes_symbols(op)]
        x_used = any(homes.base(v)[0] == code.inputs[0] for op in reading for v in op.args)
        reads_x = (
            x_used
            or (output and homes.base(code.outputs[0] or 0)[0] == code.inputs[0])
            or any(" Bx" in e for e in ends)
        )
        lines = ["copyto(Bx[:n], x[t0:t1].transpose(0, 2, 1))"] if reads_x or self._x_is_next() else []
        lines += emitter.lines("before", ops)
        lines += emitter.loop(ops, ends)
        lines += emitter.lines("after", ops)
        if output and code.outputs[0] is not None:
            lines += [f"copyto(y[t0:t1], {emitter.value(code.outputs[0], loop=False)}.transpose(0, 2, 1))"]
        lines += [f"H{k}[0] = H{k}[n]" for k in range(self.n_states)] if rolling else []
        taken = ["x", *(["y"] if output else []), *(f"H{k}" for k in range(self.n_states))]
        return function(lines, emitter, taken, [op for op in ops if op.name == "opaque"], back=False)

    @property
    def _saved(self) -> list[int]:
        """Outputs of the opaque layers that backward needs, with what they save."""
        back = [op for op in self.codes.backward.ops if op.name == "opaque_back"]
        return [v for op in back for v in op.attr[0].outs]

    def _x_is_next(self) -> bool:
        code = self.codes.forward
        return any(v is not None and self.homes.base(v)[0] == code.inputs[0] for v in code.outputs[1:])

    def moves(self) -> list[tuple[int, int]]:
        """(k, value) for each state whose next value is made elsewhere than where the states are."""
        found, done = [], set()
        for k, v in enumerate(self.codes.forward.outputs[1:]):
            if v is None:
                continue
            if v in self.ends and v not in done and self.ends[v].buffer is self.after[k]:
                done.add(v)
            else:
                found.append((k, v))
        return found

    def _copies(self, emitter: Emitter) -> list[str]:
        """Lines that put next states where the states are, if they are made elsewhere."""
        return [
            f"copyto({emitter.at(Home(self.after[k]), self.after[k].rows, loop=True)}, {emitter.value(v, loop=True)})"
            for k, v in self.moves()
        ]

    def spans(self, taped: bool, rolling: bool, known: bool) -> dict[Buffer, tuple[str, str]]:
        spans = {self.x: ("Bx", ":n")}
        for k, (before, after) in enumerate(zip(self.before, self.after, strict=True)):
            spans[before] = (f"H{k}", ":n" if rolling else "t0:t1")
            spans[after] = (f"H{k}", "1:n + 1" if rolling else "t0 + 1:t1 + 1")
        for buffer in self.homes.buffers:
            spans[buffer] = span_of(buffer, taped=taped, batched=known)
        return spans


def _stopping(code: Code, wanted: Sequence[int | None], at: set[int]) -> Code:
    """What gives the values wanted, where those ``at`` are known."""
    needed, kept = {v for v in wanted if v is not None}, []
    for op in reversed(code.ops):
        if not needed.isdisjoint(op.outs) and (op.name == "opaque" or not at.issuperset(op.outs)):
            needed.update(v for v in op.args if v not in at)
            kept.append(op)
    return replace(code, ops=tuple(reversed(kept)))
