"""PyTorch: cells of the literature as modules that loop over the steps, what needs only x before the loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from peers_literature import EPS, LEAK, NOISE, ZONEOUT_C, ZONEOUT_H, connections
from torch import Tensor
from torch.nn import functional


class Loop(torch.nn.Module):
    """A cell with these weights; ``forward`` takes x (T, B, inputs) and gives y (T, B, units)."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        for name, array in weights.items():
            self.register_parameter(name, torch.nn.Parameter(torch.tensor(array)))

    def gates(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight_ih, self.bias_ih + self.bias_hh)

    def zeros(self, x: Tensor, units: int) -> Tensor:
        return x.new_zeros(x.shape[1], units)


class Peephole(Loop):
    def forward(self, x: Tensor) -> Tensor:
        from_x, u, ys = self.gates(x), self.weight_hh.T, []
        h = c = self.zeros(x, len(self.weight_ci))
        for x_t in from_x.unbind():
            i, f, g, o = torch.addmm(x_t, h, u).chunk(4, 1)
            i = torch.sigmoid(torch.addcmul(i, self.weight_ci, c))
            f = torch.sigmoid(torch.addcmul(f, self.weight_cf, c))
            c = f * c + i * torch.tanh(g)
            h = torch.sigmoid(torch.addcmul(o, self.weight_co, c)) * torch.tanh(c)
            ys.append(h)
        return torch.stack(ys)


class NormLSTM(Loop):
    def forward(self, x: Tensor) -> Tensor:
        rows, units = self.weight_norm_ih.shape, self.weight_norm_c.shape
        from_x = functional.linear(x, self.weight_ih)
        from_x = functional.layer_norm(from_x, rows, self.weight_norm_ih, self.bias_norm_ih, EPS)
        u, ys = self.weight_hh.T, []
        h = c = self.zeros(x, *units)
        for x_t in from_x.unbind():
            from_h = functional.layer_norm(h @ u, rows, self.weight_norm_hh, self.bias_norm_hh, EPS)
            i, f, g, o = (x_t + from_h).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            normal = functional.layer_norm(c, units, self.weight_norm_c, self.bias_norm_c, EPS)
            h = torch.sigmoid(o) * torch.tanh(normal)
            ys.append(h)
        return torch.stack(ys)


class Zoneout(Loop):
    def forward(self, x: Tensor) -> Tensor:
        from_x, u, ys = self.gates(x), self.weight_hh.T, []
        h = c = self.zeros(x, u.shape[0])
        for x_t in from_x.unbind():
            i, f, g, o = torch.addmm(x_t, h, u).chunk(4, 1)
            c_new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h_new = torch.sigmoid(o) * torch.tanh(c_new)
            c, h = self.mixed(c, c_new, ZONEOUT_C), self.mixed(h, h_new, ZONEOUT_H)
            ys.append(h)
        return torch.stack(ys)

    def mixed(self, old: Tensor, new: Tensor, rate: float) -> Tensor:
        if not self.training:
            return torch.lerp(new, old, rate)
        return torch.where(torch.rand_like(new) < rate, old, new)


class Dale(Loop):
    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        super().__init__(weights)
        kinds = connections(len(weights["bias_ih"]), weights["bias_ih"].dtype)
        self.register_buffer("kinds", torch.tensor(kinds))

    def forward(self, x: Tensor) -> Tensor:
        from_x = functional.linear(x, self.weight_ih, self.bias_ih)
        if self.training:
            from_x = from_x + NOISE * torch.randn_like(from_x)
        u, ys = (self.weight_hh.abs() * self.kinds).T, []
        h = self.zeros(x, len(self.bias_ih))
        for x_t in from_x.unbind():
            h = torch.lerp(h, torch.relu(torch.addmm(x_t, h, u)), LEAK)
            ys.append(h)
        return torch.stack(ys)


class MinGRU(Loop):
    def forward(self, x: Tensor) -> Tensor:
        z, new = functional.linear(x, self.weight_ih, self.bias_ih).chunk(2, 2)
        z, ys = torch.sigmoid(z), []
        h = self.zeros(x, z.shape[2])
        for z_t, new_t in zip(z.unbind(), new.unbind(), strict=True):
            h = torch.lerp(h, new_t, z_t)
            ys.append(h)
        return torch.stack(ys)


class LRU(Loop):
    def forward(self, x: Tensor) -> Tensor:
        size, turn = torch.exp(-torch.exp(self.nu_log)), torch.exp(self.theta_log)
        decay, gamma = torch.polar(size, turn), torch.exp(self.gamma_log)
        from_x, hs = torch.complex(*(gamma * part for part in self.b(x))), []
        h = torch.zeros_like(from_x[0])
        for x_t in from_x.unbind():
            h = torch.addcmul(x_t, decay, h)
            hs.append(h)
        states = torch.stack(hs)
        y = states.real @ self.weight_C_re.T - states.imag @ self.weight_C_im.T
        return y + self.weight_D * x

    def b(self, x: Tensor) -> tuple[Tensor, ...]:
        return functional.linear(x, self.weight_B).chunk(2, 2)


MODULES: dict[str, Any] = {
    "peephole": Peephole,
    "norm_lstm": NormLSTM,
    "zoneout": Zoneout,
    "dale": Dale,
    "mingru": MinGRU,
    "lru": LRU,
}
