"""Waiting for another process, here one that is played: it comes late, with another size, or never."""

# ruff: noqa: N802  # methods of mpi4py in capitals

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from rnnbp.parallel.communicator import END, TAG
from rnnbp.parallel.guard import Guard, elsewhere, everywhere
from rnnbp.parallel.peer import Peer
from rnnbp.parallel.waiting import soon, until

pytestmark = pytest.mark.alike


class FaultError(Exception):
    """In the place of MPI's."""


@dataclass
class Status:
    count: int = 0
    cancelled: bool = False

    def Is_cancelled(self) -> bool:
        return self.cancelled


@dataclass
class Request:
    """Is done when the message is there, unless it is taken back before."""

    world: World
    into: np.ndarray
    tag: int
    taken_back: bool = False

    def Test(self, status: Status | None = None) -> bool:
        if not self.world.Iprobe(1, self.tag):
            return False
        found = self.world.message
        if len(found) > len(self.into):
            raise FaultError("MPI_ERR_TRUNCATE: message truncated")
        self.into[: len(found)] = found
        status = status or Status()
        status.count, status.cancelled = len(found), False
        return True

    def Wait(self, status: Status | None = None) -> bool:
        status = status or Status()
        status.cancelled = self.taken_back
        return self.taken_back or self.Test(status)

    def Cancel(self) -> None:
        self.taken_back = True


@dataclass
class World:
    """Two processes: ``comes`` are the questions after which a message of a tag is there."""

    comes: dict[int, int]
    message: np.ndarray = field(default_factory=lambda: np.arange(5, dtype=np.uint8))
    aborted: list[int] = field(default_factory=list)
    rank: int = 0

    def Get_rank(self) -> int:
        return self.rank

    def Get_size(self) -> int:
        return 2

    def Isend(self, buf: np.ndarray, dest: int, tag: int) -> Request:
        return Request(self, np.empty(5, np.uint8), tag)

    def Irecv(self, buf: np.ndarray, source: int, tag: int) -> Request:
        return Request(self, buf, tag)

    def Iprobe(self, source: int, tag: int) -> bool:
        self.comes[tag] -= 1
        return self.comes[tag] < 0

    def Abort(self, errorcode: int) -> None:
        self.aborted.append(errorcode)


NEVER = 10**9


def peer(timeout: float | None = 0.05, **comes: int) -> Peer:
    world = World({TAG: comes.get("array", NEVER), END: comes.get("end", NEVER)})
    return Peer(world, 1, Guard(world, Status, FaultError), timeout)


@pytest.mark.parametrize(("questions", "seconds"), [(0, 1.0), (20, 1.0), (20, 0.0)])
def test_a_late_message_is_received(
    questions: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the time of turning, and after it, asleep."""
    monkeypatch.setattr("rnnbp.parallel.waiting.SOON", seconds)
    other, into = peer(None, array=questions), np.zeros(5, np.uint8)
    other.swap(into, into)
    assert into.tolist() == [0, 1, 2, 3, 4]


def test_a_process_that_has_ended_is_not_waited_for() -> None:
    text = "process 0 waits for process 1, whose program has ended"
    with pytest.raises(ConnectionError, match=text):
        peer(None, end=0).receive(np.zeros(5, np.uint8))
    with pytest.raises(ConnectionError, match=text):
        peer(None, end=3).send(np.zeros(5, np.uint8))


def test_what_it_sent_before_it_ended_counts() -> None:
    into, asked = np.zeros(5, np.uint8), list[float]()
    until(lambda: len(asked) > 0, lambda waited: asked.append(waited) or ValueError("ended"))
    assert len(asked) == 1
    other = peer(None, array=0, end=0)
    other.receive(into)
    assert into[-1] == 4


def test_a_process_that_sends_nothing_is_named() -> None:
    with pytest.raises(
        TimeoutError, match=r"waits for process 1, which has sent nothing for 0.05 s"
    ):
        peer().receive(np.zeros(5, np.uint8))


@pytest.mark.parametrize(("size", "sent"), [(7, "5 bytes"), (3, "more bytes")])
def test_messages_of_another_size_are_refused(size: int, sent: str) -> None:
    text = f"process 1 sent {sent}, and process 0 expects {size}; all processes sum arrays of the"
    with pytest.raises(ValueError, match=text):
        peer(array=0).receive(np.zeros(size, np.uint8))


def test_processes_without_their_parent_end() -> None:
    other = peer(array=0)
    lost = replace(other, guard=replace(other.guard, parent=-1))
    with pytest.raises(ConnectionError, match="mpiexec, which started process 0 of 2, is gone"):
        lost.receive(np.zeros(5, np.uint8))


def test_waiting_is_short_or_asleep() -> None:
    asked = list[float]()
    assert not soon(lambda: False)
    until(lambda: len(asked) == 5, lambda waited: asked.append(waited))
    assert asked == sorted(asked)


@pytest.mark.parametrize(
    ("error", "rank", "printed", "aborted"),
    [
        (KeyError("one"), 1, True, [1]),
        (KeyboardInterrupt(), 0, True, [130]),
        (everywhere(KeyError("all")), 0, True, []),
        (everywhere(KeyError("all")), 1, False, []),
        (elsewhere(KeyError("other")), 0, False, []),
    ],
)
def test_who_prints_an_error_and_who_ends_all(
    error: BaseException, rank: int, printed: bool, aborted: list[int]
) -> None:
    world, shown = World({TAG: NEVER, END: NEVER}, rank=rank), list[BaseException]()
    guard = Guard(world, Status, FaultError)
    guard.ended(lambda kind, found, trace: shown.append(found), type(error), error, None)
    assert (shown == [error]) == printed
    assert world.aborted == aborted


def test_an_error_of_another_process_is_printed_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error, shown = elsewhere(KeyError("other")), list[BaseException]()
    guard = Guard(World({}), Status, FaultError)
    guard.ended(lambda kind, found, trace: shown.append(found), KeyError, error, None)
    assert shown == []
    assert guard.unsaid is not None
    guard.unsaid()
    assert shown == [error]


def test_the_message_names_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    guard = Guard(World({}, rank=1), Status, FaultError)
    guard.ended(lambda *_: None, ValueError, ValueError("a cause"), None)
    assert "rnnbp: process 1 of 2 has ended with ValueError: a cause" in capsys.readouterr().err
