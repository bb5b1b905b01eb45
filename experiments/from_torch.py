"""A network begins in PyTorch, learns from whole drives here within 32 MB, and goes on in ONNX.

A motor warms up: its winding within a minute, its magnets within a quarter of an hour, and neither
can be measured while it turns. An LSTM reads the current and the speed, a step a second, and says
both temperatures. Training in PyTorch sees the first two minutes of drives, in which no magnet has
warmed up. Here the same network, with the weights that it has, is trained on whole drives of 68
minutes. Gradients flow through all of their 4,096 steps, in a third of the memory that keeping
them would take. Then it is written as a file of ONNX, which onnxruntime reads, and goes back to
PyTorch. What each of them computes is compared with what this library does.

With the defaults the error on new drives, root mean square, is 16.7 K for the winding and 29.3 K
for the magnets after PyTorch, and 2.1 K and 1.6 K at the end.

It needs PyTorch, onnx and onnxruntime: python -m pip install 'rnnbp[torch,onnx]' onnxruntime

O. Wallscheid and J. Böcker, Global identification of a low-order lumped-parameter thermal network
for permanent magnet synchronous motors, IEEE Transactions on Energy Conversion 31 (1), 354-365,
2016, have motors of several such thermal masses; C. Tallec and Y. Ollivier, Can recurrent neural
networks warp time?, ICLR 2018, the first biases of the gates.
"""

import argparse
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

import rnnbp as rb

PARTS = ("winding", "magnets")
WITHIN = (40, 900)  # s: the time constants of both
KELVIN = 60  # what 1 stands for in the targets


def pieces(rng: np.random.Generator, steps: int, drives: int, mean: float) -> np.ndarray:
    """(T, B) Values in [0, 1) that stay for ``mean`` seconds on average."""
    fresh = rng.random((steps, drives))
    changes = rng.random((steps, drives)) < 1 / mean
    changes[0] = True
    last = np.maximum.accumulate(np.where(changes, np.arange(steps)[:, None], 0))
    return np.take_along_axis(fresh, last, axis=0)


def motor(x: np.ndarray) -> np.ndarray:
    """(T, B, 2) → (T, B, 2): how much warmer than its surroundings both parts are."""
    current, speed = x[..., 0], x[..., 1]
    heat = 0.9 * current**2 + 0.3 * speed**2
    y, winding, magnets = np.empty_like(x), np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for t, given in enumerate(heat):
        winding += (given + 0.5 * magnets - winding) / WITHIN[0]
        magnets += (winding + 0.1 * speed[t] ** 2 - magnets) / WITHIN[1]
        y[t, :, 0], y[t, :, 1] = winding, magnets
    return y


