"""The backward code of a cell as a function over a chunk, and what is left for the chunk as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnnbp.compiler.code import Code, Matrix, Op
from rnnbp.compiler.compiled import Compiled
from rnnbp.compiler.partition import partition, sunk
from rnnbp.compiler.storage import VIEWS, Buffer, Home, Homes
from rnnbp.runners.numpy.emit import Emitter
from rnnbp.runners.numpy.function import Function, function, span_of


class Backward:
    """The backward code of a cell as a function over a chunk, and what is left for the chunk as a whole."""

    def __init__(self, cell: Compiled) -> None:
        self.cell = cell
        forward, code = cell.codes.forward, cell.codes.backward
        code, product = _without_dx(code)
        self.dx_weights = None if product is None else Matrix(product.attr.lanes)
        states = code.inputs[1:]
        self.carried = [Buffer(-1 - k, buffer.rows, fixed=True) for k, buffer in enumerate(cell.before)]
        self.dy = Buffer(-1000, code.values.rows(code.inputs[0]), fixed=True)
        self.code, self.phases = code, phases = _by_step(code, partition(code, states, code.outputs[1:]))
        if "hoisted" in cell.without:
            phases = self.phases = {key: "loop" if p == "before" else p for key, p in phases.items()}
        elif cell.lanes:
            phases = self.phases = sunk(code, phases)
        given = {forward.inputs[0]: Home(cell.x), code.inputs[0]: Home(self.dy)}
        given |= {v: Home(b) for v, b in zip(states, self.carried, strict=True)}
        given |= {v: Home(b) for v, b in zip(forward.inputs[1:], cell.before, strict=True)}
        given |= {v: home for v, home in cell.homes.of.items() if home.buffer.kept or v in cell.ends}
        for v, buffer in zip(forward.outputs[1:], cell.after, strict=True):
            if v is not None and v not in given:
                given[v] = Home(buffer)
        for buffer in cell.homes.buffers:
            buffer.fixed = buffer.fixed or buffer.kept
        first = len(cell.homes.buffers)
        self.ends = self._ends(states, Homes(code, phases, given, {}, first=first))
        self.homes = Homes(code, phases, given, self.ends, first=first)
        self.function = self._function()

    @property
    def dx_from(self) -> int | None:
        """The delta that gives dx by a product for the whole chunk, if there is one."""
        return next((op.args[0] for op in self.code.ops if op.name == "grad_linear" and op.attr is None), None)

    def _ends(self, states: Sequence[int], homes: Homes) -> dict[int, Home]:
        """The deltas of states that can be made where those before them are: nothing reads these any more."""
        found: dict[int, Home] = {}
        order = {op.out: k for k, op in enumerate(homes.order) if op.outs}
        late = {a for op in homes.order if self.phases[id(op)] == "after" for a in op.args} | {self.code.outputs[0]}
        late = {homes.base(a)[0] for a in late if a is not None}
        for k, v in enumerate(self.code.outputs[1:]):
            made = None if v is None else self.code.made.get(v)
            if v is None or made is None or made.name in (*VIEWS, "concat") or v in found or v in late:
                continue
            last = max((p for p, _, _ in homes.last.get(states[k], [])), default=-1)
            if last < order[made.out] or (last == order[made.out] and made.name in ("add", "sub", "mul", "scale")):
                found[v] = Home(self.carried[k])
        return found

    def _function(self) -> Function:
        code, cell, homes = self.code, self.cell, self.homes
        spans = self.spans() | {cell.x: ("Bx", ":n"), self.dy: ("Bdy", ":n")}
        emitter = Emitter(code, homes, self.phases, spans, cell.constants, backward=True)
        real = [op for op in homes.order if not op.name.startswith("grad")]
        first, ends = emitter.lines("before", real), self._copies(emitter)
        loop, then = emitter.loop(real, ends), emitter.lines("after", real)
        self.gathers = Gathers(self, emitter)
        lines = [*first, *loop, *then, *self.gathers.lines]
        if code.outputs[0] is not None:
            lines.append(f"copyto(dx[t0:t1], {emitter.value(code.outputs[0], loop=False)}.transpose(0, 2, 1))")
        text = "\n".join(lines)
        copies = [f"copyto(B{n}[:n], {n}[t0:t1].transpose(0, 2, 1))" for n in ("dy", "x") if f"B{n}[" in text]
        taken = [n for n in ("dy", "x", "dx") if f"{n}[t0" in "\n".join([*copies, text])]
        taken += [f"H{k}" for k in range(cell.n_states)] + [f"C{k}" for k in range(cell.n_states)]
        taken += list(self.gathers.rows)
        opaque = [op.attr[0] for op in real if op.name == "opaque_back"]
        return function([*copies, *lines], emitter, taken, opaque, back=True)

    def spans(self) -> dict[Buffer, tuple[str, str]]:
        """By buffer, its name and the span of a block's steps in it; x and dy aside."""
        spans = {b: (f"C{k}", "") for k, b in enumerate(self.carried)}
        for k, (before, after) in enumerate(zip(self.cell.before, self.cell.after, strict=True)):
            spans[before], spans[after] = (f"H{k}", "t0:t1"), (f"H{k}", "t0 + 1:t1 + 1")
        spans |= {b: (f"T{b.number}", "t0:t1") for b in self.cell.homes.buffers if b.kept}
        return spans | {b: span_of(b, taped=False) for b in self.homes.buffers}

    def moves(self) -> list[tuple[int, int | None]]:
        """(k, value) for each state whose delta is made elsewhere than where the next step looks for it."""
        given = enumerate(self.code.outputs[1:])
        return [(k, v) for k, v in given if v not in self.ends or self.ends[v].buffer is not self.carried[k]]

    def _copies(self, emitter: Emitter) -> list[str]:
        """Lines that put the deltas of states where the next step looks for them, all read before any is written."""
        first: list[str] = []
        then: list[str] = []
        for k, v in self.moves():
            if v is None:
                then.append(f"C{k}.fill(0)")
                continue
            home = self.homes.new(self.carried[k].rows, "loop")
            emitter.spans[home.buffer] = (f"S{home.buffer.number}", "")
            first.append(f"copyto(S{home.buffer.number}, {emitter.value(v, loop=True)})")
            then.append(f"copyto(C{k}, S{home.buffer.number})")
        return first + then


