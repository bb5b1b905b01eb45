"""Ctrl-C at any moment: it always arrives, nothing hangs, and the next run has the same bits."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

from tests.helpers import run_python

pytestmark = pytest.mark.long

PROGRAM = """
import itertools, random, signal, sys, threading, time, tracemalloc
import numpy as np
import rnnbp as rb

x = np.random.default_rng(0).standard_normal((16, 4, 3)).astype(np.float32)
loss, kept = rb.losses.MeanSquaredError(), rb.Sequential(rb.LSTM(3, 8, rng=0), rb.Dense(8, 3, rng=1))
handled, numbers = 0, itertools.count()

def interrupt(*_):
    global handled
    handled += 1
    raise KeyboardInterrupt

def run(model=kept):
    return rb.bptt(model, x, x, loss, chunk=4, checkpoint="sqrt")

def fresh():
    run(rb.Sequential(rb.RNN(3, 4, rng=0), rb.Dense(4, 3, rng=1)))

def compile():
    from rnnbp.machine.compile import Library
    Library(f"define i64 @f(i64 %a) {{ %b = mul i64 %a, {next(numbers)}\\n ret i64 %b }}").address("f")

def fit():
    model = rb.Sequential(rb.RNN(3, 4, rng=0), rb.Dense(4, 3, rng=1))
    rb.fit(model, rb.Sequences(x.copy(), x.copy(), batch_size=4), loss, "adam", steps=2)

def measure():
    with rb.memory.measure():
        pass

def predict():
    rb.predict(kept, x)

def bits():
    return [g.tobytes() for g in run().grads.values()]

signal.signal(signal.SIGALRM, interrupt)
works, chance = [globals()[name] for name in sys.argv[1].split()], random.Random(int(sys.argv[3]))
expected, errors, threads = bits(), np.geterr(), 0
for work in works:
    work()
started = time.perf_counter()
for work in works:
    work()
each, caught, lost = time.perf_counter() - started, 0, 0
for _ in range(int(sys.argv[2])):
    before = handled
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, each))
        while handled == before:
            for work in works:
                work()
        lost += 1
    except KeyboardInterrupt:
        caught += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert np.geterr() == errors
    assert not tracemalloc.is_tracing()
assert bits() == expected
assert threading.active_count() <= 4
print(caught, lost, handled)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="timers of signals")
@pytest.mark.parametrize(
    "works",
    [
        "run fresh predict",
        pytest.param(
            "compile",
            marks=pytest.mark.skipif(not find_spec("llvmlite"), reason="needs llvmlite"),
        ),
        "fit",
        "measure",
    ],
)
def test_an_interrupt_at_any_moment(works: str) -> None:
    done = run_python("-c", PROGRAM, works, "60", "7", timeout=500)
    assert done.stderr == ""
    assert done.stdout == "60 0 60\n"
