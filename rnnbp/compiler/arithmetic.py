"""The records of arithmetic: quotients, powers, logarithms, choices, and sums over features.

Derivatives where a function has a kink are PyTorch's: that of |x| at 0 is 0, a maximum of equals
gives each one half, a clip passes deltas at its bounds.
"""

from __future__ import annotations

import math

from rnnbp.compiler.maker import Values
from rnnbp.compiler.op import Op
from rnnbp.compiler.operation import Notation, Operation, binary, called
from rnnbp.compiler.seams import ATOM, PRODUCT, SUM, Deltas, Formula, Formulas, number
from rnnbp.numerics import Shape

# Adjoints


def _div(to: Deltas, op: Op, d: int) -> None:
    a, b = op.args
    part = to.make("div", d, b)
    to.send(a, part)
    to.send(b, to.make("scale", to.make("mul", part, op.out), attr=(-1.0, 0.0)))


def _reciprocal(to: Deltas, op: Op, d: int) -> None:
    square = to.make("mul", op.out, op.out)  # (1 / x)′ = −y²
    slope = to.make("scale", square, attr=(-1.0, 0.0))
    to.send(op.args[0], to.make("mul", d, slope))


def _exp(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], to.make("mul", d, op.out))


def _log(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], to.make("div", d, op.args[0]))


def _sqrt(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], to.make("scale", to.make("div", d, op.out), attr=(0.5, 0.0)))


def _abs(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], to.make("mul", d, to.make("sign", op.args[0])))


def _maximum(to: Deltas, op: Op, d: int) -> None:
    _chosen(to, op, d, *op.args)


def _minimum(to: Deltas, op: Op, d: int) -> None:
    _chosen(to, op, d, *reversed(op.args))


def _chosen(to: Deltas, op: Op, d: int, above: int, below: int) -> None:
    """The delta of the first argument where ``above`` is above ``below``."""
    a, b = op.args
    to.send(a, to.make("mul", d, to.make("above", above, below)))
    to.send(b, to.make("mul", d, to.make("above", below, above)))


def _clip(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], to.make("mul", d, to.make("inside", op.args[0], attr=op.attr)))


def _leaky(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], to.make("mul", d, to.make("leaky_slope", op.out, attr=op.attr)))


def _elu(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], to.make("mul", d, to.make("elu_slope", op.out, attr=op.attr)))


def _softplus(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], to.make("mul", d, to.make("rest", op.out)))  # σ(x) = 1 − e^(−y)


def _phi(to: Deltas, op: Op, d: int) -> None:
    (x,) = op.args
    square = to.make("scale", to.make("mul", x, x), attr=(-0.5, 0.0))
    density = to.make("scale", to.make("exp", square), attr=(1 / math.sqrt(2 * math.pi), 0.0))
    to.send(x, to.make("mul", d, density))


def _times(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], to.make("times", d, attr=op.attr))


def _plus(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], d)


def _spread(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], to.make("total", d, shape=(1,)))


