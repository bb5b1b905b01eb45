"""An interrupt at any place that CPython has.

It arrives, and descriptors, settings, handlers and locks are as before.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.cli.signals import raising
from rnnbp.numerics import cast, sigmoid
from rnnbp.rng import fold
from rnnbp.support import stacks
from rnnbp.support.weak import WeakKeys
from tests.interrupting import faults
from tests.training import text_run

pytestmark = [
    pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="descriptors are listed in /proc"
    ),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # dropped, which closes it
]

X = np.random.default_rng(0).standard_normal((8, 2, 3)).astype(np.float32)
MSE, KEPT = rb.losses.MeanSquaredError(), rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 3, rng=1))
STATES = rb.Sequential(rb.RNN(3, 4, rng=0), rb.Sigmoid())
FITTED = rb.Sequential(rb.GRU(3, 4, rng=0), rb.Dense(4, 3, rng=1))
numbers = itertools.count()


class Key:
    """What a value is kept of."""


def weak(_: Path) -> None:
    known = WeakKeys[Key, int]()
    for _ in range(3):
        key = Key()
        assert known.setdefault(key, 1) == 1
    assert len(known) == 1


def bptt(_: Path) -> None:
    rb.bptt(KEPT, X, X, MSE, chunk=4, checkpoint="sqrt")


def interpreted(_: Path) -> None:
    rb.bptt(STATES, X, None, lambda y, _: (0.0, y), chunk=4, backend="interpreter")


def predicted(_: Path) -> None:
    rb.predict(KEPT, X)


def evaluated(_: Path) -> None:
    rb.evaluate(KEPT, X, X, MSE)


def streamed(place: Path) -> None:
    rb.bptt(
        KEPT,
        iter([X[:4], X[4:]]),
        iter([X]),
        MSE,
        chunk=4,
        steps=8,
        checkpoint="sqrt",
        folder=place,
    )


def with_a_bar(_: Path) -> None:
    rb.bptt(KEPT, X, X, MSE, chunk=4, progress=True)


def measured(_: Path) -> None:
    with rb.memory.measure():
        pass


def risen(_: Path) -> None:
    with rb.memory.high_water():
        pass


def roomy(_: Path) -> None:
    with stacks.room():
        pass


def raised_by_signals(_: Path) -> None:
    with raising():
        pass


def saved(place: Path) -> None:
    assert not [*place.glob(".*.tmp")]  # of the one before
    rb.save_weights(KEPT, place / "weights")


def loaded(place: Path) -> None:
    rb.load_weights(KEPT, place / "weights")


def activated(_: Path) -> None:
    rb.Sigmoid()(X)


def squashed(_: Path) -> None:
    sigmoid(X)


def cast_to_less(_: Path) -> None:
    cast(X, np.dtype(np.float16), "a model", "x")


def built(_: Path) -> None:
    rb.Dense(3, 4, rng=0)


def seeded(_: Path) -> None:
    fold(0, 1)


def shuffled(_: Path) -> None:
    rb.Sequences(X.copy(), X.copy(), batch_size=4, seed=1).batch(next(numbers), 0)


def fitted(_: Path) -> None:
    rb.fit(
        FITTED,
        rb.Sequences(X.copy(), X.copy(), batch_size=4),
        MSE,
        "adam",
        learning_rate=1e-6,
        steps=2,
    )


def trained(place: Path) -> None:
    assert not [*place.glob("*/.lock"), *place.glob("*/*.tmp")]  # of the runs before
    folder = place / str(next(numbers))
    trainer, data = text_run(folder=folder, progress=False)
    trainer.fit(data, steps=1)
    trainer, data = text_run(folder=folder, progress=False)
    trainer.resume().fit(data, steps=2)


SMALL: list[Callable[[Path], None]] = [roomy, raised_by_signals, built, seeded, shuffled]
"""With up to some hundred places."""
FEW = [weak, measured, risen, saved, loaded, activated, squashed, cast_to_less]
"""With some hundreds of places."""
MANY = [bptt, interpreted, predicted, evaluated, streamed, with_a_bar, fitted]
"""With thousands."""


def check(work: Callable[[Path], None], place: Path, places: Iterator[int]) -> None:
    saved(place)
    for _ in range(2):
        work(place)
    assert faults(lambda: work(place), places) == []


@pytest.mark.parametrize(
    ("work", "stride"), [*((work, 5) for work in [*SMALL, *FEW]), *((work, 801) for work in MANY)]
)
@pytest.mark.one_in(4, "stride")
def test_some_places(work: Callable[[Path], None], stride: int, tmp_path: Path) -> None:
    check(work, tmp_path, itertools.count(random.Random(0).randrange(1, stride), stride))


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt that nothing can catch: pytest would keep it, and its frames hold the block."""
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)


def check_twice(work: Callable[[Path], None], place: Path, places: Iterator[int]) -> None:
    """A second interrupt comes soon after the first, while what was begun is being ended."""
    saved(place)
    for _ in range(2):
        work(place)
    chance = random.Random(0)
    assert (
        faults(lambda: work(place), places, (chance.randrange(1, 30) for _ in itertools.count()))
        == []
    )


@pytest.mark.long
@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("work", [*SMALL, *FEW])
def test_twice_at_some_places(work: Callable[[Path], None], tmp_path: Path) -> None:
    check_twice(work, tmp_path, itertools.count(1, 19))


@pytest.mark.long
@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize(
    ("work", "stride"),
    [
        *((work, 3) for work in [*SMALL, *FEW]),
        pytest.param(measured, 1, marks=pytest.mark.grid),
        *((work, 499) for work in MANY),
    ],
)
def test_twice_at_many_places(work: Callable[[Path], None], stride: int, tmp_path: Path) -> None:
    check_twice(work, tmp_path, itertools.count(1, stride))


@pytest.mark.long
@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize(
    "later", [1, *(pytest.param(n, marks=pytest.mark.grid) for n in (4, 9, 16, 25))]
)
def test_twice_at_every_place(later: int, tmp_path: Path) -> None:
    measured(tmp_path)
    assert faults(lambda: measured(tmp_path), itertools.count(1), itertools.repeat(later)) == []


@pytest.mark.long
@pytest.mark.parametrize("work", [*SMALL, *FEW])
def test_every_place(work: Callable[[Path], None], tmp_path: Path) -> None:
    check(work, tmp_path, itertools.count(1))


@pytest.mark.long
@pytest.mark.parametrize(
    ("work", "stride"),
    [
        *((work, 149) for work in MANY),
        (trained, 64007),
        pytest.param(trained, 32003, marks=pytest.mark.grid),
    ],
)
def test_many_places(work: Callable[[Path], None], stride: int, tmp_path: Path) -> None:
    check(work, tmp_path, itertools.count(1, stride))