def _by_step(code: Code, phases: dict[int, str]) -> tuple[Code, dict[int, str]]:
    """The code with copies of what one step hands to the next, where it is used after the loop too."""
    late = [op for op in code.ops if phases[id(op)] == "after" and op.name not in VIEWS]
    taken = {a for op in late for a in op.args} | {code.outputs[0]}
    known: dict[int, int] = {}
    ops: list[Op] = []
    found: dict[int, str] = {}
    for v in code.inputs[1:]:
        views = [op for op in code.ops if op.name in VIEWS and _views(code, op.out, v)]
        if taken.isdisjoint([v, *(op.out for op in views)]):
            continue
        known[v] = code.values.new(code.values.shapes[v])
        known |= {op.out: code.values.new(code.values.shapes[op.out]) for op in views}
        copies = [Op("copy", (v,), (known[v],))]
        copies += [replace(op, args=(known[op.args[0]],), outs=(known[op.out],)) for op in views]
        found |= {id(op): "loop" for op in copies}
        ops += copies
    if not known:
        return code, phases
    for op in code.ops:
        new = replace(op, args=tuple(known.get(v, v) for v in op.args)) if op in late else op
        found[id(new)] = phases[id(op)]
        ops.append(new)
    first, *rest = code.outputs
    outputs = (None if first is None else known.get(first, first), *rest)
    return replace(code, ops=tuple(ops), outputs=outputs), found


def _views(code: Code, v: int, base: int) -> bool:
    """Whether a value is a view of another."""
    while v in code.made and code.made[v].name in VIEWS:
        v = code.made[v].args[0]
    return v == base


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
                lanes = self.lanes(op.args[0])
                missing = [v for v in lanes if v not in self.places]
                for v in missing if self._virtual(op.args[0]) else op.args[: len(missing)]:
                    self._gather(v)

    def lanes(self, v: int) -> tuple[int, ...]:
        """The values that a delta is put together from."""
        made = self._code.made.get(v)
        return made.args if made is not None and made.name == "concat" else (v,)

    def _virtual(self, v: int) -> bool:
        made = self._code.made.get(v)
        return made is not None and made.name == "concat" and self._homes.virtual(made)

    def _gather(self, v: int) -> None:
        if v in self.of:
            return
        virtual = self._virtual(v)
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
