"""What must hold of a run apart from its gradients: no needless work, no memory left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.actions import Backward, Drop, Load, Record, Store
from rnnbp.bptt import run as runs
from rnnbp.ledger import Ledger
from tests.plain_layers import MSE, Plain, rand, weighted


def late_output() -> rb.Recurrent:
    """The output is the entering state: at the last step no delta reaches the layers."""
    x, h, idle = rb.Input(3), rb.State(3), rb.State(3)
    h_new = rb.Tanh()(rb.Dense((3, 3), 3, rng=0)(x, h))
    return rb.Recurrent(rb.Cell(x, {h: h_new, idle: rb.Tanh()(x)}, output=h))


def one_reader() -> rb.Recurrent:
    """{h: x, c: h}: a delta that goes into x and no further back."""
    x, h, c = rb.Input(3), rb.State(3), rb.State(3)
    return rb.Recurrent(rb.Cell(x, {h: x, c: h}, output=rb.Tanh()(h * c)))


def one_next_value() -> rb.Recurrent:
    """Two states with the same next value."""
    x, h, c = rb.Input(3), rb.State(3), rb.State(3)
    value = rb.Tanh()(rb.Dense((3, 3, 3), 3, rng=0)(x, h, c * 0.5))
    return rb.Recurrent(rb.Cell(x, {h: value, c: value}, output=c))


def swapped() -> rb.Recurrent:
    """Two states that change places, one of them an output."""
    x, h, c = rb.Input(3), rb.State(3), rb.State(3)
    return rb.Recurrent(rb.Cell(x, {h: c, c: rb.Tanh()(h + x)}, output=h))


@pytest.mark.parametrize("chunk", [1, 2, 7])
@pytest.mark.parametrize("build", [late_output, one_reader, one_next_value, swapped])
def test_states_of_unusual_use(build: Any, chunk: int) -> None:
    model = build()
    state = [tuple(rand(2, 3) + k for k in range(2))]
    rb.check_grads(model, rand(7, 2, 3), state=state, chunk=chunk, checkpoint="sqrt")


def test_no_delta_for_x_is_zero_whatever_memory_held() -> None:
    x, h = rb.Input(3), rb.State(3)
    model = rb.Recurrent(rb.Cell(x, {h: rb.Tanh()(x)}, output=h))
    for _ in range(20):
        np.full((4, 2, 3), np.nan)
        assert not rb.bptt(model, rand(4, 2, 3), rand(4, 2, 3), weighted, chunk=4).dx[-1].any()


def test_advance_skips_what_feeds_no_state() -> None:
    runs: list[str] = []
    x, h = rb.Input(3), rb.State(3)
    h_new = rb.Tanh()(Plain("feeds", runs)(x) + h)
    cell = rb.Cell(x, {h: h_new}, output=Plain("output", runs)(h))
    model = rb.Sequential(rb.Recurrent(cell), Plain("head", runs))
    given: Any = {"chunk": 2, "checkpoint": lambda n: rb.schedules.EveryK(n, 1)}
    rb.bptt(model, rand(8, 1, 3), rand(8, 1, 3), weighted, backend="interpreter", **given)
    assert {k: runs.count(k) for k in ("feeds", "output", "head")} == {
        "feeds": 8 + 6,
        "output": 8,
        "head": 4,
    }
    runs.clear()
    rb.bptt(model, rand(8, 1, 3), rand(8, 1, 3), weighted, backend="numpy", **given)
    assert {k: runs.count(k) for k in ("feeds", "output", "head")} == {
        "feeds": 4 + 3,
        "output": 4,
        "head": 4,
    }


def test_a_wide_head_exists_for_one_chunk_only() -> None:
    model = rb.Sequential(rb.RNN(3, 4, rng=0), rb.Dense(4, 1000, rng=1))
    stats = rb.bptt(model, rand(64, 2, 3), rand(64, 2, 1000), MSE, chunk=1).stats
    assert stats.peak_bytes_by_kind["tape"] < 64 * 2 * 1000 * 4 / 10


@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
def test_the_ledger_is_empty_in_the_end(checkpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Ledger] = []

    class Spy(Ledger):
        def __init__(self, *external: Any) -> None:
            super().__init__(*external)
            kept.append(self)

    monkeypatch.setattr(runs, "Ledger", Spy)
    rb.bptt(
        rb.LSTM(3, 4, rng=0),
        rand(16, 2, 3),
        rand(16, 2, 4),
        weighted,
        chunk=2,
        checkpoint=checkpoint,
    )
    assert {k: v for k, v in kept[0].bytes.items() if v and k != "gradients"} == {}


def test_the_ledger_counts_the_owner_of_a_view_once() -> None:
    ledger, block, other = Ledger(), np.zeros(100), np.zeros(10)
    ledger.hold("tape", [block[:1], {"b": block[5:]}])
    ledger.hold("checkpoint", (block, other))
    assert dict(ledger.bytes) == {"tape": 800, "checkpoint": 80}
    ledger.release([block[:1], {"b": block[5:]}])
    assert ledger.total == 880
    ledger.release((block, other))
    assert ledger.total == 0
    with ledger.reserve("workspace", 500):
        ledger.hold("tape", other)
    assert (ledger.total, ledger.peak_bytes) == (80, 880)


def test_external_memory_is_not_counted() -> None:
    mine = np.zeros(100)
    ledger = Ledger([mine])
    ledger.hold("tape", mine[10:])
    assert ledger.total == 0


def test_a_tape_left_over_is_refused() -> None:
    with pytest.raises(rb.ScheduleError, match="leaks"):
        rb.simulate([Store(0), Record(0), Backward(0), Load(0), Record(0), Drop(0)], 1)


def test_a_given_float64_state_is_cast_to_the_model_s_dtype() -> None:
    found = rb.bptt(rb.GRU(3, 4, rng=0), rand(5, 2, 3), rand(5, 2, 4), MSE, state=(rand(2, 4),))
    assert {a.dtype for a in (*found.state[0], *found.dstate[0], found.dx)} == {np.dtype("float32")}


def test_results_share_no_memory_with_arguments() -> None:
    x, h = rb.Input(3), rb.State(3)
    model = rb.Recurrent(rb.Cell(x, {h: x}, output=h))
    data, state, dy = rand(4, 2, 3), rand(2, 3), rand(4, 2, 3)
    found = rb.bptt(model, data, dy, lambda y, dy: (0.0, dy), state=(state,))
    results = [
        found.dx,
        *found.dstate[0],
        *found.state[0],
        *rb.predict(model, data, state=(state,))[1][0],
    ]
    assert not any(np.shares_memory(a, b) for a in results for b in (data, state, dy))


def test_a_weight_tied_after_building_is_one_parameter() -> None:
    embedding, head = (
        rb.Embedding(5, 3, rng=0, dtype="float64"),
        rb.Dense(3, 5, rng=1, dtype="float64"),
    )
    model = rb.Sequential(embedding, head)
    head.params["weight"] = embedding.params["weight"]
    assert list(model.params) == ["0.weight", "1.bias"]
    x, target = np.random.default_rng(0).integers(0, 5, (2, 4, 3))
    rb.check_grads(model, x, target, rb.losses.CrossEntropy())


def test_replacing_a_parameter_says_how_to_write_into_it() -> None:
    model = rb.Sequential(rb.Dense(2, 2))
    with pytest.raises(TypeError, match=r"params\['0.bias'\]\[...\] = values"):
        model.params["0.bias"] = np.zeros(2)
