"""Interrupts at each place where Python lets one in: CPython looks for signals as a function
begins, after a call and as a loop goes round, and nowhere else.

So what C does between two of these cannot be interrupted, nor the first call of a ``finally``.
"""

from __future__ import annotations

import dis
import gc
import os
import signal
import sys
import threading
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from types import CodeType, FrameType
from typing import Any

import numpy as np

from rnnbp import machine
from rnnbp.memory import gauges
from rnnbp.support import stacks
from rnnbp.support.bars import Bar

LOOKS = {
    code
    for name, code in dis.opmap.items()
    if name == "RESUME"
    or name.startswith("CALL")
    or ("JUMP_BACKWARD" in name and "NO_INTERRUPT" not in name)
}
"""Operations after which CPython looks for signals."""
SKIPPED = ("<frozen importlib", "threading.py", __file__)
"""Files without places: modules half imported stay so, and Python itself starts threads."""


@dataclass
class Place:
    """Where an interrupt was raised, and what became of it."""

    where: str
    arrived: bool


def interrupted(work: Callable[[], object], number: int, again: int = 0) -> Place | None:
    """Raise KeyboardInterrupt at place ``number`` of ``work``, from 1; None if it has fewer.

    Args:
        again: a second one is raised this many places after the first, while that is on its way; 0
            for none.
    """
    left, found = number, ""

    def at(frame: FrameType) -> None:
        nonlocal left, found
        left -= 1
        if not left:
            sys.settrace(None)
            found = f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}"
            left = again
            sys.setprofile(profile if again else None)  # Python ends a trace that raises
            raise KeyboardInterrupt

    def profile(frame: FrameType, event: str, _: Any) -> None:
        nonlocal left, found
        code, last = frame.f_code.co_code, frame.f_lasti
        begins = (
            event == "call" and code[last] == dis.opmap["RESUME"]
        )  # else a generator that is closed
        left -= (begins or event == "c_return") and frame.f_code is not interrupted.__code__
        if not left:
            found += (
                f", then {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}"
            )
            raise KeyboardInterrupt

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if any(name in frame.f_code.co_filename for name in SKIPPED):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        code, handlers, previous = frame.f_code.co_code, handlers_of(frame.f_code), -1

        def within(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal previous
            if event == "opcode":
                here = frame.f_lasti
                before, previous = here - 2 if previous < 0 else previous, here
                if before >= 0 and code[before] in LOOKS and handlers[before] == handlers[here]:
                    at(frame)
            return within

        return within

    arrived, callbacks = False, gc.callbacks[:]
    gc.callbacks.clear()  # of other libraries, in which an interrupt is lost
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        arrived = True
    finally:
        sys.setprofile(None)
        sys.settrace(None)
        gc.callbacks.extend(callbacks)
    return Place(found, arrived) if found else None


@lru_cache
def handlers_of(code: CodeType) -> dict[int, int]:
    """Where an exception at each offset goes; an interrupt belongs to the operation before."""
    found: dict[int, int] = defaultdict(lambda: -1)
    entries = dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]  # not in typeshed
    for entry in entries:
        found.update(dict.fromkeys(range(entry.start, entry.end, 2), entry.target))
    return found


def is_free(lock: Any) -> bool:
    """True if another thread can take a lock."""

    def look() -> bool:
        taken: bool = lock.acquire(blocking=False)
        if taken:
            lock.release()
        return taken

    with ThreadPoolExecutor(1) as another:
        return another.submit(look).result()


LOCKS = {
    "memory": gauges.lock,
    "loading": machine.loading,
    "stacks": stacks._changing,
    "bars": Bar.get_lock(),
}


def descriptors() -> list[tuple[str, str]]:
    """Open files, by number."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append((number, os.readlink(f"/proc/self/fd/{number}")))
        except OSError:  # that of the list itself
            continue
    return sorted(found)


def state() -> dict[str, object]:
    """What no interrupt may change."""
    return {
        "geterr": np.geterr(),
        "descriptors": descriptors(),
        "threads": threading.active_count(),
        "tracing": tracemalloc.is_tracing(),
        "handlers": [
            signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        ],
        "stack": threading.stack_size(),
        "held": [name for name, lock in LOCKS.items() if not is_free(lock)],
    }


def settled(before: dict[str, object]) -> dict[str, object]:
    """The state, after a second if it differs: other threads have files open for a moment."""
    for _ in range(20):
        if (found := state()) == before:
            break
        gc.collect()  # what an error's frames hold
        time.sleep(0.05)
    return found


def _but(found: object, known: object) -> object:
    """What is in a list and not in the other, or what is no list."""
    if isinstance(found, list) and isinstance(known, list):
        return [each for each in found if each not in known]
    return found


def faults(
    work: Callable[[], object], numbers: Iterator[int], again: Iterator[int] | None = None
) -> list[str]:
    """What was wrong after interrupts of ``work`` at these of its places, as far as it has them.

    Args:
        again: for each, how many places later another one follows; None for none.
    """
    gc.collect()  # what tests before have left may have files open
    before, wrong = state(), []
    for number, later in zip(numbers, again or repeat(0), strict=False):
        place = interrupted(work, number, later)
        if place is None:
            break
        after = settled(before)
        wrong += [
            f"{place.where}: {name} {_but(after[name], before[name])}, before "
            f"{_but(before[name], after[name])}"
            for name in before
            if after[name] != before[name]
        ]
        wrong += [] if place.arrived else [f"{place.where}: swallowed"]
        before = after
    return wrong
