"""What each rule did to a cell, in words, and what is done without a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnbp.compiler.code import Code
from rnnbp.compiler.counts import some
from rnnbp.compiler.lowering import Lowering
from rnnbp.compiler.maker import Maker, Values
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import GRADIENTS, VIEWS
from rnnbp.compiler.passes import RULES, RULES_IN_WORDS
from rnnbp.compiler.step import StepCode
from rnnbp.graph.cell import Cell
from rnnbp.layers.base import Layer
from rnnbp.layers.dense import Dense
from rnnbp.numerics import Shape

NOTHING = "nothing to do"


@dataclass(frozen=True)
class Effect:
    """What a rule did. ``name`` is "always" for what cannot be switched off."""

    name: str
    what: str
    did: str


def effects(cell: Cell, shapes: Sequence[Shape], step: StepCode) -> tuple[Effect, ...]:
    """What each rule did to a cell whose values have these shapes; then what is always done."""
    off, codes = step.without, step.codes
    rules = [
        Effect(rule, RULES_IN_WORDS[rule].what, "off" if rule in off else _did(rule, step))
        for rule in RULES
    ]
    written, again, dead = _written(cell, shapes)
    denses = [node.block for node in cell.nodes if isinstance(node.block, Dense)]
    denses = [dense for dense in denses if len(dense.n_in) > 1]
    several = some(len(denses), "Dense") + f" → {sum(len(dense.n_in) for dense in denses)} products"
    ops = (*codes.forward.ops, *step.backward.code.ops)
    feeding = {id(op) for op in codes.forward.live(codes.forward.nexts).ops}
    left_out = sum(op.name not in VIEWS and id(op) not in feeding for op in codes.forward.ops)
    waiting = sum(op.name in GRADIENTS for op in step.backward.code.ops)
    always = {
        "a Dense of several inputs as products, summed": several if denses else NOTHING,
        "equal operations made once, dead ones dropped": f"{again} and {dead} of {written}",
        "slices as views, without a copy": _count(sum(op.name in VIEWS for op in ops), "view"),
        "gradients of parameters for many steps at once": _count(waiting, "operation"),
        "an Advance runs only what feeds the state": _count(left_out, "operation", " left out"),
    }
    return (*rules, *(Effect("always", what, did) for what, did in always.items()))


def _did(rule: str, step: StepCode) -> str:
    if rule == "recomputed":
        return _recomputed(step)
    if rule == "hoisted":
        return _hoisted(step)
    did, changes = RULES_IN_WORDS[rule].did, step.codes.changes
    found = [did(change.before, change.after) for change in changes if change.rule == rule]
    return ", ".join(part for part in found if part) or NOTHING


def _recomputed(step: StepCode) -> str:
    codes = step.codes
    forward = {op.identity for op in codes.forward.ops}
    again = [op for op in codes.backward.ops if op.identity in forward and op.name not in VIEWS]
    return _count(
        len(again), "operation", f", {sum(step.values.rows(op.out) for op in again)} features"
    )


def _hoisted(step: StepCode) -> str:
    moved = [
        sum(half.phases[id(op)] == "before" and op.name not in VIEWS for op in half.code.ops)
        for half in (step.forward, step.backward)
    ]
    return f"{moved[0]} forward, {moved[1]} backward" if any(moved) else NOTHING


def _written(cell: Cell, shapes: Sequence[Shape]) -> tuple[int, int, int]:
    """(operations that layers write, those equal to an earlier one, those that nothing needs)."""
    values = Values()
    ops, tally = Lowering(values), _Tally(values)
    ops.maker = tally
    found = {k: values.new(shape) for k, shape in enumerate(shapes[: len(cell.input_shapes)])}
    ops.read_leaves(cell)
    for node in cell.nodes:
        layer = node.block
        assert isinstance(layer, Layer)
        args = [found[k] for k in node.args]
        ops.node = node.number
        outs = layer.lower(ops, *args)
        if outs is None:
            outs = tuple(values.new(shapes[k]) for k in node.outs)
            tally.ops.append(Op("opaque", tuple(args), outs))
        found.update(zip(node.outs, outs, strict=True))
    outputs = tuple(found[k] for k in cell.outputs)
    code = Code(values, (), tuple(tally.ops), outputs, 0)
    return len(code.ops) + tally.again, tally.again, len(code.ops) - len(code.live().ops)


class _Tally(Maker):
    """Counts the operations that are there already."""

    again = 0

    def make(self, name: str, *args: int, attr: object = None, shape: Shape | None = None) -> int:
        before = len(self.ops)
        out = super().make(name, *args, attr=attr, shape=shape)
        self.again += len(self.ops) == before
        return out


def _count(n: int, noun: str, more: str = "") -> str:
    return f"{some(n, noun)}{more}" if n else NOTHING
