"""Groups of parameters that cannot be: each is named, with what to write."""

from __future__ import annotations

import re

import pytest

from rnnbp import optim
from tests.grouped import gradients, model

PARAMS = model().params


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: optim.AdamW([{"params": [1]}], 1e-3), TypeError,
         'AdamW(model, groups={"*bias*": {"weight_decay": 0.0}})'),
        (lambda: optim.Adam(PARAMS, groups=[{"params": "*"}]), TypeError,
         'as groups={"*bias*": {"weight_decay": 0.0}, '),
        (lambda: optim.Adam(PARAMS, groups={"*": 0.1}), TypeError,
         "groups['*'] is a dict of options, found 0.1"),
        (lambda: optim.Adam(PARAMS, groups={"1.weigth": {}}), ValueError,
         "'1.weigth' fits no parameter (did you mean '1.weight'?"),
        (lambda: optim.Adam(PARAMS, groups={"*": {"momentum": 0.9}}), ValueError,
         "unknown option 'momentum'; it takes learning_rate, betas"),
        (lambda: optim.SGD(PARAMS, groups={"*": {"wieght_decay": 0}}), ValueError,
         "did you mean 'weight_decay'?"),
        (lambda: optim.SGD(PARAMS, groups={"*": {"lr": 0.1}}), ValueError,
         "unknown option 'lr', it is called 'learning_rate' here"),
        (lambda: optim.Adam(PARAMS, groups={"*": {"eps": 0}}), ValueError,
         "Adam: groups['*']: eps must lie in (0, inf), found 0"),
        (lambda: optim.Adam(PARAMS, groups={"*": {"betas": 0.9}}), TypeError,
         "groups['*']: betas must be two numbers"),
        (lambda: optim.SGD(PARAMS, groups={"*": {"nesterov": True}}), ValueError,
         "SGD: nesterov needs momentum above 0"),
        (lambda: optim.SGD(PARAMS, groups={"*": {"learning_rate": -1}}), ValueError,
         "groups['*']: learning_rate must lie in [0, inf)"),
        (lambda: optim.SGD(PARAMS, lambda step: 0.1, groups={"*": {"learning_rate": 0.1}}),
         ValueError,
         "has no ratio to the optimiser's"),
        (lambda: optim.Adam(PARAMS, frozen="1"), ValueError,
         "'1' fits no parameter (did you mean '1.*'?"),
        (lambda: optim.clip_norm(gradients(model()), 1.0, frozen="head"), ValueError,
         "clip_norm: frozen: 'head' fits no"),
        (lambda: optim.Adam(PARAMS, frozen="embedding.*"), ValueError,
         "Adam: frozen: 'embedding.*' fits no parameter"),
        (lambda: optim.Adam(PARAMS, frozen=("0.*", 1)), TypeError,
         "Adam: frozen are patterns of names"),
        (lambda: optim.Adam(PARAMS, frozen="*"), ValueError, "leaves no parameter to update"),
        (lambda: optim.SGD({"1.bias": PARAMS["1.bias"]}).step(gradients(model())), ValueError,
         "and frozen=, patterns of their names"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_the_way(make, error, text):
    with pytest.raises(error, match=re.escape(text)):
        make()
