"""Update rules, gradient clipping and learning rates.

Each name has its own help, as ``help(rnnbp.optim.Adam)``.

Update rules, "adam" and the like in fit
    SGD                        with momentum, of Nesterov too
    Adam, AdamW                AdamW with a decay of weights
    RMSProp, Adagrad
    lbfgs, LBFGSResult         of a whole data set at once, by SciPy
    Optimizer                  what they share
Learning rates, which any optimiser, fit and Trainer take
    Constant, StepDecay, Cosine, WarmUp         functions of the step; Schedule is their type
    OnPlateau                  falls when the validation does not
Clipping, which clip_norm= and clip_value= of fit and Trainer do
    clip_norm, clip_value

An optimiser updates the parameters of a model in place, by gradients by name:

>>> import numpy as np
>>> import rnnbp as rb
>>> model = rb.Sequential(rb.LSTM(3, 4, name="encoder"), rb.Dense(4, 2, name="head"))
>>> groups = {"*bias*": {"weight_decay": 0.0}, "head.*": {"learning_rate": 1e-2}}
>>> rate = rb.optim.WarmUp(rb.optim.Cosine(1e-3, steps=100), steps=10)
>>> rule = rb.optim.AdamW(model, learning_rate=rate, groups=groups, frozen="encoder.weight*")
>>> x, target = np.zeros((5, 1, 3), "f4"), np.zeros((5, 1, 2), "f4")
>>> grads = rb.bptt(model, x, target, rb.losses.MeanSquaredError()).grads
>>> norm = rb.optim.clip_norm(grads, 1.0, frozen=rule.frozen)
>>> rule.step(grads)
>>> rule.steps, rule.next_rate()
(1, 0.00019995065603657316)

A learning rate is a number, a function of the step, as the schedules here are, or an ``OnPlateau``.
In a ``Trainer``, or ``fit``, nothing of this needs a loop.
"""

from typing import TYPE_CHECKING

from rnnbp.optim.adagrad import Adagrad
from rnnbp.optim.adaptive import Adam, AdamW
from rnnbp.optim.base import Optimizer
from rnnbp.optim.clipping import clip_by_global_norm as clip_by_global_norm
from rnnbp.optim.clipping import clip_by_value as clip_by_value
from rnnbp.optim.clipping import clip_norm, clip_value
from rnnbp.optim.lbfgs import LBFGSResult, lbfgs
from rnnbp.optim.learning_rates import Constant, Cosine, StepDecay, WarmUp
from rnnbp.optim.plateau import OnPlateau
from rnnbp.optim.rated import Schedule
from rnnbp.optim.rmsprop import RMSProp
from rnnbp.optim.sgd import SGD
from rnnbp.support.helping import names_of
from rnnbp.wording.attributes import refusing

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

__dir__ = names_of(__all__)

if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.optim", __all__)
