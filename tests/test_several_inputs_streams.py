"""Several inputs as streams, maps and under masks; what is padding in one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_arrays, assert_same_named
from tests.several_inputs import MODELS, data, named

T, B, N = 11, 3, 4
MSE = rb.losses.MeanSquaredError()
SERIES = ["mixed", "two series", "symbols"]


def of(model: str) -> tuple[Any, dict[str, np.ndarray], np.ndarray]:
    found = data(model, T, B, N)
    return MODELS[model][0](N), found.inputs, found.target


def pieces(array: np.ndarray, *ends: int) -> Iterator[np.ndarray]:
    yield from np.split(array, ends)


def streamed(model: str, inputs: dict[str, np.ndarray], which: str) -> Any:
    """The inputs, some as streams in pieces of their own."""
    ends = {"x": (2, 5), "z": (4,), "a": (1, 2, 8), "b": (), "g": (3,)}
    return {
        name: pieces(array, *ends[name]) if name in which and name != "s" else array
        for name, array in inputs.items()
    }


@pytest.mark.parametrize("which", ["xzabg", "zbg", "xa"])
@pytest.mark.parametrize("model", SERIES)
def test_streams_have_the_bits_of_arrays(model: str, which: str) -> None:
    built, inputs, target = of(model)
    plain = rb.bptt(built, inputs, target, MSE, chunk=4, dx=False)
    found = rb.bptt(built, streamed(model, inputs, which), target, MSE, chunk=4)
    assert found.loss == plain.loss
    assert_same_named(found.grads, plain.grads)
    assert found.dx is None


def test_a_stream_is_read_again_for_what_is_run_again() -> None:
    built, inputs, target = of("mixed")
    plain = rb.bptt(built, inputs, target, MSE, chunk=2, dx=False)
    for which in ("xz", "z"):
        found = rb.bptt(
            built, streamed("mixed", inputs, which), target, MSE, chunk=2,
            checkpoint=lambda n: rb.schedules.Revolve(n, 1), steps={"xz": T}.get(which),
        )  # fmt: skip
        assert_same_named(found.grads, plain.grads)


def test_streams_of_unknown_length_run_under_an_online_schedule() -> None:
    built, inputs, target = of("mixed")
    plain = rb.bptt(built, inputs, target, MSE, chunk=2)
    found = rb.bptt(
        built, streamed("mixed", inputs, "xz"), pieces(target, 6), MSE, chunk=2,
        checkpoint=rb.schedules.Online(2),
    )  # fmt: skip
    assert found.loss == plain.loss
    assert_same_named(found.grads, plain.grads)
    last, _ = rb.predict(built, streamed("mixed", inputs, "xz"), last=True)
    np.testing.assert_allclose(last, rb.predict(built, inputs)[0][-1], rtol=0, atol=1e-15)


def test_mapped_and_other_dtypes_and_orders(tmp_path: Path) -> None:
    built, inputs, target = of("mixed")
    plain = rb.bptt(built, inputs, target, MSE, chunk=4)
    np.save(tmp_path / "x.npy", inputs["x"])
    given = {
        "s": np.asfortranarray(inputs["s"]),
        "x": np.load(tmp_path / "x.npy", mmap_mode="r"),
        "z": np.asfortranarray(inputs["z"]),
    }
    found = rb.bptt(built, given, target, MSE, chunk=4, dx=True)
    assert_same_named(found.grads, plain.grads)
    assert_same_arrays(found.dx.values(), plain.dx.values())
    assert rb.bptt(built, given, target, MSE, chunk=4).dx is None
    single = {name: a.astype("float32") for name, a in inputs.items()}
    double = {name: a.astype("float64") for name, a in single.items()}
    one, other = (rb.bptt(built, x, target, MSE, chunk=4) for x in (single, double))
    assert_same_named(one.grads, other.grads)
    assert [dx.dtype for dx in one.dx.values()] == ["float64"] * 3


@pytest.mark.parametrize("name", ["x", "z"])
@pytest.mark.parametrize("stream", [False, True])
def test_padding_of_any_series_is_read_as_zero(name: str, stream: bool) -> None:
    built, inputs, target = of("mixed")
    lengths = np.array([11, 4, 7])
    mask = np.arange(T)[:, None] < lengths
    zeros = inputs | {name: np.where(mask[..., None], inputs[name], 0)}
    bad = inputs | {name: np.where(mask[..., None], inputs[name], np.nan)}
    plain = rb.bptt(built, zeros, target, MSE, mask=mask, chunk=4, dx=False)
    given = streamed("mixed", bad, name) if stream else bad
    found = rb.bptt(built, given, target, MSE, mask=mask, chunk=4, dx=False)
    assert found.loss == plain.loss
    assert_same_named(found.grads, plain.grads)
    assert found.lost == (1, 2)
    early = mask.copy()
    early[8, 1] = True
    with pytest.raises(ValueError, match=rf"x\['{name}'\] is nan at"):
        rb.bptt(built, bad, target, MSE, mask=early, chunk=4)


def test_one_iterator_for_two_inputs_is_refused() -> None:
    built, inputs, target = of("two series")
    both = pieces(inputs["a"], 3)
    with pytest.raises(TypeError, match="have one of them twice; give each its own"):
        rb.bptt(built, (both, both), target, MSE)


def test_inputs_are_neither_written_to_nor_held() -> None:
    built, inputs, target = of("mixed")
    x = named("mixed", inputs)
    copies = [array.copy() for array in x]
    for array in x:
        array.setflags(write=False)
    found = rb.bptt(built, x, target, MSE, chunk=3, checkpoint="sqrt")
    assert_same_arrays(x, copies)
    for dx in found.dx:
        dx += 1
