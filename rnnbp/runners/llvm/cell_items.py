"""What the kernels of a cell consist of, forward and backward: items by phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from rnnbp.compiler.backward import Backward
from rnnbp.compiler.code import Code
from rnnbp.compiler.forward import Forward
from rnnbp.compiler.op import Op
from rnnbp.compiler.static_sums import static_sum
from rnnbp.compiler.step import StepCode
from rnnbp.compiler.storage import Buffer, Held, Location, Span, Storage
from rnnbp.compiler.weights import Matrix, Vector
from rnnbp.runners.llvm.arrangement import Move, arranged
from rnnbp.runners.llvm.groups import Item, KeySum, OuterSum, Product, StepSum
from rnnbp.runners.llvm.operands import Operands
from rnnbp.runners.llvm.product_sums import sums_of
from rnnbp.runners.llvm.short_tape import ShortTape

Parts: TypeAlias = dict[str, list[Item]]
"""By phase ("before", "loop", "after"), its items."""
WAITING = 9000
"""The number of the first array of next deltas: above the numbers of all values."""


class Kind(NamedTuple):
    """Which forward function; the fields are the arguments of ``compiler.forward.Forward``."""

    rolling: bool
    output: bool
    taped: bool
    known: bool


def forward_items(
    half: Forward, sums: Mapping[int, Op], kind: Kind, tape: ShortTape | None = None
) -> tuple[Operands, Parts]:
    """The operands and items of a forward function.

    Args:
        sums: of products, as ``product_sums.sums_of`` returns them.
        tape: of 16 bits, if there is one.
    """
    rolling, output, taped, known = kind
    code, ops, phases = half.chosen(output=output, taped=taped, known=known)
    storage, first = half.storage, half.code.outputs[0]
    y = Buffer("y", 0 if first is None else code.values.rows(first))
    arrays = half.arrays(taped=taped, rolling=rolling, known=known)
    arrays |= {y: Held(y.name, Span("chunk")), **outer_arrays(half, half.xs)}
    tape = tape if taped else None
    arrays = arrays if tape is None else tape.hold(arrays, known=known)
    operands = Operands(storage, arrays)
    moves: dict[str, list[Move]] = {}
    if not known:
        moves["loop"] = [(Location(half.nexts[k]), storage.location(v)) for k, v in half.moves()]
    if output and first is not None:
        moves["after"] = [(Location(y), storage.location(first))]
    parts = _by_phase(code, storage, operands, ops, phases, sums, moves)
    return operands, parts if tape is None else _put(parts, tape.items(arrays, back=False))


def _put(parts: Parts, more: Parts, *, first: bool = False) -> Parts:
    """Parts with more items at the end of each phase, or at its beginning."""
    return {
        phase: [*more[phase], *items] if first else [*items, *more[phase]]
        for phase, items in parts.items()
    }


def outer_arrays(half: Forward, buffers: Sequence[Buffer]) -> dict[Buffer, Held]:
    """The arrays of the inputs, or of their deltas: static ones have no axis of steps."""
    static = half.code.static
    return {
        buffer: Held(buffer.name, Span("step" if k in static else "chunk"))
        for k, buffer in enumerate(buffers)
    }


def backward_operands(
    step: StepCode, dxs: Sequence[Buffer], tape: ShortTape | None = None
) -> Operands:
    """What the backward code's values are to a kernel; ``dxs``: the buffers of inputs' deltas."""
    half, forward = step.backward, step.forward
    arrays = {**half.arrays, **outer_arrays(forward, forward.xs), **outer_arrays(forward, dxs)}
    arrays |= {half.dy: Held(half.dy.name, Span("chunk"))}
    return Operands(half.storage, arrays if tape is None else tape.hold_back(arrays))


def backward_items(
    step: StepCode, operands: Operands, dxs: Sequence[Buffer], tape: ShortTape | None, *,
    products: bool,
) -> Parts:  # fmt: skip
    """The items of the delta recursion, and of the inputs' deltas.

    Args:
        operands, dxs: of ``backward_operands``; the arrays of next deltas are added to operands.
        products: whether deltas are computed where a product gives them.
    """
    half, storage, static = step.backward, step.backward.storage, step.forward.code.static
    sums = sums_of(half.code, storage, half.phases)
    moves: dict[str, list[Move]] = {"after": []}
    summed: list[Item] = []
    for k, (v, dx) in enumerate(zip(half.code.others, dxs, strict=True)):
        if v is not None and k in static:
            summed.append(StepSum(storage.location(v), Location(dx), dx.rows))
        elif v is not None:
            moves["after"].append((Location(dx), storage.location(v)))
        summed += [_summed(half, op, dx) for op in half.sums.get(k, ())]
    parts = _by_phase(half.code, storage, operands, half.steps, half.phases, sums, moves)
    parts["loop"] += arranged(half.code, storage, operands, [], sums, _ends(step, operands))
    parts["after"] += summed
    for k, dx in enumerate(dxs if products else ()):
        parts["after"] += _dx_products(step, operands, k, dx)
    if tape is None:
        return parts
    return _put(parts, tape.items(operands.arrays, back=True), first=True)


def _by_phase(
    code: Code, storage: Storage, operands: Operands, ops: Sequence[Op],
    phases: Mapping[int, str], sums: Mapping[int, Op], moves: Mapping[str, Sequence[Move]],
) -> Parts:  # fmt: skip
    parts: Parts = {}
    for phase in ("before", "loop", "after"):
        those = [op for op in ops if phases[id(op)] == phase]
        parts[phase] = arranged(code, storage, operands, those, sums, moves.get(phase, ()))
    return parts


def _ends(step: StepCode, operands: Operands) -> list[Move]:
    """The moves at the end of a step: next deltas to where the deltas of the state are."""
    # By arrays of their own, as a next delta may be read off the place of another: all are read
    # before any is written.
    half, moves = step.backward, step.backward.moves()
    waiting = {
        k: Location(Buffer(f"S{WAITING + k}", half.carried[k].rows))
        for k, v in moves
        if v is not None
    }
    operands.arrays |= {at.buffer: Held(at.buffer.name, Span("step")) for at in waiting.values()}
    ends: list[Move] = [(waiting[k], half.storage.location(v)) for k, v in moves if v is not None]
    return [*ends, *((Location(half.carried[k]), waiting.get(k)) for k, _ in moves)]


def _summed(half: Backward, op: Op, dx: Buffer) -> Item:
    """A term of the delta of a static input, of all steps of a block at once."""
    args, of = list(map(half.storage.location, op.args)), static_sum(op).of
    rows, out = list(map(half.code.values.rows, op.args)), Location(dx)
    if isinstance(of, Vector):
        keys, query, deltas = args
        return KeySum(keys, query, deltas, out, of, rows[2])
    deltas, vector = args
    return OuterSum(deltas, vector, out, *rows)


def _dx_products(step: StepCode, operands: Operands, k: int, dx: Buffer) -> list[Item]:
    """dx from the deltas that give it by a product: one for each array in which they lie."""
    back, found, row = step.backward, list[Item](), 0
    if k not in back.dx_products:
        return []
    whole, taken = back.dx_products[k]
    out = Location(dx)
    for v in back.storage.lanes(taken):
        rows = back.code.values.rows(v)
        weights = Matrix(whole.cut(row, row + rows).lanes, turned=True)
        start = out if found else None
        found.append(Product(weights, operands.of(v), out, dx.rows, rows, start))
        row += rows
    return found
