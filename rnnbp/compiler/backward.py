"""The backward half of a step: the delta recursion in phases, its storage, and read-offs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from rnnbp.compiler.allocation import allocate
from rnnbp.compiler.code import Code
from rnnbp.compiler.forward import Forward
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import SUMS, VIEWS
from rnnbp.compiler.partition import adjusted, partition
from rnnbp.compiler.static_sums import static_sum
from rnnbp.compiler.storage import Buffer, Held, Location, Span, Storage, held
from rnnbp.compiler.weights import Matrix
from rnnbp.support.lazy import cached_property


@dataclass(frozen=True, eq=False)
class Backward:
    """The backward half of a step, from its last step to its first."""

    code: Code
    phases: Mapping[int, str]
    """Of each operation, by its id: "before", "loop" or "after"; parameter gradients come after."""
    storage: Storage
    dy: Buffer
    carried: tuple[Buffer, ...]
    """The deltas of states, as one step hands them to the one before."""
    in_place: Mapping[int, Location]
    """The deltas of states that are made where those of the step after are."""
    dx_weights: Mapping[int, Matrix]
    """By input whose delta is made by one product for a whole chunk, the weights."""
    arrays: Mapping[Buffer, Held]
    """The array of each buffer but those of inputs and dy."""

    @cached_property
    def dx_products(self) -> dict[int, tuple[Matrix, int]]:
        """By input whose delta is made by one product, the weights, and the delta they take."""
        taken = {op.attr: op.args[0] for op in self.code.ops if op.name == "grad_input"}
        return {k: (weights, taken[k]) for k, weights in self.dx_weights.items()}

    def reaches(self, k: int) -> bool:
        """True if an input has a delta."""
        return k in self.dx_weights or self.code.outputs[k] is not None or k in self.sums

    @cached_property
    def sums(self) -> dict[int, list[Op]]:
        """By static input, what adds to its delta once a block's steps are there."""
        found = dict[int, list[Op]]()
        for op in self.code.ops:
            if op.name in SUMS:
                found.setdefault(static_sum(op).input, []).append(op)
        return found

    @property
    def steps(self) -> list[Op]:
        """The operations of the recursion, in order: all but the gradients of parameters."""
        return [op for op in self.storage.order if not op.name.startswith("grad")]

    @property
    def opaque(self) -> tuple[Op, ...]:
        """The layers that run by their own methods."""
        return tuple(op for op in self.code.ops if op.name == "opaque_back")

    def moves(self) -> list[tuple[int, int | None]]:
        """(k, value) for each state whose delta is made where the step before does not look."""
        places = {at.buffer: v for v, at in self.in_place.items()}
        outputs = zip(self.carried, self.code.nexts, strict=True)
        return [
            (k, v) for k, (buffer, v) in enumerate(outputs) if v is None or places.get(buffer) != v
        ]


def backward_half(forward: Forward, code: Code, *, hoisted: bool, lanes: bool) -> Backward:
    """The backward half that belongs to a forward one; ``hoisted`` and ``lanes`` as there."""
    code, products = _without_dx(code, forward.code.static)
    rows = code.values.rows
    carried = tuple(Buffer(f"C{k}", buffer.rows) for k, buffer in enumerate(forward.states))
    dy = Buffer("dy", rows(code.inputs[0]))
    code, phases = _by_step(code, partition(code, code.states, code.nexts))
    phases = adjusted(code, phases, hoisted=hoisted, lanes=lanes)
    given = _given(forward, code, dy, carried)
    first = len(forward.storage.buffers)
    in_place = _in_place(allocate(code, phases, given, {}, first=first), phases, carried)
    storage = allocate(code, phases, given, in_place, first=first)
    arrays = _arrays(forward, storage, carried)
    weights = {k: Matrix(op.matrix.lanes) for k, op in products.items()}
    return Backward(code, phases, storage, dy, carried, in_place, weights, arrays)


