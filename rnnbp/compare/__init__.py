"""Recompute against cache: schedules under budgets, forecast and measured, in pictures.

Each name has its own help, as ``help(rnnbp.compare.sweep)``; the command is ``rnnbp compare``.

    sweep                      runs every schedule under every budget, and returns a Comparison
    save                       writes a Comparison as CSV, JSON, pictures and a page
    Comparison, Row, LeftOut   its table, which print shows; a row of it; what has no row
    SCHEDULES, SHARES          what is compared by default: names, and budgets in percent
    timeline, Timeline         a schedule as lines and boxes of a drawing

>>> import numpy as np, rnnbp as rb
>>> x, target = np.zeros((64, 2, 1), np.float32), np.zeros((64, 2, 2), np.float32)
>>> model, loss = rb.Sequential(rb.RNN(1, 2)), rb.losses.MeanSquaredError()
>>> found = rb.compare.sweep(model, x, target, loss, shares=[100], repeats=1, chunk=8)
>>> found.reference.measured.ratio  # of full caching, the base of the ratios
1.0
"""

from typing import TYPE_CHECKING

from rnnbp.compare.choices import SCHEDULES
from rnnbp.compare.files import save
from rnnbp.compare.rows import LeftOut, Row
from rnnbp.compare.sweep import sweep
from rnnbp.compare.sweep_arguments import SHARES
from rnnbp.compare.table import Comparison
from rnnbp.schedules.timeline import Timeline, timeline
from rnnbp.support.helping import names_of
from rnnbp.wording.attributes import refusing

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

__dir__ = names_of(__all__)

if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.compare", __all__)
