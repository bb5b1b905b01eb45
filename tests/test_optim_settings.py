"""Options of an optimiser set later: they hold from the next step on, or are refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import optim
from tests.grouped import LOSS, TARGET, X, model, updated

SETTINGS = [
    (optim.Adam, {"betas": (0.5, 0.6)}),
    (optim.Adam, {"eps": 1e-2, "beta1": 0.3}),
    (optim.AdamW, {"weight_decay": 0.5}),
    (optim.RMSProp, {"alpha": 0.5}),
    (optim.SGD, {"weight_decay": 0.25}),
    (optim.Adagrad, {"lr_decay": 0.5}),
]


@pytest.mark.parametrize(("rule", "options"), SETTINGS)
def test_options_that_are_set_later_are_those_of_the_next_step(rule, options):
    one, other = model(), model()
    names = options if "beta1" not in options else {"eps": 1e-2, "betas": (0.3, 0.999)}
    built, changed = rule(one, 0.1, **names), rule(other, 0.1)
    for name, value in options.items():
        setattr(changed, name, value)
    assert repr(changed) == repr(built)
    wanted, found = updated(one, built, 2), updated(other, changed, 2)
    for name, p in wanted.items():
        np.testing.assert_array_equal(found[name], p)


@pytest.mark.parametrize(
    ("rule", "name", "value", "error", "text"),
    [
        (
            optim.Adam,
            "weight_dekay",
            0.1,
            AttributeError,
            "Adam has no option 'weight_dekay' (did you mean 'weight_decay'?",
        ),
        (
            optim.Adam,
            "momentum",
            0.9,
            AttributeError,
            "Adam has no option 'momentum'; it has learning_rate, beta1",
        ),
        (
            optim.SGD,
            "betas",
            (0.9, 0.9),
            AttributeError,
            "SGD has no option 'betas'; it has learning_rate, momentum",
        ),
        (
            optim.SGD,
            "momentum",
            0.9,
            ValueError,
            "SGD: momentum=0.9 needs an optimiser that was built with a momentum",
        ),
        (optim.RMSProp, "momentum", 0.9, ValueError, "built with a momentum"),
        (optim.Adam, "beta1", 1.0, ValueError, "Adam: beta1 must lie in [0, 1), found 1.0"),
        (optim.Adam, "betas", 0.9, TypeError, "Adam: betas must be two numbers"),
        (
            optim.Adam,
            "frozen",
            "0.*",
            AttributeError,
            "Adam.frozen cannot be set; build another optimiser, and give it state_dict()",
        ),
        (optim.Adam, "groups", {}, AttributeError, "Adam.groups cannot be set"),
    ],
)
def test_what_would_change_nothing_is_refused_where_it_is_set(rule, name, value, error, text):
    optimiser = rule(model())
    before = repr(optimiser)
    with pytest.raises(error, match=re.escape(text)):
        setattr(optimiser, name, value)
    assert repr(optimiser) == before
    optimiser.tag = "one's own"
    assert optimiser.tag == "one's own"


DATA = rb.Sequences(X.swapaxes(0, 1), TARGET.swapaxes(0, 1), batch_size=2)


def test_fit_hands_a_named_optimiser_its_options():
    one, other = model(), model()
    options = {
        "weight_decay": 0.5,
        "betas": (0.5, 0.9),
        "groups": {"*bias*": {"weight_decay": 0.0}},
        "frozen": "0.weight*",
    }
    rb.fit(one, DATA, LOSS, "adamw", learning_rate=0.1, epochs=2, clip_norm=1.0, **options)
    rb.fit(other, DATA, LOSS, optim.AdamW(other, 0.1, **options), epochs=2, clip_norm=1.0)
    assert one.params == other.params
    assert one.params != model().params


@pytest.mark.parametrize(
    ("rule", "option", "text"),
    [
        (
            "adam",
            {"momentum": 0.9},
            "fit: Adam has no momentum; it has betas, eps, weight_decay, groups, frozen",
        ),
        ("sgd", {"alpha": 0.9}, "fit: SGD has no alpha; it has momentum"),
        (
            optim.SGD(model()),
            {"weight_decay": 0.1},
            "fit: weight_decay belongs to SGD(model, weight_decay=...), since the optimizer is built",
        ),
    ],
)
def test_fit_names_the_optimiser_that_has_no_such_option(rule, option, text):
    with pytest.raises(TypeError, match=re.escape(text)):
        rb.fit(model(), DATA, LOSS, rule, epochs=1, **option)


@pytest.mark.parametrize("option", [{}, {"weight_decay": 0.1}], ids=["alone", "with options"])
@pytest.mark.parametrize("given", [None, 3, optim.Adam], ids=["none", "a number", "a class"])
def test_fit_refuses_what_is_no_optimizer(given, option):
    text = f"optimizer must be of rnnbp.optim, found {given!r}; as Adam(model)"
    with pytest.raises(TypeError, match=re.escape(text)):
        rb.fit(model(), DATA, LOSS, given, epochs=1, **option)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("zero_grad", "bptt(...).grads are new each time"),
        ("param_groups", "give groups="),
        ("minimize", "call step(grads)"),
    ],
)
def test_what_other_libraries_optimisers_have_is_named_with_the_way(name, text):
    with pytest.raises(
        AttributeError, match=f"Adam has no attribute {name!r}; .*{re.escape(text)}"
    ):
        getattr(optim.Adam(model()), name)
    assert not hasattr(optim.Adam(model()), "something_else")
