"""Children that are forked while another thread is inside.

None hangs, and all compute the same numbers.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from importlib.util import find_spec

import pytest

from rnnbp.support import forks
from tests.helpers import run_python

pytestmark = pytest.mark.long

PROGRAM = """
import itertools, os, signal, sys, threading, time
import numpy as np
import rnnbp as rb
x, zeros = np.linspace(-1, 1, 240, dtype=np.float32).reshape(40, 2, 3), np.zeros((40, 2, 5), np.float32)
loss = rb.losses.MeanSquaredError()

def run(**options):
    return rb.bptt(rb.LSTM(3, 5, rng=0), x, zeros, loss, **options).loss

def measure(k):
    # not by tracemalloc while threads run: Python 3.11 can crash when it is stopped (CPython's issue 128679)
    with rb.memory.high_water() if k >= 0 else rb.memory.measure():
        pass

def bar(_):
    run(progress=True, chunk=1)

def compile(k):
    from rnnbp.machine.compile import Library
    text = "\\n".join(f"define i64 @f{i}(i64 %a) {{ %b = mul i64 %a, {k + i}\\n ret i64 %b }}" for i in range(50))
    Library(text).address("f0")

def cell(k):
    n = 3 + k % 50
    rb.bptt(rb.GRU(3, n, rng=0), x, np.zeros((40, 2, n), np.float32), loss)

def loop(work):
    for k in itertools.count():
        work(k)

works, expected = [globals()[name] for name in sys.argv[1].split("+")], run()
for work in works:
    work(0)
    threading.Thread(target=loop, args=(work,), daemon=True).start()
for k in range(int(sys.argv[2])):
    time.sleep(0.001 * (k % 7))
    if not (pid := os.fork()):
        signal.alarm(100)
        works[k % len(works)](-k - 1)
        os._exit(0 if run() == expected else 3)
    assert os.waitpid(pid, 0)[1] == 0, "a child hung or computed something else"
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize(
    ("work", "forks"),
    [
        ("measure+bar", 16),
        pytest.param(
            "compile+cell",
            10,
            marks=pytest.mark.skipif(not find_spec("llvmlite"), reason="needs llvmlite"),
        ),
    ],
)
def test_children_of_a_busy_process(work: str, forks: int) -> None:
    done = run_python("-c", PROGRAM, work, str(forks), env={"RNNBP_NUM_THREADS": "2"}, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]


class Counted:
    """A lock that counts, and refuses to be released by a thread that has not acquired it."""

    def __init__(self) -> None:
        self.lock, self.acquired = threading.RLock(), 0

    def acquire(self) -> None:
        self.lock.acquire()
        self.acquired += 1

    def release(self) -> None:
        self.lock.release()


def hooks(monkeypatch: pytest.MonkeyPatch, lock: Counted) -> dict[str, Callable[[], None]]:
    """What a lock that is held across forks registers."""
    found: dict[str, Callable[[], None]] = {}
    monkeypatch.setattr(os, "register_at_fork", lambda **given: found.update(given), raising=False)
    forks.hold(lock)
    return found


@pytest.mark.quick
@pytest.mark.parametrize("after", ["after_in_parent", "after_in_child"])
def test_a_lock_that_is_registered_while_a_fork_goes_on_is_not_released(
    monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    lock = Counted()
    found = hooks(monkeypatch, lock)
    found[after]()  # raised "cannot release un-acquired lock", which Python prints
    assert lock.acquired == 0
    found["before"]()
    other = threading.Thread(target=found[after])  # of a fork that another thread began before
    other.start()
    other.join()
    assert (lock.acquired, lock.lock._is_owned()) == (1, True)  # type: ignore[attr-defined]  # of Python's own RLock
    found[after]()
    assert not lock.lock._is_owned()  # type: ignore[attr-defined]  # of Python's own RLock
