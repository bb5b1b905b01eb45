"""Takes values apart that are only used in parts: one product for each gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnnbp.compiler.code import Code
from rnnbp.compiler.maker import Maker
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import IN_PLACE
from rnnbp.compiler.weights import Vector


def parts(code: Code) -> Code:
    """A value that is only taken apart is computed in parts: four gates by four products."""
    while True:
        users = code.users()
        whole = {v for v in code.outputs if v is not None}
        whole |= {v for v, ops in users.items() if any(op.name != "part" for op in ops)}

        def change(
            op: Op, maker: Maker, code: Code = code, whole: set[int] = whole
        ) -> Sequence[int] | None:
            if op.name != "part":
                return None
            start, stop = op.rows
            if (start, stop) == (0, code.values.rows(op.args[0])):
                return op.args
            made = code.made.get(op.args[0])
            if made is None or (made.out in whole and made.name not in ("part", "concat")):
                return None
            made = replace(made, args=tuple(maker.known.get(v, v) for v in made.args))
            found = _part(made, start, stop, maker)
            return None if found is None else (found,)

        found = code.rewrite(change)
        if [op.identity for op in found.ops] == [op.identity for op in code.ops]:
            return found
        code = found


def _part(made: Op, start: int, stop: int, maker: Maker) -> int | None:
    """Some rows of what an operation gives; None where it must be done as a whole."""
    shape = (stop - start,)
    if made.name == "part":
        at = made.rows[0]
        return maker.make("part", made.args[0], attr=(at + start, at + stop), shape=shape)
    if made.name == "linear" and not made.matrix.turned:
        return maker.make("linear", *made.args, attr=made.matrix.cut(start, stop), shape=shape)
    if made.name in IN_PLACE:
        args = [maker.make("part", a, attr=(start, stop), shape=shape) for a in made.args]
        attr = made.attr.cut(start, stop) if isinstance(made.attr, Vector) else made.attr
        return maker.make(made.name, *args, attr=attr, shape=shape)
    if made.name == "concat":
        at = 0
        for a in made.args:
            rows = maker.values.rows(a)
            if at <= start and stop <= at + rows:
                return maker.make("part", a, attr=(start - at, stop - at), shape=shape)
            at += rows
    return None
