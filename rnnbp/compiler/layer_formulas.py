"""Layers as a reader writes them: a + b, Wᵀ v, and the name of a layer for all others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rnnbp.compiler.seams import ATOM, PRODUCT, SUM, TERM, Formula, number
from rnnbp.graph.values import Block
from rnnbp.layers import Abs, Add, Divide, Multiply, Scale, Square, Subtract
from rnnbp.layers.product import Product, Transpose


def formula_of(block: Block, args: Sequence[Formula]) -> Formula:
    """What a layer computes of arguments."""
    written = WRITTEN.get(type(block))
    if written is not None:
        return written(block, args)
    name = repr(block).removesuffix("()")
    return f"{name}({', '.join(text for text, _ in args)})" if args else name, ATOM


def _arg(arg: Formula, least: int) -> str:
    text, strength = arg
    return text if strength >= least else f"({text})"


def _joined(sign: str, first: int, others: int, strength: int) -> Callable[..., Formula]:
    """Arguments with a sign between them."""

    def write(_: object, args: Sequence[Formula]) -> Formula:
        parts = [_arg(args[0], first), *(_arg(arg, others) for arg in args[1:])]
        return sign.join(parts), strength

    return write


def _scaled(layer: Scale, args: Sequence[Formula]) -> Formula:
    """factor ⊙ v + shift, in which an array is only called so."""
    text, strength = args[0]
    if not isinstance(layer.scale, float):
        text, strength = f"{_arg(args[0], PRODUCT)} ⊙ array", PRODUCT
    elif layer.scale == -1:
        text, strength = f"−{_arg(args[0], ATOM)}", TERM
    elif layer.scale != 1:
        text, strength = f"{number(layer.scale)} {_arg(args[0], ATOM)}", TERM
    if not isinstance(layer.shift, float):
        return f"{text} + array", SUM
    if layer.shift:
        sign = "+" if layer.shift > 0 else "−"
        return f"{text} {sign} {number(abs(layer.shift))}", SUM
    return text, strength


def _product(layer: Product, args: Sequence[Formula]) -> Formula:
    w, v = (_arg(arg, ATOM) for arg in args)
    return f"{w}{'ᵀ' * layer.turned} {v}", TERM


WRITTEN: dict[type, Callable[..., Formula]] = {
    Add: _joined(" + ", SUM, SUM, SUM),
    Subtract: _joined(" − ", SUM, TERM, SUM),
    Multiply: _joined(" ⊙ ", PRODUCT, PRODUCT, PRODUCT),
    Divide: _joined(" / ", PRODUCT, ATOM, PRODUCT),
    Scale: _scaled,
    Square: lambda _, args: (f"{_arg(args[0], ATOM)}²", PRODUCT),
    Abs: lambda _, args: (f"|{args[0][0]}|", ATOM),
    Transpose: lambda _, args: (f"{_arg(args[0], ATOM)}ᵀ", ATOM),
    Product: _product,
}
"""By layer, what it is written as."""