def drives(steps: int, count: int, seed: int, index: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Current and speed (T, B, 2), and both temperatures (T, B, 2), of drives that start cold."""
    rng = np.random.default_rng((seed, index))
    x = np.stack([pieces(rng, steps, count, mean) for mean in (30, 90)], axis=-1)
    return x.astype(np.float32), motor(x).astype(np.float32)


def in_torch(options: argparse.Namespace):
    """A module of PyTorch, trained on the first minutes of drives."""
    import torch
    from torch import nn

    class Motor(nn.Module):
        def __init__(self, units: int) -> None:
            super().__init__()
            self.rnn = nn.LSTM(2, units)
            self.head = nn.Linear(units, len(PARTS))
            gates, lasting = self.rnn.bias_ih_l0.data, torch.log(1 + 999 * torch.rand(units))
            gates[:units], gates[units : 2 * units] = -lasting, lasting  # units of 1 to 1,000 steps

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.rnn(x)[0])

    torch.manual_seed(options.seed)
    net = Motor(options.units)
    adam = torch.optim.Adam(net.parameters(), lr=options.lr)
    for index in range(options.torch_updates):
        x, y = map(torch.tensor, drives(options.torch_steps, 32, options.seed, index))
        loss = nn.functional.mse_loss(net(x), y)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adam.step()
    return net.eval()


def moved(net) -> rb.Sequential:
    """The module as a model. Its forward is Python, which is written anew: y of the LSTM, a head."""
    model = rb.Sequential(
        rb.interchange.from_torch(net.rnn, name="rnn"),
        rb.interchange.from_torch(net.head, name="head"),
    )
    print(model)
    return model


class WholeDrives:
    """Fresh drives in every batch, a function of (seed, epoch, index)."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.batches_per_epoch, self.batch_size = options.updates, options.batch
        self.steps, self.seed = options.steps, options.seed + 1

    def batch(self, epoch: int, index: int) -> rb.train.Batch:
        x, y = drives(self.steps, self.batch_size, self.seed, index)
        return rb.train.Batch(x, y, None, fresh=True)


def train(model: rb.Sequential, options: argparse.Namespace) -> None:
    """Train through whole drives within the budget, and say what it took."""
    loss, size = rb.losses.MeanSquaredError(), {"steps": options.steps, "batch": options.batch}
    kept = rb.forecast(model, loss, **size, dx=False).peak_bytes
    rate = rb.optim.Cosine(options.lr, options.updates)
    how = {"learning_rate": rate, "epochs": 1, "clip_norm": 1.0, "progress": False}
    tracemalloc.start()
    history = rb.fit(model, WholeDrives(options), loss, "adam", checkpoint=options.budget, **how)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    batch = 4 * options.steps * options.batch * (2 + len(PARTS))
    print(
        f"{history.steps} updates through {options.steps:,} steps of {options.batch} drives in "
        f"{history.seconds:.0f} s: peak {peak / 1e6:.1f} MB by tracemalloc, {batch / 1e6:.1f} MB of "
        f"it data, budget {options.budget} without these; to keep all would take {kept / 1e6:.0f} MB"
    )


def run_onnx(model: rb.Sequential, path: Path, x: np.ndarray) -> np.ndarray:
    """(T, B, 2) What onnxruntime computes from the file of the model."""
    import onnxruntime

    rb.interchange.to_onnx(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {session.get_inputs()[0].name: x})
    print(f"{path.name}: {path.stat().st_size:,} bytes")
    return y


def errors(y: np.ndarray, target: np.ndarray) -> str:
    """The root mean square error of both parts, in kelvin."""
    found = KELVIN * np.sqrt(((y - target) ** 2).mean(axis=(0, 1)))
    return ", ".join(f"{part} {error:.2f} K" for part, error in zip(PARTS, found, strict=True))


def compare(name: str, y: np.ndarray, other: np.ndarray) -> float:
    """Print the largest difference; what is computed is of the size 1."""
    found = float(np.abs(y - other).max())
    print(f"largest difference from {name}: {found:.1e}")
    return found


def main(torch_net: Callable[[argparse.Namespace], object] = in_torch) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, default=48)
    parser.add_argument("--torch-steps", type=int, default=120, help="T in PyTorch, seconds")
    parser.add_argument("--torch-updates", type=int, default=200)
    parser.add_argument("--steps", type=int, default=4096, help="T here, seconds")
    parser.add_argument("--batch", type=int, default=16, help="drives in a batch here")
    parser.add_argument("--updates", type=int, default=150, help="here")
    parser.add_argument("--budget", default="31 MB", help="bytes of training, without its data")
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--onnx", type=Path, default=None, help="where the model is written")
    options = parser.parse_args()

    x, target = drives(options.steps, 32, options.seed + 2)
    net = torch_net(options)
    import torch

    with torch.no_grad():
        y = net(torch.tensor(x)).numpy()
    print(f"after PyTorch, on new drives: {errors(y, target)}")
    model = moved(net)
    worst = compare("PyTorch", rb.predict(model, x)[0], y)
    train(model, options)
    y, _ = rb.predict(model, x)
    print(f"after whole drives: {errors(y, target)}")
    with tempfile.TemporaryDirectory() as folder:
        path = options.onnx or Path(folder) / "motor.onnx"
        worst = max(worst, compare("onnxruntime", y, run_onnx(model, path, x)))
    net.load_state_dict(rb.interchange.to_torch(model).state_dict())
    with torch.no_grad():
        worst = max(worst, compare("PyTorch, back again", y, net(torch.tensor(x)).numpy()))
    assert worst < 1e-4


if __name__ == "__main__":
    main()
