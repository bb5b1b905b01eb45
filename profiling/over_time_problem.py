"""Networks over time, in rnnbp and in PyTorch, with the same numbers: what ``over_time.py`` times.

``rnnbp_run`` and ``torch_run`` take a problem to ``(run, read)``: ``run()`` is one forward and backward pass, all that
is timed; ``read(run())`` is the loss, and the gradients by x and by all weights, as arrays by name.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from processes import POOLS

Results = dict[str, np.ndarray]
Prepared = tuple[Callable[[], Any], Callable[[Any], Results]]
DIRECTIONS = ("", "_reverse")


@dataclass(frozen=True)
class Problem:
    """Layers of LSTM, of one direction or of both, with a mean squared error of every step that there is.

    Args:
        shape: (T, B, inputs, units).
        layers: one above the other.
        both: whether they run in both directions.
        ragged: whether rows have lengths, uniform in T / 10..T; otherwise all have T steps.
    """

    shape: tuple[int, int, int, int]
    layers: int = 1
    both: bool = False
    ragged: bool = False

    @property
    def lengths(self) -> np.ndarray:
        """(B,), in no order."""
        steps, batch = self.shape[:2]
        found = np.random.default_rng(1).integers(steps // 10, steps + 1, batch)
        found[batch // 2] = steps
        return found

    @property
    def share(self) -> float:
        """Σ length / (T · B)."""
        steps, batch = self.shape[:2]
        return float(self.lengths.sum()) / (steps * batch)

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """(x, target), float32."""
        steps, batch, inputs, units = self.shape
        rng, outputs = np.random.default_rng(0), units * (1 + self.both)
        x, target = (rng.standard_normal((steps, batch, n), np.float32) for n in (inputs, outputs))
        return x, target

    def weights(self) -> Results:
        """U(±1/√units), by PyTorch's names."""
        _, _, inputs, units = self.shape
        rng, found = np.random.default_rng(2), Results()
        for layer in range(self.layers):
            for direction in DIRECTIONS[: 1 + self.both]:
                n = units * (1 + self.both) if layer else inputs
                sizes = {"weight_ih": (n,), "weight_hh": (units,), "bias_ih": (), "bias_hh": ()}
                for name, more in sizes.items():
                    drawn = rng.uniform(-1, 1, (4 * units, *more)) / units**0.5
                    found[f"{name}_l{layer}{direction}"] = drawn.astype(np.float32)
        return found


def rnnbp_run(problem: Problem, options: dict[str, Any]) -> Prepared:
    """``bptt`` with ``options``; ``lengths=`` where rows have them."""
    import rnnbp as rb

    _, _, inputs, units = problem.shape
    (x, target), weights = problem.data(), problem.weights()
    parts = [
        [
            rb.LSTM(units * (1 + problem.both) if k else inputs, units, reverse=bool(direction))
            for direction in DIRECTIONS[: 1 + problem.both]
        ]
        for k in range(problem.layers)
    ]
    layers = [rb.Bidirectional(*both) if problem.both else both[0] for both in parts]
    names = dict[str, tuple[Any, str]]()
    for k, both in enumerate(parts):
        for layer, direction in zip(both, DIRECTIONS, strict=False):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                names[f"{name}_l{k}{direction}"] = layer.params, name
    for name, (params, own) in names.items():
        params[own][...] = weights[name]
    model = rb.Sequential(*layers) if len(layers) > 1 else layers[0]
    given = {"lengths": problem.lengths} if problem.ragged else {}
    loss = rb.losses.MeanSquaredError()

    def run() -> Any:
        return rb.bptt(model, x, target, loss, **given, **options)

    def read(found: Any) -> Results:
        owners = {id(array): path for path, array in model.params.items()}
        grads = {name: found.grads[owners[id(of[own])]] for name, (of, own) in names.items()}
        return {"loss": np.asarray(found.loss), "x": found.dx, **grads}

    return run, read


def torch_run(problem: Problem) -> Prepared:
    """``nn.LSTM``; of rows with lengths a packed sequence, whose target is packed before the clock runs."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence

    torch.set_num_threads(int(os.environ[POOLS[0]]))
    _, _, inputs, units = problem.shape
    model = torch.nn.LSTM(inputs, units, problem.layers, bidirectional=problem.both)
    model.load_state_dict({k: torch.tensor(array) for k, array in problem.weights().items()})
    numbers, targets = map(torch.tensor, problem.data())
    x, lengths = numbers.requires_grad_(), torch.tensor(problem.lengths)

    def packed(series: torch.Tensor) -> Any:
        return pack_padded_sequence(series, lengths, enforce_sorted=False)

    target = packed(targets).data if problem.ragged else targets

    def run() -> Any:
        model.zero_grad()
        x.grad = None
        y = model(packed(x))[0].data if problem.ragged else model(x)[0]
        loss = torch.nn.functional.mse_loss(y, target)
        loss.backward()
        return loss

    def read(loss: Any) -> Results:
        grads = {name: weight.grad.numpy() for name, weight in model.named_parameters()}
        return {"loss": loss.detach().numpy(), "x": x.grad.numpy(), **grads}

    return run, read
