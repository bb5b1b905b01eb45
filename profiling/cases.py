"""Models with data, and a run's bytes as tracemalloc sees them."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import rnnbp as rb
from rnnbp.actions import Action

N_IN, SYMBOLS, WIDTH = 32, 50, 16
MSE, CE = rb.losses.MeanSquaredError(), rb.losses.CrossEntropy()


@dataclass(frozen=True)
class Case:
    """A model, x (T, B, ...), its target and loss."""

    model: Any
    x: np.ndarray
    target: np.ndarray
    loss: Any

    def shapes(self) -> dict[str, Any]:
        """T, B and the features of x, as ``plan`` and ``forecast`` take them."""
        return {"steps": self.x.shape[0], "batch": self.x.shape[1], "x_shape": self.x.shape[2:]}

    def short(self, steps: int) -> Case:
        """The first steps of it."""
        return Case(self.model, self.x[:steps], self.target[:steps], self.loss)

    def run(self, schedule: Any, chunk: int) -> rb.Gradients:
        """Loss and gradients under a schedule."""
        return rb.bptt(self.model, self.x, self.target, self.loss, checkpoint=schedule, chunk=chunk)


def real(*shape: int) -> np.ndarray:
    """Normal numbers, float32."""
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def lstm(steps: int, batch: int, units: int) -> Case:
    """One layer of LSTM."""
    return Case(
        rb.LSTM(N_IN, units, rng=0), real(steps, batch, N_IN), real(steps, batch, units), MSE
    )


def gru(steps: int, batch: int, units: int) -> Case:
    """One layer of GRU."""
    return Case(
        rb.GRU(N_IN, units, rng=0), real(steps, batch, N_IN), real(steps, batch, units), MSE
    )


def two_layers(steps: int, batch: int, units: int) -> Case:
    """Symbols in, logits out: two layers of LSTM with dropout."""
    model = rb.Sequential(
        rb.Embedding(SYMBOLS, N_IN, rng=0),
        rb.LSTM(N_IN, units, rng=1),
        rb.Dropout(0.3),
        rb.LSTM(units, units, rng=2),
        rb.Dropout(0.2),
        rb.Dense(units, SYMBOLS, rng=3),
    )
    symbols = np.random.default_rng(0).integers(0, SYMBOLS, (steps, batch))
    return Case(model, symbols, symbols, CE)


def convolutional(steps: int, batch: int, units: int) -> Case:
    """A cell whose state is (units / 16 channels, 16 wide)."""
    channels = max(1, units // WIDTH)
    x, h = rb.Input((1, WIDTH)), rb.State((channels, WIDTH))
    from_x = rb.Conv1D(1, channels, 3, padding=1, rng=0)
    from_h = rb.Conv1D(channels, channels, 3, padding=1, rng=1)
    h_new = rb.Tanh()(from_x(x) + from_h(h))
    model = rb.Recurrent(rb.Cell(x, {h: h_new}, output=rb.Flatten(2)(h_new)))
    return Case(model, real(steps, batch, 1, WIDTH), real(steps, batch, channels * WIDTH), MSE)


CASES: dict[str, Callable[[int, int, int], Case]] = {
    "lstm": lstm,
    "gru": gru,
    "two-layers": two_layers,
    "convolutional": convolutional,
}


class Watched:
    """A schedule that, while it is run, counts Python's own objects at the fullest moments between actions."""

    def __init__(self, schedule: Iterable[Action]) -> None:
        self.schedule, self.fullest, self.objects = schedule, 0, 0

    def __iter__(self) -> Iterator[Action]:
        for action in self.schedule:
            yield action
            present = tracemalloc.get_traced_memory()[0]
            if present > 1.01 * self.fullest:  # a snapshot takes a while
                self.fullest, arrays = present, np.lib.tracemalloc_domain
                snapshot = tracemalloc.take_snapshot()
                self.objects = sum(
                    trace.size for trace in snapshot.traces if trace.domain != arrays
                )
                del snapshot  # its own objects count too


def traced(case: Case, schedule: Iterable[Action], chunk: int) -> dict[str, int]:
    """Bytes of a run: tracemalloc's peak, that of arrays alone, and the ledger's.

    tracemalloc has one peak for everything. That of arrays is taken in a second run: its peak less what Python's
    objects took between the actions nearby. Inside an action they take some 10 kB more, so arrays are overstated.
    """
    gc.collect()  # what is reused from earlier work is not seen as allocated
    with rb.memory.measure() as used:
        ledger = case.run(schedule, chunk).stats.peak_bytes
    watched = Watched(schedule)
    gc.collect()
    with rb.memory.measure() as again:
        case.run(watched, chunk)
    return {
        "ledger": ledger,
        "traced": used.peak_bytes,
        "arrays": again.peak_bytes - watched.objects,
    }
