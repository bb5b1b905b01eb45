"""``explain``: its text is what the program computes, and its figures are those of the program."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rnnbp as rb
from rnnbp.compiler.operations import flops
from rnnbp.compiler.passes import RULES
from rnnbp.compiler.step import step_code
from rnnbp.graph.layout import Layout
from rnnbp.runners.numpy.program import functions, sizes_of
from tests import models
from tests.programs import cells

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
    """One Dense of two inputs for all gates, in another order; factors and terms in another order too."""
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
    a, b = (functions(cell.cell, (N_IN,)) for cell in (model, whole))
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


@pytest.mark.parametrize("without", [(), ("recomputed",), ("hoisted",), RULES], ids=str)
@pytest.mark.parametrize("cell", [*models.CELLS, "convolution"])
def test_bytes_kept_are_those_of_the_tape(cell: str, without: tuple[str, ...]) -> None:
    convolution = cell == "convolution"
    model = (
        models.conv_cell(2, 5, "float64") if convolution else models.CELLS[cell](N_IN, N, "float64")
    )
    found, batch = rb.explain(model, batch=6, without=without), 6
    sizes = sizes_of(
        Layout(model.cell, (1, 5) if convolution else (N_IN,), batch, np.dtype("float64")),
        frozenset(without),
    )
    assert found.bytes_per_step == sizes.tape_bytes(9) - sizes.tape_bytes(8)
    assert found.bytes_per_step == batch * sum(kept.nbytes or 0 for kept in found.kept)
    assert "hoisted" in without or "rows next to these" not in {kept.name for kept in found.kept}
    assert max(map(len, str(found).splitlines())) <= 100


@pytest.mark.parametrize("without", [(), RULES], ids=str)
@pytest.mark.parametrize("cell", [*models.CELLS, "formulas"])
def test_every_operation_is_counted_once(cell: str, without: tuple[str, ...]) -> None:
    model = formulas() if cell == "formulas" else models.CELLS[cell](N_IN, N, "float64")
    found, step = (
        rb.explain(model, without=without),
        step_code(model.cell, (N_IN,), frozenset(without)),
    )
    for code, lines in ((step.forward.code, found.forward), (step.backward.code, found.backward)):
        counted = [
            flops(op, code.values) for op in code.ops if (op.name, op.attr) != ("grad_linear", None)
        ]
        dx = sum(
            line.flops or 0 for line in lines if line.when == "chunk" and line.text.startswith("dx")
        )
        assert sum(line.flops or 0 for line in lines) == sum(n or 0 for n in counted) + dx


def formulas() -> rb.Recurrent:
    """Every way to put formulas together: brackets, rows of rows, rows put side by side, a sum too long for a line."""
    x, h = rb.Input(N_IN), rb.State(N, "h")
    a, b = (rb.Dense((N_IN, N), N, dtype="float64", rng=k)(x, h) for k in range(2))
    first, second = rb.Split(1, 3)(a)
    _, third = rb.Split(1, 2)(second)
    turned = rb.Concat(2, 1, 1)(third, first, rb.Slice(N, 0, 1)(b))
    c = a - (b - 0.5 * (a + turned)) * (2 - a * a)
    long = (
        rb.Tanh()(a * 3 - 0.3)
        + rb.Tanh()(b * 5 - 0.3)
        + rb.Tanh()(turned * 7 - 0.3)
        + rb.Sigmoid()(c) * rb.ReLU()(b)
    )
    return rb.Recurrent(rb.Cell(x, {h: rb.Tanh()(long - (c + -1 * turned))}, output=c * long))


READ = {
    name: models.CELLS[name]
    for name in ("rnn tanh", "rnn relu", "lstm", "gru reset after", "gru reset before")
}
READ |= {
    "normalised": models.CELLS["minimal gated unit, normalised"],
    "formulas": lambda *_: formulas(),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "without",
    [(), ("joined",), ("scaled tanh", "products"), ("gathered", "turned"), RULES],
    ids=str,
)
@pytest.mark.parametrize("cell", READ)
def test_the_text_is_what_is_computed(cell: str, without: tuple[str, ...]) -> None:
    """One step, forward and backward, by the printed lines and the printed weights: the gradients of ``bptt``."""
    model = READ[cell](N_IN, N, "float64")
    found, rng = rb.explain(model, without=without), np.random.default_rng(2)
    x, dy, *state = (rng.normal(size=n) for n in (N_IN, N, *[N] * len(model.cell.state_shapes)))
    names = [name for name, _ in found.inputs[1:]]
    env = run(
        found,
        model,
        {"x": x, "dy": dy}
        | dict(zip(names, state, strict=True))
        | {f"d{name}_": 0.0 for name in names},
    )
    given = tuple(s[None] for s in state)
    real = rb.bptt(
        model, x[None, None], dy[None, None], lambda y, target: (0.0, target), state=(given,)
    )
    assert real.dx is not None
    np.testing.assert_allclose(env["dx"], real.dx[0, 0], atol=1e-12)
    for name, after, before in zip(names, real.state[0], real.dstate[0], strict=True):
        np.testing.assert_allclose(env[f"{name}_"], after[0], atol=1e-12)
        np.testing.assert_allclose(env[f"d{name}"], before[0], atol=1e-12)
    grads = {name: np.zeros_like(grad) for name, grad in real.grads.items()}
    for packed in found.packed:
        if packed.name.startswith("G"):
            at = 0
            for part in packed.of:
                for name, start, stop, _ in rows_of(part, model):
                    grads[name][start:stop] += env[packed.name][at : at + stop - start]
                at += stop - start
    for name, grad in real.grads.items():
        np.testing.assert_allclose(grads[name], grad, atol=1e-12, err_msg=name)


def run(found: rb.Explanation, model: rb.Recurrent, env: dict[str, Any]) -> dict[str, Any]:
    """The values of an explanation's lines."""

    def normal_back(d: np.ndarray, y: np.ndarray, slope: np.ndarray) -> np.ndarray:
        return slope * (d - d.mean() - y * (d * y).mean())

    def normal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slope = np.atleast_1d(1 / np.sqrt(x.var() + 1e-5))
        return (x - x.mean()) * slope, slope

    env |= {
        "tanh": np.tanh,
        "σ": lambda z: 1 / (1 + np.exp(-z)),
        "relu": lambda z: np.maximum(z, 0),
    }
    env |= {"np": np, "normal": normal, "normal_": normal_back}
    for packed in found.packed:
        if not packed.name.startswith("G"):
            params = model.params
            env[packed.name] = np.concatenate(
                [sum(f * params[n][a:b] for n, a, b, f in rows_of(p, model)) for p in packed.of]
            )
    for line in [*found.forward, *found.backward]:
        target, formula = python(line.text).split(" = ")
        name = target.split("[")[0]
        if "[" in target and name not in env:
            env[name] = np.full(100, np.nan)
        exec(f"{target} = {formula}", env)
        for key in [
            key
            for key, value in env.items()
            if isinstance(value, np.ndarray) and value.shape == (100,)
        ]:
            if not np.isnan(env[key][: line_rows(found, key)]).any():
                env[key] = env[key][: line_rows(found, key)]
    return env


