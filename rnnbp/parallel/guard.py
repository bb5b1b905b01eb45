"""The ends of processes: none waits for one that has ended, and none is left over.

An exception that leaves the program of one process ends all. One that leaves the same error in all,
as a refusal that they agreed on, is printed by the first alone. A program that ends otherwise tells
the other processes so: one that waits for it then raises an error.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypeAlias, TypeVar
from weakref import WeakSet

import numpy as np

from rnnbp.parallel.communicator import END, Communicator, Status
from rnnbp.parallel.waiting import until

Error = TypeVar("Error", bound=BaseException)
Hook: TypeAlias = Callable[[type[BaseException], BaseException, TracebackType | None], object]
CODE, BY_SIGNAL = 1, 130
"""What the program of a process returns if it raised, and on Ctrl-C."""
_EVERYWHERE, _ELSEWHERE = "_raised_by_all_processes", "_raised_by_another_process"


def everywhere(error: Error) -> Error:
    """The same error, which every process raises: it needs to be printed once, and ends all."""
    setattr(error, _EVERYWHERE, True)
    return error


def is_everywhere(error: BaseException) -> bool:
    """True for an error that every process raises."""
    return getattr(error, _EVERYWHERE, False)


def elsewhere(error: Error) -> Error:
    """The same error, which says what another process raised: that one prints it, and ends all."""
    setattr(error, _ELSEWHERE, True)
    return error


@dataclass
class Guard:
    """Watches over the end of this process; ``world`` are all, at least two.

    threads: those that exchange arrays, the main one aside. unsaid: prints an error of another
        process, in case that one does not. status, fault: what
        holds what is known of a message, and the class of MPI's errors.
    """

    world: Communicator
    status: Callable[[], Status]
    fault: type[Exception]
    pid: int = field(default_factory=os.getpid)
    parent: int = field(default_factory=os.getppid)
    threads: WeakSet[threading.Thread] = field(default_factory=WeakSet)
    unsaid: Callable[[], object] | None = None

    def install(self) -> None:
        """From now on. Hooks that are there already are called first."""
        own, of_threads = sys.excepthook, threading.excepthook

        def ended(
            kind: type[BaseException], error: BaseException, trace: TracebackType | None
        ) -> None:
            self.ended(own, kind, error, trace)

        def thread_ended(args: threading.ExceptHookArgs) -> None:
            of_threads(args)
            if args.thread in self.threads and args.exc_value is not None:
                self._end_all(args.exc_value)

        sys.excepthook, threading.excepthook = ended, thread_ended
        atexit.register(self.farewell)

    def note_thread(self) -> None:
        """Note that the present thread exchanges arrays."""
        thread = threading.current_thread()
        if thread is not threading.main_thread():
            self.threads.add(thread)

    def orphaned(self) -> BaseException | None:
        """An error if whoever started this process is no more, as mpiexec after kill -9."""
        if os.getppid() == self.parent:
            return None
        return ConnectionError(
            f"parallel.MPI: mpiexec, which started process {self._own}, is gone; start the script "
            "again"
        )

    def ended(
        self,
        own: Hook,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
    ) -> None:
        """End all processes for an exception that left the program; ``own`` prints it."""
        quiet = is_everywhere(error) and self.world.Get_rank() > 0
        if getattr(error, _ELSEWHERE, False):
            self.unsaid = lambda: own(kind, error, trace)
            return
        if not quiet:
            own(kind, error, trace)
        if not is_everywhere(error):
            self._end_all(error)

    def farewell(self) -> None:
        """Tell the others that this program has ended, and wait until theirs have."""
        if os.getpid() != self.pid or sys.modules["mpi4py.MPI"].Is_finalized():
            return
        others = [k for k in range(self.world.Get_size()) if k != self.world.Get_rank()]
        nothing = np.empty(0, np.uint8)
        try:
            sent = [self.world.Isend(nothing, other, END) for other in others]
            due = [self.world.Irecv(nothing, other, END) for other in others]
            for request in (*due, *sent):
                until(request.Test, lambda _: self.orphaned())
        except ConnectionError:
            self._abort(CODE)
        except KeyboardInterrupt:
            self._abort(BY_SIGNAL)
        if self.unsaid is not None:
            self.unsaid()

    def _end_all(self, error: BaseException) -> None:
        if os.getpid() != self.pid or hasattr(sys, "ps1"):  # a child of fork; a prompt goes on
            return
        name = type(error).__name__
        text = f"{name}: {error}" if str(error) else name
        print(
            f"rnnbp: process {self._own} has ended with {text}\nThis ends all processes.",
            file=sys.stderr,
        )
        self._abort(BY_SIGNAL if isinstance(error, KeyboardInterrupt) else CODE)

    def _abort(self, code: int) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self.world.Abort(code)

    @property
    def _own(self) -> str:
        return f"{self.world.Get_rank()} of {self.world.Get_size()}"
