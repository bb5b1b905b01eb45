"""Schedules, as pure data: which chunks are run, kept and run again.

``rnnbp.simulate`` checks one without arrays.

A schedule is any re-iterable of actions, as a list; those here are made for a number of chunks,
``Revolve(9, 4)``. Where ``bptt`` takes a schedule it also takes one without that number, all else
by name, ``Revolve(slots=4)``, and any function of it, as ``lambda n: EveryK(n, 4)``.
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

if not TYPE_CHECKING:  # which says itself what there is
    __getattr__ = refusing("rnnbp.schedules", __all__)