def line_rows(found: rb.Explanation, name: str) -> int:
    """The rows of a value that is made in parts."""
    ends = [
        int(end)
        for line in (*found.forward, *found.backward)
        for end in re.findall(rf"^{name}\[\d+:(\d+)\] =", line.text.replace("′", "_"))
    ]
    return max(ends)


def python(text: str) -> str:
    """A printed line as Python."""
    text = (
        text.replace("′", "_")
        .replace("⊙", "*")
        .replace("½", "0.5")
        .replace("²", "**2")
        .replace("−", "-")
    )
    text = re.sub(
        r"= Σ \(([^)]*)\)", lambda m: f"= np.concatenate([{m[1].replace(';', ',')}])", text
    )
    text = re.sub(r"= Σ ", "= ", text)
    text = re.sub(
        r"\(([^()]*;[^()]*)\)", lambda m: f"np.concatenate([{m[1].replace(';', ',')}])", text
    )
    text = re.sub(r"^(G\d+) = (.*) (\S+)ᵀ$", r"\1 = np.multiply.outer(\2, \3)", text)
    text = re.sub(r"(W\d+)ᵀ ", r"\1.T @ ", text)
    text = re.sub(r"(W\d+) ", r"\1 @ ", text)
    text = re.sub(r"\[([^\]]* > 0)\]", r"(\1)", text)
    return re.sub(r"(?<![\w.])(-?\d+\.?\d*) (?=[\w(])", r"\1 * ", text)


FACTORS = {"": 1.0, "−": -1.0, "½·": 0.5}


def rows_of(part: str, model: rb.Recurrent) -> list[tuple[str, int, int, float]]:
    """(parameter, first row, last row + 1, factor) of each term."""
    found = []
    for term in part.replace(" − ", " + −").split(" + "):
        factor, name, start, stop = re.fullmatch(
            r"(½·|−|)([\w.]+?)(?:\[(\d+):(\d+)\])?", term
        ).groups()
        found.append((name, int(start or 0), int(stop or len(model.params[name])), FACTORS[factor]))
    return found


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(model=cells(), without=st.sets(st.sampled_from(RULES)))
def test_any_cell_can_be_explained(model: rb.Recurrent, without: set[str]) -> None:
    found = rb.explain(model, batch=3, without=without)
    sizes = sizes_of(
        Layout(model.cell, model.cell.input_shapes[0], 3, model.cell.dtype or np.dtype("float32")),
        frozenset(without),
    )
    assert found.bytes_per_step == sizes.tape_bytes(2) - sizes.tape_bytes(1)
    assert all(kept.nbytes >= 0 for kept in found.kept)
    assert found.advance_flops_per_step <= found.flops_per_step
    made = [
        name
        for line in (*found.forward, *found.backward)
        if " = " in line.text
        for name in line.text.split(" = ")[0].split(", ")
    ]
    known = {
        "x",
        "dy",
        *(name for name, _ in found.inputs),
        *(f"d{name}′" for name, _ in found.inputs),
        *(n.split("[")[0] for n in made),
    }
    taken = {
        name
        for line in (*found.forward, *found.backward)
        for name in re.findall(r"\b(?:v\d+|s\d+|ds\d+)′?", line.text)
    }
    assert taken <= known
    assert "y" in known


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
    found = rb.explain(models.network_in_cell(N_IN, N, "float32"))
    assert found.opaque == ("Softplus()", "Dropout(0.3)", "Dropout(0.2)", "ELU(1.0)")
    assert ("after", "y[0:3] = Dropout(0.2)(s0′[1:4])", None) in {
        (e.when, e.text, e.flops) for e in found.forward
    }
    assert "apart from what Softplus(), Dropout(0.3), Dropout(0.2), ELU(1.0) do" in " ".join(
        str(found).split()
    )
    assert (
        "runs by NumPy under every backend that compiles, because Softplus(), Dropout"
        in " ".join(str(found).split())
    )
    assert str(rb.explain(rb.RNN(2, 3))).endswith(
        "runs as machine code under the backend llvm, by NumPy under numpy"
    )
    x, h = rb.Input(3), rb.State(4, "h")
    own = rb.explain(rb.Cell(x, {h: Own()(rb.Dense((3, 4), 4)(x, h))}, output=h))
    assert own.bytes_per_step is None
    assert "Own() not declared" in str(own)


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
