"""Groups of parameters: options by patterns of names, and frozen parameters."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import optim
from rnnbp.optim.clipping import norm_of
from rnnbp.optim.extents import extents
from tests.grouped import LOSS, TARGET, X, gradients, model, updated

RULES = [
    (
        optim.SGD,
        {"weight_decay": 0.1, "momentum": 0.5},
        {"weight_decay": 0.0, "momentum": 0.9, "nesterov": True},
    ),
    (optim.SGD, {}, {"momentum": 0.9}),
    (optim.Adagrad, {}, {"initial_accumulator": 0.5, "eps": 1e-3, "lr_decay": 0.1}),
    (optim.RMSProp, {"alpha": 0.9}, {"alpha": 0.5, "momentum": 0.3, "weight_decay": 0.2}),
    (optim.Adam, {"weight_decay": 0.1}, {"betas": (0.5, 0.6), "eps": 1e-4, "weight_decay": 0.0}),
    (optim.AdamW, {}, {"weight_decay": 0.0}),
]


@pytest.mark.quick
@pytest.mark.parametrize(("rule", "options", "own"), RULES)
def test_a_group_is_updated_as_by_a_rule_of_its_own(rule, options, own):
    net, apart = model(), model()
    rates = [0.01, 0.02, 0.005, 0.01]
    found = updated(
        net,
        rule(net, 0.01, groups={"*bias*": {**own, "learning_rate": 0.03}}, **options),
        rates=rates,
    )
    biases = {name: p for name, p in apart.params.items() if "bias" in name}
    others = {name: p for name, p in apart.params.items() if "bias" not in name}
    of_biases, of_others = rule(biases, 0.01, **(options | own)), rule(others, 0.01, **options)
    for rate in rates:
        grads = gradients(apart)
        of_biases.step({name: grads[name] for name in biases}, 0.03 * (rate / 0.01))
        of_others.step({name: grads[name] for name in others}, rate)
    for name, p in apart.params.items():
        np.testing.assert_array_equal(found[name], p, err_msg=name)


@pytest.mark.parametrize(("rule", "options", "own"), RULES)
def test_a_group_like_the_rest_has_the_same_bits(rule, options, own):
    one, other = model(), model()
    wanted = updated(one, rule(one, 0.01, **options))
    same = rule(other, 0.01, **options)
    alike = {name: getattr(same, name) for name in rule.options} | {"learning_rate": 0.01}
    found = updated(other, rule(other, 0.01, groups={"0.*": alike}, **options))
    for name, p in wanted.items():
        np.testing.assert_array_equal(found[name], p, err_msg=name)


def test_of_each_option_the_last_pattern_that_fits_counts():
    net = model()
    groups = {
        "*": {"weight_decay": 0.3, "learning_rate": 0.1},
        "1.*": {"weight_decay": 0.0},
        "*bias": {"learning_rate": 0.2},
    }
    before, grads = net.params.copy(), gradients(net)
    optim.SGD(net, 1.0, groups=groups).step(grads)
    rates = {"1.bias": (0.2, 0.0), "1.weight": (0.1, 0.0)}
    for name, p in net.params.items():
        rate, decay = rates.get(name, (0.1, 0.3))
        np.testing.assert_allclose(
            p, before[name] - rate * (grads[name] + decay * before[name]), rtol=1e-5, atol=1e-7
        )


def test_a_schedule_keeps_the_ratio_of_a_group_s_rate():
    """Cosine from 1.0: half of it after two of four steps; the head has a tenth of that."""
    net = model()
    rule = optim.SGD(net, optim.Cosine(1.0, 4), groups={"1.*": {"learning_rate": 0.1}})
    for wanted in (1.0, 0.5 * (1 + np.sqrt(0.5)), 0.5):
        before, grads = net.params.copy(), gradients(net)
        rule.step(grads)
        for name, p in net.params.items():
            rate = wanted * (0.1 if name.startswith("1.") else 1.0)
            np.testing.assert_allclose(p, before[name] - rate * grads[name], rtol=1e-5, atol=1e-6)


def test_a_trainer_s_schedule_scales_all_groups():
    net, by_hand = model(), model()
    groups = {"1.*": {"learning_rate": 0.05}}
    data = rb.Sequences(X.swapaxes(0, 1), TARGET.swapaxes(0, 1), batch_size=2, shuffle=False)
    rb.Trainer(
        net, optim.SGD(net, 0.1, groups=groups), LOSS, learning_rate=optim.StepDecay(0.2, 1, 0.5)
    ).fit(data, steps=2)
    for rate in (0.2, 0.1):
        for name, g in gradients(by_hand).items():
            by_hand.params[name][...] -= g * (rate * (0.5 if name.startswith("1.") else 1.0))
    for name, p in net.params.items():
        np.testing.assert_allclose(p, by_hand.params[name], rtol=1e-5, atol=1e-7, err_msg=name)


def test_a_group_has_a_schedule_of_its_own():
    net = model()
    rule = optim.SGD(net, 1.0, groups={"1.*": {"learning_rate": lambda step: 0.1 / (step + 1)}})
    for wanted in (0.1, 0.05):
        before, grads = net.params.copy(), gradients(net)
        rule.step(grads)
        np.testing.assert_allclose(
            net.params["1.bias"], before["1.bias"] - wanted * grads["1.bias"], rtol=1e-5
        )
        np.testing.assert_allclose(
            net.params["0.bias_ih"], before["0.bias_ih"] - grads["0.bias_ih"], rtol=1e-5
        )


def test_an_option_that_is_set_later_is_that_of_all_but_the_group():
    net = model()
    rule = optim.SGD(net, 1.0, groups={"*bias*": {"weight_decay": 0.0}})
    rule.weight_decay = 0.5
    before, grads = net.params.copy(), gradients(net)
    rule.step(grads)
    for name, p in net.params.items():
        decay = 0.0 if "bias" in name else 0.5
        np.testing.assert_allclose(
            p, before[name] - (grads[name] + decay * before[name]), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("patterns", ["0.*", ("0.*",), ["0.weight*", "0.bias*"]])
def test_frozen_parameters_stay_and_take_no_bytes(patterns):
    net, alone = model(), model()
    rule = optim.Adam(net, 0.1, frozen=patterns)
    head = {name: p for name, p in alone.params.items() if name.startswith("1.")}
    apart = optim.Adam(head, 0.1)
    assert rule.nbytes == apart.nbytes
    assert rule.frozen == ("0.weight_ih", "0.bias_ih", "0.weight_hh", "0.bias_hh")
    before = net.params.copy()
    for _ in range(2):
        rule.step(gradients(net))
        grads = gradients(alone)
        apart.step({name: grads[name] for name in head})
    for name, p in net.params.items():
        np.testing.assert_array_equal(p, {**before, **head}[name], err_msg=name)


def test_a_trainer_clips_by_the_norm_of_the_trained_alone():
    net, data = (
        model(),
        rb.Sequences(X.swapaxes(0, 1), TARGET.swapaxes(0, 1), batch_size=2, shuffle=False),
    )
    grads, before = gradients(net), net.params.copy()
    trained = [grads["1.weight"], grads["1.bias"]]
    norm = norm_of(trained, extents(trained))
    seen = []
    trainer = rb.Trainer(
        net,
        optim.SGD(net, 1.0, frozen="0.*"),
        LOSS,
        clip_norm=norm / 2,
        callbacks=[lambda e: seen.append(e.metrics)],
    )
    trainer.fit(data, steps=1)
    assert seen[0]["grad_norm"] == pytest.approx(norm, rel=1e-6)
    np.testing.assert_allclose(
        net.params["1.bias"], before["1.bias"] - grads["1.bias"] / 2, rtol=1e-5
    )
    np.testing.assert_array_equal(net.params["0.weight_ih"], before["0.weight_ih"])


def test_lbfgs_leaves_frozen_parameters():
    net = model()
    before = net.params.copy()

    def closure():
        found = rb.bptt(net, X, TARGET, LOSS)
        return found.loss, found.grads

    start = closure()[0]
    assert optim.lbfgs(closure, net, 5, frozen="0.*").loss < start
    for name, p in net.params.items():
        assert np.array_equal(p, before[name]) == name.startswith("0."), name
    with pytest.raises(ValueError, match="lbfgs: frozen='\\*' leaves no parameter to update"):
        optim.lbfgs(closure, net, frozen="*")


def test_clipping_in_a_loop_of_one_s_own_leaves_the_frozen_out():
    grads, other = gradients(model()), gradients(model())
    head = {name: other[name] for name in ("1.weight", "1.bias")}
    norm = optim.clip_norm(head, 0.125)
    assert optim.clip_norm(grads, 0.125, frozen="0.*") == norm > 0.125
    optim.clip_value(grads, 0.01, frozen=["0.*"])
    for name, g in gradients(model()).items():
        wanted = np.clip(head[name], -0.01, 0.01) if name in head else g
        np.testing.assert_array_equal(grads[name], wanted)


def test_groups_and_frozen_are_shown_copied_and_told_apart():
    net = model()
    groups = {"*bias*": {"weight_decay": 0.0}}
    rule = optim.AdamW(net, 1e-3, groups=groups, frozen="0.weight_ih")
    text = "groups={'*bias*': {'weight_decay': 0.0}}, frozen=('0.weight_ih',))"
    assert repr(rule).startswith("AdamW(learning_rate=0.001, beta1=0.9")
    assert repr(rule).endswith(text)
    other = updated(*copy.deepcopy((net, rule)))
    for name, p in updated(net, rule).items():
        np.testing.assert_array_equal(other[name], p)
    with pytest.raises(ValueError, match=r"adamw.v/0.weight_ih missing; .* frozen="):
        optim.AdamW(net).load_state_dict(rule.state_dict())
    with pytest.raises(ValueError, match=r"unexpected; was it saved by .* or with other frozen="):
        rule.load_state_dict(optim.AdamW(net).state_dict())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"groups": {"*bias*": {"weight_decay": 0.5}}},
            "adam group '*bias*' weight_decay was 0.0, is 0.5",
        ),
        ({"groups": {}}, "adam group '*bias*' weight_decay was 0.0, is None"),
        (
            {"groups": {"*bias*": {"weight_decay": 0.0}}, "frozen": "1.bias"},
            "optimized parameters was",
        ),
    ],
)
def test_a_run_with_other_groups_is_not_gone_on_with(options, text, tmp_path):
    data = rb.Sequences(X.swapaxes(0, 1), TARGET.swapaxes(0, 1), batch_size=2)

    def trainer(**given):
        net = model()
        return rb.Trainer(net, optim.Adam(net, **given), LOSS, folder=tmp_path)

    same = {"groups": {"*bias*": {"weight_decay": 0.0}}}
    trainer(**same).fit(data, steps=1)
    trainer(**same).resume()
    with pytest.raises(ValueError, match=re.escape(text)):
        trainer(**options).resume()
