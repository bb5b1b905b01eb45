"""rnnbp: recurrent networks on CPUs, by backpropagation through time within a memory budget."""

from rnnbp import actions, initializers, losses, optim, schedules
from rnnbp.bptt import Gradients, Stats, backprop, bptt, evaluate, predict
from rnnbp.cell import Cell
from rnnbp.cells import GRU, LSTM, RNN
from rnnbp.gradcheck import GradientError, check_grads
from rnnbp.graph import Graph, Sequential
from rnnbp.layers import *  # noqa: F403
from rnnbp.layers import __all__ as _layers
from rnnbp.numerics import DtypeError, ShapeError
from rnnbp.recurrent import Recurrent
from rnnbp.simulation import ScheduleError, simulate
from rnnbp.values import Input, State, Value

__version__ = "0.1.0"

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Cell",
    "DtypeError",
    "GradientError",
    "Gradients",
    "Graph",
    "Input",
    "Recurrent",
    "ScheduleError",
    "Sequential",
    "ShapeError",
    "State",
    "Stats",
    "Value",
    "actions",
    "backprop",
    "bptt",
    "check_grads",
    "evaluate",
    "initializers",
    "losses",
    "optim",
    "predict",
    "schedules",
    "simulate",
    *_layers,
]
