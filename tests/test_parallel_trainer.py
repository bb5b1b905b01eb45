"""Trainings in shards: the bits of one process in any number of them, here threads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import NonFiniteError
from rnnbp.parallel import Alone, Exchange, ProcessError
from rnnbp.train import Batch, Event
from tests.parallel_trainings import (
    ALWAYS,
    KINDS,
    SHARDS,
    everything,
    network,
    of_sequences,
    ragged,
)
from tests.simulated_processes import run


def same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert [*found] == [*wanted]
    for name, array in wanted.items():
        assert np.array_equal(found[name], array, equal_nan=True), name


def kinds() -> list[object]:
    """All kinds, of which some are tried in long runs alone."""
    return [pytest.param(kind, marks=[] if kind in ALWAYS else pytest.mark.long) for kind in KINDS]


@pytest.mark.parametrize("kind", kinds())
def test_any_number_of_processes_has_the_bits_of_one(kind: str) -> None:
    wanted = everything(KINDS[kind](Alone(shards=SHARDS)))
    for processes in (2, 5):
        for found in run(processes, SHARDS, lambda p: everything(KINDS[kind](p))):
            same(found, wanted)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["two outputs", "two outputs accumulated", "loader"])
def test_shards_have_the_numbers_of_a_whole_batch(kind: str) -> None:
    whole, cut = everything(KINDS[kind](None)), everything(KINDS[kind](Alone(shards=SHARDS)))
    assert [*whole] == [*cut]
    for name, array in whole.items():
        np.testing.assert_allclose(cut[name], array, rtol=2e-4, atol=2e-6, err_msg=name)


@pytest.mark.parametrize(
    "shards", [3, pytest.param(1, marks=pytest.mark.long), pytest.param(40, marks=pytest.mark.long)]
)
def test_without_dropout_the_number_of_shards_changes_rounding_alone(shards: int) -> None:
    kind = of_sequences("float64", dropout=0.0)
    whole, cut = everything(kind(None)), everything(kind(Alone(shards=shards)))
    for name, array in whole.items():
        np.testing.assert_allclose(cut[name], array, rtol=1e-10, atol=1e-13, err_msg=name)


def test_shards_draw_numbers_of_their_own() -> None:
    kind = of_sequences("float32")
    whole, cut = kind(None).history.losses, kind(Alone(shards=2)).history.losses
    assert abs(whole[-1] / cut[-1] - 1) > 1e-3


@pytest.mark.parametrize(
    ("kind", "processes"),
    [
        ("windows", (3, 2)),
        pytest.param("ragged", (4, 2), marks=pytest.mark.long),
        pytest.param("windows", (1, 3), marks=pytest.mark.long),
        pytest.param("ragged", (3, 1), marks=pytest.mark.long),
    ],
)
def test_a_run_goes_on_with_another_number_of_processes(
    kind: str, processes: tuple[int, int], tmp_path: Path
) -> None:
    wanted = everything(KINDS[kind](Alone(shards=SHARDS), 7))
    first, second = processes
    run(first, SHARDS, lambda p: KINDS[kind](p, 3, folder=tmp_path, snapshot_every=2))
    assert (tmp_path / "snapshot.safetensors").is_file()
    for found in run(second, SHARDS, lambda p: everything(KINDS[kind](p, 7, folder=tmp_path))):
        same(found, wanted)
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 7


def test_a_run_with_other_shards_is_refused(tmp_path: Path) -> None:
    kind = of_sequences("float32")
    kind(Alone(shards=3), 2, folder=tmp_path)
    with pytest.raises(ValueError, match="parallel"):
        kind(Alone(shards=4), 4, folder=tmp_path)
    with pytest.raises(ValueError, match="parallel"):
        kind(None, 4, folder=tmp_path)


def failing_in_second(p: Exchange) -> Callable[[Event], None]:
    """A callback that fails in process 1, after its second step."""

    def callback(event: Event) -> None:
        if p.rank == 1 and event.metrics["step"] == 2:
            raise KeyError("of process 1")

    return callback


def stopping_in_second(p: Exchange) -> Callable[[Event], None]:
    """A callback that stops the run in process 1, after its third step."""

    def callback(event: Event) -> None:
        if p.rank == 1 and event.metrics["step"] == 3:
            event.trainer.stop("enough")

    return callback


def raised(p: Exchange, **options: object) -> Exception:
    try:
        of_sequences("float32")(p, **options)
    except Exception as error:  # what each process raises
        return error
    raise AssertionError("nothing was raised")


def test_an_error_of_one_callback_ends_all(tmp_path: Path) -> None:
    def errors(p: Exchange) -> Exception:
        return raised(p, folder=tmp_path, callbacks=[failing_in_second(p)])

    found = run(3, SHARDS, errors)
    assert [type(error) for error in found] == [ProcessError, KeyError, ProcessError]
    assert str(found[0]) == "in process 1 of 3: KeyError: 'of process 1'"
    trainer = rb.Trainer(network(), "adam", rb.losses.MeanSquaredError(), seed=2)
    trainer.resume(tmp_path, override=("everything",))
    assert trainer.history.steps == 2
    assert "in process 1 of 3" in found[1].__notes__
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2


def test_one_process_stops_all() -> None:
    def trained(p: Exchange) -> tuple[int, str]:
        past = of_sequences("float32")(p, callbacks=[stopping_in_second(p)]).history
        return past.steps, past.reason

    assert run(3, SHARDS, trained) == [(3, "enough")] * 3


class Source:
    """Batches of arrays, of which one has what a process finds bad."""

    batches_per_epoch = 4

    def __init__(self, bad: dict[int, float]) -> None:
        self.bad = bad

    def batch(self, epoch: int, index: int) -> Batch:
        x = np.random.default_rng((epoch, index)).normal(size=(5, 12, 3)).astype("float32")
        target = x.cumsum(axis=0)
        target[2, 7] += self.bad.get(index, 0.0)
        return Batch(x, target)


class Failing(Source):
    """One whose third batch cannot be read, where there is something bad."""

    def batch(self, epoch: int, index: int) -> Batch:
        if index == 2 and self.bad:
            raise OSError("the disk is gone")
        return super().batch(epoch, index)


def of_source(p: Exchange, source: object, **options: object) -> rb.Trainer:
    trainer = rb.Trainer(network(), "adam", rb.losses.MeanSquaredError(), parallel=p, **options)
    trainer.fit(source, steps=4)
    return trainer


def test_a_target_that_is_not_finite_is_an_error_in_all() -> None:
    def error(p: Exchange) -> str:
        with pytest.raises((FloatingPointError, NonFiniteError)) as found:
            of_source(p, Source({1: np.nan}))
        return str(found.value)

    texts = run(3, SHARDS, error)
    assert all("MeanSquaredError(): target has nan at [2, 1, 0]" in text for text in texts)
    assert [text.startswith("in process 1 of 3: ") for text in texts] == [True, False, True]


def test_skipped_batches_are_skipped_by_all() -> None:
    wanted = everything(of_source(Alone(shards=SHARDS), Source({1: np.inf}), on_nonfinite="skip"))
    assert np.isnan(wanted["losses"]).tolist() == [False, True, False, False]
    for found in run(
        3, SHARDS, lambda p: everything(of_source(p, Source({1: np.inf}), on_nonfinite="skip"))
    ):
        same(found, wanted)


def test_a_source_that_fails_in_one_process_ends_all() -> None:
    def error(p: Exchange) -> Exception:
        with pytest.raises((OSError, ProcessError)) as found:
            of_source(p, Failing({2: {9: 0.0}}.get(p.rank, {})))
        return found.value

    found = run(3, SHARDS, error)
    assert [type(one) for one in found] == [ProcessError, ProcessError, OSError]
    assert str(found[0]) == "in process 2 of 3: OSError: the disk is gone"


class Rows:
    """Eighteen sequences in a file, and the numbers of those that have been read."""

    shape, dtype = (18, 4, 3), np.dtype("float32")

    def __init__(self) -> None:
        self.seen = set[int]()

    def __len__(self) -> int:
        return 18

    def __getitem__(self, chosen: Any) -> np.ndarray:
        rows = np.arange(18)[chosen[0] if isinstance(chosen, tuple) else chosen]
        self.seen |= {*np.atleast_1d(rows).tolist()}
        return np.zeros((*np.shape(rows), 4, 3), "float32")


def test_rows_of_other_processes_are_not_read() -> None:
    file = Rows()
    data = rb.Sequences(file, np.zeros(18, int), batch_size=6, shuffle=False)
    batch = data.part(0, 1, np.array([1, 4]))
    assert batch.x.shape == (4, 2, 3)
    assert file.seen == {7, 10}


def test_parts_are_the_rows_of_batches() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    for data in (
        ragged(),
        rb.Windows(x, x, horizon=4, batch_size=5),
        rb.Examples(x, x, batch_size=9),
    ):
        for index in range(data.batches_per_epoch):
            whole, rows = data.batch(1, index), np.array([0, 3])
            part = data.part(1, index, rows)
            steps = len(part.x)
            assert np.array_equal(part.x, whole.x[:steps, rows])
            assert np.array_equal(part.target, whole.target[:steps, rows])
            assert not whole.x[steps:, rows].any()
            assert part.fresh == whole.fresh


def test_lengths_are_dealt_so_that_shards_have_like_work() -> None:
    lengths = np.arange(1, 65)[np.random.default_rng(0).permutation(64)]
    rows = rb.train.shards.dealt(lengths, 8)
    assert sorted(np.concatenate(rows).tolist()) == [*range(64)]
    assert {int(lengths[own].sum()) for own in rows} == {260}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"parallel": 4}, r"Trainer: parallel is an Exchange, as rnnbp.parallel.Alone\(shards=8\)"),
        ({"parallel": Alone(shards=2), "paralel": 1}, "paralel"),
    ],
)
def test_what_is_no_exchange_is_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(TypeError, match=text):
        rb.Trainer(network(), "adam", rb.losses.MeanSquaredError(), **options)


def test_the_exchange_of_a_trainer_stays() -> None:
    trainer = rb.Trainer(network(), "adam", rb.losses.MeanSquaredError(), parallel=Alone(shards=2))
    assert trainer.parallel.shards == 2
    assert "parallel=Alone(shards=2)" in repr(trainer)
    with pytest.raises(AttributeError, match="build a new Trainer"):
        trainer.parallel = None
    with pytest.raises(TypeError, match="it is of the whole run"):
        trainer.fit(ragged(), steps=1, parallel=None)


def test_lanes_too_few_for_the_shards_are_refused() -> None:
    x = np.zeros((40, 3), "float32")
    data = rb.Windows(x, x, horizon=4, batch_size=3)
    with pytest.raises(ValueError, match="are 3; give a batch_size of at least 4, or fewer shards"):
        of_source(Alone(shards=4), data)


def test_streams_are_refused() -> None:
    batches = [(iter([np.zeros((2, 3, 3), "float32")]), np.zeros((2, 3, 3), "float32"))]
    with pytest.raises(ValueError, match="cuts batches by rows, and this one is a stream"):
        of_source(Alone(shards=2), batches)
