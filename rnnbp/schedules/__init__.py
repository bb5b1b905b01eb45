"""Schedules, as pure data: which chunks are run, kept and run again.

A schedule is what ``bptt``, ``fit`` and others take as ``checkpoint``. Each name has its own help,
as ``help(rnnbp.schedules.Revolve)``.

>>> import rnnbp as rb
>>> found = rb.simulate(rb.schedules.Revolve(10, slots=3))  # without arrays
>>> found.steps_run, found.steps_rerun, found.peak_slots
(25, 15, 3)

Everything kept, or kept every so often
    All, EveryK, Sqrt          "all"; a state every k chunks; "sqrt", √N segments
    ThinTapes                  the states of all steps, from which the rest is rebuilt
The fewest steps run again
    Revolve                    for a number of checkpoints (binomial)
    ISM, HSM, MSM, Optimal     for tapes, states, both, and both with their slots freed early
    Multistage, DiskRevolve    with checkpoints on disk
Unknown length
    Online, Streamed, Sweep    as the end comes
Others
    Foreign, Unsized           of the package checkpoint_schedules; without a number of chunks
    ScheduleLike, NAMED        what is taken as a schedule; those with a name
    resolve, resized, sweep, thin, check_counts        what schedules of your own may use

A schedule is any re-iterable of ``rnnbp.actions``, as a list; those here are made for a number of
chunks, ``Revolve(9, 4)``. Where ``bptt`` takes a schedule it also takes one without that number,
all else by name, ``Revolve(slots=4)``, and any function of it, as ``lambda n: EveryK(n, 4)``.
"""

from typing import TYPE_CHECKING

from rnnbp.schedules.base import ScheduleLike, check_counts
from rnnbp.schedules.binomial import Revolve
from rnnbp.schedules.foreign import Foreign
from rnnbp.schedules.gruslys import HSM, ISM, MSM
from rnnbp.schedules.named import NAMED, resolve, sweep
from rnnbp.schedules.online import Online, Streamed, Sweep
from rnnbp.schedules.optimal import Optimal
from rnnbp.schedules.periodic import All, EveryK, Sqrt
from rnnbp.schedules.resized import resized
from rnnbp.schedules.thin import ThinTapes, thin
from rnnbp.schedules.tiers import DiskRevolve, Multistage
from rnnbp.schedules.unsized import Unsized
from rnnbp.support.helping import names_of
from rnnbp.wording.attributes import refusing

__all__ = [
    "HSM",
    "ISM",
    "MSM",
    "NAMED",
    "All",
    "DiskRevolve",
    "EveryK",
    "Foreign",
    "Multistage",
    "Online",
    "Optimal",
    "Revolve",
    "ScheduleLike",
    "Sqrt",
    "Streamed",
    "Sweep",
    "ThinTapes",
    "Unsized",
    "check_counts",
    "resized",
    "resolve",
    "sweep",
    "thin",
]

__dir__ = names_of(__all__)

if not TYPE_CHECKING:  # which says itself what there is
    __getattr__ = refusing("rnnbp.schedules", __all__)
