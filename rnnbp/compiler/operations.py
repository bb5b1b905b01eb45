"""The operations that code consists of: one record for each.

A primitive is an operation that layers lower themselves to. To add one, add its record here, its
NumPy code to ``runners/numpy/operations.py``, and its machine code to
``runners/llvm/operations.py``; a layer then lowers itself to ``ops.apply(name, x)``.
``tests/test_operations.py`` names what is missing.
"""

from __future__ import annotations

import math

from rnnbp.compiler import arithmetic, attending, choices, matrix_pairs, matrix_products, moving
from rnnbp.compiler.maker import Values
from rnnbp.compiler.op import Op
from rnnbp.compiler.operation import Kind, Operation, binary, called
from rnnbp.compiler.seams import ATOM, PRODUCT, SUM, TERM, Deltas, Formula, Formulas, number
from rnnbp.compiler.weights import Matrix
from rnnbp.numerics import Shape

NEGATIVE = "of −u"
"""The attribute of a sigmoid that takes −z in place of z."""


def flops(op: Op, values: Values) -> int | None:
    """Floating-point operations of one step of one sequence; None for a layer that runs itself.

    A multiplication, an addition, a tanh and the like are one each, so that a product with a matrix
    (m, n) is 2mn.
    """
    record = OPERATIONS[op.name]
    if record.kind == "layer":
        return None
    if isinstance(record.flops, int):
        return record.flops * values.rows(op.out)
    return record.flops(op, values)


# Notation


def _product(to: Formulas, op: Op) -> Formula:
    a, b = op.args
    if a == b:
        return f"{to.arg(a, ATOM)}²", PRODUCT
    return f"{to.arg(a, PRODUCT)} ⊙ {to.arg(b, PRODUCT)}", PRODUCT


def _scaled(to: Formulas, op: Op) -> Formula:
    (factor, shift), (v,) = op.affine, op.args
    if factor == -1 and shift:
        return f"{number(shift)} − {to.arg(v, TERM)}", SUM
    scaled = to.arg(v, TERM) if factor == 1 else f"{number(factor)} {to.arg(v, ATOM)}"
    if factor == -1:
        scaled = f"−{to.arg(v, ATOM)}"
    if not shift:
        return scaled, TERM
    return f"{scaled} {'+' if shift > 0 else '−'} {number(abs(shift))}", SUM


def _sigma(to: Formulas, op: Op) -> Formula:
    (v,) = op.args
    return (f"σ(−{to.arg(v, TERM)})" if op.attr == NEGATIVE else f"σ({to.arg(v, SUM)})"), ATOM


def _weighted(to: Formulas, op: Op) -> Formula:
    turned = "ᵀ" * op.matrix.turned
    return f"{to.weight('W', op.matrix)}{turned} {to.arg(op.args[0], ATOM)}", TERM


def _biased(to: Formulas, op: Op) -> Formula:
    return f"{to.arg(op.args[0], SUM)} + {to.weight('b', op.vector)}", SUM


def _gained(to: Formulas, op: Op) -> Formula:
    return f"{to.weight('a', op.vector)} ⊙ {to.arg(op.args[0], PRODUCT)}", PRODUCT


def _layer(to: Formulas, op: Op) -> Formula:
    return called(f"{op.opaque.layer}{'′' * (op.forward is not op)}")(to, op)


# Adjoints


def _add(to: Deltas, op: Op, d: int) -> None:
    for v in op.args:
        to.send(v, d)


def _sub(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], d)
    to.send(op.args[1], to.make("scale", d, attr=(-1.0, 0.0)))


def _mul(to: Deltas, op: Op, d: int) -> None:
    a, b = op.args
    to.send(a, to.make("mul", d, b))
    to.send(b, to.make("mul", d, a))


def _scale(to: Deltas, op: Op, d: int) -> None:
    factor = op.affine[0]
    to.send(op.args[0], d if factor == 1 else to.make("scale", d, attr=(factor, 0.0)))


def _tanh(to: Deltas, op: Op, d: int) -> None:
    square = to.make("mul", op.out, op.out)  # tanh′ = 1 − y²
    to.send(op.args[0], to.make("mul", d, to.make("scale", square, attr=(-1.0, 1.0))))


def _sigmoid(to: Deltas, op: Op, d: int) -> None:
    rest = to.make("scale", op.out, attr=(-1.0, 1.0))  # σ′ = y(1 − y)
    to.send(op.args[0], to.make("mul", d, to.make("mul", rest, op.out)))


def _relu(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], to.make("mul", d, to.make("step", op.out)))


def _linear(to: Deltas, op: Op, d: int) -> None:
    """dx = Wᵀ d; dW = d xᵀ, summed over batch and time, waits for the chunk."""
    (x,) = op.args
    turned = Matrix(op.matrix.lanes, turned=True)
    to.send(x, to.make("linear", d, attr=turned, shape=to.values.shapes[x]))
    to.gradient("grad_linear", (d, x), op.attr)


def _bias(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], d)
    to.gradient("grad_bias", (d,), op.attr)


def _gain(to: Deltas, op: Op, d: int) -> None:
    (x,) = op.args
    to.send(x, to.make("gain", d, attr=op.attr))
    to.gradient("grad_bias", (to.make("mul", d, x),), op.attr)


def _part(to: Deltas, op: Op, d: int) -> None:
    to.send_part(op.args[0], op.rows, d)


def _concat(to: Deltas, op: Op, d: int) -> None:
    at = 0
    for v in op.args:
        rows = to.values.rows(v)
        to.send(v, to.make("part", d, attr=(at, at + rows), shape=(rows,)))
        at += rows


def _normal(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], to.make("normal_back", d, *op.outs))


