"""What arrays do and a symbolic value does not: each error names the layer that does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

OWN = "write a layer of your own: help('rnnbp.missing') has the lines"
PART = (
    "for features take Slice(n, start, stop)(a), for several parts Split(...)(a); "
    "steps and sequences are no axes here"
)
COMPARE = (
    "a graph has no branches: for max(a, 0) take ReLU()(a), for a smooth switch Sigmoid()(a), for "
    "others " + OWN
)
METHODS = {
    "sum": "take Dense(n, 1, bias=False, weight_init='ones')(a), and frozen= in the optimizer",
    "mean": "take Dense(n, 1, bias=False, weight_init=1 / n)(a), and frozen= in the optimizer",
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
    "maximum": "for max(a, 0) take ReLU()(a); for others " + OWN,
    "logaddexp": "for log(1 + exp(a)) take Softplus()(a)",
    "square": "write a * a",
    "divide": "write a * (1 / 2) for a number; for a value " + OWN,
    "power": "write a * a; for other powers " + OWN,
    "matmul": "of two values write a @ b; a product with a weight is Dense(n, m, bias=False)(a)",
    "dot": "of two values write a @ b; a product with a weight is Dense(n, m, bias=False)(a)",
    "detach": "gradients flow through all of a graph; to stop one " + OWN,
    "transpose": "a value has features alone; Reshape(from_shape, to_shape)(a) orders them anew",
}
"""By the names of NumPy's functions and of methods of arrays."""
NO_LAYER = (
    "exp log log1p expm1 sqrt sin cos arctan sinh cosh abs absolute fabs sign clip minimum "
    "reciprocal erf pow where argmax floor round rint"
)
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
        __pow__ = __rpow__ = _refusing("a ** b", METHODS["power"])
        __rmatmul__ = _refusing("array @ a", METHODS["matmul"])
        __abs__ = _refusing("abs(a)", METHODS["abs"])
        __getitem__ = _refusing("a[...]", PART)
        __lt__ = __le__ = __gt__ = __ge__ = _refusing("comparison, as a < b", COMPARE)
        __and__ = __or__ = __xor__ = __invert__ = _refusing("logic, as a & b", COMPARE)
        __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _refusing("a // b and a % b", OWN)
        __round__ = _refusing("round(a)", METHODS["round"])
        __iter__ = _refusing("items", PART)
        __float__ = __int__ = _refusing("number yet", "a model of it has, rnnbp.predict(model, x)")

        def __getattr__(self, name: str) -> object:
            instead = f"; {METHODS[name]}" if name in METHODS else ""
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}{instead}"
            )
