"""What a user does with the library, at random: runs, training, plans, files, threads; small, and each time new."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import rnnbp as rb
from rnnbp.rng import generator
from tests.generator.draws import Draw
from tests.generator.own import Alarm
from tests.generator.runs import case_of
from tests.training import RUNS

MSE = rb.losses.MeanSquaredError()
KEPT = rb.Sequential(rb.LSTM(5, 12, rng=0), rb.Dense(12, 5, rng=1))
"""A model that lives as long as the process, and meets ever new shapes."""
EXPECTED = (rb.BudgetError,)
"""Errors of activities that nothing has broken: a budget may be too small."""


class BrokenError(Exception):
    """Raised on purpose, by a loss, a callback or a source."""


def numbers(draw: Draw, *shape: int) -> np.ndarray:
    """Random float32."""
    return generator(draw.integer(0, 2**31)).standard_normal(shape, dtype=np.float32)


def random_run(draw: Draw, place: Path) -> None:
    """A random model under a random schedule and backend; a layer or the loss may raise."""
    case = case_of(draw, large=draw.chance(0.1), wild=draw.chance(0.1))
    schedules = {"all": "all"} | case.schedules | case.rebuilding
    backend = draw.pick([*case.backends, "interpreter"])
    try:
        Alarm.left = draw.integer(1, 2 * case.chunks) if draw.chance(0.2) else None
        case.run(backend, schedules[draw.pick(list(schedules))])
    finally:
        Alarm.left = None


def broken_loss(draw: Draw, place: Path) -> None:
    """A loss that raises at some chunk."""
    left = [draw.integer(1, 8)]

    def loss(y: Any, target: Any) -> Any:
        left[0] -= 1
        if left[0] <= 0:
            raise BrokenError
        return float(y.sum()), np.ones_like(y)

    x = numbers(draw, draw.integer(4, 40), 3, 5)
    rb.bptt(KEPT, x, None, loss, chunk=draw.integer(1, 6), checkpoint=draw.pick(["all", "sqrt"]))


def new_shapes(draw: Draw, place: Path) -> None:
    """One model, called with shapes that it has not met."""
    for _ in range(10):
        x = numbers(draw, draw.integer(1, 300), draw.integer(1, 40), 5)
        works: list[Callable[..., object]] = [rb.bptt, rb.bptt, rb.evaluate]
        work = draw.pick(works)
        work(KEPT, x, x, MSE)
        rb.predict(KEPT, x)


def new_features(draw: Draw, place: Path) -> None:
    """New models, of sizes that no other has."""
    for _ in range(3):
        n, units = draw.integer(1, 90), draw.integer(1, 90)
        cells: list[Callable[..., rb.Recurrent]] = [rb.LSTM, rb.GRU, rb.RNN]
        cell = draw.pick(cells)
        model = rb.Sequential(cell(n, units, rng=0), rb.LayerNorm(units), rb.Dense(units, n, rng=1))
        x = numbers(draw, draw.integer(1, 20), draw.integer(1, 9), n)
        rb.bptt(model, x, x, MSE, checkpoint=draw.pick(["all", "sqrt"]))


def planned(draw: Draw, place: Path) -> None:
    """A plan for a budget, its forecast, and a run under it; checkpoints may go to a disk."""
    steps, batch, budget = (
        draw.integer(20, 400),
        draw.integer(1, 16),
        draw.integer(60_000, 2_000_000),
    )
    model = draw.pick([KEPT, rb.Sequential(rb.GRU(5, draw.integer(2, 40), rng=0))])
    options: dict[str, Any] = {"steps": steps, "batch": batch, "dx": False}
    loss = lambda y, _: (float(y.sum()), np.ones_like(y))  # noqa: E731  # one line of a case
    plan = rb.plan(model, loss, budget=budget, disk=draw.pick([None, "9 MB"]), **options)
    rb.forecast(model, loss, checkpoint="sqrt", **options)
    found = rb.bptt(model, numbers(draw, steps, batch, 5), None, loss, checkpoint=plan, dx=False)
    assert found.stats.peak_bytes <= budget


def trained(draw: Draw, place: Path) -> None:
    """``fit`` by a budget or schedule, with a folder or none; a callback may raise."""
    rows, steps = draw.integer(2, 12), draw.integer(3, 60)
    data = numbers(draw, rows, steps, 5)
    mask = np.arange(steps) < np.array([draw.integer(1, steps) for _ in range(rows)])[:, None]
    source = rb.Sequences(data, data, batch_size=draw.integer(1, 5), mask=draw.pick([None, mask]))
    units = draw.integer(2, 20)
    model = rb.Sequential(rb.RNN(5, units, rng=0), rb.Dropout(0.2))
    model = rb.Sequential(model, rb.Dense(units, 5, rng=1))
    at = draw.integer(1, 12)

    def callback(event: Any) -> None:
        if event.metrics["step"] >= at:
            raise BrokenError

    options: dict[str, Any] = {
        "checkpoint": draw.pick(["all", "sqrt", f"{draw.integer(40, 900)} kB"]),
        "folder": draw.pick([None, place / "run"]),
        "validation": draw.pick([None, source]),
        "clip_norm": draw.pick([None, 0.5]),
        "callbacks": draw.pick([[], [], [callback]]),
    }
    kind = draw.pick(["sgd", "adagrad", "rmsprop", "adam", "adamw"])
    rb.fit(
        model,
        source,
        MSE,
        kind,
        learning_rate=0.01,
        steps=draw.integer(1, 8),
        progress=False,
        **options,
    )


def resumed(draw: Draw, place: Path) -> None:
    """A run in a folder, that goes on in another Trainer."""
    make = RUNS[draw.pick(["text", "sequences"])]
    options = {"folder": place / "run", "progress": False, "snapshot_every": draw.integer(1, 3)}
    trainer, data = make(**options)
    trainer.fit(data, steps=draw.integer(1, 5))
    trainer, data = make(**options)
    trainer.resume().fit(data, steps=draw.integer(6, 9))


def files(draw: Draw, place: Path) -> None:
    """Weights, saved and loaded; a file that was cut is refused."""
    model = rb.Sequential(rb.LSTM(draw.integer(1, 30), draw.integer(1, 30), rng=0))
    path = place / "weights"
    rb.save_weights(model, path, metadata={"of": "a test"})
    rb.load_weights(model, path)
    path.write_bytes(path.read_bytes()[: draw.integer(0, 400)])
    try:
        rb.load_weights(model, path)
    except rb.StorageError:
        return
    raise AssertionError("a file that was cut is taken")


def streamed(draw: Draw, place: Path) -> None:
    """x comes in pieces, which are kept in a temporary file."""
    sizes = [draw.integer(1, 40) for _ in range(draw.integer(1, 6))]
    x, steps = numbers(draw, sum(sizes), 3, 5), sum(sizes)
    ends = np.cumsum(sizes)[:-1]
    few = draw.chance(0.2)  # fewer than were said: refused

    def pieces() -> Any:
        for k, piece in enumerate(np.split(x, ends)):
            if few and k == len(sizes) - 1:
                raise BrokenError
            yield piece

    rb.bptt(KEPT, pieces(), pieces(), MSE, steps=steps, checkpoint="sqrt", chunk=draw.integer(1, 9))


def measured(draw: Draw, place: Path) -> None:
    """A run whose memory is measured, or that is explained."""
    # Of one model: each time that tracing ends, Python 3.11 loses 36 bytes for each place in code
    # that has allocated since it began, 180 kB where a model is built and compiled.
    with draw.pick([rb.memory.measure, rb.memory.high_water])():
        new_shapes(draw, place)
    rb.explain(rb.GRU(3, draw.integer(1, 40), rng=0))


def together(draw: Draw, place: Path) -> None:
    """Several threads at once, of which one may fail."""
    failed: list[BaseException] = []

    def run(x: np.ndarray, model: Any) -> None:
        try:
            rb.bptt(model, x, x, MSE, chunk=4, checkpoint="sqrt")
        except BaseException as error:
            failed.append(error)

    given = [(numbers(draw, draw.integer(2, 60), draw.integer(1, 20), 5), KEPT) for _ in range(3)]
    given[0] = (given[0][0], rb.Sequential(rb.RNN(5, draw.integer(1, 50), rng=0), rb.Tanh()))
    if draw.chance(0.8):
        given[0] = (given[0][0], KEPT)
    threads = [threading.Thread(target=run, args=args) for args in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in failed:
        if not isinstance(error, rb.ShapeError):  # the RNN's output is no 5 features
            raise error


ACTIVITIES: list[Callable[[Draw, Path], None]] = [
    random_run, random_run, random_run, broken_loss, new_shapes, new_features, new_features, planned, trained, trained,
    resumed, files, streamed, measured, together,
]  # fmt: skip
