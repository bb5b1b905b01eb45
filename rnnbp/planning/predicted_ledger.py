"""The ledger of a run by arithmetic: a schedule run on sizes instead of arrays."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from itertools import chain, pairwise

from rnnbp.actions import Action, Advance, Backward, Drop, Keep, Load, Rebuild, Record, Store
from rnnbp.compensated import parted
from rnnbp.inputs.horizon import cuts
from rnnbp.planning.live_states import LiveStates
from rnnbp.planning.sizes import Sizes
from rnnbp.planning.tables import reversing
from rnnbp.schedules.read_ahead import readable_ahead

OUTPUTS = "outputs of all steps"
"""The kind of what a loss of all steps at once holds: y, and then dy."""
FIXED = "static values"
"""The kind of what is the same at all steps: static inputs, and what is computed from them."""


class PredictedLedger:
    """The bytes that a run holds, by kind, and its peak.

    Args:
        steps: T.
        length: steps in a chunk.
        horizon: as of ``bptt``.
    """

    def __init__(self, sizes: Sizes, steps: int, length: int, horizon: int | None) -> None:
        self.horizon = horizon
        self.sizes, self.whole, self.last = sizes, length, math.ceil(steps / length) - 1
        self.rest = steps - self.last * length
        self.held: Counter[str] = Counter()
        self.turned, self.given = False, 0
        """Whether some chunk has gone backward, and the bytes of deltas that wait for the first."""
        self.live, self.ram, self.tabled = LiveStates(), set[int](), set[int]()
        self.disk, self.tapes = set[int](), set[int]()
        self.thin, self.rebuilt = set[int](), set[int]()
        self.total, self.peak, self.by_kind = 0, 0, dict[str, int]()
        self.steps: Counter[str] = Counter()
        """Steps of each action, by its name."""
        self.counts, self.highest, self.at_highest = dict[str, int](), -1, dict[str, int]()
        """The actions counted so far, the peak after one of them, and those counted up to it."""
        self._begin(steps, parted(self.last + 1, length))
        self.arrived = 0
        """Chunks whose targets have been checked."""
        if sizes.loss_whole:
            self._see_all(steps)

    def _begin(self, steps: int, several: bool) -> None:
        """What is held before any action: ``several`` parts of gradients are summed."""
        sizes = self.sizes
        if any(sizes.fixed):
            self._hold(FIXED, sizes.fixed.held)
            self._note(sizes.fixed.forward + sizes.slot)
        gradients = sizes.gradients(steps, parted=False)
        self.totals = sizes.gradients(steps, parted=several) - gradients
        self._hold("gradients", gradients + self.totals)
        self._hold("program", sizes.program(self.whole))
        self._count_live_states()
        self._note()

    def run(self, schedule: Iterable[Action]) -> None:
        """Go through all actions."""
        taped = (self.tapes, self.thin)
        for action, after in pairwise(chain(schedule, [None])):
            assert action is not None
            length = self.rest if action.n == self.last else self.whole
            self.steps[type(action).__name__] += length
            if isinstance(action, Advance | Keep | Record) and action.n == self.arrived:
                self.arrived += 1
                self._note(self.sizes.arriving(length))
            ahead = readable_ahead(action, after, self.disk, taped) if self.disk else None
            if ahead is not None:
                self._hold("read ahead", self._slot(ahead))
            if isinstance(action, Backward) and not self.turned:
                self._turn()
            self._do(action, length)
            self._count_live_states()
            self._count(type(action).__name__)
        if last := max(self.sizes.fixed.backward, self.sizes.penalised):
            self._hold("gradients", -self.totals)
            self._note(last)

    def _count(self, name: str) -> None:
        """Count an action that is done, as a run does."""
        self.counts[name] = self.counts.get(name, 0) + 1
        if self.peak > self.highest:
            self.highest, self.at_highest = self.peak, self.counts.copy()

    def _see_all(self, steps: int) -> None:
        """A loss takes all steps at once: y is computed for it, and its dy stays."""
        sizes = self.sizes
        self._hold(OUTPUTS, sizes.all_outputs(steps))
        self._hold("state", sizes.slot)
        self.arrived = self.last + 1
        for length in (self.whole, self.rest) if self.last else (self.rest,):
            self._note(sizes.arriving(length))
            self._note(sizes.outputs(length))
        self._hold("state", -sizes.slot)
        self._note(sizes.whole_loss(steps))

    def _slot(self, n: int) -> int:
        """The bytes of the slot of chunk n."""
        return self.sizes.slot

    def _count_live_states(self) -> None:
        nbytes = self.live.nbytes(self.ram, self.sizes.slot, self.sizes.deltas)
        self._hold("state", nbytes + self.given - self.held["state"])

    def _turn(self) -> None:
        """The first Backward is to come: deltas of the final state are there, if they are given."""
        self.turned, self.given = True, self.sizes.given_deltas
        self._count_live_states()
        self._note()

    def _do(self, action: Action, length: int) -> None:
        sizes, n = self.sizes, action.n
        if isinstance(action, Advance | Keep | Record):
            self.live.ran(last=n == self.last)
        match action:
            case Advance():
                self._note(sizes.advance(length))
            case Keep():
                self.thin.add(n)
                self._hold("thin tape", sizes.thin(length))
                self._note(sizes.keep(length))
            case Record():
                self._hold_tape(n, sizes.tape(length), sizes.record(length))
            case Rebuild():
                self.thin.remove(n)
                self._hold("thin tape", -sizes.thin(length))
                self.rebuilt.add(n)
                self._hold_tape(n, sizes.rebuilt_tape(length), sizes.rebuild(length))
            case Store():
                self._store(n, on_disk=action.tier == "disk")
            case Drop():
                self._drop(n)
            case Backward():
                self._backward(n, length)
            case Load():
                self.live.loaded(n if n in self.ram else None)
                self._hold("read ahead", -self.held["read ahead"])

    def _hold_tape(self, n: int, nbytes: int, workspace: int) -> None:
        self.tapes.add(n)
        self._hold("tape", nbytes)
        self._note(workspace)

    def _store(self, n: int, *, on_disk: bool) -> None:
        if on_disk:
            self.disk.add(n)
            self._hold("disk buffer", self.sizes.slot - self.held["disk buffer"])
        else:
            self.ram.add(n)
            self._hold("checkpoint", self.sizes.slot)
        self._note()

    def _drop(self, n: int) -> None:
        if n in self.disk:
            self.disk.remove(n)
            self._hold("disk buffer", -self.held["disk buffer"])
        else:
            self.ram.discard(n)
            self._hold("checkpoint", -self.sizes.slot)

    def _backward(self, n: int, length: int) -> None:
        sizes, first, tabled = self.sizes, self.live.no_deltas, length in self.tabled
        given = self.given > 0
        how = {"first": first, "given": given, "tabled": tabled}
        need, tables = reversing(sizes, length, self.whole, **how)
        self._note(need)
        self.given = 0
        self.tabled.add(length)
        self._hold("program", tables)
        self.live.reversed(cut=cuts(self.horizon, n * self.whole))
        self.tapes.remove(n)
        self._hold("tape", -(sizes.rebuilt_tape if n in self.rebuilt else sizes.tape)(length))
        self.rebuilt.discard(n)

    def _hold(self, kind: str, nbytes: int) -> None:
        """Count a number of bytes more, or fewer."""
        self.held[kind] += nbytes
        self.total += nbytes

    def _note(self, workspace: int = 0) -> None:
        """Compare the bytes held now, with a workspace, with the peak."""
        if self.total + workspace > self.peak:
            self.peak = self.total + workspace
            self.by_kind = {
                kind: n for kind, n in (self.held | Counter(workspace=workspace)).items() if n
            }
