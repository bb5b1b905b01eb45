"""Layers of a stack as lanes where it runs forward only: the bits of chunks that run one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import chain
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.forward_chunks import ForwardChunks
from tests.helpers import UseThreads, assert_same_arrays, reals
from tests.lane_models import MODELS, calls_of_lanes

pytest.importorskip("llvmlite")
forward_chunks = import_module("rnnbp.bptt.forward_chunks")  # rnnbp.bptt is a function
STEPS, BATCH, CHUNK = 103, 5, 5
CE = rb.losses.CrossEntropy()


def reading_x() -> rb.Graph:
    """A stack whose head reads x too."""
    x = rb.Input(6)
    top = rb.LSTM(8, 9, rng=1)(rb.GRU(6, 8, rng=0)(x))
    return rb.Graph(x, rb.Dense(15, 7, rng=2)(rb.Concat(6, 9)(x, top)))


ALL: dict[str, Callable[[], Any]] = MODELS | {
    "dropout behind": lambda: rb.Sequential(
        rb.LSTM(6, 8, rng=0), rb.LSTM(8, 9, rng=1), rb.Dropout(0.3), rb.Dense(9, 7, rng=2)
    ),
    "reading x": reading_x,
}
RUN = {"reading x": False}
"""Whether lanes run, where they do not."""


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rounds of each call of lanes."""
    return calls_of_lanes(monkeypatch, lambda some, rounds: rounds)


def given(name: str, steps: int = STEPS) -> Any:
    symbols = np.random.default_rng(0).integers(0, 11, (steps, BATCH))
    return {"symbols": symbols}.get(name, reals(steps, BATCH, 6, dtype="float32"))


def numbers(found: Any) -> Iterator[Any]:
    """y or a loss, and the arrays of the state."""
    yield found[0]
    yield from chain.from_iterable(found[1])


def off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ForwardChunks, "_most", 1)


@pytest.mark.parametrize("name", ALL)
def test_predictions_have_the_bits_of_chunks_one_by_one(
    name: str, ran: list[int], monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    model, x = ALL[name](), given(name)
    kinds: list[dict[str, Any]] = [{}, {"last": True}, {"training": True, "seed": 3}]
    found = list[Any]()
    for count in (2, 1):
        use_threads(count)
        found += [rb.predict(model, x, chunk=CHUNK, **kind) for kind in kinds]
    assert bool(ran) == RUN.get(name, True)
    off(monkeypatch)
    expected = [rb.predict(model, x, chunk=CHUNK, **kind) for kind in kinds] * 2
    for one, other in zip(found, expected, strict=True):
        assert_same_arrays(numbers(one), numbers(other))
    np.testing.assert_allclose(
        found[0][0], rb.predict(model, x, chunk=STEPS)[0], rtol=1e-4, atol=1e-6
    )


def test_a_prediction_goes_on_from_a_state(ran: list[int], use_threads: UseThreads) -> None:
    use_threads(2)
    model, x = ALL["four"](), given("four")
    whole, end = rb.predict(model, x, chunk=CHUNK)
    first, state = rb.predict(model, x[:50], chunk=CHUNK)
    rest = rb.predict(model, x[50:], chunk=CHUNK, state=state)
    assert max(ran) == 20  # chunks of full length
    assert_same_arrays([np.concatenate([first, rest[0]])], [whole])
    assert_same_arrays(chain.from_iterable(rest[1]), chain.from_iterable(end))


def test_the_last_output_by_a_mask(
    ran: list[int], monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    use_threads(2)
    model, x, ends = ALL["two"](), given("two"), np.array([103, 4, 50, 51, 99])
    mask = np.arange(STEPS)[:, None] < ends
    found = rb.predict(model, x, chunk=CHUNK, mask=mask, last=True)
    off(monkeypatch)
    expected = rb.predict(model, x, chunk=CHUNK, mask=mask, last=True)
    y, _ = rb.predict(model, x, chunk=CHUNK, mask=mask)
    assert_same_arrays(numbers(found), numbers(expected))
    assert_same_arrays([found[0]], [y[ends - 1, range(BATCH)]])


@pytest.mark.parametrize("name", ["two", "symbols"])
def test_a_loss_has_the_bits_of_chunks_one_by_one(
    name: str, ran: list[int], monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    use_threads(2)
    model, x = ALL[name](), given(name)
    target = np.random.default_rng(1).integers(0, 7, (STEPS, BATCH))
    found = rb.evaluate(model, x, target, CE, chunk=CHUNK)
    assert ran
    off(monkeypatch)
    expected = rb.evaluate(model, x, target, CE, chunk=CHUNK)
    assert_same_arrays(numbers(found), numbers(expected))


def test_outputs_of_lanes_are_few_at_a_time(
    ran: list[int], monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    use_threads(2)
    monkeypatch.setattr(forward_chunks, "TOPS", 4 * CHUNK * BATCH * 7 * 4)
    rb.predict(ALL["two"](), given("two"), chunk=CHUNK, last=True)
    assert ran == [4] * 5


def test_a_stream_of_unknown_length_runs_chunk_by_chunk(
    ran: list[int], use_threads: UseThreads
) -> None:
    use_threads(2)
    model, x = ALL["two"](), given("two")
    found = rb.predict(model, iter(np.array_split(x, 7)), chunk=CHUNK, last=True)
    assert not ran
    assert_same_arrays([found[0]], [rb.predict(model, x, chunk=CHUNK)[0][-1]])