def _total(to: Deltas, op: Op, d: int) -> None:
    (x,) = op.args
    rows, lines = to.values.rows(x), to.values.rows(op.out)
    name = "spread" if lines == 1 else "repeat"
    to.send(x, d if rows == lines else to.make(name, d, attr=rows // lines, shape=(rows,)))


def _repeat(to: Deltas, op: Op, d: int) -> None:
    lines = to.values.rows(op.args[0])
    to.send(op.args[0], to.make("total", d, attr=lines, shape=(lines,)))


def _log_softmax(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], to.make("log_softmax_back", d, op.out, attr=op.attr))


# Notation


def _comparison(to: Formulas, op: Op) -> Formula:
    a, b = op.args
    return f"[{to.arg(a, SUM)} > {to.arg(b, SUM)}]", ATOM


def _inside(to: Formulas, op: Op) -> Formula:
    low, high = op.affine
    return f"[{number(low)} ≤ {to.arg(op.args[0], SUM)} ≤ {number(high)}]", ATOM


def _clipped(to: Formulas, op: Op) -> Formula:
    low, high = op.affine
    return f"clip({to.arg(op.args[0], SUM)}, {number(low)}, {number(high)})", ATOM


def _inverse(to: Formulas, op: Op) -> Formula:
    return f"1 / {to.arg(op.args[0], ATOM)}", PRODUCT


def _with_number(name: str) -> Notation:
    """name(a, number)."""
    return lambda to, op: (f"{name}({to.arg(op.args[0], SUM)}, {number(op.number)})", ATOM)


def _size(to: Formulas, op: Op) -> Formula:
    return f"|{to.arg(op.args[0], SUM)}|", ATOM


def _repeated(to: Formulas, op: Op) -> Formula:
    return to.arg(op.args[0], ATOM), ATOM


def _summed(to: Formulas, op: Op) -> Formula:
    return f"Σ {to.arg(op.args[0], PRODUCT)}", SUM


def _complement(to: Formulas, op: Op) -> Formula:
    return f"1 − exp(−{to.arg(op.args[0], ATOM)})", SUM


def _constant(sign: str, letter: str) -> Notation:
    def write(to: Formulas, op: Op) -> Formula:
        least, name = (PRODUCT if sign == "⊙" else SUM), to.weight(letter, op.vector)
        return f"{to.arg(op.args[0], least)} {sign} {name}", least

    return write


# Floating-point operations and shapes


def _argument(op: Op, values: Values) -> int:
    """One for each feature of the argument."""
    return values.rows(op.args[0])


def _each_line(_: tuple[Shape, ...], lines: object) -> tuple[Shape, ...]:
    assert lines is None or isinstance(lines, int)
    return ((lines or 1,),)


def _times_as_many(shapes: tuple[Shape, ...], n: object) -> tuple[Shape, ...]:
    assert isinstance(n, int)
    return ((n * math.prod(shapes[0]),),)


def _counted(_: tuple[Shape, ...], n: object) -> tuple[Shape, ...]:
    assert isinstance(n, int)
    return ((n,),)


# Dear is what takes more than twice as long as tanh: a number of 32 bits takes 0.3 ns as tanh, 0.2
# as exp, 0.4 as log, 0.7 as softplus and 0.6 as Φ in machine code, and 0.8 to the tape and back; in
# NumPy 0.4, 0.4, 1.0, 2.2 and 28. So exp, log and quotients are computed again, as tanh is.

RECORDS = (
    Operation("div", "pointwise", 2, 1, binary("/", PRODUCT, ATOM, PRODUCT), _div),
    Operation("reciprocal", "pointwise", 1, 1, _inverse, _reciprocal),
    Operation("exp", "pointwise", 1, 1, called("exp"), _exp),
    Operation("log", "pointwise", 1, 1, called("log"), _log),
    Operation("sqrt", "pointwise", 1, 1, called("√"), _sqrt),
    Operation("abs", "pointwise", 1, 1, _size, _abs),
    Operation("maximum", "pointwise", 2, 1, called("max"), _maximum, symmetric=True),
    Operation("minimum", "pointwise", 2, 1, called("min"), _minimum, symmetric=True),
    Operation("clip", "pointwise", 1, 2, _clipped, _clip),
    Operation("leaky", "pointwise", 1, 2, _with_number("leaky"), _leaky),
    Operation("elu", "pointwise", 1, 2, _with_number("elu"), _elu),
    Operation("softplus", "pointwise", 1, 3, called("softplus"), _softplus, dear=True),
    Operation("phi", "pointwise", 1, 1, called("Φ"), _phi, dear=True),
    Operation("times", "vector", 1, 1, _constant("⊙", "k"), _times),
    Operation("plus", "vector", 1, 1, _constant("+", "k"), _plus),
    Operation("spread", "move", 1, 0, _repeated, _spread, _counted),
    Operation("repeat", "move", 1, 0, called("repeat"), _repeat, _times_as_many),
    Operation("total", "rowwise", 1, _argument, _summed, _total, _each_line),
    Operation("log_softmax", "rowwise", 1, 5, called("log_softmax"), _log_softmax),
    # In backward code alone:
    Operation("sign", "pointwise", 1, 1, called("sign")),
    Operation("above", "pointwise", 2, 1, _comparison),
    Operation("inside", "pointwise", 1, 2, _inside),
    Operation("leaky_slope", "pointwise", 1, 1, _with_number("leaky′")),
    Operation("elu_slope", "pointwise", 1, 1, _with_number("elu′")),
    Operation("rest", "pointwise", 1, 2, _complement),
    Operation("log_softmax_back", "rowwise", 2, 4, called("log_softmax′")),
)
"""Those of ``operations`` in another module; ``phi`` is Φ of the normal distribution."""
