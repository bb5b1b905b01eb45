"""rb.explain: what it says of an LSTM, its figures, its rules, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.compiler.passes import RULES
from rnnbp.runners.numpy.functions import functions
from tests import models
from tests.plain_layers import Plain

N_IN, N = 3, 4


def lstm_of_eight(order: str = "ifgo", n_in: int = N_IN, n: int = N) -> rb.Recurrent:
    """A Dense for each gate and input, written in some order."""
    x, h, c = rb.Input(n_in), rb.State(n, "h"), rb.State(n, "c")
    rng = np.random.default_rng(4)
    given = {gate: rb.Dense(n_in, n, rng=rng)(x) + rb.Dense(n, n, rng=rng)(h) for gate in order}
    i, f, g, o = (
        rb.Tanh()(given[gate]) if gate == "g" else rb.Sigmoid()(given[gate]) for gate in "ifgo"
    )
    c_new = f * c + i * g
    h_new = o * rb.Tanh()(c_new)
    return rb.Recurrent(rb.Cell(x, {h: h_new, c: c_new}, output=h_new))


def lstm_of_one(n_in: int = N_IN, n: int = N) -> rb.Recurrent:
    """One Dense of two inputs for all gates, in another order.

    Factors and terms in another order too.
    """
    x, c, h = rb.Input(n_in), rb.State(n, "c"), rb.State(n, "h")
    g, o, f, i = rb.Split(n, n, n, n)(rb.Dense((n, n_in), 4 * n, rng=5)(h, x))
    c_new = rb.Tanh()(g) * rb.Sigmoid()(i) + c * rb.Sigmoid()(f)
    h_new = rb.Tanh()(c_new) * rb.Sigmoid()(o)
    return rb.Recurrent(rb.Cell(x, {h: h_new, c: c_new}, output=h_new))


WRITINGS: dict[str, Callable[[], rb.Recurrent]] = {
    "eight Denses": lstm_of_eight,
    "eight Denses, in another order": lambda: lstm_of_eight("gofi"),
    "one Dense": lstm_of_one,
    "four Denses of two inputs": lambda: named(models.design_lstm(N_IN, N, "float32")),
}


def named(model: rb.Recurrent) -> rb.Recurrent:
    model.cell.state_names = ("h", "c")
    return model


@pytest.mark.parametrize("writing", WRITINGS)
def test_however_an_lstm_is_written_it_is_one_program(writing: str) -> None:
    model, whole = WRITINGS[writing](), rb.LSTM(N_IN, N, rng=0)
    assert rb.explain(model).program == rb.explain(whole).program
    a, b = (functions(cell.cell, ((N_IN,),)) for cell in (model, whole))
    assert a.record.source == b.record.source
    assert a.advance.source == b.advance.source
    assert a.backward.source == b.backward.source


def test_without_the_rules_they_are_not() -> None:
    a, b = (
        rb.explain(cell, without=("ordered",)).program
        for cell in (lstm_of_eight(), rb.LSTM(N_IN, N, rng=0))
    )
    assert a != b


def test_an_lstm_reads_like_its_equations() -> None:
    found = rb.explain(rb.LSTM(64, 128, rng=0))
    assert [(line.when, line.text) for line in found.forward] == [
        ("before", "v1 = W0 x + b0"),
        ("step", "v2 = W1 h + v1"),
        ("step", "v3 = σ(−v2[0:384])"),
        ("step", "v4 = tanh(v2[384:512])"),
        ("step", "c′ = c ⊙ v3[0:128] + v3[128:256] ⊙ v4"),
        ("step", "h′ = v3[256:384] ⊙ tanh(c′)"),
        ("after", "y = h′"),
    ]
    assert {line.text for line in found.backward} >= {
        "v12 = dy + dh′",
        "dh = W2ᵀ v14",
        "G1 = v14 xᵀ",
        "dx = W3ᵀ v14",
    }
    lines = str(found).splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) <= 70
    assert repr(found) == str(found)


@pytest.mark.quick
def test_the_figures_of_an_lstm() -> None:
    """Six values of n features a step are kept: h, c, the three gates and g. A product is 2mn."""
    n_in, n, batch = 64, 128, 5
    found = rb.explain(rb.LSTM(n_in, n, rng=0), batch=batch)
    assert found.bytes_per_step == batch * 6 * n * 4
    products = 2 * 4 * n * (n_in + n)
    # b, the sum of both parts, σ and tanh; c′; tanh c′ and h′.
    assert found.flops_per_step == batch * (products + 3 * 4 * n + 3 * n + 2 * n)
    assert found.advance_flops_per_step == found.flops_per_step
    assert (
        sum(line.flops or 0 for line in found.backward if line.when == "chunk")
        == 2 * products - products // 3 * 2 + 4 * n
    )
    assert found.backward_flops_per_step > 2 * batch * products


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_has_a_line_and_says_when_it_is_off(rule: str) -> None:
    on, off = (rb.explain(rb.LSTM(2, 3, rng=0), without=without) for without in ((), (rule,)))
    (effect,) = (e for e in on.rules if e.name == rule)
    (other,) = (e for e in off.rules if e.name == rule)
    assert other.did == "off"
    assert effect.did == ("nothing to do" if rule == "constants" else effect.did) != "off"
    assert f"  {rule:12} {effect.what}" in str(on)


def test_what_the_rules_did_to_an_lstm() -> None:
    did = {e.name: e.did for e in rb.explain(rb.LSTM(64, 128, rng=0)).rules if e.name != "always"}
    assert did["parts"] == "2 products → 8"
    assert did["sums"] == "8 biases → 4"
    assert did["scaled tanh"] == "3 sigmoids"
    assert did["products"] == "8 products → 2"
    assert did["turned"] == "8 products → 2, 12 gradients → 3"
    assert did["recomputed"] == "1 operation, 128 features"


def test_what_an_advance_leaves_out_and_what_is_dead() -> None:
    x, h = rb.Input(3), rb.State(4, "h")
    used, _ = rb.Split(4, 4)(rb.Dense((3, 4), 8, rng=0)(x, h))
    rb.GELU()(h)  # nothing takes it
    h_new = rb.Tanh()(used)
    found = rb.explain(rb.Cell(x, {h: h_new}, output=rb.Dense(4, 2, rng=1)(h_new)))
    assert "GELU" not in str(found)
    always = {e.what: e.did for e in found.rules if e.name == "always"}
    assert always["equal operations made once, dead ones dropped"] == "0 and 1 of 9"
    assert always["an Advance runs only what feeds the state"] == "2 operations left out"
    assert always["a Dense of several inputs as products, summed"] == "1 Dense → 2 products"
    assert [line.text for line in found.forward if not line.advance] == ["y = W2 h′ + b1"]
    assert found.flops_per_step - found.advance_flops_per_step == 2 * 2 * 4 + 2
    assert "  after   y = W2 h′ + b1 *" in str(found)
    assert "  * left out by an Advance" in str(found)


class Own(rb.Layer):
    """A layer that declares nothing."""

    def __init__(self) -> None:
        self.params = {}

    def forward(self, x: np.ndarray) -> Any:
        return 2 * x, ()

    def backward_inputs(self, saved: Any, dy: np.ndarray) -> Any:
        return (2 * dy,)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


def test_layers_that_run_themselves_are_named() -> None:
    x, h = rb.Input(3), rb.State(4, "h")
    new = rb.Tanh()(rb.Dense((3, 4), 4)(x, h))
    left, right = rb.Split(1, 3)(new)
    y = rb.Concat(3, 1)(Plain()(right), left)
    found = rb.explain(rb.Cell(x, {h: new}, output=y))
    assert found.opaque == ("Plain()",)
    assert found.units_up_to is None
    assert "threads share" not in str(found)
    assert ("after", "y[0:3] = Plain()(h′[1:4])", None) in {
        (e.when, e.text, e.flops) for e in found.forward
    }
    text = " ".join(str(found).split())
    assert "apart from what Plain() do" in text
    assert "runs by NumPy under every backend that compiles, because Plain() runs" in text
    assert str(rb.explain(rb.RNN(2, 3))).endswith(
        "runs as machine code under the backend llvm, by NumPy under numpy"
    )
    own = rb.explain(rb.Cell(x, {h: Own()(rb.Dense((3, 4), 4)(x, h))}, output=h))
    assert own.bytes_per_step is None
    assert "Own() not declared" in str(own)


def test_random_numbers_are_shown_and_not_kept() -> None:
    found = rb.explain(models.network_in_cell(N_IN, N, "float32"))
    assert found.opaque == ()
    lines = {(line.when, line.text) for line in found.forward}
    assert {("before", "v1 = U(0, 1)"), ("before", "v6 = U(0, 1)")} <= lines
    backward = " ".join(line.text for line in found.backward)
    assert "1.42857 [v1 ≥ 0.3]" in backward
    assert "1.25 [v6 ≥ 0.2]" in backward
    assert not {"v1", "v6"} & {kept.name for kept in found.kept}


def test_symbols_states_of_one_value_and_states_that_are_handed_on() -> None:
    x, h, c = rb.Input(()), rb.State(4, "h"), rb.State(4, "c")
    new = rb.Tanh()(rb.Dense((4, 4), 4)(rb.Embedding(5, 4)(x), h))
    found = rb.explain(rb.Cell(x, {h: new, c: new}, output=c))
    assert [line.text for line in found.forward][-3:] == [
        "h′ = tanh(W1 h + v2)",
        "c′ = h′",
        "y = c",
    ]
    assert tuple(line.text for line in found.backward if "Embedding" in line.text) == (
        "Embedding(5, 4)′(v5)",
        "gradients of Embedding(5, 4)",
    )
    x, h, c = rb.Input(4), rb.State(4, "h"), rb.State(4, "c")
    found = rb.explain(rb.Cell(x, {h: x, c: h}, output=c))
    assert [line.text for line in found.forward] == ["h′ = x", "c′ = h", "y = c"]
    assert {line.text for line in found.backward} >= {"dh = dc′"}
    assert found.flops_per_step == 0


def test_what_it_takes() -> None:
    lstm = rb.LSTM(3, 4, rng=0)
    assert rb.explain(lstm.cell) == rb.explain(lstm)
    model = rb.Sequential(rb.Embedding(7, 3), lstm, rb.Dense(4, 7))
    assert str(rb.explain(model)) == str(rb.explain(lstm))
    x, h = rb.Input(), rb.State(4, "h")
    open_ = rb.Cell(x, {h: rb.Tanh()(rb.Dense((3, 4), 4)(x, h))}, output=h)
    assert rb.explain(open_, x_shape=(3,)).inputs == (("x", (3,)), ("h", (4,)))
    assert rb.explain(rb.Sequential(rb.Dense(2, 3), rb.Recurrent(open_))).inputs[0] == ("x", (3,))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            lambda: (rb.Sequential(rb.LSTM(2, 3), rb.GRU(3, 2)), {}),
            ValueError,
            r"found LSTM\(2, 3\), GRU\(3, 2\) in the network: give one Recurrent",
        ),
        (lambda: (rb.Sequential(rb.Dense(2, 3)), {}), ValueError, "found none in the network"),
        (
            lambda: (rb.Dense(2, 3), {}),
            TypeError,
            r"takes a Recurrent, a Cell, or a network with one Recurrent, found Dense",
        ),
        (
            lambda: (rb.LSTM(2, 3), {"without": ("fused",)}),
            ValueError,
            "rule 'fused' is unknown; leave out some of 'constants'",
        ),
        (lambda: (rb.LSTM(2, 3), {"x_shape": (5,)}), rb.ShapeError, "must have size 2, found 5"),
        (lambda: (rb.LSTM(2, 3), {"batch": 0}), ValueError, "explain: batch"),
        (
            lambda: (open_cell(), {}),
            rb.ShapeError,
            "does not say the feature shape of its input; give x_shape, as",
        ),
    ],
)
def test_what_it_refuses(given: Callable[[], Any], error: type[Exception], message: str) -> None:
    cell, options = given()
    with pytest.raises(error, match=message):
        rb.explain(cell, **options)


def open_cell() -> rb.Cell:
    x, h = rb.Input(), rb.State(4, "h")
    return rb.Cell(x, {h: rb.Tanh()(rb.Dense((3, 4), 4)(x, h))}, output=h)
