"""The kinds of schedules that planner, comparison and pictures know.

To add one: a module with a ``SizedSchedule``, and a line here.
"""

from __future__ import annotations

from rnnbp.schedules.binomial import Revolve
from rnnbp.schedules.gruslys import HSM, ISM, MSM
from rnnbp.schedules.online import Streamed
from rnnbp.schedules.optimal import Optimal
from rnnbp.schedules.periodic import All, EveryK, Sqrt
from rnnbp.schedules.sized import SizedSchedule
from rnnbp.schedules.thin import ThinTapes
from rnnbp.schedules.tiers import DiskRevolve, Multistage

KINDS: dict[str, type[SizedSchedule]] = {
    kind.label: kind
    for kind in (
        All,
        EveryK,
        Sqrt,
        Revolve,
        HSM,
        ISM,
        MSM,
        Optimal,
        ThinTapes,
        Streamed,
        Multistage,
        DiskRevolve,
    )
}
"""By label, in the order of tables and legends."""
