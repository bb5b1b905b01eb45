"""Uses the library for minutes, at random and with interrupts in the middle; nothing may grow or change.

    python -m tests.soak --minutes 10 --seed 3

Prints a line each minute: memory, descriptors, threads, temporary files. Ends with 1 if memory grew after the warm-up,
or anything else is not what it was at the beginning.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import tracemalloc
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import numpy as np

import rnnbp as rb
from rnnbp.machine import processors
from tests.generator.activities import ACTIVITIES, EXPECTED, KEPT, MSE, BrokenError
from tests.generator.draws import Draw, Seeded
from tests.generator.runs import COMPILED
from tests.process_state import Sample, pools, resident, settings, trim

WARM, GROWTH = 0.25, 30.0
"""Share of the time that is warm-up; MB by which what is resident may grow in the rest."""
EVERY, WINDOW = 5.0, 8
"""Seconds between samples; activities that are traced at the end of each minute."""
TRACED = 400.0
"""kB that Python may keep, on average, of each window: caches that are bounded change what they hold."""
WAITS = 0.3
"""Share of activities that are interrupted."""
DEEP = 25
"""Frames of an interrupt that a fault is shown with."""


last: list[str] = []
"""Where the last interrupt came, innermost first."""


def interrupt(number: int, frame: FrameType | None) -> None:
    """As Ctrl-C."""
    last.clear()
    while frame is not None and len(last) < DEEP:
        last.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}")
        frame = frame.f_back
    raise KeyboardInterrupt


@dataclass
class Soak:
    """A run: what was done, and what went wrong.

    Args:
        place: a folder in which all temporary files lie.
    """

    draw: Draw
    place: Path
    done: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    """kB that each traced window has left."""
    lost: float = 0.0
    """MB by which the process has grown in those windows: Python 3.11 loses 36 bytes for each place
    in code that has allocated while tracemalloc traced."""

    def bits(self) -> list[bytes]:
        x = np.linspace(-1, 1, 300, dtype=np.float32).reshape(20, 3, 5)
        return [
            g.tobytes()
            for g in rb.bptt(
                KEPT, x, x, MSE, chunk=4, checkpoint="sqrt", backend=COMPILED[-1]
            ).grads.values()
        ]

    def fault(self, what: str) -> None:
        self.faults.append(what)
        print(f"  {what}", flush=True)

    def activity(self, *, breaks: bool = True) -> None:
        """One activity, broken off or not; notes how it ended."""
        work, place = self.draw.pick(ACTIVITIES), self.place / "work"
        os.environ["RNNBP_NUM_THREADS"] = str(self.draw.integer(1, 4))
        os.environ["RNNBP_BACKEND"] = self.draw.pick([*COMPILED, COMPILED[-1]])
        moment = self.draw.integer(1, 1000) / 1000
        waits = 10 ** (-5 + 4.7 * moment) if breaks and self.draw.chance(WAITS) else 0.0
        place.mkdir()
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, waits)
                work(self.draw, place)
                end = "done"
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            end = "interrupted"
        except (BrokenError, *EXPECTED) as error:
            end = type(error).__name__
        except BaseException as error:
            end = "failed"
            self.fault(f"{work.__name__}: {type(error).__name__}: {error}")
            traceback.print_exc()
        self.done[end] += 1
        shutil.rmtree(place)

    def check(self, before: dict[str, object], what: str) -> None:
        """Hold what there is one of against what it was."""
        for name, found in settings().items():
            if found != before[name]:
                self.fault(
                    f"after {what}, {name}: {found}, before {before[name]}; the last interrupt came at"
                )
                print(*last, sep="\n    ", flush=True)
                before[name] = found

    def traced(self) -> None:
        """What some activities leave allocated; traced ones are not broken off, nor do threads come or go."""
        trim()
        before = resident()
        tracemalloc.start()
        for _ in range(WINDOW):
            self.activity(breaks=False)
        rb.release_memory()
        gc.collect()
        self.kept.append(tracemalloc.get_traced_memory()[0] / 1e3)
        tracemalloc.stop()
        trim()
        self.lost += max(0.0, resident() - before)

    def run(self, minutes: float) -> None:
        """Do all of it."""
        before, limits, expected = settings(), pools(), self.bits()
        start, minute, sampled = time.monotonic(), 0, -EVERY
        self.samples.append(Sample.now(start, self.place, self.lost))
        print(
            "minute activities    MB  traced kB  descriptors  threads  native  temporary  ended",
            flush=True,
        )
        while (now := time.monotonic() - start) < 60 * minutes:
            self.activity()
            self.check(before, f"activity {self.done.total()}")
            if now - sampled >= EVERY:
                self.samples.append(Sample.now(start, self.place, self.lost))
                sampled = now
                if self.bits() != expected:
                    self.fault(f"other bits after activity {self.done.total()}")
            if now // 60 > minute:
                minute = int(now // 60)
                self.traced()
                self.line(minute)
        self.samples.append(Sample.now(start, self.place, self.lost))
        if pools() != limits:
            self.fault(f"limits of threads: {pools()}, before {limits}")

    def line(self, minute: int) -> None:
        s = self.samples[-1]
        figures = f"{minute:6} {self.done.total():10} {s.megabytes:5.0f} {self.kept[-1]:10.1f} {s.descriptors:12}"
        print(
            f"{figures} {s.threads:8} {s.native:7} {s.temporary:10}  {dict(self.done)}", flush=True
        )

    def verdict(self) -> list[str]:
        """What grew, or is not what it was."""
        wrong, end = list(self.faults), self.samples[-1]
        rest = [s for s in self.samples if s.seconds >= WARM * end.seconds]
        warm = rest[0]
        seconds, megabytes = (
            np.array([getattr(s, name) for s in rest]) for name in ("seconds", "megabytes")
        )
        slope = (
            float(np.polyfit(seconds, megabytes, 1)[0]) * (seconds[-1] - seconds[0])
            if len(rest) > 2
            else 0.0
        )
        grown = float(np.median(megabytes[-5:]) - np.median(megabytes[:5]))
        print(f"after the warm-up: {grown:+.1f} MB, {slope:+.1f} MB by a fit")
        if max(grown, slope) > GROWTH:
            wrong.append(f"resident memory grew by {grown:.1f} MB, by {slope:.1f} MB of a fit")
        most = {
            name: getattr(warm, name) for name in ("descriptors", "threads", "native", "temporary")
        }
        missing = max(
            0, 2 + 2 * processors.present() - warm.threads
        )  # threads of kernels begin when first needed
        most["threads"] += missing
        most["native"] += missing
        for name, bound in most.items():
            if getattr(end, name) > bound:
                wrong.append(f"{name}: {getattr(end, name)}, expected at most {bound}")
        late = self.kept[len(self.kept) // 2 :]
        if late and np.mean(late) > TRACED:
            wrong.append(f"{WINDOW} activities keep {np.mean(late):.0f} kB")
        return wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    faulthandler.enable()
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", message="unclosed file")  # which an interrupt has dropped
    warnings.filterwarnings("ignore", message="NumPy runs the cells, which is slower")
    warnings.filterwarnings("ignore", message="x has shape")  # by chance few steps follow many
    signal.signal(signal.SIGALRM, interrupt)
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # which a shell's background job ignores
    with tempfile.TemporaryDirectory() as top, suppress(KeyboardInterrupt):
        place, kernels = Path(top) / "temporary", Path(top) / "kernels"
        place.mkdir()
        tempfile.tempdir = str(place)
        os.environ.update(TMPDIR=str(place), RNNBP_KERNEL_CACHE=str(kernels))
        soak = Soak(Seeded(given.seed), place)
        soak.run(given.minutes)
        wrong = soak.verdict()
        print(
            f"{soak.done.total()} activities, {dict(soak.done)}: {'flat' if not wrong else f'{len(wrong)} wrong'}"
        )
        print(*wrong, sep="\n")
        return bool(wrong)
    return 1


if __name__ == "__main__":
    sys.exit(main())
