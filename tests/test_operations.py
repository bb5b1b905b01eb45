"""Every operation has all its parts: a forgotten one fails by name; all adjoints are right."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.compiler.code import Code
from rnnbp.compiler.gradient import differentiate
from rnnbp.compiler.lowering import Lowering
from rnnbp.compiler.maker import Values
from rnnbp.compiler.op import Op
from rnnbp.compiler.operation import Operation
from rnnbp.compiler.operations import OPERATIONS, PRIMITIVES, flops
from rnnbp.compiler.weights import Matrix, Rows, Vector
from rnnbp.runners.constants import Constant
from rnnbp.runners.numpy import operations as by_numpy
from rnnbp.runners.numpy.operations import CALLS, CODE
from rnnbp.runners.weights import vector_of, weights_of

COMPUTING = [
    name for name, record in OPERATIONS.items() if record.kind in ("pointwise", "vector", "rowwise")
]
"""Operations for which every backend has code of its own."""
N, BATCH = 4, 3
WEIGHTS = {
    "w": np.random.default_rng(1).normal(size=(5, N)),
    "b": np.random.default_rng(2).normal(size=N),
}


DOMAIN: dict[str, tuple[float, float]] = {
    "div": (0.5, 2.0),
    "reciprocal": (0.5, 2.0),
    "log": (0.5, 2.0),
    "sqrt": (0.5, 2.0),
}
"""By primitive: between what its arguments lie, for one that is not defined everywhere, as for
"log1p": (-0.5, 5.0). Those of others are drawn from N(0, 1), and lie in (-1, 1) in machine code."""


FEATURES = {"spread": 1}
"""By primitive: the features of its arguments, where they are not N."""


def drawn(name: str, rng: np.random.Generator) -> np.ndarray:
    """An argument, (features, BATCH)."""
    size = FEATURES.get(name, N), BATCH
    if name in DOMAIN:
        return rng.uniform(*DOMAIN[name], size=size)
    return rng.normal(size=size)


def inside(name: str, value: rb.Value) -> Any:
    """A value in (-1, 1), moved to where the primitive is defined."""
    if name in FEATURES:
        value = rb.Slice(N, 0, FEATURES[name])(value)
    if name not in DOMAIN:
        return value
    low, high = DOMAIN[name]
    return rb.Scale((high - low) / 2, (high + low) / 2)(value)


def attribute(name: str, owner: dict[str, np.ndarray] = WEIGHTS) -> Any:
    """The attribute of a primitive that has one, with weights of ``owner``."""
    matrix, vector = Matrix((Rows(owner, "w", 0, 5),)), Vector(((N, (Rows(owner, "b", 0, N),)),))
    products = {"linear": matrix, "bias": vector, "gain": vector}
    products |= {"times": vector, "plus": vector, "additive": vector}
    return {
        "clip": (-0.3, 0.4),
        "inside": (-0.3, 0.4),
        "at_least": 0.3,
        "where": 0.3,
        "leaky": 0.3,
        "leaky_slope": 0.3,
        "elu": 0.7,
        "elu_slope": 0.7,
        "spread": N,
        "repeat": 3,
        "matvec": N,
        "vecmat": 1,
        "outer": N,
        "masked": -1.5,
        "matmat": (2, 2, 2, False, True),
        "transpose": 2,
        "scale": (-0.5, 2.0),
        "part": (1, 3),
        "same": (2, N // 2),
        "normal": 1e-3,
        **products,
    }.get(name)


def arity(record: Operation) -> int:
    return 2 if record.arity is None else record.arity


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_record_is_of_its_own_name(name: str) -> None:
    assert OPERATIONS[name].name == name


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_primitive_has_an_adjoint(name: str) -> None:
    assert OPERATIONS[name].adjoint is not None


@pytest.mark.parametrize("name", COMPUTING)
def test_what_computes_counts_its_operations(name: str) -> None:
    values = Values([(N,)] * (arity(OPERATIONS[name]) + 1))
    *args, out = range(len(values.shapes))
    count = flops(Op(name, tuple(args), (out,), attribute(name)), values)
    assert count is not None
    assert count >= N


@pytest.mark.parametrize("name", COMPUTING)
def test_what_computes_has_a_notation(name: str) -> None:
    assert OPERATIONS[name].notation is not None


@pytest.mark.parametrize("name", COMPUTING)
def test_what_computes_has_code_in_numpy(name: str) -> None:
    assert name in CODE


@pytest.mark.skipif(find_spec("llvmlite") is None, reason="needs llvmlite")
@pytest.mark.parametrize("name", COMPUTING)
def test_what_computes_has_machine_code(name: str) -> None:
    from rnnbp.runners.llvm.operations import POINTWISE, ROWWISE

    table: dict[str, dict[str, Any]] = {
        "pointwise": POINTWISE,
        "vector": POINTWISE,
        "rowwise": ROWWISE,
    }
    assert name in table[OPERATIONS[name].kind]


class Evaluated:
    """The values of a code, computed operation by operation by the NumPy code of each."""

    def __init__(self, code: Code, given: dict[int, np.ndarray]) -> None:
        self.shapes, self.arrays = code.values, {f"v{v}": array for v, array in given.items()}
        self.loop, self.args, self.outs = True, list[str](), list[str]()
        for op in code.ops:
            self.args, self.outs = [f"v{v}" for v in op.args], [f"v{v}" for v in op.outs]
            self.arrays |= {
                f"v{v}": np.empty((code.values.rows(v), BATCH), complex) for v in op.outs
            }
            MOVES.get(op.name, self.run)(op, self.arrays)

    def run(self, op: Op, _: object) -> None:
        for line in CODE[op.name](op, self):
            exec(line, {**CALLS, "exp": by_numpy.exp}, self.arrays)

    def name(self, value: Constant) -> str:
        pack = {
            Matrix: weights_of,
            Vector: lambda v, dtype: vector_of(v, dtype)[:, None],
            float: np.array,
        }[type(value)]
        return self._held(pack(value, np.dtype(complex)))

    def spare(self, rows: int) -> str:
        return self._held(np.empty((rows or N, BATCH), complex))

    def _held(self, array: np.ndarray) -> str:
        self.arrays[f"c{len(self.arrays)}"] = array
        return f"c{len(self.arrays) - 1}"

    def __getitem__(self, v: int) -> np.ndarray:
        return self.arrays[f"v{v}"]


def move(op: Op, arrays: dict[str, np.ndarray]) -> None:
    """Values side by side."""
    arrays[f"v{op.out}"] = np.concatenate([arrays[f"v{v}"] for v in op.args])


def view(op: Op, arrays: dict[str, np.ndarray]) -> None:
    """Rows of a value."""
    arrays[f"v{op.out}"] = arrays[f"v{op.args[0]}"][slice(*op.rows)]


def same(op: Op, arrays: dict[str, np.ndarray]) -> None:
    """A value itself."""
    arrays[f"v{op.out}"] = arrays[f"v{op.args[0]}"]


def nothing(op: Op, arrays: dict[str, np.ndarray]) -> None:
    """Gradients of parameters, which have no results."""


MOVES = {"concat": move, "part": view, "same": same, "grad_linear": nothing, "grad_bias": nothing}


@pytest.mark.parametrize("name", PRIMITIVES)
def test_an_adjoint_agrees_with_complex_steps(name: str) -> None:
    rng, values = np.random.default_rng(0), Values()
    features = FEATURES.get(name, N)
    inputs = tuple(values.new((features,)) for _ in range(arity(OPERATIONS[name])))
    ops = Lowering(values)
    out = ops.apply(name, *inputs, attr=attribute(name))
    code = Code(
        values, inputs, tuple(ops.maker.ops), (out, *inputs[1:]), len(inputs) - 1
    )  # the others are states that stay
    xs = [drawn(name, rng).astype(complex) for _ in inputs]
    dy = rng.normal(size=(values.rows(out), BATCH)).astype(complex)
    forward = Evaluated(code, dict(zip(inputs, xs, strict=True)))
    back = differentiate(code)
    given = {v: forward[v] for v in range(back.inputs[0]) if f"v{v}" in forward.arrays}
    stays = dict.fromkeys(back.inputs[1:], np.zeros((features, BATCH), complex))
    found = Evaluated(back, given | {back.inputs[0]: dy} | stays)
    zero = np.zeros((features, BATCH), complex)
    for k, delta in enumerate(back.outputs):
        of = zero if delta is None else found[delta]
        for row in range(features):
            step = [x.copy() for x in xs]
            step[k][row] += 1e-30j
            y = Evaluated(code, dict(zip(inputs, step, strict=True)))[out]
            np.testing.assert_allclose(
                of[row].real, (y * dy).sum(0).imag / 1e-30, rtol=1e-12, atol=1e-13
            )


class Applied(rb.Layer):
    """A layer that is one primitive."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.params = {key: array.copy() for key, array in WEIGHTS.items()}
        self.primitive, self.n_inputs = name, arity(OPERATIONS[name])

    def output_shapes(self, *shapes: Any) -> Any:
        values = Values(shapes)
        ops = Lowering(values)
        return (
            ops.shape(
                ops.apply(
                    self.primitive, *range(len(shapes)), attr=attribute(self.primitive, self.params)
                )
            ),
        )

    def forward(self, *xs: Any) -> Any:
        raise AssertionError("compiled code runs it")

    backward_inputs = forward

    def lower(self, ops: Any, *xs: int) -> tuple[int, ...]:
        return (ops.apply(self.primitive, *xs, attr=attribute(self.primitive, self.params)),)


