"""Backpropagation through time: runs a schedule over a model, chunk by chunk."""

from rnnbp.bptt.engine import bptt
from rnnbp.bptt.forecast import Forecast, forecast
from rnnbp.bptt.inference import backprop, evaluate, predict
from rnnbp.bptt.results import Gradients, Stats

__all__ = ["Forecast", "Gradients", "Stats", "backprop", "bptt", "evaluate", "forecast", "predict"]
