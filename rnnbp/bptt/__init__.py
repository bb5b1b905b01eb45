"""Internal: backpropagation through time: runs a schedule over a model, chunk by chunk."""

from rnnbp.bptt.calibration import calibrate
from rnnbp.bptt.engine import bptt
from rnnbp.bptt.evaluation import evaluate
from rnnbp.bptt.forecast_call import forecast
from rnnbp.bptt.inference import predict
from rnnbp.bptt.planner import plan
from rnnbp.bptt.results import Gradients, Stats
from rnnbp.bptt.summarize import summarize
from rnnbp.bptt.without_time import backprop
from rnnbp.planning.budget import BudgetError
from rnnbp.planning.costs import Costs
from rnnbp.planning.forecast import Forecast
from rnnbp.planning.plan import Plan
from rnnbp.runners.backend import Backend

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
