"""rnnbp: recurrent networks on CPUs, by backpropagation through time within a memory budget."""

from rnnbp import actions, compare, initializers, losses, memory, optim, schedules
from rnnbp.bptt import (
    Backend,
    BudgetError,
    Costs,
    Forecast,
    Gradients,
    Plan,
    Stats,
    backprop,
    bptt,
    calibrate,
    forecast,
    plan,
)
from rnnbp.cell import Cell
from rnnbp.cells import GRU, LSTM, RNN
from rnnbp.compiler.explain import explain
from rnnbp.compiler.explanation import Explanation
from rnnbp.gradcheck import GradientError, check_grads
from rnnbp.graph import Graph, Sequential
from rnnbp.layers import *  # noqa: F403
from rnnbp.layers import __all__ as _layers
from rnnbp.numerics import DtypeError, ShapeError
from rnnbp.recurrent import Recurrent
from rnnbp.reuse import release_memory
from rnnbp.simulation import ScheduleError, simulate
from rnnbp.storage import StorageError
from rnnbp.train import (
    Batches,
    Examples,
    History,
    Sequences,
    Source,
    Trainer,
    Windows,
    evaluate,
    fit,
    load_weights,
    predict,
    save_weights,
)
from rnnbp.values import Input, State, Value

__version__ = "0.1.0"

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Backend",
    "Batches",
    "BudgetError",
    "Cell",
    "Costs",
    "DtypeError",
    "Examples",
    "Explanation",
    "Forecast",
    "GradientError",
    "Gradients",
    "Graph",
    "History",
    "Input",
    "Plan",
    "Recurrent",
    "ScheduleError",
    "Sequences",
    "Sequential",
    "ShapeError",
    "Source",
    "State",
    "Stats",
    "StorageError",
    "Trainer",
    "Value",
    "Windows",
    "actions",
    "backprop",
    "bptt",
    "calibrate",
    "check_grads",
    "compare",
    "evaluate",
    "explain",
    "fit",
    "forecast",
    "initializers",
    "load_weights",
    "losses",
    "memory",
    "optim",
    "plan",
    "predict",
    "release_memory",
    "save_weights",
    "schedules",
    "simulate",
    *_layers,
]
