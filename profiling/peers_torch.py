"""PyTorch: its own RNN, LSTM and GRU, and the two custom cells as modules that loop over the steps."""

from __future__ import annotations

import os
from typing import Any

import torch
from peers_literature_torch import MODULES, Loop
from peers_problem import GATES, Prepared, Problem, Results
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
        problem.x.shape[2], problem.dy.shape[2], dtype=torch.tensor(problem.x).dtype
    )
    model.load_state_dict(
        {f"{name}_l0": torch.tensor(array) for name, array in problem.weights.items()}
    )
    return model


def prepared(problem: Problem) -> Prepared:
    torch.set_num_threads(int(os.environ[POOLS[0]]))
    model, x, dy = (
        built(problem),
        torch.tensor(problem.x, requires_grad=True),
        torch.tensor(problem.dy),
    )

    def run() -> Any:
        model.zero_grad()
        x.grad = None
        y = model(x)
        y = y[0] if isinstance(y, tuple) else y
        y.backward(dy)
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
