"""Recompute against cache: every schedule under several budgets, forecast and measured, as table
and pictures.
"""

from rnnbp.compare.choices import SCHEDULES
from rnnbp.compare.files import save
from rnnbp.compare.sweep import SHARES, sweep
from rnnbp.compare.table import Comparison, LeftOut, Row
from rnnbp.compare.timeline import Timeline, timeline

__all__ = [
    "SCHEDULES",
    "SHARES",
    "Comparison",
    "LeftOut",
    "Row",
    "Timeline",
    "save",
    "sweep",
    "timeline",
]
