"""A NaN is NaN to machine code whatever its sign and payload."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import Array, address

if not find_spec("llvmlite"):
    pytest.skip("needs llvmlite", allow_module_level=True)

from rnnbp.machine import arrays, mathematics
from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from rnnbp.optim.extents import extents


def nans(bits: int, n: int = 4000) -> Array:
    """NaNs: quiet, signalling, of both signs, every bit of the payload, random payloads."""
    fraction, rng = {32: 23, 64: 52}[bits], np.random.default_rng(0)
    kind = np.dtype(f"u{bits // 8}")
    payload = np.concatenate(
        [1 << np.arange(fraction), rng.integers(1, 1 << fraction, n), [(1 << fraction) - 1]]
    )
    exponent = np.array(((1 << (bits - fraction - 1)) - 1) << fraction, kind)
    found = payload.astype(kind) | exponent
    both = np.concatenate([found, found | kind.type(1 << (bits - 1))])
    return both[: len(both) // 4 * 4].view(f"f{bits // 8}")


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid"])
def test_functions(name: str, bits: int) -> None:
    t = Text(Lanes(bits, 4))
    with t.loop(0, "%n", 4) as loop:
        t.store(
            getattr(mathematics, name)(t, t.load(t.at("%x", loop.index))), t.at("%y", loop.index)
        )
    library = Library(
        "\n".join([*sorted(t.needs), t.function("run", ["ptr %x", "ptr %y", "i64 %n"])])
    )
    x = nans(bits)
    y = np.zeros_like(x)
    library.function("run", 3)(address(x), address(y), len(x))
    assert np.isnan(y).all()


@pytest.mark.parametrize("bits", [32, 64])
def test_softmax_of_the_loss(bits: int) -> None:
    x = nans(bits)
    y, out, ones = (
        np.stack([x, np.zeros_like(x)], axis=1),
        np.zeros((len(x), 2), x.dtype),
        np.ones_like(x),
    )
    tops, totals, _ = arrays.softmax(y, ones, np.zeros(len(x), np.int64), ones, out)
    for made in (out, tops, totals):
        assert np.isnan(made).all()


@pytest.mark.parametrize("bits", [32, 64])
def test_extents(bits: int) -> None:
    x = nans(bits)
    for k in range(0, len(x), 97):
        assert np.isnan(extents([np.array([1, x[k], 2], x.dtype)])[0].largest)


@pytest.mark.parametrize("backend", ["interpreter", "numpy", "llvm"])
@pytest.mark.parametrize(
    "layer", [rb.Sigmoid(), rb.Tanh(), rb.ReLU(), rb.Softmax(), rb.LayerNorm(2)], ids=str
)
def test_layers_of_a_cell(layer: rb.layers.base.Layer, backend: str) -> None:
    """The payload of a gain, which a product hands on; whoever looks refuses the parameter."""
    x, h = rb.Input(2), rb.State(2, "h")
    dense = rb.Dense(2, 2, rng=0)
    new = layer(dense(x) + h)
    model, bad = rb.Recurrent(rb.Cell(x, {h: new}, output=new)), nans(32)
    for k in range(1, len(bad), 401):
        dense.params["bias"][:] = bad[k]
        found = rb.bptt(
            model,
            np.ones((2, 1, 2), np.float32),
            None,
            lambda y, _: (0.0, np.ones_like(y)),
            backend=backend,
        )
        assert np.isnan(found.state[0][0]).all(), hex(bad[k : k + 1].view(np.uint32)[0])
