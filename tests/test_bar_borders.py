"""Bars of progress: no fork, no process that was killed and no interrupt leaves them locked."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tqdm import std

from rnnbp.support.bars import Bar
from tests.helpers import run_python

PROGRAM = """
import os, signal
import numpy as np
from tqdm import tqdm
import rnnbp as rb
x, y, loss = np.zeros((8, 2, 3), np.float32), np.zeros((8, 2, 5), np.float32), rb.losses.MeanSquaredError()
model = rb.LSTM(3, 5, rng=0)

def bptt():
    rb.bptt(model, x, y, loss, progress=True, backend="interpreter")

def fit():
    rb.fit(model, rb.Sequences(x, y, batch_size=4), loss, "sgd", learning_rate=0.1, steps=2, progress=True)

for _ in tqdm(range(1)):  # which makes the lock that processes share
    pass
if not (pid := os.fork()):
    tqdm.get_lock().acquire()
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(pid, 0)
for work in bptt, fit:
    signal.alarm(100)
    work()
    print(work.__name__, "drawn")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.long
def test_a_process_that_was_killed_while_it_drew_locks_nobody_out() -> None:
    done = run_python("-c", PROGRAM, timeout=250)
    said = done.stderr[-500:]
    assert (done.returncode, done.stdout) == (0, "bptt drawn\nfit drawn\n"), said  # or SIGALRM


class Terminal(io.StringIO):
    """A terminal at which the user presses Ctrl-C when something is written to it."""

    pressed = False

    def write(self, text: str) -> int:
        if self.pressed:
            raise KeyboardInterrupt
        return super().write(text)


def refreshed(bar: Bar, terminal: Terminal) -> None:
    bar.refresh()


def updated(bar: Bar, terminal: Terminal) -> None:
    bar.update(5)


def written(bar: Bar, terminal: Terminal) -> None:
    Bar.write("a line", file=terminal)


@pytest.mark.parametrize("draw", [refreshed, updated, written])
def test_an_interrupt_while_a_bar_is_drawn_leaves_it_unlocked(
    draw: Callable[[Bar, Terminal], None],
) -> None:
    terminal = Terminal()
    with Bar(total=10, file=terminal, mininterval=0) as bar:
        terminal.pressed = True
        with pytest.raises(KeyboardInterrupt):
            draw(bar, terminal)
        terminal.pressed = False
        with ThreadPoolExecutor(1) as another:
            assert another.submit(Bar.get_lock().acquire, blocking=False).result()
            another.submit(Bar.get_lock().release).result()


def test_a_bar_starts_no_thread() -> None:
    before = threading.active_count()
    with Bar(total=3, file=io.StringIO()) as bar:
        bar.update(3)
        assert threading.active_count() == before


def test_a_bar_is_drawn_at_each_update_after_its_interval() -> None:
    terminal = io.StringIO()
    with Bar(total=10**6, file=terminal, mininterval=0, ascii=True) as bar:
        bar.update(10**5)
        bar.update(1)  # tqdm would wait for as many as came before
        assert "100001/1000000" in terminal.getvalue()


def test_bars_of_a_user_and_ours_share_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(std.tqdm, "monitor_interval", 0)
    terminal = io.StringIO()
    with std.tqdm(total=2, file=terminal) as outer, Bar(total=2, file=terminal) as inner:
        assert abs(inner.pos) == abs(outer.pos) + 1  # the line below
    assert terminal.getvalue().count("\n") >= 1


class Counted:
    """A lock that counts."""

    def __init__(self) -> None:
        self.lock, self.entered = threading.RLock(), 0

    def __enter__(self) -> None:
        self.lock.acquire()
        self.entered += 1

    def __exit__(self, *_: object) -> None:
        self.lock.release()


def test_a_lock_that_a_user_has_set_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted()
    monkeypatch.setattr(std.tqdm, "_lock", counted, raising=False)
    with Bar(total=2, file=io.StringIO()) as bar:
        bar.refresh()
    assert counted.entered >= 3