def _softmax(to: Deltas, op: Op, d: int) -> None:
    to.send(op.args[0], to.make("softmax_back", d, op.out, attr=op.attr))


def _same(to: Deltas, op: Op, d: int) -> None:
    shape = to.values.shapes[op.args[0]]
    to.send(op.args[0], to.make("same", d, attr=shape, shape=shape))


# Floating-point operations and shapes


def _scale_flops(op: Op, values: Values) -> int:
    each = max(1, (abs(op.affine[0]) != 1) + (op.affine[1] != 0))
    return each * values.rows(op.out)


def _linear_flops(op: Op, values: Values) -> int:
    return 2 * values.rows(op.out) * values.rows(op.args[0])


def _grad_linear_flops(op: Op, values: Values) -> int:
    return 2 * values.rows(op.args[0]) * values.rows(op.args[1])


def _linear_shapes(_: tuple[Shape, ...], matrix: object) -> tuple[Shape, ...]:
    assert isinstance(matrix, Matrix)
    return ((matrix.shape[0],),)


def _part_shapes(_: tuple[Shape, ...], rows: object) -> tuple[Shape, ...]:
    assert isinstance(rows, tuple)
    start, stop = rows
    return ((stop - start,),)


def _same_shapes(_: tuple[Shape, ...], shape: object) -> tuple[Shape, ...]:
    assert isinstance(shape, tuple)
    return (shape,)


def _concat_shapes(shapes: tuple[Shape, ...], _: object) -> tuple[Shape, ...]:
    return ((sum(map(math.prod, shapes)),),)


def _normal_shapes(shapes: tuple[Shape, ...], _: object) -> tuple[Shape, ...]:
    """y, and 1 / √(var x + eps)."""
    return shapes[0], (1,)


_RECORDS = (
    Operation("add", "pointwise", 2, 1, binary("+", SUM, SUM, SUM), _add, symmetric=True),
    Operation("sub", "pointwise", 2, 1, binary("−", SUM, TERM, SUM), _sub),
    Operation("mul", "pointwise", 2, 1, _product, _mul, symmetric=True),
    Operation("scale", "pointwise", 1, _scale_flops, _scaled, _scale),
    Operation("tanh", "pointwise", 1, 1, called("tanh"), _tanh),
    Operation("sigmoid", "pointwise", 1, 1, _sigma, _sigmoid),
    Operation("relu", "pointwise", 1, 1, called("relu"), _relu),
    Operation("linear", "product", 1, _linear_flops, _weighted, _linear, _linear_shapes),
    Operation("bias", "vector", 1, 1, _biased, _bias),
    Operation("gain", "vector", 1, 1, _gained, _gain),
    Operation("part", "view", 1, 0, None, _part, _part_shapes),
    Operation("same", "view", 1, 0, None, _same, _same_shapes),
    Operation("concat", "move", None, 0, None, _concat, _concat_shapes),
    Operation("normal", "rowwise", 1, 7, called("normal"), _normal, _normal_shapes),
    Operation("softmax", "rowwise", 1, 5, called("softmax"), _softmax),
    # In backward code alone:
    Operation("step", "pointwise", 1, 1, lambda to, op: (f"[{to.arg(op.args[0], SUM)} > 0]", ATOM)),
    Operation("normal_back", "rowwise", 3, 9, called("normal′")),
    Operation("softmax_back", "rowwise", 2, 4, called("softmax′")),
    Operation("copy", "move", 1, 0, lambda to, op: (to.name(op.args[0]), ATOM)),
    Operation("zeros", "move", 0, 0, lambda to, op: ("0", ATOM)),
    Operation("grad_linear", "gradient", 2, _grad_linear_flops),
    Operation("grad_input", "gradient", 1, lambda _, __: 0),
    Operation("grad_bias", "gradient", 1, lambda op, values: values.rows(op.args[0])),
    Operation("opaque", "layer", None, 0, _layer),
    Operation("opaque_back", "layer", None, 0, _layer),
    *arithmetic.RECORDS,
    *attending.RECORDS,
    *choices.RECORDS,
    *matrix_pairs.RECORDS,
    *matrix_products.RECORDS,
    *moving.RECORDS,
)
OPERATIONS = {record.name: record for record in _RECORDS}
"""All operations by name."""


def _of(*kinds: Kind) -> frozenset[str]:
    return frozenset(record.name for record in _RECORDS if record.kind in kinds)


PRIMITIVES = tuple(
    record.name for record in _RECORDS if record.primitive and record.kind != "drawn"
)
POINTWISE = _of("pointwise")
REPEATED = frozenset({"spread", "repeat"})
"""Operations that repeat their argument: backward and the loop take that rather than copies."""
CHEAP = REPEATED | {record.name for record in _RECORDS if record.kind == "pointwise"} - {
    record.name for record in _RECORDS if record.dear
}
"""Operations that backward does again rather than read their results from the tape."""
IN_PLACE = _of("pointwise", "vector")
"""Operations of one element each, whose result may take the place of an argument."""
ROWWISE = _of("rowwise")
VIEWS = _of("view")
"""Operations whose result is rows of their argument: they move nothing."""
GRADIENTS = _of("gradient")
"""Operations that compute parameter gradients; they have no results."""
SUMS = _of("sum")
"""Operations that add to the delta of a static input; they have no results."""
ALL_STEPS = GRADIENTS | SUMS
"""Operations that wait for all steps, and have no results."""
READING_STILL = frozenset(record.name for record in _RECORDS if record.still)
"""Operations that take a value without an axis of steps next to one of each step."""
SYMMETRIC = frozenset(record.name for record in _RECORDS if record.symmetric)
