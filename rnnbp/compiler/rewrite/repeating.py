"""Values that are the same at every step, put where an operation takes a value of each step.

Pointwise operations, and products with matrices of a sequence, read such a value as it is, without
an axis of steps; products with weights, sums over features and gradients go over rows of many steps
at once, and take a copy that has one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rnnbp.compiler.code import Code
from rnnbp.compiler.drawn import DRAWN, draw_of
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import IN_PLACE, READING_STILL, VIEWS


def still_values(*codes: Code) -> frozenset[int]:
    """The values that are the same at every step: static inputs, random numbers per sequence, and
    rows of them.

    Args:
        codes: the forward code, then those whose values are rows of its values.
    """
    found = {codes[0].inputs[k] for k in codes[0].static}
    for code in codes:
        for op in code.ops:
            drawn = op.name == DRAWN and draw_of(op).still
            if drawn or (op.name in VIEWS and op.args[0] in found):
                found.update(op.outs)
    return frozenset(found)


def repeated(code: Code, still: Iterable[int]) -> Code:
    """The code with copies of ``still`` values where a value of each step is needed."""
    known = dict[int, int]()
    waiting = frozenset(still)
    ops: list[Op] = []

    def each(v: int | None) -> int | None:
        if v is None or v not in waiting:
            return v
        if v not in known:
            known[v] = code.values.new(code.values.shapes[v])
            ops.append(Op("copy", (v,), (known[v],)))
        return known[v]

    for op in code.ops if waiting else ():
        symbols = op.name == "opaque" and op.opaque.layer.symbols
        moving = op.name in READING_STILL and not waiting.issuperset(op.args)
        fits = op.name in IN_PLACE or op.name in VIEWS or symbols or moving
        args = op.args if fits else tuple([each(v) or v for v in op.args])
        ops.append(op.on(args))
    outputs = tuple([each(v) for v in code.outputs])
    return replace(code, ops=tuple(ops), outputs=outputs) if waiting else code
