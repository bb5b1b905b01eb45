"""Update rules, gradient clipping and learning rates."""

from rnnbp.optim.adaptive import Adagrad, Adam, AdamW, RMSProp
from rnnbp.optim.base import Optimizer
from rnnbp.optim.clipping import clip_by_global_norm, clip_by_value
from rnnbp.optim.lbfgs import LBFGSResult, lbfgs
from rnnbp.optim.learning_rates import Constant, Cosine, OnPlateau, Schedule, StepDecay, WarmUp
from rnnbp.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "LBFGSResult",
    "OnPlateau",
    "Optimizer",
    "RMSProp",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "clip_by_global_norm",
    "clip_by_value",
    "lbfgs",
]
