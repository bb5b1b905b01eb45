"""The deltas of static inputs that need no array of all steps: sums of products over the steps.

The delta of a matrix M of each sequence in M v is Σ_t d_t v_tᵀ: one product of all d and all v of
a sequence, where each d_t v_tᵀ by itself is as large as M.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from rnnbp.compiler.code import Code
from rnnbp.compiler.op import Op

SUMMED = {"outer": "grad_outer", "additive_keys": "grad_additive"}
"""By operation, that which is its sum over all steps."""


@dataclass(frozen=True)
class StaticSum:
    """The attribute of a sum over all steps: the input whose delta it adds to, by number; and the
    attribute of what is summed."""

    input: int
    of: object


def static_sum(op: Op) -> StaticSum:
    """The attribute of an operation of ``operations.SUMS``."""
    assert isinstance(op.attr, StaticSum), op
    return op.attr


def static_sums(code: Code, static: Collection[int]) -> Code:
    """Backward code with sums over steps in place of terms of the deltas of static inputs.

    Args:
        static: the positions of these inputs.
    """
    outputs, ops = list(code.outputs), list(code.ops)
    for k in static:
        v = outputs[k]
        terms = [] if v is None else list(_terms(code, v))
        summed = [base for _, base in terms if _made_by(code, base) in SUMMED]
        if v is None or not summed:
            continue
        for base in summed:
            made = code.made[base]
            ops.append(Op(SUMMED[made.name], made.args, (), StaticSum(k, made.attr)))
        rest = [term for term, base in terms if base not in summed]
        outputs[k] = _added(code, ops, rest, v)
    return replace(code, ops=tuple(ops), outputs=tuple(outputs)).live()


def _terms(code: Code, end: int) -> Iterator[tuple[int, int]]:
    """The terms of a sum that is the delta of an input and nothing else, each with the value that
    it has in another shape."""
    users = code.users()

    def alone(v: int) -> bool:
        return len(users.get(v, ())) == 1 and v not in code.outputs

    waiting = [end] if code.outputs.count(end) == 1 and not users.get(end) else []
    while waiting:
        term = base = waiting.pop()
        while _made_by(code, base) == "same" and alone(code.made[base].args[0]):
            base = code.made[base].args[0]
        args = code.made[base].args if _made_by(code, base) == "add" else ()
        if args and args[0] != args[1]:
            waiting += [a for a in args if alone(a)]
            yield from ((a, -1) for a in args if not alone(a))
        else:
            yield term, base


def _made_by(code: Code, v: int) -> str:
    made = code.made.get(v)
    return "" if made is None else made.name


def _added(code: Code, ops: list[Op], terms: Sequence[int], like: int) -> int | None:
    """The sum of values, in the shape of one; None for none."""
    shape, total = code.values.shapes[like], None
    for term in terms:
        here = term
        if code.values.shapes[term] != shape:
            here = code.values.new(shape)
            ops.append(Op("same", (term,), (here,), shape))
        if total is not None:
            out = code.values.new(shape)
            ops.append(Op("add", (total, here), (out,)))
            here = out
        total = here
    return total
