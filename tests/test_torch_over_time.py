"""Both directions and packed sequences against live PyTorch, with random weights and states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import reals

torch = pytest.importorskip("torch")

KINDS: dict[str, tuple[Any, Any]] = {
    "rnn tanh": (rb.RNN, lambda *a, **k: torch.nn.RNN(*a, **k)),
    "rnn relu": (
        lambda *a, **k: rb.RNN(*a, activation="relu", **k),
        lambda *a, **k: torch.nn.RNN(*a, nonlinearity="relu", **k),
    ),
    "lstm": (rb.LSTM, lambda *a, **k: torch.nn.LSTM(*a, **k)),
    "gru": (rb.GRU, lambda *a, **k: torch.nn.GRU(*a, **k)),
}
T, B, N_IN, N = 17, 6, 4, 5
LENGTHS = np.array([9, 1, 17, 4, 9, 16])
PLACES = {"forward": "", "backward": "_reverse"}
MSE = rb.losses.MeanSquaredError()


def near(found: Any, expected: Any, what: str) -> None:
    """That the largest difference is 1e-12 of the largest value."""
    wanted = expected.detach().numpy()
    scale = max(1e-30, np.abs(wanted).max())
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * scale, err_msg=what)


def build(kind: str, layers: int, directions: int) -> tuple[rb.Sequential, Any]:
    """(ours, theirs), of the same random weights."""
    ours, theirs = KINDS[kind]
    blocks = []
    for k in range(layers):
        n_in = N_IN if k == 0 else N * directions
        parts = [ours(n_in, N, dtype="float64") for _ in range(directions)]
        blocks.append(rb.Bidirectional(*parts) if directions == 2 else parts[0])
    model, options = rb.Sequential(*blocks), {"num_layers": layers, "dtype": torch.float64}
    peer = theirs(N_IN, N, bidirectional=directions == 2, **options)
    rng = np.random.default_rng(1)
    with torch.no_grad():
        for path, array in model.params.items():
            array[...] = rng.uniform(-0.6, 0.6, array.shape)
            getattr(peer, in_torch(path)).copy_(torch.tensor(array))
    return model, peer


def in_torch(path: str) -> str:
    """The name there of a parameter, as ``0.backward.weight_ih`` or ``0.weight_ih``."""
    layer, *direction, name = path.split(".")
    return f"{name}_l{layer}{PLACES[direction[0]] if direction else ''}"


def packed(x: Any, lengths: np.ndarray) -> Any:
    return torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)


def run(peer: Any, x: np.ndarray, state: list[tuple[np.ndarray, ...]], target: np.ndarray) -> Any:
    """(loss, y, final states, x, initial states) of PyTorch on packed sequences."""
    series = torch.tensor(np.nan_to_num(x), requires_grad=True)
    starts = [torch.tensor(np.stack(s), requires_grad=True) for s in zip(*state, strict=True)]
    y, final = peer(packed(series, LENGTHS), tuple(starts) if len(starts) > 1 else starts[0])
    y = torch.nn.utils.rnn.pad_packed_sequence(y)[0]
    seen = torch.tensor(np.arange(T)[:, None] < LENGTHS)
    loss = ((y - torch.tensor(target)) ** 2)[seen].mean()
    loss.backward()
    return loss, y, final if isinstance(final, tuple) else (final,), series, starts


def padded(*features: int, seed: int) -> np.ndarray:
    """A series of numbers that is NaN past the end of each row."""
    found = reals(T, B, *features, seed=seed)
    found[np.arange(T)[:, None] >= LENGTHS] = np.nan
    return found


@pytest.mark.one_in(7, "kind")
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_packed_sequences(kind: str, layers: int, directions: int) -> None:
    """Rows in no order of lengths: outputs, final states, gradients by all."""
    model, peer = build(kind, layers, directions)
    x, target = padded(N_IN, seed=2), np.nan_to_num(padded(N * directions, seed=3))
    parts = 2 if kind == "lstm" else 1
    state = [
        tuple(reals(B, N, seed=10 * k + j) for j in range(parts))
        for k in range(layers * directions)
    ]
    loss, y, final, series, starts = run(peer, x, state, target)
    given: dict[str, Any] = {"state": state, "lengths": LENGTHS, "chunk": 5}
    found = rb.bptt(model, x, target, MSE, checkpoint="sqrt", **given)
    ours, ends = rb.predict(model, x, **given)
    near(ours, y, "y")
    near(found.loss, loss, "loss")
    near(found.dx, series.grad, "dx")
    for part in range(parts):
        near(np.stack([s[part] for s in ends]), final[part], f"final state {part}")
        near(np.stack([s[part] for s in found.state]), final[part], f"final state {part} of bptt")
        near(np.stack([d[part] for d in found.dstate]), starts[part].grad, f"dstate {part}")
    for path, grad in found.grads.items():
        near(grad, getattr(peer, in_torch(path)).grad, path)


@pytest.mark.one_in(4, "kind")
@pytest.mark.parametrize("kind", KINDS)
def test_final_states_of_both_directions_are_learned_from(kind: str) -> None:
    """The loss is of the final states alone: a classifier, as it is written there."""
    model, peer = build(kind, 1, 2)
    pair, x = model[0], rb.Input(N_IN, "x")
    forward, backward = pair.forward, pair.backward
    ends = [forward(x, return_state=True)[1], backward(x, return_state=True)[1]]
    first = [end[0] if isinstance(end, tuple) else end for end in ends]
    joined = rb.Graph(x, rb.Concat(N, N)(*first))
    given, target = padded(N_IN, seed=2), reals(B, 2 * N, seed=3)
    found = rb.bptt(joined, given, target, MSE, lengths=LENGTHS, chunk=4, checkpoint="sqrt")
    series = torch.tensor(np.nan_to_num(given), requires_grad=True)
    final = peer(packed(series, LENGTHS))[1]
    h = final[0] if isinstance(final, tuple) else final
    loss = ((torch.cat([h[0], h[1]], -1) - torch.tensor(target)) ** 2).mean()
    loss.backward()
    near(found.loss, loss, "loss")
    near(found.dx, series.grad, "dx")
    for at, side in enumerate(PLACES.values()):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            near(found.grads[f"{at}.{name}"], getattr(peer, f"{name}_l0{side}").grad, name + side)


def test_the_largest_and_the_mean_over_time() -> None:
    """By hand there: masked by the lengths; of equal ones the first takes the gradient."""
    values = np.round(padded(N, seed=5) * 2) / 2  # many are equal
    series = torch.tensor(np.nan_to_num(values), requires_grad=True)
    seen = torch.tensor(np.arange(T)[:, None] < LENGTHS)[..., None]
    best = series.masked_fill(~seen, -np.inf).max(0).values
    mean = series.masked_fill(~seen, 0).sum(0) / torch.tensor(LENGTHS)[:, None]
    ends = series[torch.tensor(LENGTHS) - 1, torch.arange(B)]
    weights = torch.tensor(reals(B, 3 * N, seed=6))
    loss = ((torch.cat([best, mean, ends], -1) - weights) ** 2).mean()
    loss.backward()
    x = rb.Input(N, "x")
    y = rb.Concat(N, N, N)(rb.MaxOverTime()(x), rb.MeanOverTime()(x), rb.Last()(x))
    found = rb.bptt(rb.Graph(x, y), values, weights.numpy(), MSE, lengths=LENGTHS, chunk=3)
    near(found.loss, loss, "loss")
    near(found.dx, series.grad, "dx")
