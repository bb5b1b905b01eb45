"""Update rules, gradient clipping and learning rates."""

from rnnbp.optim.adaptive import Adagrad, Adam, AdamW, RMSProp
from rnnbp.optim.base import Optimizer
from rnnbp.optim.clipping import clip_by_global_norm as clip_by_global_norm
from rnnbp.optim.clipping import clip_by_value as clip_by_value
from rnnbp.optim.clipping import clip_norm, clip_value
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
    "clip_norm",
    "clip_value",
    "lbfgs",
]
