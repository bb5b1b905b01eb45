"""Learning rates: a number, a schedule or a function, spelled alike; old spellings warn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import optim
from rnnbp.train.identity import of_rate

RULES = [optim.SGD, optim.Adagrad, optim.RMSProp, optim.Adam, optim.AdamW]
GRADS = {"w": np.array([1.0, -2.0])}


def params():
    return {"w": np.zeros(2)}


@pytest.mark.parametrize(
    ("rate", "wanted"),
    [
        (0.5, [0.5, 0.5, 0.5]),
        (optim.Constant(0.25), [0.25, 0.25, 0.25]),
        (optim.StepDecay(1.0, 1, 0.5), [1.0, 0.5, 0.25]),
        (optim.WarmUp(optim.Constant(1.0), 4), [0.25, 0.5, 0.75]),
        (lambda step: 1 / (1 + step), [1.0, 0.5, 1 / 3]),
        (lambda step: np.float32(0.5), [0.5, 0.5, 0.5]),
    ],
)
def test_an_optimiser_takes_a_number_a_schedule_or_a_function_of_its_steps(rate, wanted):
    rule = optim.SGD(params(), learning_rate=rate)
    for step, now in enumerate(wanted):
        assert rule.next_rate() == pytest.approx(now)
        before = rule.params["w"].copy()
        rule.step(GRADS)
        np.testing.assert_allclose(rule.params["w"], before - now * GRADS["w"], rtol=1e-12)
        assert rule.steps == step + 1


def test_a_loaded_state_goes_on_at_its_step_of_the_schedule():
    rule, other = (optim.SGD(params(), optim.StepDecay(1.0, 1, 0.5)) for _ in range(2))
    rule.step(GRADS)
    other.load_state_dict(rule.state_dict())
    assert other.next_rate() == 0.5


def test_an_on_plateau_is_read_as_whoever_trains_tells_it():
    plateau = optim.OnPlateau(1.0, factor=0.5, patience=0)
    rule = optim.SGD(params(), plateau)
    for wanted in (1.0, 1.0, 0.5):
        assert rule.next_rate() == wanted
        rule.step(GRADS)
        plateau.update(3.0)


def test_an_on_plateau_in_an_optimiser_is_refused_by_a_trainer_which_would_not_tell_it():
    net = rb.Sequential(rb.Dense(1, 1, rng=0))
    with pytest.raises(ValueError, match="pass it to the Trainer, as learning_rate="):
        rb.Trainer(net, optim.SGD(net, optim.OnPlateau(0.1)), rb.losses.MeanSquaredError())


def test_a_trainer_uses_the_optimiser_s_schedule():
    x = np.zeros((2, 3, 1), np.float32)
    net = rb.Sequential(rb.Dense(1, 1, rng=0))
    rule = optim.SGD(net, learning_rate=optim.StepDecay(1.0, 1, 0.5))
    seen = []
    data = rb.Sequences(x, x, batch_size=1)
    rb.fit(
        net,
        data,
        rb.losses.MeanSquaredError(),
        rule,
        steps=3,
        callbacks=[lambda e: seen.append(e.metrics["lr"])],
    )
    assert sorted(set(seen), reverse=True) == [1.0, 0.5, 0.25]


def test_a_run_with_a_schedule_in_its_optimiser_is_resumed_to_the_bit(tmp_path):
    x = np.random.default_rng(0).normal(size=(4, 3, 1)).astype(np.float32)

    def trainer(folder=None, factor=0.5):
        net = rb.Sequential(rb.Dense(1, 1, rng=0))
        rule = optim.Adam(net, optim.StepDecay(0.1, 2, factor))
        return rb.Trainer(net, rule, rb.losses.MeanSquaredError(), folder=folder)

    data = rb.Sequences(x, 2 * x, batch_size=1)
    whole = trainer()
    whole.fit(data, steps=6)
    trainer(tmp_path).fit(data, steps=3)
    second = trainer(tmp_path).resume()
    second.fit(data, steps=6)
    assert second.model.params == whole.model.params
    with pytest.raises(ValueError, match="factor"):
        trainer(tmp_path, factor=0.25).resume()


@pytest.mark.parametrize("rule", RULES)
def test_the_old_spelling_of_an_argument_goes_on_with_a_warning(rule):
    with pytest.warns(
        DeprecationWarning, match="lr= is deprecated, it is now learning_rate="
    ) as caught:
        old = rule(params(), lr=0.125)
    assert caught[0].filename == __file__
    assert old.learning_rate == 0.125
    with (
        pytest.warns(DeprecationWarning, match="lr="),
        pytest.raises(TypeError, match="lr and learning_rate are one argument"),
    ):
        rule(params(), learning_rate=0.1, lr=0.1)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("Constant", {}), ("StepDecay", {"every": 3}), ("Cosine", {"steps": 9}), ("OnPlateau", {})],
)
def test_schedules_spell_it_so_too(kind, options):
    make = getattr(optim, kind)
    new = make(learning_rate=0.25, **options)
    with pytest.warns(
        DeprecationWarning, match="lr= is deprecated, it is now learning_rate="
    ) as caught:
        old = make(lr=0.25, **options)
    with pytest.warns(DeprecationWarning, match=f"{kind}.lr is deprecated") as read:
        assert old.lr == new.learning_rate == 0.25
    assert caught[0].filename == read[0].filename == __file__
    assert repr(old) == repr(new)
    assert eval(repr(new), vars(optim)).learning_rate == 0.25


def test_a_snapshot_says_a_schedule_as_it_always_did():
    rule = optim.SGD(params(), 0.5)
    lines = of_rate(optim.WarmUp(optim.Cosine(0.1, 9), 2), rule)
    assert lines["learning_rate"] == "WarmUp(schedule=Cosine(lr=0.1, steps=9, floor=0.0), steps=2)"
    assert lines["learning_rate schedule lr"] == "0.1"
    assert lines["sgd lr"] == 0.5


@pytest.mark.parametrize(
    "use",
    [
        lambda rule: rule.lr,
        lambda rule: setattr(rule, "lr", 0.25),
        lambda rule: rule.step(GRADS, lr=0.5),
        lambda rule: rule.hyperparameters()["lr"],
        lambda rule: optim.clip_by_global_norm({"w": GRADS["w"].copy()}, max_norm=1.0),
        lambda rule: optim.clip_by_value({"w": GRADS["w"].copy()}, 1.0),
    ],
)
def test_the_old_spellings_of_the_rest_warn_at_the_user_s_line(use):
    with pytest.warns(DeprecationWarning, match="is deprecated, it is now") as caught:
        use(optim.SGD(params(), 0.5))
    assert caught[0].filename == __file__


def test_the_old_spellings_do_what_they_did():
    rule = optim.SGD(params(), 0.5)
    grads = {"w": np.array([3.0, 4.0])}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        rule.lr *= 0.5
        assert rule.lr == rule.hyperparameters()["lr"] == 0.25
        rule.step(GRADS, lr=1.0)
        assert optim.clip_by_global_norm(grads, 2.5) == 5.0
        optim.clip_by_value(grads, 1.75)
    np.testing.assert_array_equal(rule.params["w"], [-1.0, 2.0])
    np.testing.assert_array_equal(grads["w"], [1.5, 1.75])


@pytest.mark.parametrize(
    ("rate", "error", "text"),
    [
        ("fast", TypeError, "must be a number"),
        (-1, ValueError, "must lie in"),
        (optim.Cosine, TypeError, r"made: Cosine\("),
    ],
)
def test_a_rate_that_is_set_is_checked_and_the_old_one_stays(rate, error, text):
    rule = optim.Adam(params(), 0.5)
    with pytest.raises(error, match=f"Adam: learning_rate {text}|{text}"):
        rule.learning_rate = rate
    assert rule.learning_rate == 0.5
