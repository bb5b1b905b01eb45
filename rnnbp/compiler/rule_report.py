"""What each rule is, in words, and what it did to a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rnnbp.compiler.backward import Backward
from rnnbp.compiler.code import GRADIENTS, Code, Maker, Op, Values
from rnnbp.compiler.compile import RULES, Codes
from rnnbp.compiler.lowering import Lowering
from rnnbp.compiler.partition import partition
from rnnbp.compiler.scaling import NEGATIVE
from rnnbp.graph.cell import Cell
from rnnbp.layers.dense import Dense
from rnnbp.numerics import Shape

VIEWS = ("part", "same")
NOTHING = "nothing to do"
WORDS = {
    "constants": "constants folded, into the weights if they can be",
    "parts": "a product for several gates taken apart",
    "sums": "biases of a sum folded into one",
    "ordered": "operations in one order, however written",
    "gathered": "factors of a delta multiplied before the loop",
    "scaled tanh": "affine and sigmoid as one unit, 1 / (1 + eᵘ)",
    "products": "products that share an input as one",
    "turned": "the same for deltas, and for gradients",
    "joined": "pointwise operations side by side as one",
    "recomputed": "what is cheap made again, not kept",
    "hoisted": "what needs no state moved before the loop",
}
"""The rules of ``rnnbp.compiler.compile.RULES``, in a line each."""


@dataclass(frozen=True)
class Effect:
    """What a rule did. ``name`` is "always" for what cannot be switched off."""

    name: str
    what: str
    did: str


def effects(cell: Cell, shapes: Sequence[Shape], back: Backward) -> tuple[Effect, ...]:
    """What each rule did to a cell whose values have these shapes; then what is done without a rule."""
    off, codes = back.cell.without, back.cell.codes
    rules = [Effect(rule, WORDS[rule], "off" if rule in off else _did(rule, back)) for rule in RULES]
    written, again, dead = _written(cell, shapes)
    denses = [node.block for node in cell.nodes if isinstance(node.block, Dense) and len(node.block.n_in) > 1]
    several = _some(len(denses), "Dense") + f" → {sum(len(dense.n_in) for dense in denses)} products"
    ops = (*codes.forward.ops, *back.code.ops)
    feeding = {id(op) for op in codes.forward.live(codes.forward.outputs[1:]).ops}
    left_out = sum(op.name not in VIEWS and id(op) not in feeding for op in codes.forward.ops)
    waiting = sum(op.name in GRADIENTS for op in back.code.ops)
    always = {
        "a Dense of several inputs as products, summed": several if denses else NOTHING,
        "equal operations made once, dead ones dropped": f"{again} and {dead} of {written}",
        "slices as views, without a copy": _count(sum(op.name in VIEWS for op in ops), "view"),
        "gradients of parameters for many steps at once": _count(waiting, "operation"),
        "an Advance runs only what feeds the state": _count(left_out, "operation", " left out"),
    }
    return (*rules, *(Effect("always", what, did) for what, did in always.items()))


def _did(rule: str, back: Backward) -> str:
    codes = back.cell.codes
    if rule == "recomputed":
        forward = {op.identity for op in codes.forward.ops}
        again = [op for op in codes.backward.ops if op.identity in forward and op.name not in VIEWS]
        return _count(len(again), "operation", f", {_rows(again, codes)} features")
    if rule == "hoisted":
        ways = ((back.cell.phases, codes.forward), (back.phases, back.code))
        moved = [sum(phases[id(op)] == "before" and op.name not in VIEWS for op in code.ops) for phases, code in ways]
        return f"{moved[0]} forward, {moved[1]} backward" if any(moved) else NOTHING
    found = [DID[rule](change.before, change.after) for change in codes.changes if change.rule == rule]
    return ", ".join(part for part in found if part) or NOTHING


def _counted(noun: str, *names: str) -> Callable[[Code, Code], str]:
    """How many operations of these names there were, and are; nothing where as many."""

    def did(before: Code, after: Code) -> str:
        first, then = (sum(op.name in names for op in code.ops) for code in (before, after))
        return "" if first == then else f"{_some(first, noun)} → {then}"

    return did


def _gathered(before: Code, after: Code) -> str:
    first, then = map(_products_in_loop, (before, after))
    return "" if first == then else f"{first} ⊙ in the loop → {then}"


def _products_in_loop(code: Code) -> int:
    phases = partition(code, code.inputs[1:], code.outputs[1:])
    return sum(op.name == "mul" and phases[id(op)] == "loop" for op in code.ops)


def _turned(before: Code, after: Code) -> str:
    parts = [_counted("product", "linear"), _counted("gradient", *GRADIENTS)]
    return ", ".join(found for part in parts if (found := part(before, after)))


def _joined(before: Code, after: Code) -> str:
    first, then = (sum(op.name not in (*VIEWS, "concat") for op in code.ops) for code in (before, after))
    way = "backward" if any(op.name in GRADIENTS for op in before.ops) else "forward"
    return "" if first == then else f"{first} → {then} {way}"


DID: dict[str, Callable[[Code, Code], str]] = {
    "constants": _counted("factor", "scale"),
    "parts": _counted("product", "linear"),
    "sums": _counted("bias", "bias"),
    "ordered": lambda before, after: _some(len(after.ops), "operation"),
    "gathered": _gathered,
    "scaled tanh": lambda before, after: _count(sum(op.attr == NEGATIVE for op in after.ops), "sigmoid"),
    "products": _counted("product", "linear"),
    "turned": _turned,
    "joined": _joined,
}


def _written(cell: Cell, shapes: Sequence[Shape]) -> tuple[int, int, int]:
    """Operations as the layers give them, of these those that are equal to one before, and those that nothing needs."""
    values = Values()
    ops, tally = Lowering(values), _Tally(values)
    ops.maker = tally
    found = {k: values.new(shape) for k, shape in enumerate(shapes[: len(cell.input_shapes)])}
    for node in cell.nodes:
        layer: Any = node.block
        args = [found[k] for k in node.args]
        outs = None if layer.random else layer.lower(ops, *args)
        if outs is None:
            outs = tuple(values.new(shapes[k]) for k in node.outs)
            tally.ops.append(Op("opaque", tuple(args), outs))
        found.update(zip(node.outs, outs, strict=True))
    code = Code(values, (), tuple(tally.ops), tuple(found[k] for k in cell.outputs))
    return len(code.ops) + tally.again, tally.again, len(code.ops) - len(code.live().ops)


class _Tally(Maker):
    """Counts the operations that are there already."""

    again = 0

    def make(self, name: str, *args: int, attr: Any = None, shape: Shape | None = None) -> int:
        before = len(self.ops)
        out = super().make(name, *args, attr=attr, shape=shape)
        self.again += len(self.ops) == before
        return out


def _rows(ops: Sequence[Op], codes: Codes) -> int:
    return sum(codes.forward.values.rows(op.out) for op in ops)


def _count(n: int, noun: str, more: str = "") -> str:
    return f"{_some(n, noun)}{more}" if n else NOTHING


def _some(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "es" if noun.endswith("s") else "s")
