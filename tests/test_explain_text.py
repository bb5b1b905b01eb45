"""rb.explain: the text is what is computed, the figures are those of the step."""

from __future__ import annotations

import re
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
from rnnbp.runners.numpy.sizes import sizes_of
from tests import models
from tests.programs import cells

N_IN, N = 3, 4


@pytest.mark.parametrize("without", [(), ("recomputed",), ("hoisted",), RULES], ids=str)
@pytest.mark.parametrize("cell", [*models.CELLS, "convolution"])
def test_bytes_kept_are_those_of_the_tape(cell: str, without: tuple[str, ...]) -> None:
    convolution = cell == "convolution"
    model = (
        models.conv_cell(2, 5, "float64") if convolution else models.CELLS[cell](N_IN, N, "float64")
    )
    found, batch = rb.explain(model, batch=6, without=without), 6
    sizes = sizes_of(
        Layout(model.cell, ((1, 5) if convolution else (N_IN,),), batch, np.dtype("float64")),
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
        step_code(model.cell, ((N_IN,),), frozenset(without)),
    )
    for code, lines in ((step.forward.code, found.forward), (step.backward.code, found.backward)):
        counted = [flops(op, code.values) for op in code.ops]
        dx = sum(
            line.flops or 0 for line in lines if line.when == "chunk" and line.text.startswith("dx")
        )
        assert sum(line.flops or 0 for line in lines) == sum(n or 0 for n in counted) + dx


def formulas() -> rb.Recurrent:
    """Every way to put formulas together.

    Brackets, rows of rows, rows put side by side, a sum too long for a line.
    """
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


def arithmetic() -> rb.Recurrent:
    """Quotients, powers, choices, constants, with brackets where they are needed."""
    x, h = rb.Input(N_IN), rb.State(N, "h")
    a, b = (rb.Dense((N_IN, N), N, dtype="float64", rng=k)(x, h) for k in range(2))
    c = np.exp(0.1 * a) / (1 + b**2) - a / (np.sqrt(np.square(b) + 1) / (2 + abs(a)))
    d = rb.Maximum()(a * (1 / (b**2 + 1)), np.linspace(-1, 1, N) * (a + b)) - np.log(1 + abs(b))
    e = rb.Clip(-0.3, 0.2)(a) + rb.LeakyReLU(0.25)(b) * rb.ELU(0.75)(a - b) + rb.Softplus()(c)
    new = rb.Tanh()(c + rb.Minimum()(d, e) / 2)
    return rb.Recurrent(rb.Cell(x, {h: new}, output=e - 1 / (1 + abs(d)) + new))


READ = {
    name: models.CELLS[name]
    for name in ("rnn tanh", "rnn relu", "lstm", "gru reset after", "gru reset before")
}

READ |= {
    "normalised": models.CELLS["minimal gated unit, normalised"],
    "formulas": lambda *_: formulas(),
    "arithmetic": lambda *_: arithmetic(),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "without",
    [(), ("joined",), ("scaled tanh", "products"), ("gathered", "turned"), RULES],
    ids=str,
)
@pytest.mark.parametrize("cell", READ)
def test_the_text_is_what_is_computed(cell: str, without: tuple[str, ...]) -> None:
    """One step by the printed lines and the printed weights has the gradients of ``bptt``."""
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
    for packed in [packed for packed in found.packed if packed.name.startswith("G")]:
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
    env |= {
        "exp": np.exp,
        "log": np.log,
        "sqrt": np.sqrt,
        "max": np.maximum,
        "min": np.minimum,
        "clip": np.clip,
        "sign": np.sign,
        "softplus": lambda z: np.logaddexp(0, z),
        "leaky": lambda z, slope: np.where(z > 0, z, slope * z),
        "leaky_": lambda y, slope: np.where(y > 0, 1, slope),
        "elu": lambda z, alpha: np.where(z > 0, z, alpha * np.expm1(z)),
        "elu_": lambda y, alpha: np.where(y > 0, 1, y + alpha),
    }
    env |= {"np": np, "normal": normal, "normal_": normal_back}
    for packed in found.packed:
        if packed.name.startswith("k"):
            env[packed.name] = np.linspace(-1, 1, N)
        elif not packed.name.startswith("G"):
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
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text.replace("√", "sqrt"))
    one = r"((?:[^\[\]≤>]|\[[^\]]*\])*)"
    text = re.sub(rf"\[{one} ≤ {one} ≤ {one}\]", r"((\1 <= \2) & (\2 <= \3))", text)
    text = re.sub(rf"\[{one} > {one}\]", r"(\1 > \2)", text)
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
        Layout(model.cell, model.cell.input_shapes[:1], 3, model.cell.dtype or np.dtype("float32")),
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
