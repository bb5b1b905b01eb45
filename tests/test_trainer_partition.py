"""A Trainer whose optimiser is spread over processes, here threads: the bits of a whole one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import Array
from rnnbp.parallel import Alone, Exchange
from rnnbp.storage import load_tensors, save_tensors
from rnnbp.storage.header import written_order
from rnnbp.train.clipped_steps import checked
from tests.parallel_trainings import KINDS, everything
from tests.partitioned_trainings import OPTIONS, SHARDS, STEPS, data, trained, trainer
from tests.simulated_processes import Simulated, run


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


@pytest.mark.long
@pytest.mark.parametrize("kind", ["windows", "two outputs accumulated", "loader"])
def test_small_models_of_all_kinds_can_be_partitioned(kind: str) -> None:
    """Their parameters are one block, so that only one process updates them."""
    wanted = everything(KINDS[kind](Alone(shards=SHARDS)))
    for found in in_processes(3, lambda p: everything(KINDS[kind](p))):
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
        return everything(made)

    def second(parallel: Exchange) -> dict[str, Array]:
        made = trainer(parallel, "adam", clip_norm=0.5, folder=tmp_path)
        made.resume()
        made.fit(data(), steps=STEPS)
        return everything(made)

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
        return everything(made)

    wanted = trained(Alone(shards=SHARDS), "adam", steps=3)
    for found in in_processes(3, failing):
        assert_equal(found, wanted)


def own_grads(
    optimizer: rb.optim.Optimizer, grads: dict[str, Array], parallel: Exchange | None
) -> dict[str, Array]:
    """The elements of gradients that a process has; all where they are not spread."""
    if parallel is None:
        return grads
    optimizer.partition(parallel)
    assert optimizer.cut is not None
    return optimizer.cut.views(grads)


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
        own = own_grads(optimizer, grads, parallel)
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


def test_a_partitioned_optimiser_is_of_as_many_processes_as_its_trainer() -> None:
    model = rb.Sequential(rb.Dense(2, 2))
    optimizer = rb.optim.SGD(model)
    optimizer.partition(Alone(shards=1))

    def build(parallel: Exchange) -> None:
        with pytest.raises(ValueError, match=r"over 1 processes, and parallel=.* has 2"):
            rb.Trainer(model, optimizer, rb.losses.MeanSquaredError(), parallel=parallel)

    run(2, 2, build)


def test_sums_run_over_the_shards_of_the_trainer() -> None:
    wanted = trained(Alone(shards=3), "adam")
    made = trainer(Alone(shards=3), "adam")
    made.optimizer.partition(Alone(shards=1))
    made.fit(data(), steps=STEPS)
    assert_equal(everything(made), wanted)


def test_a_plan_counts_the_whole_state_so_that_any_number_of_processes_has_the_same() -> None:
    def held(parallel: Exchange) -> int:
        model = rb.Sequential(rb.LSTM(3, 70, rng=0), rb.Dense(70, 3, rng=1))
        optimizer = rb.optim.Adam(model)
        whole = optimizer.nbytes
        optimizer.partition(parallel)
        options = {"steps": 50, "batch": 4, "budget": "20 MB", "dx": False}
        plan = rb.plan(model, rb.losses.MeanSquaredError(), optimizer=optimizer, **options)  # type: ignore[arg-type]
        assert plan.held.optimizer == optimizer.whole_nbytes == whole > optimizer.nbytes
        return optimizer.nbytes

    assert len({*run(2, 2, held)}) == 2
