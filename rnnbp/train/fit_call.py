"""One call of ``fit``: installs signal handlers, and attaches the History to exceptions."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass, field
from signal import SIGINT

from rnnbp.support.callers import outside
from rnnbp.train.folder import SNAPSHOT
from rnnbp.train.history import History, carry
from rnnbp.train.interrupts import Interrupts, ending
from rnnbp.train.limits import Limits
from rnnbp.train.options import OnInterrupt
from rnnbp.train.sources import SourceLike
from rnnbp.train.training import Tell, Training

said: list[str] = []
"""The warning that a count means more than it did: once in a process, as it is large in notebooks.
"""
RESUME = "fit with resume=True and the same folder goes on"


@dataclass
class FitCall:
    """One call, within ``limits``; ``tell`` calls the callbacks."""

    training: Training
    limits: Limits
    tell: Tell
    interrupts: Interrupts = field(default_factory=Interrupts)

    def run(self, data: SourceLike, on_interrupt: OnInterrupt) -> History:
        """Train, and return the History. Raises as ``Trainer.fit`` does."""
        run, signals = self.training, self.interrupts
        if run.busy:
            raise RuntimeError(
                "Trainer.fit: it is training already, in a callback or another thread; wait for "
                "its end"
            )
        text = self.limits.counted_otherwise(run.at, run.asked)
        run.asked = [*run.asked[-1:], self.limits]
        if not run.goes_on and not said and text:
            said.append(text)
            warnings.warn(text, FutureWarning, stacklevel=outside())
        if not run.goes_on and run.pending is None and (text := self.limits.reached(run.at)):
            warnings.warn(text, stacklevel=outside())
        try:
            reason = self._trained(data, returns=on_interrupt == "return")
            if reason is None and signals.signal is not None and on_interrupt == "raise":
                raise ending(signals.signal, self._how_to_go_on())
        except BaseException as error:
            ends = isinstance(error, KeyboardInterrupt | SystemExit)
            stopped = ends and signals.signal is not None
            run.ended = ("interrupted", signals.signal) if stopped else ("error", None)
            carry(error, run.at.history.copy(*run.ended))
            raise
        run.ended = (reason, None) if reason else ("interrupted", signals.signal)
        return run.at.history.copy(*run.ended)

    def _trained(self, data: SourceLike, *, returns: bool) -> str | None:
        """Train under the handlers of signals; why it ended, None for a signal."""
        run = self.training
        try:
            run.busy, run.ended = True, ("", None)
            with contextlib.closing(run.folder), self.interrupts:
                reason = run.train(data, self.limits, self.interrupts, self.tell, returns=returns)
        finally:
            self._leave()
        if reason is not None:
            self.interrupts.pass_on()
        return reason

    def _leave(self) -> None:
        """Restore everything again, because an interrupt may have cut the first attempt short."""
        run, stopped = self.training, None
        while run.busy:
            try:
                self.interrupts.restore()
                run.folder.close()
                run.busy = False
            except KeyboardInterrupt as error:
                stopped = error
            except BaseException:
                run.busy = False
                raise
        if stopped is not None:
            raise stopped

    def _how_to_go_on(self) -> str:
        run = self.training
        place, path = f"{run.caller}: interrupted after step {run.at.step}", run.folder.path
        last = ""
        if run.options.keeps_best and run.at.best_weights:
            last = ", the last ones and not the best, which on_interrupt='return' leaves there"
        if run.caller == "fit":
            kept = "nothing can go on, for no folder was given"
            cure = (
                "a Trainer goes on when its fit is called again; or give folder=, and resume=True"
            )
            if path is not None:
                kept, cure = f"all is in {path / SNAPSHOT}", RESUME
            return (
                f"{place}; {kept}: {cure}; the parameters are in the model{last}; {self._there()}"
            )
        kept = "no folder was given: call this Trainer's fit again in this process to go on"
        if path is not None:
            kept = f"all is in {path / SNAPSHOT}: go on by resume() and fit, or here by fit alone"
        if last:
            kept += f"; the model has its parameters{last}"
        return f"{place}; {kept}; the losses so far are in Trainer.history"

    def _there(self) -> str:
        """Where the History is, now and after an exception that nobody caught."""
        kind = "KeyboardInterrupt" if self.interrupts.signal == SIGINT else "SystemExit"
        return (
            f"the History is error.history in 'except {kind} as error', or later "
            "sys.last_value.history at a prompt or in a notebook"
        )
