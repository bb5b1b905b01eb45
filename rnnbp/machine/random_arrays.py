"""Random numbers of many steps, by several threads: a step's depend on no other's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnbp.machine import philox, ziggurat
from rnnbp.machine.arrays import do
from rnnbp.machine.compile import Library
from rnnbp.machine.records import place as place_of
from rnnbp.machine.tasks import Column, Signature
from rnnbp.machine.team import threads
from rnnbp.machine.team.job import Job
from rnnbp.numerics import Array, address, fix_sizes

SHARED = 2**18
"""Numbers that are drawn sooner by two threads than by one: 65,000 are not, a million are in two
thirds of the time (an EPYC of the Zen 3 kind, two threads)."""
EACH_THREAD = 2
"""Parts for each thread: one that is late does the fewer."""


def uniform(out: Array, seed: int, place: int, draw: int, step: int) -> None:
    """Writes what ``philox.fill`` writes."""
    if not _shared(out):
        philox.fill(out, seed, place, draw, step)
        return
    _fill("uniform", philox.library(out.dtype), philox.SIGNATURE, out, (seed, place, draw, step))


def normal(out: Array, seed: int, place: int, draw: int, step: int) -> None:
    """Writes what ``ziggurat.fill`` writes."""
    if not _shared(out):
        ziggurat.fill(out, seed, place, draw, step)
        return
    given, tables = (seed, place, draw, step), ziggurat.tables()
    _fill("normal", ziggurat.library(out.dtype), ziggurat.SIGNATURE, out, given, tables)


def _shared(out: Array) -> bool:
    """True if several threads draw the numbers sooner than one."""
    return out.size >= SHARED and len(out) > 1 and threads.count() > 1


def _fill(
    name: str,
    library: Library,
    signature: Signature,
    out: Array,
    given: tuple[int, int, int, int],
    tables: Sequence[Array] = (),
) -> None:
    """A function on parts of ``out``, each of some of its steps."""
    fixed, n = fix_sizes([out]), out.size // len(out)
    parts = min(len(out), EACH_THREAD * threads.count())
    cuts = np.linspace(0, len(out), parts + 1).astype(np.int64)
    # As unsigned integers: a seed may have all 64 bits.
    seed, place, draw, step = np.array(given, np.uint64).view(np.int64)
    columns: dict[str, Column] = {"seed": int(seed), "place": int(place), "draw": int(draw)}
    columns |= zip(
        signature.names[len(philox.ARGUMENTS) :], map(place_of, range(1, 4)), strict=False
    )
    rows = signature.table(
        parts,
        library.address(f"{name}.task"),
        out=place_of(0) + n * out.itemsize * cuts[:-1],
        N=n,
        L=np.diff(cuts),
        step=int(step) + cuts[:-1],
        **columns,
    )
    do(Job(rows[None]), [address(out), *map(address, tables)], out.size)
    del fixed
