"""Messages with one other process, which may be late, at its end, or gone."""

from __future__ import annotations

from dataclasses import dataclass

from rnnbp.numerics import Array
from rnnbp.parallel.communicator import END, TAG, Communicator, Request, Status
from rnnbp.parallel.guard import Guard
from rnnbp.parallel.waiting import soon, until


@dataclass(frozen=True, slots=True)
class Peer:
    """Process ``rank`` of ``world``; waiting for it for ``timeout`` seconds is an error.

    Raises ConnectionError if the program of that process has ended, TimeoutError, and ValueError
    for a message of another size than that of the array.
    """

    world: Communicator
    rank: int
    guard: Guard
    timeout: float | None

    def send(self, array: Array) -> None:
        """Send bytes (n,)."""
        self._begin()
        self._finish(self.world.Isend(array, self.rank, TAG))

    def receive(self, into: Array) -> None:
        """Fill bytes (n,)."""
        self._begin()
        self._fill(self.world.Irecv(into, self.rank, TAG), into)

    def swap(self, array: Array, into: Array) -> None:
        """Both at the same time."""
        self._begin()
        receiving = self.world.Irecv(into, self.rank, TAG)
        sending = self.world.Isend(array, self.rank, TAG)
        self._fill(receiving, into)
        self._finish(sending)

    def _begin(self) -> None:
        """Note what the guard asks for; raise ConnectionError if whoever started all is gone."""
        self.guard.note_thread()
        if (gone := self.guard.orphaned()) is not None:
            raise gone

    def _finish(self, sending: Request) -> None:
        if not soon(sending.Test):
            until(sending.Test, self._problem)

    def _fill(self, receiving: Request, into: Array) -> None:
        """Wait until a receive is done.

        One that lasts is taken back, and begun again when the message is there: so that it can be
        waited for asleep, and then comes in MPI's own wait, which moves long messages fast.
        """
        status = self.guard.status()
        try:
            self._await(receiving, into, status)
        except self.guard.fault as error:  # MPI's, of which this is the one that can be cured
            if "TRUNCATE" in str(error).upper():
                raise self._other_size("more bytes", into) from error
            raise
        if status.count != into.nbytes:
            raise self._other_size(f"{status.count} bytes", into)

    def _await(self, receiving: Request, into: Array, status: Status) -> None:
        if not soon(lambda: receiving.Test(status)):
            receiving.Cancel()
            receiving.Wait(status)
            if status.Is_cancelled():
                until(lambda: self.world.Iprobe(self.rank, TAG), self._problem)
                self.world.Irecv(into, self.rank, TAG).Wait(status)

    def _other_size(self, sent: str, into: Array) -> ValueError:
        return ValueError(
            f"parallel.MPI: process {self.rank} sent {sent}, and process {self._own} expects "
            f"{into.nbytes}; all processes sum arrays of the same shapes and dtypes, in the same "
            "order"
        )

    def _problem(self, waited: float) -> BaseException | None:
        """An error if there is no use in waiting longer."""
        if (gone := self.guard.orphaned()) is not None:
            return gone
        what = f"parallel.MPI: process {self._own} waits for process {self.rank}"
        if self.world.Iprobe(self.rank, END):
            return ConnectionError(
                f"{what}, whose program has ended; all processes take part in every sum and every "
                "step of a run"
            )
        if self.timeout is None or waited < self.timeout:
            return None
        return TimeoutError(
            f"{what}, which has sent nothing for {self.timeout:g} s: it hangs, or does what the "
            "others do not; give a longer timeout if it needs one"
        )

    @property
    def _own(self) -> int:
        return self.world.Get_rank()
