"""Schedules without their number of chunks, wherever a checkpoint is taken."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import schedules as s

X = np.random.default_rng(0).normal(size=(36, 2, 3)).astype(np.float32)
TARGET = np.zeros((36, 2, 2), np.float32)
LOSS = rb.losses.MeanSquaredError()

BOTH = {
    "Revolve": (s.Revolve(slots=4), s.Revolve(9, 4)),
    "HSM": (s.HSM(slots=3), s.HSM(9, 3)),
    "ISM": (s.ISM(internals=2), s.ISM(9, 2)),
    "MSM": (s.MSM(units=5, alpha=2), s.MSM(9, 5, 2)),
    "Optimal": (s.Optimal(units=5, alpha=2), s.Optimal(9, 5, 2)),
    "EveryK": (s.EveryK(k=3), s.EveryK(9, 3)),
    "EveryK on disk": (s.EveryK(k=3, tier="disk"), s.EveryK(9, 3, "disk")),
    "Sqrt": (s.Sqrt(), s.Sqrt(9)),
    "All": (s.All(), s.All(9)),
    "ThinTapes": (s.ThinTapes(k=2), s.ThinTapes(9, 2)),
    "ThinTapes of all": (s.ThinTapes(), s.ThinTapes(9)),
    "Multistage": (s.Multistage(ram=2, disk=1), s.Multistage(9, 2, 1)),
    "DiskRevolve": (s.DiskRevolve(ram=2, write=0.5, read=1), s.DiskRevolve(9, 2, 0.5, 1)),
}


def model():
    return rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 2, rng=1))


@pytest.mark.parametrize("name", BOTH)
def test_it_is_the_schedule_of_the_number_that_comes(name):
    unsized, sized = BOTH[name]
    assert unsized(9) == sized
    assert rb.simulate(unsized, 9) == rb.simulate(sized, 9)
    assert rb.simulate(unsized, 5) == rb.simulate(unsized(5), 5)
    options = {"steps": 36, "batch": 2, "chunk": 4}
    found, wanted = (rb.forecast(model(), LOSS, checkpoint=c, **options) for c in (unsized, sized))
    assert found.peak_bytes == wanted.peak_bytes


@pytest.mark.parametrize(
    "name", ["Revolve", pytest.param("Optimal", marks=pytest.mark.long), "Multistage", "Sqrt"]
)
def test_the_run_is_that_of_the_schedule_with_its_number(name):
    unsized, sized = BOTH[name]
    found, wanted = (
        rb.bptt(model(), X, TARGET, LOSS, checkpoint=c, chunk=4) for c in (unsized, sized)
    )
    assert found.loss == wanted.loss
    assert found.stats.peak_slots == wanted.stats.peak_slots
    for path, g in wanted.grads.items():
        np.testing.assert_array_equal(found.grads[path], g)


def test_a_trainer_takes_it():
    net = model()
    data = rb.Sequences(X.swapaxes(0, 1), TARGET.swapaxes(0, 1), batch_size=1)
    history = rb.fit(net, data, LOSS, epochs=1, checkpoint=s.Revolve(slots=2), chunk=4)
    assert history.steps == 2


@pytest.mark.parametrize("name", BOTH)
def test_it_is_shown_compared_copied_and_pickled(name):
    unsized, sized = BOTH[name]
    for schedule in (unsized, sized):
        assert copy.deepcopy(schedule) == schedule
        assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert unsized != sized
    assert all(getattr(unsized, option) == getattr(sized, option) for option, _ in unsized.options)
    assert eval(repr(unsized), vars(s)) == unsized
    assert eval(repr(unsized).replace("(", "(chunks=9, ", 1), vars(s)) == sized


class Own(s.Revolve):
    def __init__(self, chunks):
        super().__init__(chunks, 3)


def test_a_subclass_with_arguments_of_its_own_is_as_it_was():
    assert list(Own(9)) == list(s.Revolve(9, 3))
    assert (
        list(copy.deepcopy(Own(9)))
        == list(pickle.loads(pickle.dumps(Own(9))))
        == list(s.Revolve(9, 3))
    )


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: s.Revolve(4),
            TypeError,
            r"Revolve: slots missing; the first argument is the number of "
            r"chunks.*Revolve\(slots=...\) is for any",
        ),
        (lambda: s.Optimal(units=3), TypeError, "Optimal: chunks, alpha missing"),
        (
            lambda: s.Revolve(slot=4),
            TypeError,
            r"Revolve: unknown option 'slot' \(did you mean 'slots'",
        ),
        (lambda: s.Revolve(slots=0), ValueError, "slots must be at least 1, found 0"),
        (lambda: s.EveryK(k=2, tier="tape"), ValueError, "tier is one of"),
        (
            lambda: list(s.Revolve(slots=4)),
            TypeError,
            r"Revolve\(slots=4\) has no number of chunks yet.*Revolve\(slots=4\)\(chunks\)",
        ),
        (lambda: s.MSM(units=4, alpha=1).steps, TypeError, "no number of chunks yet"),
        (
            lambda: rb.bptt(
                model(), iter([X]), iter([TARGET]), LOSS, checkpoint=s.Revolve(slots=4)
            ),
            ValueError,
            "needs to know the number of chunks",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(make, error, text):
    with pytest.raises(error, match=text):
        make()
