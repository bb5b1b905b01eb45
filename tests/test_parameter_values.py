"""Parameter values as they are written: paths, products, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.graph.values import Value
from rnnbp.layers.product import Product, Transpose
from rnnbp.numerics import Array
from tests.helpers import reals


def weight(n: int = 4, m: int = 4, name: str | None = "recurrent") -> Value:
    return rb.Parameter((n, m), name=name, rng=0)


def cell() -> rb.Cell:
    """A step with a named parameter, one without a name, and a Dense between them."""
    w, x, h = weight(), rb.Input(3), rb.State(4, "h")
    h_new = rb.Tanh()(w @ h + rb.Dense(3, 4, name="ih")(x) + rb.Parameter(4, init=0.5))
    return rb.Cell(x, {h: h_new}, output=h_new)


@pytest.mark.quick
def test_a_parameter_is_called_by_its_name_in_cells_and_graphs() -> None:
    step = ["recurrent", "weight_ih", "bias_ih", "4.value"]
    assert list(cell().params) == step
    assert list(rb.Recurrent(cell()).params) == step
    whole = rb.Sequential(rb.Recurrent(cell(), name="rnn"), rb.Dense(4, 2))
    assert list(whole.params) == [*(f"rnn.{path}" for path in step), "1.weight", "1.bias"]
    x = rb.Input(3)
    assert list(rb.Graph(x, x + rb.Parameter(3, name="shift")).params) == ["shift"]


@pytest.mark.parametrize("name", ["w", "value", "myvalue"])
def test_graphs_with_names_put_these_before_it(name: str) -> None:
    x, outer = rb.Input(3), rb.Input(3)
    inner = rb.Graph(x, x + rb.Parameter(3, name=name) + rb.Parameter(3), name="enc")
    middle = rb.Graph(outer, inner(outer), name="whole")
    last = rb.Input(3)
    found = list(rb.Graph(last, middle(last)).params)
    assert found == [f"whole.enc.{name}", "whole.enc.2.value"]


def test_used_in_two_cells_it_is_one_parameter() -> None:
    w = weight()

    def step() -> rb.Recurrent:
        x, h = rb.Input(4), rb.State(4, "h")
        return rb.Recurrent(rb.Cell(x, {h: w @ h + x}, output=h))

    assert list(rb.Sequential(step(), step()).params) == ["0.recurrent"]


def test_it_is_initialised_as_weights_are() -> None:
    dense = rb.Dense(3, 4, rng=7, weight_init="glorot", bias=False)
    x = rb.Input(3)
    own = rb.Graph(x, rb.Parameter((4, 3), init="glorot", rng=7, name="w") @ x).params["w"]
    assert (own == dense.params["weight"]).all()
    given = np.arange(6.0).reshape(2, 3)
    kept = rb.Graph(x, rb.Parameter((2, 3), init=given, dtype="float64", name="w") @ x).params["w"]
    assert kept.dtype == np.float64
    assert (kept == given).all()
    assert kept is not given


def test_a_function_of_parameters_has_neither_time_nor_batch() -> None:
    w, x = weight(), rb.Input(4)
    assert [w.per, (2 * w).per, (w.T @ w).per, (w @ x).per] == ["run", "run", "run", "step"]
    assert (w @ rb.Input(4, per="sequence")).per == "sequence"


def test_a_transpose_of_a_transpose_is_the_matrix() -> None:
    w = weight(5, 3)
    assert w.T.T is w
    assert w.T.shape == (3, 5)


SHAPES = {
    "W v": (Product(), (5, 3), (3,)),
    "Wt v": (Product(turned=True), (3, 5), (3,)),
    "W M": (Product(columns=True), (5, 3), (3, 2)),
    "Wt M": (Product(turned=True, columns=True), (3, 5), (3, 2)),
}
BATCHES = {
    "one for all": ((), (2, 7)),
    "both of the batch": ((7,), (7,)),
    "a vector for all": ((7,), ()),
    "none": ((), ()),
}


@pytest.mark.parametrize("of", BATCHES)
@pytest.mark.parametrize("what", SHAPES)
def test_products_are_those_of_einsum_and_deltas_their_adjoints(what: str, of: str) -> None:
    """<dy, y(w, u)> = <dv, u> and <dy, y(u, v)> = <dw, u>: the product is linear in each."""
    layer, left, right = SHAPES[what]
    w, v = reals(*BATCHES[of][0], *left), reals(*BATCHES[of][1], *right, seed=1)
    y, saved = layer.forward(w, v)
    rule = {"W v": "nm,m->n", "Wt v": "mn,m->n", "W M": "nm,mk->nk", "Wt M": "mn,mk->nk"}[what]
    spread = "...{},...{}->...{}".format(*rule.replace("->", ",").split(","))
    np.testing.assert_allclose(y, np.einsum(spread, w, v), rtol=1e-12, atol=1e-12)
    dy = reals(*y.shape, seed=2)
    dw, dv = layer.backward_inputs(saved, dy)
    assert (dw.shape, dv.shape) == (w.shape, v.shape)
    for delta, changed in ((dw, _with(layer, w, v, 0)), (dv, _with(layer, w, v, 1))):
        u, found = changed
        assert np.sum(dy * found) == pytest.approx(np.sum(delta * u), rel=1e-12)


def _with(layer: Product, w: Array, v: Array, k: int) -> tuple[Array, Array]:
    """(a direction, the product with it in the place of factor k)."""
    u = reals(*(w, v)[k].shape, seed=3 + k)
    pair = (u, v) if k == 0 else (w, u)
    return u, layer.forward(*pair)[0]


def test_a_transpose_sends_the_transpose_back() -> None:
    w = reals(2, 5, 3)
    y, saved = Transpose().forward(w)
    assert (y == w.transpose(0, 2, 1)).all()
    assert (Transpose().backward_inputs(saved, y)[0] == w).all()


WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "sizes": (
        lambda: weight() @ rb.Input(3, "x"),
        rb.ShapeError,
        r"<Value of Parameter\(\(4, 4\), name='recurrent'\) .*> @ <Value x .*> *: the last axis",
    ),
    "the transpose fits": (
        lambda: weight(5, 3) @ rb.Input(5),
        rb.ShapeError,
        r"the transpose of the first, .T, would fit",
    ),
    "two vectors": (
        lambda: rb.Input(3, "a") @ rb.Input(3, "b"),
        rb.ShapeError,
        r"of two vectors take Sum\(\)\(a \* b\)",
    ),
    "a number": (lambda: weight() @ 2, TypeError, r"of a number write 2 \* a"),  # type: ignore[operator]
    "an array of another size": (
        lambda: np.ones((4, 4)) @ rb.Input(3, "x"),
        rb.ShapeError,
        r"Value of Constant\(array of shape \(4, 4\).* @ <Value x",
    ),
    "an array that is not finite": (
        lambda: np.full((3, 3), np.nan) @ rb.Input(3),
        ValueError,
        "a constant is an array of finite numbers",
    ),
    "no features": (lambda: weight() @ rb.Input(), rb.ShapeError, "say it, as Input"),
    "a vector turned": (lambda: rb.Input(3).T, rb.ShapeError, "only a matrix"),
    "no axes": (lambda: rb.Parameter(()), ValueError, "for one number give 1"),
    "an array for a shape": (
        lambda: rb.Parameter(np.zeros((4, 3))),  # type: ignore[arg-type]
        TypeError,
        r"give Parameter\(\(4, 3\), init=array\)",
    ),
    "a path": (lambda: rb.Parameter(3, name="a.b"), ValueError, "has a dot"),
    "values of another shape": (
        lambda: rb.Parameter((3, 2), init=np.ones((2, 3)), name="w"),
        ValueError,
        r"Parameter w: the initial values have shape \(2, 3\), the parameter has \(3, 2\)",
    ),
    "among inputs": (
        lambda: rb.Cell((rb.Input(4), weight()), {(h := rb.State(4)): h}, output=h),
        ValueError,
        "a Parameter is used without being listed",
    ),
    "the name of an initial state": (
        lambda: rb.Recurrent(
            rb.Cell(
                x := rb.Input(4), {(h := rb.State(4, "h")): weight(name="initial_h") @ h + x}, h
            ),
            initial="learned",
        ),
        ValueError,
        "a parameter of the cell is called 'initial_h'",
    ),
    "two of one name": (
        lambda: rb.Graph(x := rb.Input(4), weight() @ x + weight() @ x),
        ValueError,
        "two layers are called 'recurrent'",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused_says_what_to_do(case: str) -> None:
    make, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        make()
