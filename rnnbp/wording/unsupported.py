"""What arrays do and a symbolic value does not: each error names the layer that does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from rnnbp.support.nearest import unknown

OWN = "write a layer of your own: help('rnnbp.missing') has the lines"
PART = (
    "features are a[start:stop] or Slice(n, start, stop)(a), several parts Split(...)(a); "
    "steps and sequences are no axes here; the state of a cell that has one is a value, no tuple"
)
COMPARE = (
    "a graph has no branches: for max(a, 0) take ReLU()(a), for max(a, b) Maximum()(a, b), for a "
    "smooth switch Sigmoid()(a), for others " + OWN
)
POWER = (
    "a power is a whole number or ½, not 0; for others, of a above 0, take Exp()(b * Log()(a)), of "
    "a number c and a value Exp()(math.log(c) * a)"
)
METHODS = {
    "sum": "take Sum()(a)",
    "mean": "take Mean()(a)",
    "reshape": "take Reshape(from_shape, to_shape)(a)",
    "flatten": "take Flatten(n_axes)(a)",
    "ravel": "take Flatten(n_axes)(a)",
    "view": "take Reshape(from_shape, to_shape)(a)",
    "tanh": "take Tanh()(a)",
    "sigmoid": "take Sigmoid()(a)",
    "relu": "take ReLU()(a)",
    "softmax": "take Softmax()(a)",
    "log_softmax": "take LogSoftmax()(a)",
    "softplus": "take Softplus()(a)",
    "gelu": "take GELU()(a)",
    "concatenate": "take Concat(n, m)(a, b)",
    "split": "take Split(n, m)(a)",
    "maximum": "of two values take Maximum()(a, b), of a number Clip(low=number)(a), of 0 ReLU()(a)",
    "minimum": "of two values take Minimum()(a, b), of a number Clip(high=number)(a)",
    "clip": "take Clip(low, high)(a)",
    "exp": "take Exp()(a)",
    "log": "take Log()(a)",
    "log2": "take Log()(a) * (1 / math.log(2))",
    "log10": "take Log()(a) * (1 / math.log(10))",
    "log1p": "take Log()(1 + a)",
    "expm1": "take Exp()(a) - 1",
    "sqrt": "take Sqrt()(a)",
    "abs": "take Abs()(a)",
    "reciprocal": "take Reciprocal()(a)",
    "sinh": "take (Exp()(a) - Exp()(-a)) / 2",
    "cosh": "take (Exp()(a) + Exp()(-a)) / 2",
    "logaddexp": "for log(1 + exp(a)) take Softplus()(a)",
    "square": "take Square()(a)",
    "divide": "take a / b",
    "power": POWER,
    "pow": POWER,
    "matmul": "of two values write a @ b; a product with a weight is Dense(n, m, bias=False)(a)",
    "dot": "of two values write a @ b; a product with a weight is Dense(n, m, bias=False)(a)",
    "detach": "gradients flow through all of a graph; to stop one " + OWN,
    "transpose": "a value has features alone; Reshape(from_shape, to_shape)(a) orders them anew",
}
"""By the names of NumPy's functions and of methods of arrays."""
NO_LAYER = "sin cos arctan sign erf where argmax floor round rint"
METHODS |= dict.fromkeys(NO_LAYER.split(), f"there is no layer for it; {OWN}")


def cure(name: str) -> str:
    """What to do instead of calling ``name``, or ""."""
    return METHODS.get(name, "")


def _refusing(written: str, instead: str) -> Callable[..., NoReturn]:
    def refuse(self: object, *others: object) -> NoReturn:
        raise TypeError(f"{self!r} has no {written}; {instead}")

    return refuse


class Unsupported:
    """The operators that a symbolic value does not have."""

    if not TYPE_CHECKING:  # which reports them itself
        __rpow__ = _refusing("a ** b", POWER)
        __lt__ = __le__ = __gt__ = __ge__ = _refusing("comparison, as a < b", COMPARE)
        __and__ = __or__ = __xor__ = __invert__ = _refusing("logic, as a & b", COMPARE)
        __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _refusing("a // b and a % b", OWN)
        __round__ = _refusing("round(a)", METHODS["round"])
        __iter__ = _refusing("items", PART)
        __float__ = __int__ = _refusing("number yet", "a model of it has, rnnbp.predict(model, x)")

        def __getattr__(self, name: str) -> object:
            instead = f"; {METHODS[name]}" if name in METHODS else ""
            kind = type(self).__name__
            raise unknown(f"{kind!r} object has no attribute {name!r}", instead, name, self)
