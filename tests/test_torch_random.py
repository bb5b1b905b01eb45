"""Random stacks of what PyTorch has too, against live PyTorch: outputs and every gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.generator.draws import Seeded
from tests.generator.runs import case_of

torch = pytest.importorskip("torch")


def peer_of(block: Any, weights: dict[int, Any]) -> Any:
    """What does in PyTorch what a layer does; ``weights``: tensors, by the id of parameters."""
    named = {key: weights[id(array)] for key, array in block.params.items()}
    if isinstance(block, rb.Dense):
        return lambda x: torch.nn.functional.linear(x, named["weight"], named.get("bias"))
    if isinstance(block, rb.Embedding):
        return lambda x: torch.nn.functional.embedding(x, named["weight"])
    if isinstance(block, rb.Recurrent):
        return _recurrent(block, named)
    return torch.tanh


def _recurrent(block: rb.Recurrent, named: dict[str, Any]) -> Any:
    kind = repr(block).split("(")[0]
    hidden, n_in = block.params["weight_hh"].shape[1], block.params["weight_ih"].shape[1]
    relu = any(isinstance(node.block, rb.ReLU) for node in block.cell.nodes)
    more = {"nonlinearity": "relu" if relu else "tanh"} if kind == "RNN" else {}
    module = getattr(torch.nn, kind)(
        n_in, hidden, bias="bias_ih" in named, dtype=torch.float64, **more
    )
    given = {f"{key}_l0": tensor for key, tensor in named.items()}
    return lambda x: torch.func.functional_call(module, given, (x,))[0]


@pytest.mark.parametrize("number", range(40))
def test_random_stacks(number: int) -> None:
    case = case_of(Seeded(77, number), portable=True)
    model, x = case.model, case.x
    weights = {
        id(array): torch.tensor(array, requires_grad=True) for array in model.params.values()
    }
    given = torch.tensor(x, requires_grad=x.dtype.kind == "f")
    values = {0: given}
    for node in model.nodes:
        values[node.outs[0]] = peer_of(node.block, weights)(values[node.args[0]])
    y = values[model.outputs[0]]
    dy = np.random.default_rng(number).normal(size=tuple(y.shape))
    (y * torch.tensor(dy)).sum().backward()
    options = {"chunk": case.options["chunk"]}
    np.testing.assert_allclose(
        rb.predict(model, x, **options)[0], y.detach().numpy(), rtol=0, atol=1e-12
    )
    for backend in ("interpreter", *case.backends):
        found = rb.bptt(
            model, x, dy, lambda _, dy: (0.0, dy), backend=backend, checkpoint="sqrt", **options
        )
        pairs = [
            (name, found.grads[name], weights[id(array)].grad)
            for name, array in model.params.items()
        ]
        pairs += [] if found.dx is None else [("dx", found.dx, given.grad)]
        for name, grad, wanted in pairs:
            np.testing.assert_allclose(
                grad, wanted.numpy(), rtol=0, atol=1e-11 * max(1, np.abs(grad).max()), err_msg=name
            )
