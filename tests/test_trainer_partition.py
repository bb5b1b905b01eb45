"""A Trainer whose optimiser is spread over processes, here threads: the bits of a whole one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import Array
from rnnbp.optim.base import Optimizer
from rnnbp.parallel import Alone, Exchange
from rnnbp.storage import load_tensors, save_tensors
from rnnbp.storage.header import written_order
from rnnbp.train.clipped_steps import checked
from tests.simulated_processes import Simulated, run

SHARDS, STEPS = 4, 5
RULES: dict[str, Callable[[rb.Sequential], Optimizer]] = {
    "sgd": lambda m: rb.optim.SGD(m, 0.05, momentum=0.9),
    "adam": lambda m: rb.optim.Adam(m, 0.02),
    "adamw": lambda m: rb.optim.AdamW(m, 0.02, groups={"*bias*": {"weight_decay": 0.0}, "2.*": {"learning_rate": 0.1}}),
    "rmsprop": lambda m: rb.optim.RMSProp(m, 0.02, frozen="0.bias*"),
    "adagrad": lambda m: rb.optim.Adagrad(m, 0.1),
}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "norm": {"clip_norm": 0.5},
    "value": {"clip_value": 0.01},
    "both": {"clip_norm": 0.05, "clip_value": 0.01},
    "none": {"learning_rate": rb.optim.Cosine(0.05, steps=STEPS)},
    "several": {"accumulate": 2, "clip_norm": 0.5},
}


def trainer(parallel: Exchange, rule: str, **options: object) -> rb.Trainer:
    """One of a small model, whose largest parameter has several blocks."""
    layers = rb.LSTM(3, 70, dropout=0.3, rng=0), rb.Dropout(0.2), rb.Dense(70, 3, rng=1)
    model = rb.Sequential(*layers)
    loss = rb.losses.MeanSquaredError()
    return rb.Trainer(model, RULES[rule](model), loss, parallel=parallel, **options)  # type: ignore[arg-type]


def data() -> rb.Sequences:
    """Ragged sequences."""
    rng = np.random.default_rng(0)
    x, lengths = rng.normal(size=(20, 6, 3)).astype("float32"), rng.integers(1, 7, 20)
    return rb.Sequences(x, x.cumsum(axis=1), batch_size=9, seed=1, lengths=lengths)


def figures(of: rb.Trainer) -> dict[str, Array]:
    """All that a run ends with, by name."""
    history = of.history
    state = {f"state {name}": array for name, array in of.optimizer.state_dict().items()}
    named = {name: p.copy() for name, p in of.model.params.items()}
    return {**named, **state, "losses": np.array(history.losses)}


def trained(
    parallel: Exchange, rule: str, steps: int = STEPS, **options: object
) -> dict[str, Array]:
    """What a run ends with."""
    made = trainer(parallel, rule, **options)
    made.fit(data(), steps=steps)
    return figures(made)


def in_processes(
    processes: int, work: Callable[[Simulated], dict[str, Array]]
) -> list[dict[str, Array]]:
    """What each process ends with, where the optimiser is partitioned."""

    def partitioned(parallel: Simulated) -> dict[str, Array]:
        parallel._partition = True
        return work(parallel)

    return run(processes, SHARDS, partitioned)


def assert_equal(found: dict[str, Array], wanted: dict[str, Array]) -> None:
    assert [*found] == [*wanted]
    for name, array in wanted.items():
        assert np.array_equal(found[name], array, equal_nan=True), name


@pytest.mark.parametrize(
    ("rule", "options", "processes"),
    [
        ("adam", "norm", 2),
        ("adamw", "both", 3),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in [("adam", "norm", 1), ("adam", "several", 4), ("sgd", "norm", 3), ("adamw", "none", 2), ("rmsprop", "value", 2), ("adagrad", "both", 4)]
        ),
    ],
)  # fmt: skip
def test_a_partitioned_run_has_the_bits_of_a_whole_one(
    rule: str, options: str, processes: int
) -> None:
    wanted = trained(Alone(shards=SHARDS), rule, **OPTIONS[options])
    for found in in_processes(processes, lambda p: trained(p, rule, **OPTIONS[options])):
        assert_equal(found, wanted)


@pytest.mark.parametrize(
    ("before", "after"),
    [(4, 3), *(pytest.param(*each, marks=pytest.mark.long) for each in [(2, 1), (1, 2)])],
)
def test_a_run_goes_on_in_another_number_of_processes(
    before: int, after: int, tmp_path: Path
) -> None:
    wanted = trained(Alone(shards=SHARDS), "adam", clip_norm=0.5)

    def first(parallel: Exchange) -> dict[str, Array]:
        made = trainer(parallel, "adam", clip_norm=0.5, folder=tmp_path)
        made.fit(data(), steps=2)
        return figures(made)

    def second(parallel: Exchange) -> dict[str, Array]:
        made = trainer(parallel, "adam", clip_norm=0.5, folder=tmp_path)
        made.resume()
        made.fit(data(), steps=STEPS)
        return figures(made)

    in_processes(before, first)
    for found in in_processes(after, second):
        assert_equal(found, wanted)


def test_a_snapshot_is_the_same_file_whoever_holds_the_state(tmp_path: Path) -> None:
    def saved(parallel: Exchange, folder: str) -> dict[str, Array]:
        made = trainer(parallel, "adamw", folder=tmp_path / folder)
        made.fit(data(), steps=2)
        return {}

    saved(Alone(shards=SHARDS), "whole")
    in_processes(3, lambda p: saved(p, "parts"))
    whole, parts = (
        load_tensors(tmp_path / name / "snapshot.safetensors")[0] for name in ("whole", "parts")
    )
    assert [*whole] == [*parts]
    assert all(np.array_equal(parts[name], array) for name, array in whole.items())


def test_a_snapshot_that_fails_is_an_error_in_all_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, arrays: dict[str, Array], _: object) -> None:
        np.asarray(arrays[next(name for name in written_order(arrays) if "/adam." in name)])
        raise rb.StorageError(f"{path}: no space is left")

    outcomes = chain([save_tensors, full], repeat(save_tensors))
    monkeypatch.setattr("rnnbp.train.snapshots.save_tensors", lambda *args: next(outcomes)(*args))

    def failing(parallel: Simulated) -> dict[str, Array]:
        made = trainer(parallel, "adam", folder=tmp_path / "run")
        with pytest.raises((rb.StorageError, RuntimeError), match="no space is left"):
            made.fit(data(), steps=1)
        made.fit(data(), steps=2)
        return figures(made)

    wanted = trained(Alone(shards=SHARDS), "adam", steps=3)
    for found in in_processes(3, failing):
        assert_equal(found, wanted)


@pytest.mark.parametrize(
    ("name", "at"), [("weight", (250, 60)), ("weight", (0, 0)), ("bias", (1,)), ("scale", ())]
)
def test_a_gradient_that_is_not_finite_is_the_same_error_in_all_processes(
    name: str, at: tuple[int, ...]
) -> None:
    params = {"weight": np.zeros((251, 70)), "bias": np.zeros(3, "float32"), "scale": np.zeros(())}
    grads = {name: p.copy() for name, p in params.items()}
    grads[name][at] = -np.inf

    def message(parallel: Exchange | None) -> str:
        optimizer = rb.optim.SGD({name: p.copy() for name, p in params.items()})
        own = grads
        if parallel is not None:
            optimizer.partition(parallel)
            assert optimizer.cut is not None
            own = optimizer.cut.views(grads)
        with pytest.raises(FloatingPointError) as caught:
            checked("step 1:", optimizer, own)
        return str(caught.value)

    wanted = message(None)
    assert wanted.startswith(f"step 1: the gradient of {name} is -inf")
    assert run(3, SHARDS, message) == [wanted] * 3


def test_callbacks_have_no_gradients_where_no_process_has_them_whole() -> None:
    def seen(parallel: Exchange) -> dict[str, Array]:
        events: list[object] = []
        made = trainer(parallel, "adam", callbacks=[lambda event: events.append(event.grads)])
        made.fit(data(), steps=2)
        assert events == [None, None]
        return {}

    in_processes(2, seen)


def test_a_partitioned_optimiser_needs_the_processes() -> None:
    model = rb.Sequential(rb.Dense(2, 2))
    optimizer = rb.optim.SGD(model)
    optimizer.partition(Alone(shards=1))
    with pytest.raises(ValueError, match="the optimizer is partitioned over processes; give paral"):
        rb.Trainer(model, optimizer, rb.losses.MeanSquaredError())
