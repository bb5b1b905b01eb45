"""Which sums become one item with the product that they take."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from rnnbp.compiler.code import Code
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import ALL_STEPS, VIEWS
from rnnbp.compiler.rewrite.repeating import still_values
from rnnbp.compiler.storage import Location, Storage


def sums_of(
    code: Code, storage: Storage, phases: Mapping[int, str], looked_up: int | None = None
) -> dict[int, Op]:
    """By the result of a product, the sum that alone takes it and comes next: they become one item.

    Asked of a whole code: functions that run parts of it must round alike.

    Args:
        looked_up: the value whose product is looked up in a table, and so starts from no other
            value.
    """
    found, users = dict[int, Op](), code.users()
    taken, rows = {*code.outputs, *storage.kept}, code.values.rows
    still = still_values(code)
    ops = [op for op in storage.order if op.name not in VIEWS | ALL_STEPS]
    for op, after in pairwise(ops):
        together = op.name == "linear" and phases[id(op)] == phases[id(after)]
        if not together or users.get(op.out, []) != [after] or op.out in taken:
            continue
        adds = after.name == "add" and after.args.count(op.out) == 1 and op.args[0] != looked_up
        # A product goes over rows of many steps at once: it starts from no value without steps.
        if (not adds and after.name != "bias") or not still.isdisjoint(after.args):
            continue
        arg, out = storage.location(op.args[0]), storage.location(after.out)
        # A product writes a panel of its result while it still reads its argument.
        if not _meet(arg, rows(op.args[0]), out, rows(op.out)):
            found[op.out] = after
    return found


def _meet(a: Location, n: int, b: Location, m: int) -> bool:
    """True if n features and m others share memory."""
    return a.buffer is b.buffer and a.row < b.row + m and b.row < a.row + n
