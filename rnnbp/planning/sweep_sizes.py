"""Bytes that each action of a schedule holds and needs in a sweep, whose outputs have outlets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import final

from rnnbp.graph.first_pass import FirstPass, first_pass
from rnnbp.graph.graph import Node
from rnnbp.inputs.problem import Problem
from rnnbp.planning.input_sizes import copied, others_of, symbol_bytes
from rnnbp.planning.outlet_sizes import OutletSizes
from rnnbp.planning.sizes import SHARED, Key, Sizes
from rnnbp.planning.sweep_rehearsal import SweepRehearsal
from rnnbp.runners.side_by_side import Group, groups_of, workspaces
from rnnbp.support.lazy import cached_property
from rnnbp.support.memo import once

_OWN = attrgetter("outlets", "places", "sinks", "lent", "whole_sinks")


@final
@dataclass(frozen=True)
class SweepSizes(Sizes):
    """The bytes of a sweep; arguments as of ``ValueSizes``, of a graph of any number of outputs.

    Args:
        outlets: of each output.
        places: the inputs, by number, whose deltas have a place where they may be written.
        sinks: temporary bytes, for each step of each row, of taking the deltas of the inputs.
        lent: bytes of initial states that others hold.
        whole_sinks: as ``sinks``, of chunks in which no row ends; None for the same.
    """

    outlets: tuple[OutletSizes, ...] = ()
    places: frozenset[int] = frozenset()
    sinks: float = 0
    lent: int = 0
    whole_sinks: float | None = None

    @property
    def read(self) -> int:
        return len(self.parts.series)

    @property
    def own(self) -> Key:
        """What tells sizes of one model apart."""
        return (*super().own, *_OWN(self))

    def remade(self, node: Node) -> bool:
        taken = node.number in self.first.fed and self.cells[node.number].rounds_output
        return super().remade(node) and not taken

    @cached_property
    def first(self) -> FirstPass:
        """What the wanted outputs need."""
        return first_pass(self.parts, [each.wanted for each in self.outlets])

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The body, with what runs side by side in one group."""
        return groups_of(self.parts, self.cells)

    @cached_property
    def of_whole(self) -> SweepSizes:
        """The sizes of chunks in which no row ends."""
        outlets = tuple([each.of_whole for each in self.outlets])
        sinks = self.sinks if self.whole_sinks is None else self.whole_sinks
        if (outlets, sinks) == (self.outlets, self.sinks):
            return self
        found, known = replace(self, outlets=outlets, sinks=sinks, whole_sinks=None), vars(self)
        vars(found).update({key: known[key] for key in (*SHARED, "cells") if key in known})
        return found

    def workspaces(self, length: int) -> int:
        """Those of what runs side by side, which others share."""
        return sum(workspaces(self.groups, self.cells, length).values())

    @property
    def sources(self) -> Iterable[int]:
        """The values that have deltas from an outlet."""
        outlets = zip(self.model.outputs, self.outlets, strict=True)
        return [k for k, outlet in outlets if outlet.deltas]

    @cached_property
    def ahead(self) -> Sequence[Node]:
        """The nodes that run forward before any Backward."""
        return (*self.parts.body, *self.first.tail)

    def placed(self, value: int) -> bool:
        """True if the delta of an input has a place where it may be written."""
        return value in self.places

    def rehearsal(self, length: int) -> SweepRehearsal:
        """The actions on a chunk, on sizes."""
        return SweepRehearsal(self, length)

    @once
    def advance_taken(self, length: int) -> int:
        """What an Advance or Keep needs whose outputs are taken, as well as what is held."""
        return self.rehearsal(length).advance_taken()

    @once
    def record_taken(self, length: int) -> int:
        """What a Record needs whose outputs are taken, apart from its tape."""
        # not ``tape``, which is not known of a layer that does not declare what it keeps
        return self.rehearsal(length).record_taken() - self._recorded(length)[1]

    def left(self, length: int) -> int:
        """What stays at the end of the sweep: gradients, and the program with its tables."""
        return self.gradients(0, parted=False) + self.program(length) + self.tables(length)


def sizes_of_sweep(
    problem: Problem,
    outlets: Sequence[OutletSizes],
    *,
    places: Iterable[int] = (),
    sinks: float = 0,
    whole_sinks: float | None = None,
    dstate: Iterable[int] = (),
) -> SweepSizes:
    """Sizes of a sweep that has its inputs.

    Args:
        outlets, places, sinks, whole_sinks, dstate: as of ``SweepSizes``.
    """
    x, what = problem.x, (problem.model, problem.x_shape, problem.batch, problem.dtype)
    return SweepSizes(
        *what,
        floats=problem.floats,
        copied=copied(x, problem.dtype),
        loss_spare=0,
        dx=False,
        symbol_bytes=symbol_bytes(x),
        backend=problem.backend,
        training=problem.training,
        others=others_of(problem),
        dstate=frozenset(dstate),
        outlets=tuple(outlets),
        places=frozenset(places),
        sinks=sinks,
        whole_sinks=whole_sinks,
        lent=problem.lent,
    )
