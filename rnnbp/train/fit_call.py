"""One call of ``fit``: installs signal handlers, and attaches the History to exceptions."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass, field
from signal import SIGINT

from rnnbp.parallel.guard import everywhere
from rnnbp.support.callers import outside
from rnnbp.train.caller import FIT
from rnnbp.train.folder import MODEL, SNAPSHOT
from rnnbp.train.history import History, carry
from rnnbp.train.interrupts import Interrupts, ending
from rnnbp.train.limits import Limits
from rnnbp.train.options import OnInterrupt
from rnnbp.train.sources import SourceLike
from rnnbp.train.training import Tell, Training

said: list[str] = []
"""The warning that a count means more than it did: once in a process, as it is large in notebooks.
"""
RETURN = "fit leaves the best with on_interrupt='return'"


@dataclass
class FitCall:
    """One call, within ``limits``; ``tell`` calls the callbacks."""

    training: Training
    limits: Limits
    tell: Tell
    interrupts: Interrupts = field(init=False)

    def __post_init__(self) -> None:
        self.interrupts = Interrupts(notice=self._has_others)

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
                error = ending(signals.signal, self._how_to_go_on())
                raise everywhere(error) if self._has_others else error
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
            with (
                run.update.rounding.held(),
                contextlib.closing(run.folder),
                self.interrupts,
            ):
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

    @property
    def _has_others(self) -> bool:
        """True if other processes train with this one, which end as it does."""
        parallel = self.training.options.parallel
        return parallel is not None and parallel.processes > 1

    def _how_to_go_on(self) -> str:
        """What a signal has left, a line each: where the run stands, how it goes on, the model."""
        run, path = self.training, self.training.folder.path
        kept = "no folder was given" if path is None else f"all is in {path / SNAPSHOT}"
        lines = [
            f"{run.caller.name}: interrupted after step {run.at.step}; {kept}",
            run.caller.goes_on if path is None else run.caller.goes_on_from_folder,
        ]
        if run.options.keeps_best and run.at.best_weights:
            best = f"the best are in {path / MODEL}" if path is not None else RETURN
            lines.append(f"the model has the last parameters, not the best: {best}")
        elif run.caller is FIT:
            lines.append("the model has the parameters of that step")
        return "\n".join([*lines, self._history()])

    def _history(self) -> str:
        """Where the History is, now and after an exception that nobody caught."""
        if self.training.caller is not FIT:
            return "the losses so far are in Trainer.history"
        kind = "KeyboardInterrupt" if self.interrupts.signal == SIGINT else "SystemExit"
        caught = f"error.history in 'except {kind} as error'"
        return f"the History is {caught}, or sys.last_value.history at a prompt"