def _given(
    forward: Forward, code: Code, dy: Buffer, carried: Sequence[Buffer]
) -> dict[int, Location]:
    """Where the recursion starts: inputs, dy, deltas, states, and what the tape keeps."""
    taken, kept = forward.code, forward.storage.taped
    before = (*forward.xs, *forward.states)
    found = {v: Location(b) for v, b in zip(code.inputs, (dy, *carried), strict=True)}
    found |= {v: Location(b) for v, b in zip(taken.inputs, before, strict=True)}
    found |= {v: Location(buffer) for v, (buffer, _) in forward.drawn.items()}
    for v, at in forward.storage.locations.items():
        if at.buffer in kept or v in forward.in_place:
            found[v] = at
    for after, buffer in zip(taken.nexts, forward.nexts, strict=True):
        if after is not None:
            found.setdefault(after, Location(buffer))
    return found


def _in_place(
    storage: Storage, phases: Mapping[int, str], carried: Sequence[Buffer]
) -> dict[int, Location]:
    """The deltas of states that can be made in place of those before, which nothing reads then."""
    code, found = storage.code, dict[int, Location]()
    order = {op.out: k for k, op in enumerate(storage.order) if op.outs}
    read = {a for op in storage.order if phases[id(op)] == "after" for a in op.args}
    read |= {v for v in code.others if v is not None}
    late = {storage.base(a)[0] for a in read}
    for k, v in enumerate(code.nexts):
        made = None if v is None else code.made.get(v)
        if v is None or made is None or made.name in (*VIEWS, "concat") or v in found or v in late:
            continue
        last = max((p for p, _, _ in storage.reads.get(code.states[k], ())), default=-1)
        if last < order[made.out] or (
            last == order[made.out] and made.name in ("add", "sub", "mul", "scale")
        ):
            found[v] = Location(carried[k])
    return found


def _arrays(forward: Forward, storage: Storage, carried: Sequence[Buffer]) -> dict[Buffer, Held]:
    found = {buffer: Held(buffer.name, Span("step")) for buffer in carried}
    for before, after in zip(forward.states, forward.nexts, strict=True):
        found[before], found[after] = (
            Held(before.name, Span("chunk")),
            Held(after.name, Span("chunk", 1)),
        )
    found |= forward.drawn_arrays()
    kept = [buffer for buffer in forward.storage.buffers if buffer in forward.storage.taped]
    found |= {buffer: held(buffer, frozenset(), taped=True) for buffer in kept}
    return found | {buffer: held(buffer, storage.phases[buffer]) for buffer in storage.buffers}


def _by_step(code: Code, phases: dict[int, str]) -> tuple[Code, dict[int, str]]:
    """The code with copies of what a step hands to the next, if used after the loop too."""
    late = [op for op in code.ops if phases[id(op)] == "after" and op.name not in VIEWS]
    taken = {a for op in late for a in op.args} | {v for v in code.others if v is not None}
    known: dict[int, int] = {}
    ops: list[Op] = []
    found: dict[int, str] = {}
    for v in code.states:
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
    others = [None if v is None else known.get(v, v) for v in code.others]
    return replace(code, ops=tuple(ops), outputs=(*others, *code.nexts)), found


def _views(code: Code, v: int, base: int) -> bool:
    """Whether a value is a view of another."""
    while v in code.made and code.made[v].name in VIEWS:
        v = code.made[v].args[0]
    return v == base


def _without_dx(code: Code, static: Collection[int]) -> tuple[Code, dict[int, Op]]:
    """The code without products that make the delta of a series alone, done for a whole chunk."""
    found: dict[int, Op] = {}
    for k, v in enumerate(code.others):
        made = None if v is None else code.made.get(v)
        if v is None or made is None or made.name != "linear" or k in static:
            continue
        if code.outputs.count(v) == 1 and not any(v in op.args for op in code.ops):
            found[k] = made
    kept = [op for op in code.ops if all(op is not made for made in found.values())]
    kept += [Op("grad_input", made.args, (), k) for k, made in found.items()]
    outputs = tuple([None if k in found else v for k, v in enumerate(code.outputs)])
    return replace(code, ops=tuple(kept), outputs=outputs), found
