"""Every schedule of checkpoint_schedules, translated, is legal and runs as many steps."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.schedules import Foreign, Revolve

cs = pytest.importorskip("checkpoint_schedules")

SIZES = [1, 2, 3, 6, 13, 40]
MAKERS = {
    "SingleMemoryStorageSchedule": lambda n: cs.SingleMemoryStorageSchedule(),
    "SingleDiskStorageSchedule": lambda n: cs.SingleDiskStorageSchedule(),
    "SingleDiskStorageSchedule, moved": lambda n: cs.SingleDiskStorageSchedule(move_data=True),
    "NoneCheckpointSchedule": lambda n: cs.NoneCheckpointSchedule(),
    "MultistageCheckpointSchedule": lambda n: cs.MultistageCheckpointSchedule(n, 2, 1),
    "MultistageCheckpointSchedule, revolve": lambda n: cs.MultistageCheckpointSchedule(
        n, 0, 3, trajectory="revolve"
    ),
    "MixedCheckpointSchedule": lambda n: cs.MixedCheckpointSchedule(n, min(3, n)),
    "MixedCheckpointSchedule, ram": lambda n: cs.MixedCheckpointSchedule(
        n, min(5, n), storage=cs.StorageType.RAM
    ),
    "TwoLevelCheckpointSchedule": lambda n: cs.TwoLevelCheckpointSchedule(4, 2),
    "TwoLevelCheckpointSchedule, ram": lambda n: cs.TwoLevelCheckpointSchedule(
        9, 2, binomial_storage=cs.StorageType.RAM
    ),
    "Revolve": lambda n: cs.Revolve(n, 3),
    "DiskRevolve": lambda n: cs.DiskRevolve(n, 2),
    "PeriodicDiskRevolve": lambda n: cs.PeriodicDiskRevolve(n, 2),
    "HRevolve": lambda n: cs.HRevolve(n, 2, 2),
    "HRevolve, costly disk": lambda n: cs.HRevolve(n, 1, 3, wd=1, rd=5),
}
CASES = [(name, n) for name in MAKERS for n in SIZES if n > 1 or not name.startswith("HRevolve")]
"""HRevolve 1.0.4 cannot be made for a single step."""


def make(name: str, chunks: int) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # Numba is not there
        return MAKERS[name](chunks)


def own_steps(name: str, chunks: int) -> int:
    """Steps that its Forward actions run, counted from the actions themselves."""
    schedule, total = make(name, chunks), 0
    for action in schedule:
        if isinstance(action, cs.Forward):
            total += min(action.n1, chunks) - action.n0
            if action.n1 >= chunks and schedule.max_n is None:
                schedule.finalize(chunks)
        if isinstance(action, cs.EndReverse):
            break
    return total + (chunks if name == "NoneCheckpointSchedule" else 0)


def test_all_its_classes_are_here() -> None:
    theirs = {
        name
        for name, found in vars(cs).items()
        if isinstance(found, type) and issubclass(found, cs.CheckpointSchedule)
    }
    assert theirs - {"CheckpointSchedule"} == {name.split(",")[0] for name in MAKERS}


@pytest.mark.filterwarnings("ignore:Numba not available:RuntimeWarning")
@pytest.mark.parametrize(("name", "chunks"), CASES)
def test_translates_to_a_legal_schedule_of_the_same_steps(name: str, chunks: int) -> None:
    schedule = Foreign(make(name, chunks), chunks)
    assert rb.simulate(schedule).steps_run == own_steps(name, chunks)
    assert list(schedule) == list(schedule)


@pytest.mark.parametrize("slots", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("chunks", [2, 3, 6, 13, 40, 100])
def test_binomial_schedules_run_as_many_steps_as_theirs(chunks: int, slots: int) -> None:
    theirs = cs.MultistageCheckpointSchedule(chunks, slots, 0)
    assert rb.simulate(Foreign(theirs)).steps_run == Revolve(chunks, slots).steps


@pytest.mark.long
@pytest.mark.one_in(3)
@pytest.mark.filterwarnings("ignore:Numba not available:RuntimeWarning")
@pytest.mark.parametrize(("name", "chunks"), [(name, n) for name, n in CASES if n > 1])
def test_gives_the_same_bits_through_the_engine(name: str, chunks: int) -> None:
    """Handed to bptt as it is."""
    rng = np.random.default_rng(0)
    model, x, dy = (
        rb.LSTM(3, 4, rng=0),
        rng.normal(size=(2 * chunks - 1, 2, 3)),
        rng.normal(size=(2 * chunks - 1, 2, 4)),
    )
    cached = rb.bptt(model, x, dy, lambda y, dy: (float((y * dy).sum()), dy), chunk=2)
    found = rb.bptt(
        model,
        x,
        dy,
        lambda y, dy: (float((y * dy).sum()), dy),
        chunk=2,
        checkpoint=make(name, chunks),
    )
    assert found.loss == cached.loss
    assert np.array_equal(found.dx, cached.dx)
    assert all(np.array_equal(found.grads[path], cached.grads[path]) for path in cached.grads)
