"""What is used of mpi4py, as types."""

from __future__ import annotations

from typing import Protocol

from rnnbp.numerics import Array

TAG, END = 0, 1
"""Of messages with arrays, and of the one that a process sends to each other when its program ends.

Those with arrays all have the same: messages between two processes arrive in the order of sending,
and the communicator is the library's own.
"""


class Status(Protocol):
    """What is known of a receive that is done."""

    @property
    def count(self) -> int: ...  # bytes

    def Is_cancelled(self) -> bool: ...


class Request(Protocol):
    """A message that was begun. Its array belongs to MPI until ``Test`` is True."""

    def Test(self, status: Status | None = None) -> bool: ...

    def Wait(self, status: Status | None = None) -> bool: ...

    def Cancel(self) -> None: ...


class Communicator(Protocol):
    """mpi4py's ``Comm``. The methods in capitals take buffers as they are."""

    def Get_rank(self) -> int: ...

    def Get_size(self) -> int: ...

    def Isend(self, buf: Array, dest: int, tag: int) -> Request: ...

    def Irecv(self, buf: Array, source: int, tag: int) -> Request: ...

    def Iprobe(self, source: int, tag: int) -> bool: ...

    def Abort(self, errorcode: int) -> None: ...
