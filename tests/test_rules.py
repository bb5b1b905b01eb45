"""Each rewrite rule by itself: what it does to the code, that it changes no result, and that it can be left out."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt import calibration
from rnnbp.compiler.code import Code
from rnnbp.compiler.compile import Codes, codes
from rnnbp.compiler.passes import RULES
from rnnbp.compiler.step import step_code
from rnnbp.compiler.weights import Matrix
from rnnbp.runners.numpy.program import functions
from rnnbp.support.memo import Recent
from tests import models
from tests.programs import agree

N_IN, N = 3, 4
MSE = rb.losses.MeanSquaredError()


def dense(*n_in: int, n_out: int = N, rng: int = 0) -> rb.Dense:
    return rb.Dense(n_in if len(n_in) > 1 else n_in[0], n_out, dtype="float64", rng=rng)


def gates(*activations: Callable[[], rb.Layer]) -> rb.Recurrent:
    """One Dense for several gates, all of them multiplied."""
    x, h = rb.Input(N_IN), rb.State(N, "h")
    parts = rb.Split(*[N] * len(activations))(dense(N_IN, N, n_out=N * len(activations))(x, h))
    h_new = h
    for activation, part in zip(activations, parts, strict=True):
        h_new = h_new * activation()(part)
    return rb.Recurrent(rb.Cell(x, {h: h_new + x_part(x)}, output=h_new))


def x_part(x: rb.Value) -> rb.Value:
    return dense(N_IN, rng=9)(x)


def one_by_one(*activations: Callable[[], rb.Layer]) -> rb.Recurrent:
    """A Dense for each gate and input."""
    x, h = rb.Input(N_IN), rb.State(N, "h")
    h_new = h
    for k, activation in enumerate(activations):
        h_new = h_new * activation()(dense(N_IN, rng=k)(x) + dense(N, rng=10 + k)(h))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


def numbers() -> rb.Recurrent:
    """3 (¼ (4 z)) is 3z; ½w is in the weights, though not twice of it, for w goes elsewhere too; a − b; 6h + 2½."""
    x, h = rb.Input(N_IN), rb.State(N, "h")
    z, half, plus = dense(N_IN, N)(x, h), 0.5 * dense(N_IN, rng=1)(x), 1 + dense(N_IN, rng=2)(x)
    h_new = rb.Tanh()(3 * (0.25 * (4 * z))) * plus + -1 * (rb.Tanh()(2 * half) * half)
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=2 * (3 * h + 1) + 0.5))


def peephole() -> rb.Recurrent:
    """A state that goes through two factors on its way: its delta does too."""
    x, h = rb.Input(N_IN), rb.State(N, "h")
    h_new = rb.Tanh()(rb.Sigmoid()(dense(N_IN, rng=1)(x)) * h) * rb.Sigmoid()(dense(N_IN, rng=2)(x))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


def lstm(order: str) -> rb.Recurrent:
    """Gate by gate, the gates written in some order, the factors too."""
    x, h, c = rb.Input(N_IN), rb.State(N, "h"), rb.State(N, "c")
    given = {gate: dense(N_IN, rng=ord(gate))(x) + dense(N, rng=ord(gate) + 9)(h) for gate in order}
    i, f, g, o = (
        rb.Tanh()(given[gate]) if gate == "g" else rb.Sigmoid()(given[gate]) for gate in "ifgo"
    )
    c_new = f * c + i * g if order == "ifgo" else g * i + c * f
    h_new = o * rb.Tanh()(c_new)
    return rb.Recurrent(rb.Cell(x, {h: h_new, c: c_new}, output=h_new))


def count(code: Code, *names: str) -> int:
    return sum(op.name in names for op in code.ops)


def matrices(code: Code) -> list[Matrix]:
    return [op.attr for op in code.ops if op.name == "linear"]


def only(cell: rb.Recurrent, *on: str) -> Codes:
    """The codes with some rules alone."""
    without = tuple(rule for rule in RULES if rule not in on)
    return codes(
        cell.cell,
        [s or () for s in cell.cell.value_shapes((N_IN,), *cell.cell.state_shapes)],
        without=without,
    )


def loop(cell: rb.Recurrent, *on: str) -> tuple[list[str], list[str]]:
    """The names of the operations in the time loop, forward and backward, with some rules alone."""
    step = step_code(cell.cell, (N_IN,), frozenset(RULES) - set(on))
    forward, backward = (
        [op.name for op in half.code.ops if half.phases[id(op)] == "loop"]
        for half in (step.forward, step.backward)
    )
    return forward, backward


CELLS: dict[str, Callable[[], rb.Recurrent]] = {
    "constants": numbers,
    "parts": lambda: gates(rb.Sigmoid, rb.Tanh),
    "sums": lambda: one_by_one(rb.Sigmoid, rb.Tanh),
    "ordered": lambda: lstm("ogfi"),
    "gathered": peephole,
    "scaled tanh": lambda: one_by_one(rb.Sigmoid),
    "products": lambda: one_by_one(rb.Sigmoid, rb.Tanh),
    "turned": lambda: one_by_one(rb.Sigmoid, rb.Tanh),
    "joined": lambda: gates(rb.Sigmoid, rb.Sigmoid),
    "recomputed": lambda: one_by_one(rb.Sigmoid, rb.Tanh),
    "hoisted": lambda: one_by_one(rb.Sigmoid),
}
"""For each rule a cell to which it does something."""


def test_every_rule_has_a_case() -> None:
    assert set(CELLS) == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_alone_changes_no_result(rule: str) -> None:
    agree(CELLS[rule](), np.random.default_rng(0).normal(size=(5, 3, N_IN)), set(RULES) - {rule})


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_is_left_out_does_nothing(rule: str) -> None:
    assert rule not in {
        change.rule for change in only(CELLS[rule](), *(set(RULES) - {rule})).changes
    }
    assert {change.rule for change in only(CELLS[rule](), rule).changes} == {rule} - {
        "recomputed",
        "hoisted",
    }


def test_constants() -> None:
    def scales(code: Code) -> list[tuple[float, float]]:
        return sorted(op.attr for op in code.ops if op.name == "scale")

    off, on = only(numbers()).forward, only(numbers(), "constants").forward
    assert (len(scales(off)), count(off, "sub")) == (11, 0)
    assert (scales(on), count(on, "sub")) == ([(1, 1), (2, 0), (6, 2.5)], 1)
    assert sorted(lane.factor for matrix in matrices(on) for lane in matrix.lanes) == [0.5, 1, 3, 3]
    unit = models.minimal_gated_unit(
        N_IN, N, "float64"
    )  # (1 − f) ⊙ h: f's delta is the difference of two
    assert [count(only(unit, *rules).backward, "sub") for rules in ((), ("constants",))] == [0, 1]


def test_constants_in_weights_whose_rows_backward_takes() -> None:
    """The halves of ½Wx are taken by products that are one forward, and two backward."""
    x, h = rb.Input(N_IN), rb.State(2 * N, "h")
    (a, b), (p, q) = rb.Split(N, N)(0.5 * dense(N_IN, n_out=2 * N)(x)), rb.Split(N, N)(h)
    model = rb.Recurrent(rb.Cell(x, {h: rb.Concat(N, N)(a * p, b * q)}, output=h))
    assert count(only(model, "constants", "joined").forward, "mul") == 1
    agree(
        model,
        np.random.default_rng(0).normal(size=(5, 3, N_IN)),
        set(RULES) - {"constants", "joined"},
    )


def test_a_number_that_changes_nothing_is_dropped() -> None:
    x, h = rb.Input(N_IN), rb.State(N, "h")
    model = rb.Recurrent(rb.Cell(x, {h: rb.Tanh()(dense(N_IN, N)(x, h))}, output=-1 * (-1 * h)))
    code = only(model, "constants").forward
    assert (count(code, "scale"), code.outputs[0]) == (0, code.inputs[1])
    agree(model, np.random.default_rng(0).normal(size=(5, 3, N_IN)))


def test_a_difference_written_in_two_ways_is_one() -> None:
    """Backward takes the difference that is left, where a − b and a + (−1) b are one after the rule."""
    x, h = rb.Input(N_IN), rb.State(N, "h")
    a, b = rb.Tanh()(dense(N_IN)(x)), rb.Tanh()(dense(N, rng=1)(h))
    h_new = (a - b) * rb.Tanh()(a + -1 * b) * (a + -1 * b)
    model = rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))
    assert count(only(model, "constants").forward, "sub") == 1
    agree(model, np.random.default_rng(0).normal(size=(5, 3, N_IN)))


def test_parts() -> None:
    off, on = (only(CELLS["parts"](), *rules).forward for rules in ((), ("parts",)))
    assert (count(off, "linear"), count(off, "bias"), count(off, "part")) == (3, 2, 2)
    assert (count(on, "linear"), count(on, "bias"), count(on, "part")) == (5, 3, 0)


def test_sums() -> None:
    off, on = (only(CELLS["sums"](), *rules).forward for rules in ((), ("sums",)))
    assert (count(off, "bias"), count(on, "bias")) == (4, 2)
    bias = next(op for op in on.ops if op.name == "bias")
    assert on.made[bias.args[0]].args == (on.inputs[0],)  # on the part of x
    assert all(len(rows) == 2 for _, rows in bias.attr.lanes)


def listed(cell: rb.Recurrent, *rules: str) -> list[object]:
    return [(op.name, op.args, op.outs) for op in only(cell, *rules).forward.ops]


def test_ordered() -> None:
    assert listed(lstm("ifgo"), "ordered") == listed(lstm("ogfi"), "ordered")
    assert listed(lstm("ifgo")) != listed(lstm("ogfi"))


def crossed(swapped: bool) -> rb.Recurrent:
    """Two products of as many factors, and a sum of three, written in two ways."""
    x, h, c = rb.Input(N_IN), rb.State(N, "h"), rb.State(N, "c")
    z = [dense(N_IN)(x), dense(N)(h), dense(N)(c)]
    a, b = [rb.Sigmoid()(z[0]), rb.Tanh()(z[1])], [rb.Sigmoid()(z[1]), rb.Tanh()(z[0])]
    if swapped:
        a, b = b[::-1], a[::-1]
    total = z[2] + (z[1] + z[0]) if swapped else z[0] + z[1] + z[2]
    return rb.Recurrent(rb.Cell(x, {h: a[0] * a[1] + b[0] * b[1], c: rb.Tanh()(total)}, output=h))


def test_factors_and_terms_are_ordered() -> None:
    assert listed(crossed(False), "sums", "ordered") == listed(crossed(True), "sums", "ordered")
    assert listed(crossed(False), "sums") != listed(crossed(True), "sums")


def test_gathered() -> None:
    (_, off), (_, on) = loop(peephole(), "hoisted"), loop(peephole(), "hoisted", "gathered")
    assert (off.count("mul"), on.count("mul")) == (3, 2)


def test_scaled_tanh() -> None:
    off, on = (only(CELLS["scaled tanh"](), *rules).forward for rules in ((), ("scaled tanh",)))
    assert [(count(code, "sigmoid"), count(code, "tanh", "scale")) for code in (off, on)] == [
        (1, 0),
        (1, 0),
    ]
    assert all(lane.factor == -1 for matrix in matrices(on) for lane in matrix.lanes)
    assert all(lane.factor == 1 for matrix in matrices(off) for lane in matrix.lanes)


def test_products() -> None:
    off, on = (only(CELLS["products"](), *rules).forward for rules in ((), ("products",)))
    assert (count(off, "linear"), count(on, "linear")) == (4, 2)
    assert [len(matrix.lanes) for matrix in matrices(on)] == [2, 2]


def test_turned() -> None:
    off, on = (only(CELLS["turned"](), *rules).backward for rules in ((), ("turned",)))
    assert (count(off, "linear"), count(off, "grad_linear"), count(off, "grad_bias")) == (4, 4, 4)
    assert (count(on, "linear"), count(on, "grad_linear"), count(on, "grad_bias")) == (2, 2, 1)


def test_joined() -> None:
    off, on = (only(CELLS["joined"](), *rules) for rules in ((), ("joined",)))
    assert (count(off.forward, "sigmoid"), count(on.forward, "sigmoid")) == (2, 1)
    assert count(off.backward, "mul", "scale") > count(on.backward, "mul", "scale")


def test_recomputed() -> None:
    off, on = (only(CELLS["recomputed"](), *rules) for rules in ((), ("recomputed",)))
    assert (len(off.kept), len(on.kept)) == (3, 2)
    assert not set(off.backward.ops) & set(off.forward.ops)
    (again,) = set(on.backward.ops) & set(on.forward.ops)
    assert (again.name, again.args[0]) == ("mul", on.forward.inputs[1])  # h ⊙ σ(…)


def test_hoisted() -> None:
    (off, _), (on, _) = loop(CELLS["hoisted"]()), loop(CELLS["hoisted"](), "hoisted")
    assert (off.count("linear"), on.count("linear")) == (2, 1)


def test_what_nothing_needs_is_not_run() -> None:
    """A Dense that leads nowhere, and the half of another that nothing takes."""
    x, h = rb.Input(N_IN), rb.State(N, "h")
    dense(N_IN)(x)
    first, _ = rb.Split(N, N)(dense(N_IN, N, n_out=2 * N)(x, h))
    model = rb.Recurrent(rb.Cell(x, {h: rb.Tanh()(first)}, output=h))
    whole, cut = only(model).forward, only(model, "parts").forward
    assert (count(whole, "linear"), count(whole, "part")) == (2, 1)
    assert [sum(lane.count for lane in matrix.lanes) for matrix in matrices(whole)] == [
        2 * N,
        2 * N,
    ]
    assert [sum(lane.count for lane in matrix.lanes) for matrix in matrices(cut)] == [N, N]
    agree(model, np.random.default_rng(0).normal(size=(5, 3, N_IN)))


def test_equal_operations_are_made_once() -> None:
    x, h = rb.Input(N_IN), rb.State(N, "h")
    layer = dense(N_IN, N)
    h_new = rb.Tanh()(layer(x, h)) * rb.Tanh()(layer(x, h))
    model = rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))
    assert (count(only(model).forward, "tanh"), count(only(model).forward, "linear")) == (1, 2)
    agree(model, np.random.default_rng(0).normal(size=(5, 3, N_IN)))


def test_an_advance_runs_only_what_feeds_the_state() -> None:
    x, h = rb.Input(N_IN), rb.State(N, "h")
    h_new = rb.Tanh()(dense(N_IN, N)(x, h))
    model = rb.Recurrent(rb.Cell(x, {h: h_new}, output=dense(N, n_out=2)(h_new)))
    made = functions(model.cell, (N_IN,))
    taken = [
        [value for value in f.constants.values() if isinstance(value, Matrix)]
        for f in (made.advance, made.outputs)
    ]
    assert [len(found) for found in taken] == [2, 3]


@pytest.mark.parametrize("without", [(), RULES], ids=["rules on", "rules off"])
def test_slices_are_views(without: tuple[str, ...]) -> None:
    """A cell with Split copies nothing that one without it does not."""
    whole, split = (
        functions(cell.cell, (N_IN,), frozenset(without))
        for cell in (one_by_one(rb.Tanh), gates(rb.Tanh, rb.Tanh))
    )
    for a, b in ((whole.record, split.record), (whole.advance, split.advance)):
        assert b.source.count("copyto") <= a.source.count("copyto")


def test_affine_and_sigmoid_as_one_unit_or_as_two_have_the_same_gradients() -> None:
    """σ(z) as 1 / (1 + eᵘ), the sign of u = −z in the weights; or Wx + b, then σ(z) with the chain rule through both."""
    rng = np.random.default_rng(3)
    model, x, y = (
        one_by_one(rb.Sigmoid, rb.Sigmoid),
        rng.normal(size=(9, 3, N_IN)),
        rng.normal(size=(9, 3, N)),
    )
    one, two, plain = (
        rb.bptt(model, x, y, MSE, backend=backend)
        for backend in (rb.Backend(), rb.Backend(without=RULES), rb.Backend("interpreter"))
    )
    for name in model.params:
        np.testing.assert_allclose(one.grads[name], two.grads[name], rtol=1e-12)
        np.testing.assert_allclose(one.grads[name], plain.grads[name], rtol=1e-12)
    assert one.dx is not None
    np.testing.assert_allclose(one.dx, two.dx, rtol=1e-12)


@pytest.mark.quick
@pytest.mark.parametrize("rule", RULES)
def test_a_forecast_without_a_rule_is_the_ledger(rule: str) -> None:
    backend = rb.Backend("numpy", without=(rule,))
    model, rng = rb.LSTM(32, 64, rng=0), np.random.default_rng(0)
    x, y = (rng.normal(size=(20, 8, n)).astype(np.float32) for n in (32, 64))
    found = rb.forecast(model, MSE, steps=20, batch=8, chunk=8, checkpoint="sqrt", backend=backend)
    stats = rb.bptt(model, x, y, MSE, chunk=8, checkpoint="sqrt", backend=backend).stats
    assert (stats.peak_bytes, stats.peak_bytes_by_kind) == (
        found.peak_bytes,
        found.peak_bytes_by_kind,
    )


def test_a_backend_is_a_value() -> None:
    assert rb.Backend("numpy", without=["joined", "parts", "joined"]) == rb.Backend(
        "numpy", ("parts", "joined")
    )
    several = (
        rb.Backend("numpy"),
        rb.Backend("numpy"),
        rb.Backend("interpreter"),
        rb.Backend("numpy", without=("sums",)),
    )
    assert len(set(several)) == 3
    seconds = dict.fromkeys(("Advance", "Keep", "Record", "Rebuild", "Backward"), 1e-3)
    model, costs = rb.RNN(2, 2), rb.Costs(seconds, seconds)
    a, b = (
        rb.plan(model, MSE, steps=9, batch=1, budget="1 MB", costs=costs, backend=given).sizes
        for given in (None, rb.Backend(without=("sums",)))
    )
    assert a.backend == rb.Backend()
    assert a.backend.without == ()
    assert b.backend.without == ("sums",)


def test_costs_are_measured_for_each_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[rb.Backend] = []
    monkeypatch.setattr(calibration, "_known", Recent(256))
    monkeypatch.setattr(calibration, "measured", lambda sizes, room: measured.append(sizes.backend))
    monkeypatch.setenv("RNNBP_BACKEND", "numpy")
    for backend in (
        None,
        "numpy",
        rb.Backend(without=("sums",)),
        rb.Backend(without=("sums",)),
        "interpreter",
    ):
        rb.calibrate(rb.RNN(2, 2), batch=1, backend=backend)
    assert measured == [
        rb.Backend("numpy"),
        rb.Backend("numpy", without=("sums",)),
        rb.Backend("interpreter"),
    ]


def test_the_backend_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("numpy", "interpreter"):
        monkeypatch.setenv("RNNBP_BACKEND", given)
        assert rb.Backend().name == given
    monkeypatch.delenv("RNNBP_BACKEND")
    assert rb.Backend().name == ("llvm" if find_spec("llvmlite") else "numpy")
    monkeypatch.setenv("RNNBP_BACKEND", "cuda")
    with pytest.raises(ValueError, match="backend 'cuda' is unknown"):
        rb.Backend()
    monkeypatch.setattr(import_module("rnnbp.runners.backend"), "installed", lambda: False)
    with pytest.raises(
        ImportError,
        match=r"backend 'llvm' needs llvmlite; run python -m pip install llvmlite, or use backend='numpy'",
    ):
        rb.Backend("numba")
    monkeypatch.delenv("RNNBP_BACKEND")
    assert rb.Backend().name == "numpy"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            {"name": "cuda"},
            ValueError,
            "backend 'cuda' is unknown; use one of 'numpy', 'llvm', 'interpreter', or None",
        ),
        (
            {"without": ("fused",)},
            ValueError,
            "rule 'fused' is unknown; leave out some of 'constants', 'parts', 'sums'",
        ),
        (
            {"without": "joined"},
            TypeError,
            r"without is a collection of rules, found 'joined'; write as \('joined',\)",
        ),
        (
            {"name": "interpreter", "without": ("sums",)},
            ValueError,
            r"the interpreter has no rules, found without=\['sums'\]; leave it out",
        ),
    ],
)
def test_what_a_backend_refuses(
    given: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        rb.Backend(**given)  # type: ignore[arg-type]
