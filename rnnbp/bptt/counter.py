"""Counts what a run does, independently of ``simulate``, so that the two can be compared."""

from __future__ import annotations

import time
from typing import final

from rnnbp.actions import TIERS, Keep, Load, Rebuild, Record, Store
from rnnbp.bptt.holdings import Holdings
from rnnbp.bptt.results import Stats
from rnnbp.inputs.problem import Problem
from rnnbp.ledger import Ledger
from rnnbp.planning.objects import bytes_of_rows, fused_of, ways_of, ways_of_rows
from rnnbp.planning.sizes import Sizes
from rnnbp.schedules.stretches import Step, Stretch


@final
class Counter:
    """Figures of a run, updated after every action."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.steps = self.rebuilt = 0
        self.actions: dict[str, int] = {}
        self.highest, self.at_highest = -1, dict[str, int]()
        """The ledger's peak so far, and the actions counted up to it."""
        self.writes: dict[str, int] = dict.fromkeys(TIERS, 0)
        self.reads: dict[str, int] = dict.fromkeys(TIERS, 0)
        self.peaks: dict[str, int] = dict.fromkeys(("slots", "tapes", "thin", *TIERS), 0)

    def count(self, action: Step, held: Holdings, problem: Problem) -> None:
        """Take note of an action that a run has just done, and of what it holds now."""
        kind, many = type(action), 1
        if isinstance(action, Stretch):
            kind, many = action.kind, action.count
        name = kind.__name__
        self.actions[name] = self.actions.get(name, 0) + many
        if held.ledger.peak_bytes > self.highest:
            self.highest, self.at_highest = held.ledger.peak_bytes, self.actions.copy()
        match action:
            case Record() | Stretch():
                self._peak("tapes", len(held.tapes))
            case Keep():
                self._peak("thin", len(held.thin))
            case Rebuild():
                self.rebuilt += problem.length(action.n)
                self._peak("tapes", len(held.tapes))
            case Store():
                self.writes[action.tier] += 1
                self._peak("slots", len(held.slots))
                self._peak(action.tier, held.slots.in_tier[action.tier])
            case Load() if held.reads_slot(action.n):
                self.reads[held.slots.tiers[action.n]] += 1

    def _peak(self, what: str, count: int) -> None:
        if count > self.peaks[what]:
            self.peaks[what] = count

    def _ways(self, problem: Problem) -> int:
        """How many more ways chunks have been run in, up to the ledger's peak."""
        found = ways_of(self.at_highest, problem.steps, problem.chunk)
        rows = problem.rows
        return found if rows is None else found + ways_of_rows(rows, problem.chunk)

    def stats(self, problem: Problem, ledger: Ledger, sizes: Sizes, tables: int) -> Stats:
        """All of it, with the ledger's peak; ``tables``: bytes of those of the schedule."""
        peaks, others = self.peaks, tables + bytes_of_rows(problem.rows, problem.chunk)
        return Stats(
            chunks=problem.chunks,
            peak_slots=peaks["slots"],
            peak_tapes=peaks["tapes"],
            steps_run=self.steps,
            steps_rerun=self.steps - problem.steps,
            counts=self.actions,
            peak_slots_by_tier={tier: peaks[tier] for tier in TIERS},
            peak_thin_tapes=peaks["thin"],
            chunks_rebuilt=self.actions.get("Rebuild", 0),
            steps_rebuilt=self.rebuilt,
            writes=self.writes,
            reads=self.reads,
            peak_bytes=ledger.peak_bytes,
            peak_bytes_by_kind=ledger.peak_by_kind,
            object_bytes=self._objects(problem, sizes) + others,
            seconds=time.perf_counter() - self.began,
            output_bytes=sizes.all_outputs(problem.steps),
            rounding=sizes.backend.rounding,
        )

    def _objects(self, problem: Problem, sizes: Sizes) -> int:
        """Bytes of Python's objects, tables of the schedule and of rows apart."""
        return sizes.object_bytes(
            problem.chunk,
            *[self.peaks[what] for what in ("tapes", "thin", "slots", "disk")],
            self._ways(problem),
            fused_of(self.actions, problem.chunks),
        )
