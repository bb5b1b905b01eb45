"""Multiplies the factors of a delta that need no delta themselves before the loop."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.compiler.code import Code
from rnnbp.compiler.maker import Maker
from rnnbp.compiler.op import Op


def gathered(code: Code, moving: set[int]) -> Code:
    """d ⊙ a ⊙ b as d ⊙ (a ⊙ b), where a and b need no delta: one product in the loop."""
    users = code.users()

    def change(op: Op, maker: Maker) -> Sequence[int] | None:
        if op.name != "mul":
            return None
        d, a = op.args
        if d not in moving and a in moving:
            d, a = a, d
        if d not in moving or a in moving:
            return None
        inner = maker.made.get(d)
        if inner is None or inner.name not in ("mul", "scale") or len(users.get(d, [])) != 1:
            return None
        moved = [v for v in inner.args if v in moving]
        if len(moved) != 1 or (inner.name == "scale" and inner.affine[1]):
            return None
        if inner.name == "scale":
            factor = maker.make("scale", a, attr=inner.attr)
        else:
            (other,) = (v for v in inner.args if v != moved[0])
            factor = maker.make("mul", other, a)
        # Under its number, for the next product.
        return maker.put(Op("mul", (moved[0], factor), op.outs))

    return code.rewrite(change)
