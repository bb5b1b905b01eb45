"""A cell compiled: its codes, the homes of their values, and the functions that run a chunk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import CodeType
from typing import Any

from rnnbp.cell import Cell
from rnnbp.compiler.code import Code, Matrix, Op
from rnnbp.compiler.compile import Codes, codes
from rnnbp.compiler.emit import Constants, Emitter
from rnnbp.compiler.homes import VIEWS, Buffer, Home, Homes
from rnnbp.compiler.partition import partition
from rnnbp.numerics import Shape


@dataclass(frozen=True)
class Function:
    """The source of a function over a chunk, and what it takes: constants, arrays by kind and their rows."""

    source: str
    constants: dict[str, Any]
    tape: dict[str, int]
    """Buffers (L, rows, B)."""
    block: dict[str, int]
    """Buffers (S, rows, B), S the steps of a block."""
    step: dict[str, int]
    """Buffers (rows, B)."""
    opaque: tuple[Op, ...]
    compiled: CodeType


def function(
    lines: Sequence[str], emitter: Emitter, taken: Iterable[str], opaque: Iterable[Op], *, back: bool
) -> Function:
    """A function that goes over a chunk in blocks of S steps, from their lines."""
    tape, block, step = {}, {}, {}
    text = "\n".join(lines)
    for buffer, (name, span) in emitter.spans.items():
        if name[0] in "TBS" and name in _names(text) | {e.split("[")[0] for e in emitter.still}:
            {"T": tape, "B": block, "S": step}[name[0]][name] = buffer.rows
    used = [name for name in emitter.constants.named if name in _names(text)]
    arrays = [*taken, *tape, *block, *step, *used, *(f"q{op.attr.node.number}" for op in opaque)]
    source = [
        "def run(a, L, S):",
        *(f"    {name} = a[{name!r}]" for name in dict.fromkeys(arrays)),
        *(f"    {name} = {expression}" for expression, name in emitter.still.items()),
        f"    for t0 in {'reversed(range(0, L, S))' if back else 'range(0, L, S)'}:",
        "        t1 = min(t0 + S, L)",
        "        n = t1 - t0",
        *(f"        {line}" for line in lines),
    ]
    named = {name: emitter.constants.named[name] for name in used}
    whole = "\n".join(source) + "\n"
    return Function(whole, named, tape, block, step, tuple(opaque), compile(whole, "<rnnbp program>", "exec"))


def _names(text: str) -> set[str]:
    import re

    return set(re.findall(r"\b[A-Za-z]\w*", text))


class Compiled:
    """A cell compiled for inputs of a feature shape; of any batch size and dtype.

    Args:
        without: rules that are left out, of ``rnnbp.compiler.compile.RULES``.
    """

    def __init__(self, cell: Cell, x_shape: Shape, without: Iterable[str] = ()) -> None:
        self.without = frozenset(without)
        shapes = [shape or () for shape in cell.value_shapes(x_shape, *cell.state_shapes)]
        self.codes: Codes = codes(cell, shapes, without=self.without)
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
    def rebuild(self) -> Function:
        """The tape from the states of all steps, and y: no loop."""
        return self._forward(rolling=False, output=True, taped=True, known=True)

    def _forward(self, *, rolling: bool, output: bool, taped: bool = False, known: bool = False) -> Function:
        code, homes = self.codes.forward, self.homes
        wanted: list[int | None] = [code.outputs[0]] if output else []
        wanted += list(self.codes.kept) if taped else []
        live = _stopping(code, wanted, set(self.ends)) if known else code.live([*wanted, *code.outputs[1:]])
        ops = [op for op in homes.order if id(op) in set(map(id, live.ops))]
        phases = dict.fromkeys(self.phases, "before") if known else self.phases
        emitter = Emitter(live, homes, phases, self._spans(taped, rolling, known), self.constants)
        ends = [] if known else self._copies(emitter)
        x_used = any(homes.base(v)[0] == code.inputs[0] for op in ops if op.name not in VIEWS for v in op.args)
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

    def _x_is_next(self) -> bool:
        code = self.codes.forward
        return any(v is not None and self.homes.base(v)[0] == code.inputs[0] for v in code.outputs[1:])

    def _copies(self, emitter: Emitter) -> list[str]:
        """Lines that put next states where the states are, if they are made elsewhere."""
        found, done = [], set()
        for k, v in enumerate(self.codes.forward.outputs[1:]):
            if v is None:
                continue
            if v in self.ends and v not in done and self.ends[v].buffer is self.after[k]:
                done.add(v)
                continue
            place = emitter.at(Home(self.after[k]), self.after[k].rows, loop=True)
            found.append(f"copyto({place}, {emitter.value(v, loop=True)})")
        return found

    def _spans(self, taped: bool, rolling: bool, known: bool) -> dict[Buffer, tuple[str, str]]:
        spans = {self.x: ("Bx", ":n")}
        for k, (before, after) in enumerate(zip(self.before, self.after, strict=True)):
            spans[before] = (f"H{k}", ":n" if rolling else "t0:t1")
            spans[after] = (f"H{k}", "1:n + 1" if rolling else "t0 + 1:t1 + 1")
        for buffer in self.homes.buffers:
            spans[buffer] = _span(buffer, taped=taped, batched=known)
        return spans

    @cached_property
    def backward(self) -> Backward:
        """The delta recursion."""
        return Backward(self, self.codes)


def _span(buffer: Buffer, *, taped: bool, batched: bool = False) -> tuple[str, str]:
    if taped and buffer.kept:
        return f"T{buffer.number}", "t0:t1"
    if batched or buffer.phases != {"loop"}:
        return f"B{buffer.number}", ":n"
    return f"S{buffer.number}", ""


def _stopping(code: Code, wanted: Sequence[int | None], at: set[int]) -> Code:
    """What gives the values wanted, where those ``at`` are known."""
    needed, kept = {v for v in wanted if v is not None and v not in at}, []
    for op in reversed(code.ops):
        if not needed.isdisjoint(op.outs):
            needed.update(v for v in op.args if v not in at)
            kept.append(op)
    return replace(code, ops=tuple(reversed(kept)))


class Backward:
    """The backward code of a cell as a function over a chunk, and what is left for the chunk as a whole."""

    def __init__(self, cell: Compiled, found: Codes) -> None:
        self.cell = cell
        forward, code = found.forward, found.backward
        self.code, self.dx_op = _without_dx(code)
        self.dx_weights = None if self.dx_op is None else Matrix(self.dx_op.attr.lanes)
        code = self.code
        states = code.inputs[1:]
        self.carried = [Buffer(-1 - k, buffer.rows, fixed=True) for k, buffer in enumerate(cell.before)]
        self.dy = Buffer(-1000, code.values.rows(code.inputs[0]), fixed=True)
        phases = partition(code, states, code.outputs[1:])
        if "hoisted" in cell.without:
            phases = {key: "loop" if phase == "before" else phase for key, phase in phases.items()}
        self.phases = phases
        given = {forward.inputs[0]: Home(cell.x), code.inputs[0]: Home(self.dy)}
        given |= {v: Home(b) for v, b in zip(states, self.carried, strict=True)}
        given |= {v: Home(b) for v, b in zip(forward.inputs[1:], cell.before, strict=True)}
        given |= {v: home for v, home in cell.homes.of.items() if home.buffer.kept or v in cell.ends}
        for buffer in cell.homes.buffers:
            buffer.fixed = buffer.fixed or buffer.kept
        first = len(cell.homes.buffers)
        self.ends = self._ends(states, Homes(code, phases, given, {}, first=first))
        self.homes = Homes(code, phases, given, self.ends, first=first)
        self.function = self._function()

    def _ends(self, states: Sequence[int], homes: Homes) -> dict[int, Home]:
        """The deltas of states that can be made where those before them are: nothing reads these any more."""
        found: dict[int, Home] = {}
        order = {op.out: k for k, op in enumerate(homes.order) if op.outs}
        for k, v in enumerate(self.code.outputs[1:]):
            made = None if v is None else self.code.made.get(v)
            if v is None or made is None or made.name in (*VIEWS, "concat") or v in found:
                continue
            last = max((p for p, _, _ in homes._last.get(states[k], [])), default=-1)
            if last < order[made.out] or (last == order[made.out] and made.name in ("add", "sub", "mul", "scale")):
                found[v] = Home(self.carried[k])
        return found

    def _function(self) -> Function:
        code, cell, homes = self.code, self.cell, self.homes
        spans: dict[Buffer, tuple[str, str]] = {cell.x: ("Bx", ":n"), self.dy: ("Bdy", ":n")}
        spans |= {b: (f"C{k}", "") for k, b in enumerate(self.carried)}
        for k, (before, after) in enumerate(zip(cell.before, cell.after, strict=True)):
            spans[before], spans[after] = (f"H{k}", "t0:t1"), (f"H{k}", "t0 + 1:t1 + 1")
        spans |= {b: (f"T{b.number}", "t0:t1") for b in cell.homes.buffers if b.kept}
        spans |= {b: _span(b, taped=False) for b in homes.buffers}
        emitter = Emitter(code, homes, self.phases, spans, cell.constants, backward=True)
        real = [op for op in homes.order if not op.name.startswith("grad")]
        before, ends = emitter.lines("before", real), self._copies(emitter)
        loop, after = emitter.loop(real, ends), emitter.lines("after", real)
        self.gathers = Gathers(self, emitter)
        lines = [*before, *loop, *after, *self.gathers.lines]
        if self.dx_op is None and code.outputs[0] is not None:
            lines.append(f"copyto(dx[t0:t1], {emitter.value(code.outputs[0], loop=False)}.transpose(0, 2, 1))")
        text = "\n".join(lines)
        first = [f"copyto(B{n}[:n], {n}[t0:t1].transpose(0, 2, 1))" for n in ("dy", "x") if f"B{n}[" in text]
        taken = [n for n in ("dy", "x", "dx") if f"{n}[t0" in "\n".join([*first, text])]
        taken += [f"H{k}" for k in range(cell.n_states)] + [f"C{k}" for k in range(cell.n_states)]
        taken += list(self.gathers.rows)
        opaque = [op.attr[0] for op in real if op.name == "opaque_back"]
        return function([*first, *lines], emitter, taken, opaque, back=True)

    def _copies(self, emitter: Emitter) -> list[str]:
        """Lines that put the deltas of states where the next step looks for them, all read before any is written."""
        first, then = [], []
        for k, v in enumerate(self.code.outputs[1:]):
            if v in self.ends and self.ends[v].buffer is self.carried[k]:
                continue
            if v is None:
                then.append(f"C{k}.fill(0)")
                continue
            home = self.homes.new(self.carried[k].rows, "loop")
            emitter.spans[home.buffer] = (f"S{home.buffer.number}", "")  # type: ignore[index]
            first.append(f"copyto(S{home.buffer.number}, {emitter.value(v, loop=True)})")
            then.append(f"copyto(C{k}, S{home.buffer.number})")
        return first + then


def _without_dx(code: Code) -> tuple[Code, Op | None]:
    """The code without the product that gives dx alone, which is done for a whole chunk, if there is one."""
    v = code.outputs[0]
    made = None if v is None else code.made.get(v)
    alone = made is not None and made.name == "linear" and not any(v in op.args for op in code.ops)
    if made is None or not alone or v in code.outputs[1:]:
        return code, None
    kept = tuple(op for op in code.ops if op is not made)
    gathered = Op("grad_linear", made.args, (), None)
    return replace(code, ops=(*kept, gathered), outputs=(None, *code.outputs[1:])), made


class Gathers:
    """Deltas, and what they are multiplied by, put together for a chunk: features first, (rows, L, B)."""

    def __init__(self, backward: Backward, emitter: Emitter) -> None:
        self.lines: list[str] = []
        self.rows: dict[str, int] = {}
        """Rows of each array."""
        self.of: dict[int, str] = {}
        self.places: dict[int, tuple[str, int]] = {}
        """The array and first row of a value."""
        self._code, self._emitter, self._homes = backward.code, emitter, backward.homes
        x = backward.cell.codes.forward.inputs[0]
        for op in sorted(backward.code.ops, key=lambda op: op.name != "grad_linear"):
            if op.name == "grad_linear":
                self._gather(op.args[0])
                if op.attr is not None and op.args[1] != x:
                    self._gather(op.args[1])
            elif op.name == "grad_bias":
                for v in self.lanes(op.args[0]):
                    if v not in self.places:
                        self._gather(v)

    def lanes(self, v: int) -> tuple[int, ...]:
        """The values that a delta is put together from."""
        made = self._code.made.get(v)
        return made.args if made is not None and made.name == "concat" else (v,)

    def _gather(self, v: int) -> None:
        if v in self.of:
            return
        made = self._code.made.get(v)
        virtual = made is not None and made.name == "concat" and self._homes.virtual(made)
        name, rows = f"G{len(self.rows)}", self._code.values.rows(v)
        self.of[v], self.rows[name], at = name, rows, 0
        for lane in self.lanes(v):
            n = self._code.values.rows(lane)
            self.places.setdefault(lane, (name, at))
            if virtual:
                self._copy(name, at, lane)
            at += n
        if not virtual:
            self._copy(name, 0, v)
        self.places.setdefault(v, (name, 0))

    def _copy(self, name: str, at: int, v: int) -> None:
        n = self._code.values.rows(v)
        cut = "" if n == self.rows[name] else f"{at}:{at + n}"
        source = self._emitter.value(v, loop=False)
        self.lines.append(f"copyto({name}[{cut or ':'}, t0:t1], {source}.transpose(1, 0, 2))")
