"""Backpropagation through time: runs a schedule over a model, chunk by chunk."""

from rnnbp.bptt.backend import Backend
from rnnbp.bptt.budget import BudgetError
from rnnbp.bptt.calibration import calibrate
from rnnbp.bptt.costs import Costs
from rnnbp.bptt.engine import bptt
from rnnbp.bptt.forecast import Forecast, forecast
from rnnbp.bptt.inference import backprop, evaluate, predict
from rnnbp.bptt.planner import Plan, plan
from rnnbp.bptt.results import Gradients, Stats
from rnnbp.bptt.summarize import summarize

__all__ = [
    "Backend",
    "BudgetError",
    "Costs",
    "Forecast",
    "Gradients",
    "Plan",
    "Stats",
    "backprop",
    "bptt",
    "calibrate",
    "evaluate",
    "forecast",
    "plan",
    "predict",
    "summarize",
]
