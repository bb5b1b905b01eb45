"""Threads of a team: callers at once, interrupts, shares, barriers."""

from __future__ import annotations

import threading
import time
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

if not find_spec("llvmlite"):
    pytest.skip("needs llvmlite", allow_module_level=True)


import rnnbp as rb
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.inputs.models import as_model
from rnnbp.machine.compile import Library
from rnnbp.machine.records import located, place
from rnnbp.machine.tasks import FOLLOWS, ROW, Signature
from rnnbp.machine.team import handoff, threads
from rnnbp.runners.llvm.dense import DenseKernel, DenseKernelSizes
from rnnbp.runners.workspace import Workspace
from tests.helpers import UseThreads, assert_same_bits, reals
from tests.kernel_runs import address, gradients


def lstm(seed: int = 0) -> Any:
    return gradients(rb.LSTM(3, 20, rng=seed))


@pytest.mark.long
def test_callers_in_threads_of_their_own_do_not_wait_for_one_another(
    monkeypatch: pytest.MonkeyPatch,
    use_threads: UseThreads,
) -> None:
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    use_threads(3)
    expected = [lstm(seed) for seed in range(4)]
    found: dict[int, Any] = {}

    def work(seed: int) -> None:
        for _ in range(6):
            found[seed] = lstm(seed)

    callers = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
        assert not caller.is_alive()
    for seed, one in enumerate(expected):
        assert_same_bits(found[seed], one)


