"""Processes that begin otherwise than the first are refused, in all of them; here threads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.parallel import Exchange
from rnnbp.parallel.likeness import check_alike
from rnnbp.train import identity
from tests.parallel_trainings import SHARDS, of_sequences, ragged
from tests.simulated_processes import Simulated, Wires, run

Options = dict[str, Any]
PROCESSES = 3


def errors(work: Callable[[Exchange], object], processes: int = PROCESSES) -> list[str]:
    """What each process raises, a ValueError."""

    def raised(p: Exchange) -> str:
        with pytest.raises(ValueError) as found:  # noqa: PT011  # the text is compared below
            work(p)
        return str(found.value)

    return run(processes, SHARDS, raised)


def trainer(p: Exchange, seed: int = 0, **options: Any) -> rb.Trainer:
    """One whose initial parameters are drawn by a seed."""
    model = rb.Sequential(rb.GRU(3, 4, rng=seed), rb.Dense(4, 3, rng=1))
    loss = rb.losses.MeanSquaredError()
    return rb.Trainer(model, "adam", loss, parallel=p, **options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"learning_rate": 0.5}, "learning_rate"),
        ({"clip_norm": 2.0}, "clip_norm is None in process 0, 2.0 in process 2"),
        ({"snapshot_every": 3}, "snapshot_every is None in process 0, 3 in process 2"),
        ({"accumulate": 2}, "accumulate is 1 in process 0, 2 in process 2"),
        ({"validation": ragged(seed=1)}, "validation is None in process 0"),
        ({"seed": 5}, "differs from process 0: parameter 0.weight_ih differs; parameter 0."),
    ],
)
def test_other_options_are_refused_in_all(options: Options, text: str) -> None:
    found = errors(lambda p: trainer(p, **(options if p.rank == 2 else {})).fit(ragged(), steps=1))
    assert len({*found}) == 1
    assert found[0].startswith("Trainer.fit: process 2 of 3 differs from process 0: ")
    assert text in found[0]
    assert found[0].endswith("the same libraries and kind of processor")


@pytest.mark.parametrize(
    ("data", "steps", "text"),
    [
        (ragged(seed=3), 1, "data, x is"),
        (ragged(), 2, "steps is 1 in process 0, 2 in process 1"),
        (rb.Examples(np.zeros((9, 3), "f4"), np.zeros((9, 3), "f4"), batch_size=9), 1, "data is"),
    ],
)
def test_other_data_and_limits_are_refused_in_all(data: rb.Source, steps: int, text: str) -> None:
    given = {True: (data, steps), False: (ragged(), 1)}

    def fitted(p: Exchange) -> None:
        source, count = given[p.rank == 1]
        trainer(p).fit(source, steps=count)

    found = errors(fitted)
    assert len({*found}) == 1
    assert "process 1 of 3 differs from process 0: " in found[0]
    assert text in found[0]


def test_several_others_are_counted() -> None:
    found = errors(lambda p: trainer(p, clip_norm=1.0 + p.rank).fit(ragged(), steps=1))
    assert "clip_norm is 1.0 in process 0, 2.0 in process 1; 1 more processes differ" in found[2]


def test_other_numbers_of_shards_are_refused() -> None:
    """Which have trees of their own, in which no message would come."""
    wires = Wires(2)

    def fitted(p: Exchange) -> None:
        trainer(Simulated(wires, p.rank, SHARDS + p.rank)).fit(ragged(), steps=1)

    found = errors(fitted, 2)
    assert "parallel is '6 shards' in process 0, '7 shards' in process 1" in found[0]
    assert found[0] == found[1]


def test_another_backend_or_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = errors(
        lambda p: check_alike("fit", {"NumPy": "2.1" if p.rank else "2.2", "x": 1}, p, "give one")
    )
    text = "fit: process 1 of 3 differs from process 0: NumPy is '2.2' in process 0, '2.1' in process 1"
    assert [*found] == [f"{text}; 1 more processes differ from process 0; give one"] * PROCESSES
    assert {"NumPy", "BLAS"} <= {*identity.of_surroundings()["libraries"]}


def test_long_differences_are_cut() -> None:
    lines = [{f"line {k}": f"{rank} {'a' * 500}" for k in range(30)} for rank in range(2)]
    found = errors(lambda p: check_alike("fit", lines[p.rank], p, "cure"), 2)
    assert found[0].endswith("; and 22 lines more; cure")
    assert len(found[0]) < 3000


def test_a_snapshot_that_one_process_lacks_is_refused(tmp_path: Path) -> None:
    kind = of_sequences("float32")
    kind(None, 2)
    run(2, SHARDS, lambda p: kind(p, 2, folder=tmp_path / "run"))
    folders = [tmp_path / "run", tmp_path / "none"]
    found = errors(lambda p: kind(p, 4, folder=folders[p.rank]), 2)
    assert "steps so far is 2 in process 0, 0 in process 1" in found[1]


def test_what_is_alike_goes_on_without_an_error() -> None:
    steps = run(PROCESSES, SHARDS, lambda p: trainer(p).fit(ragged(), steps=2).steps)
    assert steps == [2] * PROCESSES
