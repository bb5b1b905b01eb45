"""What must hold of a run apart from its gradients: random numbers, work left out, memory given back, arguments untouched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.actions import Backward, Drop, Load, Record, Store
from rnnbp.bptt import run as runs
from rnnbp.ledger import Ledger
from rnnbp.rng import Context, fold

MSE = rb.losses.MeanSquaredError()


def weighted(y: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    return float((y * weights).sum()), weights


def rand(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape)


class Plain(rb.Layer):
    """y = x, and a list of who ran: a layer of a person's own."""

    def __init__(self, label: str = "", runs: list[str] | None = None) -> None:
        self.params, self.label, self.runs = {}, label, runs if runs is not None else []

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        self.runs.append(self.label)
        return x, ()

    def backward_inputs(self, saved: Any, dy: np.ndarray) -> Any:
        return (dy,)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


def test_no_two_uses_of_dropout_share_a_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two layers, two uses of one layer, two cells, one cell twice, all steps: every mask is another."""
    seen: dict[tuple[int, int], bytes] = {}
    forward = rb.Dropout.forward

    def spy(self: rb.Dropout, x: np.ndarray, *, context: Context) -> Any:
        y, saved = forward(self, x, context=context)
        for k, mask in enumerate(saved[0] if saved[0].ndim == 3 else saved[0][None]):
            seen[context.place, context.step + k] = mask.tobytes()
        return y, saved

    def recurrent() -> rb.Recurrent:
        x, h, drop = rb.Input(200), rb.State(200), rb.Dropout(0.5)
        return rb.Recurrent(rb.Cell(x, {h: h}, output=drop(x) + drop(h)))

    monkeypatch.setattr(rb.Dropout, "forward", spy)
    x, shared, drop = rb.Input(200), recurrent(), rb.Dropout(0.5)
    graph = rb.Graph(x, drop(x) + drop(shared(shared(x))) + recurrent()(x) + rb.Dropout(0.5)(x))
    rb.bptt(graph, np.ones((5, 2, 200)), np.ones((5, 2, 200)), weighted, chunk=2)
    assert len(seen) == 5 * (3 + 3 * 2)  # three uses outside, two in each of three cells
    assert len(set(seen.values())) == len(seen)


@pytest.mark.parametrize("seed", [0, 2**32, 2**63, 2**63 + 10**6, 2**64 - 2])
def test_neighbouring_seeds_draw_different_numbers(seed: int) -> None:
    assert not np.array_equal(
        Context(seed=seed).uniform((64,)), Context(seed=seed + 1).uniform((64,))
    )


def test_seed_and_place_do_not_mix() -> None:
    assert not np.array_equal(
        Context(seed=1).uniform((64,)), Context(seed=0, place=1).uniform((64,))
    )
    assert (
        len({fold(5), fold(5, 0), fold(5, 1), fold(5 + (1 << 32)), fold(0, 5), fold(5, 0, 0)}) == 6
    )


def test_streams_of_steps_do_not_overlap() -> None:
    draws = [Context(seed=1, step=step).uniform((4096,)) for step in range(4)]
    for later in draws[1:]:
        assert len(np.intersect1d(draws[0], later)) < 10  # of 24 bits, about one by chance


def test_a_chunk_draws_the_numbers_of_its_steps() -> None:
    chunk = Context(seed=1, step=3, length=4).uniform((4, 2, 5))
    for k in range(4):
        np.testing.assert_array_equal(chunk[k], Context(seed=1, step=3 + k).uniform((2, 5)))
    assert 0.45 < Context(seed=1).uniform((10_000,)).mean() < 0.55


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


def test_evaluation_draws_no_dropout() -> None:
    model = rb.Sequential(rb.Dense(3, 2, rng=0, dtype="float64"), rb.Dropout(0.5))
    x, target = rand(5, 2, 3), rand(5, 2, 2)
    expected = ((rb.predict(model, x)[0] - target) ** 2).mean()
    assert rb.evaluate(model, x, target, MSE)[0] == pytest.approx(expected, rel=1e-13)
    assert rb.bptt(model, x, target, MSE, training=False).loss == pytest.approx(expected, rel=1e-13)


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


class Doubling(Plain):
    """Promotes float32 to float64, as NumPy does with a float64 scalar."""

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        return x * np.float64(2.0), ()


def in_cell(layer: rb.Layer) -> rb.Recurrent:
    x, h = rb.Input(3), rb.State(3)
    return rb.Recurrent(
        rb.Cell(x, {h: rb.Tanh()(layer(rb.Dense((3, 3), 3, rng=0)(x, h)))}, output=h)
    )


@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
@pytest.mark.parametrize("build", [in_cell, lambda layer: rb.Sequential(rb.Dense(3, 3), layer)])
def test_a_layer_that_changes_the_dtype_is_named(build: Any, checkpoint: str) -> None:
    with pytest.raises(
        rb.DtypeError,
        match=r"Doubling\(\): its output has dtype float64, the parameters .* float32",
    ):
        rb.bptt(
            build(Doubling()),
            rand(4, 2, 3),
            rand(4, 2, 3),
            weighted,
            chunk=1,
            checkpoint=checkpoint,
        )


class Wrong(Plain):
    """A layer with a weight whose methods return what the test gives."""

    def __init__(self, **returns: Any) -> None:
        self.params, self.returns = {"w": np.ones(3, np.float32)}, returns

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        return x * self.params["w"], self.returns.get("saved", (x,))

    def backward_inputs(self, saved: Any, dy: np.ndarray) -> Any:
        return self.returns.get("deltas", lambda dy: (dy,))(dy)

    def backward_params(self, saved: Any, dy: np.ndarray) -> Any:
        return self.returns.get("grads", {"w": np.zeros(3)})


BROKEN: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a scalar gradient": (
        {"grads": {"w": np.float32(1)}},
        rb.ShapeError,
        r"gradient of w must have shape \(3,\), found \(\)",
    ),
    "no gradient": ({"grads": {}}, TypeError, r"must return \['w'\], found \[\]"),
    "another gradient": ({"grads": {"w": np.zeros(3), "v": 1}}, TypeError, r"found \['w', 'v'\]"),
    "saved is an array": (
        {"saved": np.ones(3)},
        TypeError,
        "must save a tuple of arrays, found ndarray",
    ),
    "a bare delta": (
        {"deltas": lambda dy: dy},
        TypeError,
        "must return a tuple of 1 deltas, found ndarray",
    ),
    "two deltas": (
        {"deltas": lambda dy: (dy, dy)},
        TypeError,
        "must return a tuple of 1 deltas, found 2 deltas",
    ),
    "a summed delta": (
        {"deltas": lambda dy: (dy.sum(axis=0),)},
        rb.ShapeError,
        r"delta 0 has shape .*, expected .*; give it the shape of input 0",
    ),
}


@pytest.mark.parametrize(
    "build", [in_cell, lambda layer: rb.Sequential(rb.Dense(3, 3), layer)], ids=["cell", "head"]
)
@pytest.mark.parametrize("case", BROKEN)
def test_a_layer_that_breaks_the_contract_is_named(case: str, build: Any) -> None:
    returns, error, message = BROKEN[case]
    with pytest.raises(error, match=rf"Wrong\(\).*{message}"):
        rb.bptt(build(Wrong(**returns)), rand(4, 5, 3), rand(4, 5, 3), weighted, chunk=2)


def spoil_outputs(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    y -= target
    return float((y**2).sum()), 2 * y


def spoil_target(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    target -= y
    return float((target**2).sum()), -2 * target


@pytest.mark.parametrize("loss", [spoil_outputs, spoil_target])
def test_a_loss_that_writes_to_its_arguments_is_stopped(loss: Any) -> None:
    target = rand(4, 2, 4)
    with pytest.raises(ValueError, match="read-only"):
        rb.bptt(rb.RNN(3, 4, rng=0), rand(4, 2, 3), target, loss)
    np.testing.assert_array_equal(target, rand(4, 2, 4))


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


def test_check_sees_a_wrong_sign_and_small_gradients() -> None:
    class Minus(Plain):
        def __init__(self, scale: float) -> None:
            super().__init__()
            self.scale = scale

        def backward_inputs(self, saved: Any, dy: np.ndarray) -> Any:
            return (-dy,)

    for scale in (1.0, 1e-8):
        x = rb.Input(3)
        with pytest.raises(rb.GradientError):
            rb.check_grads(rb.Graph(x, Minus(scale)(x) * scale), (rand(2, 3),))


def test_check_needs_samples_and_fitting_arguments() -> None:
    with pytest.raises(ValueError, match="samples must be at least 1, found 0"):
        rb.check_grads(rb.Tanh(), (rand(2, 3),), samples=0)
    with pytest.raises(
        TypeError, match=r"a tuple of inputs is for a Layer or Graph, found LSTM\(3, 4\)"
    ):
        rb.check_grads(rb.LSTM(3, 4), (rand(2, 2, 3),))


LATE: dict[str, tuple[Any, type[Exception], str]] = {
    "horizon 0 with a chunk": (lambda: run(chunk=2, horizon=0), ValueError, "horizon must be at least 1, found 0"),
    "horizon of text": (lambda: run(chunk=2, horizon="4"), TypeError, "horizon must be an integer, found '4'"),
    "horizon 2.0": (lambda: run(chunk=2, horizon=2.0), TypeError, "horizon must be an integer, found 2.0"),
    "beyond float32": (lambda: run(x=np.full((100, 2, 3), 1e300)), ValueError, r"x is 1e\+300 at \[0, 0, 0\], beyond float32"),
    "state beyond float32": (lambda: run(state=(np.full((2, 4), 1e300),)), ValueError, r"state 0, h is 1e\+300 at \[0, 0\], beyond"),
    "no pair": (lambda: run(loss=lambda y, t: 0.0), TypeError, r"must return \(value, dy\), found float"),
    "no value": (lambda: run(loss=lambda y, t: (None, y)), TypeError, "returned the value None; it must be a real number"),
    "complex value": (lambda: run(loss=lambda y, t: (1j, y)), TypeError, "returned the value 1j"),
    "NaN late": (lambda: run(loss=nan_late), ValueError, r"returned dy = nan at \[70, 1, 2\]"),
}  # fmt: skip


def run(x: Any = None, loss: Any = weighted, **options: Any) -> Any:
    return rb.bptt(
        rb.GRU(3, 4, rng=0), rand(100, 2, 3) if x is None else x, rand(100, 2, 4), loss, **options
    )


def nan_late(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    dy = np.zeros_like(y)
    if np.array_equal(target, rand(100, 2, 4)[64:96]):
        dy[6, 1, 2] = np.nan
    return 0.0, dy


@pytest.mark.parametrize("case", LATE)
def test_errors_of_arguments(case: str) -> None:
    make, error, message = LATE[case]
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("inside", [True, False])
def test_a_late_symbol_out_of_range_is_found_before_anything_runs(inside: bool) -> None:
    x, h = rb.Input(()), rb.State(3)
    cell = rb.Cell(x, {h: rb.Tanh()(rb.Embedding(7, 3)(x) + h)}, output=h)
    model = rb.Recurrent(cell) if inside else rb.Sequential(rb.Embedding(7, 3), rb.RNN(3, 3))
    symbols = np.zeros((100, 2), int)
    symbols[70, 1] = 9
    with pytest.raises(IndexError, match=r"found 9 at \[70, 1\] of shape \(100, 2\)"):
        rb.bptt(model, symbols, rand(100, 2, 3), weighted)