def test_after_an_interrupt_other_threads_do_the_work(
    monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    use_threads(2)
    expected, team = lstm(), threads._team

    def interrupted(_: int) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(team, "wake", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lstm()
    assert threads._team is not team
    assert_same_bits(lstm(), expected)
    assert len(threads._team.members) == 1


def test_after_an_interrupt_threads_that_waited_end(
    monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    use_threads(4)
    monkeypatch.setattr(threads, "_team", threads._Team())
    others = set(threading.enumerate())  # some of which may be about to end

    def own() -> int:
        return len(set(threading.enumerate()) - others)

    expected = lstm()
    assert own() == len(threads._team.members) == 3
    for _ in range(3):
        team = threads._team
        wake = team.wake

        def interrupted(n: int, wake: Any = wake) -> int:
            wake(n)
            raise KeyboardInterrupt

        monkeypatch.setattr(team, "wake", interrupted)
        with pytest.raises(KeyboardInterrupt):
            lstm()
        assert_same_bits(lstm(), expected)
    end = time.monotonic() + 30
    while own() > 3 and time.monotonic() < end:
        time.sleep(0.01)
    assert own() == 3


def test_without_more_threads_one_does_it_all(
    monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    expected = lstm()

    def none(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    use_threads(5)
    monkeypatch.setattr(threads, "_team", threads._Team())
    monkeypatch.setattr(threading.Thread, "start", none)
    assert_same_bits(lstm(), expected)
    assert threads._team.members == []


COUNTING = f"""
{Signature("ptr %at").task("count")}
define void @count(ptr %at) {{
  %before = load i64, ptr %at
  %more = add i64 %before, 1
  store i64 %more, ptr %at
  ret void
}}
define void @run(ptr %a, i64 %L, i64 %B, i64 %b0, i64 %b1, i64 %S, i64 %k, i64 %n, ptr %met, ptr %bases) {{
entry:
{located("a", ["rows"])}
  br label %look
look:
  %b = phi i64 [ %b0, %entry ], [ %next, %row ]
  %more = icmp slt i64 %b, %b1
  br i1 %more, label %row, label %end
row:
  %at = getelementptr i64, ptr %rows, i64 %b
  %before = load i64, ptr %at
  %after = add i64 %before, %L
  store i64 %after, ptr %at
  %next = add i64 %b, 1
  br label %look
end:
  ret void
}}
"""


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_every_share_and_every_task_is_done_once(n: int) -> None:
    """By threads that wait, and by threads that have gone to sleep."""
    library = Library(COUNTING)
    pieces, many, batch, rounds = 3, 50, 5, 20
    done, rows = np.zeros((pieces, many), np.int64), np.zeros((pieces, batch), np.int64)
    tasks = np.zeros((pieces, many, ROW), np.int64)
    tasks[:, :, 0] = library.address("count.task")
    tasks[:, :, 1] = place(1, 8) + 8 * np.arange(pieces * many).reshape(pieces, many)
    places, bases = (
        place(0) + 8 * batch * np.arange(pieces)[:, None],
        [address(rows), address(done) - 8],
    )
    lengths = np.array([2, 3, 5])
    job = threads.Job(
        tasks, run=library.address("run"), places=places, lengths=lengths, batch=batch, block=1
    )
    for k in range(rounds):
        threads.do(job, bases, n)
        time.sleep(0.02 if k % 10 == 0 else 0)
    np.testing.assert_array_equal(done, rounds)
    np.testing.assert_array_equal(rows, rounds * np.repeat(lengths, batch).reshape(pieces, batch))
    threads.do(threads.Job(tasks), bases, n)
    np.testing.assert_array_equal(done, rounds + 1)
    tasks[:, many // 2 :, FOLLOWS], tasks[:, 0, FOLLOWS] = 1, 0  # all of these are one thread's
    threads.do(threads.Job(tasks), bases, n)
    np.testing.assert_array_equal(done, rounds + 2)


MEETING = f"""
declare void @gather(ptr, i64)
define void @run(ptr %a, i64 %L, i64 %B, i64 %b0, i64 %b1, i64 %S, i64 %k, i64 %n, ptr %met, ptr %bases) {{
entry:
{located("a", ["come"])}
  %missed = getelementptr i64, ptr %come, i64 1
  br label %round
round:
  %i = phi i64 [ 0, %entry ], [ %next, %round ]
  %next = add i64 %i, 1
  %one = atomicrmw add ptr %come, i64 1 monotonic
  call void @gather(ptr %met, i64 %n)
  %all = load atomic i64, ptr %come monotonic, align 8
  %wanted = mul i64 %next, %n
  %few = icmp ne i64 %all, %wanted
  %wrong = zext i1 %few to i64
  %two = atomicrmw add ptr %missed, i64 %wrong monotonic
  call void @gather(ptr %met, i64 %n)
  %more = icmp slt i64 %next, %L
  br i1 %more, label %round, label %end
end:
  ret void
}}
"""


class Drowsy(threads._Team):
    """A team whose last threads fall asleep just as the job begins."""

    def __init__(self, asleep: int) -> None:
        super().__init__()
        self.asleep = asleep

    def wake(self, n: int) -> int:
        found = super().wake(n)
        for member in self.members[found - self.asleep : found]:
            member.box[threads.STATE] = handoff.ASLEEP
        return found


@pytest.mark.long
@pytest.mark.parametrize(("n", "asleep"), [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
def test_threads_that_share_units_meet(
    n: int, asleep: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No thread goes on before all have come, and none is left behind, from piece to piece.

    A thread that sleeps is not waited for.

    The team is the test's own, because a thread that another test has left may have the usual one.
    """
    team = Drowsy(asleep)
    monkeypatch.setattr(threads, "_team", team)
    library = Library(MEETING, {"gather": handoff.library().address("gather")})
    places, lengths = 16 * np.arange(3)[:, None], np.array([1, 50, 200])
    job = threads.Job(
        None, run=library.address("run"), places=places, lengths=lengths, batch=1, block=1
    )
    came = list[int]()
    for _ in range(10):
        counts = np.zeros((3, 2), np.int64)
        threads.do(job, [address(counts)], n, units=True)
        came.append(int(counts[0, 0]))
        np.testing.assert_array_equal(counts, came[-1] * np.array([[1, 0], [50, 0], [200, 0]]))
    team.retire()
    assert min(came) >= 1
    assert max(came) == n - asleep


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(1, 1, 1), (7, 13, 5), (64, 50, 200), (33, 130, 97)])
def test_dense_outside_cells(
    size: tuple[int, int, int], bias: bool, monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    """As the layer itself, and the same bits by any number of threads."""
    n_in, n_out, n = size
    monkeypatch.setattr("rnnbp.runners.llvm.affine.WAKING", 1)
    layer, (x, dy) = (
        rb.Dense(n_in, n_out, bias=bias, dtype="float64", rng=0),
        (reals(n, 2, n_in), reals(n, 2, n_out)),
    )
    y, saved = layer.forward(x)
    expected = [y, *layer.backward_inputs(saved, dy), *layer.backward_params(saved, dy).values()]
    found = []
    for threads_ in ("1", "2", "5"):
        use_threads(threads_)
        workspace = Workspace(threads=threads.count())
        kernel, grads = (
            DenseKernel(layer, np.dtype("float64"), workspace, []),
            Accumulators(as_model(layer)),
        )
        own, saved = kernel.forward(x)
        found.append([own, kernel.backward(saved, dy, grads), *grads.grads.values()])
    for one, two, wanted in zip(*found[:2], expected, strict=True):
        np.testing.assert_allclose(one, wanted, rtol=0, atol=1e-12 * max(1, np.abs(wanted).max()))
        np.testing.assert_array_equal(one, two)
    for one, three in zip(found[0], found[2], strict=True):
        np.testing.assert_array_equal(one, three)
    nbytes = (
        sum(array.nbytes for array in kernel.panels.arrays)
        + layer.params.get("bias", np.empty(0)).nbytes
    )
    assert nbytes == DenseKernelSizes(layer, np.dtype("float64")).weight_bytes
