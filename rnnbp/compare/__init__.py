"""Recompute against cache: schedules under budgets, forecast and measured, in pictures."""

from rnnbp.compare.choices import SCHEDULES
from rnnbp.compare.files import save
from rnnbp.compare.rows import LeftOut, Row
from rnnbp.compare.sweep import sweep
from rnnbp.compare.sweep_arguments import SHARES
from rnnbp.compare.table import Comparison
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