@pytest.mark.skipif(find_spec("llvmlite") is None, reason="needs llvmlite")
@pytest.mark.parametrize("name", PRIMITIVES)
def test_machine_code_agrees_with_numpy(name: str) -> None:
    x, h = rb.Input(N), rb.State(N, "h")
    state = rb.Tanh()(rb.Dense((N, N), N, rng=0, dtype="float64")(x, h))
    layer = Applied(name)
    args = [inside(name, value) for value in (state, h, rb.Scale(-2.0)(h))]
    cell = rb.Recurrent(rb.Cell(x, {h: state}, output=layer(*args[: layer.n_inputs])))
    data, loss = (
        np.random.default_rng(3).normal(size=(7, BATCH, N)),
        lambda y, _: (float((y**2).sum()) / 2, y.copy()),
    )
    a, b = (
        rb.bptt(cell, data, data, loss, chunk=3, backend=backend) for backend in ("numpy", "llvm")
    )
    assert a.dx is not None
    assert b.dx is not None
    np.testing.assert_allclose(a.loss, b.loss, rtol=1e-12)
    np.testing.assert_allclose(a.dx, b.dx, rtol=1e-10, atol=1e-12)


def test_a_primitive_that_is_unknown_is_refused() -> None:
    ops = Lowering(Values([(N,)]))
    with pytest.raises(ValueError, match=r"primitive 'tahn' is unknown \(did you mean 'tanh'"):
        ops.apply("tahn", 0)
    with pytest.raises(TypeError, match="add takes 2 values, found 1"):
        ops.apply("add", 0)
