"""rnnbp's cells: three that come with it, two written here as a user would."""

from __future__ import annotations

from typing import Any

from peers_literature_rnnbp import MODELS as LITERATURE
from peers_problem import Prepared, Problem, Results

import rnnbp as rb


def mgu(inputs: int, n: int, dtype: Any = "float32") -> rb.Recurrent:
    """f = σ(W x + U h + b), m = tanh(W x + U (f ⊙ h) + b), h′ = (1 − f) ⊙ h + f ⊙ m (Zhou et al. 2016)."""
    x, h = rb.Input(inputs), rb.State(n)
    f = rb.Sigmoid()(rb.Dense((inputs, n), n, dtype=dtype, name="f")(x, h))
    m = rb.Tanh()(rb.Dense((inputs, n), n, dtype=dtype, name="m")(x, f * h))
    h_new = (1 - f) * h + f * m
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


def norm(inputs: int, n: int, dtype: Any = "float32") -> rb.Recurrent:
    """h′ = tanh(LN(W x + U h)), LN with gain and bias (Ba et al. 2016, eq. 4)."""
    x, h = rb.Input(inputs), rb.State(n)
    a = rb.Dense((inputs, n), n, bias=False, dtype=dtype, name="a")(x, h)
    h_new = rb.Tanh()(rb.LayerNorm(n, dtype=dtype, name="norm")(a))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


MODELS = {"rnn": rb.RNN, "lstm": rb.LSTM, "gru": rb.GRU, "mgu": mgu, "norm": norm, **LITERATURE}


def prepared(problem: Problem, *, backend: str, chunk: int | None) -> Prepared:
    """``bptt`` with everything cached; ``backend`` and ``chunk`` are its own defaults where they are "default" and
    None; ``chunk`` 0 is the whole sequence."""
    x, target, loss = problem.x, problem.target, rb.losses.MeanSquaredError()
    model = MODELS[problem.cell](x.shape[2], problem.units, dtype=x.dtype)
    for name, array in model.params.items():
        array[...] = problem.weights[name]
    given: dict[str, Any] = {} if chunk is None else {"chunk": min(chunk or len(x), len(x))}
    given |= {} if backend == "default" else {"backend": backend}

    def run(**options: Any) -> rb.Gradients:
        return rb.bptt(model, x, target, loss, **given, **options)

    def read(found: rb.Gradients) -> Results:
        found = run(return_y=True, training=not problem.noisy)
        return {"y": found.y, "x": found.dx, **found.grads}

    return run, read
