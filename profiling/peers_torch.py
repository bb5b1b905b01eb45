"""PyTorch: its own RNN, LSTM and GRU, and the two custom cells as modules that loop over the steps."""

from __future__ import annotations

import os
from typing import Any

import torch
from peers_literature_torch import MODULES, Loop
from peers_problem import GATES, Prepared, Problem, Results, posed
from processes import POOLS
from torch.nn import functional

BUILT_IN = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


class MGU(Loop):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        from_x = (
            functional.linear(x, self.weight_0_f, self.bias_f),
            functional.linear(x, self.weight_0_m, self.bias_m),
        )
        u_f, u_m, ys = self.weight_1_f.T, self.weight_1_m.T, []
        h = x.new_zeros(x.shape[1], len(self.bias_f))
        for x_f, x_m in zip(*map(torch.unbind, from_x), strict=True):
            f = torch.sigmoid(torch.addmm(x_f, h, u_f))
            m = torch.tanh(torch.addmm(x_m, f * h, u_m))
            h = torch.lerp(h, m, f)
            ys.append(h)
        return torch.stack(ys)


class Norm(Loop):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        u, size, ys = self.weight_1_a.T, self.bias_norm.shape, []
        h = x.new_zeros(x.shape[1], *size)
        for x_a in functional.linear(x, self.weight_0_a).unbind():
            a = torch.addmm(x_a, h, u)
            h = torch.tanh(functional.layer_norm(a, size, self.weight_norm, self.bias_norm))
            ys.append(h)
        return torch.stack(ys)


def built(problem: Problem) -> torch.nn.Module:
    if problem.cell not in GATES:
        return {"mgu": MGU, "norm": Norm, **MODULES}[problem.cell](problem.weights)
    model = BUILT_IN[problem.cell](
        problem.x.shape[2], problem.target.shape[2], dtype=torch.tensor(problem.x).dtype
    )
    model.load_state_dict(
        {f"{name}_l0": torch.tensor(array) for name, array in problem.weights.items()}
    )
    return model


def path_of(cell: str) -> str:
    """What computes a cell: "oneDNN", or "steps" where PyTorch goes from step to step by itself."""
    run, _ = prepared(posed(cell, [4, 2, 16, 16], "float32"))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        run()
    return "oneDNN" if any("mkldnn_rnn" in event.key for event in seen.key_averages()) else "steps"


def prepared(problem: Problem) -> Prepared:
    torch.set_num_threads(int(os.environ[POOLS[0]]))
    model, x, target = (
        built(problem),
        torch.tensor(problem.x, requires_grad=True),
        torch.tensor(problem.target),
    )

    def run() -> Any:
        model.zero_grad()
        x.grad = None
        y = model(x)
        y = y[0] if isinstance(y, tuple) else y
        functional.mse_loss(y, target).backward()
        return y

    def read(y: Any) -> Results:
        if problem.noisy:
            model.eval()
            y = run()
            model.train()
        grads = {
            name.removesuffix("_l0"): weight.grad.numpy()
            for name, weight in model.named_parameters()
        }
        return {"y": y.detach().numpy(), "x": x.grad.numpy(), **grads}

    return run, read
