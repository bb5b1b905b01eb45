"""Wrong arguments of optimisers, clipping and rates: each is named, with what was found."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest

from rnnbp import Gradients, optim
from rnnbp.numerics import DtypeError
from tests.optimizers import parameters


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
         {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.0, "nesterov": True}),
        (lambda p: optim.Adagrad(p),
         {"learning_rate": 0.01, "lr_decay": 0.0, "weight_decay": 0.0, "initial_accumulator": 0.0,
          "eps": 1e-10}),
        (lambda p: optim.RMSProp(p),
         {"learning_rate": 0.01, "alpha": 0.99, "eps": 1e-8, "momentum": 0.0, "weight_decay": 0.0}),
        (lambda p: optim.Adam(p),
         {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}),
        (lambda p: optim.AdamW(p),
         {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01}),
    ],
)  # fmt: skip
def test_hyperparameters_go_through_json(make, wanted):
    found = make(parameters()).hyperparameters()
    assert json.loads(json.dumps(found)) == wanted == found


P = {"p": np.zeros(2)}
GRADIENTS = Gradients(0.0, P, None, (), (), None)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.SGD(P, learning_rate=0), ValueError,
         "SGD: learning_rate must lie in (0, inf), found 0"),
        (lambda: optim.Adam(P, learning_rate=math.nan), ValueError,
         "Adam: learning_rate must lie in (0, inf), found nan"),
        (lambda: optim.SGD(P, momentum=1.0), ValueError,
         "SGD: momentum must lie in [0, 1), found 1.0"),
        (lambda: optim.SGD(P, weight_decay=-1), ValueError,
         "SGD: weight_decay must lie in [0, inf), found -1"),
        (lambda: optim.SGD(P, nesterov=True), ValueError, "SGD: nesterov needs momentum above 0"),
        (lambda: optim.Adagrad(P, eps=0), ValueError, "Adagrad: eps must lie in (0, inf), found 0"),
        (lambda: optim.Adagrad(P, lr_decay=-1), ValueError, "Adagrad: lr_decay must lie in"),
        (lambda: optim.Adagrad(P, initial_accumulator=-1), ValueError,
         "Adagrad: initial_accumulator must lie in"),
        (lambda: optim.RMSProp(P, alpha=1), ValueError,
         "RMSProp: alpha must lie in [0, 1), found 1"),
        (lambda: optim.Adam(P, betas=(1.0, 0.9)), ValueError,
         "Adam: beta1 must lie in [0, 1), found 1.0"),
        (lambda: optim.AdamW(P, betas=(0.9, -0.1)), ValueError,
         "AdamW: beta2 must lie in [0, 1), found -0.1"),
        (lambda: optim.AdamW(P, eps=-1), ValueError, "AdamW: eps must lie in (0, inf), found -1"),
        (lambda: optim.SGD(P).step(P, learning_rate=-1.0), ValueError,
         "SGD.step: learning_rate must lie in [0, inf), found -1.0"),
        (lambda: optim.Adam(P, learning_rate="0.1"), TypeError,
         "Adam: learning_rate must be a number and lie in (0, inf), found '0.1'; or a schedule, "
         "or a function of the step"),
        (lambda: optim.Adam(P, learning_rate=True), TypeError,
         "Adam: learning_rate must be a number and lie in (0, inf), found True"),
        (lambda: optim.Adam(P, learning_rate=math.inf), ValueError,
         "Adam: learning_rate must lie in (0, inf), found inf"),
        (lambda: optim.SGD(P, learning_rate=optim.Cosine), TypeError,
         "SGD: learning_rate must be a number and lie in (0, inf), found <class "
         "'rnnbp.optim.learning_rates.Cosine'>; or a schedule, made: Cosine(...)"),
        (lambda: optim.SGD(P).step(P, lambda step: "x"), TypeError,
         "SGD.step: learning_rate(0) must be a number"),
        (lambda: optim.SGD(P, lambda step: -1).step(P), ValueError,
         "SGD: learning_rate(0) must lie in [0, inf), found -1"),
        (lambda: optim.SGD(P, nesterov="no"), TypeError,
         "SGD: nesterov must be True or False, found 'no'"),
        (lambda: optim.SGD(P, momentum=math.nan), ValueError,
         "SGD: momentum must lie in [0, 1), found nan"),
        (lambda: optim.SGD(P, weight_decay=math.inf), ValueError,
         "SGD: weight_decay must lie in [0, inf), found inf"),
        (lambda: optim.Adam(P, betas=0.9), TypeError,
         "Adam: betas must be two numbers, (beta1, beta2), found 0.9"),
        (lambda: optim.AdamW(P, betas=(0.9,)), TypeError,
         "AdamW: betas must be two numbers, (beta1, beta2), found"),
        (lambda: optim.Adam(P, betas=("a", 0)), TypeError,
         "Adam: beta1 must be a number and lie in [0, 1), found 'a'"),
        (lambda: optim.RMSProp(P, eps="x"), TypeError,
         "RMSProp: eps must be a number and lie in (0, inf), found 'x'"),
        (lambda: optim.SGD(P).step(GRADIENTS), TypeError,
         "SGD: gradients are a dict of arrays by name, found Gradients; pass its .grads"),
        (lambda: optim.clip_norm(GRADIENTS, 1), TypeError,
         "clip_norm: gradients are a dict of arrays by name, found Gradients; pass its .grads"),
        (lambda: optim.clip_value([np.ones(2)], 1), TypeError,
         "clip_value: gradients are a dict of arrays by"),
        (lambda: optim.SGD(P).step({"p": [1.0, 2.0]}), TypeError,
         "gradient of 'p' must be an array, found [1.0, 2.0]"),
        (lambda: optim.clip_value(P, "1"), TypeError, "clip_value: limit must be a number"),
        (lambda: optim.OnPlateau(1, patience=2.7), TypeError,
         "OnPlateau: patience must be an integer, found 2.7"),
        (lambda: optim.OnPlateau(1, patience=-1), ValueError,
         "OnPlateau: patience must be at least 0, found -1"),
        (lambda: optim.OnPlateau(1, cooldown=0.5), TypeError,
         "OnPlateau: cooldown must be an integer, found 0.5"),
        (lambda: optim.OnPlateau(1, threshold="a"), TypeError,
         "OnPlateau: threshold must be a number"),
        (lambda: optim.OnPlateau(1).update("a"), TypeError,
         "OnPlateau: the metric must be a number"),
        (lambda: optim.WarmUp(0.1, 5), TypeError,
         "WarmUp: schedule must be a function of the step, found 0.1; write optim.Constant(0.1)"),
        (lambda: optim.Constant("a"), TypeError,
         "Constant: learning_rate must be a number and lie in (0, inf), found 'a'"),
        (lambda: optim.Cosine(1, 10)(1.5), TypeError,
         "a schedule's step must be an integer, found 1.5"),
        (lambda: optim.lbfgs(lambda: 0.0, P), TypeError,
         "lbfgs: closure must give (loss, gradients by name), found"),
        (lambda: optim.lbfgs(lambda: (0.0, GRADIENTS), P), TypeError,
         "lbfgs: gradients are a dict of arrays by name"),
        (lambda: optim.lbfgs(lambda: (0.0, P), P, loss_tolerance=None), TypeError,
         "lbfgs: loss_tolerance must be a"),
        (lambda: optim.SGD({}), ValueError, "SGD: there is no parameter to update"),
        (lambda: optim.SGD([np.zeros(2)]), TypeError,
         "SGD: params must be a dict of arrays or a model, found list"),
        (lambda: optim.SGD({"p": [0.0]}), TypeError,
         "SGD: parameter 'p' must be an array to update in place"),
        (lambda: optim.SGD({"p": np.zeros(2, int)}), DtypeError,
         "SGD: parameter 'p' must be float32 or float64"),
        (lambda: optim.clip_value(P, 0), ValueError,
         "clip_value: limit must lie in (0, inf), found 0"),
        (lambda: optim.clip_norm(P, -1), ValueError, "clip_norm: limit must lie in (0, inf)"),
        (lambda: optim.Constant(0), ValueError,
         "Constant: learning_rate must lie in (0, inf), found 0"),
        (lambda: optim.StepDecay(1, 0), ValueError, "StepDecay: every must be at least 1, found 0"),
        (lambda: optim.StepDecay(1, 2, 1.5), ValueError,
         "StepDecay: factor must lie in (0, 1), found 1.5"),
        (lambda: optim.Cosine(1, 10, 1), ValueError, "Cosine: floor must lie in [0, 1), found 1"),
        (lambda: optim.WarmUp(optim.Constant(1), 0), ValueError,
         "WarmUp: steps must be at least 1, found 0"),
        (lambda: optim.Cosine(1, 10)(-1), ValueError,
         "a schedule's step must be at least 0, found -1"),
        (lambda: optim.OnPlateau(1, factor=1), ValueError,
         "OnPlateau: factor must lie in (0, 1), found 1"),
        (lambda: optim.OnPlateau(1, mode="least"), ValueError,
         "OnPlateau: mode must be 'min' or 'max', found 'least'"),
        (lambda: optim.OnPlateau(1).update(math.nan), ValueError,
         "OnPlateau: the metric must lie in (-inf, inf), found nan; stop"),
        (lambda: optim.OnPlateau(1).load_state_dict({"lr": 1}), ValueError,
         "names must be ['bad_epochs', 'best',"),
        (lambda: optim.OnPlateau(1).load_state_dict({**optim.OnPlateau(1).state_dict(), "lr": None}),
         ValueError, "lr must be a number, found None"),
        (lambda: optim.lbfgs(lambda: (0.0, P), P, 0), ValueError,
         "lbfgs: max_iter must be at least 1, found 0"),
        (lambda: optim.lbfgs(lambda: (0.0, {}), P), ValueError,
         "lbfgs: the gradient of 'p' is missing"),
        (lambda: optim.lbfgs(lambda: (math.nan, P), P), FloatingPointError,
         "the loss is nan at evaluation 1, the"),
    ],
)  # fmt: skip
def test_errors_of_arguments(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()
